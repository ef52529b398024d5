"""One cell of the fault matrix: bring the rig into the mode, make the fault, watch the motors, end it, watch again."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from drivers.errors import DriverError
from station.bench.driven import STILL_RAD_S, DrivenRun, Look, Motion, motion
from station.children import StartError
from station.resolve import with_leader
from station.settings.load import load_rig, load_task
from station.signals import IntentKind, Mode, Tick
from tests.faults.expected import BRAKING_MS, MOVING, SETTLE_MS, Fault

_CLEARED_S: Final = 0.5
_QUIET_EVENTS: Final = frozenset({"loop_gap", "clock_step", "no_screen", "joint_rejected"})
"""Told in passing; a tag that a cell is about names itself in its expectation."""
MACHINE: Final = frozenset(
    {
        "loop_gap_stop",
        "leader_stale",
        "leader_silent",
        "enable_stale",
        "lost communication",
        "arm_stale",
        "engage_released",
        "screen_lost",
        "session_lost",
        "?",
    }
)
"""Where not expected: the machine under the rig, its motors or its person (this program) stood still for a while; the
cell is done again."""
_MAY_BE_TOLD: Final = frozenset({"samples_lost"})
OVERSHOOT_DEG: Final = 3.0
"""Of a motor behind its command, at its bound."""
_AFTER: Final = (Mode.HOLD, Mode.STOPPING, Mode.STOPPED)


class Cell(NamedTuple):
    """One field of the matrix."""

    fault: str
    state: str
    reason_seen: str
    reason_expected: str
    ms_to_standstill: float | None
    """From the fault to standstill, at the emulated motors; None where the arm may go on and does."""
    peak_rad_s: float
    """Of any motor, after standstill was due (after the fault, where the arm goes on)."""
    ok: bool
    note: str = ""
    leader: str = "ker"
    tries: int = 1
    tried_again: tuple[str, ...] = ()
    """Why, once for each try but the last."""


def again(cell: Cell, before: Cell) -> Cell:
    """`cell`, tried because `before` was not as expected."""
    why = f"{before.reason_seen}: {before.note}" if before.note else before.reason_seen
    return cell._replace(tries=before.tries + cell.tries, tried_again=(*before.tried_again, why, *cell.tried_again))


def demo_run(
    data: Path, seed: int = 1, change: Callable[[Any], Any] = lambda rig: rig, leader: str = "ker"
) -> DrivenRun:
    """The demo rig with a worker who makes no mistakes, works quickly, and aligns quickly."""
    rig, calibration = load_rig("demo")
    assert rig.emulator is not None
    rig = msgspec.structs.replace(
        with_leader(rig, leader),
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


def ask_in_vain(rig: DrivenRun, words: str) -> str:
    """A person resets while the fault stands. '' where that was refused with these words, else what was wrong."""
    said: set[str] = set()
    end = time.monotonic() + 10
    while time.monotonic() < end and not any(words in detail for detail in said):
        rig.run.ask(IntentKind.RESET)
        rig.until(lambda tick: False, 0.2)
        for tick in rig.ticks[-100:]:
            said.update(detail for name, detail in tick.events if name == "leader_error")
        if rig.mode is not Mode.STOPPED:
            return f"a reset brought it to {rig.mode.name}"
    rig.run.ask(IntentKind.STOP)  # the person has thought better of it: a reset that waits counts no more
    rig.until(lambda tick: False, 0.2)
    return "" if any(words in detail for detail in said) else f"a reset was refused with {said or 'no words'}"


def run_cell(rig: DrivenRun, fault: Fault, state: Mode) -> Cell:
    """Make the fault in `state` and judge what follows. Leaves the fault cleared and the rig wherever it is."""
    leader = rig.run.rig.leader.driver
    expected = fault.expected_on(leader, state)
    arrive(rig, state)
    line = rig.leader if fault.side == "leader" else rig.arm
    rig.take()
    start_ns = time.monotonic_ns()
    line.ask("fault", **fault.request)
    if fault.then is not None:
        time.sleep(0.05)
        then = dict(fault.then)
        if then.get("name") == "OTHER":
            then["name"] = str(rig.run.runtime.folder / "other.tty")
        line.ask("fault", **then)
    looks, ticks = watch(rig, state, fault.observe_s)
    reason, detail = reason_of([tick for tick in ticks if tick.start_ns >= start_ns], state)
    mode_then = rig.mode
    notes = []
    if fault.reset_says and (refused := ask_in_vain(rig, fault.reset_says)):
        notes.append(refused)
    if fault.then is not None and "name" in fault.then:
        line.ask("fault", kind="replug", name=str(rig.run.runtime.folder / "leader.tty"))
    line.ask("clear")
    looks_after, ticks_after = watch(rig, state, _CLEARED_S)
    if not rig.is_alive:
        raise StartError("the control process ended", 4)
    if fault.mend:
        line.ask("fault", kind="replug")
    notes += _wrong_reason(reason, detail, expected)
    notes += _wrong_places(rig, fault, state, [*looks, *looks_after], reason)
    seen, after = motion(looks, start_ns), motion(looks_after, looks_after[0].t_ns)
    fastest = max(math.radians(joint.speed_deg_s) for joint in rig.run.rig.arm.joints)
    still_ms: float | None = None
    peak = max(seen.peak_rad_s, after.peak_rad_s)
    if state in MOVING and not reason.isidentifier():
        if state is Mode.FOLLOWING and rig.mode is not Mode.FOLLOWING:
            notes.append(f"does not follow: {rig.mode.name} {rig.ticks[-1].cause}")
        if peak > fastest * 1.15:
            notes.append("faster than its limits")
        if fault.slow and state is Mode.FOLLOWING:
            if seen.late_peak_rad_s > math.radians(rig.run.rig.align.speed_deg_s) * 1.3:
                notes.append(f"not slow: {seen.late_peak_rad_s:.2f} rad/s")
            rig.run.ask(IntentKind.HOLD)  # it goes on slowly until it is engaged anew
            rig.until(lambda tick: tick.mode == Mode.HOLD, 2)
    else:
        still_ms, peak = seen.still_ms, max(seen.late_peak_rad_s, after.peak_rad_s)
        notes += _not_standing(fault, state, seen, after)
        has_left_stop = mode_then is Mode.STOPPED and rig.mode is not Mode.STOPPED
        if has_left_stop or any(tick.mode in MOVING for tick in ticks_after):
            notes.append(f"resumed by itself: {rig.mode.name}")
        if reason.isidentifier() and fault.detail not in detail:
            notes.append(f"detail {detail!r} does not name {fault.detail}")
    return Cell(fault.name, state.name, reason, expected, still_ms, peak, not notes, "; ".join(notes), leader)


def _wrong_reason(reason: str, detail: str, expected: str) -> list[str]:
    alternatives = expected.split("|")
    if reason in alternatives:
        return []
    if reason.startswith("("):  # more may be told at once; one of them must be the expected
        told = detail.split(", ")
        if any(f"({name})" in alternatives for name in told) or ("-" in alternatives and set(told) <= _MAY_BE_TOLD):
            return []
    return [f"reason: {detail}" if detail else "reason"]


def _wrong_places(rig: DrivenRun, fault: Fault, state: Mode, looks: list[Look], reason: str) -> list[str]:
    """No joint beyond its travel; the one that the fault leads to its bound, there."""
    notes = []
    for index, joint in enumerate(rig.run.rig.arm.joints):
        places = [math.degrees(look.position_rad[index]) for look in looks]
        outside = max(joint.lower_deg - min(places), max(places) - joint.upper_deg)
        if outside > OVERSHOOT_DEG:
            notes.append(f"{joint.name} {outside:.1f} deg outside its limits")
        if joint.name == fault.bound_joint and state is Mode.FOLLOWING and not reason.isidentifier():
            short = min(min(places) - joint.lower_deg, joint.upper_deg - max(places))
            if short > OVERSHOOT_DEG:
                notes.append(f"{joint.name} stayed {short:.1f} deg away from its limit")
    return notes


def _not_standing(fault: Fault, state: Mode, seen: Motion, after: Motion) -> list[str]:
    notes = []
    most_ms = fault.detect_ms + BRAKING_MS + SETTLE_MS if state in MOVING else 0.0
    if seen.still_ms is None or (seen.still_ms > most_ms and seen.peak_rad_s > STILL_RAD_S):
        notes.append(f"not still after {most_ms:.0f} ms" if state in MOVING else "moved")
    if after.peak_rad_s > STILL_RAD_S:
        notes.append("moved after the fault ended")
    return notes


def try_cell(rig: DrivenRun, fault: Fault, state: Mode, tries: int = 3) -> Cell:
    """Again where the machine itself was stopped for so long that the loop rightly gave up. Reason `?`: it did not get
    into the state."""
    before: Cell | None = None
    while True:
        tries -= 1
        try:
            cell = run_cell(rig, fault, state)
        except StartError as error:
            with contextlib.suppress(DriverError):
                rig.leader.ask("clear")
                rig.arm.ask("clear")
            tries = tries if rig.is_alive else 0
            leader = rig.run.rig.leader.driver
            expected = fault.expected_on(leader, state)
            cell = Cell(fault.name, state.name, "?", expected, None, 0.0, False, str(error), leader)
        cell = again(cell, before) if before is not None else cell
        is_machine = cell.reason_seen in MACHINE or any(word in cell.note for word in MACHINE)
        if cell.ok or tries <= 0 or not is_machine:
            return cell
        before = cell
