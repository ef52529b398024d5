"""One module's tests against each of its mutants, in a fork each."""

from __future__ import annotations

import ast
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.explained import EXPLAINED
from tests.mutation.mutate import Mutant, mutants
from tests.mutation.targets import TARGETS

_LONGEST_S, _LONGEST_TIMES = 4, 6
"""A mutant that runs for longer than this, and so many times longer than the tests without one, never ends."""
_PACKAGES = ("tests.", "station.", "drivers.", "firmware_bridge.")


def mutated(name: str, seconds: float, seed: int, part: tuple[int, int], most: int) -> dict[str, Any]:
    plugin = _Run(name, seconds, seed, part, most)
    pytest.main(["-q", "-p", "no:cacheprovider", "-o", "addopts=", *TARGETS[name].tests], plugins=[plugin])
    return plugin.report


class _Run:
    """A pytest plug-in that runs the collected tests once without and then against the chosen mutants."""

    def __init__(self, name: str, seconds: float, seed: int, part: tuple[int, int], most: int) -> None:
        self._target = TARGETS[name]
        self._explained = {(line, change) for line, changes, _ in EXPLAINED.get(name, ()) for change in changes}
        self._seconds, self._seed, self._part, self._most = seconds, seed, part, most
        self._longest_s = 60
        self.report: dict[str, Any] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        slow = [item for item in session.items if any(word in item.name for word in self._target.slow)]
        items = [item for item in session.items if item not in slow] + slow
        file = Path(*self._target.module.split(".")).with_suffix(".py")
        source = file.read_text(encoding="utf-8")
        begin = time.monotonic()
        if self._killer(items, ast.parse(source)) is not None:
            raise SystemExit(f"tests.mutation: {file}: the tests fail without any mutant; mend them first")
        self._longest_s = max(_LONGEST_S, round(_LONGEST_TIMES * (time.monotonic() - begin)))
        found = list(mutants(source))
        begin = time.monotonic()
        killed = done = 0
        survivors: list[str] = []
        explained: list[str] = []
        needed: set[str] = set()
        needless: set[str] = set()
        for mutant in self._choose(found):
            if time.monotonic() - begin > self._seconds:
                break
            done += 1
            killer = self._killer(items, mutant.tree)
            is_explained = (mutant.source, mutant.change) in self._explained
            words = f"{file}:{mutant.line}: {mutant.change}: {mutant.source}"
            change = f"{mutant.change}: {mutant.source}"
            if killer is None:
                needed.add(change)
                (explained if is_explained else survivors).append(words)
                continue
            killed += 1
            if is_explained:
                needless.add(change)
            if 0 < killer < len(items) - len(slow):
                items.insert(0, items.pop(killer))
        self.report = {
            "made": len(found),
            "run": done,
            "killed": killed,
            "explained": sorted(explained),
            "survivors": sorted(survivors),
            "needless": sorted(needless - needed),
            "seconds": round(time.monotonic() - begin),
            "good": not survivors,
        }
        return True

    def _choose(self, found: Sequence[Mutant]) -> list[Mutant]:
        k, n = self._part
        chosen = random.Random(self._seed).sample(found, len(found))[k - 1 :: n]
        return chosen[: self._most]

    def _killer(self, items: Sequence[pytest.Item], tree: ast.Module) -> int | None:
        """The number of the first test that fails with the mutant in the module's place; None: it survives."""
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            signal.alarm(self._longest_s)  # a mutant that never ends is a dead one
            code = 1
            try:
                _put_in_place(self._target.module, tree)
                for name in self._target.again:
                    _put_in_place(name, ast.parse(Path(str(sys.modules[name].__file__)).read_text(encoding="utf-8")))
                failed = next((number for number, item in enumerate(items) if _fails(item)), None)
                code = 0 if failed is None else 1
                os.write(sender, str(failed).encode())
            finally:
                os._exit(code)
        os.close(sender)
        with os.fdopen(receiver) as pipe:
            failed = pipe.read()
        _, status = os.waitpid(child, 0)
        if status == 0:
            return None
        return int(failed) if failed.isdigit() else 0


def _fails(item: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def _put_in_place(name: str, tree: ast.Module) -> None:
    """Runs the tree as the module `name`, and gives its names to all who imported them."""
    module = sys.modules[name]
    before = dict(vars(module))
    exec(compile(tree, str(module.__file__), "exec"), vars(module))
    for other_name, other in list(sys.modules.items()):
        if other is module or not other_name.startswith(_PACKAGES):
            continue
        for key, value in list(vars(other).items()):
            if key in before and value is before[key]:
                setattr(other, key, vars(module)[key])
