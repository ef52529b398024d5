"""Two arms that begin too near each other may only come apart, with a little play that is given once; and an arm that
rests at a bound begins by one joint alone."""

from __future__ import annotations

import math

import pytest

from tests.unit.test_restraint import FORE, RADIUS, UPPER, WALL, facing, judged, restraint


def test_arms_that_started_too_near_may_only_come_apart_and_what_they_came_apart_stays():
    need = 0.2 + sum(RADIUS)
    near, nearer, apart = facing(need - 0.02), facing(need - 0.026), facing(need - 0.01)
    rest, closing = [0.0] * 4, [0.0, 1e-4, 0.0, 0.0]
    assert judged(near, rest, apart=0.2)
    held = restraint(apart=0.2)
    held.start(near)
    assert held.allows(near, rest) and not held.allows(nearer, closing)
    assert held.allows(facing(need - 0.0245), rest)
    held.start(near)
    assert held.allows(apart, [0.0, -1e-4, 0.0, 1e-4])
    assert not held.allows(facing(need - 0.0195), closing)
    held.allows(facing(need + 0.02), [0.0, -3e-3, 0.0, 3e-3])
    assert not held.allows(facing(need - 0.001), closing)
    assert held.allows(facing(need + 0.001), rest)
    held.start(facing(need + 0.02))
    assert not held.allows(near, closing)


def test_the_play_of_a_start_too_near_is_given_once():
    """Who begins again and again, a little nearer each time, does not walk through the other arm."""
    need = 0.2 + sum(RADIUS)
    held = restraint(apart=0.2)
    held.start(facing(need - 0.020))
    assert held.allows(facing(need - 0.0245), [0.0] * 4)
    held.start(facing(need - 0.0245))
    assert not held.allows(facing(need - 0.0255), [0.0] * 4)
    held.start(facing(need - 0.030))  # moved there by hand, say: from here on it may only come apart
    assert held.allows(facing(need - 0.030), [0.0] * 4)
    assert not held.allows(facing(need - 0.0301), [0.0] * 4)
    held.start(facing(need + 0.001))
    held.start(facing(need - 0.020))  # it was apart meanwhile
    assert held.allows(facing(need - 0.0245), [0.0] * 4)
    assert not held.allows(facing(need - 0.0255), [0.0] * 4)


def test_arms_that_begin_just_as_near_as_they_may_be_have_no_play():
    beside = [0.0, 0.0, 0.0, 0.0]  # all their parts are 0.8 m from each other
    held = restraint(apart=0.72)
    held.start(beside)
    assert {gap[0] - held._full_need(pair) for pair, gap in zip(held._pairs, held._gaps)} == {0.0}
    assert held.allows(beside, [0.0] * 4)
    assert not held.allows([1e-6, 0.0, 0.0, 0.0], [0.0] * 4)


def head_on(gap_m: float) -> list[float]:
    """Straight at each other, the upper arms leant inwards."""
    lean = math.asin((0.8 - 2 * FORE - gap_m) / (2 * UPPER))
    return [lean, math.pi / 2 - lean, -lean, lean - math.pi / 2]


def test_arms_that_began_half_a_millimetre_beyond_their_play_may_not_touch():
    held = restraint(apart=0.2)
    held.start(head_on(0.0055))
    assert held.allows(head_on(0.0006), [0.0] * 4)
    assert not held.allows(head_on(0.0004), [0.0] * 4)
    assert not held.allows(head_on(0.0), [0.0] * 4)


@pytest.mark.parametrize(("gap_m", "touch"), [(0.0, True), (0.9e-9, True), (1.1e-9, False)])
def test_only_arms_that_touch_are_in_no_direction_from_each_other(gap_m, touch):
    """They began so near that their axes may touch; further than their play, no more than two millimetres, they may
    not come even where they do."""
    held = restraint(apart=0.2)
    held.start(head_on(0.004))
    assert held.allows(head_on(gap_m), [0.0] * 4)
    assert held.allows(head_on(gap_m), [2e-3, 0.0, 0.0, 0.0]) is touch


AT_WALL = [0.0, math.acos((0.55 - 1e-10 - UPPER) / FORE), math.pi, 0.0]
"""The right tool at the wall: a turn of either joint to the left leads away from it, to the right beyond."""
OUT_TOGETHER = [-2e-4, 1e-4, 0.0, 0.0]


@pytest.mark.parametrize(
    ("braking", "wished", "is_slow", "expected"),
    [
        ([0.0, 0.0], OUT_TOGETHER, True, (0.0, 1.0)),
        ([0.0, 0.0], OUT_TOGETHER, False, (0.0, 0.0)),  # that is led rests there
        ([0.0, 0.0], [1e-4, -4e-4, 0.0, 0.0], True, (1.0, 0.0)),
        ([0.0, 0.0], [-2e-4, -1e-4, 0.0, 0.0], True, (0.0, 0.0)),  # each leads out
        ([0.0, 0.0], [-2e-4, 0.0, 0.0, 0.0], True, (0.0, 0.0)),
        ([0.0, 1e-6], OUT_TOGETHER, True, (0.0, 1.0)),  # has begun, and goes on
        ([1e-6, 0.0], OUT_TOGETHER, True, (0.0, 0.0)),  # another one has
        ([1e-6, 1e-6], OUT_TOGETHER, True, (0.0, 0.0)),  # both have: no joint is left to begin
    ],
)
def test_of_an_arm_at_a_wall_that_is_brought_one_joint_may_begin_that_leads_away(braking, wished, is_slow, expected):
    held = restraint(planes=(WALL,))
    held.start(AT_WALL)
    assert not held.allows(AT_WALL, wished)
    assert held.shares(AT_WALL, [*braking, 0.0, 0.0], wished, is_slow) == (*expected, 1.0, 1.0)
    # The next search knows nothing of it.
    assert not held.allows(AT_WALL, wished)
    assert held.shares(AT_WALL, [*braking, 0.0, 0.0], wished) == (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize("wished", [[2e-4, -1e-4, 0.0, 0.0], [0.0, 0.0, -2e-4, 1e-4]])
def test_of_arms_that_are_as_near_as_they_may_be_one_joint_may_begin_that_leads_apart(wished):
    near = facing(0.2 + sum(RADIUS) + 1e-10)
    held = restraint(apart=0.2)
    held.start(near)
    assert not held.allows(near, wished)
    shares = held.shares(near, [0.0] * 4, wished, True)
    assert [share * step for share, step in zip(shares, wished)] == [0.0 if abs(w) > 1e-4 else w for w in wished]
    assert not held.allows(near, wished)
    assert held.shares(near, [0.0] * 4, wished) == (0.0,) * 4


@pytest.mark.parametrize(("step", "may"), [(1e-3, 1.0), (4e-3, 0.0)])
def test_the_joint_that_leads_away_from_a_wall_may_still_not_do_so_too_fast(step, may):
    held = restraint(planes=(WALL,), speed=0.25)
    held.start(AT_WALL)
    wished = [-1.5 * step, step, 0.0, 0.0]
    assert not held.allows(AT_WALL, wished)
    assert held.shares(AT_WALL, [0.0] * 4, wished, True) == (0.0, may, 1.0, 1.0)
