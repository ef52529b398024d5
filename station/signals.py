"""The nouns that cross the station's rooms and processes. (What crosses to the hardware is in drivers/ports.py.)

Angles rad, speeds rad/s, times host monotonic ns (CLOCK_MONOTONIC, the same for all processes of the machine).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

import msgspec


class Mode(IntEnum):
    """What the arm is allowed to do."""

    DISCONNECTED = 0
    READY = 1
    ALIGNING = 2
    FOLLOWING = 3
    HOLD = 4
    STOPPING = 5
    STOPPED = 6


class JointAngles(NamedTuple):
    """Calibrated leader angles, rad, in the leader joint order of the rig file."""

    angle_rad: tuple[float, ...]
    age_ns: tuple[int, ...]
    """Age of each joint's last trustworthy reading at the time of the tick."""
    seq: int
    t_ns: int
    """When the newest sample was read."""


class ArmTarget(NamedTuple):
    """Where the leader asks the arm to be, rad, in the arm's joint order. NOT yet safe."""

    position_rad: tuple[float, ...]
    t_ns: int
    """`JointAngles.t_ns`, carried along."""


class BusHealth(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Troubles of one bus since the run began."""

    error_frames: int = 0
    bus_off: int = 0
    """Times."""
    overflowed: int = 0
    """Frames that the host had no room for."""
    is_off: bool = False
    """Nothing has come since it went off."""


class Tick(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of everything, as sent. Written by the control process once a slot; arrays in the order named."""

    index: int
    """Slots since the loop began; a jump is a lost tick."""
    slot_ns: int
    """The slot's scheduled time."""
    start_ns: int
    """When the sample had been read and decoded."""
    sent_ns: int
    """When the last frame had been handed over; 0 where nothing was sent."""
    compute_ns: int
    """From the sample's arrival to the frames ready to be handed over: read, decode, trust, calibrate, retarget, limit,
    encode, gate. 0 where nothing was sent."""
    late_ns: int
    """How long after the moment asked for the sleeping loop woke."""
    mode: int
    epoch: int
    # -- leader, in leader joint order
    sample_seq: int
    sample_t_ns: int
    sample_device_us: int
    samples_lost: int
    """Lost by the device's sequence since the loop began."""
    inputs: int
    counts: tuple[int, ...]
    health: tuple[int, ...]
    angle_rad: tuple[float, ...]
    """Measured: calibrated leader angles."""
    # -- arm, in arm joint order
    target_rad: tuple[float, ...]
    """Requested: retargeted, before any limit."""
    sent_rad: tuple[float, ...]
    """Sent: what the limiter made and the gate let through."""
    sent_rad_s: tuple[float, ...]
    arm_rad: tuple[float, ...]
    """The arm's own measurement."""
    arm_rad_s: tuple[float, ...]
    arm_nm: tuple[float, ...]
    arm_temperature_c: tuple[float, ...]
    arm_status: tuple[int, ...]
    feedback_age_ns: int
    """Age of the oldest joint's answer."""
    ticks_lost: int
    """Slots skipped since the loop began."""
    aligned: tuple[bool, ...]
    """While ALIGNING: which joints are within tolerance."""
    events: tuple[tuple[str, str], ...]
    """Events of this tick: (name of control/events.py, detail in words such as 'right_j4: 41 ms')."""
    buses: tuple[BusHealth, ...] = ()
    """The arm's, in the rig's order."""
    cause: str = ""
    """While HOLD, STOPPING, STOPPED: the first event that led here (a name of control/events.py) ..."""
    cause_detail: str = ""
    """... and its detail."""
    sample_taken_ns: int = 0
    """When the device took the sample, by its own clock mapped to the host's (never after sample_t_ns, its arrival); 0:
    not known."""


class IntentKind(StrEnum):
    """What a person may ask."""

    LEASE = "lease"
    """I am alive (screen in charge: every 100 ms; session: every 100 ms)."""
    ENGAGE = "engage"
    """Hold-to-run: follow me, repeated at least every 100 ms until FOLLOWING."""
    HOLD = "hold"
    STOP = "stop"
    """A stop request (never called an emergency stop)."""
    RESET = "reset"
    """A person has seen the reason of the stop; never moves anything."""
    SHUTDOWN = "shutdown"
    """Make the arm safe, then end the control process."""


class Role(StrEnum):
    SESSION = "session"
    SCREEN = "screen"
    PEDAL = "pedal"


class Intent(msgspec.Struct, frozen=True, array_like=True):
    """A person's input, one datagram. The sender's user is checked by the kernel's credentials, not by this text."""

    kind: IntentKind
    role: Role
    sent_ns: int


class Verdict(msgspec.Struct, frozen=True):
    """The judgement of one finished repetition; `reason` is '' when accepted."""

    number: int
    accepted: bool
    reason: str = ""
    """Code, e.g. 'reach_short' (see session/reasons.py for its words in both languages)."""
    detail: dict[str, str] = {}
    """What the words need: joint, value, limit, phase."""
    duration_s: float = 0.0
    t_ns: int = 0
    file: str = ""


class PhaseView(msgspec.Struct, frozen=True):
    name: str
    say: dict[str, str]
    """Words by language: 'zh', 'en'."""


class JointView(msgspec.Struct, frozen=True):
    name: str
    position_rad: float
    lower_rad: float
    upper_rad: float
    residual_rad: float
    """Target minus sent, what is left to align."""


class AlarmView(msgspec.Struct, frozen=True):
    """An exception that stands now; in views the worst first (session/monitor.py). Words are looked up by `event` in
    control/events.py."""

    event: str
    detail: str
    t_ns: int


class SessionView(msgspec.Struct, frozen=True):
    """Everything a screen draws; published by the session process 10 times a second and at every verdict."""

    t_ns: int
    rig: str
    worker: str
    task: str
    title: dict[str, str]
    version: int
    target: int
    accepted: int
    """Read back from the ledger: this shift's target counter for this task (survives a restart)."""
    rejected: int
    today: int
    """Accepted by this worker on this rig today, all tasks."""
    mode: int
    mode_since_ns: int
    stop_event: str
    """While STOPPING/STOPPED/HOLD: the first cause, by its name in control/events.py; else ''."""
    stop_detail: str
    phases: tuple[PhaseView, ...]
    phase: int
    """The phase to be reached next, an index into `phases`."""
    in_rep: bool
    rep_s: float
    """Clock of the running repetition; 0 while waiting."""
    rep_target_s: float
    last: Verdict | None
    recent: tuple[bool, ...]
    """Verdicts of the last 20 repetitions, oldest first."""
    pace_per_h: float
    """Accepted per hour of following, from the last 20 repetitions; pauses are no part of it; 0: too few to tell."""
    joints: tuple[JointView, ...]
    aligned: tuple[bool, ...]
    alarms: tuple[AlarmView, ...]
    samples_lost: int
    ticks: int
    ticks_lost: int
    rate_hz: float
    latency_us: float
    """Median of the last second, sample read -> command handed over."""
    records_lost: int
    """Ticks that the recorder missed (ring overrun); must be 0."""
    disk_free_mb: float
    shift_s: float
    finished: bool
    """The target is reached or the shift was ended: the files are complete."""
    accepted_this_run: int = 0
    """Accepted since this run began."""
    reduced_speed_mm_s: float = 0.0
    """Reduced-speed mode: no elbow, wrist or tool of the robot is faster; 0: full speed."""
    inputs: int = 0
    """INPUT_* bits of the leader (firmware_bridge/samples.py): its enable switch and emergency stop, where it has them;
    one that is no longer reported counts as released, as pressed; without the emergency stop's while none is heard."""
    is_arm_off: bool = False
    """Not every motor says, in an answer that is fresh, that it is on: the arm is not held, whatever the mode says."""
    buses: dict[str, BusHealth] = {}
    """The arm's, by name."""
    blocked: str = ""
    """While READY/HOLD: an event that has stood for a while and lets nothing start, by its name; while STOPPED: one
    that would refuse a reset now, other than the cause, which is over. '' where there is none."""
    must_let_go: bool = False
    """While READY/HOLD: the enable switch is gripped in vain before it was let go."""


class RequestKind(StrEnum):
    """What a screen may ask of the session process (what it asks of the arm is an Intent)."""

    WATCH = "watch"
    """Send me SessionViews from now on."""
    REJECT_LAST = "reject_last"
    FINISH = "finish"
    """End of shift: arm safe first, then the files."""


class Request(msgspec.Struct, frozen=True):
    kind: RequestKind
