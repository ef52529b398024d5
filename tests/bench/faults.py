"""`python -m tests.bench.faults`: every fault in every state, on the emulated demo rig with each make of leader.

A line a fault, a column a state: the reason told and the time from the fault to standstill. Exit status 1 where a cell
is not as expected. `--fault WORD` takes the faults whose name contains the word, `--state` some states, `--leader` one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from station.children import StartError
from station.signals import Mode
from tests.faults.cells import Cell, again, demo_run, try_cell
from tests.faults.expected import FAULTS, STATES, Fault
from tests.faults.launcher import launcher_cell
from tests.faults.processes import PROCESS_FAULTS, gate_cell, process_cell

LEADERS: Final = ("ker", "exo_wire")
_WIDTH: Final = 36
_NAME: Final = 38


def matrix(leader: str, words: list[str], states: list[Mode], data: Path) -> Iterator[Cell]:
    """One run for many cells; a new one where a run could not go on. Faults of the arm are the same for all leaders."""
    faults = [f for f in FAULTS if leader in f.leaders and (f.side == "leader" or leader == "ker")]
    wanted = [(fault, state) for fault in faults if _is_wanted(fault.name, words) for state in states]
    before: dict[tuple[Fault, Mode], Cell] = {}
    while wanted:
        with demo_run(data, leader=leader) as rig:
            while wanted:
                fault, state = wanted.pop(0)
                cell = try_cell(rig, fault, state)
                had = before.get((fault, state))
                cell = again(cell, had) if had is not None else cell
                if cell.reason_seen == "?" and had is None:  # in a new run, once
                    before[fault, state] = cell
                    wanted.insert(0, (fault, state))
                    break
                yield cell
                if cell.reason_seen == "?":
                    break


def processes(words: list[str], states: list[Mode], data: Path) -> Iterator[Cell]:
    """The station's own processes, and what can not be done here."""
    for fault in PROCESS_FAULTS:
        for state in states:
            if _is_wanted(f"station.{fault.name}", words):
                yield process_cell(fault, state, data)
    if Mode.FOLLOWING in states:
        if _is_wanted("station.gate refusal", words):
            yield gate_cell(data)
        for number in (signal.SIGKILL, signal.SIGSTOP):
            if _is_wanted(f"station.launcher {number.name}", words):
                yield launcher_cell(number, data)
    if _is_wanted("station.clock step", words):
        why = (
            "would step the whole machine's clock. It matters to records only: motion goes by the monotonic clock; "
            "tests/replay steps the loop's wall clock and finds it told"
        )
        yield Cell("station.clock step", "all", "skipped", "(clock_step)", None, 0.0, True, why)


def _is_wanted(name: str, words: list[str]) -> bool:
    return not words or any(word in name for word in words)


def record(cell: Cell) -> str:
    return json.dumps(cell._asdict())


class Table:
    """A row a fault, printed once its last cell is known."""

    def __init__(self, states: list[Mode]) -> None:
        self._states = [state.name for state in states]
        self._row: list[Cell] = []
        self.cells: list[Cell] = []
        print(f"{'fault':{_NAME}}" + "".join(f"{name:{_WIDTH}}" for name in self._states))

    def add(self, cell: Cell) -> None:
        self.cells.append(cell)
        if self._row and (self._row[0].fault, self._row[0].leader) != (cell.fault, cell.leader):
            self.flush()
        self._row.append(cell)

    def flush(self) -> None:
        if not self._row:
            return
        first = self._row[0]
        name = first.fault if first.leader == "ker" else f"{first.fault} [exo]"
        if first.reason_seen == "skipped":
            print(f"{name:{_NAME}}skipped: {first.note}", flush=True)
        else:
            by_state = {cell.state: _field(cell) for cell in self._row}
            print(f"{name:{_NAME}}" + "".join(f"{by_state.get(s, ''):{_WIDTH}}" for s in self._states), flush=True)
        self._row = []

    def close(self) -> None:
        self.flush()
        tried = [cell for cell in self.cells if cell.tries > 1]
        bad = [cell for cell in self.cells if not cell.ok]
        for title, cells in (("tried more than once", tried), ("NOT as expected", bad)):
            if cells:
                print(f"\n{title}:")
            for cell in cells:
                tries = "; ".join(f"{number}: {why}" for number, why in enumerate(cell.tried_again, 1))
                words = tries if cells is tried else said(cell)
                print(f"  {cell.fault} in {cell.state} [{cell.leader}], {cell.tries} tries: {words}")
        print(f"\n{'state':12}{'cells':>7}{'ok':>7}{'not ok':>8}{'skipped':>9}{'tried again':>13}")
        for state in sorted({cell.state for cell in self.cells}, key=[*self._states, "all"].index):
            mine = [cell for cell in self.cells if cell.state == state]
            skipped = sum(cell.reason_seen == "skipped" for cell in mine)
            wrong = sum(not cell.ok for cell in mine)
            retried = sum(cell.tries > 1 for cell in mine)
            print(f"{state:12}{len(mine):>7}{len(mine) - wrong - skipped:>7}{wrong:>8}{skipped:>9}{retried:>13}")
        print(f"{len(self.cells)} cells, {len(bad)} not as expected")


def said(cell: Cell) -> str:
    return f"{cell.reason_seen}, expected {cell.reason_expected}: {cell.note}"


def _field(cell: Cell) -> str:
    still = "" if cell.ms_to_standstill is None else f" {cell.ms_to_standstill:.0f} ms"
    tries = f" x{cell.tries}" if cell.tries > 1 else ""
    return f"{'ok' if cell.ok else 'NOT OK'} {cell.reason_seen}{still}{tries}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.faults", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line, for each cell as it is known")
    parser.add_argument("--fault", action="append", default=[], metavar="WORD", help="faults whose name has this word")
    parser.add_argument("--state", default=",".join(state.name for state in STATES), metavar="A,B")
    parser.add_argument("--leader", choices=["ker", "exo-wire"], help="only this one, without the station's processes")
    options = parser.parse_args()
    states = [Mode[name.strip().upper()] for name in options.state.split(",") if name]
    folder = Path(tempfile.mkdtemp(prefix="fm", dir="/tmp"))
    os.environ.setdefault("STATION_RUNTIME", str(folder))
    data = folder / "data"
    makes = LEADERS if options.leader is None else (options.leader.replace("-", "_"),)
    runs: list[Iterator[Cell]] = [matrix(make, options.fault, states, data) for make in makes]
    if options.leader is None:
        runs.append(processes(options.fault, states, data))
    table = None if options.json else Table(states)
    count = bad = 0
    try:
        for cell in chain(*runs):
            count, bad = count + 1, bad + (not cell.ok)
            if table is None:
                print(record(cell), flush=True)
            else:
                table.add(cell)
    except StartError as error:
        print(f"faults: {error}", file=sys.stderr)
        return error.code
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if table is not None:
        table.close()
    return 1 if bad or not count else 0


if __name__ == "__main__":
    sys.exit(main())
