"""The gate: where it begins, which slots it takes, how it latches, and the arm behind it."""

from __future__ import annotations

import math

import pytest

from drivers.errors import DriverError
from drivers.gate import LONG, Gate, GateRefusal, JointBounds, OutsideTravel
from drivers.ports import ArmCommand
from tests.unit.framed_arm import KD, KP, FramedArmDouble
from tests.unit.gate_rig import BOUNDS, HOME, LIMITS, SLOT_NS, Q, Rig, T, moved

# -- beginning


def test_before_begin_and_after_stop_everything_is_refused():
    rig = Rig()
    command = rig.next(HOME)
    for ruin in (rig.gate.stop, rig.gate.reset, lambda: rig.gate.__exit__(None, None, None)):
        rig.gate.reset()
        rig.start(HOME)
        ruin()
        with pytest.raises(GateRefusal, match="before begin"):
            rig.gate.send(command._replace(epoch=rig.epoch))


@pytest.mark.parametrize("joint", range(3))
def test_it_begins_at_the_pose_that_was_read_and_nowhere_else(joint):
    for off, passes in ((0.0, True), (0.9 * Q, True), (1.1 * Q, False), (-1.1 * Q, False), (math.nan, False)):
        rig = Rig()
        pose = list(HOME)
        pose[joint] += off
        if passes:
            rig.gate.begin(5, pose)
            continue
        with pytest.raises(GateRefusal, match=f"joint {LIMITS[joint].name}: start position .* is not the measured"):
            rig.gate.begin(5, pose)
        assert rig.arm.stops == 1 and rig.gate.refused


def test_it_does_not_begin_before_anything_was_read():
    arm = FramedArmDouble([joint.name for joint in LIMITS])
    gate = Gate(arm, BOUNDS, T)
    with pytest.raises(GateRefusal, match="is not the measured nan rad"):
        gate.begin(1, HOME)


def test_it_does_not_begin_with_a_wrong_joint_count():
    with pytest.raises(GateRefusal, match="start pose has 2 joints; expected 3"):
        Rig().gate.begin(1, HOME[:2])


def test_the_first_command_must_be_where_the_arm_stands():
    rig = Rig()
    rig.limiter.start((0.6, 1.0, 0.0))
    assert "right_j1" in rig.refuses(rig.next((0.6, 1.0, 0.0)))


@pytest.mark.parametrize(("joint", "side"), [(0, 1), (0, -1), (2, 1)])
def test_a_joint_far_outside_its_bounds_must_be_moved_by_hand(joint, side):
    bound = LIMITS[joint].upper_rad if side > 0 else LIMITS[joint].lower_rad
    for outside, passes in ((math.radians(9.99), True), (math.radians(10.01), False)):
        pose = list(HOME)
        pose[joint] = bound + side * outside
        if passes:
            Rig(tuple(pose))
        else:
            name, lower, upper = LIMITS[joint].name, LIMITS[joint].lower_rad, LIMITS[joint].upper_rad
            with pytest.raises(OutsideTravel, match=f"joint {name}: stands at .* move it inside by hand") as refusal:
                Rig(tuple(pose))
            at, low, high = (round(math.degrees(rad)) for rad in (pose[joint], lower, upper))
            assert refusal.value.where == f"{name}: stands at {at} deg, travel {low} to {high} deg"


def test_only_a_joint_outside_its_travel_is_told_as_that_and_the_gate_latches_as_always():
    rig = Rig()
    rig.gate.stop()
    far = (*HOME[:2], LIMITS[2].upper_rad + 1.0)
    rig.arm.measured_rad = far
    rig.gate.read(0)
    stops = rig.arm.stops
    with pytest.raises(OutsideTravel) as refusal:
        rig.gate.begin(2, far)
    assert rig.gate.refused == str(refusal.value) and rig.arm.stops == stops + 1
    with pytest.raises(GateRefusal) as later:
        rig.gate.begin(2, far)
    assert type(later.value) is GateRefusal
    rig.gate.reset()
    with pytest.raises(GateRefusal, match="is not the measured") as other:
        rig.gate.begin(2, HOME)
    assert type(other.value) is GateRefusal


@pytest.mark.parametrize("side", [1, -1])
def test_a_joint_that_began_outside_may_come_in_and_not_go_out_again(side):
    bound = 0.785 * side
    rig = Rig((0.5, 1.0, bound + side * 0.05))
    rig.send((0.5, 1.0, 0.0), 60)
    inside_out = rig.limiter.position_rad[2]
    assert abs(bound) < abs(inside_out) < abs(bound) + 0.05 - 3 * Q
    words = rig.refuses(moved(rig.limiter.brake(rig.epoch, rig.slot_ns + SLOT_NS), 2, side * 3 * Q, 0.0))
    assert "right_j6: position asked" in words
    rig.gate.reset()
    rig.start((0.5, 1.0, bound + side * 0.01))
    rig.send((0.5, 1.0, 0.0), 400)
    while not rig.limiter.is_still:
        rig.send(rig.limiter.position_rad)
    words = rig.refuses(moved(rig.limiter.brake(rig.epoch, rig.slot_ns + SLOT_NS), 2, bound + side * 1.1 * Q, 0.0))
    assert "limit [-0.7854, 0.7854]" in words


@pytest.mark.parametrize("side", [1, -1])
def test_a_joint_that_began_a_little_outside_can_not_creep_out(side):
    arm = FramedArmDouble(["j"])
    start = 1.0005 * side
    arm.measured_rad = (start,)
    gate = Gate(arm, [JointBounds("j", -1, 1, 2, 16, KP, KD)], T)
    gate.read(0)
    gate.begin(1, (start,))
    position = start
    for slot in range(1, 40):  # in by half a count a slot, then out again
        step = (-side if slot < 6 else side) * Q / 2
        position += step
        command = ArmCommand((position,), (step / T,), 1, slot * SLOT_NS)
        try:
            gate.send(command)
        except GateRefusal:
            break
    assert "j: position" in gate.refused
    assert 6 < slot < 12 and abs(position) < abs(start) + Q / 4  # not even as far out as it began


def test_after_missed_slots_the_windows_begin_again_at_rest():
    rig = Rig()
    rig.send((3.0, 2.0, 0.5), 60)
    held = rig.limiter.position_rad
    rig.gate.missed()
    rig.limiter.missed()
    rig.send((3.0, 2.0, 0.5), 60)
    assert rig.limiter.position_rad[0] > held[0]
    rig = Rig()
    rig.send((3.0, 2.0, 0.5), 60)
    rig.gate.missed()  # the limiter was not told: it goes on at speed
    assert "right_" in rig.refuses(rig.next((3.0, 2.0, 0.5)))


def test_missed_before_begin_is_nothing():
    gate = Gate(FramedArmDouble([joint.name for joint in LIMITS]), BOUNDS, T)
    gate.missed()
    with pytest.raises(GateRefusal, match="before begin"):
        gate.send(ArmCommand(HOME, (0.0,) * 3, 0, 1))


# -- its slots


@pytest.mark.parametrize(("after_ns", "passes"), [(1_000_001, True), (1_000_000, False), (0, False), (-SLOT_NS, False)])
def test_slots_go_forward_and_never_in_a_burst(after_ns, passes):
    rig = Rig()
    rig.send(HOME)
    command = rig.limiter.brake(rig.epoch, rig.slot_ns + after_ns)
    if passes:
        rig.gate.send(command)
    else:
        assert f"slot comes {after_ns} ns after the last" in rig.refuses(command)


@pytest.mark.parametrize(("early_ns", "passes"), [(20_000, True), (20_001, False), (980_000, False)])
def test_slots_may_move_by_a_nudge_each_and_no_faster(early_ns, passes):
    """Speed is counted in slots: who takes them quicker than the clock would move the arm faster than its limit."""
    rig = Rig()
    sent, words = 0, ""
    for _ in range(3 * LONG):
        rig.slot_ns += SLOT_NS - early_ns
        command = rig.limiter.brake(rig.epoch, rig.slot_ns)
        if sent == LONG and not passes:
            words = rig.refuses(command)
            break
        rig.gate.send(command)
        sent += 1
    assert sent == (3 * LONG if passes else LONG)
    if not passes:
        assert f"{LONG} commands within {LONG * (SLOT_NS - early_ns)} ns; expected them to take 39600000 ns" in words


@pytest.mark.parametrize("rate_hz", range(20, 1001, 7))
def test_no_rate_is_too_quick_for_the_gate(rate_hz):
    """A schedule counts whole nanoseconds, and each slot may be nudged: the gate must take it at every rate."""
    arm = FramedArmDouble(["j"])
    arm.measured_rad = (0.0,)
    gate = Gate(arm, [JointBounds("j", -1, 1, 1, 1, KP, KD)], 1.0 / rate_hz)
    gate.read(0)
    gate.begin(1, (0.0,))
    for slot in range(1, 3 * LONG):
        gate.send(ArmCommand((0.0,), (0.0,), 1, 10**9 + slot * (round(1e9 / rate_hz) - 20_000)))
    assert len(arm.sent) == 3 * LONG - 1


def test_a_slot_that_was_skipped_gives_the_next_ones_its_time():
    rig = Rig()
    rig.send(HOME, LONG)
    rig.slot_ns += SLOT_NS
    for _ in range(LONG - 1):
        rig.slot_ns += SLOT_NS - 2 * 20_000
        rig.gate.send(rig.limiter.brake(rig.epoch, rig.slot_ns))
    assert len(rig.arm.sent) == 2 * LONG - 1


# -- latch and reset


def test_a_refusal_latches_until_reset_and_a_reset_alone_opens_nothing():
    rig = Rig()
    first = rig.refuses(rig.next(HOME)._replace(epoch=9))
    assert isinstance(GateRefusal(first), DriverError)
    for attempt in (rig.gate.enable, lambda: rig.gate.begin(2, HOME), lambda: rig.gate.send(rig.next(HOME))):
        with pytest.raises(GateRefusal) as refusal:
            attempt()
        assert str(refusal.value) == first
    assert rig.arm.enables == 0
    rig.gate.reset()
    assert rig.gate.refused == ""
    rig.gate.enable()
    assert rig.arm.enables == 1
    with pytest.raises(GateRefusal, match="before begin"):
        rig.gate.send(rig.next(HOME))
    rig.gate.reset()
    rig.start(HOME)
    rig.send(HOME)


# -- the arm behind it


def test_the_rest_of_the_arm_shows_through():
    rig = Rig()
    gate, arm = rig.gate, rig.arm
    assert (gate.name, gate.joints, gate.identity) == (arm.name, arm.joints, arm.identity)
    assert gate.counters is arm.counters and gate.filenos() == (7,) and gate.fault_words(12) == "fault 12"
    arm.identity = "known after opening"
    with gate as opened:
        assert opened is gate and arm.opened and gate.identity == "known after opening"
    assert not arm.opened
    gate.stop()
    assert arm.stops == 1


def test_an_error_of_the_arm_itself_is_not_a_refusal():
    rig = Rig()

    def fail(frames: object) -> None:
        raise DriverError("bus can_right is gone")

    rig.arm.transmit = fail  # type: ignore[method-assign, assignment]
    with pytest.raises(DriverError, match="can_right is gone") as error:
        rig.send(HOME)
    assert not isinstance(error.value, GateRefusal) and rig.gate.refused == ""


def test_the_time_of_the_verdict_is_the_clocks_and_of_sent_commands_only():
    times = iter((5, 6))
    arm = FramedArmDouble([joint.name for joint in LIMITS])
    arm.measured_rad = HOME
    gate = Gate(arm, BOUNDS, T, clock=lambda: next(times))
    gate.read(0)
    gate.begin(1, HOME)
    assert gate.judged_ns == 0
    gate.send(ArmCommand(HOME, (0.0,) * 3, 1, SLOT_NS))
    assert gate.judged_ns == 5
