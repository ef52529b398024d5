"""A new epoch of an arm that is being held: it begins where it was sent last, while the measured pose is near."""

from __future__ import annotations

import math

import pytest

from drivers.errors import BusFullError
from drivers.gate import Gate, GateRefusal, OutsideTravel
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


@pytest.mark.parametrize("end", ["a refusal", "a joint outside its travel", "the arm is closed"])
def test_what_switches_the_arm_off_ends_the_holding(end):
    """It sinks then: only where it is measured may it begin."""
    held = Held()
    sunk = (HOME[0] - math.radians(5), *HOME[1:])
    if end == "a refusal":
        with pytest.raises(GateRefusal):
            held.gate.send(ArmCommand(HOME, (0.0,) * len(HOME), 7, held.slot_ns + SLOT_NS))
    elif end == "the arm is closed":
        held.gate.__exit__(None, None, None)
    else:
        held.arm.measured_rad = (9.0, *HOME[1:])
        held.gate.read(0)
        held.gate.stop()
        with pytest.raises(OutsideTravel):
            held.gate.begin(2, held.arm.measured_rad)
    held.gate.reset()
    held.arm.measured_rad = sunk
    held.gate.read(0)
    held.gate.begin(2, sunk)
    with pytest.raises(GateRefusal, match="is not the measured"):
        held.gate.begin(3, HOME)


def test_who_begins_before_every_command_is_no_faster_for_it():
    """One count is free at each command: without the commands before it, a count a slot would be a speed."""
    run = Held(slots=0)
    pose = list(HOME)
    with pytest.raises(GateRefusal, match=r"2\.\d+ rad/s over (1|2)0 slots; limit 2"):
        for epoch in range(2, 200):
            run.slot_ns += SLOT_NS
            run.gate.begin(epoch, tuple(pose))
            speed = min(BOUNDS[0].speed_rad_s, 0.02 * epoch)
            pose[0] += speed * T + 0.9 * Q
            run.gate.send(ArmCommand(tuple(pose), (speed, 0.0, 0.0), epoch, run.slot_ns))
            pose = list(run.gate._sent[-1])
            run.arm.measured_rad = tuple(pose)
            run.gate.read(0)


class FullBus:
    """Takes no frame of these joints."""

    def __init__(self, *untold: int) -> None:
        self.untold = untold

    def __call__(self, frames) -> None:
        error = BusFullError("full")
        error.untold = self.untold
        raise error


@pytest.mark.parametrize("untold", [(0,), (2,), (1, 2), (0, 1, 2)])
def test_a_joint_that_was_not_told_holds_the_command_before_and_the_others_go_on(monkeypatch, untold):
    run = Held()
    step = 0.002
    before = run.gate._sent[-1]
    ahead = tuple(position + step for position in run.sent)
    run.slot_ns += SLOT_NS
    command = ArmCommand(ahead, (step / T,) * 3, 1, run.slot_ns)
    with monkeypatch.context() as patch, pytest.raises(BusFullError):
        patch.setattr(run.arm, "transmit", FullBus(*untold))
        run.gate.send(command)
    held = [set(place) for place in zip(*run.gate._sent)]
    assert all((held[joint] == {before[joint]}) == (joint in untold) for joint in range(3))
    assert len(run.gate._sent) == 20
    going = tuple(before[i] if i in untold else ahead[i] + step for i in range(3))
    speeds = tuple(0.0 if i in untold else step / T for i in range(3))
    run.gate.send(ArmCommand(going, speeds, 1, run.slot_ns + SLOT_NS))
    jump = tuple(before[i] + 12 * step if i in untold else ahead[i] + 2 * step for i in range(3))
    with pytest.raises(GateRefusal):
        run.gate.send(ArmCommand(jump, (step / T,) * 3, 1, run.slot_ns + 2 * SLOT_NS))


def test_a_joint_that_began_outside_and_was_not_told_may_stay_there(monkeypatch):
    run = Held(slots=0)
    outside = (BOUNDS[0].upper_rad + 0.05, *HOME[1:])
    run.arm.measured_rad = outside
    run.gate.read(0)
    run.gate.stop()
    run.gate.begin(1, outside)
    inward = (outside[0] - Q, *HOME[1:])
    with monkeypatch.context() as patch, pytest.raises(BusFullError):
        patch.setattr(run.arm, "transmit", FullBus(0, 1, 2))
        run.gate.send(ArmCommand(inward, (-Q / T, 0.0, 0.0), 1, run.slot_ns + SLOT_NS))
    run.gate.send(ArmCommand(outside, (0.0, 0.0, 0.0), 1, run.slot_ns + 2 * SLOT_NS))
