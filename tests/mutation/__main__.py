"""python -m tests.mutation [NAME ..] [--keep DIR] [--part K/N] [--mutants N] [--seconds N] [--coverage] [--json]

Runs the tests of each module of `targets.py` against every mutant of it, one forked process each: those tests that run
the changed line, the quickest first. Exit code 1 where a mutant survives that `explained.py` does not explain. Over the
time limit a random part is run, and said so.

--keep DIR keeps each mutant's result as soon as it is there: the next run goes on from it, and a module is run anew
only where a file that its tests load has changed. With --seconds 0 what is kept is told, and nothing is run.

--coverage runs the same tests once and tells the modules' branch coverage instead; exit code 1 below 100 %.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.mutation.forked import forked
from tests.mutation.targets import TARGETS

Report = dict[str, Any]
_COLUMNS = {
    "made": "mutants",
    "run": "run",
    "killed": "killed",
    "no_end": "by no end",
    "explained": "explained",
    "survivors": "surviving",
    "seconds": "seconds",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutation tests of the safety code.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TARGETS)}; otherwise all")
    parser.add_argument(
        "--seconds", type=float, default=1200.0, help="time limit for each module; 0: tell what is kept"
    )
    parser.add_argument("--seed", type=int, default=1, help="which part is run where the time does not suffice")
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="K/N", help="only the K-th of N equal parts")
    parser.add_argument("--mutants", type=int, default=sys.maxsize, help="at most so many of each module, at random")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep results there, and go on from them")
    parser.add_argument("--coverage", action="store_true", help="tell the branch coverage instead")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name in options.names:
        if name not in TARGETS:
            parser.error(f"{name!r} is no target; expected one of {', '.join(TARGETS)}")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    report: dict[str, Report] = {}
    for name in options.names or TARGETS:
        report[name] = _in_child(name, options)
        if not options.json:
            print("\n".join(_words(name, report[name])), flush=True)
    if options.json:
        print(json.dumps(report, indent=1))
    elif len(report) > 1:
        print(_covered_sum(report) if options.coverage else "\n".join(_table(report)))
    return int(any(not result["good"] for result in report.values()))


def _part(words: str) -> tuple[int, int]:
    k, _, n = words.partition("/")
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise argparse.ArgumentTypeError(f"{words!r}; expected K/N, e.g. 1/4")
    return int(k), int(n)


def _in_child(name: str, options: argparse.Namespace) -> Report:
    """In a process of its own: modules of one target must not be loaded for the next."""

    def run() -> Report:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if options.coverage:
            from tests.mutation.covered import covered

            return covered(name)
        from tests.mutation.mutated import Options, mutated

        return mutated(name, Options(options.seconds, options.seed, options.part, options.mutants, options.keep))

    report: Report | None = forked(run)
    if not report or "error" in report:
        why = report["error"] if report else "the tests could not be run; try pytest on them first"
        raise SystemExit(f"tests.mutation: {name}: {why}")
    return report


def _words(name: str, result: Report) -> list[str]:
    if "percent" in result:
        missing = f"; not taken: {', '.join(result['missing'])}" if result["missing"] else ""
        return [f"{name}: {result['percent']:.1f} % of {result['all']} lines and branches{missing}"]
    return [
        f"{name}: {result['killed']} of {result['run']} mutants killed, {len(result['explained'])} explained, "
        f"{len(result['survivors'])} survive; {result['made']} made, {result['seconds']} s",
        *(f"  {survivor}" for survivor in result["survivors"]),
        *(f"  explained, but killed: {line}" for line in result["needless"]),
    ]


def _covered_sum(report: dict[str, Report]) -> str:
    taken = sum(result["taken"] for result in report.values())
    return f"all: {taken} of {sum(result['all'] for result in report.values())} lines and branches"


def _table(report: dict[str, Report]) -> list[str]:
    rows = [
        (name, *(result[key] if isinstance(result[key], int) else len(result[key]) for key in _COLUMNS))
        for name, result in report.items()
    ]
    rows.append(("all", *(sum(column) for column in list(zip(*rows))[1:])))
    head = ("module", *_COLUMNS.values())
    return [
        "  ".join(
            f"{word!s:>{len(title)}}" if at else f"{word!s:<12}" for at, (word, title) in enumerate(zip(row, head))
        )
        for row in (head, *rows)
    ]


if __name__ == "__main__":
    sys.exit(main())
