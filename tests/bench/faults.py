"""`python -m tests.bench.faults`: every fault in every state, on the emulated demo rig with each make of leader.

A line a fault, a column a state: the reason told, ms from the fault to standstill and ms allowed. Exit status 1 where a
cell is not as expected. A cell is tried again only where the machine itself stood still meanwhile, and says so.
`--fault WORD` takes the faults whose name contains the word, `--state` some states, `--leader` one. `--save FILE` keeps
each cell as it is known; those already in it are not done again. Ctrl-C ends it with the table of what there is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from station.bench.driven import DrivenRun
from station.children import StartError
from station.signals import Mode
from tests.bench import fault_table
from tests.faults.cell import NOT_REACHED, PAUSE_MS, SKIPPED, Cell, again
from tests.faults.cells import demo_run, try_cell
from tests.faults.expected import FAULTS, LEADERS, MOVING, STATES, Fault
from tests.faults.launcher import launcher_cell
from tests.faults.machine import Machine
from tests.faults.processes import CLOCK_STEP, PROCESS_FAULTS, ProcessFault, gate_cell, process_cell

_INTERRUPTED: Final = 130
_ABOUT_S: Final = {Mode.READY: 1.7, Mode.FOLLOWING: 4.2, Mode.ALIGNING: 3.5, Mode.HOLD: 2.3}
_RUN_S: Final = 4.5
"""A run of its own, and its end."""
_GATE: Final = "station.gate refusal"
_CLOCK: Final = f"station.{CLOCK_STEP.name}"
_CLOCK_WHY: Final = (
    "would step the whole machine's clock by 3 s and back: --step-clock does it. (It matters to records only: motion "
    "goes by the monotonic clock.)"
)
_LAUNCHER: Final = {f"station.launcher {number.name}": number for number in (signal.SIGKILL, signal.SIGSTOP)}


class Job(NamedTuple):
    """One cell to be done. `fault`: None for those of the whole station."""

    leader: str
    name: str
    state: Mode | None
    fault: Fault | ProcessFault | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.leader, self.name, "all" if self.state is None else self.state.name

    @property
    def about_s(self) -> float:
        if self.state is None:
            return 0.0
        if isinstance(self.fault, Fault):
            return _ABOUT_S[self.state] + max(0.0, self.fault.observe_s - 0.6)
        return _ABOUT_S[self.state] + _RUN_S


def jobs(
    leaders: list[str], words: list[str], states: list[Mode], with_station: bool, with_clock: bool = False
) -> list[Job]:
    """In the order in which they are done. Faults of the arm are the same for all leaders."""
    found = [
        Job(leader, fault.name, state, fault)
        for leader in leaders
        for fault in FAULTS
        if leader in fault.leaders and (fault.side == "leader" or leader == LEADERS[0])
        for state in states
    ]
    if with_station:
        faults = (*PROCESS_FAULTS, CLOCK_STEP) if with_clock else PROCESS_FAULTS
        found += [Job("ker", f"station.{fault.name}", state, fault) for fault in faults for state in states]
        if Mode.FOLLOWING in states:
            found += [Job("ker", name, Mode.FOLLOWING) for name in (_GATE, *_LAUNCHER)]
        if not with_clock:
            found.append(Job("ker", _CLOCK, None))
    return [job for job in found if not words or any(word in job.name for word in words)]


class Runs:
    """One run for many cells of the far ends; a new one where a run could not go on, or another leader is asked."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._open = contextlib.ExitStack()
        self._run: DrivenRun | None = None
        self._leader = ""

    def cell(self, job: Job, fault: Fault, machine: Machine) -> Cell:
        before: Cell | None = None
        while True:
            if self._run is None or self._leader != job.leader:
                self.close()
                self._run, self._leader = self._open.enter_context(demo_run(self._data, leader=job.leader)), job.leader
            assert job.state is not None
            cell = try_cell(self._run, fault, job.state, machine)
            if cell.reason_seen == NOT_REACHED or (fault.strands and job.state in MOVING):
                self.close()
            if before is not None:
                return again(cell, before)
            if cell.reason_seen != NOT_REACHED:
                return cell
            before = cell  # in a new run, once

    def close(self) -> None:
        self._run = None
        self._open.close()


def done(todo: list[Job], data: Path, machine: Machine) -> Iterator[Cell]:
    """Each job's cell, as it is known."""
    runs = Runs(data)
    try:
        for job in todo:
            if isinstance(job.fault, Fault):
                yield runs.cell(job, job.fault, machine)
                continue
            runs.close()
            if job.state is None:
                yield Cell(job.name, "all", SKIPPED, "(clock_step)", None, 0.0, True, _CLOCK_WHY)
            elif isinstance(job.fault, ProcessFault):
                yield process_cell(job.fault, job.state, data, machine)
            elif job.name == _GATE:
                yield gate_cell(data, machine)
            else:
                yield launcher_cell(_LAUNCHER[job.name], data, machine)
    finally:
        runs.close()


def record(cell: Cell) -> str:
    return json.dumps(cell._asdict())


def kept(path: Path) -> dict[tuple[str, str, str], Cell]:
    """The cells of a file that `--save` made, of one that was cut off in its last line too."""
    found: dict[tuple[str, str, str], Cell] = {}
    if not path.exists():
        return found
    for text in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError, TypeError):
            fields = json.loads(text)
            cell = Cell(**{**fields, "tried_again": tuple(fields.get("tried_again", ()))})
            found[cell.leader, cell.fault, cell.state] = cell
    return found


class Progress:
    """`n of m`, and how long it will still take, on standard error."""

    def __init__(self, todo: list[Job]) -> None:
        self._todo = todo
        self._count = 0
        self._begun_s = time.monotonic()

    def add(self, cell: Cell) -> None:
        self._count += 1
        about_s = sum(job.about_s for job in self._todo[: self._count])
        left_s = sum(job.about_s for job in self._todo[self._count :])
        left_s *= (time.monotonic() - self._begun_s) / about_s if about_s else 1.0
        tries = f", {cell.tries} tries" if cell.tries > 1 else ""
        left = f"about {left_s / 60:.0f} min left" if left_s >= 60 else f"about {left_s:.0f} s left"
        words = f"{self._count} of {len(self._todo)}  {fault_table.place(cell)}: {fault_table.field(cell)}"
        print(f"{words}  ({cell.seconds:.1f} s{tries}; {left})", file=sys.stderr, flush=True)
        for why in cell.tried_again:
            print(f"    again: {why}", file=sys.stderr, flush=True)


class Results:
    """All cells so far: printed, saved, drawn."""

    def __init__(self, options: argparse.Namespace, states: list[Mode]) -> None:
        self._options = options
        self._states = [state.name for state in states]
        self.cells: list[Cell] = []
        self._conditions = fault_table.host()
        self._row: list[Cell] = []
        self._leader = ""
        if not options.json:
            print(
                "\n".join([*self._conditions, *fault_table.LEGEND, "", fault_table.heading(self._states)]), flush=True
            )

    def add(self, cell: Cell, is_new: bool) -> None:
        self.cells.append(cell)
        if self._options.json:
            print(record(cell), flush=True)
        else:
            if self._row and (self._row[0].leader, self._row[0].fault) != (cell.leader, cell.fault):
                self._flush()
            self._row.append(cell)
        if is_new and self._options.save:
            with self._options.save.open("a", encoding="utf-8") as file:
                file.write(record(cell) + "\n")

    def _flush(self) -> None:
        if not self._row:
            return
        first = self._row[0]
        if first.leader != self._leader:
            self._leader = first.leader
            print(fault_table.who(first.leader))
        print(fault_table.line(first.fault, self._row, self._states), flush=True)
        self._row = []

    def close(self, machine: Machine, count: int) -> None:
        """The table's end, and its file. `count`: how many cells there were to be."""
        pauses = f"pauses of the machine of {PAUSE_MS:.0f} ms or more meanwhile: {machine.counted(PAUSE_MS)}"
        longest = machine.longest(0)
        conditions = [*self._conditions, f"{pauses}, the longest {longest.ms:.0f} ms"]
        if len(self.cells) < count:
            conditions.append(f"INTERRUPTED: {len(self.cells)} of {count} cells")
        if self._options.table is not None:
            fault_table.document(self.cells, self._states, conditions, self._options.table)
        if self._options.json:
            print(fault_table.summary(self.cells), file=sys.stderr)
            return
        self._flush()
        print("\n".join(["", *conditions[len(self._conditions) :], *fault_table.remarks(self.cells)]))


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.faults", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line, for each cell as it is known")
    parser.add_argument("--fault", action="append", default=[], metavar="WORD", help="faults whose name has this word")
    parser.add_argument("--state", default=",".join(state.name for state in STATES), metavar="A,B")
    parser.add_argument(
        "--leader",
        choices=["ker", "ker-2.0.0", "exo-wire"],
        help="only this one, without the station's processes",
    )
    parser.add_argument("--step-clock", action="store_true", help="step the machine's wall clock too (as root)")
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="keep each cell in FILE (JSON lines), and go on from it"
    )
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the table too: FILE.md or FILE.html")
    return parser.parse_args()


def main() -> int:
    options = _read_options()
    states = [state for state in STATES if state.name in {name.strip().upper() for name in options.state.split(",")}]
    leaders = list(LEADERS) if options.leader is None else [options.leader.replace("-", "_").replace(".", "_")]
    planned = jobs(leaders, options.fault, states, options.leader is None, options.step_clock)
    had = kept(options.save) if options.save else {}
    todo = [job for job in planned if job.key not in had]
    folder = Path(tempfile.mkdtemp(prefix="fm", dir="/tmp"))
    os.environ.setdefault("STATION_RUNTIME", str(folder))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results, progress = Results(options, states), Progress(todo)
    for job in planned:
        if job.key in had:
            results.add(had[job.key], is_new=False)
    code = 0
    with Machine() as machine:
        try:
            for cell in done(todo, folder / "data", machine):
                results.add(cell, is_new=True)
                progress.add(cell)
        except KeyboardInterrupt:
            code = _INTERRUPTED
        except StartError as error:
            print(f"faults: {error}", file=sys.stderr)
            code = error.code
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            results.close(machine, len(planned))
    return code or (0 if results.cells and all(cell.ok for cell in results.cells) else 1)


if __name__ == "__main__":
    sys.exit(main())
