"""The rig file: what is plugged in and what it may do. Degrees here; the station converts once, at load.

Strict: an unknown key, a bound broken or a name that points nowhere is a ConfigError that says which.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from station.settings.kinematics import Kinematics

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Positive = Annotated[float, Meta(gt=0)]
Celsius = Annotated[float, Meta(gt=0, le=150)]
Share = Annotated[float, Meta(gt=0, le=1)]
Degrees = Annotated[float, Meta(ge=-3600, le=3600)]


class LeaderJoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One encoder of the leader."""

    name: Name
    channel: Annotated[int, Meta(ge=0, le=63)]
    lower_deg: Degrees = -180.0
    """The joint's travel band: a reading outside it is a fault, and it chooses the 2-pi branch at the start."""
    upper_deg: Degrees = 180.0
    max_speed_deg_s: Annotated[float, Meta(gt=0, le=6000)] = 1500.0
    """No human joint is faster: a larger step between two samples is a fault of the reading."""


class Leader(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    driver: str
    port: str = ""
    """Serial device by its udev name; empty on emulated rigs."""
    baud: Annotated[int, Meta(ge=9600, le=12_000_000)] = 2_000_000
    rate_hz: Annotated[float, Meta(ge=10, le=4000)] = 1000.0
    calibration: str = ""
    """File beside the rig file: zero and sign of each joint."""
    parameters: dict[Name, float] = {}
    """Exo-wire boards: parameter name -> value; a board that differs is refused before work starts."""
    hold_after_ms: Annotated[float, Meta(ge=5, le=100)] = 30.0
    """Silence (or one silent joint) for longer: HOLD."""
    stop_after_ms: Annotated[float, Meta(ge=50, le=1000)] = 200.0
    """Silence for longer: protective stop."""
    enable_switch: Literal["used", "required"] = "used"
    """'used': obeyed where the leader has one. 'required': a leader without it is refused."""
    emergency_stop: Literal["used", "required"] = "used"
    """The leader's stop contact, likewise."""
    joints: Annotated[tuple[LeaderJoint, ...], Meta(min_length=1, max_length=64)]


class Bus(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    interface: str = "socketcan"
    """python-can interface; emulated rigs use the built-in hub."""
    channel: str = ""
    fd: bool = False
    """CAN FD with bit-rate switch."""


class ArmJoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One motor of the arm, its limits, and the leader joint it copies."""

    name: Name
    bus: Name
    id: Annotated[int, Meta(ge=1, le=0x7F)]
    reply_id: Annotated[int, Meta(ge=1, le=0x7FF)]
    model: str
    """Motor model, e.g. '8009': its ranges are known by the make's codec and read back at start."""
    leader: Name
    scale: Annotated[float, Meta(ge=-5, le=5)] = 1.0
    offset_deg: Degrees = 0.0
    """arm = scale * leader + offset."""
    lower_deg: Degrees
    upper_deg: Degrees
    speed_deg_s: Annotated[float, Meta(gt=0, le=3600)]
    accel_deg_s2: Annotated[float, Meta(gt=0, le=200_000)]
    decel_deg_s2: Annotated[float, Meta(gt=0, le=200_000)] | None = None
    """At least accel; absent: the same."""
    jerk_deg_s3: Positive | None = None
    kp: Annotated[float, Meta(gt=0, le=500)]
    kd: Annotated[float, Meta(gt=0, le=5)]
    """Without any the motor swings."""
    may_press: bool = False
    """A gripper: high torque for long is its work, and no reason to stop."""
    start_deg: Degrees = 0.0
    """Where the emulated motor stands at power-on; ignored on a real rig."""


class Arm(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    driver: str
    rate_hz: Annotated[float, Meta(ge=20, le=1000)] = 250.0
    watchdog_ms: Annotated[float, Meta(ge=10, le=200)] = 50.0
    """The motors' own communication time-out, programmed and read back."""
    feedback_stop_ms: Annotated[float, Meta(ge=10, le=500)] = 60.0
    """A motor that has not answered for longer: protective stop."""
    following_error_deg: Annotated[float, Meta(ge=2, le=90)] = 20.0
    """A joint further from where it was told to be, for a quarter of a second: stop."""
    temperature_warn_c: Celsius = 70.0
    temperature_slow_c: Celsius | None = None
    """Following goes on at align.speed_deg_s; absent: half-way between the other two."""
    temperature_stop_c: Celsius = 85.0
    torque_warn: Share = 0.7
    """Of a motor's peak torque by its data sheet, for a quarter of a second: told ..."""
    torque_slow: Share = 0.85
    """... following goes on at align.speed_deg_s ..."""
    torque_stop: Share = 0.95
    """... stop, motors off."""
    buses: Annotated[tuple[Bus, ...], Meta(min_length=1, max_length=8)]
    joints: Annotated[tuple[ArmJoint, ...], Meta(min_length=1, max_length=64)]
    kinematics: Kinematics | None = None
    """Where tools and elbows are; absent: joint angles alone are limited."""


def slow_temperature_c(arm: Arm) -> float:
    if arm.temperature_slow_c is not None:
        return arm.temperature_slow_c
    return (arm.temperature_warn_c + arm.temperature_stop_c) / 2


class Align(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How ALIGNING brings the arm to the leader before it may follow."""

    speed_deg_s: Annotated[float, Meta(gt=0, le=60)] = 25.0
    tolerance_deg: Annotated[float, Meta(gt=0, le=15)] = 3.0
    ticks: Annotated[int, Meta(ge=1, le=5000)] = 100
    """All joints within tolerance for so many ticks in a row."""
    leader_speed_deg_s: Annotated[float, Meta(gt=0, le=90)] = 30.0
    """The leader must be slower than this."""


class Loop(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    core: Annotated[int, Meta(ge=0, le=1023)] | None = None
    """CPU to pin the control process to; absent: the last one."""
    gap_flag_ms: Annotated[float, Meta(gt=0, le=100)] = 5.0
    gap_stop_ms: Annotated[float, Meta(gt=0, le=200)] = 20.0
    session_lease_ms: Annotated[float, Meta(ge=200, le=5000)] = 500.0
    screen_lease_ms: Annotated[float, Meta(ge=100, le=5000)] = 600.0


class Emulator(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only on emulated rigs: what the far ends pretend to be."""

    firmware: Literal["2.0.0", "2.1.0"] = "2.1.0"
    """Firmware of the emulated KER hub: '2.0.0' (87-byte frames) or '2.1.0' (sequence, error mask)."""
    bad_every: Annotated[int, Meta(ge=0, le=1000)] = 8
    """The emulated worker makes about one bad repetition in so many; 0 = never."""
    pace_s: Annotated[float, Meta(gt=0.5, le=60)] = 3.2
    """Usual duration of a repetition."""


class Rig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    emulated: bool = False
    task: Name = "microwave_door"
    leader: Leader
    arm: Arm
    align: Align = Align()
    loop: Loop = Loop()
    emulator: Emulator | None = None
    file: str = ""
    """Not a key of the file: where it was read from, for whoever has to mend it."""

    @property
    def where(self) -> str:
        """How an error begins."""
        return self.file or f"rig {self.name}"


Language = Literal["zh", "en"]
