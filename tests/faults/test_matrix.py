"""A share of the fault matrix, on a real run of the demo rig; the whole of it: `python -m tests.bench.faults`."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from station.bench.driven import DrivenRun
from station.signals import Mode
from tests.faults.cells import Cell, demo_run, try_cell
from tests.faults.expected import FAULTS, STATES, Fault
from tests.faults.processes import PROCESS_FAULTS, process_cell

pytestmark = [pytest.mark.process, pytest.mark.slow]

BY_NAME = {fault.name: fault for fault in FAULTS}
SHARE = [
    ("leader.reboot", Mode.READY),
    ("leader.other_board", Mode.HOLD),
    ("leader.clock_step", Mode.FOLLOWING),
    ("leader.drift past a limit", Mode.FOLLOWING),
    ("arm.temperature 80 C", Mode.FOLLOWING),
    ("arm.unplug", Mode.READY),
    ("leader.stop", Mode.HOLD),
    ("leader.delay 90 ms", Mode.ALIGNING),
    ("arm.temperature 90 C", Mode.ALIGNING),
    ("leader.drop", Mode.FOLLOWING),
    ("leader.offset", Mode.FOLLOWING),
    ("leader.silent_encoder", Mode.FOLLOWING),
    ("leader.unplug, replug", Mode.FOLLOWING),
    ("arm.silent", Mode.FOLLOWING),
    ("arm.freeze", Mode.FOLLOWING),
    ("arm.bus_off", Mode.FOLLOWING),
]


class Runs:
    """One run for many cells; a new one where it can not go on."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._open = contextlib.ExitStack()
        self._run: DrivenRun | None = None

    def cell(self, fault: Fault, state: Mode) -> Cell:
        for _ in range(2):
            if self._run is None:
                self._run = self._open.enter_context(demo_run(self._data))
            cell = try_cell(self._run, fault, state)
            if cell.reason_seen != "?":
                break
            self.close()
        return cell

    def close(self) -> None:
        self._open.close()
        self._run = None


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A short folder: a socket's name is limited."""
    root = Path(tempfile.mkdtemp(prefix="fm", dir="/tmp"))
    before = os.environ.get("STATION_RUNTIME")
    os.environ["STATION_RUNTIME"] = str(root)
    yield root / "data"
    if before is None:
        del os.environ["STATION_RUNTIME"]
    else:
        os.environ["STATION_RUNTIME"] = before
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def runs(data) -> Iterator[Runs]:
    runs = Runs(data)
    yield runs
    runs.close()


def test_every_fault_has_an_expectation_in_every_mode():
    assert len(BY_NAME) == len(FAULTS)
    assert all(set(fault.expected) == set(STATES) for fault in FAULTS)


@pytest.mark.parametrize(("name", "state"), SHARE, ids=[f"{name} in {state.name}" for name, state in SHARE])
def test_a_fault_leads_to_what_is_promised(runs, name, state):
    cell = runs.cell(BY_NAME[name], state)
    assert cell.ok, cell


def test_not_a_number_of_the_older_firmware(runs, data):
    runs.close()

    def older(rig):
        return msgspec.structs.replace(rig, emulator=msgspec.structs.replace(rig.emulator, firmware="2.0.0"))

    fault = next(fault for fault in FAULTS if fault.kind == "nan")
    with demo_run(data, change=older) as run:
        cell = try_cell(run, fault, Mode.FOLLOWING)
    assert cell.ok and cell.reason_seen == "joint_lost", cell


def test_the_robot_holds_when_nobody_watches_the_loop(runs, data):
    runs.close()
    fault = next(fault for fault in PROCESS_FAULTS if fault.name == "supervisor SIGSTOP")
    cell = process_cell(fault, Mode.FOLLOWING, data)
    assert cell.ok, cell
