"""What the limiter does with what holds it back: between braking and the wish, whoever asks for how much."""

from __future__ import annotations

import math

import pytest

from station.control.limit import JointLimits, Limiter

PERIOD_S = 0.01
FAST, SLOW = 10.0 * PERIOD_S**2, 20.0 * PERIOD_S**2


class Restraint:
    """Does as told, and remembers what it was asked."""

    def __init__(self, shares=(1.0, 1.0)):
        self.told = shares
        self.event = None
        self.started, self.asked, self.shared = [], [], []

    def start(self, position_rad):
        self.started.append(tuple(position_rad))

    def allows(self, position_rad, steps):
        self.asked.append((tuple(position_rad), tuple(steps)))
        return self.told is None

    def shares(self, position_rad, braking, wished, is_slow):
        self.slow = is_slow
        self.shared.append((tuple(position_rad), tuple(braking), tuple(wished)))
        return self.told


def limiter_with(restraint):
    joints = [JointLimits(f"j{i}", -1.0, 1.0, 2.0, 10.0, 20.0, None, 0.5) for i in range(2)]
    limiter = Limiter(joints, PERIOD_S, restraint)
    limiter.start([0.0, 0.5])
    return limiter


def test_it_is_told_whether_the_arm_is_brought_slowly():
    restraint = Restraint()
    limiter = limiter_with(restraint)
    for follow, is_slow in (
        (lambda tick: limiter.follow([1.0, 1.0], 1, tick), False),
        (lambda tick: limiter.follow_slowly([1.0, 1.0], math.inf, 1, tick), True),
        (lambda tick: limiter.follow_slowly([1.0, 1.0], 0.5, 1, tick), True),
        (lambda tick: limiter.follow([1.0, 1.0], 1, tick), False),
    ):
        for _ in range(2):
            follow(1)
            assert restraint.slow is is_slow
            limiter.set_speed_scale(0.5)


def test_what_is_allowed_goes_out_unchanged():
    restraint = Restraint(None)
    held, free = limiter_with(restraint), limiter_with(None)
    for tick in range(50):
        target = [math.sin(tick / 7), math.cos(tick / 5)]
        assert held.follow(target, 1, tick) == free.follow(target, 1, tick)
    assert len(restraint.asked) == 50 and not restraint.shared
    assert restraint.started == [(0.0, 0.5)]


def test_each_joint_goes_its_share_of_the_way_from_braking_to_the_wish():
    restraint = Restraint(None)
    limiter = limiter_with(restraint)
    for tick in range(5):
        limiter.follow([1.0, -1.0], 1, tick)
    before = limiter.position_rad
    restraint.told = (0.25, 0.75)
    command = limiter.follow([1.0, -1.0], 1, 6)
    pose, braking, wished = restraint.shared[0]
    assert pose == before and restraint.asked[-1] == (before, wished)
    assert braking == pytest.approx([5 * FAST - SLOW, -5 * FAST + SLOW])
    assert wished == pytest.approx([6 * FAST, -6 * FAST])
    steps = [braking[0] + 0.25 * (wished[0] - braking[0]), braking[1] + 0.75 * (wished[1] - braking[1])]
    assert command.position_rad == pytest.approx([p + s for p, s in zip(before, steps)], abs=1e-15)
    assert command.velocity_rad_s == pytest.approx([step / PERIOD_S for step in steps])
    assert (command.epoch, command.slot_ns) == (1, 6)
    assert limiter.position_rad == command.position_rad


@pytest.mark.parametrize("share", [-1.0, 2.0])
def test_no_share_leads_beyond_braking_or_the_wish(share):
    restraint = Restraint(None)
    limiter = limiter_with(restraint)
    for tick in range(5):
        limiter.follow([1.0, -1.0], 1, tick)
    before = limiter.position_rad
    restraint.told = (share, share)
    sent = limiter.follow([1.0, -1.0], 1, 6).position_rad
    _, braking, wished = restraint.shared[0]
    expected = braking if share < 0 else wished
    assert sent == pytest.approx([p + s for p, s in zip(before, expected)], abs=1e-15)


def test_nothing_is_asked_while_braking():
    restraint = Restraint(None)
    limiter = limiter_with(restraint)
    for tick in range(5):
        limiter.follow([1.0, -1.0], 1, tick)
    restraint.told = (0.5, 0.5)
    asked = len(restraint.asked)
    while not limiter.is_still:
        limiter.brake(1, 0)
    assert len(restraint.asked) == asked and not restraint.shared


def test_slow_following_is_restrained_too():
    restraint = Restraint((0.0, 0.0))
    limiter = limiter_with(restraint)
    for tick in range(20):
        limiter.follow_slowly([1.0, -1.0], 0.3, 1, tick)
    assert limiter.position_rad == (0.0, 0.5) and len(restraint.shared) == 20


def test_the_obstacle_is_the_restraints():
    restraint = Restraint(None)
    limiter = limiter_with(restraint)
    assert limiter.obstacle is None and limiter_with(None).obstacle is None
    restraint.event = ("workspace_limit", "right_tool: table")
    assert limiter.obstacle == ("workspace_limit", "right_tool: table")
