"""The gate's bounds: refused at load where they bound nothing, the motor's own where those are tighter."""

from __future__ import annotations

import math

import pytest

from drivers.arms.damiao import DamiaoArm, DamiaoBus, DamiaoJoint
from drivers.gate import Gate, GateRefusal, JointBounds
from drivers.ports import ArmCommand, MotorMost
from firmware_bridge.damiao import RANGES
from firmware_bridge.damiao_models import SHEETS
from firmware_bridge.errors import WireError
from tests.unit.framed_arm import KD, KP, RANGE, FramedArmDouble
from tests.unit.gate_rig import BOUNDS, HOME, LIMITS, SLOT_NS, Q, Rig, T

# -- refusals at load


def test_bounds_of_other_joints_are_refused():
    arm = FramedArmDouble(["a", "b"])
    with pytest.raises(ValueError, match=r"gate bounds are for \['right_j1', 'right_j4', 'right_j6'\]; expected"):
        Gate(arm, BOUNDS, T)


@pytest.mark.parametrize("period_s", [0.0, -T, math.nan, math.inf])
def test_an_impossible_period_is_refused(period_s):
    with pytest.raises(ValueError, match=f"period is {period_s} s"):
        Gate(FramedArmDouble([joint.name for joint in LIMITS]), BOUNDS, period_s)


@pytest.mark.parametrize(
    "bound",
    [
        JointBounds("j", math.nan, 1, 1, 1, KP, KD),
        JointBounds("j", -1, math.inf, 1, 1, KP, KD),
        JointBounds("j", 1, 1, 1, 1, KP, KD),
        JointBounds("j", 2, 1, 1, 1, KP, KD),
        JointBounds("j", -1, 1, 0, 1, KP, KD),
        JointBounds("j", -1, 1, 1, 0, KP, KD),
        JointBounds("j", -1, 1, math.inf, 1, KP, KD),
        JointBounds("j", -1, 1, 1, -1, KP, KD),
        JointBounds("j", -1, 1, 1, 1, -0.1, KD),
        JointBounds("j", -1, 1, 1, 1, KP, -0.1),
        JointBounds("j", -1, 1, 1, 1, math.nan, KD),
        JointBounds("j", -1, 1, 1, 1, KP, math.inf),
    ],
)
def test_bounds_that_bound_nothing_are_refused(bound):
    with pytest.raises(ValueError, match="joint j: bounds"):
        Gate(FramedArmDouble(["j"]), [bound], T)


def test_however_slow_a_joint_may_be_its_bounds_are_bounds():
    gate = Gate(FramedArmDouble(["j"]), [JointBounds("j", -1, 1, 0.0005, 0.0005, KP, KD)], T)
    assert gate.most == FramedArmDouble(["j"]).most


def test_bounds_do_not_change_after_they_were_checked():
    bound = JointBounds("j", -1, 1, 1, 1, KP, KD)
    with pytest.raises(AttributeError):
        bound.upper_rad = 2  # type: ignore[misc]
    assert not hasattr(bound, "__dict__")


def test_without_a_clock_no_time_is_told():
    rig = Rig()
    rig.send(HOME)
    assert rig.gate.judged_ns == 0


def test_one_count_is_what_the_codec_makes_it():
    assert RANGES["4310"] is RANGE
    arm = FramedArmDouble(["j"])
    assert arm.position_step_rad == (Q,)


@pytest.mark.parametrize("side", [1, -1])
def test_a_motors_own_speed_binds_where_the_rigs_bounds_are_wider(side):
    """Steps of a speed between the motor's most and the rig's bound: refused for the motor's."""
    arm = FramedArmDouble(["j"])
    arm.most = (MotorMost(12.5, 2.0, 7.0),)
    arm.measured_rad = (0.0,)
    gate = Gate(arm, [JointBounds("j", -6.0, 6.0, 4.0, 1e9, KP, KD)], T)
    gate.read(0)
    gate.begin(1, (0.0,))
    gate.send(ArmCommand((side * 1.9 * T,), (side * 1.9,), 1, SLOT_NS))
    with pytest.raises(GateRefusal, match=r"joint j: speed asked -?3\.0000 rad/s; limit 2\.0000"):
        gate.send(ArmCommand((side * 4.9 * T,), (side * 3.0,), 1, 2 * SLOT_NS))
    assert arm.stops == 1


def test_a_position_beyond_the_motors_own_travel_is_refused():
    arm = FramedArmDouble(["j"])
    arm.most = (MotorMost(1.0, 2.0, 7.0),)
    for pose in (0.999, -0.999):
        arm.measured_rad = (pose,)
        gate = Gate(arm, [JointBounds("j", -6.0, 6.0, 4.0, 1e9, KP, KD)], T)
        gate.read(0)
        gate.begin(1, arm.measured_rad)
        with pytest.raises(GateRefusal, match=r"limit \[-1\.0004, 1\.0004\]"):
            gate.send(ArmCommand((math.copysign(1.002, pose),), (math.copysign(0.75, pose),), 1, SLOT_NS))


def test_bounds_tighter_than_the_motors_own_stay():
    arm = FramedArmDouble(["j"])
    arm.most = (MotorMost(12.5, 20.0, 7.0),)
    arm.measured_rad = (0.0,)
    gate = Gate(arm, [JointBounds("j", -1.0, 1.0, 2.0, 1e9, KP, KD)], T)
    gate.read(0)
    gate.begin(1, (0.0,))
    with pytest.raises(GateRefusal, match=r"limit 2\.0000"):
        gate.send(ArmCommand((2.5 * T,), (2.5,), 1, SLOT_NS))


def test_bounds_that_a_motors_travel_leaves_empty_are_refused():
    arm = FramedArmDouble(["j"])
    arm.most = (MotorMost(1.0, 20.0, 7.0),)
    with pytest.raises(ValueError, match="joint j: bounds"):
        Gate(arm, [JointBounds("j", 2.0, 3.0, 2.0, 1.0, KP, KD)], T)


def test_an_arm_tells_what_each_of_its_motors_does_at_most():
    """The sheets' figures in revolutions a minute, written down a second time."""
    for model, rpm in (("4310", 200), ("4340", 52.5), ("8009", 160)):
        assert SHEETS[model].speed_rad_s == pytest.approx(rpm / 60 * math.tau)
        assert SHEETS[model].speed_rad_s <= RANGES[model].v_max_rad_s, "the wire can say it"
        assert SHEETS[model].torque_nm <= RANGES[model].t_max_nm
    joints = [DamiaoJoint("a", 0, 1, 17, "4340", 70, 2), DamiaoJoint("b", 0, 2, 18, "6006", 70, 2)]
    arm = DamiaoArm([DamiaoBus("can", "virtual", "x")], joints, 0.05)
    assert [most.speed_rad_s for most in arm.most] == [SHEETS["4340"].speed_rad_s, 45.0]
    assert [most.travel_rad for most in arm.most] == [12.5, 12.5]


def test_a_rehearsed_command_is_neither_sent_nor_remembered_nor_judged():
    rig = Rig()
    first = rig.next(HOME)
    rig.gate.send(first)
    far = ArmCommand((1.5, 0.1, -0.5), (9.0, 9.0, 9.0), 77, 1)
    for _ in range(30):
        rig.gate.rehearse(far)
    assert len(rig.arm.sent) == 1 and rig.arm.stops == 0 and rig.gate.refused == ""
    rig.send(HOME, 40)
    assert len(rig.arm.sent) == 41
    with pytest.raises(WireError):
        rig.gate.rehearse(ArmCommand((math.nan, 0.0, 0.0), (0.0,) * 3, 1, 1))
