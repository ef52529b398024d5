"""One module's tests against each of its mutants, in a fork each."""

from __future__ import annotations

import ast
import gc
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.mutation.explained import EXPLAINED
from tests.mutation.forked import end_after, forked
from tests.mutation.in_place import loaded_files, places, source
from tests.mutation.kept import Kept, Result
from tests.mutation.mutate import Mutant, mutants, without_words
from tests.mutation.reach import CannotRunError, Reach, fails, reach
from tests.mutation.targets import TARGETS

_LONGEST_S, _LONGEST_TIMES = 2.0, 6.0
"""A test of a mutant that works for longer than this, and so many times longer than without one, never ends."""
_QUICK_S = 0.002
_NO_END, _NO_IMPORT = "no end", "the import"


class Options(NamedTuple):
    seconds: float
    seed: int
    part: tuple[int, int]
    most: int
    keep: Path | None


def mutated(name: str, options: Options) -> dict[str, Any]:
    plugin = _Run(name, options)
    pytest.main(TARGETS[name].arguments, plugins=[plugin])
    return plugin.report


class _Run:
    """A pytest plug-in that runs the collected tests once without and then against the chosen mutants."""

    def __init__(self, name: str, options: Options) -> None:
        self._name, self._options, self._target = name, options, TARGETS[name]
        self._killed: Counter[tuple[str, str]] = Counter()
        self.report: dict[str, Any] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        try:
            self._run_all(session)
        except CannotRunError as error:
            self.report = {"error": str(error)}
        return True

    def _run_all(self, session: pytest.Session) -> None:
        target = self._target
        self._items: Sequence[pytest.Item] = session.items
        self._put, again = places(target.module), [(places(name), source(name)) for name in target.again]
        self._again = [(put, ast.parse(words)) for put, words in again]
        file, words = Path(*target.module.split(".")).with_suffix(".py"), source(target.module)
        found = list(mutants(words))
        gc.freeze()  # a fork does not copy what nobody touches
        kept = Kept(self._options.keep, self._name, loaded_files())
        chosen = self._choose(len(found))
        if self._options.seconds and any(number not in kept.results for number in chosen):
            self._reach = self._look(str(file), without_words(words))
            self._run(found, chosen, kept)
        results = {number: kept.results[number] for number in chosen if number in kept.results}
        self.report = _report(file, found, results, EXPLAINED.get(self._name, ()))

    def _look(self, file: str, plain: ast.Module) -> Reach:
        def all_fail() -> list[str]:
            self._put_in_place(plain)
            return [item.nodeid for item in self._items if fails(item)]

        failed = forked(all_fail)
        if failed != []:
            raise CannotRunError(f"{failed} fail without any mutant; mend them first")
        return reach(self._items, file, lambda: self._put_in_place(plain))

    def _run(self, found: Sequence[Mutant], chosen: Sequence[int], kept: Kept) -> None:
        end = time.monotonic() + self._options.seconds
        for number in chosen:
            if number in kept.results:
                continue
            begin = time.monotonic()
            if begin > end:
                break
            killer = self._killer(found[number])
            kept.keep(number, Result(killer, round(time.monotonic() - begin, 3)))
            if killer is not None:
                self._killed[found[number].function, killer] += 1

    def _choose(self, count: int) -> list[int]:
        k, n = self._options.part
        chosen = random.Random(self._options.seed).sample(range(count), count)[k - 1 :: n]
        return chosen[: self._options.most]

    def _killer(self, mutant: Mutant) -> str | None:
        """The first test that fails with the mutant in the module's place; None: it survives."""
        quick_first = sorted(self._reach.tests(mutant.lines), key=lambda number: self._price(number, mutant.function))

        def work() -> str:
            try:
                self._put_in_place(mutant.spoil())
            except Exception:  # noqa: BLE001  a module that cannot be run is a dead mutant, whatever it says
                return _NO_IMPORT
            for number in quick_first:
                end_after(max(_LONGEST_S, _LONGEST_TIMES * self._reach.seconds[number]))
                if fails(self._items[number]):
                    return self._items[number].nodeid
            return ""

        killer = forked(work)
        return _NO_END if killer is None else killer or None

    def _price(self, number: int, function: str) -> float:
        """Quick tests first, and those that killed others of the same function."""
        killed = self._killed[function, self._items[number].nodeid]
        return max(self._reach.seconds[number], _QUICK_S) / (1 + killed)

    def _put_in_place(self, tree: ast.Module) -> None:
        self._put(tree)
        for put, again in self._again:
            put(again)


def _report(
    file: Path, found: Sequence[Mutant], results: dict[int, Result], entries: Sequence[tuple[str, Sequence[str], str]]
) -> dict[str, Any]:
    known = {(line, change) for line, changes, _ in entries for change in changes}
    survivors: list[str] = []
    explained: list[str] = []
    needed: set[tuple[str, str]] = set()
    killed: set[tuple[str, str]] = set()
    for number, result in sorted(results.items()):
        mutant = found[number]
        key = mutant.source, mutant.change
        if result.killer is not None:
            killed.add(key)
            continue
        needed.add(key)
        words = f"{file}:{mutant.line}: {mutant.change}: {mutant.source}"
        (explained if key in known else survivors).append(words)
    return {
        "made": len(found),
        "run": len(results),
        "killed": len(results) - len(explained) - len(survivors),
        "no_end": sum(result.killer == _NO_END for result in results.values()),
        "explained": explained,
        "survivors": survivors,
        "needless": sorted(f"{change}: {line}" for line, change in known & killed - needed),
        "seconds": round(sum(result.seconds for result in results.values())),
        "good": not survivors,
    }
