"""One emulated bus of motors: frames of the hub in, the motors' answers out, through whatever faults stand now."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drivers.emulators.damiao_motor import AMBIENT_C, DamiaoMotor
from drivers.hub_server import HubServer
from firmware_bridge.can_frame import (
    ERROR_BUS_ERROR,
    ERROR_BUS_OFF,
    ERROR_PROTOCOL,
    ERROR_RESTARTED,
    encode_error,
    encode_frame,
)
from firmware_bridge.damiao import REGISTER_ID
from firmware_bridge.errors import WireError

TRACE_LIMIT: Final = 400_000
Answers = Sequence[tuple[int, bytes]]
TraceRow = tuple[int, int, int, int]
"""bus index, motor id, arrival of an MIT command in ns, its position code."""

BUS_OFF_FRAME: Final = encode_error(ERROR_BUS_OFF)
RESTARTED_FRAME: Final = encode_error(ERROR_RESTARTED)
BUS_ERROR_FRAME: Final = encode_error(ERROR_PROTOCOL | ERROR_BUS_ERROR, bytes((0, 0, 0x04, 0, 0, 0, 0, 0)))
"""A stuff error, the everyday sign of a bad cable."""


@dataclass(slots=True, eq=False)
class Fault:
    """One thing that is wrong with a bus or, where `motor` is given, with one motor of it."""

    kind: str
    bus: int
    motor: int | None
    probability: float = 1.0
    delay_ns: int = 0
    rate_hz: float = 0.0
    status: int = 0
    mosfet_c: float | None = None
    rotor_c: float | None = None
    load_nm: float = 0.0
    registers: dict[int, float] = field(default_factory=dict)
    ends_ns: int | None = None
    saved: dict[tuple[int, int], float] = field(default_factory=dict)
    """(motor, register) -> what it held before the fault."""

    def hits(self, motor_id: int) -> bool:
        return self.motor is None or self.motor == motor_id


class FollowerBus:
    """The node that is attached to one hub. `later(t_ns, action)` runs an action of this bus at a time."""

    def __init__(
        self,
        index: int,
        name: str,
        hub: HubServer,
        motors: Sequence[DamiaoMotor],
        *,
        fd: bool,
        rng: random.Random,
        later: Callable[[int, Callable[[int], None]], None],
    ) -> None:
        self.index = index
        self.name = name
        self.hub = hub
        self.motors = {motor.motor_id: motor for motor in motors}
        self.faults: list[Fault] = []
        self.trace: deque[TraceRow] | None = None
        self._fd = fd
        self._rng = rng
        self._later = later
        self._is_faulty = False
        """Whether any fault stands between the frames and the motors: else the short way."""
        self._silent: frozenset[int] = frozenset()
        self._frozen: dict[int, bytes] = {}
        self._held_back: dict[int, bytes] = {}
        self._error_from: Fault | None = None
        hub.attach(self.hear)

    def hear(self, can_id: int, data: bytes, t_ns: int) -> Answers:
        """Every frame on the bus comes by here; the answers of the motor it speaks to, if any."""
        motor = self.motors.get(can_id)
        if motor is None:
            return self._hear_register(data, t_ns) if can_id == REGISTER_ID else ()
        if self._is_faulty and not self._gets_through(can_id):
            return ()
        before = motor.commands
        answer = motor.command(data, t_ns)
        if answer is None:
            return ()
        if self.trace is not None and motor.commands != before:
            self.trace.append((self.index, can_id, t_ns, motor.last_position_code))
        if self._is_faulty:
            return self._through_faults(motor, answer, t_ns)
        return ((motor.reply_id, answer),)

    def _hear_register(self, data: bytes, t_ns: int) -> Answers:
        motor = self.motors.get(data[0] | data[1] << 8) if len(data) >= 2 else None
        if motor is None or (self._is_faulty and not self._gets_through(motor.motor_id)):
            return ()
        try:
            answer = motor.register(data, t_ns)
        except (WireError, ValueError):
            return ()  # a motor keeps silent on what it does not know
        return self._through_faults(motor, answer, t_ns) if self._is_faulty else ((motor.reply_id, answer),)

    # -- faults

    def add(self, fault: Fault, t_ns: int) -> None:
        """In the place of one of its kind on the same motors."""
        for other in [other for other in reversed(self.faults) if other.kind == fault.kind]:
            if fault.motor is None or other.motor == fault.motor:
                self._take_out(other, t_ns)
        self.faults.append(fault)
        for motor in self._hit(fault):
            motor.advance(t_ns)
            if fault.kind == "power_off":
                motor.power_off()
            for rid, value in fault.registers.items():
                fault.saved[motor.motor_id, rid] = motor.registers.get(rid, 0)
                motor.set_register(rid, value)
        self._settle(t_ns)

    def remove(self, fault: Fault, t_ns: int) -> None:
        if fault in self.faults:
            self._take_out(fault, t_ns)
            self._settle(t_ns)

    def _take_out(self, fault: Fault, t_ns: int) -> None:
        self.faults.remove(fault)
        for (motor_id, rid), value in fault.saved.items():
            self.motors[motor_id].set_register(rid, value)
        for motor in self._hit(fault):
            motor.advance(t_ns)
            if fault.kind == "power_off":
                motor.power_on()
            if fault.kind == "temperature":
                motor.mosfet_c = motor.rotor_c = AMBIENT_C

    def _hit(self, fault: Fault) -> list[DamiaoMotor]:
        return [motor for motor in self.motors.values() if fault.hits(motor.motor_id)]

    def _settle(self, t_ns: int) -> None:
        """Make everything as the faults that stand now say; nothing of an ended fault remains."""
        kinds = {fault.kind for fault in self.faults}
        self._is_faulty = bool(kinds)
        self._silent = frozenset(
            motor.motor_id
            for fault in self.faults
            if fault.kind in ("silent", "power_off")
            for motor in self._hit(fault)
        )
        for motor in self.motors.values():
            mine = [fault for fault in reversed(self.faults) if fault.hits(motor.motor_id)]  # the newest counts
            motor.forced_status = next((fault.status for fault in mine if fault.kind == "status"), None)
            motor.held_mosfet_c = next((f.mosfet_c for f in mine if f.mosfet_c is not None), None)
            motor.held_rotor_c = next((f.rotor_c for f in mine if f.rotor_c is not None), None)
            motor.load_nm = sum(fault.load_nm for fault in mine)
            motor.check_health()
        if "freeze" not in kinds:
            self._frozen.clear()
        if "reorder" not in kinds:
            for motor_id, answer in self._held_back.items():
                self._say(self.motors[motor_id].reply_id, answer)
            self._held_back.clear()
        self._settle_bus(kinds, t_ns)

    def _settle_bus(self, kinds: set[str], t_ns: int) -> None:
        hub = self.hub
        passing = "bus_off" not in kinds
        if passing != hub.passing:
            hub.passing = passing
            hub.broadcast(RESTARTED_FRAME if passing else BUS_OFF_FRAME)
        hub.read_clients("full_queue" not in kinds)
        if "unplug" in kinds:
            hub.unplug()
        else:
            hub.open()
        source = next((fault for fault in self.faults if fault.kind == "error_frames"), None)
        if source is not self._error_from:
            self._error_from = source
            if source is not None:
                self._emit_errors(source, t_ns)

    def _emit_errors(self, source: Fault, t_ns: int) -> None:
        if self._error_from is source:
            self.hub.broadcast(BUS_ERROR_FRAME)
            self._later(t_ns + int(1e9 / source.rate_hz), lambda now_ns: self._emit_errors(source, now_ns))

    def _gets_through(self, motor_id: int) -> bool:
        """Whether a frame for this motor reaches it: not past a cut wire."""
        if motor_id in self._silent:
            return False
        return not any(
            fault.kind == "drop_commands" and fault.hits(motor_id) and self._rng.random() < fault.probability
            for fault in self.faults
        )

    def _through_faults(self, motor: DamiaoMotor, answer: bytes, t_ns: int) -> Answers:
        motor_id = motor.motor_id
        answers = [answer]
        delay_ns = 0
        for fault in self.faults:
            if not fault.hits(motor_id) or self._rng.random() >= fault.probability:
                continue
            match fault.kind:
                case "drop":
                    answers = []
                case "duplicate":
                    answers = answers + answers
                case "freeze":
                    answers = [self._freeze(motor_id, each) for each in answers]
                case "bit_flip":
                    answers = [self._flip(each) for each in answers]
                case "wrong_length":
                    answers = [self._cut(each) for each in answers]
                case "reorder":
                    answers = self._reorder(motor_id, answers)
                case "delay":
                    delay_ns = max(delay_ns, fault.delay_ns)
        frames = [(motor.reply_id, each) for each in answers]
        if not delay_ns:
            return frames
        self._later(t_ns + delay_ns, lambda _now_ns: self._say_all(frames))
        return ()

    def _freeze(self, motor_id: int, answer: bytes) -> bytes:
        """Position, velocity and torque stay as they first were; status and temperatures live on."""
        frozen = self._frozen.setdefault(motor_id, answer)
        return answer[:1] + frozen[1:6] + answer[6:]

    def _flip(self, answer: bytes) -> bytes:
        bit = self._rng.randrange(64)
        return (int.from_bytes(answer, "big") ^ 1 << bit).to_bytes(8, "big")

    def _cut(self, answer: bytes) -> bytes:
        """Too short; on a bus that takes longer frames also too long."""
        return answer + bytes(4) if self._fd and self._rng.random() < 0.5 else answer[: self._rng.randrange(8)]

    def _reorder(self, motor_id: int, answers: list[bytes]) -> list[bytes]:
        """Keep one answer back and send it after the motor's next one: the newest comes before the older."""
        late = self._held_back.pop(motor_id, None)
        if late is not None:
            return [*answers, late]
        if answers:
            self._held_back[motor_id] = answers[-1]
        return answers[:-1]

    def _say_all(self, frames: Sequence[tuple[int, bytes]]) -> None:
        for reply_id, answer in frames:
            self._say(reply_id, answer)

    def _say(self, reply_id: int, answer: bytes) -> None:
        if self.hub.passing:
            self.hub.broadcast(encode_frame(reply_id, answer, fd=self._fd))

    # -- what can be seen from outside

    def status(self, t_ns: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The bus, and each motor of it brought up to now."""
        motors = []
        for motor in self.motors.values():
            motor.advance(t_ns)
            motors.append(
                {
                    "bus": self.name,
                    "id": motor.motor_id,
                    "model": motor.model,
                    "position_rad": motor.position_rad,
                    "velocity_rad_s": motor.velocity_rad_s,
                    "torque_nm": motor.torque_nm,
                    "enabled": motor.status == 1,
                    "status": motor.status,
                    "commands": motor.commands,
                    "temperature_c": max(motor.mosfet_c, motor.rotor_c),
                    "timeout_units": int(motor.registers[9]),
                }
            )
        hub = self.hub
        bus = {
            "name": self.name,
            "clients": hub.clients,
            "frames": hub.frames,
            "dropped": hub.dropped,
            "malformed": hub.malformed,
            "passing": hub.passing,
            "plugged": hub.is_open,
            "faults": [fault.kind for fault in self.faults],
        }
        return bus, motors
