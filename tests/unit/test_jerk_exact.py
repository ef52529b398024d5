"""The jerk limit's closed forms and short cuts, against the same told tick by tick and without any short cut."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from station.control.jerk import JerkBraking, JerkJoint, check_jerk, stopping

T = 0.002
SHARE = 1.0 - 1e-6


# -- refusals, exactly at their edges


def checked(jerk, travel=10.0, speed=2.0, accel=15.0, decel=20.0, period_s=T):
    check_jerk("joint x", travel, speed, accel, decel, jerk, period_s)


def test_what_is_refused_begins_exactly_where_it_is_told():
    checked(8e-10, speed=1e-12, period_s=0.5)  # J T^3 exactly
    with pytest.raises(ValueError, match="expected at least 8e-10"):
        checked(7.99e-10, speed=1e-12, period_s=0.5)
    # With so much jerk a stop is v/D long: 16/20 s; its way v/2 of that.
    checked(math.inf, speed=16.0, travel=6.4)
    with pytest.raises(ValueError, match=r"takes 0.801 s; expected at most 0.8 s"):
        checked(math.inf, speed=16.01, travel=7.0)
    with pytest.raises(ValueError, match=r"takes 6.4 rad; expected at most its travel, 6.39 rad"):
        checked(math.inf, speed=16.0, travel=6.39)


@pytest.mark.parametrize(
    ("speed", "accel", "decel", "jerk", "seconds", "way"),
    [
        (2.0, 20.0, 20.0, 200.0, 0.1 + 0.2, 2.0 * (0.1 + 0.1)),  # v = D^2/J: D is just reached
        (2.0, 20.0, 20.0, 1000.0, 0.02 + 0.12, 2.0 * (0.02 + 0.06)),
        (0.5, 20.0, 20.0, 200.0, math.sqrt(1.0 / 200) + 0.1, 0.5 * (math.sqrt(1.0 / 200) + 0.05)),
        (0.5, 4.0, 20.0, 200.0, 0.02 + 0.1, 0.5 * (0.02 + 0.05)),
    ],
)
def test_the_longest_stop_by_hand(speed, accel, decel, jerk, seconds, way):
    assert stopping(speed, accel, decel, jerk) == (pytest.approx(seconds, rel=1e-12), pytest.approx(way, rel=1e-12))


# -- braking


def phi(speed: float) -> float:
    """The deceleration that sums to this speed when it is taken off, 1 a tick: by halving."""
    low, high = 0.0, speed + 1.0
    for _ in range(200):
        middle = (low + high) / 2
        n = math.floor(middle)
        if (n + 1) * middle - n * (n + 1) / 2 < speed:
            low = middle
        else:
            high = middle
    return low


def hardest(v: float, down: float) -> float:
    return -math.copysign(min(down, phi(abs(v))), v)


SPEEDS = (0.0, 0.3, 0.9999, 1.0, 1.5, 2.9, 3.0, 3.7, 6.0, 17.0, 100.0, 1234.5)


@pytest.mark.parametrize("down", [0.3, 1.0, 2.5, 7.0, 33.3])
def test_the_hardest_braking_is_what_can_still_be_taken_off(down):
    braking = JerkBraking(down)
    for speed in SPEEDS:
        for v in (speed, -speed):
            assert braking.curve(v) == pytest.approx(hardest(v, down), abs=1e-9), (v, down)


def rolled(down: float, v: float, a: float) -> list[tuple[float, float]]:
    """(place, bend) after each tick of braking, to rest."""
    place, way, hardest = 0.0, [], JerkBraking(down).curve
    while abs(v) > 1e-9 or abs(a) > 1e-9:
        a = min(max(hardest(v), a - 1.0), a + 1.0)
        v += a
        place += v
        way.append((place, a))
        assert len(way) < 5000
    return way


STATES = [(v, a) for v in (0.0, 0.2, 0.5, 1.0, 2.0, 3.0, 5.4, 6.0, 14.0, 40.0) for a in (0.0, 0.4, 1.0, 1.6, 2.3, 3.0)]


@pytest.mark.parametrize("down", [0.4, 1.0, 3.0, 3.3])
def test_where_braking_ends_and_turns_is_what_it_does_tick_by_tick(down):
    braking = JerkBraking(down)
    full = sum(max(down - i, 0.0) for i in range(9))
    edges = [
        (v, hardest(v, down) + edge + more)
        for v in (5e-4, 0.5, 0.98, 1.1, 2.97, 3.2, 5.96, 9.0)
        for edge in (-1.0, 1.0)
        for more in (-0.007, -4e-4, 4e-4, 0.007)
    ]
    edges += [(v, a) for v, a in ((-0.9797, 1.99), (-0.9792, 1.99), (-2.9697, 2.99), (-2.9693, 2.99))]
    states = [*STATES, *edges, *((full + more, bend) for more in (-0.3, 0.0, 0.1, down) for bend in (0.0, -down))]
    for size, bend in states:
        for v, a in ((size, bend), (size, -bend), (-size, bend), (-size, -bend)):
            if abs(a) > down:
                continue
            places = [0.0, *(place for place, _ in rolled(down, v, a))]
            end, turn = braking.stop(v, a)
            assert end == pytest.approx(places[-1], abs=1e-7), (v, a)
            # A turn is told where the joint first goes on as it goes, and then back beyond where it rests.
            farthest = min(places) if v < 0.0 else max(places)
            if v and turn:
                assert turn == pytest.approx(farthest, abs=1e-7), (v, a)
                assert (turn < 0.0) == (v < 0.0)
            assert max(0.0, turn, end) == pytest.approx(max(places), abs=1e-7), (v, a)
            assert min(0.0, turn, end) == pytest.approx(min(places), abs=1e-7), (v, a)


@pytest.mark.parametrize("v", [-0.1, -0.7, -1.3, -2.9, -9.9, -30.0])
@pytest.mark.parametrize("more", [0.0, 0.3, 1.0, 4.0])
def test_ticks_to_a_turn_are_counted(v, more):
    a = phi(-v) + 1.1 + more  # so much that it passes through rest
    ticks, speed, bend = 0, v + a - 1.0, a - 1.0
    while speed < 0.0:
        ticks, bend = ticks + 1, bend - 1.0
        speed += bend
    assert JerkBraking.ticks_to_turn(v, a) == ticks


# -- viable


@pytest.mark.parametrize(("up", "down"), [(15.0, 15.0), (6.0, 20.0), (2.0, 20.0), (14.0, 20.0)])
def test_a_state_is_viable_while_the_whole_braking_keeps_place_and_acceleration(up, down):
    """Braking towards rest may be as hard as D; once the joint has turned round, what it gathers only as hard as A."""
    joint = JerkJoint(-1.0, 1.0, 2.0, up, down, 300.0, T)
    j = 300.0 * T**3 * SHARE
    most, hard = up * T**2 / j * SHARE, down * T**2 / j * SHARE
    wall = 1.0 - 1e-11
    rng = random.Random(9)
    seen = {True: 0, False: 0}
    for _ in range(500):
        v = rng.choice([0.0, 1.0, 1.0, 1.0]) * rng.choice([rng.uniform(-60, 60), rng.uniform(-1600, 1600)])
        a = rng.uniform(-hard, hard)
        position = rng.choice([-1, 1]) * rng.choice([rng.uniform(0.6, 1.0), 1.0 - 10 ** rng.uniform(-6, -2), 0.3])
        if rng.random() < 0.4:  # the farthest place of the braking just at a wall
            side = rng.choice([-1, 1])
            farthest = max([0.0, *(side * place for place, _ in rolled(hard, v, a))])
            position = side * (wall - (side * v + farthest + rng.uniform(-0.5, 0.5)) * j)
        if abs(position) > wall:
            continue
        here = position + v * j
        speed, room, over, is_braking = v, min(wall - here, wall + here), -math.inf, True
        for place, bend in rolled(hard, v, a):
            before, speed = speed, speed + bend
            room = min(room, wall - here - place * j, wall + here + place * j)
            if speed * bend > 0.0 and (before * bend < 0.0 or not is_braking):
                over = max(over, abs(bend) - most)
                is_braking = False
        if v == 0.0:
            over = abs(a) - 1.0 - most
        if min(abs(room), abs(over)) < 1e-9:
            continue
        expected = room > 0.0 and over <= 0.0
        assert joint.is_viable(position, v, a) is expected, (position, v, a, room, over)
        seen[expected] += 1
    assert min(seen.values()) > 20


def test_outside_a_wall_only_rest_and_the_ways_towards_it_are_viable():
    joint = JerkJoint(-1.0, 1.0, 2.0, 15.0, 20.0, 300.0, T)
    for side in (1.5, -1.5):
        sign = math.copysign(1.0, side)
        for v, a, expected in (
            (0.0, 0.0, True),
            (-5e-4, 0.0, True),
            (-0.5, 0.0, True),
            (-40.0, -3.0, True),
            (5e-4, 0.0, False),
            (0.0, 1.0005, False),  # it would go out by half a thousandth of a tick's jerk
            (-0.1, 3.0, False),  # in first, then out
            (5e-4, -3.0, False),
        ):
            assert joint.is_viable(side, sign * v, sign * a) is expected, (side, v, a)


def test_no_wall_is_far_while_braking_can_come_to_it():
    """A joint that accelerates so little that one tick's jerk is twice as much."""
    joint = JerkJoint(-1.0, 1.0, 0.05, 0.3, 0.3, 300.0, T)
    j = 300.0 * T**3 * SHARE
    v = 0.05 * T / j
    way, _ = JerkBraking(0.3 * T**2 / j * SHARE).stop(v, 0.0)
    at_wall = 1.0 - 1e-11 - (v + way) * j
    for side in (1, -1):
        assert joint.is_viable(side * (at_wall - 1e-9), side * v, 0.0)
        assert not joint.is_viable(side * (at_wall + 1e-9), side * v, 0.0)
    # As fast as it may accelerate still, so that it comes to its full speed and brakes from there.
    joint = JerkJoint(-1.0, 1.0, 1.0, 15.0, 15.0, 300.0, T)
    up = 15.0 * T**2 / j * SHARE
    v = 1.0 * T / j - up * (up + 1) / 2
    way, _ = JerkBraking(up).stop(v, up)
    at_wall = 1.0 - 1e-11 - (v + way) * j
    for side in (1, -1):
        assert joint.is_viable(side * (at_wall - 1e-9), side * v, side * up)
        assert not joint.is_viable(side * (at_wall + 1e-9), side * v, side * up)


# -- what is sent


def differences(positions: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(positions)]


@pytest.mark.parametrize(("accel", "decel"), [(15.0, 20.0), (4.0, 15.0), (20.0, 20.0)])
@pytest.mark.parametrize("side", [1, -1])
def test_all_but_a_millionth_of_each_limit_is_used_and_never_more(side, accel, decel):
    """There and back, ramps into both walls at several speeds, and braking out of full acceleration."""
    joint = JerkJoint(-1.4, 1.4, 1.0, accel, decel, 300.0, T)
    joint.start()
    sent = [0.0, 0.0, 0.0]
    targets = [side * (1.0 if k < 700 else -1.0) for k in range(1400)]
    for speed in (0.2, 0.5, 0.8, 0.97):
        targets += [side * min(2.0, speed * k * T - 1.0) for k in range(round(2.6 / speed / T))]
        targets += [side * -1.0] * 1200
    for k, target in enumerate(targets):
        position = (
            joint.follow(math.nan, sent[-1], 1.0 * T)
            if k % 1000 > 985 and k < 1400
            else joint.follow(target, sent[-1], 1.0 * T)
        )
        joint.take()
        sent.append(position)
    assert min(sent) >= -1.4 and max(sent) <= 1.4
    steps = differences(sent)
    bends = differences(steps)
    jerks = differences(bends)
    for found, limit in ((steps, 1.0 * T), (jerks, 300.0 * T**3)):
        for each in (max(found), -min(found)):
            assert (1 - 1.1e-6) * limit <= each <= limit * (1 + 1e-9)
    braking = [abs(bend) for step, bend in zip(steps, bends) if step * bend < 0.0]
    speeding = [abs(bend) for step, bend in zip(steps, bends) if step * bend > 0.0]
    for found, limit in ((braking, decel * T**2), (speeding, accel * T**2)):
        assert (1 - 1.1e-6) * limit <= max(found) <= limit * (1 + 1e-9)


def test_rounding_leads_neither_beyond_a_limit_nor_further_out():
    joint = JerkJoint(-1.0, 2.0, 2.0, 15.0, 20.0, 300.0, T)
    joint.start()
    j = 300.0 * T**3 * SHARE
    for position, bend, expected in (
        (2.0 - j / 2, 1.0, 2.0),
        (2.0, 1.0, 2.0),
        (2.5, 1.0, 2.5),
        (2.5, -1.0, 2.5 - j),
        (2.0 - 2 * j, 1.0, 2.0 - j),
        (-1.0 + j / 2, -1.0, -1.0),
        (-1.0, -1.0, -1.0),
        (-1.5, -1.0, -1.5),
        (-1.5, 1.0, -1.5 + j),
        (0.0, -1.0, -j),
    ):
        assert joint._sent(position, bend)[0] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("target", "rests_at"), [(5.0, 2.0 - 1e-11), (-5.0, -1.0 + 1e-11)])
def test_before_a_wall_it_rests_so_far_inside_that_rounding_cannot_lead_beyond(target, rests_at):
    joint = JerkJoint(-1.0, 2.0, 2.0, 15.0, 20.0, 300.0, T)
    joint.start()
    position = 1.9 if target > 0.0 else -0.9
    for _ in range(400):
        position = joint.follow(target, position, 2.0 * T)
        joint.take()
    assert position == pytest.approx(rests_at, abs=1e-12) and joint.is_still


@pytest.mark.parametrize("side", [1, -1])
def test_a_target_that_accelerates_evenly_is_followed_without_lag(side):
    joint = JerkJoint(-2.0, 2.0, 2.0, 15.0, 20.0, 300.0, T)
    joint.start()
    position = 0.0
    for k in range(400):
        target = side * 0.75 * (k * T) ** 2
        position = joint.follow(target, position, 2.0 * T)
        joint.take()
    assert position == pytest.approx(target, abs=1e-8)


def test_a_new_start_knows_nothing_of_the_last_targets_motion():
    used, new = (JerkJoint(-1.4, 3.4, 2.0, 15.0, 20.0, 300.0, T) for _ in range(2))
    used.start()
    position = 0.0
    for k in range(200):
        position = used.follow(0.5 * k * T, position, 2.0 * T)
        used.take()
    for joint in (used, new):
        joint.start()
    for k in range(50):
        assert used.follow(0.3 + 0.4 * k * T, 0.2, 2.0 * T) == new.follow(0.3 + 0.4 * k * T, 0.2, 2.0 * T)


# -- the wish


def wishes(jerk, accel, decel, targets):
    """(wish, exact wish, looks) of each tick in which the target's motion had a say: the exact one by halving alone."""
    found = []

    class Counted(JerkBraking):
        looks = 0

        def stop(self, v, a):
            self.looks += 1
            return super().stop(v, a)

    class Judged(JerkJoint):
        def _catch(self, v, behind, step, bend, least, most):
            stop = self.braking.stop
            self.braking.looks = 0
            wish = super()._catch(v, behind, step, bend, least, most)
            looks, low, high = self.braking.looks, least, most
            for _ in range(60):
                middle = (low + high) / 2
                if v + middle + stop(v + middle - step, middle - bend)[0] < behind:
                    low = middle
                else:
                    high = middle
            assert least <= wish <= most
            found.append((wish, low, looks, abs(v)))
            return wish

    joint = Judged(-1.4, 3.4, 2.0, accel, decel, jerk, T)
    braking = Counted(joint.braking.down)
    joint.braking = braking
    joint.start()
    position = 0.0
    for target in targets:
        position = joint.follow(target, position, 2.0 * T)
        joint.take()
    return found


def wandering(seed, ticks=400):
    choose = random.Random(seed)
    target, speed = 0.0, 0.0
    for k in range(ticks):
        if choose.random() < 0.02:
            target += choose.uniform(-0.3, 0.3)
        if choose.random() < 0.05:
            speed = choose.choice([0.0, choose.uniform(-1.0, 1.0)])
        target += speed * T
        yield target + (1e-5 * choose.gauss(0.0, 1.0) if k > ticks / 2 else 0.0)


@pytest.mark.parametrize("jerk", [300.0, 3000.0])
@pytest.mark.parametrize(("accel", "decel"), [(15.0, 20.0), (10.0, 10.0)])
def test_the_wish_is_the_bend_after_which_braking_would_end_on_the_target(jerk, accel, decel):
    found = [each for seed in range(2) for each in wishes(jerk, accel, decel, wandering(seed))]
    errors = sorted(abs(wish - exact) for wish, exact, *_ in found)
    looks = [looks for _, _, looks, _ in found]
    assert errors[int(0.98 * len(errors))] <= 1e-9 and errors[-1] <= 0.1
    assert sum(looks) <= 1.5 * len(looks) and max(looks) <= 10


@pytest.mark.parametrize("side", [1, -1])
def test_a_wish_that_is_not_viable_is_pulled_towards_braking_and_no_further_than_a_sixty_fourth(side):
    joint = JerkJoint(-1.0, 1.0, 2.0, 15.0, 20.0, 300.0, T)
    joint.start()
    rng = random.Random(4)
    shares = set()
    for _ in range(400):
        v, a = side * rng.uniform(1, 900), rng.uniform(-20, 20)
        rest = joint._least_change(v, a)
        way = v + rest + side * max(side * place for place in (0.0, *joint.braking.stop(v + rest, rest)))
        position = side - (way + side * rng.uniform(0.0, 20.0)) * 300.0 * T**3  # braking ends just before the wall
        wish = rest + side * rng.uniform(0.1, 2.0)
        if not joint.is_viable(position, v + rest, rest) or joint.is_viable(position, v + wish, wish):
            continue
        bend = joint._pull(position, v, rest, wish)
        share = (bend - rest) / (wish - rest)
        more = rest + (share + 1 / 64) * (wish - rest)
        assert 0.0 <= share < 1.0 and joint.is_viable(position, v + bend, bend)
        assert not joint.is_viable(position, v + more, more)
        shares.add(round(64 * share, 6))
    assert len(shares) > 10 and shares <= set(range(64))
