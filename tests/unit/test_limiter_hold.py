"""Joints that were not told a command, for their bus took no frame: they stand at the one before, the others go on."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from station.control.limit import JointLimits, Limiter

T = 0.002
JOINT = JointLimits("right_j1", -1.4, 3.4, 2.0, 15.0, 20.0, None, 0.2)
LIMITS = (JOINT, replace(JOINT, name="right_j2", jerk_rad_s3=300.0), replace(JOINT, name="left_j1"))
FIRST_STEP = (15.0 * T**2, 300.0 * T**3, 15.0 * T**2)


def moving() -> Limiter:
    limiter = Limiter(LIMITS, T)
    limiter.start((0.0, 0.1, 0.2))
    for tick in range(60):
        limiter.follow((3.0, 3.0, 3.0), 1, tick)
    return limiter


@pytest.mark.parametrize("untold", [(), (0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_who_was_not_told_stands_at_the_command_before_and_the_others_go_on_as_if_nothing_were(untold):
    limiter, twin = moving(), moving()
    before = limiter.position_rad
    lost = limiter.follow((3.0, 3.0, 3.0), 1, 60)
    assert lost == twin.follow((3.0, 3.0, 3.0), 1, 60)
    assert min(b - a for a, b in zip(before, lost.position_rad)) > 1e-4
    limiter.hold(untold)
    assert limiter.position_rad == tuple(before[i] if i in untold else lost.position_rad[i] for i in range(3))
    assert limiter.is_still == (len(untold) == 3)
    after, other = limiter.follow((3.0, 3.0, 3.0), 1, 61), twin.follow((3.0, 3.0, 3.0), 1, 61)
    for joint in range(3):
        if joint in untold:
            assert after.position_rad[joint] - before[joint] == pytest.approx(FIRST_STEP[joint], rel=1e-5)
        else:
            assert after.position_rad[joint] == other.position_rad[joint]


@pytest.mark.parametrize("joint", range(3))
def test_while_its_bus_takes_nothing_a_joint_stands_and_the_others_brake_within_their_limits(joint):
    limiter, twin = moving(), moving()
    before = limiter.position_rad[joint]
    for tick in range(60, 400):
        command = limiter.brake(1, tick)
        limiter.hold((joint,))
        expected = twin.brake(1, tick)
        for other in {0, 1, 2} - {joint}:
            assert command.position_rad[other] == expected.position_rad[other]
        assert limiter.position_rad[joint] == before
    assert limiter.is_still


def test_the_first_command_of_all_may_be_lost():
    limiter = Limiter(LIMITS, T)
    limiter.start((0.0, 0.1, 0.2))
    limiter.follow((3.0, 3.0, 3.0), 1, 0)
    limiter.hold((0, 1, 2))
    assert limiter.position_rad == (0.0, 0.1, 0.2) and limiter.is_still


def test_the_wish_of_a_joint_that_was_not_told_is_forgotten():
    """Else it would go on with the target's own motion, as if it had been there."""
    limiter, fresh = Limiter(LIMITS[:1], T), Limiter(LIMITS[:1], T)
    limiter.start((0.0,))
    for tick in range(200):
        limiter.follow((0.4 * math.sin(tick * T),), 1, tick)
    held = limiter.position_rad
    limiter.follow((0.4 * math.sin(0.4),), 1, 200)
    limiter.hold((0,))
    fresh.start(held)
    for tick in range(201, 260):
        target = (0.4 * math.sin(tick * T),)
        assert limiter.follow(target, 1, tick) == fresh.follow(target, 1, tick)
