"""python -m tests.mutation [limit gate mode inputs ...] [--seconds N] [--json]

Runs the tests of each module against every mutant of it, one forked process each, the quick tests first. Exit code 1
where a mutant survives that `explained.py` does not explain. Over the time limit a random part is run, and said so.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.explained import EXPLAINED
from tests.mutation.mutate import mutants

_LONGEST_S = 20


@dataclass(frozen=True)
class Target:
    module: str
    tests: tuple[str, ...]
    slow: tuple[str, ...] = ()
    """Words of test names to come last."""


TARGETS = {
    "limit": Target(
        "station.control.limit",
        ("tests/unit/test_limiter.py", "tests/unit/test_limiter_restraint.py", "tests/property/test_limiter.py"),
        ("search", "random_sequence", "any_target", "form"),
    ),
    "gate": Target("drivers.gate", ("tests/unit/test_gate.py",), ("never_refuses",)),
    "mode": Target("station.control.mode", ("tests/unit/test_mode.py",), ("no_path", "too_long")),
    "inputs": Target("station.control.inputs", ("tests/unit/test_inputs.py",), ("random_samples", "drifts")),
}


DEFAULT = ("limit", "gate", "mode")
"""What moves or stops the arm, and must have no survivor."""


class _Run:
    """A pytest plug-in that runs the collected tests once without and then against every mutant, each in a fork."""

    def __init__(self, name: str, seconds: float, seed: int) -> None:
        self._target = TARGETS[name]
        self._explained = {(line, change) for line, changes, _ in EXPLAINED.get(name, ()) for change in changes}
        self._seconds, self._seed = seconds, seed
        self.report: dict[str, object] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        slow = [item for item in session.items if any(word in item.name for word in self._target.slow)]
        items = [item for item in session.items if item not in slow] + slow
        file = Path(*self._target.module.split(".")).with_suffix(".py")
        source = file.read_text(encoding="utf-8")
        if not self._survives(items, ast.parse(source)):
            raise SystemExit(f"tests.mutation: {file}: the tests fail without any mutant; mend them first")
        found = list(mutants(source))
        begin = time.monotonic()
        killed = done = 0
        survivors: list[str] = []
        explained: list[str] = []
        for index in random.Random(self._seed).sample(range(len(found)), len(found)):
            if time.monotonic() - begin > self._seconds:
                break
            mutant = found[index]
            done += 1
            if not self._survives(items, mutant.tree):
                killed += 1
                continue
            words = f"{file}:{mutant.line}: {mutant.change}: {mutant.source}"
            (explained if (mutant.source, mutant.change) in self._explained else survivors).append(words)
        self.report = {
            "made": len(found),
            "run": done,
            "killed": killed,
            "explained": sorted(explained),
            "survivors": sorted(survivors),
            "seconds": round(time.monotonic() - begin),
        }
        return True

    def _survives(self, items: Sequence[pytest.Item], tree: ast.Module) -> bool:
        """Whether all tests pass with the mutant in the module's place."""
        child = os.fork()
        if child == 0:
            signal.alarm(_LONGEST_S)  # a mutant that never ends is a dead one
            code = 1
            try:
                _put_in_place(self._target.module, tree)
                code = int(any(_fails(item) for item in items))
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return status == 0


def _fails(item: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def _put_in_place(name: str, tree: ast.Module) -> None:
    """Runs the mutant as the module `name`, and gives its names to all who imported them."""
    module = sys.modules[name]
    before = dict(vars(module))
    exec(compile(tree, str(module.__file__), "exec"), vars(module))
    for other_name, other in list(sys.modules.items()):
        if other is module or not other_name.startswith(("tests.", "station.", "drivers.")):
            continue
        for key, value in list(vars(other).items()):
            if key in before and value is before[key]:
                setattr(other, key, vars(module)[key])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutation tests of the safety code.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(TARGETS)}; limit, gate and mode where none is given"
    )
    parser.add_argument("--seconds", type=float, default=1200.0, help="time limit for each module")
    parser.add_argument("--seed", type=int, default=1, help="which part is run where the time does not suffice")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name in options.names:
        if name not in TARGETS:
            parser.error(f"{name!r} is no target; expected one of {', '.join(TARGETS)}")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    report = {name: _run(name, options.seconds, options.seed) for name in options.names or DEFAULT}
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        for name, result in report.items():
            print(
                f"{name}: {result['killed']} of {result['run']} mutants killed, {len(result['explained'])} explained, "
                f"{len(result['survivors'])} survive; {result['made']} made, {result['seconds']} s"
            )
            for survivor in result["survivors"]:
                print(f"  {survivor}")
    return 1 if any(result["survivors"] for result in report.values()) else 0


def _run(name: str, seconds: float, seed: int) -> dict[str, object]:
    """In a process of its own: modules of one target must not be loaded for the next."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        plugin = _Run(name, seconds, seed)
        pytest.main(["-q", "-p", "no:cacheprovider", "-o", "addopts=", *TARGETS[name].tests], plugins=[plugin])
        os.write(sender, json.dumps(plugin.report).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as pipe:
        report: dict[str, object] = json.loads(pipe.read() or b"{}")
    os.waitpid(child, 0)
    if not report:
        raise SystemExit(f"tests.mutation: {name}: the tests could not be run; try pytest on them first")
    return report


if __name__ == "__main__":
    sys.exit(main())
