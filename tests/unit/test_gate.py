"""The gate: never refuses what the limiter made, always refuses what breaks a rule, in the bytes themselves."""

from __future__ import annotations

import math
import random

import pytest

from drivers.arms.damiao import DamiaoArm, DamiaoBus, DamiaoJoint
from drivers.errors import DriverError
from drivers.gate import LONG, SHORT, Gate, GateRefusal, JointBounds
from drivers.ports import ArmCommand, MotorMost, WireFrame
from firmware_bridge.damiao import RANGES, encode_mit
from firmware_bridge.damiao_models import SHEETS
from firmware_bridge.errors import WireError
from station.control.limit import JointLimits, Limiter
from tests.unit.framed_arm import RANGE, FramedArmDouble

T = 0.002
SLOT_NS = 2_000_000
Q = 2 * RANGE.p_max_rad / 65535
LIMITS = (
    JointLimits("right_j1", -1.396, 3.491, 2.0, 15.7, 15.7, None, 0.2),
    JointLimits("right_j4", 0.0, 2.444, 3.3, 26.0, 31.0, None, 0.2),
    JointLimits("right_j6", -0.785, 0.785, 6.3, 52.0, 52.0, None, 0.2),
)
BOUNDS = tuple(
    JointBounds(joint.name, joint.lower_rad, joint.upper_rad, joint.speed_rad_s, joint.decel_rad_s2) for joint in LIMITS
)
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


# -- what the limiter made passes

TARGETS = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5.0, -5.0)


def test_the_gate_never_refuses_what_the_limiter_made():
    """10^5 ticks: jumps, extremes, sines; limit changes, gaps, new epochs, starts inside, at and outside the bounds."""
    seed = 11
    chance = random.Random(seed)
    rig = Rig()
    target = list(HOME)
    for tick in range(100_000):
        roll = chance.random()
        if roll < 0.02:
            joint = chance.randrange(3)
            limits = LIMITS[joint]
            target[joint] = chance.choice((*TARGETS, limits.lower_rad, limits.upper_rad, chance.uniform(-1.5, 3.5)))
        elif roll < 0.024:
            rig.limiter.missed()
            rig.gate.missed()
            rig.slot_ns += chance.randrange(5) * SLOT_NS
        elif roll < 0.027:
            rig.limiter.set_speed_scale(chance.uniform(0.02, 1.0))
        elif roll < 0.029:
            pose = tuple(chance.uniform(joint.lower_rad - 0.17, joint.upper_rad + 0.17) for joint in LIMITS)
            rig.start(chance.choice((pose, tuple(joint.lower_rad for joint in LIMITS), HOME)))
        if chance.random() < 0.2:
            target[0] = 1.0 + math.sin(tick * 0.01)
        rig.slot_ns += chance.randrange(-20_000, 20_001)  # the schedule follows the leader's phase
        try:
            rig.send(tuple(target))
        except GateRefusal as refusal:
            pytest.fail(f"seed {seed}, tick {tick}: {refusal}")
    assert len(rig.arm.sent) == 100_000 and rig.arm.stops == rig.epoch - 1


def test_braking_following_slowly_and_holding_pass():
    rig = Rig()
    rig.send((3.0, 2.0, 0.5), 200)
    for _ in range(300):
        rig.slot_ns += SLOT_NS
        rig.gate.send(rig.limiter.brake(rig.epoch, rig.slot_ns))
    for _ in range(300):
        rig.slot_ns += SLOT_NS
        rig.gate.send(rig.limiter.follow_slowly(HOME, 0.3, rig.epoch, rig.slot_ns))
    assert len(rig.arm.sent) == 800


def test_what_passes_goes_out_unchanged():
    rig = Rig()
    command = rig.next((3.0, 2.0, 0.5))
    rig.gate.send(command)
    assert rig.arm.sent == [rig.arm.encode(command)]


# -- what breaks a rule does not


@pytest.mark.parametrize("joint", range(3))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
def test_positions_and_speeds_that_are_no_numbers_are_refused(joint, value):
    for field in ("position_rad", "velocity_rad_s"):
        rig = Rig()
        rig.send(HOME, 30)
        command = rig.next(HOME)
        values = list(getattr(command, field))
        values[joint] = value
        words = rig.refuses(command._replace(**{field: tuple(values)}))
        assert LIMITS[joint].name in words and "limit" in words


@pytest.mark.parametrize("joint", range(3))
@pytest.mark.parametrize("side", [1, -1])
def test_the_bounds_are_exact_to_one_count(joint, side):
    bound = LIMITS[joint].upper_rad if side > 0 else LIMITS[joint].lower_rad
    for beyond, passes in ((0.0, True), (1.01 * Q, False)):
        pose = list(HOME)
        pose[joint] = bound
        rig = Rig(tuple(pose))
        command = moved(rig.limiter.brake(rig.epoch, rig.slot_ns + SLOT_NS), joint, side * beyond, 0.0)
        if passes:
            rig.gate.send(command)
        else:
            words = rig.refuses(command)
            assert LIMITS[joint].name in words and "position asked" in words


def test_bytes_outside_the_bounds_are_refused_though_the_command_is_inside():
    rig = Rig()
    rig.send(HOME, 30)
    rig.arm.forge = lambda frames: [
        *frames[:2],
        frames[2]._replace(data=encode_mit(RANGE, 0.79, 0.0, 10, 0.5, 0)),
    ]
    assert "joint right_j6: position sent 0.7898 rad; limit [-0.7854, 0.7854]" in rig.refuses(rig.next(HOME))


@pytest.mark.parametrize("joint", range(3))
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("moving", [False, True])
def test_a_jump_in_one_slot_is_refused(joint, side, moving):
    """Whatever the joint does: two counts and the acceleration's own step more than it may."""
    rig = Rig()
    rig.send((1.5, 2.0, 0.5) if moving else HOME, 40)
    jump = side * (4 * Q + 2 * LIMITS[joint].decel_rad_s2 * T**2)
    words = rig.refuses(moved(rig.next((1.5, 2.0, 0.5) if moving else HOME), joint, jump))
    assert LIMITS[joint].name in words and ("rad/s2 over 2 slots" in words or (moving and "speed asked" in words))


def ramp(rig: Rig, joint: int, speed_rad_s: float, accel_rad_s2: float, slots: int) -> int:
    """Speeds a joint up as told, by no limiter; the number of slots that passed."""
    position = list(rig.limiter.position_rad)
    speed, top = 0.0, rig.top_rad_s[joint]
    for slot in range(slots):
        rig.slot_ns += SLOT_NS
        change = math.copysign(accel_rad_s2 * T, speed_rad_s)
        speed = speed_rad_s if abs(speed + change) >= abs(speed_rad_s) else speed + change
        position[joint] += speed * T
        velocity = [0.0] * 3
        velocity[joint] = max(-top, min(top, speed))  # the lie that the windows are for
        try:
            rig.gate.send(ArmCommand(tuple(position), tuple(velocity), rig.epoch, rig.slot_ns))
        except GateRefusal:
            return slot
    return slots


@pytest.mark.parametrize("joint", range(3))
@pytest.mark.parametrize("side", [1, -1])
def test_a_speed_above_the_limit_by_more_than_the_counts_is_refused_within_the_long_window(joint, side):
    pose = [-1.3, 0.1, -0.7] if side > 0 else [3.4, 2.3, 0.7]
    top, accel = LIMITS[joint].speed_rad_s, LIMITS[joint].accel_rad_s2
    slots = math.ceil(top / (accel * T)) + 2 * LONG
    assert ramp(Rig(tuple(pose)), joint, side * top, accel, slots) == slots
    excess = (3 * Q / LONG) / T
    rig = Rig(tuple(pose))
    assert ramp(rig, joint, side * (top + excess), accel, slots + 5) < slots + 5
    assert f"joint {LIMITS[joint].name}: " in rig.gate.refused and "0 slots; limit" in rig.gate.refused


@pytest.mark.parametrize("joint", range(3))
def test_an_acceleration_above_the_limit_by_more_than_the_counts_is_refused(joint):
    pose = (-1.3, 0.1, -0.7)
    limits = LIMITS[joint]
    excess = 5 * Q / (SHORT * T) ** 2
    rig = Rig(pose)
    assert ramp(rig, joint, limits.speed_rad_s, limits.decel_rad_s2, 60) == 60
    rig = Rig(pose)
    assert ramp(rig, joint, limits.speed_rad_s, limits.decel_rad_s2 + excess, 60) < 60
    assert limits.name in rig.gate.refused and "rad/s2 over" in rig.gate.refused


def test_speeds_over_all_windows_are_refused():
    """Each window sees what the shorter ones let pass as rounding: one slot, ten, twenty."""
    rig = Rig((0.0, 1.0, 0.0))
    rig.send((0.0, 1.0, 0.0), 25)
    words = rig.refuses(moved(rig.next((0.0, 1.0, 0.0)), 0, 0.02, 0.0))
    assert "over 1 slots" in words
    wide = tuple(JointBounds(bound.name, -12, 12, 0.5, 1e6) for bound in BOUNDS)  # no acceleration to speak of
    for speed, window in ((0.545, SHORT), (27 * Q / (SHORT * T), LONG)):  # 27 counts in 10 slots pass, 54 in 20 do not
        rig = Rig((0.0, 1.0, 0.0))
        rig.gate = Gate(rig.arm, wide, T)
        rig.top_rad_s = [0.5] * 3
        rig.gate.read(0)
        rig.gate.begin(rig.epoch, (0.0, 1.0, 0.0))
        assert ramp(rig, 0, speed, 1e6, 100) < LONG
        assert f"over {window} slots; limit 0.5000 rad/s" in rig.gate.refused


def test_a_speed_field_that_does_not_fit_the_step_is_refused():
    rig = Rig()
    rig.send(HOME, 30)
    words = rig.refuses(moved(rig.next(HOME), 1, 0.0, by_rad_s=0.5))
    assert "right_j4" in words and "does not fit the step" in words


def test_a_speed_field_above_the_limit_is_refused():
    rig = Rig()
    rig.send(HOME, 30)
    assert "speed asked 2.1000 rad/s; limit 2.0000" in rig.refuses(moved(rig.next(HOME), 0, 0.0, by_rad_s=2.1))
    rig = Rig()
    rig.send(HOME, 30)
    rig.arm.forge = lambda frames: [
        frames[0]._replace(data=encode_mit(RANGE, HOME[0], 2.5, 10, 0.5, 0)),
        *frames[1:],
    ]
    words = rig.refuses(rig.next(HOME))
    assert "right_j1: speed sent 2." in words and "; limit 2.0147" in words


@pytest.mark.parametrize("seed", range(3))
def test_any_flipped_bit_that_means_more_than_two_counts_is_refused(seed):
    chance = random.Random(seed)
    for bit in range(2, 16):
        for joint in range(3):
            rig = Rig()
            rig.send((chance.uniform(-1, 3), chance.uniform(0.2, 2.2), chance.uniform(-0.7, 0.7)), 30)

            def flip(frames: list[WireFrame], bit: int = bit, joint: int = joint) -> list[WireFrame]:
                data = bytearray(frames[joint].data)
                data[1 - bit // 8] ^= 1 << bit % 8
                return [*frames[:joint], frames[joint]._replace(data=bytes(data)), *frames[joint + 1 :]]

            rig.arm.forge = flip
            assert LIMITS[joint].name in rig.refuses(rig.next(HOME)), f"seed {seed}, bit {bit}"


def test_wrong_numbers_of_frames_are_refused():
    for forge, words in (
        (lambda frames: frames[:2], "2 frames for 3 joints; expected 3 of each"),
        (lambda frames: [*frames, frames[0]], "4 frames for 3 joints; expected 3 of each"),
        (lambda frames: [frames[0], frames[1], frames[1]], "joint right_j6: position sent nan rad"),
    ):
        rig = Rig()
        rig.arm.forge = forge
        assert words in rig.refuses(rig.next(HOME))


@pytest.mark.parametrize("field", ["position_rad", "velocity_rad_s"])
def test_a_decoder_that_leaves_out_a_joint_is_refused(field):
    rig = Rig()
    whole = rig.arm.decode
    rig.arm.decode = lambda frames: whole(frames)._replace(**{field: (0.5, 1.0)})  # type: ignore[method-assign]
    assert "expected 3 of each" in rig.refuses(rig.next(HOME))


def counted(bound: JointBounds, steps: list[int], side: int) -> str:
    """Sends steps of whole counts from rest; why the gate refused, '' where it did not."""
    arm = FramedArmDouble([bound.name])
    count = 1000
    arm.measured_rad = ((count + 0.5) * Q,)  # in the middle between two codes
    gate = Gate(arm, [bound], T)
    gate.read(0)
    gate.begin(1, arm.measured_rad)
    for slot, step in enumerate(steps, 1):
        count += side * step
        speed = max(-bound.speed_rad_s, min(bound.speed_rad_s, side * step * Q / T))
        command = ArmCommand(((count + 0.5) * Q,), (speed,), 1, slot * SLOT_NS)
        assert gate.refused == ""
        try:
            gate.send(command)
        except GateRefusal:
            assert slot == len(steps)
    return gate.refused


def allowed(window_rad: float, counts: float) -> int:
    """The most whole counts that a window lets pass."""
    return math.floor(window_rad / Q + counts)


@pytest.mark.parametrize("side", [1, -1])
def test_every_window_is_exact_to_one_count(side):
    """From rest at the start the windows compare with it: a count more than the largest that may pass is refused."""
    fast = JointBounds("j", -12, 12, 3.3, 1e9)
    slow_change = JointBounds("j", -12, 12, 6.3, 31.0)
    for bound, window_rad, counts, slots, words in (
        (fast, 3.3 * T, 1, 1, "over 1 slots; limit 3.3000 rad/s"),
        (fast, 3.3 * T * SHORT, 1, SHORT, f"over {SHORT} slots; limit 3.3000 rad/s"),
        (fast, 3.3 * T * LONG, 1, LONG, f"over {LONG} slots; limit 3.3000 rad/s"),
        (slow_change, 31.0 * T**2, 2, 1, "over 2 slots; limit 31.00 rad/s2"),
        (slow_change, 31.0 * T**2 * SHORT**2, 2, SHORT, f"over {2 * SHORT} slots; limit 31.00 rad/s2"),
    ):
        most = allowed(window_rad, counts)
        for total in (most, most + 1):
            steps = [total * (k + 1) // slots - total * k // slots for k in range(slots)]
            if bound is slow_change and slots > 1:  # faster by at most two counts a slot
                steps = [1, 2, 3, 4, 4, 4, 4, 4, 4, total - 30]
            refused = counted(bound, steps, side)
            assert (refused == "") == (total == most), (total, refused)
            assert refused == "" or words in refused
            value = total * Q / (slots * T) ** (2 if bound is slow_change else 1)
            if refused:
                assert float(refused.split("joint j: ")[1].split()[0]) == pytest.approx(value, rel=0.005)


def test_an_encoder_that_refuses_is_a_refusal():
    rig = Rig()

    def fail(frames: list[WireFrame]) -> list[WireFrame]:
        raise WireError("Damiao command of 7 bytes; expected 8")

    rig.arm.forge = fail
    assert rig.refuses(rig.next(HOME)) == "gate: Damiao command of 7 bytes; expected 8"


@pytest.mark.parametrize("count", [2, 4])
def test_a_wrong_joint_count_is_refused(count):
    rig = Rig()
    command = rig.next(HOME)
    for field in ("position_rad", "velocity_rad_s"):
        values = (*getattr(command, field), 0.0)[:count]
        rig = Rig()
        words = rig.refuses(command._replace(**{field: values}))
        assert f"{count}" in words and "expected 3 of each" in words


@pytest.mark.parametrize("epoch", [0, 2, 3])
def test_commands_of_another_epoch_are_refused(epoch):
    rig = Rig()
    assert rig.epoch == 1
    assert f"command is of epoch {epoch}; expected 1" in rig.refuses(rig.next(HOME)._replace(epoch=epoch))


def test_a_command_that_was_made_before_a_new_epoch_is_refused_after_it():
    rig = Rig()
    old = rig.next(HOME)
    rig.start(HOME)
    assert "epoch 1; expected 2" in rig.refuses(old)


@pytest.mark.parametrize(("after_ns", "passes"), [(1_000_001, True), (1_000_000, False), (0, False), (-SLOT_NS, False)])
def test_slots_go_forward_and_never_in_a_burst(after_ns, passes):
    rig = Rig()
    rig.send(HOME)
    command = rig.limiter.brake(rig.epoch, rig.slot_ns + after_ns)
    if passes:
        rig.gate.send(command)
    else:
        assert f"slot comes {after_ns} ns after the last" in rig.refuses(command)


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
            with pytest.raises(GateRefusal, match=f"joint {LIMITS[joint].name}: stands at .* move it inside by hand"):
                Rig(tuple(pose))


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
    gate = Gate(arm, [JointBounds("j", -1, 1, 2, 16)], T)
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
        JointBounds("j", math.nan, 1, 1, 1),
        JointBounds("j", -1, math.inf, 1, 1),
        JointBounds("j", 1, 1, 1, 1),
        JointBounds("j", 2, 1, 1, 1),
        JointBounds("j", -1, 1, 0, 1),
        JointBounds("j", -1, 1, 1, 0),
        JointBounds("j", -1, 1, math.inf, 1),
        JointBounds("j", -1, 1, 1, -1),
    ],
)
def test_bounds_that_bound_nothing_are_refused(bound):
    with pytest.raises(ValueError, match="joint j: bounds"):
        Gate(FramedArmDouble(["j"]), [bound], T)


def test_bounds_do_not_change_after_they_were_checked():
    bound = JointBounds("j", -1, 1, 1, 1)
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
    arm.most = (MotorMost(12.5, 2.0),)
    arm.measured_rad = (0.0,)
    gate = Gate(arm, [JointBounds("j", -6.0, 6.0, 4.0, 1e9)], T)
    gate.read(0)
    gate.begin(1, (0.0,))
    gate.send(ArmCommand((side * 1.9 * T,), (side * 1.9,), 1, SLOT_NS))
    with pytest.raises(GateRefusal, match=r"joint j: speed asked -?3\.0000 rad/s; limit 2\.0000"):
        gate.send(ArmCommand((side * 4.9 * T,), (side * 3.0,), 1, 2 * SLOT_NS))
    assert arm.stops == 1


def test_a_position_beyond_the_motors_own_travel_is_refused():
    arm = FramedArmDouble(["j"])
    arm.most = (MotorMost(1.0, 2.0),)
    for pose in (0.999, -0.999):
        arm.measured_rad = (pose,)
        gate = Gate(arm, [JointBounds("j", -6.0, 6.0, 4.0, 1e9)], T)
        gate.read(0)
        gate.begin(1, arm.measured_rad)
        with pytest.raises(GateRefusal, match=r"limit \[-1\.0004, 1\.0004\]"):
            gate.send(ArmCommand((math.copysign(1.002, pose),), (math.copysign(0.75, pose),), 1, SLOT_NS))


def test_bounds_tighter_than_the_motors_own_stay():
    arm = FramedArmDouble(["j"])
    arm.most = (MotorMost(12.5, 20.0),)
    arm.measured_rad = (0.0,)
    gate = Gate(arm, [JointBounds("j", -1.0, 1.0, 2.0, 1e9)], T)
    gate.read(0)
    gate.begin(1, (0.0,))
    with pytest.raises(GateRefusal, match=r"limit 2\.0000"):
        gate.send(ArmCommand((2.5 * T,), (2.5,), 1, SLOT_NS))


def test_bounds_that_a_motors_travel_leaves_empty_are_refused():
    arm = FramedArmDouble(["j"])
    arm.most = (MotorMost(1.0, 20.0),)
    with pytest.raises(ValueError, match="joint j: bounds"):
        Gate(arm, [JointBounds("j", 2.0, 3.0, 2.0, 1.0)], T)


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
