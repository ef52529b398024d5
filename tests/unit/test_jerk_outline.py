"""What the restraint is told of a joint with a jerk limit: how far and how fast it comes at least; and mixtures."""

from __future__ import annotations

import math

import pytest

from station.control.jerk import JerkBraking, JerkJoint

T = 0.002
SHARE = 1.0 - 1e-6


def joint_of(accel: float = 15.0, decel: float = 20.0) -> JerkJoint:
    joint = JerkJoint(-1.0, 1.0, 2.0, accel, decel, 300.0, T)
    joint.start()
    return joint


def played(down: float, v: float, a: float) -> tuple[float, float]:
    """(how far from where it is, how fast) of the step v and braking after it, tick by tick."""
    place, far, fast, hardest = v, abs(v), abs(v), JerkBraking(down).curve
    while abs(v) > 1e-9 or abs(a) > 1e-9:
        a = min(max(hardest(v), a - 1.0), a + 1.0)
        v += a
        place += v
        far, fast = max(far, abs(place)), max(fast, abs(v))
    return far, fast


SIZES = (0.0, 5e-4, 0.02, 0.1, 0.3, 0.5, 0.9, 1.0, 1.5, 2.0, 2.9, 3.0, 5.4, 6.0, 14.0, 40.0)
BENDS = (0.0, 5e-4, 0.2, 0.4, 0.5, 0.7, 1.0, 1.5, 1.6, 2.0, 2.3, 2.5, 3.0, 3.3, 4.4, 6.5)


@pytest.mark.parametrize("down", [0.4, 1.0, 3.0, 3.3, 6.5])
def test_the_outline_is_never_below_what_braking_does_and_at_most_a_quarter_of_a_ticks_jerk_above(down):
    """Exactly so far; as fast within what the rounding of a bend to whole ticks is worth."""
    braking = JerkBraking(down)
    for size in SIZES:
        for bend in BENDS:
            for v, a in ((size, bend), (size, -bend), (-size, bend), (-size, -bend)):
                if abs(a) > down:
                    continue
                far, fast = played(down, v, a)
                way, peak = braking.outline(v, a)
                assert way == pytest.approx(far, abs=1e-7), (v, a)
                assert fast - 1e-9 <= peak <= fast + 0.2501, (v, a, peak - fast)


def test_what_is_gathered_while_the_bend_is_taken_off_is_told_to_the_eighth():
    """With half a tick left over an eighth less is gathered, with none just a (a - 1) / 2."""
    braking = JerkBraking(6.5)
    for a in (1.5, 2.5, 4.5):
        _, fast = played(6.5, 10.0, a)
        assert braking.outline(10.0, a)[1] == pytest.approx(fast, abs=1e-12)
        assert braking.outline(-10.0, -a)[1] == pytest.approx(fast, abs=1e-12)
    for a in (2.0, 5.0):
        assert braking.outline(10.0, a)[1] == pytest.approx(10.0 + a * (a - 1) / 2 + 0.125, abs=1e-12)


@pytest.mark.parametrize("side", [1, -1])
def test_a_joint_tells_the_outline_of_its_wish_in_rad(side):
    joint = joint_of()
    position = 0.0
    for _ in range(60):
        position = joint.follow(side * 0.9, position, 2.0 * T)
        _, v, a = joint._next
        way, peak = joint.braking.outline(v, a)
        j = 300.0 * T**3 * SHARE
        assert joint.outline == (pytest.approx(way * j, rel=1e-12), pytest.approx(peak * j, rel=1e-12))
        assert peak > 0.0
        joint.take()
    joint.start()
    joint.follow(position, position, 2.0 * T)
    assert joint.outline == (0.0, 0.0)


def test_a_mixture_is_the_wish_itself_or_braking_itself_at_the_ends_and_even_between():
    joint = joint_of()
    position = 0.0
    for k in range(300):
        position = joint.follow(0.4 * math.sin(0.02 * k), position, 2.0 * T)
        _, v, a = joint._next
        rest = joint._least_change(joint._v, joint._a)
        assert joint.mixed(1.0) == (v, a)  # to the bit
        for share in (0.0, -0.5):
            assert joint.mixed(share) == (joint._v + rest, rest)
        for share in (5e-4, 0.3, 1.0 - 5e-4):
            bend = rest + share * (a - rest)
            assert joint.mixed(share) == (joint._v + bend, bend)
        joint.take()
    joint._rest, joint._next = -0.3, (position, 0.1, 0.1)
    assert joint._rest + (0.1 - joint._rest) != 0.1  # rounding tells the two apart
    assert joint.mixed(1.0) == (0.1, 0.1)


@pytest.mark.parametrize("how", ["start", "no number"])
def test_a_new_start_and_a_target_that_is_no_number_forget_how_the_target_moved(how):
    """It stands where the joint rests: nothing is to be done."""
    joint = joint_of()
    position = 0.0
    for k in range(200):
        position = joint.follow(0.5 * k * T, position, 2.0 * T)
        joint.take()
    assert not joint.is_still
    if how == "start":
        joint.start()
    else:
        while not joint.is_still:
            position = joint.follow(math.nan, position, 2.0 * T)
            joint.take()
    for _ in range(20):
        assert joint.follow(position, position, 2.0 * T) == position
        joint.take()


def test_a_target_that_goes_further_in_a_tick_than_the_joint_could_jumped():
    joint = joint_of()
    for k in range(50):
        joint.follow(0.002 * k, 0.0, 2.0 * T)
    joint.follow(0.098 + 2.0 * T * 1.01, 0.0, 2.0 * T)
    assert joint._motion.place == 0.098 + 2.0 * T * 1.01
    joint.follow(0.098 + 2.0 * T * 1.9, 0.0, 2.0 * T)
    assert joint._motion.place != 0.098 + 2.0 * T * 1.9


@pytest.mark.parametrize(("accel", "changes"), [(15.0, 1.0), (0.3, 0.5)])
def test_the_target_itself_is_sent_where_it_is_as_near_as_a_tenth_of_what_is_left_of_each_limit(accel, changes):
    """A bend changes by j a tick, or by A where that is less: all but a millionth of it is used."""
    joint = joint_of(accel=accel)
    assert joint._at_target == pytest.approx(1e-7 * changes * joint.j, rel=1e-4)


# -- viable, within a thousandth of what the jerk changes in a tick


@pytest.mark.parametrize("side", [1, -1])
def test_however_little_it_goes_on_before_it_turns_counts_at_a_wall(side):
    joint = joint_of()
    v, a = 1.5, -2.4995  # the next step is 5e-4, the one after goes back
    end, turn = joint.braking.stop(v, a)
    assert end < 0.0 < turn < 6e-4
    wall = 1.0 - 1e-11
    for room, expected in ((2.5e-4, False), (7.5e-4, True)):
        position = wall - (v + room) * joint.j
        assert joint.is_viable(side * position, side * v, side * a) is expected


@pytest.mark.parametrize("side", [1, -1])
def test_not_a_thousandth_of_a_ticks_jerk_is_gone_beyond_a_wall_by_what_comes_back_at_once(side):
    joint = joint_of()
    v, a = 5e-4, -1.5
    end, turn = joint.braking.stop(v, a)
    assert end < 0.0 and not turn
    wall = 1.0 - 1e-11
    for beyond, expected in ((2e-4, False), (-2e-4, True)):
        position = wall + (beyond - v) * joint.j
        assert joint.is_viable(side * position, side * v, side * a) is expected


def test_a_step_that_ends_at_rest_in_the_next_tick_brakes_and_may_do_so_as_hard_as_the_deceleration():
    """However little it may accelerate: it does not pass through rest."""
    joint = joint_of(accel=0.03, decel=1.2)
    assert joint._up < 0.1 and joint.braking.stop(0.2, -1.2) == (0.0, 0.0)
    for sign in (1, -1):
        assert joint.is_viable(0.0, sign * 0.2, sign * -1.2)
        assert not joint.is_viable(0.0, sign * 0.2, sign * -1.4)
