"""What each fault must lead to in each mode: written by hand from what safety promises, never from what was seen.

A cell is one of: `name`, the arm stops for this reason; `(name)`, the arm goes on as before (or goes on standing) and
the event is told; `-`, the arm goes on and nothing needs to be told. Alternatives are separated by `|`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from firmware_bridge.damiao import FAULT_STATUSES, STATUS_WORDS
from station.signals import Mode

STATES: Final = (Mode.READY, Mode.FOLLOWING, Mode.ALIGNING, Mode.HOLD)
"""In the order in which they are quickest to reach one after another."""
MOVING: Final = (Mode.ALIGNING, Mode.FOLLOWING)
SETTLE_MS: Final = 250.0
"""From the last commanded step to a speed of the motors that counts as standing: their lag, and the time between two
looks."""
OLD_KER: Final = "ker_2_0_0"
"""A KER hub whose firmware numbers no samples, tells no missing encoder, and knows NaN."""
LEADERS: Final = ("ker", OLD_KER, "exo_wire")


@dataclass(frozen=True, eq=False)
class Fault:
    """`request` goes to the far end's control socket; `detect_ms`: the longest until the station may have noticed."""

    side: str
    kind: str
    request: Mapping[str, Any]
    expected: Mapping[Mode, str]
    detect_ms: float
    observe_s: float = 0.0
    """How long to look; 0: as long as standstill may take, and a little more."""
    then: Mapping[str, Any] | None = None
    """Asked after `request`, e.g. the replug after an unplug."""
    detail: str = ""
    """Must occur in the cause's detail."""
    words: str = ""
    leaders: tuple[str, ...] = LEADERS
    """Makes of leader that know this fault."""
    with_switch: Mapping[Mode, str] | None = None
    """What is expected instead on a leader with an enable switch, whose silence is a switch that was let go."""
    on_old: Mapping[Mode, str] | None = None
    """What is expected instead of the old KER firmware."""
    unless_near: tuple[str, float] | None = None
    """Made while this joint of the leader is not near so many degrees."""
    reset_says: str = ""
    """A person's reset while the fault stands must be refused with these words."""
    bound_joint: str = ""
    """This joint of the arm must come to the bound of its travel (and no joint ever beyond its own)."""
    mend: bool = False
    """Afterwards the exoskeleton is plugged in again: a reading wrongly believed is not believed to jump back, and
    samples that have become late stay so."""
    strands: bool = False
    """The arm is left at a bound of its workspace, from which the straight way home leads out: a new run goes on."""
    slow: bool = False
    """Following must go on at the speed of aligning only."""

    @property
    def name(self) -> str:
        return f"{self.side}.{self.kind}{self.words}"

    def expected_on(self, leader: str, state: Mode) -> str:
        if leader == "exo_wire" and self.with_switch is not None:
            return self.with_switch[state]
        if leader == OLD_KER and self.on_old is not None:
            return self.on_old[state]
        return self.expected[state]


def _all(moving: str, standing: str | None = None) -> dict[Mode, str]:
    standing = moving if standing is None else standing
    return {mode: moving if mode in MOVING else standing for mode in STATES}


_OPTIONS: Final = tuple(Fault.__dataclass_fields__)


def _leader(kind: str, expected: dict[Mode, str], detect_ms: float, words: str = "", **more: Any) -> Fault:
    options = {key: more.pop(key) for key in _OPTIONS if key in more}
    return Fault("leader", kind, {"kind": kind, **more}, expected, detect_ms, words=words, **options)


def _arm(kind: str, expected: dict[Mode, str], detect_ms: float, words: str = "", **more: Any) -> Fault:
    options = {key: more.pop(key) for key in _OPTIONS if key in more}
    return Fault("arm", kind, {"kind": kind, **more}, expected, detect_ms, words=words, **options)


# One encoder's reading is missing or impossible: held for 50 ms, then HOLD, after 200 ms a stop that names the joint.
_LOST: Final = _all("joint_lost")
# A sample lost in five is told and does no harm; the last good one is 1 to 3 ms old.
_LOSSES: Final = _all("(samples_lost)")
# One damaged answer may say anything that a whole one can say, so it stops as the motor's own fault would.
_GARBLED: Final = _all("motor_fault|motor_off|motor_hot")
_KER: Final = ("ker", OLD_KER)
_NEW_KER: Final = ("ker",)
_NEW: Final = ("ker", "exo_wire")
_EXO: Final = ("exo_wire",)

LEADER_FAULTS: Final = (
    _leader("drop", _LOSSES, 0),
    _leader("duplicate", _all("-"), 0),
    _leader("reorder", _LOSSES, 0),
    _leader("delay", _all("-"), 0, words=" 10 ms", ms=10),
    _leader(
        "delay",
        _all("leader_stale", "(leader_stale)"),
        120,
        words=" 90 ms",
        ms=90,
        with_switch=_all("enable_stale", "(leader_stale)"),
    ),
    _leader(
        "delay",
        _all("leader_silent"),
        320,
        words=" 300 ms",
        ms=300,
        with_switch=_all("enable_stale", "leader_silent"),
    ),
    # Standing still, a reading that does not change is right.
    _leader(
        "freeze",
        {**_all("-"), Mode.FOLLOWING: "joint_frozen"},
        900,
        channel="right_j1",
        observe_s=1.8,
        detail="right_j1",
        mend=True,
    ),
    _leader("bit_flip", _LOSSES, 0),
    # Firmware 2.1.0 knows no NaN: it sends -327.68, which is an angle: one that this joint can not have ...
    _leader(
        "nan",
        _all("joint_out_of_range"),
        260,
        channel="left_j4",
        detail="left_j4",
        leaders=_KER,
        on_old=_all("joint_lost"),
        mend=True,
    ),
    # ... or one that it may have, but does not get to so quickly.
    _leader(
        "nan",
        _LOST,
        260,
        words=" within the travel",
        channel="right_j4",
        detail="right_j4",
        leaders=_NEW_KER,
        unless_near=("right_j4", 63.3),
        mend=True,
    ),
    # All bits of the reading are set, and the board says that it is good: more than a turn has is no angle.
    _leader(
        "nan", _LOST, 260, words=" all bits set", channel="right_j4", detail="right_j4: not a number", leaders=_EXO
    ),
    _leader("checksum", _LOST, 260, channel="right_j4", detail="right_j4", leaders=_EXO),
    _leader("device_error", _LOST, 260, channel="right_j4", detail="right_j4", leaders=_EXO),
    _leader("offset", _LOST, 260, channel="right_j2", deg=45, detail="right_j2", mend=True),
    # As far as a person may bend, and further than the arm: it waits at its bound and comes back.
    _leader(
        "drift",
        _all("-"),
        0,
        words=" past a limit",
        channel="right_j6",
        deg=60,
        s=2.0,
        observe_s=2.4,
        bound_joint="right_j6",
    ),
    # Behind the robot stands the worker.
    _leader(
        "drift",
        {**_all("-"), Mode.ALIGNING: "workspace_limit|-", Mode.FOLLOWING: "workspace_limit"},
        5000,
        words=" towards the worker",
        channel="right_j1",
        deg=95,
        s=5.0,
        observe_s=5.4,
        strands=True,
    ),
    # A number out of its order is a sample lost or one too old; 2.0.0 has no numbers but its clock's.
    _leader("wrong_seq", _LOSSES, 0),
    _leader("wrong_length", _LOSSES, 0),
    # Firmware 2.0.0 tells of no missing encoder: it sends the last reading for ever, which is right while standing.
    _leader(
        "silent_encoder",
        _all("chain_broken"),
        260,
        channel="right_j5",
        detail="right_j5",
        leaders=_NEW,
    ),
    _leader(
        "silent_encoder",
        _all("chain_broken"),
        260,
        words=" second arm",
        channel="left_j3",
        detail="left_j3",
        leaders=_NEW,
    ),
    _leader(
        "silent_encoder",
        {**_all("-"), Mode.FOLLOWING: "joint_frozen"},
        900,
        words=" unsaid",
        channel="right_j5",
        observe_s=1.8,
        leaders=(OLD_KER,),
        mend=True,
    ),
    # Its clock can not be told from that of a hub that restarted.
    _leader("clock_step", _all("leader_restarted"), 120, s=-3600, leaders=_KER),
    _leader("clock_step", _all("leader_restarted"), 120, words=" ahead", s=3600, leaders=_KER),
    # The board's own schedule goes by its clock. Ahead: one sample tells, then the board takes its host for gone.
    _leader("clock_step", _all("leader_restarted"), 120, words=" ahead 60 s", s=60, leaders=_EXO),
    _leader("clock_step", _all("leader_restarted"), 120, words=" ahead 0.5 s", s=0.5, leaders=_EXO),
    # Back: it waits for its time to come again, and says so in its next beat, 100 ms after it was asked at most; the
    # enable switch counts as let go after 80 ms.
    _leader("clock_step", _all("leader_error|enable_stale", "leader_error"), 220, words=" back", s=-60, leaders=_EXO),
    # A tenth slow is 95 ms later each second, by the sample's own time; a hundredth quick is never late.
    _leader(
        "clock_drift",
        _all("leader_stale", "(leader_stale)"),
        1400,
        words=" slow",
        ppm=-100_000,
        observe_s=1.9,
        mend=True,
    ),
    _leader("clock_drift", _all("-"), 0, words=" quick", ppm=10_000, observe_s=1.5),
    # A board's own port goes with its power.
    _leader("reboot", _all("leader_silent"), 260, with_switch=_all("leader_error")),
    _leader("stop", _all("leader_silent"), 260, with_switch=_all("enable_stale", "leader_silent")),
    _leader("unplug", _all("leader_error"), 60),
    _leader("unplug", _all("leader_error"), 60, words=", replug", then={"kind": "replug"}),
    _leader("unplug", _all("leader_error"), 60, words=", other name", then={"kind": "replug", "name": "OTHER"}),
    _leader("other_board", _all("leader_error"), 60, reset_says="EMU-0002"),
    # Standing, nobody needs to hold the switch.
    _leader("enable_off", _all("enable_released", "-"), 60, leaders=_EXO),
    # On the way through both contacts are open for a moment; the way back through the middle is no way to go on.
    _leader("enable_through", _all("enable_pressed_through", "-"), 80, leaders=_EXO),
    _leader("enable_back", _all("enable_pressed_through", "-"), 80, leaders=_EXO, observe_s=1.8),
    _leader("enable_bounce", _all("enable_released", "-"), 60, leaders=_EXO),
    _leader("estop", _all("estop"), 60, leaders=_EXO),
)

ARM_FAULTS: Final = (
    _arm("silent", _all("arm_stale"), 180, bus="can_right", motor=4, detail="right_j4"),
    *(
        _arm(
            "status",
            _all("motor_fault"),
            60,
            f" {status:X} {STATUS_WORDS[status].partition(':')[0]}",
            bus="can_right",
            motor=2,
            status=status,
            detail="j2",
        )
        for status in sorted(FAULT_STATUSES)
    ),
    _arm("temperature", _all("(motor_warm)"), 0, " 75 C", bus="can_left", motor=1, mosfet_c=75),
    _arm("temperature", _all("(motor_slow)"), 0, " 80 C", bus="can_left", motor=1, mosfet_c=80, slow=True, observe_s=2),
    _arm("temperature", _all("motor_hot"), 200, " 90 C", bus="can_left", motor=1, mosfet_c=90, detail="left_j1"),
    _arm("drop", _all("-"), 0, " 1 in 5", probability=0.2),
    _arm("drop", _all("arm_stale"), 180, " all", bus="can_right", motor=1, detail="right_j1"),
    _arm("drop_commands", _all("arm_stale"), 180, " all", bus="can_right", motor=1, detail="right_j1"),
    _arm("duplicate", _all("-"), 0),
    _arm("reorder", _all("-"), 0),
    _arm("delay", _all("-"), 0, " 20 ms", delay_ms=20),
    _arm("delay", _all("bus_silent"), 180, " 250 ms", delay_ms=250),
    # Standing still, an answer that does not change is right.
    _arm(
        "freeze",
        _all("motor_frozen", "-"),
        700,
        bus="can_right",
        observe_s=1.4,
    ),
    _arm("wrong_length", _all("-"), 0, " 1 in 5", probability=0.2),
    _arm("wrong_length", _all("arm_stale"), 180, " all", bus="can_right", motor=1, detail="right_j1"),
    _arm("bit_flip", _GARBLED, 400, probability=0.05),
    _arm("power_off", _all("arm_stale"), 180, bus="can_right", motor=3, detail="right_j3"),
    _arm("bus_off", _all("bus_off"), 60, bus="can_left", detail="can_left"),
    _arm("error_frames", _all("(bus_errors)"), 0, bus="can_left", rate_hz=100, observe_s=2.4),
    # What is sent waits in the queue; that no answer comes is found before it is full.
    _arm("full_queue", _all("bus_silent"), 200, bus="can_right", detail="can_right"),
    _arm("power_off", _all("bus_silent"), 180, " of a bus", bus="can_left", detail="can_left"),
    _arm("unplug", _all("arm_error"), 60, bus="can_right"),
)

FAULTS: Final = (*LEADER_FAULTS, *ARM_FAULTS)
