"""An arm of Damiao motors in MIT mode, on one or more CAN buses: commands out, feedback in.

The motors stop by themselves: their own communication time-out is set and read back before any of them is switched on.
"""

from __future__ import annotations

import contextlib
import math
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from drivers.arms.damiao_check_in import Meeting, check_in
from drivers.can_bus import CanBus, open_bus
from drivers.errors import BusFullError, DriverError
from drivers.ports import ArmCommand, ArmFeedback, LinkCounters, MotorMost, Pull, Told, WireFrame
from firmware_bridge.damiao import (
    CLEAR_ERROR,
    DISABLE,
    ENABLE,
    FAULT_STATUSES,
    KD_MAX,
    KP_MAX,
    OP_READ,
    OP_WRITE,
    RANGES,
    REGISTER_ID,
    RID_SOFTWARE_VERSION,
    RID_TIMEOUT,
    decode_gains,
    decode_motions,
    decode_register,
    encode_gains,
    encode_motions,
    encode_refresh,
    encode_register_read,
    encode_register_write,
    is_register_answer,
    motion_row,
    status_words,
    timeout_units,
)
from firmware_bridge.damiao_models import SHEETS
from firmware_bridge.errors import WireError

STOP_BOUND_S: Final = 0.04
"""For `stop()` on all buses together."""
_ASKS: Final = 10
"""So often a motor is asked for its time-out, REFRESH_NS apart: a question or its answer may be lost."""
_LONG_AGO: Final = -(1 << 62)
REFRESH_NS: Final = 10_000_000
"""Motors speak only when spoken to: after so long without a frame, `read` asks for their state."""
_make_frame: Final = tuple.__new__
"""A named tuple's own constructor costs as much as encoding the frame."""
_FEEDBACK: Final = struct.Struct(">BHBHBB")


@dataclass(frozen=True, slots=True)
class DamiaoBus:
    """One CAN bus: a python-can interface and channel. `fd`: CAN FD frames with bit-rate switch."""

    name: str
    interface: str
    channel: str
    fd: bool = False


@dataclass(frozen=True, slots=True)
class DamiaoJoint:
    """One motor, in the arm's joint order. `bus` is an index into the arm's buses."""

    name: str
    bus: int
    motor_id: int
    reply_id: int
    model: str
    kp: float
    kd: float


class DamiaoArm:
    """See `drivers.ports.FramedArm`."""

    def __init__(
        self,
        buses: Sequence[DamiaoBus],
        joints: Sequence[DamiaoJoint],
        watchdog_s: float,
        name: str = "damiao",
    ) -> None:
        """Opens nothing. Raises DriverError where ids collide, a model is unknown or the time-out is impossible."""
        _check(buses, joints)
        self.name = name
        self.joints = tuple(joint.name for joint in joints)
        self.identity = f"Damiao, {len(joints)} motors, not met yet"
        self.counters: tuple[LinkCounters, ...] = tuple(LinkCounters() for _ in buses)
        self._settings = tuple(joints)
        self._bus_settings = tuple(buses)
        self._ranges = tuple(RANGES[joint.model] for joint in joints)
        self.most = tuple(MotorMost(*SHEETS[joint.model]) for joint in joints)
        self.position_step_rad = tuple(2 * ranges.p_max_rad / 65535 for ranges in self._ranges)
        self.velocity_step_rad_s = tuple(2 * ranges.v_max_rad_s / 4095 for ranges in self._ranges)
        self.pull_step = tuple(Pull(KP_MAX / 4095, KD_MAX / 4095, 2 * r.t_max_nm / 4095) for r in self._ranges)
        try:
            self._timeout_units = timeout_units(watchdog_s)
            gains = [encode_gains(ranges, j.kp, j.kd, 0.0) for ranges, j in zip(self._ranges, joints, strict=True)]
        except WireError as error:
            raise DriverError(f"arm {name}: {error}") from error
        self._motors = tuple((joint.bus, joint.motor_id) for joint in joints)
        self._rows = tuple(motion_row(ranges, gain) for ranges, gain in zip(self._ranges, gains, strict=True))
        self._joint_of = [
            {joint.motor_id: index for index, joint in enumerate(joints) if joint.bus == bus}
            for bus in range(len(buses))
        ]
        self._by_reply = [
            {
                joint.reply_id: (index, joint.motor_id, *ranges, *_steps(ranges))
                for index, (joint, ranges) in enumerate(zip(joints, self._ranges, strict=True))
                if joint.bus == bus
            }
            for bus in range(len(buses))
        ]
        self._buses: tuple[CanBus, ...] = ()
        self._senders: tuple[dict[int, bytes], ...] = ()
        self._tails: tuple[bytes, ...] = ()
        self._forget()

    def _forget(self) -> None:
        count = len(self.joints)
        self._position = [math.nan] * count
        self._velocity = [math.nan] * count
        self._torque = [math.nan] * count
        self._temperature = [math.nan] * count
        self._status = [0] * count
        self._t_ns = [0] * count
        self._feedback = self._make_feedback()
        self._waits_to_be_on: set[int] = set()
        self._tells_its_time_out: set[int] = set()
        self._asks = self._spoken_ns = 0
        self._has_spoken = False

    # -- open and close

    def __enter__(self) -> Self:
        """Open the buses and meet every motor. Raises DriverError; then nothing stays open and no motor stays on."""
        self._forget()
        opened: list[CanBus] = []
        try:
            for bus in self._bus_settings:
                opened.append(open_bus(bus.interface, bus.channel, fd=bus.fd, name=bus.name))
            self._take_buses(opened)
            meetings = [
                Meeting(j.name, j.bus, j.motor_id, j.reply_id, j.model, ranges, self._timeout_units)
                for j, ranges in zip(self._settings, self._ranges, strict=True)
            ]
            check_in(opened, meetings)
            versions = sorted({int(meeting.values.get(RID_SOFTWARE_VERSION, 0)) for meeting in meetings})
            self.identity = (
                f"Damiao, {len(meetings)} motors on {', '.join(bus.name for bus in self._bus_settings)}, "
                f"firmware {', '.join(map(str, versions))}"
            )
            self._refresh()
        except BaseException:
            self._buses = tuple(opened)
            self._close()
            raise
        return self

    def _take_buses(self, opened: Sequence[CanBus]) -> None:
        self._buses = tuple(opened)
        self.counters = tuple(bus.counters for bus in opened)
        self._senders = tuple(
            {can_id: bus.header(can_id, 8) for can_id in (*self._joint_of[index], REGISTER_ID)}
            for index, bus in enumerate(opened)
        )
        self._tails = tuple(bytes(56) if bus.fd else b"" for bus in opened)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self.stop()
        for bus in self._buses:
            bus.close()
        self._buses = ()

    def filenos(self) -> tuple[int, ...]:
        return tuple(bus.fileno() for bus in self._buses)

    # -- commands

    def enable(self) -> None:
        """Ask every motor to switch on. No torque before the first command.

        Each is given its time-out again, for a motor that lost its supply has forgotten it; `read` switches it on when
        it has confirmed that, and has it tell the time-out once more behind that. Raises DriverError when a bus is gone
        or takes no frame.
        """
        self._waits_to_be_on = set(range(len(self._rows)))
        for bus, motor_id in self._motors:
            self._hand_over(bus, REGISTER_ID, encode_register_write(motor_id, RID_TIMEOUT, self._timeout_units))
        self._has_spoken = True

    def _take_register(self, index: int, data: bytes) -> None:
        """A register answer outside the check-in: of the time-out, or one that came late and means nothing."""
        is_written = index in self._waits_to_be_on and data[2] == OP_WRITE
        is_told = index in self._tells_its_time_out and data[2] == OP_READ
        if data[3] != RID_TIMEOUT or not (is_written or is_told):
            return
        bus, motor_id = self._motors[index]
        units = decode_register(data).value
        if units != self._timeout_units:
            raise DriverError(
                f"motor {self.joints[index]} (id {motor_id}, bus {self._buses[bus].name}): its time-out reads back "
                f"{units}; expected {self._timeout_units}; it may not be on, as it would not stop by itself: check its "
                f"supply and its firmware"
            )
        if is_told:
            self._tells_its_time_out.discard(index)
            return
        self._waits_to_be_on.discard(index)
        if self._status[index] in FAULT_STATUSES:
            self._hand_over(bus, motor_id, CLEAR_ERROR)
        self._hand_over(bus, motor_id, ENABLE)
        # A motor whose supply failed between its confirmation and being switched on would be on without a time-out.
        self._tells_its_time_out.add(index)
        self._asks, self._asked_ns = _ASKS, _LONG_AGO

    def _ask_time_outs(self, now_ns: int) -> None:
        self._asks -= 1
        self._asked_ns = now_ns
        with contextlib.suppress(BusFullError):
            for index in self._tells_its_time_out:
                bus, motor_id = self._motors[index]
                self._hand_over(bus, REGISTER_ID, encode_register_read(motor_id, RID_TIMEOUT))

    def encode(self, command: ArmCommand) -> list[WireFrame]:
        """One MIT frame a motor, in joint order. Raises WireError on a number that is not finite."""
        frames = encode_motions(self._rows, command.position_rad, command.velocity_rad_s)
        return [_make_frame(WireFrame, (bus, motor_id, data)) for (bus, motor_id), data in zip(self._motors, frames)]

    def decode(self, frames: Sequence[WireFrame]) -> Told:
        """What the motors will understand. Raises WireError on a frame that is not for one of the arm's motors."""
        if tuple([frame[:2] for frame in frames]) == self._motors:  # one each, in joint order: as `encode` makes them
            positions, velocities, gains = decode_motions(self._rows, [frame[2] for frame in frames])
            return Told(tuple(positions), tuple(velocities), tuple(gains))
        position = [math.nan] * len(self.joints)
        velocity = [math.nan] * len(self.joints)
        rest = [-1] * len(self.joints)
        for bus, can_id, data in frames:
            joint = self._joint_of[bus].get(can_id)
            if joint is None:
                raise WireError(f"arm {self.name}: frame to id 0x{can_id:x} on bus {bus}; expected a motor of the arm")
            (position[joint],), (velocity[joint],), (rest[joint],) = decode_motions([self._rows[joint]], [data])
        return Told(tuple(position), tuple(velocity), tuple(rest))

    def pull(self, joint: int, rest: int) -> Pull:
        return Pull(*decode_gains(self._ranges[joint], rest))

    def transmit(self, frames: Sequence[WireFrame]) -> None:
        """Raises DriverError when a bus is gone; BusFullError (see `FramedArm.transmit`) when one takes no frame."""
        buses = self._buses
        senders = self._senders
        tails = self._tails
        if not buses:
            raise DriverError(f"arm {self.name} is not open; expected to be inside its 'with' block")
        full: BusFullError | None = None
        full_buses: list[int] = []
        for bus, can_id, data in frames:
            if full is not None and bus in full_buses:
                full.untold += (self._joint_of[bus][can_id],)
                continue
            try:
                buses[bus].send_packed(senders[bus][can_id] + data + tails[bus])
            except BusFullError as error:
                full = full or error
                full_buses.append(bus)
                full.untold += (self._joint_of[bus][can_id],)
        self._has_spoken = True
        if full is not None:
            raise full

    def send(self, command: ArmCommand) -> None:
        self.transmit(self.encode(command))

    def stop(self) -> None:
        """Switch every motor off. Never raises; a bus that takes no frame costs its share of STOP_BOUND_S."""
        self._waits_to_be_on.clear()
        self._tells_its_time_out.clear()
        if not self._buses:
            return
        share_s = STOP_BOUND_S / len(self._buses)
        for index, bus in enumerate(self._buses):
            deadline_s = time.monotonic() + share_s
            for motor_id in self._joint_of[index]:
                raw = bus.header(motor_id, 8) + DISABLE + (bytes(56) if bus.fd else b"")
                # One motor that cannot be told must not keep the others from being told; its own time-out stops it.
                with contextlib.suppress(DriverError):
                    bus.send_packed(raw, max(0.0, min(share_s / 4, deadline_s - time.monotonic())))

    def _hand_over(self, bus: int, can_id: int, data: bytes) -> None:
        if not self._buses:
            raise DriverError(f"arm {self.name} is not open; expected to be inside its 'with' block")
        self._buses[bus].send_packed(self._senders[bus][can_id] + data + self._tails[bus])

    def _refresh(self) -> None:
        for bus, motor_id in self._motors:
            self._hand_over(bus, REGISTER_ID, encode_refresh(motor_id))
        self._has_spoken = True

    # -- feedback

    def read(self, now_ns: int) -> ArmFeedback:
        """Take all frames that have arrived; while nothing is being sent, ask the motors for their state.

        Frames that are not an answer of one of the arm's motors are ignored. Raises DriverError when a bus is gone.
        """
        changed = False
        for bus, known in zip(self._buses, self._by_reply):
            for can_id, data in bus.receive_all():
                row = known.get(can_id)
                if row is None:
                    continue
                index, motor_id, p_max, v_max, t_max, p_step, v_step, t_step = row
                if len(data) != 8:
                    bus.counters.bad += 1
                    continue
                head, position, velocity_high, rest, mosfet_c, rotor_c = _FEEDBACK.unpack(data)
                if position < 0x100 and is_register_answer(motor_id, data):
                    self._take_register(index, data)  # as feedback it would be a jump of four turns
                    continue
                if head & 0xF != motor_id & 0xF:
                    bus.counters.bad += 1
                    continue
                self._position[index] = position * p_step - p_max
                self._velocity[index] = (velocity_high << 4 | rest >> 12) * v_step - v_max
                self._torque[index] = (rest & 0xFFF) * t_step - t_max
                self._temperature[index] = float(mosfet_c if mosfet_c > rotor_c else rotor_c)
                self._status[index] = head >> 4
                self._t_ns[index] = now_ns
                changed = True
        if changed:
            self._feedback = self._make_feedback()
        if self._asks and now_ns - self._asked_ns > REFRESH_NS:
            self._ask_time_outs(now_ns)
        if self._has_spoken:
            self._has_spoken = False
            self._spoken_ns = now_ns
        elif now_ns - self._spoken_ns > REFRESH_NS:
            with contextlib.suppress(BusFullError):
                self._refresh()
        return self._feedback

    def _make_feedback(self) -> ArmFeedback:
        return ArmFeedback(
            tuple(self._position),
            tuple(self._velocity),
            tuple(self._torque),
            tuple(self._temperature),
            tuple(self._status),
            tuple(self._t_ns),
        )

    def fault_words(self, status: int) -> str:
        return status_words(status)


def _steps(ranges: tuple[float, float, float]) -> tuple[float, float, float]:
    p_max, v_max, t_max = ranges
    return 2 * p_max / 65535, 2 * v_max / 4095, 2 * t_max / 4095


def _check(buses: Sequence[DamiaoBus], joints: Sequence[DamiaoJoint]) -> None:
    if not joints:
        raise DriverError("arm has no joints; expected at least one")
    for joint in joints:
        if joint.model not in RANGES:
            raise DriverError(
                f"motor {joint.name}: model {joint.model!r}; expected one of {', '.join(sorted(RANGES))}; correct the "
                f"rig file"
            )
        if not 0 <= joint.bus < len(buses):
            raise DriverError(f"motor {joint.name}: bus {joint.bus}; expected an index below {len(buses)}")
    for index, bus in enumerate(buses):
        mine = [joint for joint in joints if joint.bus == index]
        taken: dict[int, str] = {REGISTER_ID: "the register id"}
        for joint in mine:
            for what, can_id in (("id", joint.motor_id), ("reply id", joint.reply_id)):
                if can_id in taken:
                    raise DriverError(
                        f"bus {bus.name}: {what} 0x{can_id:x} of motor {joint.name} is also {taken[can_id]}; expected "
                        f"each id once on a bus; correct the rig file"
                    )
                taken[can_id] = f"the {what} of motor {joint.name}"
