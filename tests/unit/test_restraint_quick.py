"""The quick look at arms without jerk limits: by the largest lever arms, and since the pose that was looked at last."""

from __future__ import annotations

import math
import random

import pytest

from station.control.arm_bounds import NOTHING
from station.control.workspace import Plane
from tests.unit.test_restraint import DOWN, FORE, RADIUS, UPPER, facing, judged, restraint

REACH = (UPPER + FORE, FORE)
BESIDE = Plane("beside", 0.0, 0.0, 1.0, 0.0505)
"""Half a millimetre above all that these arms can reach: always near, never in the way."""


@pytest.mark.parametrize("size", [1.0, 5.0])
def test_a_pose_is_looked_at_where_levers_could_come_to_a_bound_and_only_there(size):
    """Also of an arm of several metres."""
    choose = random.Random(6)
    held = restraint(arms=1, speed=0.25, planes=(BESIDE,))
    (arm,) = held._arms
    arm.rows = [(joint, size * reach, half, inverse) for joint, reach, half, inverse in arm.rows]
    held.start([0.0] * 2)
    for _ in range(200):
        position = [choose.uniform(-1, 1) for _ in range(2)]
        seen = [angle + choose.choice([0, 1]) * choose.uniform(-1, 1) * 1e-3 for angle in position]
        steps = [choose.choice([0, 1, 1]) * choose.uniform(-3e-3, 3e-3) for _ in position]
        speed = sum(abs(step) * reach * size for step, reach in zip(steps, REACH))
        way = sum(abs(now - then) * reach * size for now, then, reach in zip(position, seen, REACH))
        way += sum((abs(s) + d / 2) ** 2 / (2 * d) * r * size for s, d, r in zip(steps, DOWN, REACH) if s)
        if not speed:
            continue
        for most_m, room, is_quick in (
            (speed * 1.0001, way * 1.0001, True),
            (speed * 0.9999, way * 1.0001, False),
            (speed * 1.0001, way * 0.9999, False),
            (None, way * 1.0001, True),
        ):
            held._most_m, arm.room_m = most_m, room
            arm.seen = before = list(seen)
            held.allows(position, steps)
            assert (arm.seen is before) is is_quick


def test_arms_that_are_looked_at_for_another_bound_know_how_near_each_other_they_came():
    """Near a plane in each tick, the arms come towards each other by a little more than half a millimetre a tick."""
    held = restraint(planes=(BESIDE,), apart=0.2)
    gap = 0.36
    held.start(facing(gap))
    count = {True: 0, False: 0}
    while gap > 0.2 + sum(RADIUS) - 0.002:
        gap -= 6e-4
        steps = [0.0, 1.1e-3, 0.0, -1.1e-3]
        expected = not judged(facing(gap), steps, planes=(BESIDE,), apart=0.2)
        assert held.allows(facing(gap), steps) is expected
        assert held._arms[0].seen == facing(gap)
        count[expected] += 1
    assert min(count.values()) > 5, count


def test_what_lies_beyond_all_levers_is_not_in_the_way_however_much_might_bend():
    """The forearm turns towards the other one's, which it cannot reach; that one's tool stands over the upper arm,
    nearer, so that the arms are looked at."""
    over = 0.16
    side = math.sqrt(UPPER**2 - (0.8 - over - FORE) ** 2)
    lean = -math.acos(side / UPPER)
    position = [0.0, math.pi / 2, lean, -math.pi / 2 - lean]
    travel = (UPPER - side - over) / FORE
    steps = [0.0, math.sqrt(2 * DOWN[1] * travel) - DOWN[1] / 2, 0.0, 0.0]
    apart = over - sum(RADIUS) - 1e-6
    held = restraint(apart=apart)
    held.start(position)
    assert held.allows(position, steps) and not held._is_apart
    assert not judged(position, steps, apart=apart)
    assert not held.allows(position, [0.0, 1.001 * steps[1], 0.0, 0.0])


FAST, SLOW = [0.0, 2e-3], [0.0, 1e-5]
"""An arm's steps: 0.3 m/s; what nothing holds."""


def test_of_arms_that_are_far_apart_one_is_not_held_for_how_the_other_brakes():
    """From the wishes no pair needs a look. What an arm does that must brake was judged with the step before."""
    far = facing(0.5)
    held = restraint(speed=0.25, apart=0.2)
    held.start(far)
    assert not held.allows(far, [*FAST, *SLOW])
    assert held.shares(far, [0.0, 0.02, 0.0, 0.0], [*FAST, *SLOW]) == (0.0, 0.0, 1.0, 1.0)


def test_of_arms_that_are_near_each_other_one_is_not_held_where_the_other_is_only_too_fast():
    """The pairs are looked at, and nothing is in the way between them: the arm beside goes all its way."""
    near = facing(0.2 + sum(RADIUS) + 1e-3)
    held = restraint(speed=0.25, apart=0.2)
    held.start(near)
    wished = [0.0, -FAST[1], *SLOW]  # apart
    assert not held.allows(near, wished)
    shares = held.shares(near, [0.0] * 4, wished)
    assert 0.0 < shares[0] < 1.0 and shares[2:] == (1.0, 1.0)
    assert [arm.why for arm in held._arms] == [("speed", ""), NOTHING]
