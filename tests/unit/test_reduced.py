"""Reduced speed of one point: this step and every tick of the braking after it, against a braking played in ticks."""

from __future__ import annotations

import math
import random

import pytest

from station.control.reduced import braking_travel, is_slow, joint_caps

DOWN = 1e-3


def far_end(pose, lengths):
    """A planar chain's tip."""
    angle = x = y = 0.0
    for turn, length in zip(pose, lengths):
        angle += turn
        x += length * math.cos(angle)
        y += length * math.sin(angle)
    return x, y


def columns_of(pose, lengths):
    """How each joint moves the tip, and the largest distance there can be."""
    tip = far_end(pose, lengths)
    columns, reach, base, angle = [], [], (0.0, 0.0), 0.0
    for index, (turn, length) in enumerate(zip(pose, lengths)):
        columns.append((-(tip[1] - base[1]), tip[0] - base[0], 0.0))
        reach.append(sum(lengths[index:]))
        angle += turn
        base = (base[0] + length * math.cos(angle), base[1] + length * math.sin(angle))
    return columns, reach


def travels_of(steps, downs):
    return [braking_travel(step, down) for step, down in zip(steps, downs)]


def fastest(pose, lengths, steps, downs):
    """Of the step and the braking, by the tip's places alone."""
    pose, left, most = list(pose), list(steps), 0.0
    while any(left):
        after = [angle + step for angle, step in zip(pose, left)]
        most = max(most, math.dist(far_end(pose, lengths), far_end(after, lengths)))
        pose, left = after, [math.copysign(max(0.0, abs(step) - down), step) for step, down in zip(left, downs)]
    return most


def slow(columns, reach, steps, downs, most_m, travels=None):
    return is_slow(columns, reach, steps, travels_of(steps, downs) if travels is None else travels, downs, most_m)


@pytest.mark.parametrize("seed", range(8))
def test_what_counts_as_slow_is_slow_to_the_end_and_little_else_is_refused(seed):
    choose = random.Random(seed)
    close = passed = 0
    for _ in range(400):
        lengths = [choose.uniform(0.05, 0.4) for _ in range(4)]
        pose = [choose.uniform(-3, 3) for _ in lengths]
        downs = [choose.uniform(5e-5, 1e-3) for _ in lengths]
        steps = [choose.choice([0, 1, 1, 1]) * choose.uniform(-4e-3, 4e-3) for _ in lengths]
        if not any(steps):
            continue
        columns, reach = columns_of(pose, lengths)
        truth = fastest(pose, lengths, steps, downs)
        for factor in (0.999, 1.01, 1.1, 1.3):
            found = slow(columns, reach, steps, downs, truth * factor + 1e-9)
            assert not (found and factor < 1.0)
            passed += found
        close += slow(columns, reach, steps, downs, truth * 1.1 + 1e-6)
    assert close > 150 and passed > 400


def one(step, most_m, *, reach=1.0, travel=0.0, column=(0.0, 1.0, 0.0)):
    return is_slow([column], [reach], [step], [travel], [DOWN], most_m)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_single_joint_at_the_limit_itself(sign):
    """reach 1: speed is the step. 1e-9 m is kept for rounding."""
    assert one(sign * 0.01, 0.01 + 1.1e-9)
    assert not one(sign * 0.01, 0.01 + 0.9e-9)
    assert not one(sign * 0.01, 0.0099)


def test_a_joint_at_rest_takes_nothing():
    assert one(0.0, 1e-8, travel=5.0)
    assert is_slow([(9.0, 0.0, 0.0), (0.0, 1.0, 0.0)], [9.0, 1.0], [0.0, 0.01], [5.0, 0.0], [DOWN] * 2, 0.0100001)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1, -1])
def test_speed_along_each_axis_counts(axis, sign):
    column = tuple(0.5 * sign * (index == axis) for index in range(3))
    assert one(0.01, 0.005 + 1e-6, column=column)
    assert not one(0.01, 0.005 - 1e-6, column=column)


def bend_at(steps, reaches, travels):
    """The largest speed that the motion itself may add: sum over pairs of |step| x travel x reach of the outer one."""
    return sum(reaches[max(a, b)] * abs(steps[a]) * travels[b] for a in range(len(steps)) for b in range(len(steps)))


def test_what_the_motion_changes_of_the_jacobian_is_kept_back():
    """Columns far shorter than the reach, so that nothing but the bend decides; to a part in a thousand."""
    steps, reaches, travels = [0.002, -0.003, 0.001], [1.0, 0.5, 0.25], [0.05, 0.025, 0.1]
    bend = bend_at(steps, reaches, travels)
    columns = [(1e-9, 0.0, 0.0)] * 3
    for factor, expected in ((1.001, True), (0.999, False)):
        assert is_slow(columns, reaches, steps, travels, [DOWN] * 3, bend * factor) == expected
    assert not is_slow(columns, reaches, steps, travels, [DOWN] * 3, bend)


def test_joints_that_cancel_each_other_and_stop_at_different_times_are_fast_while_braking():
    columns, reaches = [(0.0, 1.0, 0.0), (0.0, 1.0, 0.0)], [1.0, 1.0]
    steps, downs = [0.010, -0.010], [1e-3, 5e-3]
    # After 2 ticks the second rests, the first still moves with 0.008.
    for most_m, expected in ((0.0081, True), (0.0079, False)):
        assert is_slow(columns, reaches, steps, [0.0, 0.0], downs, most_m) == expected
        assert is_slow(columns, reaches, [-step for step in steps], [0.0, 0.0], downs, most_m) == expected
        assert is_slow(columns[::-1], reaches, steps[::-1], [0.0, 0.0], downs[::-1], most_m) == expected


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_speed_stands_where_a_joint_comes_to_rest(seed):
    """Without bend: speeds are vectors that shrink joint by joint; compared with finely sampled time."""
    choose = random.Random(seed)
    for _ in range(200):
        columns = [tuple(choose.uniform(-1, 1) for _ in range(3)) for _ in range(4)]
        steps = [choose.choice([0, 1, 1]) * choose.uniform(-0.01, 0.01) for _ in columns]
        downs = [choose.uniform(5e-4, 5e-3) for _ in columns]
        ends = [0.0, *(abs(step) / down for step, down in zip(steps, downs))]
        most = 0.0
        for time in ends:
            left = [
                math.copysign(max(0.0, abs(step) - down * time), step) if step else 0.0
                for step, down in zip(steps, downs)
            ]
            most = max(most, math.hypot(*(sum(c[i] * s for c, s in zip(columns, left)) for i in range(3))))
        for factor, expected in ((1 + 1e-6, True), (1 - 1e-6, False)):
            if most > 1e-4:
                limit = most * factor + 1e-9
                assert is_slow(columns, [9.0] * 4, steps, [0.0] * 4, downs, limit) == expected


def test_where_the_joints_largest_speeds_together_are_slow_no_bend_matters():
    assert one(0.01, 0.01 + 1e-6, travel=0.5)


def test_with_the_bend_alone_above_the_limit_nothing_is_slow():
    assert not one(0.01, 0.02, reach=3.0, travel=0.7, column=(0.0, 0.0, 0.0))
    assert one(0.01, 0.02, reach=3.0, travel=0.6, column=(0.0, 0.0, 0.0))


def test_the_travel_of_braking_is_at_least_what_braking_travels():
    for step, down in ((0.01, 0.001), (-0.01, 0.001), (0.0123, 0.002), (1e-6, 1e-3), (-0.5, 0.1)):
        left, moved = abs(step), 0.0
        while left > 0.0:
            moved += left
            left -= down
        found = braking_travel(step, down)
        assert moved - 1e-15 <= found <= moved + down / 8 + 1e-15
    assert braking_travel(0.0, 1e-3) == 0.0


def test_the_speed_of_one_joint_alone_by_its_longest_lever():
    assert joint_caps([(0, 0.5), (1, 0.25), (0, 0.8), (0, 0.4), (2, 0.0)], 0.25) == {0: 0.25 / 0.8, 1: 1.0}
    assert joint_caps([(3, 0.0005)], 0.25) == {3: 500.0}
