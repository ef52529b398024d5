"""What the matrix makes of a cell: when it is tried again, what it keeps, and how a person reads it."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from station.bench.driven import Look
from station.signals import Mode
from tests.bench import fault_table
from tests.bench.faults import jobs, kept, record
from tests.faults.cell import (
    ALIKE_MS,
    NOT_REACHED,
    PAUSE_MS,
    SKIPPED,
    TRIES,
    Cell,
    Pause,
    again,
    is_worth_another,
    tried,
)
from tests.faults.expected import FAULTS, LEADERS, STATES
from tests.faults.machine import Machine, looks_pauses

GOOD = Cell("leader.estop", "FOLLOWING", "estop", "estop", 52.0, 0.0, True, allowed_ms=438.0, seconds=2.0)
WRONG = GOOD._replace(reason_seen="-", ok=False, note="reason", ms_to_standstill=None)


@pytest.mark.parametrize(
    ("cell", "paused_ms", "worth"),
    [
        (WRONG, 0.0, False),
        (WRONG, PAUSE_MS - 0.1, False),
        (WRONG, PAUSE_MS, True),
        (GOOD, 500.0, False),
        (GOOD._replace(reason_seen="arm_stale", reason_expected="arm_stale"), ALIKE_MS - 0.1, False),
        (GOOD._replace(reason_seen="arm_stale", reason_expected="arm_stale"), ALIKE_MS, True),
        (WRONG._replace(reason_seen=NOT_REACHED), 500.0, False),
        (WRONG._replace(reason_seen=SKIPPED, ok=True), 500.0, False),
    ],
)
def test_only_a_machine_that_stood_still_makes_a_second_try(cell: Cell, paused_ms: float, worth: bool) -> None:
    assert is_worth_another(cell._replace(paused_ms=paused_ms, paused_by="the loop")) == worth


def made(*cells: Cell, or_not_reached: bool = False) -> tuple[Cell, int]:
    left = list(cells)
    cell = tried(lambda: left.pop(0), or_not_reached=or_not_reached)
    return cell, len(cells) - len(left)


def test_a_wrong_cell_on_a_machine_that_ran_is_wrong_at_once() -> None:
    cell, tries = made(WRONG, GOOD)
    assert not cell.ok and cell.tries == tries == 1 and cell.tried_again == ()


def test_after_a_pause_it_is_tried_again_and_says_why() -> None:
    cell, tries = made(WRONG._replace(paused_ms=43.2, paused_by="the loop"), GOOD)
    assert cell.ok and cell.tries == tries == 2
    assert cell.tried_again == ("the machine stood still 43 ms (the loop); it gave -: reason",)


def test_a_machine_that_never_runs_makes_no_cell_right() -> None:
    paused = WRONG._replace(paused_ms=100.0, paused_by="processor 1")
    cell, tries = made(*[paused] * (TRIES + 2))
    assert not cell.ok and cell.tries == tries == TRIES and len(cell.tried_again) == TRIES - 1


def test_a_run_of_its_own_that_did_not_get_there_is_made_once_more() -> None:
    lost = WRONG._replace(reason_seen=NOT_REACHED, note="the rig did not get to FOLLOWING")
    assert made(lost, GOOD, or_not_reached=True)[0].ok
    cell, tries = made(lost, lost, GOOD, or_not_reached=True)
    assert not cell.ok and tries == 2
    assert made(lost, GOOD)[1] == 1


def test_seconds_and_tries_of_both_count() -> None:
    cell = again(GOOD._replace(seconds=2.0), WRONG._replace(seconds=3.0, tries=2, tried_again=("before",)))
    assert (cell.tries, cell.seconds, cell.tried_again) == (3, 5.0, ("before", f"{Pause()}; it gave -: reason"))


def look(t_ms: float) -> Look:
    return Look(round(t_ms * 1e6), (0.0,), (0.0,))


def test_only_a_long_time_between_two_looks_is_a_pause() -> None:
    assert looks_pauses([look(0), look(5), look(54)]).ms == 0
    assert looks_pauses([look(0), look(5), look(80), look(84)]) == Pause(75.0, "this program")
    assert looks_pauses([look(0)]).ms == 0


@pytest.mark.process
def test_a_processor_that_is_kept_from_running_is_seen() -> None:
    with Machine() as machine:
        deadline = time.monotonic() + 20
        begin_ns = time.monotonic_ns()
        while machine.longest(begin_ns).ms < 250 and time.monotonic() < deadline:
            child = machine.children[0]
            time.sleep(0.3)  # until it runs, the first time
            os.kill(child, signal.SIGSTOP)
            time.sleep(0.3)
            os.kill(child, signal.SIGCONT)
            time.sleep(0.05)
        pause = machine.longest(begin_ns)
        assert pause.ms >= 250 and pause.by == "processor 0"
        assert machine.counted(250) >= 1
        assert machine.longest(time.monotonic_ns() + 10**10) == Pause()


def test_a_cell_comes_back_from_its_file_though_the_last_line_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    cell = again(GOOD, WRONG._replace(paused_ms=43.0, paused_by="the loop"))
    other = GOOD._replace(state="HOLD")
    path.write_text(record(cell) + "\n" + record(other) + "\n" + record(GOOD)[:40])
    assert kept(path) == {("ker", "leader.estop", "FOLLOWING"): cell, ("ker", "leader.estop", "HOLD"): other}
    assert kept(tmp_path / "none") == {}
    assert json.loads(record(cell))["tries"] == 2


def test_every_cell_is_planned_once() -> None:
    planned = jobs(list(LEADERS), [], list(STATES), True)
    keys = [job.key for job in planned]
    assert len(set(keys)) == len(keys)
    assert {job.fault for job in planned} >= set(FAULTS)
    assert len(jobs(["exo_wire"], ["estop"], [Mode.HOLD], False)) == 1
    assert not jobs(["ker"], ["estop"], [Mode.HOLD], False)
    assert [job.fault for job in planned if job.name == "station.clock step"] == [None], "the machine's clock is left"
    stepped = jobs(["ker"], ["clock step"], list(STATES), True, with_clock=True)
    assert [job.state for job in stepped] == list(STATES) and all(job.fault is not None for job in stepped)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (GOOD, "estop 52/438 ms"),
        (WRONG, "WRONG - moves on/438 ms"),
        (GOOD._replace(reason_seen="(samples_lost)", allowed_ms=None, ms_to_standstill=None), "(samples_lost)"),
        (GOOD._replace(allowed_ms=0.0, ms_to_standstill=0.0), "estop"),
        (GOOD._replace(tries=2), "estop 52/438 ms x2"),
        (WRONG._replace(reason_seen=NOT_REACHED, allowed_ms=None), "WRONG not reached"),
        (GOOD._replace(reason_seen=SKIPPED), "not done"),
    ],
)
def test_a_field_tells_reason_and_times(cell: Cell, words: str) -> None:
    assert fault_table.field(cell) == words


@pytest.mark.parametrize("suffix", ["md", "html"])
def test_the_tables_file_names_host_states_and_what_is_wrong(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"matrix.{suffix}"
    cells = [
        GOOD._replace(tries=2, tried_again=("the machine stood still 43 ms (the loop); it gave -",)),
        WRONG._replace(state="HOLD", note="<moved>"),
        GOOD._replace(fault="arm.silent", reason_seen="arm_stale"),
        Cell("station.clock step", "all", SKIPPED, "", None, 0.0, True, "would step the machine's clock"),
    ]
    fault_table.document(cells, ["FOLLOWING", "HOLD"], ["a computer"], path)
    text = path.read_text()
    for words in (
        "a computer",
        "ms allowed",
        "FOLLOWING",
        "estop 52/438 ms x2",
        "Faults of the arm",
        "43 ms (the loop)",
    ):
        assert words in text
    assert "would step the machine" in text and "4 cells: 2 as expected, 1 not, 1 not done here; 1 tried again" in text
    assert ('class="wrong"' in text and "<moved>" not in text) if suffix == "html" else "**WRONG" in text
    assert list(tmp_path.iterdir()) == [path]


def test_a_row_in_a_terminal_stands_under_its_states() -> None:
    states = ["READY", "FOLLOWING"]
    line = fault_table.line(GOOD.fault, [GOOD], states)
    assert line.index("estop 52") == fault_table.heading(states).index("FOLLOWING")
