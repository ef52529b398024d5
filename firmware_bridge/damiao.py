"""Damiao motors in MIT mode: the bytes of commands, feedback and registers, on CAN 2.0 or CAN FD.

A command goes to the motor's own id, registers to id 0x7FF, every answer comes on the motor's master id. Layouts and
status codes: the maker's DM-J manuals and its open drivers. All multi-byte fields of a command and of feedback are
big-endian bit strings; register values are little-endian.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from firmware_bridge.errors import WireError

REGISTER_ID: Final = 0x7FF
"""CAN id on which every motor listens for register frames; the addressed motor stands in the first two bytes."""

ENABLE: Final = b"\xff\xff\xff\xff\xff\xff\xff\xfc"
DISABLE: Final = b"\xff\xff\xff\xff\xff\xff\xff\xfd"
SET_ZERO: Final = b"\xff\xff\xff\xff\xff\xff\xff\xfe"
CLEAR_ERROR: Final = b"\xff\xff\xff\xff\xff\xff\xff\xfb"

KP_MAX: Final = 500.0
KD_MAX: Final = 5.0

# Status nibble of the feedback.
STATUS_DISABLED: Final = 0x0
STATUS_ENABLED: Final = 0x1
STATUS_OVER_VOLTAGE: Final = 0x8
STATUS_UNDER_VOLTAGE: Final = 0x9
STATUS_OVER_CURRENT: Final = 0xA
STATUS_MOSFET_HOT: Final = 0xB
STATUS_ROTOR_HOT: Final = 0xC
STATUS_LOST_COMMUNICATION: Final = 0xD
STATUS_OVERLOAD: Final = 0xE

STATUS_WORDS: Final[dict[int, str]] = {
    STATUS_DISABLED: "off",
    STATUS_ENABLED: "on",
    STATUS_OVER_VOLTAGE: "supply voltage too high",
    STATUS_UNDER_VOLTAGE: "supply voltage too low",
    STATUS_OVER_CURRENT: "current too high",
    STATUS_MOSFET_HOT: "power stage too hot",
    STATUS_ROTOR_HOT: "rotor too hot",
    STATUS_LOST_COMMUNICATION: "lost communication: no command within the motor's own time-out",
    STATUS_OVERLOAD: "overload",
}
FAULT_STATUSES: Final = frozenset(range(STATUS_OVER_VOLTAGE, STATUS_OVERLOAD + 1))

# Register numbers (RID).
RID_UNDER_VOLTAGE: Final = 0
RID_OVER_TEMPERATURE: Final = 2
RID_MASTER_ID: Final = 7
RID_MOTOR_ID: Final = 8
RID_TIMEOUT: Final = 9
"""The motor's own communication watchdog in units of 50 us; 0 = off."""
RID_CONTROL_MODE: Final = 10
RID_HARDWARE_VERSION: Final = 13
RID_SOFTWARE_VERSION: Final = 14
RID_SERIAL_NUMBER: Final = 15
RID_PMAX: Final = 21
RID_VMAX: Final = 22
RID_TMAX: Final = 23
RID_BAUD_CODE: Final = 35
RID_SUB_VERSION: Final = 36

UINT_REGISTERS: Final = frozenset({7, 8, 9, 10, 13, 14, 15, 16, 35, 36})
"""Registers that hold a u32; all others hold a float32."""
READ_ONLY_REGISTERS: Final = frozenset({*range(11, 21), 36, *range(50, 57), *range(59, 66), 80, 81})
REGISTER_NAMES: Final[dict[int, str]] = {
    RID_UNDER_VOLTAGE: "UV_Value",
    RID_OVER_TEMPERATURE: "OT_Value",
    RID_MASTER_ID: "MST_ID",
    RID_MOTOR_ID: "ESC_ID",
    RID_TIMEOUT: "TIMEOUT",
    RID_CONTROL_MODE: "CTRL_MODE",
    RID_HARDWARE_VERSION: "hw_ver",
    RID_SOFTWARE_VERSION: "sw_ver",
    RID_SERIAL_NUMBER: "SN",
    RID_PMAX: "PMAX",
    RID_VMAX: "VMAX",
    RID_TMAX: "TMAX",
    RID_BAUD_CODE: "can_br",
    RID_SUB_VERSION: "sub_ver",
}
CONTROL_MODE_MIT: Final = 1
CONTROL_MODE_WORDS: Final = {1: "MIT", 2: "position-velocity", 3: "velocity", 4: "force-position"}
TIMEOUT_UNIT_S: Final = 50e-6

OP_READ: Final = 0x33
OP_WRITE: Final = 0x55
OP_STORE: Final = 0xAA
OP_REFRESH: Final = 0xCC


class Ranges(NamedTuple):
    """What full scale means: the wire's fields run from -max to +max. Held by the motor in registers 21 to 23."""

    p_max_rad: float
    v_max_rad_s: float
    t_max_nm: float


RANGES: Final[dict[str, Ranges]] = {
    "3507": Ranges(12.5, 50.0, 5.0),
    "4310": Ranges(12.5, 30.0, 10.0),
    "4340": Ranges(12.5, 10.0, 28.0),
    "6006": Ranges(12.5, 45.0, 20.0),
    "8006": Ranges(12.5, 45.0, 40.0),
    "8009": Ranges(12.5, 45.0, 54.0),
}
"""As shipped by the maker. Libraries and firmware differ for some, so the driver reads the motor's own and compares."""


class MitCommand(NamedTuple):
    position_rad: float
    velocity_rad_s: float
    kp: float
    kd: float
    torque_nm: float


class Feedback(NamedTuple):
    motor_id: int
    """Low 4 bits of the motor's id."""
    status: int
    position_rad: float
    velocity_rad_s: float
    torque_nm: float
    mosfet_c: int
    rotor_c: int


class RegisterFrame(NamedTuple):
    motor_id: int
    operation: int
    """OP_READ, OP_WRITE, OP_STORE or OP_REFRESH."""
    rid: int
    value: float
    """As the register's type says (u32 or float32); 0 where the operation carries none."""


_FRAME = struct.Struct(">Q")
_FEEDBACK = struct.Struct(">BHBHBB")
_U32 = struct.Struct("<I")
_F32 = struct.Struct("<f")


def _clamp(name: str, value: float, limit: float, lower: float) -> float:
    if not math.isfinite(value):
        raise WireError(f"Damiao command: {name} is {value}; expected a finite number; this command must not be sent")
    return limit if value > limit else lower


def encode_gains(ranges: Ranges, kp: float, kd: float, torque_nm: float) -> int:
    """The low 36 bits of a command: what stays the same from tick to tick. Clamps; raises WireError if not finite."""
    t_max = ranges.t_max_nm
    if not 0.0 <= kp <= KP_MAX:
        kp = _clamp("kp", kp, KP_MAX, 0.0)
    if not 0.0 <= kd <= KD_MAX:
        kd = _clamp("kd", kd, KD_MAX, 0.0)
    if not -t_max <= torque_nm <= t_max:
        torque_nm = _clamp("torque", torque_nm, t_max, -t_max)
    return (
        int(kp * 4095 / KP_MAX) << 24
        | int(kd * 4095 / KD_MAX) << 12
        | int((torque_nm + t_max) * 4095 / (t_max + t_max))
    )


def encode_motion(ranges: Ranges, position_rad: float, velocity_rad_s: float, gains: int) -> bytes:
    """An MIT command from its changing part and `encode_gains`' number: the quick way for a loop.

    Values outside a range go to its end, as in the maker's code; truncation towards the lower end likewise.
    Raises WireError on NaN or an infinity.
    """
    p_max = ranges.p_max_rad
    v_max = ranges.v_max_rad_s
    if not -p_max <= position_rad <= p_max:
        position_rad = _clamp("position", position_rad, p_max, -p_max)
    if not -v_max <= velocity_rad_s <= v_max:
        velocity_rad_s = _clamp("velocity", velocity_rad_s, v_max, -v_max)
    return _FRAME.pack(
        int((position_rad + p_max) * 65535 / (p_max + p_max)) << 48
        | int((velocity_rad_s + v_max) * 4095 / (v_max + v_max)) << 36
        | gains
    )


class MotionRow(NamedTuple):
    """One motor's part of `encode_motions` and `decode_motions`, worked out once."""

    p_max_rad: float
    v_max_rad_s: float
    p_span_rad: float
    v_span_rad_s: float
    gains: int


def motion_row(ranges: Ranges, gains: int) -> MotionRow:
    """`gains`: of `encode_gains`."""
    return MotionRow(ranges.p_max_rad, ranges.v_max_rad_s, 2 * ranges.p_max_rad, 2 * ranges.v_max_rad_s, gains)


def encode_motions(
    rows: Sequence[MotionRow], position_rad: Sequence[float], velocity_rad_s: Sequence[float]
) -> list[bytes]:
    """`encode_motion` for all motors of an arm at once, in the rows' order. Raises WireError on NaN or an infinity."""
    frames = []
    for (p_max, v_max, p_span, v_span, gains), position, velocity in zip(
        rows, position_rad, velocity_rad_s, strict=True
    ):
        if not -p_max <= position <= p_max:
            position = _clamp("position", position, p_max, -p_max)
        if not -v_max <= velocity <= v_max:
            velocity = _clamp("velocity", velocity, v_max, -v_max)
        code = int((position + p_max) * 65535 / p_span) << 48 | int((velocity + v_max) * 4095 / v_span) << 36 | gains
        frames.append(code.to_bytes(8, "big"))
    return frames


def decode_motions(rows: Sequence[MotionRow], frames: Sequence[bytes]) -> tuple[list[float], list[float], list[int]]:
    """What each motor reads: positions, velocities and gains (`decode_gains` reads them on).

    Raises WireError on a frame that is not of 8 bytes.
    """
    positions, velocities, gains = [], [], []
    for (p_max, v_max, p_span, v_span, _), data in zip(rows, frames, strict=True):
        if len(data) != 8:
            raise WireError(f"Damiao command of {len(data)} bytes; expected 8")
        code = int.from_bytes(data, "big")
        positions.append((code >> 48) * p_span / 65535 - p_max)
        velocities.append((code >> 36 & 0xFFF) * v_span / 4095 - v_max)
        gains.append(code & 0xF_FFFF_FFFF)
    return positions, velocities, gains


def decode_gains(ranges: Ranges, gains: int) -> tuple[float, float, float]:
    """kp (N m/rad), kd (N m s/rad) and torque (N m) of the low 36 bits of a command: the reverse of `encode_gains`."""
    t_max = ranges.t_max_nm
    return (
        (gains >> 24 & 0xFFF) * KP_MAX / 4095,
        (gains >> 12 & 0xFFF) * KD_MAX / 4095,
        (gains & 0xFFF) * (t_max + t_max) / 4095 - t_max,
    )


def encode_mit(
    ranges: Ranges, position_rad: float, velocity_rad_s: float, kp: float, kd: float, torque_nm: float
) -> bytes:
    """One MIT command, 8 bytes: position u16, velocity u12, kp u12 (0..500), kd u12 (0..5), torque u12.

    Values outside a range go to its end. Raises WireError on NaN or an infinity.
    """
    return encode_motion(ranges, position_rad, velocity_rad_s, encode_gains(ranges, kp, kd, torque_nm))


def decode_mit(ranges: Ranges, data: bytes) -> MitCommand:
    """What a motor with these ranges reads out of an MIT command. Raises WireError when it is not 8 bytes."""
    (position_rad,), (velocity_rad_s,), (gains,) = decode_motions([motion_row(ranges, 0)], [data])
    return MitCommand(position_rad, velocity_rad_s, *decode_gains(ranges, gains))


def encode_feedback(
    ranges: Ranges,
    motor_id: int,
    status: int,
    position_rad: float,
    velocity_rad_s: float,
    torque_nm: float,
    mosfet_c: float,
    rotor_c: float,
) -> bytes:
    """A motor's answer, 8 bytes. Measured values outside a range go to its end; temperatures to 0..255 C."""
    p_max, v_max, t_max = ranges
    if not -p_max <= position_rad <= p_max:
        position_rad = _clamp("measured position", position_rad, p_max, -p_max)
    if not -v_max <= velocity_rad_s <= v_max:
        velocity_rad_s = _clamp("measured velocity", velocity_rad_s, v_max, -v_max)
    if not -t_max <= torque_nm <= t_max:
        torque_nm = _clamp("measured torque", torque_nm, t_max, -t_max)
    velocity = int((velocity_rad_s + v_max) * 4095 / (v_max + v_max))
    return _FEEDBACK.pack(
        status << 4 | motor_id & 0xF,
        int((position_rad + p_max) * 65535 / (p_max + p_max)),
        velocity >> 4,
        (velocity & 0xF) << 12 | int((torque_nm + t_max) * 4095 / (t_max + t_max)),
        0 if mosfet_c < 0 else 255 if mosfet_c > 255 else int(mosfet_c),
        0 if rotor_c < 0 else 255 if rotor_c > 255 else int(rotor_c),
    )


def decode_feedback(ranges: Ranges, data: bytes) -> Feedback:
    """A motor's answer in rad, rad/s, N m, C. Raises WireError when it is not 8 bytes.

    The wire has no mark that tells feedback from a register answer: see `is_register_answer`.
    """
    if len(data) != 8:
        raise WireError(f"Damiao feedback of {len(data)} bytes; expected 8")
    head, position, velocity_high, rest, mosfet_c, rotor_c = _FEEDBACK.unpack(data)
    p_max, v_max, t_max = ranges
    return Feedback(
        head & 0xF,
        head >> 4,
        position * (p_max + p_max) / 65535 - p_max,
        (velocity_high << 4 | rest >> 12) * (v_max + v_max) / 4095 - v_max,
        (rest & 0xFFF) * (t_max + t_max) / 4095 - t_max,
        mosfet_c,
        rotor_c,
    )


def is_register_answer(motor_id: int, data: bytes) -> bool:
    """Whether an 8-byte answer reads as a register frame of this motor.

    Feedback with status 0 and a position within 0.1 rad of -PMAX can look the same; a joint never stands there, so
    such a frame is better taken for a late register answer than for a joint that jumped four turns.
    """
    return data[2] in (OP_READ, OP_WRITE, OP_STORE) and data[0] == motor_id & 0xFF and data[1] == motor_id >> 8 & 0xFF


def _encode_register(motor_id: int, operation: int, rid: int, value: bytes = bytes(4)) -> bytes:
    return bytes((motor_id & 0xFF, motor_id >> 8 & 0xFF, operation, rid)) + value


def encode_register_read(motor_id: int, rid: int) -> bytes:
    return _encode_register(motor_id, OP_READ, rid)


def encode_register_write(motor_id: int, rid: int, value: float) -> bytes:
    """Sets a register in the motor's memory, lost at power-off unless stored. Raises WireError if it does not fit."""
    return _encode_register(motor_id, OP_WRITE, rid, encode_register_value(rid, value))


def encode_register_answer(motor_id: int, operation: int, rid: int, value: float) -> bytes:
    """What a motor answers to a read or a write: the same head and the register's value now."""
    return _encode_register(motor_id, operation, rid, encode_register_value(rid, value))


def encode_store(motor_id: int) -> bytes:
    """Writes all registers to the motor's flash. Only while it is disabled; flash wears, so never in a loop."""
    return _encode_register(motor_id, OP_STORE, 1)


def encode_refresh(motor_id: int) -> bytes:
    """Asks for one feedback frame and changes nothing."""
    return _encode_register(motor_id, OP_REFRESH, 0)


def encode_register_value(rid: int, value: float) -> bytes:
    """4 bytes, u32 or float32 by the register. Raises WireError when the value does not fit the type."""
    try:
        return _U32.pack(int(value)) if rid in UINT_REGISTERS else _F32.pack(value)
    except (struct.error, OverflowError, ValueError) as error:
        kind = "a whole number 0..4294967295" if rid in UINT_REGISTERS else "a float32"
        raise WireError(f"Damiao register {register_name(rid)}: {value} does not fit; expected {kind}") from error


def decode_register(data: bytes) -> RegisterFrame:
    """Any frame to id 0x7FF, or a motor's answer to one. Raises WireError on a wrong length or operation."""
    if len(data) != 8:
        raise WireError(f"Damiao register frame of {len(data)} bytes; expected 8")
    operation = data[2]
    rid = data[3]
    if operation not in (OP_READ, OP_WRITE, OP_STORE, OP_REFRESH):
        raise WireError(f"Damiao register frame: operation 0x{operation:02x}; expected 33, 55, AA or CC")
    value: float = 0
    if operation in (OP_READ, OP_WRITE):
        value = (_U32 if rid in UINT_REGISTERS else _F32).unpack_from(data, 4)[0]
    return RegisterFrame(data[0] | data[1] << 8, operation, rid, value)


def register_name(rid: int) -> str:
    """'21 (PMAX)'."""
    name = REGISTER_NAMES.get(rid)
    return f"{rid} ({name})" if name else str(rid)


def status_words(status: int) -> str:
    """A status code in plain words."""
    return STATUS_WORDS.get(status, f"unknown status 0x{status:X}")


def timeout_units(timeout_s: float) -> int:
    """Seconds to register 9's units of 50 us. Raises WireError outside 50 us .. 214748 s: 0 would switch it off."""
    units = round(timeout_s / TIMEOUT_UNIT_S) if math.isfinite(timeout_s) else 0
    if not 1 <= units <= 0xFFFFFFFF:
        raise WireError(f"Damiao time-out: {timeout_s} s; expected a positive time; 0 would switch the watchdog off")
    return units
