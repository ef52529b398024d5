"""An arm that speaks the real bytes of Damiao commands and keeps what was handed over; for tests of the gate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from drivers.ports import MOTOR_ON, ArmCommand, ArmFeedback, LinkCounters, MotorMost, Pull, Told, WireFrame
from firmware_bridge.damiao import RANGES, decode_gains, decode_mit, encode_mit

RANGE = RANGES["4310"]
KP, KD = 10.0, 0.5


class FramedArmDouble:
    """Frames by the codec, one bus; `forge` may change them on the way to `decode`, as a broken encoder would."""

    def __init__(self, joints: Sequence[str], kp: float = KP, kd: float = KD) -> None:
        self.name = "double"
        self.joints = tuple(joints)
        self._gains = (kp, kd)
        self.identity = "double of Damiao motors"
        self.counters = (LinkCounters(),)
        self.most = (MotorMost(RANGE.p_max_rad, RANGE.v_max_rad_s, RANGE.t_max_nm),) * len(joints)
        self.position_step_rad = (2 * RANGE.p_max_rad / 65535,) * len(joints)
        self.velocity_step_rad_s = (2 * RANGE.v_max_rad_s / 4095,) * len(joints)
        self.pull_step = (Pull(500 / 4095, 5 / 4095, 2 * RANGE.t_max_nm / 4095),) * len(joints)
        self.measured_rad: tuple[float, ...] = (0.0,) * len(joints)
        self.sent: list[list[WireFrame]] = []
        self.stops = 0
        self.enables = 0
        self.opened = False
        self.forge: Callable[[list[WireFrame]], list[WireFrame]] | None = None

    def __enter__(self) -> Self:
        self.opened = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.opened = False

    def filenos(self) -> tuple[int, ...]:
        return (7,)

    def enable(self) -> None:
        self.enables += 1

    def stop(self) -> None:
        self.stops += 1

    def fault_words(self, status: int) -> str:
        return f"fault {status}"

    def read(self, now_ns: int) -> ArmFeedback:
        zeros = (0.0,) * len(self.joints)
        return ArmFeedback(
            self.measured_rad, zeros, zeros, zeros, (MOTOR_ON,) * len(self.joints), (now_ns,) * len(self.joints)
        )

    def encode(self, command: ArmCommand) -> list[WireFrame]:
        frames = [
            WireFrame(0, index + 1, encode_mit(RANGE, position, velocity, *self._gains, 0))
            for index, (position, velocity) in enumerate(zip(command.position_rad, command.velocity_rad_s))
        ]
        return self.forge(frames) if self.forge else frames

    def decode(self, frames: Sequence[WireFrame]) -> Told:
        position = [math.nan] * len(self.joints)
        velocity = [math.nan] * len(self.joints)
        rest = [-1] * len(self.joints)
        for frame in frames:
            told = decode_mit(RANGE, frame.data)
            position[frame.can_id - 1] = told.position_rad
            velocity[frame.can_id - 1] = told.velocity_rad_s
            rest[frame.can_id - 1] = int.from_bytes(frame.data, "big") & 0xF_FFFF_FFFF
        return Told(tuple(position), tuple(velocity), tuple(rest))

    def pull(self, joint: int, rest: int) -> Pull:
        return Pull(*decode_gains(RANGE, rest))

    def transmit(self, frames: Sequence[WireFrame]) -> None:
        self.sent.append(list(frames))

    def send(self, command: ArmCommand) -> None:
        self.transmit(self.encode(command))
