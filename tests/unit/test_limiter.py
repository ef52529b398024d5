"""The limiter's rules one by one: what it refuses, how it starts, follows, slows, brakes and forgets."""

from __future__ import annotations

import ast
import math
from dataclasses import replace
from pathlib import Path

import pytest

import drivers
import station
from station.control.limit import JointLimits, Limiter

T = 0.002
JOINT = JointLimits("right_j1", -1.4, 3.4, 2.0, 15.0, 20.0, None, 0.2)
NARROW = JointLimits("right_j4", 0.0, 2.4, 3.3, 26.0, 26.0, None, 0.2)


def started(*position: float, limits: tuple[JointLimits, ...] = (JOINT, NARROW)) -> Limiter:
    limiter = Limiter(limits[: len(position)], T)
    limiter.start(position)
    return limiter


# -- refusals at load


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("lower_rad", math.nan, "lower_rad is nan; expected a finite number"),
        ("lower_rad", -math.inf, "lower_rad is -inf; expected a finite number"),
        ("upper_rad", math.inf, "upper_rad is inf; expected a finite number"),
        ("upper_rad", -1.4, "lower_rad is -1.4; expected below upper_rad -1.4"),
        ("lower_rad", 3.5, "lower_rad is 3.5; expected below upper_rad 3.4"),
        ("speed_rad_s", 0.0, "speed_rad_s is 0.0; expected a finite number above 0"),
        ("speed_rad_s", math.nan, "speed_rad_s is nan; expected a finite number above 0"),
        ("accel_rad_s2", -1.0, "accel_rad_s2 is -1.0; expected a finite number above 0"),
        ("accel_rad_s2", 0.0, "accel_rad_s2 is 0.0; expected a finite number above 0"),
        ("decel_rad_s2", math.inf, "decel_rad_s2 is inf; expected a finite number above 0"),
        ("decel_rad_s2", 14.9, "decel_rad_s2 is 14.9; expected at least accel_rad_s2 15"),
        ("jerk_rad_s3", -5.0, "jerk_rad_s3 is -5.0; expected a finite number above 0"),
        ("jerk_rad_s3", 0.0, "jerk_rad_s3 is 0.0; expected a finite number above 0"),
        ("recovery_speed_rad_s", 0.0, "recovery_speed_rad_s is 0.0; expected a finite number above 0"),
        ("recovery_speed_rad_s", 2.1, "recovery_speed_rad_s is 2.1; expected at most speed_rad_s 2"),
        ("speed_rad_s", 0.0299, "recovery_speed_rad_s is 0.2; expected at most speed_rad_s 0.0299"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused_by_joint_value_and_expectation(field, value, words):
    with pytest.raises(ValueError) as refusal:
        Limiter([NARROW, replace(JOINT, **{field: value})], T)
    assert str(refusal.value) == f"joint right_j1: {words}"


def test_an_acceleration_that_reaches_the_speed_within_one_tick_is_refused_beyond_the_bound_itself():
    Limiter([replace(JOINT, speed_rad_s=15.0, accel_rad_s2=15.0)], 1.0)
    with pytest.raises(
        ValueError, match="reaches speed_rad_s 15 within one tick of 1 s; expected accel_rad_s2 at most 15"
    ):
        Limiter([replace(JOINT, speed_rad_s=15.0, accel_rad_s2=15.01, decel_rad_s2=20.0)], 1.0)


@pytest.mark.parametrize("period_s", [0.0, -0.002, math.nan, math.inf])
def test_an_impossible_period_is_refused(period_s):
    with pytest.raises(ValueError, match=f"period is {period_s} s; expected a finite number above 0"):
        Limiter([JOINT], period_s)


def test_the_bounds_of_the_refusals_themselves_are_allowed():
    Limiter([replace(JOINT, decel_rad_s2=15.0, recovery_speed_rad_s=2.0)], T)


@pytest.mark.parametrize("position", [(0.0,), (0.0, 0.0, 0.0)])
def test_a_start_pose_of_another_joint_count_is_refused(position):
    with pytest.raises(ValueError, match=rf"start pose has {len(position)} joints; expected 2"):
        Limiter([JOINT, NARROW], T).start(position)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_start_pose_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match=f"joint right_j4: measured position is {value}; expected a finite number"):
        Limiter([JOINT, NARROW], T).start((0.0, value))


def test_a_limiter_that_was_not_started_makes_no_command():
    limiter = Limiter([JOINT], T)
    assert limiter.position_rad == ()
    with pytest.raises(RuntimeError, match="not started"):
        limiter.follow([0.0], 1, 0)
    with pytest.raises(RuntimeError, match="not started"):
        limiter.brake(1, 0)


def test_a_target_of_another_joint_count_is_refused():
    with pytest.raises(ValueError, match="target has 1 joints; expected 2"):
        started(0.0, 1.0).follow([0.0], 1, 0)


def test_limits_do_not_change_after_they_were_checked():
    limits = JointLimits("right_j1", -1.4, 3.4, 2.0, 15.0, 20.0, None, 0.2)
    with pytest.raises(AttributeError):
        limits.upper_rad = 4.0  # type: ignore[misc]
    assert not hasattr(limits, "__dict__")


# -- starting and following


def test_the_first_command_is_at_most_one_accelerations_step_from_the_start():
    limiter = started(0.5, 1.0)
    command = limiter.follow([3.0, 0.0], 7, 11)
    assert command.position_rad == pytest.approx((0.5 + 15 * T**2, 1.0 - 26 * T**2), rel=1e-12)
    assert command.velocity_rad_s == pytest.approx((15 * T, -26 * T), rel=1e-9)
    assert (command.epoch, command.slot_ns) == (7, 11)
    assert limiter.position_rad == command.position_rad
    assert not limiter.is_still


def test_a_target_within_reach_is_reached_exactly_and_without_lag():
    limiter = started(0.0)
    for k in range(2000):
        target = 0.4 * math.sin(3 * k * T) if k > 20 else 0.0
        command = limiter.follow([target], 1, 0)
        if k > 300:
            assert command.position_rad[0] == pytest.approx(target, abs=1e-12)


@pytest.mark.parametrize("to", [1.0, -1.0])
def test_a_step_is_approached_without_overshoot_and_at_full_speed(to):
    limiter = started(0.0)
    fastest = farthest = 0.0
    for _ in range(500):
        command = limiter.follow([to], 1, 0)
        fastest = max(fastest, command.velocity_rad_s[0] * to)
        farthest = max(farthest, command.position_rad[0] * to)
    assert fastest == pytest.approx(2.0, rel=1e-9)
    assert farthest <= 1.0 + 1e-12
    assert command.position_rad[0] == pytest.approx(to, abs=1e-12)
    assert limiter.is_still


def test_a_target_that_moves_on_is_caught_up_with_without_overshoot():
    limiter = started(0.0)
    worst = 0.0
    for k in range(1500):
        target = 0.5 + 0.8 * k * T
        worst = max(worst, limiter.follow([target], 1, 0).position_rad[0] - target)
    assert worst <= 1e-9
    assert limiter.position_rad[0] == pytest.approx(target, abs=1e-9)


def test_coarse_counts_of_the_leader_do_not_ring():
    limiter = started(0.0)
    count = 2 * math.pi / 4096
    for k in range(1000):
        target = math.floor(0.05 * k * T / count) * count
        assert limiter.follow([target], 1, 0).position_rad[0] <= target + 1e-12


def test_time_to_full_speed_and_to_rest_are_the_accelerations():
    limiter = started(0.0)
    ticks = 0
    while limiter.follow([3.0], 1, 0).velocity_rad_s[0] < 2.0 * (1 - 1e-9):
        ticks += 1
    assert ticks == math.ceil(2.0 / (15.0 * T)) - 1
    ticks = 0
    while not limiter.is_still:
        limiter.brake(1, 0)
        ticks += 1
    assert ticks in (50, 51)  # 2.0 / (20.0 T), and one for the rounding of sums


def test_through_rest_the_tick_is_shared_between_the_two_accelerations():
    limiter = started(0.0)
    limiter.follow([1.0], 1, 0)
    command = limiter.follow([-1.0], 1, 0)  # v = A T; A/D of the tick to rest, what is left of it at A
    share = 15.0 / 20.0
    assert command.velocity_rad_s[0] == pytest.approx(-15.0 * T * (1 - share), rel=1e-9)
    limiter = started(0.0)
    limiter.follow([-1.0], 1, 0)
    assert limiter.follow([1.0], 1, 0).velocity_rad_s[0] == pytest.approx(15.0 * T * (1 - share), rel=1e-9)


@pytest.mark.parametrize(("start", "wall"), [(3.0, 3.4), (-1.0, -1.4)])
def test_the_wall_is_approached_to_less_than_a_count_and_not_passed(start, wall):
    limiter = started(start)
    for _ in range(600):
        command = limiter.follow([wall * 100], 1, 0)
        assert JOINT.lower_rad <= command.position_rad[0] <= JOINT.upper_rad
    assert abs(command.position_rad[0] - wall) <= 20.0 * T**2 / 8


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_rounding_at_the_wall_does_not_pass_it(side):
    """The exact last braking step ends on the limit 0, the rounded one 1e-20 rad beyond it."""
    lower, upper = (-1.0, 0.0) if side > 0 else (0.0, 1.0)
    speed = 2.5 * 28.0 * T
    limiter = Limiter([JointLimits("j", lower, upper, speed, 28.0, 28.0, None, speed)], T)
    limiter.start([-0.0011200000000000012 * side])
    for _ in range(30):
        position = limiter.follow([5.0 * side], 1, 0).position_rad[0]
        assert lower <= position <= upper
    assert position == 0.0


@pytest.mark.parametrize("target", [math.nan, math.inf, -math.inf])
def test_a_target_that_is_no_number_brakes_that_joint_alone_as_hard_as_allowed(target):
    limiter = started(0.0, 1.0)
    for _ in range(100):
        before = limiter.follow([3.0, 2.0], 1, 0)
    after = limiter.follow([target, 2.0], 1, 0)
    assert after.velocity_rad_s[0] == pytest.approx(before.velocity_rad_s[0] - 20.0 * T, rel=1e-9)
    assert after.velocity_rad_s[1] == pytest.approx(before.velocity_rad_s[1], rel=0.05)
    for _ in range(100):
        after = limiter.follow([target, 2.0], 1, 0)
    assert after.velocity_rad_s[0] == 0.0


@pytest.mark.parametrize("target", [1e308, -1e308])
def test_a_target_as_far_as_numbers_go_is_the_limit(target):
    limiter = started(0.0)
    other = started(0.0)
    for _ in range(200):
        assert limiter.follow([target], 1, 0) == other.follow([math.copysign(5.0, target)], 1, 0)


def test_the_wish_of_a_joint_that_braked_is_forgotten():
    limiter = started(0.0)
    for _ in range(50):
        limiter.follow([3.0], 1, 0)
    while not limiter.is_still:
        limiter.follow([math.nan], 1, 0)
    here = limiter.position_rad[0]
    assert limiter.follow([here], 1, 0).position_rad[0] == here


# -- outside, slow, braking, gaps


@pytest.mark.parametrize(("start", "inside"), [(3.6, 3.4), (-1.6, -1.4)])
def test_a_start_outside_comes_in_slowly_whatever_is_asked(start, inside):
    limiter = started(start)
    for target in (start * 2, start):
        for _ in range(20):
            command = limiter.follow([target], 1, 0)
            assert abs(command.position_rad[0]) <= abs(start)
            assert abs(command.velocity_rad_s[0]) <= 0.2 * (1 + 1e-9)
    for _ in range(1000):
        command = limiter.follow([start], 1, 0)
        assert abs(command.velocity_rad_s[0]) <= 0.2 * (1 + 1e-9)
    assert command.position_rad[0] == pytest.approx(inside, abs=1e-5)


def test_a_start_outside_holds_while_braking():
    limiter = started(3.6)
    assert limiter.brake(1, 0).position_rad == (3.6,)
    assert limiter.is_still


@pytest.mark.parametrize("target", [3.0, -1.0])
def test_following_slowly_keeps_its_own_speed_and_brakes_down_to_it(target):
    limiter = started(0.0)
    for _ in range(200):
        fast = limiter.follow([target], 1, 0)
    slower = limiter.follow_slowly([target], 0.4, 1, 0)
    assert abs(slower.velocity_rad_s[0]) == pytest.approx(abs(fast.velocity_rad_s[0]) - 20.0 * T, rel=1e-9)
    for _ in range(100):
        slower = limiter.follow_slowly([target], 0.4, 1, 0)
    assert abs(slower.velocity_rad_s[0]) == pytest.approx(0.4, rel=1e-9)
    assert abs(limiter.follow([target], 1, 0).velocity_rad_s[0]) == pytest.approx(0.4 + 15.0 * T, rel=1e-9)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_following_slowly_needs_a_speed(speed):
    with pytest.raises(ValueError, match=f"speed is {speed} rad/s; expected above 0"):
        started(0.0).follow_slowly([1.0], speed, 1, 0)


def test_following_slowly_takes_any_speed_above_zero_and_no_cap_at_all():
    limiter = started(0.0)
    assert limiter.follow_slowly([1.0], 0.0005, 1, 0).velocity_rad_s[0] == pytest.approx(0.0005, rel=1e-9)
    assert started(0.0).follow_slowly([1.0], math.inf, 1, 0) == started(0.0).follow([1.0], 1, 0)


@pytest.mark.parametrize(("start", "target"), [(3.4, 0.0), (-1.4, 1.0)])
def test_a_start_at_the_limit_itself_is_inside(start, target):
    limiter = started(start, limits=(replace(JOINT, recovery_speed_rad_s=0.01),))
    assert abs(limiter.follow([target], 1, 0).velocity_rad_s[0]) == pytest.approx(15.0 * T, rel=1e-9)


def test_following_slowly_is_never_faster_than_the_joints_own_limit():
    limiter = started(0.0)
    for _ in range(300):
        command = limiter.follow_slowly([3.0], 50.0, 1, 0)
        assert command.velocity_rad_s[0] <= 2.0 * (1 + 1e-9)


def test_a_lowered_speed_scale_holds_for_following_and_following_slowly_and_recovery():
    limiter = started(0.0)
    limiter.follow_slowly([1.0], 1.5, 1, 0)
    limiter.set_speed_scale(0.5)
    for _ in range(200):
        command = limiter.follow_slowly([3.0], 1.5, 1, 0)
    assert command.velocity_rad_s[0] == pytest.approx(1.0, rel=1e-9)
    for _ in range(200):
        command = limiter.follow([3.0], 1, 0)
    assert max(command.velocity_rad_s) <= 1.0 * (1 + 1e-9)
    limiter.set_speed_scale(1.0)
    limiter.start([-1.0])
    for _ in range(200):
        command = limiter.follow([3.0], 1, 0)
    assert command.velocity_rad_s[0] == pytest.approx(2.0, rel=1e-9)
    outside = started(3.6)
    outside.set_speed_scale(0.5)
    for _ in range(50):
        command = outside.follow([0.0], 1, 0)
    assert command.velocity_rad_s[0] == pytest.approx(-0.1, rel=1e-9)


def test_the_speed_scale_may_be_as_small_as_wanted():
    limiter = started(0.0)
    limiter.set_speed_scale(0.0005)
    assert limiter.follow([1.0], 1, 0).velocity_rad_s[0] == pytest.approx(0.001, rel=1e-9)


@pytest.mark.parametrize("scale", [0.0, -0.5, 1.0001, math.nan, math.inf])
def test_a_speed_scale_can_not_switch_a_limit_off(scale):
    with pytest.raises(ValueError, match="speed scale"):
        started(0.0).set_speed_scale(scale)


def test_after_missed_slots_it_starts_again_from_rest_where_the_receiver_held():
    limiter = started(0.0)
    for _ in range(100):
        limiter.follow([3.0], 1, 0)
    held = limiter.position_rad
    limiter.missed()
    assert limiter.is_still and limiter.position_rad == held
    command = limiter.follow([3.0], 1, 0)
    assert command.position_rad[0] - held[0] == pytest.approx(15.0 * T**2, rel=1e-6)


def test_braking_holds_once_still():
    limiter = started(0.3, 1.0)
    for _ in range(50):
        limiter.follow([3.0, 0.1], 1, 0)
    while not limiter.is_still:
        command = limiter.brake(4, 9)
    assert limiter.brake(4, 9) == command._replace(velocity_rad_s=(0.0, 0.0))
    assert (command.epoch, command.slot_ns) == (4, 9)


def test_the_same_inputs_give_the_same_commands():
    def stream() -> list[object]:
        limiter = started(0.1, 0.2)
        return [limiter.follow([math.sin(k), math.cos(k)], 1, k) for k in range(300)]

    assert stream() == stream()


# -- the one maker


def test_only_the_limiter_makes_arm_commands():
    """Walks the source of the station and the drivers: nobody else calls ArmCommand or copies one with changes."""
    makers = set()
    for package in (station, drivers):
        for file in sorted(Path(package.__file__).parent.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                called = node.func
                name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                if name == "ArmCommand" or (name in ("_make", "_replace") and "command" in ast.unparse(called).lower()):
                    makers.add(f"{file.parent.name}/{file.name}")
    assert makers == {"control/limit.py"}


def test_a_rehearsed_tick_changes_nothing():
    """A twin that never rehearses sends the same; with a joint whose jerk is limited, too."""
    joints = (JOINT, NARROW, replace(JOINT, name="right_j2", jerk_rad_s3=300.0))
    limiter, twin = (started(0.3, 0.4, 0.5, limits=joints) for _ in range(2))
    for tick in range(400):
        target = (math.sin(tick * 0.02), 3.0 if tick % 90 < 45 else math.nan, 1.5 if tick < 200 else -1.0)
        limiter.rehearse(target)
        limiter.rehearse((math.nan, 1e308, -5.0))
        assert limiter.follow(target, 1, tick) == twin.follow(target, 1, tick)
    with pytest.raises(ValueError, match="target has 1 joints; expected 3"):
        limiter.rehearse((0.0,))
