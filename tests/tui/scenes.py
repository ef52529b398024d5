"""What the tests of the screen show it: real SessionViews and a scripted link, on clocks that stand still."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import msgspec

from firmware_bridge.samples import INPUT_ENABLE, INPUT_ESTOP, INPUT_HAS_ENABLE, INPUT_HAS_ESTOP
from station.settings.load import load_rig, load_task
from station.signals import (
    AlarmView,
    BusHealth,
    IntentKind,
    JointView,
    Mode,
    PhaseView,
    RequestKind,
    SessionView,
    Verdict,
)

NOW_NS = 1_000_000_000_000
WALL = datetime(2025, 3, 4, 14, 32, 8)


class Clock:
    """A monotonic clock that moves only when told."""

    def __init__(self) -> None:
        self.now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


class ScriptedLink:
    """A ScreenLink that shows the view it was given and remembers what was asked."""

    def __init__(self, view: SessionView | None = None) -> None:
        self.view = view
        self.is_lost = False
        self.intents: list[IntentKind] = []
        self.takes: set[IntentKind] = set(IntentKind)
        self.requests: list[RequestKind] = []
        self.is_closed = False

    def latest(self) -> SessionView | None:
        return self.view

    def intend(self, kind: IntentKind) -> bool:
        self.intents.append(kind)
        return kind in self.takes

    def request(self, kind: RequestKind) -> None:
        self.requests.append(kind)

    def close(self) -> None:
        self.is_closed = True

    def show(self, **changes: Any) -> None:
        assert self.view is not None
        self.view = msgspec.structs.replace(self.view, **changes)

    def asked(self) -> list[IntentKind]:
        """Intents without the leases."""
        return [kind for kind in self.intents if kind is not IntentKind.LEASE]


def joints(step: float = 0.0, residual_deg: float = 0.0) -> tuple[JointView, ...]:
    """The demo rig's arm, each joint somewhere in its travel."""
    rig, _ = load_rig("demo")
    found = []
    for index, joint in enumerate(rig.arm.joints):
        share = 0.5 + 0.42 * math.sin(0.9 * index + step)
        position = joint.lower_deg + share * (joint.upper_deg - joint.lower_deg)
        residual = residual_deg * (1.0 - 0.13 * (index % 8)) if index in (1, 3, 5, 10) else 0.0
        found.append(
            JointView(
                name=joint.name,
                position_rad=math.radians(position),
                lower_rad=math.radians(joint.lower_deg),
                upper_rad=math.radians(joint.upper_deg),
                residual_rad=math.radians(residual),
            )
        )
    return tuple(found)


REJECTED = Verdict(
    number=152,
    accepted=False,
    reason="no_return",
    detail={"joint": "right_j4", "value": "14°", "limit": "9°", "phase": "home"},
    duration_s=3.4,
    t_ns=NOW_NS,
)
ACCEPTED = Verdict(number=151, accepted=True, duration_s=3.1, t_ns=NOW_NS)
ALARM = AlarmView(event="joint_stale", detail="right_j4: 41 ms", t_ns=NOW_NS)


def view(**changes: Any) -> SessionView:
    """A shift in full swing: following, in a repetition, the last one accepted."""
    rig, _ = load_rig("demo")
    task = load_task("microwave_door", rig)
    normal = SessionView(
        t_ns=NOW_NS,
        rig="demo",
        worker="wang",
        task=task.name,
        title={"zh": task.title.zh, "en": task.title.en},
        version=task.version,
        target=task.target,
        accepted=147,
        rejected=5,
        today=412,
        mode=Mode.FOLLOWING,
        mode_since_ns=NOW_NS - 60_000_000_000,
        stop_event="",
        stop_detail="",
        phases=tuple(PhaseView(phase.name, {"zh": phase.say.zh, "en": phase.say.en}) for phase in task.phases),
        phase=1,
        in_rep=True,
        rep_s=1.8,
        rep_target_s=task.rep_target_s,
        last=ACCEPTED,
        recent=(True,) * 6 + (False,) + (True,) * 9 + (False,) + (True,) * 3,
        pace_per_h=228.0,
        joints=joints(),
        aligned=(True,) * 16,
        alarms=(),
        samples_lost=0,
        ticks=602_113,
        ticks_lost=3,
        rate_hz=250.0,
        latency_us=212.0,
        records_lost=0,
        disk_free_mb=412_000.0,
        shift_s=7_860.0,
        finished=False,
        buses={"can_right": BusHealth(), "can_left": BusHealth()},
    )
    return msgspec.structs.replace(normal, **changes)


def aligning() -> SessionView:
    return view(
        mode=Mode.ALIGNING,
        in_rep=False,
        rep_s=0.0,
        joints=joints(residual_deg=24.0),
        aligned=tuple(index not in (1, 3, 5, 10) for index in range(16)),
    )


STATES: dict[str, SessionView] = {
    "following": view(),
    "rejected": view(in_rep=False, rep_s=0.0, last=REJECTED, phase=1, rejected=6),
    "return": view(phase=0, rep_s=4.1, last=REJECTED),
    "ready": view(
        mode=Mode.READY, in_rep=False, rep_s=0.0, last=None, recent=(), accepted=0, rejected=0, pace_per_h=0.0
    ),
    "aligning": aligning(),
    "hold": view(
        mode=Mode.HOLD,
        in_rep=False,
        rep_s=0.0,
        stop_event="joint_stale",
        stop_detail="right_j4: 41 ms",
        alarms=(ALARM,),
    ),
    "buses": view(
        buses={"can_right": BusHealth(error_frames=14, bus_off=2), "can_left": BusHealth(overflowed=3)},
        alarms=(AlarmView(event="bus_recovered", detail="can_right (BUS-OFF) x2", t_ns=NOW_NS),),
    ),
    "stopped": view(
        mode=Mode.STOPPED,
        in_rep=False,
        rep_s=0.0,
        stop_event="joint_lost",
        stop_detail="right_j4: 212 ms",
        alarms=(ALARM,),
    ),
    "switched_off": view(
        mode=Mode.STOPPED,
        in_rep=False,
        rep_s=0.0,
        stop_event="loop_gap_stop",
        stop_detail="101 ms",
        is_arm_off=True,
    ),
    "switches": view(
        mode=Mode.READY,
        in_rep=False,
        rep_s=0.0,
        reduced_speed_mm_s=250.0,
        inputs=INPUT_HAS_ENABLE | INPUT_HAS_ESTOP,
    ),
    "alarms": view(
        alarms=tuple(AlarmView(name, "", NOW_NS) for name in ("records_lost", "motor_warm", "disk_low")),
        inputs=INPUT_HAS_ENABLE | INPUT_HAS_ESTOP | INPUT_ENABLE,
    ),
    "technical": view(
        mode=Mode.STOPPED,
        in_rep=False,
        rep_s=0.0,
        stop_event="gate_refused",
        stop_detail="gate: joint right_j4: speed sent 9.1000 rad/s; limit 6.0000",
        inputs=INPUT_HAS_ENABLE | INPUT_HAS_ESTOP | INPUT_ESTOP,
    ),
    "disconnected": view(mode=Mode.DISCONNECTED, in_rep=False, rep_s=0.0),
}
