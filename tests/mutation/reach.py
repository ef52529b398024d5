"""Which tests run which lines of a module, and how long each takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import process_time
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.forked import forked


class CannotRunError(Exception):
    """Nothing can be told of mutants."""


@dataclass(frozen=True)
class Reach:
    seconds: tuple[float, ...]
    """Of each test, by itself and watched."""
    lines: tuple[frozenset[int], ...]
    """Of the module, that each test runs."""
    at_import: frozenset[int]

    def tests(self, lines: frozenset[int]) -> list[int]:
        """Numbers of the tests in which a change of these lines can matter: what is run by an import is in all."""
        if lines & self.at_import:
            return list(range(len(self.lines)))
        return [number for number, reached in enumerate(self.lines) if reached & lines]


def reach(items: Sequence[pytest.Item], file: str, put_in_place: Callable[[], None]) -> Reach:
    """Each test in a process of its own: what one leaves loaded or counted would hide lines from the next.

    Raises CannotRunError where a test fails.
    """

    def all_of_them() -> list[Any]:
        put_in_place()
        watch = coverage.Coverage(data_file=None, include=[file], config_file=False)
        watch.set_option("run:disable_warnings", ["no-data-collected"])
        watch.start()
        runs: list[Callable[[], Any]] = [put_in_place, *(partial(fails, item) for item in items)]
        return [forked(partial(_traced, watch, run)) for run in runs]

    found = forked(all_of_them) or [None]
    for item, result in zip(("the import", *(item.nodeid for item in items)), found):
        if result is None or result["result"]:
            raise CannotRunError(f"{item} fails without any mutant; mend it first")
    lines = [frozenset(result["lines"]) for result in found]
    return Reach(tuple(result["seconds"] for result in found[1:]), tuple(lines[1:]), lines[0])


def fails(item: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def _traced(watch: coverage.Coverage, run: Callable[[], Any]) -> dict[str, Any]:
    begin = process_time()
    result = run()
    seconds = process_time() - begin
    watch.stop()
    data = watch.get_data()
    lines = [line for name in data.measured_files() for line in data.lines(name) or ()]
    return {"result": result, "seconds": seconds, "lines": lines}
