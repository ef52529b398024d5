"""Into FOLLOWING only when every joint is within tolerance for long enough and the leader rests."""

from __future__ import annotations

import math

from station.control.align import Alignment, agree, clamped
from station.settings.load import load_rig

RIG = load_rig("demo")[0]
COUNT = len(RIG.arm.joints)
PERIOD_NS = 2_000_000
TOLERANCE = math.radians(RIG.align.tolerance_deg)


def ticks_until_aligned(target, sent, most=2000):
    alignment = Alignment(RIG, PERIOD_NS)
    alignment.begin()
    for tick in range(most):
        if alignment.look(target(tick), sent(tick)):
            return tick
    return None


def at(value):
    return lambda tick: (value,) * COUNT


def test_a_still_leader_within_tolerance_is_aligned_after_the_wanted_ticks():
    first_speed = 50_000_000 // PERIOD_NS
    assert ticks_until_aligned(at(0.3), at(0.3)) == first_speed + RIG.align.ticks - 1


def test_one_joint_beyond_the_tolerance_is_enough_to_wait():
    for joint in range(COUNT):
        off = tuple(0.3 + (TOLERANCE * 1.01 if index == joint else 0.0) for index in range(COUNT))
        assert ticks_until_aligned(lambda tick, off=off: off, at(0.3)) is None
    edge = tuple(0.3 + TOLERANCE * 0.999 for _ in range(COUNT))
    assert ticks_until_aligned(lambda tick: edge, at(0.3)) is not None


def test_a_leader_that_moves_is_waited_for():
    most = math.radians(RIG.align.leader_speed_deg_s)

    def moving(speed):
        return lambda tick: (speed * tick * PERIOD_NS * 1e-9,) * COUNT

    assert ticks_until_aligned(moving(1.02 * most), moving(1.02 * most)) is None
    assert ticks_until_aligned(moving(0.98 * most), moving(0.98 * most)) is not None
    assert ticks_until_aligned(moving(-1.02 * most), moving(-1.02 * most)) is None


def test_one_joint_of_the_leader_that_moves_is_enough_to_wait():
    def target(tick):
        return (*(0.3,) * (COUNT - 1), 0.3 + 0.02 * (tick % 20))

    assert ticks_until_aligned(target, target) is None


def test_the_tolerances_include_their_bounds():
    for sign in (1, -1):
        assert ticks_until_aligned(at(sign * TOLERANCE), at(0.0)) is not None
        assert ticks_until_aligned(at(sign * math.nextafter(TOLERANCE, 1)), at(0.0)) is None
    alignment = Alignment(RIG, PERIOD_NS)
    most = math.radians(RIG.align.leader_speed_deg_s) * (25 * PERIOD_NS * 1e-9)
    for sign in (1, -1):
        for way, expected in ((most, True), (math.nextafter(most, 1), False)):
            alignment.begin()
            for _ in range(25 + RIG.align.ticks - 1):
                alignment.look((0.0,) * COUNT, (0.0,) * COUNT)
            assert alignment.look((sign * way,) * COUNT, (sign * way,) * COUNT) == expected


def test_a_beginning_forgets_everything():
    alignment = Alignment(RIG, PERIOD_NS)
    first = 25 + RIG.align.ticks - 1
    for _ in range(first + 1):
        is_aligned = alignment.look((0.3,) * COUNT, (0.3,) * COUNT)
    assert is_aligned and alignment.within
    alignment.begin()
    assert alignment.within == ()
    looks = [alignment.look((0.3,) * COUNT, (0.3,) * COUNT) for _ in range(first + 1)]
    assert looks == [False] * first + [True]


def test_at_slots_longer_than_the_window_two_looks_tell_the_speed():
    alignment = Alignment(RIG, 100_000_000)
    alignment.begin()
    looks = [alignment.look((0.3,) * COUNT, (0.3,) * COUNT) for _ in range(RIG.align.ticks + 1)]
    assert looks == [False] * RIG.align.ticks + [True]


def test_a_moment_outside_begins_the_count_anew():
    def sent(tick):
        return (1.0 if tick == 60 else 0.3,) * COUNT

    assert ticks_until_aligned(at(0.3), sent) == 60 + RIG.align.ticks


def test_what_is_no_number_is_never_aligned():
    assert ticks_until_aligned(at(math.nan), at(0.3)) is None


def test_the_residual_is_told_joint_by_joint():
    alignment = Alignment(RIG, PERIOD_NS)
    alignment.begin()
    alignment.look((0.3,) * COUNT, (0.3,) * (COUNT - 1) + (0.9,))
    assert alignment.within == (True,) * (COUNT - 1) + (False,)


def test_two_answers_agree_where_the_arm_stands():
    assert agree((0.1, -1.0), (0.1, -1.0))
    assert agree((0.1, -1.0), (0.109, -1.009))
    assert not agree((0.1, -1.0), (0.1, -1.011))
    assert not agree((0.111, -1.0), (0.1, -1.0))
    assert not agree((math.nan,), (math.nan,))
    assert not agree((0.01,), (0.0,)) and not agree((0.0,), (0.01,))


def test_the_reachable_pose_is_the_nearest():
    assert clamped((0.0, 2.0, -2.0), (-1.0,) * 3, (1.0,) * 3) == (0.0, 1.0, -1.0)
