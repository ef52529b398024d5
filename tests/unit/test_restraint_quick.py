"""The quick look at arms without jerk limits: by the largest lever arms, and since the pose that was looked at last."""

from __future__ import annotations

import random

import pytest

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
