"""A share of the fault matrix, on a real run of the demo rig; the whole of it: `python -m tests.bench.faults`."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.bench.driven import DrivenRun
from station.signals import Mode
from tests.faults.cell import NOT_REACHED, Cell
from tests.faults.cells import demo_run, try_cell
from tests.faults.expected import FAULTS, LEADERS, OLD_KER, STATES, Fault
from tests.faults.machine import Machine
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


EXO_SHARE = [
    ("leader.nan all bits set", Mode.FOLLOWING),
    ("leader.clock_step ahead 60 s", Mode.ALIGNING),
    ("leader.clock_step back", Mode.HOLD),
    ("leader.wrong_seq", Mode.FOLLOWING),
    ("leader.clock_drift slow", Mode.FOLLOWING),
    ("leader.enable_through", Mode.FOLLOWING),
]


class Runs:
    """One run for many cells; a new one where it can not go on, or another leader is asked."""

    def __init__(self, data: Path, machine: Machine) -> None:
        self._data = data
        self._machine = machine
        self._open = contextlib.ExitStack()
        self._run: DrivenRun | None = None
        self._leader = ""

    def cell(self, fault: Fault, state: Mode, leader: str = "ker") -> Cell:
        for _ in range(2):
            if self._run is None or self._leader != leader:
                self.close()
                self._run, self._leader = self._open.enter_context(demo_run(self._data, leader=leader)), leader
            cell = try_cell(self._run, fault, state, self._machine)
            if cell.reason_seen != NOT_REACHED:
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
def machine() -> Iterator[Machine]:
    with Machine() as machine:
        yield machine


@pytest.fixture(scope="module")
def runs(data: Path, machine: Machine) -> Iterator[Runs]:
    runs = Runs(data, machine)
    yield runs
    runs.close()


def test_every_fault_has_an_expectation_in_every_mode() -> None:
    assert len(BY_NAME) == len(FAULTS)
    for fault in FAULTS:
        assert set(fault.leaders) <= set(LEADERS)
        assert all(fault.expected_on(leader, state) for leader in fault.leaders for state in STATES)


@pytest.mark.parametrize(("name", "state"), SHARE, ids=[f"{name} in {state.name}" for name, state in SHARE])
def test_a_fault_leads_to_what_is_promised(runs: Runs, name: str, state: Mode) -> None:
    cell = runs.cell(BY_NAME[name], state)
    assert cell.ok, cell


@pytest.mark.parametrize(("name", "state"), EXO_SHARE, ids=[f"{name} in {state.name}" for name, state in EXO_SHARE])
def test_a_fault_of_a_board_leads_to_what_is_promised(runs: Runs, name: str, state: Mode) -> None:
    cell = runs.cell(BY_NAME[name], state, "exo_wire")
    assert cell.ok, cell


def test_not_a_number_of_the_older_firmware(runs: Runs) -> None:
    cell = runs.cell(BY_NAME["leader.nan"], Mode.FOLLOWING, OLD_KER)
    assert cell.ok and cell.reason_seen == "joint_lost", cell


def test_the_robot_holds_when_nobody_watches_the_loop(runs: Runs, data: Path, machine: Machine) -> None:
    runs.close()
    fault = next(fault for fault in PROCESS_FAULTS if fault.name == "supervisor SIGSTOP")
    cell = process_cell(fault, Mode.FOLLOWING, data, machine)
    assert cell.ok, cell
