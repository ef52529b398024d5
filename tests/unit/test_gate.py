"""The gate: never refuses what the limiter made, always refuses what breaks a rule, in the bytes themselves."""

from __future__ import annotations

import math
import random

import pytest

from drivers.gate import LONG, SHORT, Gate, GateRefusal, JointBounds
from drivers.ports import ArmCommand, WireFrame
from firmware_bridge.damiao import encode_mit
from firmware_bridge.errors import WireError
from tests.unit.framed_arm import KD, KP, RANGE, FramedArmDouble
from tests.unit.gate_rig import BOUNDS, HOME, LIMITS, SLOT_NS, Q, Rig, T, moved

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
        frames[2]._replace(data=encode_mit(RANGE, 0.79, 0.0, KP, KD, 0)),
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
    wide = tuple(JointBounds(bound.name, -12, 12, 0.5, 1e6, KP, KD) for bound in BOUNDS)  # no acceleration to speak of
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
        frames[0]._replace(data=encode_mit(RANGE, HOME[0], 2.5, KP, KD, 0)),
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


@pytest.mark.parametrize("joint", range(3))
def test_any_flipped_bit_of_gains_and_torque_is_refused(joint):
    """Softer, an arm falls; harder, or pushed, it jumps at what its limits never see."""
    for bit in range(36):
        rig = Rig()
        rig.send(HOME, 3)

        def flip(frames: list[WireFrame], bit: int = bit) -> list[WireFrame]:
            data = int.from_bytes(frames[joint].data, "big") ^ 1 << bit
            return [*frames[:joint], frames[joint]._replace(data=data.to_bytes(8, "big")), *frames[joint + 1 :]]

        rig.arm.forge = flip
        words = rig.refuses(rig.next(HOME))
        what = "torque_nm" if bit < 12 else "kd" if bit < 24 else "kp"
        assert words.startswith(f"gate: joint {LIMITS[joint].name}: {what} sent "), f"bit {bit}: {words}"


@pytest.mark.parametrize(
    ("what", "gains"), [("kp", (11.0, KD)), ("kp", (0.0, KD)), ("kd", (KP, 0.0)), ("kd", (KP, 5.0))]
)
def test_gains_that_are_not_the_rigs_are_refused_from_the_first_command_on(what, gains):
    rig = Rig()
    rig.arm.forge = lambda frames: [*frames[:2], frames[2]._replace(data=encode_mit(RANGE, HOME[2], 0.0, *gains, 0))]
    assert f"joint right_j6: {what} sent " in rig.refuses(rig.next(HOME))


@pytest.mark.parametrize("torque_nm", [0.01, 3.0, -3.0])
def test_a_torque_beside_the_position_is_refused(torque_nm):
    rig = Rig()
    rig.send(HOME)
    pushed = encode_mit(RANGE, HOME[0], 0.0, KP, KD, torque_nm)
    rig.arm.forge = lambda frames: [frames[0]._replace(data=pushed), *frames[1:]]
    words = rig.refuses(rig.next(HOME))
    assert "joint right_j1: torque_nm sent " in words and "; expected 0.0000, to one count 0.0049" in words


def test_every_gain_that_the_wire_can_say_passes_as_it_is_cut_to_counts():
    """Also where a gain is a whole number of counts, which rounding may make one less."""
    for count in range(0, 4096, 5):
        for share in (0.0, 0.5):
            kp, kd = min(500.0, (count + share) * 500 / 4095), min(5.0, (count + share) * 5 / 4095)
            arm = FramedArmDouble(["j"], kp, kd)
            arm.measured_rad = (0.0,)
            gate = Gate(arm, [JointBounds("j", -1, 1, 1, 1, kp, kd)], T)
            gate.read(0)
            gate.begin(1, (0.0,))
            gate.send(ArmCommand((0.0,), (0.0,), 1, SLOT_NS))
            assert len(arm.sent) == 1


def test_wrong_numbers_of_frames_are_refused():
    for forge, words in (
        (lambda frames: frames[:2], "2 frames for 3 joints; expected 3 of each"),
        (lambda frames: [*frames, frames[0]], "4 frames for 3 joints; expected 3 of each"),
        (lambda frames: [frames[0], frames[1], frames[1]], "joint right_j6: position sent nan rad"),
    ):
        rig = Rig()
        rig.arm.forge = forge
        assert words in rig.refuses(rig.next(HOME))


@pytest.mark.parametrize("field", ["position_rad", "velocity_rad_s", "rest"])
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
    fast = JointBounds("j", -12, 12, 3.3, 1e9, KP, KD)
    slow_change = JointBounds("j", -12, 12, 6.3, 31.0, KP, KD)
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
