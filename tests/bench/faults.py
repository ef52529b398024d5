"""`python -m tests.bench.faults`: the matrix of faults and modes on the emulated demo rig, a line for each cell.

Exit status 1 where a cell is not as expected. `--only WORD` takes the faults whose name contains the word.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from station.children import StartError
from station.signals import Mode
from tests.faults.cells import Cell, demo_run, try_cell
from tests.faults.expected import FAULTS, STATES, Fault
from tests.faults.processes import PROCESS_FAULTS, launcher_cell, process_cell


def matrix(only: list[str], states: list[Mode], data: Path) -> Iterator[Cell]:
    """One run for many cells; a new one where a run could not go on."""
    wanted = [(fault, state) for state in states for fault in FAULTS if _is_wanted(fault.name, only)]
    again: set[tuple[Fault, Mode]] = set()
    while wanted:
        with demo_run(data) as rig:
            while wanted:
                fault, state = wanted.pop(0)
                cell = try_cell(rig, fault, state)
                if cell.reason == "?" and (fault, state) not in again:  # in a new run, once
                    again.add((fault, state))
                    wanted.insert(0, (fault, state))
                    break
                yield cell
                if cell.reason == "?":
                    break


def processes(only: list[str], states: list[Mode], data: Path) -> Iterator[Cell]:
    """The station's own processes, and what can not be done here."""
    for fault in PROCESS_FAULTS:
        for state in states:
            if _is_wanted(f"station.{fault.name}", only):
                yield _twice(lambda fault=fault, state=state: process_cell(fault, state, data))  # type: ignore[misc]
    for number in (signal.SIGKILL, signal.SIGSTOP):
        if Mode.FOLLOWING in states and _is_wanted(f"station.launcher {number.name}", only):
            yield _twice(lambda number=number: launcher_cell(number, data))  # type: ignore[misc]
    if _is_wanted("station.clock step", only):
        why = "would step the whole machine's clock; tests/replay steps the loop's own, and finds it told"
        yield Cell("station.clock step", "all", "skipped", "(clock_step)", None, 0.0, True, why)


def _twice(cell: Callable[[], Cell]) -> Cell:
    """Again where the machine stood still for so long that the loop or its supervisor rightly gave up."""
    found = cell()
    return found if found.ok else cell()


def _is_wanted(name: str, only: list[str]) -> bool:
    return not only or any(word in name for word in only)


def line(cell: Cell) -> str:
    still = "goes on" if cell.still_ms is None else f"{cell.still_ms:.0f} ms"
    if cell.reason == "skipped":
        still = "-"
    word = (f"ok {cell.note}" if cell.note else "ok") if cell.ok else f"NOT OK: {cell.note}"
    return (
        f"{cell.fault:32} {cell.state:10} {cell.reason:22} {cell.expected:44} {still:>9} {cell.peak_rad_s:7.3f}  {word}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.faults", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line, for each cell as it is known")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="faults whose name has this word")
    parser.add_argument("--states", default=",".join(state.name for state in STATES), metavar="A,B")
    options = parser.parse_args()
    states = [Mode[name] for name in options.states.split(",") if name]
    folder = Path(tempfile.mkdtemp(prefix="fm", dir="/tmp"))
    os.environ.setdefault("STATION_RUNTIME", str(folder))
    if not options.json:
        print(f"{'fault':32} {'state':10} {'reason':22} {'expected':44} {'still':>9} {'rad/s':>7}")
    count = bad = 0
    try:
        data = folder / "data"
        for cell in chain(matrix(options.only, states, data), processes(options.only, states, data)):
            count, bad = count + 1, bad + (not cell.ok)
            print(json.dumps(cell._asdict()) if options.json else line(cell), flush=True)
    except StartError as error:
        print(f"faults: {error}", file=sys.stderr)
        return error.code
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not options.json:
        print(f"{count} cells, {bad} not as expected")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
