"""One cell of the fault matrix: bring the rig into the mode, make the fault, watch the motors, end it, watch again."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.errors import DriverError
from drivers.ports import MOTOR_ON
from station.bench.driven import STILL_RAD_S, DrivenRun, Look, Motion, motion
from station.bench.stop import brake_ms
from station.children import StartError
from station.resolve import with_leader
from station.settings.load import load_rig, load_task
from station.settings.rig import Rig
from station.signals import IntentKind, Mode, Tick
from tests.faults.cell import NOT_REACHED, Cell, Pause, tried
from tests.faults.expected import MOVING, OLD_KER, SETTLE_MS, Fault
from tests.faults.machine import Machine, looks_pauses, loop_pauses

_CLEARED_S: Final = 0.5
_QUIET_EVENTS: Final = frozenset({"loop_gap", "clock_step", "no_screen", "joint_rejected"})
"""Told in passing, unless a cell is about it."""
_MAY_BE_TOLD: Final = frozenset({"samples_lost"})
OVERSHOOT_DEG: Final = 3.0
"""Of a motor behind its command, at its bound."""
_AFTER: Final = (Mode.HOLD, Mode.STOPPING, Mode.STOPPED)
_AWAY_RAD: Final = math.radians(25)
"""So far from home a joint has enough to align."""
_SUNK_S: Final = 1.6
"""The worker's arm sinks home meanwhile."""
_SWING: Final = 1.3
"""A motor that catches up with its command swings past it for a moment."""
_RESET_S: Final = 6.0
_SWITCHES_OFF: Final = ("estop",)
"""Faults of the leader that may switch the arm off; all others hold it where it is."""


def demo_run(
    data: Path, seed: int = 1, change: Callable[[Any], Any] = lambda rig: rig, leader: str = "ker"
) -> DrivenRun:
    """The demo rig with a worker who makes no mistakes, works quickly, and aligns quickly. `leader`: of `LEADERS`."""
    rig, calibration = load_rig("demo")
    rig = with_leader(rig, "ker" if leader == OLD_KER else leader)
    assert rig.emulator is not None
    firmware = "2.0.0" if leader == OLD_KER else rig.emulator.firmware
    stop = "required" if leader == "exo_wire" else rig.leader.emergency_stop
    rig = msgspec.structs.replace(
        rig,
        leader=msgspec.structs.replace(rig.leader, emergency_stop=stop),
        align=msgspec.structs.replace(rig.align, speed_deg_s=40.0),
        emulator=msgspec.structs.replace(rig.emulator, bad_every=0, firmware=firmware),
    )
    rig = change(rig)
    return DrivenRun(rig, calibration, load_task(rig.task, rig), data, seed)


def name_of(rig: Rig) -> str:
    """Which of `LEADERS` it has."""
    is_old = rig.leader.driver == "ker" and rig.emulator is not None and rig.emulator.firmware == "2.0.0"
    return OLD_KER if is_old else rig.leader.driver


def arrive(rig: DrivenRun, state: Mode) -> None:
    """Into `state`; where it moves, until the motors really do. Raises StartError."""
    for _ in range(3):
        if state is Mode.ALIGNING:  # from a pose far from home, or there is nothing to align
            rig.take()
            is_away = rig.mode in (Mode.READY, Mode.STOPPED, Mode.HOLD) and abs(rig.ticks[-1].arm_rad[0]) > _AWAY_RAD
            if not is_away:
                rig.reach(Mode.FOLLOWING)
                if rig.until(lambda tick: tick.mode == Mode.FOLLOWING and tick.arm_rad[0] > _AWAY_RAD, 15) is None:
                    continue
                rig.reach(Mode.HOLD)
                rig.until(lambda tick: False, _SUNK_S)
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


def reason_of(ticks: list[Tick], state: Mode, expected: str = "") -> tuple[str, str]:
    """(`cause` or `(event)` or `-`, detail): what the ticks since the fault tell."""
    left = [tick for tick in ticks if tick.mode in _AFTER and (state is not Mode.HOLD or tick.mode != Mode.HOLD)]
    if left:
        return left[-1].cause, left[-1].cause_detail
    quiet = [name for name in _QUIET_EVENTS if f"({name})" != expected]
    told = [name for tick in ticks for name, _ in tick.events if name not in quiet]
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


def allowed_ms(rig: Rig, detect_ms: float) -> float:
    """From a fault to standstill at the emulated motors."""
    return detect_ms + brake_ms(rig) + SETTLE_MS


def _make(rig: DrivenRun, fault: Fault) -> int:
    """Make the fault; when, host ns."""
    line = rig.leader if fault.side == "leader" else rig.arm
    if fault.unless_near:
        joints = [joint.name for joint in rig.run.rig.leader.joints]
        index, near_rad = joints.index(fault.unless_near[0]), math.radians(fault.unless_near[1])
        far = rig.until(lambda tick: abs(tick.angle_rad[index] - near_rad) > math.radians(20), 10)
        if far is None:
            raise StartError(f"{fault.unless_near[0]} stays near {fault.unless_near[1]} deg", 4)
    rig.leader.ask("status")  # how late the emulation was counts from here
    rig.take()
    start_ns = time.monotonic_ns()
    line.ask("fault", **fault.request)
    if fault.then is not None:
        time.sleep(0.05)
        then = dict(fault.then)
        if then.get("name") == "OTHER":
            then["name"] = str(rig.run.runtime.folder / "other.tty")
        line.ask("fault", **then)
    return start_ns


def _end(rig: DrivenRun, fault: Fault, state: Mode) -> tuple[list[Look], list[Tick]]:
    """End the fault; what the motors did after it, and the loop. Raises StartError."""
    line = rig.leader if fault.side == "leader" else rig.arm
    if fault.then is not None and "name" in fault.then:
        line.ask("fault", kind="replug", name=str(rig.run.runtime.folder / "leader.tty"))
    line.ask("clear")
    looks, ticks = watch(rig, state, _CLEARED_S)
    if not rig.is_alive:
        raise StartError("nothing commands the arm any more", 4)
    if fault.mend:
        line.ask("fault", kind="replug")
    return looks, ticks


def last_words(rig: DrivenRun) -> str:
    """How the control process ended, and what it said at its end."""
    assert rig.run.control is not None
    logs = [rig.run.runtime.path(name).read_text(errors="replace") for name in ("control.log", "supervisor.log")]
    said = [line.strip() for log in logs for line in log.split("\n") if line.strip()]
    return f"code {rig.run.control.poll()}, {' | '.join(said[-3:]) or 'no words'}"


def run_cell(rig: DrivenRun, fault: Fault, state: Mode, machine: Machine) -> Cell:
    """Make the fault in `state` and judge what follows. Leaves the fault cleared and the rig wherever it is."""
    settings = rig.run.rig
    leader = name_of(settings)
    expected = fault.expected_on(leader, state)
    arrive(rig, state)
    start_ns = _make(rig, fault)
    most_ms = allowed_ms(settings, fault.detect_ms)
    looks, ticks = watch(rig, state, fault.observe_s or most_ms * 1e-3 + 0.15)
    ticks = [tick for tick in ticks if tick.start_ns >= start_ns]
    late = Pause(rig.leader.ask("status")["late_ms"], "the emulated leader")
    pause = max(machine.longest(start_ns), loop_pauses(ticks), looks_pauses(looks), late)
    reason, detail = reason_of(ticks, state)
    mode_then = rig.mode
    notes = []
    if fault.reset_says and (refused := ask_in_vain(rig, fault.reset_says)):
        notes.append(refused)
    looks_after, ticks_after = _end(rig, fault, state)
    notes += _wrong_reason(reason, detail, expected)
    notes += _wrong_places(rig, fault, state, [*looks, *looks_after], reason)
    seen, after = motion(looks, start_ns), motion(looks_after, looks_after[0].t_ns)
    still_ms: float | None = None
    peak = max(seen.peak_rad_s, after.peak_rad_s)
    stops = state not in MOVING or reason.isidentifier()
    if not stops:
        notes += _not_following(rig, fault, state, seen)
    else:
        still_ms, peak = seen.still_ms, max(seen.late_peak_rad_s, after.peak_rad_s)
        notes += not_standing(state, seen, after, most_ms)
        has_left_stop = mode_then is Mode.STOPPED and rig.mode is not Mode.STOPPED
        if has_left_stop or any(tick.mode in MOVING for tick in ticks_after):
            notes.append(f"resumed by itself: {rig.mode.name}")
        if reason.isidentifier() and fault.detail not in detail:
            notes.append(f"detail {detail!r} does not name {fault.detail}")
    reset: list[Tick] = []
    if not notes and rig.mode is Mode.STOPPED:
        reset, mode_after = _reset(rig)
        notes += [] if mode_after is Mode.READY else [f"a reset leads to {mode_after.name}: {rig.ticks[-1].events}"]
    if fault.side == "leader" and fault.kind not in _SWITCHES_OFF:
        notes += _switched_off([*ticks, *ticks_after, *reset])
    pause = max(pause, machine.longest(start_ns), loop_pauses([*ticks_after, *reset]))  # what came after counts too
    return Cell(
        fault.name,
        state.name,
        reason,
        expected,
        still_ms,
        peak,
        not notes,
        "; ".join(notes),
        leader,
        (most_ms if state in MOVING else 0.0) if stops else None,
        *pause,
    )


def _reset(rig: DrivenRun) -> tuple[list[Tick], Mode]:
    """A person resets, now that the fault is over, until the rig is READY."""
    seen: list[Tick] = []
    end = time.monotonic() + _RESET_S
    while rig.mode is Mode.STOPPED and time.monotonic() < end:
        rig.run.ask(IntentKind.RESET)
        until = time.monotonic() + 0.3
        while rig.mode is Mode.STOPPED and time.monotonic() < until:
            seen.extend(rig.tend())
            time.sleep(0.01)
    return seen, rig.mode


def _switched_off(ticks: list[Tick]) -> list[str]:
    """A fault of the leader holds the arm where it is: without brakes, an arm that is switched off drops."""
    was_on = ticks[0].arm_status if ticks else ()
    for tick in ticks:
        if any(was == MOTOR_ON != now for was, now in zip(was_on, tick.arm_status)):
            return [f"motors were switched off: {set(tick.arm_status)} {tick.events}"]
        if any(name == "estop" for name, _ in tick.events):
            return ["an emergency stop was told that nobody pressed"]
    return []


def too_fast(rig: Rig, seen: Motion) -> list[str]:
    """Joints that were faster than their own limits, as motors that follow commands within them may not be."""
    return [
        f"{joint.name} at {speed / math.radians(joint.speed_deg_s):.2f} of its limit"
        for joint, speed in zip(rig.arm.joints, seen.peak_speed_rad_s)
        if speed > math.radians(joint.speed_deg_s) * _SWING
    ]


def _not_following(rig: DrivenRun, fault: Fault, state: Mode, seen: Motion) -> list[str]:
    """Where the arm goes on: it does, no faster than it may."""
    settings = rig.run.rig
    notes = too_fast(settings, seen)
    if state is Mode.FOLLOWING and rig.mode is not Mode.FOLLOWING:
        notes.append(f"does not follow: {rig.mode.name} {rig.ticks[-1].cause}")
    if fault.slow and state is Mode.FOLLOWING:
        if seen.late_peak_rad_s > math.radians(settings.align.speed_deg_s) * 1.3:
            notes.append(f"not slow: {seen.late_peak_rad_s:.2f} rad/s")
        rig.run.ask(IntentKind.HOLD)  # it goes on slowly until it is engaged anew
        rig.until(lambda tick: tick.mode == Mode.HOLD, 2)
    return notes


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


def not_standing(state: Mode, seen: Motion, after: Motion, most_ms: float) -> list[str]:
    notes = []
    if state not in MOVING:
        if seen.peak_rad_s > STILL_RAD_S:
            notes.append("moved")
    elif seen.still_ms is None or seen.still_ms > most_ms:
        notes.append(f"not still after {most_ms:.0f} ms")
    if after.peak_rad_s > STILL_RAD_S:
        notes.append("moved after the fault ended")
    return notes


def try_cell(rig: DrivenRun, fault: Fault, state: Mode, machine: Machine) -> Cell:
    """Again only where the machine itself stood still. Reason `?`: it did not get into the state."""
    return tried(lambda: _try_cell(rig, fault, state, machine))


def _try_cell(rig: DrivenRun, fault: Fault, state: Mode, machine: Machine) -> Cell:
    begun_ns = time.monotonic_ns()
    try:
        return run_cell(rig, fault, state, machine)
    except StartError as error:
        with contextlib.suppress(DriverError):
            rig.leader.ask("clear")
            rig.arm.ask("clear")
        leader = name_of(rig.run.rig)
        expected = fault.expected_on(leader, state)
        note = str(error) if rig.is_alive else f"{error}; the control process has ended: {last_words(rig)}"
        pause = machine.longest(begun_ns)
        return Cell(fault.name, state.name, NOT_REACHED, expected, None, 0.0, False, note, leader, None, *pause)
