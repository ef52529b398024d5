"""One emulated Damiao motor: command bytes and times in, answer bytes out; a driven inertia, heat and status between.

Nothing runs between two commands: each call first brings the motor up to its time. While it drives, in steps of at most
1 ms of the implicit Euler method, which no gain can make unstable; while it is off, by the exact solution of a shorted
motor that brakes itself. The motor's own time-out is applied at the moment it expired, however late anybody looks.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from firmware_bridge.damiao import (
    CLEAR_ERROR,
    DISABLE,
    ENABLE,
    FAULT_STATUSES,
    KD_MAX,
    KP_MAX,
    OP_READ,
    OP_REFRESH,
    OP_STORE,
    OP_WRITE,
    RANGES,
    READ_ONLY_REGISTERS,
    RID_BAUD_CODE,
    RID_CONTROL_MODE,
    RID_HARDWARE_VERSION,
    RID_MASTER_ID,
    RID_MOTOR_ID,
    RID_OVER_TEMPERATURE,
    RID_PMAX,
    RID_SERIAL_NUMBER,
    RID_SOFTWARE_VERSION,
    RID_SUB_VERSION,
    RID_TIMEOUT,
    RID_TMAX,
    RID_UNDER_VOLTAGE,
    RID_VMAX,
    SET_ZERO,
    STATUS_DISABLED,
    STATUS_ENABLED,
    STATUS_LOST_COMMUNICATION,
    STATUS_MOSFET_HOT,
    STATUS_ROTOR_HOT,
    Ranges,
    decode_register,
    encode_feedback,
    encode_register_answer,
)


class Body(NamedTuple):
    """What the motor moves, at the joint."""

    inertia_kg_m2: float
    damping_nm_s: float


BODIES: Final[dict[str, Body]] = {
    "8009": Body(0.06, 0.10),
    "8006": Body(0.05, 0.10),
    "6006": Body(0.03, 0.06),
    "4340": Body(0.03, 0.06),
    "4310": Body(0.008, 0.02),
    "3507": Body(0.004, 0.02),
}
STEP_NS: Final = 1_000_000
LONGEST_DRIVE_NS: Final = 2_000_000_000
"""A drive without a new command is settled after this; what remains of a longer gap changes nothing."""
SHORTED_S: Final = 0.012
"""Time constant of a motor with shorted windings coming to rest."""
REST_RAD_S: Final = 1e-3
AMBIENT_C: Final = 25.0
MOSFET_LIMIT_C: Final = 120.0
MOSFET_RISE_C: Final = 90.0
"""Rise at full torque for ever; the rotor is what trips."""
ROTOR_RISE_C: Final = 160.0
MOSFET_S: Final = 20.0
ROTOR_S: Final = 90.0
HEAT_NS: Final = 100_000_000
"""Temperatures move slowly: worked out so often."""


class DamiaoMotor:
    """The motor's whole state. Times are monotonic ns and never run backwards."""

    def __init__(
        self,
        motor_id: int,
        reply_id: int,
        model: str,
        start_rad: float = 0.0,
        *,
        t_ns: int = 0,
        fd: bool = False,
        gravity_nm: float = 0.0,
    ) -> None:
        body = BODIES[model]
        self.motor_id = motor_id
        self.reply_id = reply_id
        self.model = model
        self.position_rad = start_rad
        self.velocity_rad_s = 0.0
        self.torque_nm = 0.0
        self.status = STATUS_DISABLED
        self.mosfet_c = AMBIENT_C
        self.rotor_c = AMBIENT_C
        self.commands = 0
        """MIT commands taken since power-on."""
        self.last_position_code = 0
        self.forced_status: int | None = None
        """A fault that comes back however often it is cleared."""
        self.held_mosfet_c: float | None = None
        self.held_rotor_c: float | None = None
        """Temperatures held from outside, whatever the torque."""
        self.load_nm = 0.0
        """What presses against the joint from outside, downwards in position."""
        ranges = RANGES[model]
        self.registers: dict[int, float] = {
            RID_UNDER_VOLTAGE: 15.0,
            RID_OVER_TEMPERATURE: 100.0,
            RID_MASTER_ID: reply_id,
            RID_MOTOR_ID: motor_id,
            RID_TIMEOUT: 0,
            RID_CONTROL_MODE: 1,
            RID_HARDWARE_VERSION: 20,
            RID_SOFTWARE_VERSION: 5013,
            RID_SERIAL_NUMBER: 0x0E000000 + (reply_id << 8) + motor_id,
            RID_PMAX: ranges.p_max_rad,
            RID_VMAX: ranges.v_max_rad_s,
            RID_TMAX: ranges.t_max_nm,
            RID_BAUD_CODE: 9 if fd else 4,
            RID_SUB_VERSION: 1,
        }
        self.stored = dict(self.registers)
        """What the flash holds; a power cycle brings it back."""
        self._inertia = body.inertia_kg_m2
        self._damping = body.damping_nm_s
        self._gravity_nm = gravity_nm
        self._goal_rad = 0.0
        self._goal_rad_s = 0.0
        self._kp = 0.0
        self._kd = 0.0
        self._torque_ff_nm = 0.0
        self._t_ns = t_ns
        self._heard_ns = t_ns
        self._heat_from_ns = t_ns
        self._heat = 0.0
        self._apply_registers()

    def _apply_registers(self) -> None:
        registers = self.registers
        self._ranges = Ranges(registers[RID_PMAX], registers[RID_VMAX], registers[RID_TMAX])
        self._p_max, self._v_max, self._t_max = self._ranges
        self._p_scale = 2 * self._p_max / 65535
        self._v_scale = 2 * self._v_max / 4095
        self._t_scale = 2 * self._t_max / 4095
        self._timeout_ns = int(registers[RID_TIMEOUT]) * 50_000
        self._torque_limit = min(self._t_max, RANGES[self.model].t_max_nm)

    # -- the wire

    def command(self, data: bytes, t_ns: int) -> bytes | None:
        """A frame to the motor's own id: MIT command, enable, disable, zero, clear. The answer, None if it is junk."""
        if len(data) != 8:
            return None
        self.advance(t_ns)
        self._heard_ns = t_ns
        if data[:7] == b"\xff\xff\xff\xff\xff\xff\xff" and self._special(data):
            return self.feedback()
        code = int.from_bytes(data, "big")
        self.commands += 1
        self.last_position_code = code >> 48
        if self.status == STATUS_ENABLED:
            self._goal_rad = (code >> 48) * self._p_scale - self._p_max
            self._goal_rad_s = (code >> 36 & 0xFFF) * self._v_scale - self._v_max
            self._kp = (code >> 24 & 0xFFF) * (KP_MAX / 4095)
            self._kd = (code >> 12 & 0xFFF) * (KD_MAX / 4095)
            self._torque_ff_nm = (code & 0xFFF) * self._t_scale - self._t_max
        return self.feedback()

    def register(self, data: bytes, t_ns: int) -> bytes:
        """A frame to id 0x7FF that names this motor. Does not feed the motor's time-out. Raises WireError on junk."""
        self.advance(t_ns)
        _, operation, rid, value = decode_register(data)
        if operation == OP_REFRESH:
            return self.feedback()
        if operation == OP_STORE:
            if self.status != STATUS_ENABLED:
                self.stored = dict(self.registers)
            return data
        if operation == OP_WRITE and rid not in READ_ONLY_REGISTERS:
            self.set_register(rid, value)
        return encode_register_answer(
            self.motor_id, OP_WRITE if operation == OP_WRITE else OP_READ, rid, self.registers.get(rid, 0)
        )

    def set_register(self, rid: int, value: float) -> None:
        """Change a register as the wire or a fault does. Raises ValueError on a range no motor can have."""
        if rid in (RID_PMAX, RID_VMAX, RID_TMAX) and not 0 < value < math.inf:
            raise ValueError(f"register {rid}: {value}; expected a positive number")
        self.registers[rid] = value
        self._apply_registers()

    def feedback(self) -> bytes:
        return encode_feedback(
            self._ranges,
            self.motor_id,
            self.status,
            self.position_rad,
            self.velocity_rad_s,
            self.torque_nm,
            self.mosfet_c,
            self.rotor_c,
        )

    def _special(self, data: bytes) -> bool:
        if data == ENABLE:
            if self.status == STATUS_DISABLED:
                # No torque before the first command: an old goal must not move a motor that has just come on.
                self._release()
                self.status = STATUS_ENABLED
        elif data == DISABLE:
            self._release()
            if self.status == STATUS_ENABLED:
                self.status = STATUS_DISABLED
        elif data == SET_ZERO:
            if self.status != STATUS_ENABLED:
                self.position_rad = 0.0
        elif data == CLEAR_ERROR:
            if self.status in FAULT_STATUSES:
                self.status = STATUS_DISABLED
                self.check_health()
        else:
            return False
        return True

    def power_off(self) -> None:
        """The supply is gone: no torque, no fault remembered."""
        self._release()
        self.status = STATUS_DISABLED

    def power_on(self) -> None:
        """The supply is back: every register holds what the flash holds; what was only written is forgotten."""
        self.registers = dict(self.stored)
        self._apply_registers()

    # -- the body

    def advance(self, t_ns: int) -> None:
        """Bring the motor up to `t_ns`; switches it off with status D at the moment its own time-out expired."""
        if t_ns <= self._t_ns:
            return
        if self.status == STATUS_ENABLED:
            expiry_ns = self._heard_ns + self._timeout_ns
            if not self._timeout_ns or t_ns < expiry_ns:
                self._drive(t_ns)
            else:
                self._drive(expiry_ns)
                self._fail(STATUS_LOST_COMMUNICATION)
                self._coast(t_ns)
        else:
            self._coast(t_ns)
        if t_ns - self._heat_from_ns >= HEAT_NS:
            self._warm(t_ns)

    def _drive(self, t_ns: int) -> None:
        span_ns = t_ns - self._t_ns
        if span_ns <= 0:
            return
        self._t_ns = t_ns
        steps = (min(span_ns, LONGEST_DRIVE_NS) + STEP_NS - 1) // STEP_NS
        h = min(span_ns, LONGEST_DRIVE_NS) / steps * 1e-9
        p = self.position_rad
        v = self.velocity_rad_s
        kp = self._kp
        kd = self._kd
        goal = self._goal_rad
        limit = self._torque_limit
        damping = self._damping
        h_j = h / self._inertia
        push = self._torque_ff_nm + kd * self._goal_rad_s
        below = 1.0 + h_j * (kd + damping + h * kp)
        below_free = 1.0 + h_j * damping
        gravity = self._gravity_nm
        pressed = self.load_nm
        torque = 0.0
        for _ in range(steps):
            load = pressed + gravity * math.sin(p) if gravity else pressed
            v_new = (v + h_j * (kp * (goal - p) + push - load)) / below
            torque = kp * (goal - p - h * v_new) + push - kd * v_new
            if torque > limit:
                torque = limit
                v_new = (v + h_j * (limit - load)) / below_free
            elif torque < -limit:
                torque = -limit
                v_new = (v - h_j * (limit + load)) / below_free
            v = v_new
            p += h * v
        self.position_rad = p
        self.velocity_rad_s = v
        self.torque_nm = torque
        self._heat += torque * torque * span_ns

    def _coast(self, t_ns: int) -> None:
        v = self.velocity_rad_s
        if v:
            fade = math.exp((self._t_ns - t_ns) * 1e-9 / SHORTED_S)
            self.position_rad += v * SHORTED_S * (1.0 - fade)
            v *= fade
            self.velocity_rad_s = v if abs(v) > REST_RAD_S else 0.0
        self._t_ns = t_ns

    def _warm(self, t_ns: int) -> None:
        span_ns = t_ns - self._heat_from_ns
        share = self._heat / span_ns / (self._t_max * self._t_max)
        span_s = span_ns * 1e-9
        self._heat = 0.0
        self._heat_from_ns = t_ns
        self.mosfet_c = _warmed(self.mosfet_c, AMBIENT_C + MOSFET_RISE_C * share, span_s / MOSFET_S)
        self.rotor_c = _warmed(self.rotor_c, AMBIENT_C + ROTOR_RISE_C * share, span_s / ROTOR_S)
        self.check_health()

    def check_health(self) -> None:
        """Apply held temperatures and a forced fault, and trip where it is too hot."""
        if self.held_mosfet_c is not None:
            self.mosfet_c = self.held_mosfet_c
        if self.held_rotor_c is not None:
            self.rotor_c = self.held_rotor_c
        if self.forced_status is not None:
            self._fail(self.forced_status)
        elif self.status not in FAULT_STATUSES:
            if self.mosfet_c > MOSFET_LIMIT_C:
                self._fail(STATUS_MOSFET_HOT)
            elif self.rotor_c > self.registers[RID_OVER_TEMPERATURE]:
                self._fail(STATUS_ROTOR_HOT)

    def _fail(self, status: int) -> None:
        self._release()
        self.status = status

    def _release(self) -> None:
        self._kp = self._kd = self._torque_ff_nm = 0.0
        self.torque_nm = 0.0


def _warmed(now_c: float, settled_c: float, share_of_time_constant: float) -> float:
    return settled_c + (now_c - settled_c) * math.exp(-share_of_time_constant)
