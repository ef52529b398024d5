"""A gate around an arm that speaks real bytes, and a limiter to feed it."""

from __future__ import annotations

import pytest

from drivers.gate import Gate, GateRefusal, JointBounds
from drivers.ports import ArmCommand
from station.control.limit import JointLimits, Limiter
from tests.unit.framed_arm import KD, KP, RANGE, FramedArmDouble

T = 0.002
SLOT_NS = 2_000_000
Q = 2 * RANGE.p_max_rad / 65535
LIMITS = (
    JointLimits("right_j1", -1.396, 3.491, 2.0, 15.7, 15.7, None, 0.2),
    JointLimits("right_j4", 0.0, 2.444, 3.3, 26.0, 31.0, None, 0.2),
    JointLimits("right_j6", -0.785, 0.785, 6.3, 52.0, 52.0, None, 0.2),
)
BOUNDS = tuple(JointBounds(j.name, j.lower_rad, j.upper_rad, j.speed_rad_s, j.decel_rad_s2, KP, KD) for j in LIMITS)
HOME = (0.5, 1.0, 0.0)


class Rig:
    """A gate around an arm that speaks real bytes, and a limiter to feed it."""

    def __init__(self, pose: tuple[float, ...] = HOME) -> None:
        self.arm = FramedArmDouble([joint.name for joint in LIMITS])
        self.clock_ns = 0
        self.gate = Gate(self.arm, BOUNDS, T)
        self.top_rad_s = [bound.speed_rad_s for bound in BOUNDS]
        self.limiter = Limiter(LIMITS, T)
        self.slot_ns = 10**12
        self.epoch = 0
        self.start(pose)

    def start(self, pose: tuple[float, ...]) -> None:
        self.epoch += 1
        if self.arm.sent:  # an arm that is held begins where it is held
            self.gate.stop()
        self.arm.measured_rad = pose
        assert self.gate.read(0).position_rad == pose
        self.limiter.start(pose)
        self.gate.begin(self.epoch, pose)

    def next(self, target: tuple[float, ...]) -> ArmCommand:
        self.slot_ns += SLOT_NS
        return self.limiter.follow(target, self.epoch, self.slot_ns)

    def send(self, target: tuple[float, ...], times: int = 1) -> None:
        for _ in range(times):
            self.gate.send(self.next(target))

    def refuses(self, command: ArmCommand) -> str:
        """The refusal's words; checks that nothing was sent, the arm was stopped and the gate is latched."""
        sent, stops = len(self.arm.sent), self.arm.stops
        with pytest.raises(GateRefusal) as refusal:
            self.gate.send(command)
        assert len(self.arm.sent) == sent and self.arm.stops == stops + 1
        assert self.gate.refused == str(refusal.value) != ""
        with pytest.raises(GateRefusal, match="gate: "):
            self.gate.send(command)
        assert len(self.arm.sent) == sent
        return str(refusal.value)


def moved(command: ArmCommand, joint: int, by_rad: float, by_rad_s: float | None = None) -> ArmCommand:
    """The command with one joint elsewhere, its speed field consistent unless given."""
    position = list(command.position_rad)
    velocity = list(command.velocity_rad_s)
    position[joint] += by_rad
    velocity[joint] += by_rad / T if by_rad_s is None else by_rad_s
    return command._replace(position_rad=tuple(position), velocity_rad_s=tuple(velocity))
