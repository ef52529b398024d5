"""What each fault must lead to in each mode: written by hand from what safety promises, never from what was seen.

A cell is one of: `name`, the arm stops for this reason; `(name)`, the arm goes on as before (or goes on standing) and
the event is told; `-`, the arm goes on and nothing needs to be told. Alternatives are separated by `|`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from station.signals import Mode

STATES: Final = (Mode.READY, Mode.ALIGNING, Mode.FOLLOWING, Mode.HOLD)
MOVING: Final = (Mode.ALIGNING, Mode.FOLLOWING)
BRAKING_MS: Final = 130.0
"""Full speed to zero at each joint's deceleration: at most 115 / 900 s."""
SETTLE_MS: Final = 350.0
"""The motors' own lag behind the last command, and the time between two looks on a busy machine."""


@dataclass(frozen=True, eq=False)
class Fault:
    """`request` goes to the far end's control socket; `detect_ms`: the longest until the station may have noticed."""

    side: str
    kind: str
    request: Mapping[str, Any]
    expected: Mapping[Mode, str]
    detect_ms: float
    observe_s: float = 0.9
    then: Mapping[str, Any] | None = None
    """Asked after `request`, e.g. the replug after an unplug."""
    detail: str = ""
    """Must occur in the cause's detail."""
    words: str = ""
    tags: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        return f"{self.side}.{self.kind}{self.words}"


def _all(moving: str, standing: str | None = None) -> dict[Mode, str]:
    standing = moving if standing is None else standing
    return {mode: moving if mode in MOVING else standing for mode in STATES}


def _leader(kind: str, expected: dict[Mode, str], detect_ms: float, words: str = "", **more: Any) -> Fault:
    options = {key: more.pop(key) for key in ("observe_s", "then", "detail") if key in more}
    return Fault("leader", kind, {"kind": kind, **more}, expected, detect_ms, words=words, **options)


def _arm(kind: str, expected: dict[Mode, str], detect_ms: float, words: str = "", **more: Any) -> Fault:
    options = {key: more.pop(key) for key in ("observe_s", "then", "detail") if key in more}
    return Fault("arm", kind, {"kind": kind, **more}, expected, detect_ms, words=words, **options)


# One encoder's reading is missing or impossible: held for 50 ms, then HOLD, after 200 ms a stop that names the joint.
_LOST: Final = _all("joint_lost")
# A sample lost in five is told and does no harm; the last good one is 1 to 3 ms old.
_LOSSES: Final = _all("(samples_lost)")
# One damaged answer may say anything that a whole one can say, so it stops as the motor's own fault would.
_GARBLED: Final = _all("motor_fault|motor_off|motor_hot|arm_stale")

LEADER_FAULTS: Final = (
    _leader("drop", _LOSSES, 0),
    _leader("duplicate", _all("-"), 0),
    _leader("reorder", _LOSSES, 0),
    _leader("delay", _all("-|(loop_gap)"), 0, words=" 10 ms", ms=10),
    _leader("delay", _all("leader_stale", "(leader_stale)"), 120, words=" 90 ms", ms=90),
    _leader("delay", _all("leader_silent"), 320, words=" 300 ms", ms=300),
    # Standing still, a reading that does not change is right.
    _leader(
        "freeze",
        {**_all("-"), Mode.FOLLOWING: "joint_frozen"},
        900,
        channel="right_j1",
        observe_s=1.8,
        detail="right_j1",
    ),
    _leader("bit_flip", _LOSSES, 0),
    # Firmware 2.1.0 knows no NaN: it sends -327.68, which is an angle; one that the joint may have, but stands still.
    _leader(
        "nan",
        {**_LOST, Mode.FOLLOWING: "joint_lost|joint_frozen"},
        900,
        channel="right_j4",
        detail="right_j4",
        observe_s=1.6,
    ),
    _leader("offset", _LOST, 260, channel="right_j2", deg=45, detail="right_j2"),
    _leader("wrong_seq", _all("-|(samples_lost)"), 0),
    _leader("wrong_length", _LOSSES, 0),
    _leader("silent_encoder", _all("chain_broken"), 260, channel="right_j5", detail="right_j5"),
    _leader("silent_encoder", _all("chain_broken"), 260, words=" second arm", channel="left_j3", detail="left_j3"),
    _leader("reboot", _all("leader_silent|leader_restarted"), 260),
    _leader("stop", _all("leader_silent"), 260),
    _leader("unplug", _all("leader_error"), 60),
    _leader("unplug", _all("leader_error"), 60, words=", replug", then={"kind": "replug"}),
    _leader("unplug", _all("leader_error"), 60, words=", other name", then={"kind": "replug", "name": "OTHER"}),
)

ARM_FAULTS: Final = (
    _arm("silent", _all("arm_stale"), 180, bus="can_right", motor=4, detail="right_j4"),
    *(
        _arm("status", _all("motor_fault"), 60, f" {status:X}", bus="can_right", motor=2, status=status, detail="j2")
        for status in range(8, 15)
    ),
    _arm("temperature", _all("(motor_warm)"), 0, " 75 C", bus="can_left", motor=1, mosfet_c=75),
    _arm("temperature", _all("motor_hot"), 200, " 90 C", bus="can_left", motor=1, mosfet_c=90, detail="left_j1"),
    _arm("drop", _all("-"), 0, " 1 in 5", probability=0.2),
    _arm("drop", _all("arm_stale"), 180, " all", bus="can_right", motor=1, detail="right_j1"),
    _arm("drop_commands", _all("arm_stale"), 180, " all", bus="can_right", motor=1, detail="right_j1"),
    _arm("duplicate", _all("-"), 0),
    _arm("reorder", _all("-"), 0),
    _arm("delay", _all("-"), 0, " 20 ms", delay_ms=20),
    _arm("delay", _all("arm_stale"), 180, " 250 ms", delay_ms=250),
    # Standing still, an answer that does not change is right.
    _arm(
        "freeze",
        {**_all("motor_frozen", "-"), Mode.ALIGNING: "motor_frozen|-"},
        700,
        bus="can_right",
        observe_s=1.4,
    ),
    _arm("bit_flip", _GARBLED, 400, probability=0.05),
    _arm("power_off", _all("arm_stale"), 180, bus="can_right", motor=3, detail="right_j3"),
    _arm("bus_off", _all("bus_off"), 60, bus="can_left", detail="can_left"),
    _arm("error_frames", _all("(bus_errors)"), 0, bus="can_left", rate_hz=100, observe_s=2.4),
    _arm("full_queue", _all("send_queue_full|arm_stale"), 200, bus="can_right"),
    _arm("unplug", _all("arm_error"), 60, bus="can_right"),
)

FAULTS: Final = (*LEADER_FAULTS, *ARM_FAULTS)
