"""`station bench stop`: time and distance to standstill after each cause, beside what the rig's limits allow.

Emulated rigs: measured at the emulated motors, every cause. Real rigs: from the arm's own feedback, and only what a
person can ask for. Allowed are, per joint with the highest speed v seen after the cause, its deceleration d and the
time t until the cause must have been noticed:  distance v t + v^2 / (2 d),  time t + v / d,  t with the lag of the
motors behind their commands added (they follow the last command, they are not stopped by it). A joint with a jerk limit
brakes longer: `control.jerk.stopping`.
"""

from __future__ import annotations

import math
import os
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from station import resolve
from station.bench.changed import at_full_speed, refusing
from station.bench.driven import DrivenRun, Look, Motion, motion
from station.children import StartError
from station.control.jerk import stopping
from station.settings.calibration import Calibration
from station.settings.load import load_rig, load_task
from station.settings.rig import ArmJoint, Rig
from station.settings.task import Task
from station.signals import IntentKind, Mode

_AT_SPEED_RAD_S: Final = 1.2
_AT_SPEED_REAL_RAD_S: Final = 0.3
_LAG_MS: Final = 100.0
"""Of the motors behind their commands: about kd / kp, and the time to settle."""
_SETTLE_MS: Final = 250.0
"""From the last commanded step to a speed below the one that counts as standing."""
_STILL_S: Final = 0.3
"""How long to look on after the last moment at which the arm may still move: what then moves is told."""
_ATTEMPTS: Final = 4
_AWAITED_S: Final = 30.0
_FULL: Final = 0.9
"""Of a joint's speed limit."""
_START_S: Final = 3.0
"""Of a run, and of its end."""
_ROUND_S: Final = 5.0
"""Of a stop with what goes before it: reset, engage, align, follow at speed."""

Act = Callable[[DrivenRun], None]


@dataclass(frozen=True)
class Cause:
    """Why the arm stops. `detect_ms`: until the station (or the motor itself) must have noticed."""

    name: str
    act: Act
    detect_ms: Callable[[Rig], float]
    reasons: tuple[str, ...]
    """Of control/events.py; empty where no loop is left to tell one."""
    is_asked: bool = False
    """A person can ask for it: on real rigs too."""
    ends_run: bool = False
    leader: str = ""
    """Needs an emulated leader of this make."""
    change: Callable[[Rig], Rig] = lambda rig: rig
    """The emulated rig on which it can be seen."""
    needs_full_speed: bool = False
    """Of one joint at least."""
    lease_ms: Callable[[Rig], float] = lambda rig: 0.0
    """What of `detect_ms` is a lease that has to run out."""
    is_awaited: bool = False
    """It comes by itself once the arm moves; the way counts from the tick that tells it."""


def _ask(kind: IntentKind) -> Act:
    return lambda rig: rig.run.ask(kind)


def _leader(kind: str) -> Act:
    return lambda rig: void(rig.leader.ask("fault", kind=kind))


def void(_: object) -> None:
    return


def _control(number: int) -> Act:
    def act(rig: DrivenRun) -> None:
        assert rig.run.control is not None
        os.kill(rig.run.control.pid, number)

    return act


def _screen(rig: DrivenRun) -> None:
    rig.has_screen = False


def _ticks(rig: Rig) -> float:
    """Two slots, or as late as the loop may be without stopping by itself."""
    return max(2000.0 / rig.arm.rate_hz, rig.loop.gap_stop_ms)


CAUSES: Final = (
    Cause("hold key", _ask(IntentKind.HOLD), _ticks, ("operator_hold",), is_asked=True),
    Cause("stop request", _ask(IntentKind.STOP), _ticks, ("operator_stop",), is_asked=True),
    Cause(
        "leader silent",
        _leader("stop"),
        lambda rig: rig.leader.hold_after_ms + _ticks(rig),
        ("leader_stale", "leader_silent"),
    ),
    Cause("leader unplugged", _leader("unplug"), _ticks, ("leader_error",), ends_run=True),
    Cause(
        "screen lost",
        _screen,
        lambda rig: rig.loop.screen_lease_ms + 100.0 + _ticks(rig),
        ("screen_lost",),
        lease_ms=lambda rig: rig.loop.screen_lease_ms,
    ),
    Cause("emergency stop", _leader("estop"), _ticks, ("estop",), leader="exo_wire"),
    Cause("gate refusal", void, _ticks, ("gate_refused",), change=refusing, is_awaited=True),
    Cause(
        "control killed",
        _control(signal.SIGKILL),
        lambda rig: rig.arm.watchdog_ms,
        (),
        ends_run=True,
        change=at_full_speed,
        needs_full_speed=True,
    ),
    Cause(
        "control frozen",
        _control(signal.SIGSTOP),
        lambda rig: rig.arm.watchdog_ms,
        (),
        ends_run=True,
        change=at_full_speed,
        needs_full_speed=True,
    ),
    Cause("shutdown", _ask(IntentKind.SHUTDOWN), _ticks, ("shutdown",), ends_run=True),
)


@dataclass(frozen=True)
class Stop:
    """One measured stop."""

    reason: str
    still_ms: float | None
    allowed_ms: float
    joint: str
    """That travelled furthest."""
    travelled_deg: float
    allowed_deg: float
    """Of that joint."""
    worst_joint: str
    """Nearest to its own allowance; often another one than the joint that went furthest."""
    worst_ratio: float
    """Its travelled / allowed."""
    speed_share: float = 0.0
    """Highest speed seen of any joint, as a share of its limit."""

    @property
    def ok(self) -> bool:
        return self.still_ms is not None and self.still_ms <= self.allowed_ms and self.worst_ratio <= 1.0


def brake_ms(rig: Rig) -> float:
    """Full speed to zero at the deceleration, and the jerk where that is limited, of the joint that takes longest."""
    return 1e3 * max(_stopping(joint, math.radians(joint.speed_deg_s))[0] for joint in rig.arm.joints)


def observed_s(rig: Rig, detect_ms: float) -> float:
    """How long to look at the arm from a cause on: longer than any stop of this rig may take."""
    return (detect_ms + brake_ms(rig) + _SETTLE_MS) * 1e-3 + _STILL_S


def _stopping(joint: ArmJoint, speed_rad_s: float) -> tuple[float, float]:
    """Seconds and rad from the speed to rest, within the joint's limits."""
    accel, decel = math.radians(joint.accel_deg_s2), math.radians(joint.decel_deg_s2 or joint.accel_deg_s2)
    jerk = None if joint.jerk_deg_s3 is None else math.radians(joint.jerk_deg_s3)
    return stopping(speed_rad_s, accel, decel, jerk)


def judge(rig: Rig, seen: Motion, detect_ms: float, reason: str) -> Stop:
    """What was seen beside what the limits allow. Pure."""
    t_s = (detect_ms + _LAG_MS) * 1e-3
    joints = rig.arm.joints
    allowed_rad = []
    brake_s = 0.0
    for joint, speed in zip(joints, seen.peak_speed_rad_s):
        seconds, way = _stopping(joint, speed)
        allowed_rad.append(speed * t_s + way + math.radians(0.2))
        brake_s = max(brake_s, seconds)
    furthest = max(range(len(joints)), key=lambda index: seen.travelled_rad[index])
    ratios = [went / allowed for went, allowed in zip(seen.travelled_rad, allowed_rad)]
    worst = max(range(len(joints)), key=ratios.__getitem__)
    return Stop(
        reason=reason,
        still_ms=seen.still_ms,
        allowed_ms=detect_ms + brake_s * 1e3 + _SETTLE_MS,
        joint=joints[furthest].name,
        travelled_deg=math.degrees(seen.travelled_rad[furthest]),
        allowed_deg=math.degrees(allowed_rad[furthest]),
        worst_joint=joints[worst].name,
        worst_ratio=ratios[worst],
        speed_share=max(v / math.radians(joint.speed_deg_s) for joint, v in zip(joints, seen.peak_speed_rad_s)),
    )


def bench_stop(rig_name: str, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Every cause `rounds` times; the document that `--json` prints. Raises ConfigError, RigBusyError, StartError."""
    rig, calibration = load_rig(rig_name)
    task = load_task(rig.task, rig)
    causes = [cause for cause in CAUSES if rig.emulated or cause.is_asked]
    rows = []
    say(_plan(rig, causes, rounds))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for number, cause in enumerate(causes, 1):
            place = f"cause {number} of {len(causes)}: {cause.name}, {rounds} x"
            say(place if rig.emulated else f"{place}: engage and move, each time")
            used = cause.change(rig) if rig.emulated else rig
            if cause.leader and cause.leader != rig.leader.driver:
                used = resolve.with_leader(used, cause.leader)
            stops = _stops(used, calibration, task, Path(folder), cause, rounds)
            rows.append(_row(cause, used, stops))
    skipped = [] if rig.emulated else [cause.name for cause in CAUSES if not cause.is_asked]
    return {
        "rig": rig.name,
        "leader": rig.leader.driver,
        "measured_at": "emulated motors" if rig.emulated else "arm feedback",
        "rounds": rounds,
        "causes": rows,
        "skipped": skipped,
        "ok": all(row["ok"] for row in rows),
    }


def _plan(rig: Rig, causes: list[Cause], rounds: int) -> str:
    """How much there is to measure, and about how long it takes."""
    what = f"{len(causes)} causes x {rounds} {'stop' if rounds == 1 else 'stops'}"
    if not rig.emulated:
        return f"{what}; each takes as long as you need to engage and move"
    return f"{what}; about {max(1, round(expected_s(causes, rounds) / 60))} min; Ctrl-C ends it"


def expected_s(causes: list[Cause], rounds: int) -> float:
    """About how long an emulated rig takes for them."""
    return sum((rounds if cause.ends_run else 1) * _START_S + rounds * _ROUND_S for cause in causes)


def _stops(
    rig: Rig, calibration: Calibration, task: Task, data: Path, cause: Cause, rounds: int
) -> list[tuple[Stop, bool]]:
    """(measured, for the right reason) of each round; runs go on from one round to the next where they can."""
    stops: list[tuple[Stop, bool]] = []
    while len(stops) < rounds:
        with DrivenRun(rig, calibration, task, data, seed=len(stops) + 1) as run:
            while len(stops) < rounds:
                stops.append(_measure(run, cause))
                if cause.ends_run:
                    break
    return stops


def _measure(run: DrivenRun, cause: Cause) -> tuple[Stop, bool]:
    """Once; again where the machine stood still for so long that the loop stopped by itself for that."""
    rig = run.run.rig
    for attempt in range(_ATTEMPTS):
        _move(run, cause.needs_full_speed)
        run.take()
        start_ns = time.monotonic_ns()
        cause.act(run)
        detect_ms = cause.detect_ms(rig)
        looks: list[Look] = []
        if cause.is_awaited:
            looks, start_ns = _await(run, cause)
        looks += _looks(run, observed_s(rig, detect_ms))
        reason = next((tick.cause for tick in reversed(run.ticks) if tick.cause), "") if cause.reasons else ""
        stop = judge(rig, motion(looks, start_ns), detect_ms, reason)
        if not cause.ends_run:
            run.has_screen = rig.emulated
            if rig.emulated:
                run.leader.ask("clear")
        is_right = reason in cause.reasons if cause.reasons else not run.is_alive or reason == ""
        if is_right or cause.ends_run or attempt == _ATTEMPTS - 1:
            return stop, is_right
    raise AssertionError("unreachable")


def _move(run: DrivenRun, at_full_speed: bool) -> None:
    """FOLLOWING, and at speed. Raises StartError."""
    rig = run.run.rig
    least = [_AT_SPEED_RAD_S if rig.emulated else _AT_SPEED_REAL_RAD_S] * len(rig.arm.joints)
    if at_full_speed:
        least = [math.radians(joint.speed_deg_s) * _FULL for joint in rig.arm.joints]
    run.has_screen = rig.emulated  # a real rig's person has a screen of his own
    end = time.monotonic() + (40 if rig.emulated else 120)
    while time.monotonic() < end:
        if rig.emulated:
            run.reach(Mode.FOLLOWING)
        for tick in run.tend():
            if tick.mode == Mode.FOLLOWING and any(abs(v) > enough for v, enough in zip(tick.arm_rad_s, least)):
                return
        time.sleep(0.002)
    raise StartError("the arm did not follow at speed; on a real rig a person must engage and move it", 4)


def _await(run: DrivenRun, cause: Cause) -> tuple[list[Look], int]:
    """Until a tick tells the cause; what was seen meanwhile and that tick's time. Raises StartError."""
    end = time.monotonic() + _AWAITED_S
    looks: list[Look] = []
    while time.monotonic() < end:
        looks += run.arm.watch(0.02)
        for tick in run.tend():
            if tick.cause in cause.reasons:
                return looks, tick.start_ns
        if run.mode is not Mode.FOLLOWING:
            run.reach(Mode.FOLLOWING)
    raise StartError(f"{cause.name} did not come within {_AWAITED_S:g} s", 4)


def _looks(run: DrivenRun, seconds: float) -> list[Look]:
    if run.run.rig.emulated:
        return run.arm.watch(seconds, run.tend)
    end = time.monotonic() + seconds
    looks: list[Look] = []
    while time.monotonic() < end:
        looks.extend(Look(tick.start_ns, tick.arm_rad, tick.arm_rad_s) for tick in run.tend())
        time.sleep(0.005)
    if not looks:
        raise StartError("the control process tells nothing any more", 4)
    return looks


def _row(cause: Cause, rig: Rig, stops: list[tuple[Stop, bool]]) -> dict[str, Any]:
    furthest = max((stop for stop, _ in stops), key=lambda stop: stop.travelled_deg)
    worst = max((stop for stop, _ in stops), key=lambda stop: stop.worst_ratio)
    times = [stop.still_ms for stop, _ in stops]
    return {
        "cause": cause.name,
        "reason": sorted({stop.reason for stop, _ in stops}),
        "leader": rig.leader.driver,
        "noticed_within_ms": cause.detect_ms(rig),
        "lease_ms": cause.lease_ms(rig),
        "still_ms": [None if value is None else round(value, 1) for value in times],
        "allowed_ms": round(min(stop.allowed_ms for stop, _ in stops), 1),
        "joint": furthest.joint,
        "travelled_deg": round(furthest.travelled_deg, 2),
        "allowed_deg": round(furthest.allowed_deg, 2),
        "ratio": round(furthest.travelled_deg / furthest.allowed_deg, 3),
        "speed_percent": round(100 * min(stop.speed_share for stop, _ in stops)),
        "is_full_speed": cause.needs_full_speed,
        "worst_joint": worst.worst_joint,
        "worst_ratio": round(worst.worst_ratio, 3),
        "ok": all(stop.ok and is_right for stop, is_right in stops),
    }
