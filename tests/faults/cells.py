"""One cell of the fault matrix: bring the rig into the mode, make the fault, watch the motors, end it, watch again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from station.bench.driven import STILL_RAD_S, DrivenRun, Look, motion
from station.children import StartError
from station.settings.load import load_rig, load_task
from station.signals import Mode, Tick
from tests.faults.expected import BRAKING_MS, MOVING, SETTLE_MS, Fault

_CLEARED_S: Final = 0.5
_QUIET_EVENTS: Final = frozenset({"loop_gap", "clock_step", "no_screen", "joint_rejected"})
"""Told in passing; a tag that a cell is about names itself in its expectation."""
MACHINE: Final = frozenset({"loop_gap_stop", "leader_stale", "leader_silent", "?"})
"""Where not expected: the machine under the rig stood still for a while; the cell is done again."""
_AFTER: Final = (Mode.HOLD, Mode.STOPPING, Mode.STOPPED)


class Cell(NamedTuple):
    """One line of the matrix."""

    fault: str
    state: str
    reason: str
    expected: str
    still_ms: float | None
    """From the fault to standstill, at the emulated motors; None where the arm may go on and does."""
    peak_rad_s: float
    """Of any motor, after standstill was due (after the fault, where the arm goes on)."""
    ok: bool
    note: str = ""


def demo_run(data: Path, seed: int = 1, change: Callable[[Any], Any] = lambda rig: rig) -> DrivenRun:
    """The demo rig with a worker who makes no mistakes, works quickly, and aligns quickly."""
    rig, calibration = load_rig("demo")
    assert rig.emulator is not None
    rig = msgspec.structs.replace(
        rig,
        align=msgspec.structs.replace(rig.align, speed_deg_s=40.0),
        emulator=msgspec.structs.replace(rig.emulator, bad_every=0),
    )
    rig = change(rig)
    return DrivenRun(rig, calibration, load_task(rig.task, rig), data, seed)


def arrive(rig: DrivenRun, state: Mode) -> None:
    """Into `state`; where it moves, until the motors really do. Raises StartError."""
    for _ in range(3):
        if state is Mode.ALIGNING:  # from a pose far from home, or there is nothing to align
            rig.reach(Mode.FOLLOWING)
            if rig.until(lambda tick: tick.mode == Mode.FOLLOWING and tick.arm_rad[0] > math.radians(30), 15) is None:
                continue
            rig.reach(Mode.HOLD)
            rig.until(lambda tick: False, 1.6)  # the worker lets his arm sink home
        rig.reach(state)
        least = {Mode.ALIGNING: 0.25, Mode.FOLLOWING: 0.6}.get(state)
        end = time.monotonic() + 15
        while rig.mode is state and time.monotonic() < end:
            rig.tend()
            speed = rig.arm.look().speed_rad_s
            if least is None and speed < STILL_RAD_S:
                rig.until(lambda tick: False, 0.3)  # for good, not only turning round
                return
            if least is not None and speed > least:
                return
            time.sleep(0.005)
    raise StartError(f"the rig got to {state.name} and did not stay in it: {rig.mode.name}", 4)


def watch(rig: DrivenRun, state: Mode, seconds: float) -> tuple[list[Look], list[Tick]]:
    """As the person who never asks to go on; he keeps pressing only while ALIGNING."""
    seen: list[Tick] = []

    def person() -> None:
        seen.extend(rig.tend())
        rig.presses = state is Mode.ALIGNING and rig.mode is Mode.ALIGNING

    looks = rig.arm.watch(seconds, person)
    seen.extend(rig.take())
    return looks, seen


def reason_of(ticks: list[Tick], state: Mode) -> tuple[str, str]:
    """(`cause` or `(event)` or `-`, detail): what the ticks since the fault tell."""
    left = [tick for tick in ticks if tick.mode in _AFTER and (state is not Mode.HOLD or tick.mode != Mode.HOLD)]
    if left:
        return left[-1].cause, left[-1].cause_detail
    told = [name for tick in ticks for name, _ in tick.events if name not in _QUIET_EVENTS]
    return (f"({told[0]})" if told else "-"), ", ".join(sorted(set(told)))


def run_cell(rig: DrivenRun, fault: Fault, state: Mode) -> Cell:
    """Make the fault in `state` and judge what follows. Leaves the fault cleared and the rig wherever it is."""
    expected = fault.expected[state]
    arrive(rig, state)
    line = rig.leader if fault.side == "leader" else rig.arm
    rig.take()
    start_ns = time.monotonic_ns()
    request = dict(fault.request)
    line.ask("fault", **request)
    if fault.then is not None:
        time.sleep(0.05)
        then = dict(fault.then)
        if then.get("name") == "OTHER":
            then["name"] = str(rig.run.runtime.folder / "other.tty")
        line.ask("fault", **then)
    looks, ticks = watch(rig, state, fault.observe_s)
    reason, detail = reason_of([tick for tick in ticks if tick.start_ns >= start_ns], state)
    mode_then = rig.mode
    if fault.then is not None and "name" in fault.then:
        line.ask("fault", kind="replug", name=str(rig.run.runtime.folder / "leader.tty"))
    line.ask("clear")
    looks_after, ticks_after = watch(rig, state, _CLEARED_S)
    if not rig.is_alive:
        raise StartError("the control process ended", 4)
    return judge(rig, fault, state, (reason, detail), looks, looks_after, ticks_after, mode_then, start_ns, expected)


def judge(
    rig: DrivenRun,
    fault: Fault,
    state: Mode,
    reason: tuple[str, str],
    looks: list[Look],
    looks_after: list[Look],
    ticks_after: list[Tick],
    mode_then: Mode,
    start_ns: int,
    expected: str,
) -> Cell:
    alternatives = expected.split("|")
    notes = []
    is_seen = reason[0] in alternatives
    if not is_seen and reason[0].startswith("("):  # more may be told at once; one of them must be the expected
        is_seen = any(f"({name})" in alternatives for name in reason[1].split(", ")) or (
            "-" in alternatives and all(name in ("samples_lost",) for name in reason[1].split(", "))
        )
    if not is_seen:
        notes.append(f"reason: {reason[1]}" if reason[1] else "reason")
    goes_on = not any(word.isidentifier() for word in alternatives) or not reason[0].isidentifier()
    seen = motion(looks, start_ns)
    after = motion(looks_after, looks_after[0].t_ns)
    fastest = max(math.radians(joint.speed_deg_s) for joint in rig.run.rig.arm.joints)
    if goes_on and state is Mode.FOLLOWING:
        still_ms, peak = None, max(seen.peak_rad_s, after.peak_rad_s)
        if rig.mode is not Mode.FOLLOWING:
            notes.append(f"does not follow: {rig.mode.name} {rig.ticks[-1].cause}")
        if peak > fastest * 1.15:
            notes.append("faster than its limits")
    elif goes_on and state is Mode.ALIGNING:
        still_ms, peak = None, max(seen.peak_rad_s, after.peak_rad_s)
        if peak > fastest * 1.15:
            notes.append("faster than its limits")
    else:
        still_ms, peak = seen.still_ms, max(seen.late_peak_rad_s, after.peak_rad_s)
        most_ms = fault.detect_ms + BRAKING_MS + SETTLE_MS if state in MOVING else 0.0
        if still_ms is None or (still_ms > most_ms and seen.peak_rad_s > STILL_RAD_S):
            notes.append(f"not still after {most_ms:.0f} ms" if state in MOVING else "moved")
        if after.peak_rad_s > STILL_RAD_S:
            notes.append("moved after the fault ended")
        has_left_stop = mode_then is Mode.STOPPED and rig.mode is not Mode.STOPPED
        if has_left_stop or any(tick.mode in MOVING for tick in ticks_after):
            notes.append(f"resumed by itself: {rig.mode.name}")
        if reason[0].isidentifier() and fault.detail not in reason[1]:
            notes.append(f"detail {reason[1]!r} does not name {fault.detail}")
    return Cell(fault.name, state.name, reason[0], expected, still_ms, peak, not notes, "; ".join(notes))


def try_cell(rig: DrivenRun, fault: Fault, state: Mode, tries: int = 3) -> Cell:
    """Again where the machine itself was stopped for so long that the loop rightly gave up."""
    while True:
        tries -= 1
        try:
            cell = run_cell(rig, fault, state)
        except StartError as error:
            rig.leader.ask("clear")
            rig.arm.ask("clear")
            tries = tries if rig.is_alive else 0
            cell = Cell(fault.name, state.name, "?", fault.expected[state], None, math.nan, False, str(error))
        if cell.ok or tries <= 0 or not (cell.reason in MACHINE or any(word in cell.note for word in MACHINE)):
            return cell
