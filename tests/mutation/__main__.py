"""python -m tests.mutation [NAME ..] [--seconds N] [--part K/N] [--mutants N] [--coverage] [--json]

Runs the tests of each module of `targets.py` against every mutant of it, one forked process each; the test that killed
the last mutant comes first. Exit code 1 where a mutant survives that `explained.py` does not explain. Over the time
limit a random part is run, and said so.

--coverage runs the same tests once and tells the modules' branch coverage instead; exit code 1 below 100 %.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from tests.mutation.targets import NOT_BY_DEFAULT, TARGETS

Report = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutation tests of the safety code.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(TARGETS)}; all but {' and '.join(NOT_BY_DEFAULT)}"
    )
    parser.add_argument("--seconds", type=float, default=1200.0, help="time limit for each module")
    parser.add_argument("--seed", type=int, default=1, help="which part is run where the time does not suffice")
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="K/N", help="only the K-th of N equal parts")
    parser.add_argument("--mutants", type=int, default=sys.maxsize, help="at most so many of each module, at random")
    parser.add_argument("--coverage", action="store_true", help="tell the branch coverage instead")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name in options.names:
        if name not in TARGETS:
            parser.error(f"{name!r} is no target; expected one of {', '.join(TARGETS)}")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    report: dict[str, Report] = {}
    default = [name for name in TARGETS if options.coverage or name not in NOT_BY_DEFAULT]
    for name in options.names or default:
        report[name] = _in_child(name, _covered if options.coverage else lambda name: _mutated(name, options))
        if not options.json:
            print("\n".join(_words(name, report[name])), flush=True)
    if options.json:
        print(json.dumps(report, indent=1))
    elif len(report) > 1:
        print(_sum(list(report.values())))
    return int(any(not result["good"] for result in report.values()))


def _part(words: str) -> tuple[int, int]:
    k, _, n = words.partition("/")
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise argparse.ArgumentTypeError(f"{words!r}; expected K/N, e.g. 1/4")
    return int(k), int(n)


def _mutated(name: str, options: argparse.Namespace) -> Report:
    from tests.mutation.mutated import mutated

    return mutated(name, options.seconds, options.seed, options.part, options.mutants)


def _covered(name: str) -> Report:
    from tests.mutation.covered import covered

    return covered(name)


def _in_child(name: str, run: Callable[[str], Report]) -> Report:
    """In a process of its own: modules of one target must not be loaded for the next."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        with os.fdopen(sender, "wb") as pipe:
            pipe.write(json.dumps(run(name)).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as pipe:
        report: Report = json.loads(pipe.read() or b"{}")
    os.waitpid(child, 0)
    if not report:
        raise SystemExit(f"tests.mutation: {name}: the tests could not be run; try pytest on them first")
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


def _sum(results: list[Report]) -> str:
    if "percent" in results[0]:
        taken = sum(result["taken"] for result in results)
        return f"all: {taken} of {sum(result['all'] for result in results)} lines and branches"
    run, killed = sum(result["run"] for result in results), sum(result["killed"] for result in results)
    explained = sum(len(result["explained"]) for result in results)
    return f"all: {killed} of {run} mutants killed, {explained} explained, {run - killed - explained} survive"


if __name__ == "__main__":
    sys.exit(main())
