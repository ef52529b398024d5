"""A joint's jerk limit: what is refused, how far braking goes, and how a wish is followed."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from station.control.jerk import JerkBraking, JerkJoint, stopping
from station.control.limit import JointLimits, Limiter

T = 0.002
JOINT = JointLimits("right_j1", -1.4, 3.4, 2.0, 15.0, 20.0, 300.0, 0.2)
JERKS = (200.0, 300.0, 1000.0, 1e4, 1e7, 2e8)
"""Up to the most that is allowed."""


def started(position: float = 0.0, jerk: float = 300.0, **changes: float) -> Limiter:
    limiter = Limiter([replace(JOINT, jerk_rad_s3=jerk, **changes)], T)
    limiter.start([position])
    return limiter


# -- refusals


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"jerk_rad_s3": 20.0},
            "with jerk_rad_s3 20 (1145.92 deg/s3) a stop from speed_rad_s 2 takes 1.08 s; expected at most 0.8 s: "
            "raise the jerk or lower the speed",
        ),
        (
            {"upper_rad": -1.2},
            "with jerk_rad_s3 300 (17188.7 deg/s3) a stop from speed_rad_s 2 takes 0.267 rad; expected at most "
            "its travel, 0.2 rad: raise the jerk or lower the speed",
        ),
        ({"jerk_rad_s3": 0.0124, "speed_rad_s": 0.2}, "jerk_rad_s3 is 0.0124; expected at least 0.0125"),
        (
            {"jerk_rad_s3": 2.001e8},  # 2 D / T, ten thousand times over
            "jerk_rad_s3 is 2.001e+08 and limits nothing; expected None, or at most 2e+08",
        ),
        ({"jerk_rad_s3": 1e308}, "jerk_rad_s3 is 1e+308 and limits nothing; expected None, or at most 2e+08"),
        ({"jerk_rad_s3": math.inf}, "jerk_rad_s3 is inf; expected a finite number above 0"),
    ],
)
def test_a_jerk_with_which_a_joint_cannot_stop_sensibly_is_refused(changes, words):
    with pytest.raises(ValueError) as refusal:
        Limiter([replace(JOINT, **changes)], T)
    assert str(refusal.value) == f"joint right_j1: {words}"


# -- braking


def rolled(braking: JerkBraking, v: float, a: float) -> tuple[float, float, float]:
    """End, lowest and highest place of braking, tick by tick, by the rule's own words."""
    place = lowest = highest = 0.0
    for _ in range(100_000):
        if abs(v) < 1e-9 and abs(a) < 1e-9:
            return place, lowest, highest
        a = min(max(braking.curve(v), a - 1.0), a + 1.0)
        v += a
        place += v
        lowest, highest = min(lowest, place), max(highest, place)
    raise AssertionError("never at rest")


def test_the_closed_form_of_braking_is_what_braking_does():
    rng = random.Random(1)
    for _ in range(3000):
        down = 10 ** rng.uniform(-1, 2.5)
        braking = JerkBraking(down)
        v = rng.choice([0.0, 1.0, -1.0]) * 10 ** rng.uniform(-2, 1) * down**2
        v = min(max(v, -300 * down), 300 * down)
        a = rng.choice([0.0, rng.uniform(-down, down), rng.choice([-1.0, 1.0]) * down, float(rng.randint(-3, 3))])
        a = min(max(a, -down), down)
        end, turn = braking.stop(v, a)
        place, lowest, highest = rolled(braking, v, a)
        scale = 1e-9 * max(1.0, abs(place), abs(v))
        assert end == pytest.approx(place, abs=scale), (down, v, a)
        assert min(0.0, turn, end) == pytest.approx(lowest, abs=scale), (down, v, a)
        assert max(0.0, turn, end) == pytest.approx(highest, abs=scale), (down, v, a)


def test_no_deceleration_is_larger_than_can_be_taken_off_before_rest():
    braking = JerkBraking(1e9)
    for n in range(60):
        speed = n * (n + 1) / 2  # 1 + 2 + ... + n
        assert braking.curve(speed) == pytest.approx(-n)
        assert braking.curve(-speed) == pytest.approx(n)
    assert braking.curve(0.25) == -0.25


@pytest.mark.parametrize("jerk", JERKS)
def test_braking_takes_no_longer_and_no_further_than_is_told(jerk):
    for build_up in (7, 30, 200):
        limiter = started(jerk=jerk)
        for _ in range(build_up):
            begun = limiter.follow([3.0], 1, 0).position_rad[0]
        ticks, fastest, last = 0, 0.0, begun
        while not limiter.is_still:
            here = limiter.brake(1, 0).position_rad[0]
            fastest, last = max(fastest, (here - last) / T), here
            ticks += 1
        fastest = max(fastest, 1e-3)
        seconds, way = stopping(fastest, 15.0, 20.0, jerk)
        assert ticks <= seconds / T + 4
        assert here - begun <= way + 3 * fastest * T
        assert limiter.brake(1, 0).position_rad[0] == here


def test_without_a_jerk_limit_stopping_is_speed_by_deceleration():
    assert stopping(2.0, 15.0, 20.0, None) == (0.1, 0.1)
    seconds, way = stopping(2.0, 15.0, 20.0, 1e9)
    assert (seconds, way) == (pytest.approx(0.1, rel=1e-4), pytest.approx(0.1, rel=1e-4))
    # 15/300 s until it accelerates no more, 2/20 s and 20/300 s of braking
    assert stopping(2.0, 15.0, 20.0, 300.0)[0] == pytest.approx(0.05 + 0.1 + 0.2 / 3)


def test_a_joint_that_only_passes_through_rest_is_not_still():
    limiter = started()
    limiter.follow([3.0], 1, 0)
    limiter._step[0] = 0.0  # as at the turn of a motion
    assert not limiter.is_still
    limiter.missed()
    assert limiter.is_still


def test_missed_slots_leave_neither_speed_nor_acceleration():
    limiter = started()
    for _ in range(60):
        limiter.follow([3.0], 1, 0)
    held = limiter.position_rad[0]
    limiter.missed()
    first = limiter.follow([3.0], 1, 0).position_rad[0] - held
    assert first == pytest.approx(300.0 * T**3, rel=1e-5)


@pytest.mark.parametrize(("start", "inside"), [(3.6, 3.4), (-1.6, -1.4)])
def test_a_start_outside_comes_in_slowly_whatever_is_asked(start, inside):
    limiter = started(start)
    last = start
    for target in (start * 2, start, math.nan, 1.0, start * 2):
        for _ in range(1700):
            here = limiter.follow([target], 1, 0).position_rad[0]
            if not -1.4 <= last <= 3.4:
                assert abs(here) <= abs(last) and abs(here - last) <= 0.2 * T * (1 + 1e-9)
            last = here
    assert here == pytest.approx(inside, abs=1e-10)


@pytest.mark.parametrize("limit", [-1.4, 3.4])
def test_a_joint_on_its_limit_is_not_outside(limit):
    limiter = started(limit, jerk=1e7, recovery_speed_rad_s=0.001)
    first = limiter.follow([1.0], 1, 0).position_rad[0]
    assert abs(first - limit) == pytest.approx(15.0 * T**2, rel=1e-5)  # not 0.001 T


# -- following


@pytest.mark.parametrize("jerk", JERKS)
@pytest.mark.parametrize("to", [1e-6, 3e-4, 2e-3, 0.03, 1.0, -1.0])
def test_a_step_is_reached_without_overshoot_and_held_exactly(jerk, to):
    limiter = started(jerk=jerk)
    for _ in range(5):
        limiter.follow([0.0], 1, 0)
    positions = [limiter.follow([to], 1, 0).position_rad[0] for _ in range(700)]
    assert max(position * math.copysign(1, to) for position in positions) <= abs(to)
    assert positions[-1] == to and limiter.is_still


def test_a_step_takes_little_longer_than_braking_and_accelerating_must():
    limiter = started()
    ticks = 0
    while limiter.follow([1.0], 1, 0).position_rad[0] != 1.0:
        ticks += 1
    at_best_s = 1.0 / 2.0 + (2.0 / 15.0 + 15.0 / 300.0) / 2 + (2.0 / 20.0 + 20.0 / 300.0) / 2
    assert ticks * T <= at_best_s * 1.02 + 4 * T


@pytest.mark.parametrize(("jerk", "most_rad"), [(300.0, 6e-4), (1000.0, 2e-5), (1e4, 1e-6)])
def test_a_smooth_wish_is_followed_with_less_than_half_a_millisecond_of_lag(jerk, most_rad):
    limiter = started(jerk=jerk)
    for k in range(3000):
        target = 0.4 * math.sin(3 * k * T)
        error = limiter.follow([target], 1, 0).position_rad[0] - target
        if k > 1000:
            assert abs(error) <= min(most_rad, 1.2 * 0.5e-3)


def test_a_target_that_moves_on_is_caught_up_with():
    limiter = started()
    worst = 0.0
    for k in range(1500):
        target = 0.5 + 0.8 * k * T
        worst = max(worst, limiter.follow([target], 1, 0).position_rad[0] - target)
    assert worst <= 2e-3
    assert limiter.position_rad[0] == pytest.approx(target, abs=1e-9)


@pytest.mark.parametrize("jerk", [200.0, 300.0, 1000.0])
@pytest.mark.parametrize(("noise", "gain"), [(1e-5, 1.0), (1e-4, 2.0)])
def test_the_noise_of_encoders_is_not_made_larger_and_coarse_noise_little(jerk, noise, gain):
    rng = random.Random(3)
    limiter = started(0.2, jerk=jerk)
    sent = [limiter.follow([0.2 + rng.gauss(0.0, noise)], 1, 0).position_rad[0] for _ in range(1500)][500:]
    assert math.sqrt(sum((position - 0.2) ** 2 for position in sent) / len(sent)) <= gain * noise


def test_the_count_of_a_coarse_encoder_at_rest_does_not_ring():
    limiter = started(0.2)
    count = 2 * math.pi / 4096
    for k in range(4):
        target = 0.2 + count * (k % 2)
        sent = [limiter.follow([target], 1, 0).position_rad[0] for _ in range(200)]
        assert sent[-1] == target and sent[100:] == [target] * 100
        assert min(sent) >= 0.2 - 1e-12 and max(sent) <= 0.2 + count + 1e-12


@pytest.mark.parametrize("jerk", [1e8, 2e8])
def test_a_jerk_too_high_to_matter_follows_as_without_one(jerk):
    plain = Limiter([replace(JOINT, jerk_rad_s3=None)], T)
    plain.start([0.0])
    smooth = started(jerk=jerk)
    for k in range(2000):
        target = [1.0 if k < 700 else 0.3 * math.sin(4 * k * T)]
        assert smooth.follow(target, 1, 0).position_rad[0] == pytest.approx(
            plain.follow(target, 1, 0).position_rad[0], abs=2e-3
        )


def test_joints_without_a_jerk_limit_go_on_as_ever_beside_one_with():
    other = JointLimits("j2", -1.0, 1.0, 3.0, 20.0, 30.0, None, 0.2)
    both, alone = Limiter([JOINT, other], T), Limiter([other], T)
    both.start([0.0, 0.1])
    alone.start([0.1])
    rng = random.Random(5)
    target = 0.0
    for k in range(3000):
        if rng.random() < 0.05:
            target = rng.choice([rng.uniform(-2, 2), math.nan, 1e308, -math.inf])
        if k % 500 == 77:
            both.missed()
            alone.missed()
        assert both.follow([target, target], 1, 0).position_rad[1:] == alone.follow([target], 1, 0).position_rad


class Restraint:
    event = None

    def __init__(self, share: float | None) -> None:
        self.share = share

    def know(self, smooth):
        self.smooth = smooth

    def start(self, position_rad): ...

    def allows(self, position_rad, steps):
        return self.share is None

    def shares(self, position_rad, braking, wished, is_slow=False):
        self.braking, self.wished = list(braking), list(wished)
        return [self.share] * len(wished)


@pytest.mark.parametrize("share", [2.0, 1.0, 0.999, 0.5, 0.03, 0.0, -1.0])
@pytest.mark.parametrize(("ticks", "target"), [(60, 3.0), (60, -3.0), (8, 3.0), (0, 0.4), (30, 0.02)])
def test_held_back_a_joint_bends_so_much_between_braking_and_its_wish(ticks, target, share):
    held, wish, brake = Limiter([JOINT], T, Restraint(None)), started(), started()
    held.start([0.0])
    assert [index for index, _ in held._restraint.smooth] == [0]
    for _ in range(ticks):
        command = wish.follow([target], 1, 0)
        assert held.follow([target], 1, 0) == command == brake.follow([target], 1, 0)
    before = held.position_rad[0]
    held._restraint.share = share
    sent = held.follow([target], 1, 0).position_rad[0]
    wished, braked = wish.follow([target], 1, 0).position_rad[0], brake.brake(1, 0).position_rad[0]
    assert held._restraint.braking == pytest.approx([braked - before], abs=1e-15)
    assert held._restraint.wished == [wished - before]
    kept = min(max(share, 0.0), 1.0)
    if kept in (0.0, 1.0):
        assert sent == (wished if kept else braked)
    assert sent == pytest.approx(braked + kept * (wished - braked), abs=1e-15)
    # What was sent is where it goes on from.
    held._restraint.share = None
    other = {0.0: brake, 1.0: wish}.get(kept)
    if other is not None:
        for _ in range(50):
            assert held.follow([target], 1, 0) == other.follow([target], 1, 0)


def test_what_a_joint_says_of_a_share_is_what_it_then_does():
    """v and a after it; the outline is at least the way and the speed of the wish and its braking."""
    joint = JerkJoint(-1.0, 1.0, 2.0, 15.0, 20.0, 300.0, T)
    joint.start()
    joint.follow(0.0, 0.0, 2.0 * T)
    assert joint.outline == (0.0, 0.0) and joint.braked == 0.0
    rng = random.Random(3)
    position, target, last = 0.0, 0.0, 0.0
    for k in range(2000):
        if k % 40 == 0:
            target = rng.uniform(-1.0, 1.0)
        before = position
        joint.follow(target, position, 2.0 * T)
        share = rng.choice([1.0, 1.0, 0.0, rng.random()])
        v, a = joint.mixed(share)
        way, peak = joint.outline
        wished, bend = joint.mixed(1.0)
        _, lowest, highest = rolled(joint.braking, wished, bend)
        assert way >= max(abs(wished), abs(wished + lowest), abs(wished + highest)) * joint.j - 1e-12
        assert peak >= abs(wished) * joint.j
        assert joint.braked == pytest.approx(joint.mixed(0.0)[0] * joint.j)
        assert joint.may(*joint.mixed(0.0)) and joint.may(wished, bend)
        is_legal = joint.may(v, a)
        position = joint.go(share)
        if not is_legal:
            v, a = joint.mixed(0.0)  # nothing else was asked: as hard as it can
        assert position - before == pytest.approx(v * joint.j, abs=1e-12)
        joint.take()
        assert (joint._v, joint._a) == (pytest.approx(v), pytest.approx(a))
        assert v - last == pytest.approx(a, abs=1e-6)
        last = v


def test_a_share_that_the_joints_own_limits_do_not_allow_brakes():
    """Only the bend between braking and the wish is not viable: which never happens but where the limits say so."""

    class Wary(JerkJoint):
        def may(self, v, a):
            return False

    joint, brave = Wary(-1.0, 1.0, 2.0, 15.0, 20.0, 300.0, T), JerkJoint(-1.0, 1.0, 2.0, 15.0, 20.0, 300.0, T)
    for one in (joint, brave):
        one.follow(0.5, 0.0, 2.0 * T)
    braked = brave.mixed(0.0)[0] * brave.j
    assert joint.go(0.5) == pytest.approx(braked) and brave.go(0.5) > braked
    joint.follow(0.5, 0.0, 2.0 * T)
    assert joint.go(1.0) == pytest.approx(joint.j)


def test_a_state_is_viable_exactly_while_braking_from_it_ends_inside():
    joint = JerkJoint(-1.0, 1.0, 2.0, 15.0, 15.0, 300.0, T)
    j = 300.0 * T**3 * (1 - 1e-6)
    braking = JerkBraking(15.0 * T**2 * (1 - 1e-6) / j)
    rng = random.Random(9)
    seen = set()
    for _ in range(3000):
        v, a = rng.uniform(-1600, 1600), rng.uniform(-24, 24)
        position = rng.choice([-1, 1]) * rng.uniform(0.6, 1.0)
        _, lowest, highest = rolled(braking, v, a)
        here = position + v * j
        slack = min(here + lowest * j + 1.0, 1.0 - here - highest * j)
        if abs(slack) > 1e-9:
            assert joint.is_viable(position, v, a) is (slack > 0), (position, v, a)
            seen.add(slack > 0)
    assert seen == {True, False}
