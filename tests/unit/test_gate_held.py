"""A new epoch of an arm that is being held: it begins where it was sent last, while the measured pose is near."""

from __future__ import annotations

import math

import pytest

from drivers.gate import Gate, GateRefusal
from drivers.ports import ArmCommand
from tests.unit.framed_arm import FramedArmDouble
from tests.unit.test_gate import BOUNDS, HOME, SLOT_NS, Q, T

APART = math.radians(10)


class Held:
    """Moved a little in its last slots, held there, and hanging by something."""

    def __init__(self, slots: int = 40, most_apart_rad: float | None = None) -> None:
        self.arm = FramedArmDouble([bound.name for bound in BOUNDS])
        self.gate = (
            Gate(self.arm, BOUNDS, T)
            if most_apart_rad is None
            else Gate(self.arm, BOUNDS, T, most_apart_rad=most_apart_rad)
        )
        self.arm.measured_rad = HOME
        self.gate.read(0)
        self.gate.begin(1, HOME)
        self.slot_ns = 10**12
        self.sent = list(HOME)
        for slot in range(slots):
            self.slot_ns += SLOT_NS
            step = 0.002 * min(1.0, (slot + 1) / 40)  # speeds up slowly, and its last slot is its fastest
            self.sent = [position + step for position in self.sent]
            self.gate.send(ArmCommand(tuple(self.sent), (step / T,) * 3, 1, self.slot_ns))
        self.told = self.gate._sent[-1]

    def begins(self, pose, measured) -> bool:
        self.arm.measured_rad = tuple(measured)
        self.gate.read(0)
        try:
            self.gate.begin(2, tuple(pose))
        except GateRefusal as refusal:
            assert "is not the measured" in str(refusal)
            return False
        return True


def bent(pose, by_rad, joint=1):
    return [rad + by_rad if index == joint else rad for index, rad in enumerate(pose)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("joint", range(3))
def test_it_begins_where_it_was_sent_last_while_it_hangs_by_less_than_10_degrees(sign, joint):
    for hangs_rad, expected in ((0.05, True), (APART * 0.999, True), (APART * 1.001, False), (1.5 * APART, False)):
        run = Held()
        assert run.begins(run.told, bent(run.told, sign * hangs_rad, joint)) == expected


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("joint", range(3))
def test_by_one_count_it_may_differ_from_what_was_sent_not_by_more(sign, joint):
    for off_rad, expected in ((0.9 * Q, True), (1.1 * Q, False)):
        run = Held()
        assert run.begins(bent(run.told, sign * off_rad, joint), bent(run.told, -sign * 0.05, joint)) == expected


def test_what_was_sent_before_the_last_command_is_no_place_to_begin():
    for back in (2, 3, 10):
        run = Held()
        earlier = run.gate._sent[-back]
        assert max(abs(a - b) for a, b in zip(earlier, run.told)) > 2 * Q
        assert not run.begins(earlier, bent(earlier, 0.05, 0))


def test_the_distance_allowed_is_the_one_given():
    for hangs_rad, expected in ((0.019, True), (0.021, False)):
        run = Held(most_apart_rad=0.02)
        assert run.begins(run.told, bent(run.told, hangs_rad)) == expected


@pytest.mark.parametrize("how", ["no command yet", "stopped"])
def test_an_arm_that_is_not_held_begins_where_it_is_measured_only(how):
    run = Held(slots=0 if how == "no command yet" else 40)
    if how == "stopped":
        run.gate.stop()
    assert not run.begins(run.told, bent(run.told, 0.05))
    run.gate.reset()
    assert run.begins(bent(run.told, 0.05), bent(run.told, 0.05))


def test_every_joint_needs_its_motors_own_limits():
    arm = FramedArmDouble([bound.name for bound in BOUNDS])
    arm.most = arm.most[:-1]
    with pytest.raises(ValueError, match="zip"):
        Gate(arm, BOUNDS, T)


@pytest.mark.parametrize("joint", range(3))
def test_it_does_not_begin_where_it_is_measured_to_be(joint):
    """An answer that is wrong, however little, would be a jump."""
    for hangs_rad in (2 * Q, -2 * Q, 0.05, -0.05):
        run = Held()
        pose = bent(run.told, hangs_rad, joint)
        assert not run.begins(pose, pose)
        assert run.arm.stops == 1
