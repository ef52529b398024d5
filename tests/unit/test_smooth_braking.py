"""The smooth braking of an arm: against the same braking played tick by tick, and its own bounds in plain words."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from station.control.jerk import JerkJoint
from station.control.smooth_braking import SmoothBraking, smooth_path, straight_path

T = 0.002
LOOKS = 6
ROUNDING_M = 1e-9
JOINTS = [
    JerkJoint(-3.0, 3.0, speed, accel, decel, jerk, T)
    for speed, accel, decel, jerk in (
        (2.0, 15.0, 15.0, 300.0),
        (2.0, 15.0, 20.0, 1000.0),
        (0.4, 5.0, 5.0, 100.0),
        (6.0, 50.0, 50.0, 1000.0),
        (2.0, 15.0, 20.0, 1e5),
    )
]


class Played(NamedTuple):
    """In each tick, the step first; rad."""

    steps: list[float]
    ways: list[float]


def played(joint: JerkJoint, v: float, a: float) -> Played:
    """By the braking's own rule."""
    way, steps, ways = v, [v], [v]
    while abs(v) > 1e-9 or abs(a) > 1e-9:
        a = min(max(joint.braking.curve(v), a - 1.0), a + 1.0)
        v += a
        way += v
        steps.append(v)
        ways.append(way)
    return Played([step * joint.j for step in steps], [place * joint.j for place in ways])


def played_straight(step: float, down: float) -> Played:
    way, steps, ways = step, [step], [step]
    while step:
        step = math.copysign(max(0.0, abs(step) - down), step)
        way += step
        steps.append(step)
        ways.append(way)
    return Played(steps, ways)


def at(values: list[float], tick: int, rest: float) -> float:
    return values[tick] if tick < len(values) else rest


def states(choose: random.Random, count: int):
    for _ in range(count):
        joint = choose.choice(JOINTS)
        down = joint.braking.down
        v = choose.choice([0.0, 1e-3, 1.0, 10.0, 200.0]) * choose.uniform(-1, 1)
        a = choose.choice([0.0, 0.1, 1.0]) * choose.uniform(-down, down)
        yield joint, v, a


def turning(choose: random.Random, count: int):
    """Braking so hard that they pass through rest, or gathering speed at first."""
    for _ in range(count):
        joint = choose.choice(JOINTS[:4])
        a = choose.uniform(1.0, joint.braking.down)
        v = choose.choice([-1, 1]) * choose.uniform(0.0, a * a / 2)
        sign = choose.choice([-1, 1])
        yield joint, sign * v, sign * a


@pytest.mark.parametrize("seed", range(2))
def test_a_path_is_the_braking_tick_by_tick(seed):
    choose = random.Random(seed)
    for joint, v, a in [*states(choose, 120), *turning(choose, 80)]:
        path, truth = smooth_path(joint, v, a), played(joint, v, a)
        close = pytest.approx
        j = joint.j
        assert path.end == close(truth.ways[-1], abs=1e-7 * j)
        assert path.low == close(min(truth.ways), abs=1e-7 * j)
        assert path.high == close(max(truth.ways), abs=1e-7 * j)
        assert path.peak == close(max(map(abs, truth.steps)), abs=1e-7 * j)
        assert len(truth.steps) - 2 <= path.rest <= len(truth.steps)
        assert (path.jerk, path.kink) == (j if v or a else 0.0, 0.0)
        bends = [after - before for before, after in pairwise(truth.steps)]
        assert path.bend == close(max(map(abs, bends), default=0.0), abs=1e-6 * j)
        arm = SmoothBraking([path], [1.0], True)
        arm._ticks = list(range(path.rest + 4))
        for tick, (steps, ways) in enumerate(zip(arm._steps(), arm._places())):
            assert steps == (close(at(truth.steps, tick, 0.0), abs=1e-7 * j),)
            assert ways == (close(at(truth.ways, tick, truth.ways[-1]), abs=1e-6 * j),)


def test_a_joint_at_rest_has_no_way():
    path = smooth_path(JOINTS[0], 0.0, 0.0)
    assert path == straight_path(0.0, 1e-3) == ((), 0, *[0.0] * 7)
    assert smooth_path(JOINTS[0], 1e-3, 0.0).rest == smooth_path(JOINTS[0], 0.0, 1.5).rest - 1 == 1
    assert JOINTS[0].braking.phases(0.0, 0.5) == []


@pytest.mark.parametrize("step", [0.0, 3e-3, -3e-3, 1e-3, 7e-4, -2.5e-3, 1e-9])
def test_a_path_of_a_joint_without_jerk_limit_is_straight(step):
    down = 1e-3
    path, truth = straight_path(step, down), played_straight(step, down)
    assert path.end == pytest.approx(truth.ways[-1], abs=1e-15)
    assert (path.low, path.high) == (
        pytest.approx(min(truth.ways), abs=1e-15),
        pytest.approx(max(truth.ways), abs=1e-15),
    )
    assert path.peak == abs(step)
    assert (path.jerk, path.kink, path.bend) == ((0.0, down, down) if step else (0.0, 0.0, 0.0))
    assert path.rest == (int(abs(step) / down) + 1 if step else 0)
    arm = SmoothBraking([path], [1.0], True)
    arm._ticks = list(range(path.rest + 4))
    for tick, (steps, ways) in enumerate(zip(arm._steps(), arm._places())):
        assert steps == (pytest.approx(at(truth.steps, tick, 0.0), abs=1e-15),)
        assert ways == (pytest.approx(at(truth.ways, tick, truth.ways[-1]), abs=1e-15),)


# -- an arm: some joints with a jerk limit, some without, some at rest


class Arm(NamedTuple):
    braking: SmoothBraking
    truth: list[Played]
    reach: list[float]
    offs: list[tuple[float, float]]
    """Of each joint: the most its step's second difference can be, and its one kink."""

    @property
    def rests(self) -> list[int]:
        return [path.rest for path in self.braking._paths]


def random_arm(choose: random.Random, joints: int = 4) -> Arm:
    paths, truth, offs = [], [], []
    for joint, v, a in states(choose, joints):
        kind = choose.random()
        if kind < 0.2:
            step, down = choose.choice([0.0, 1.0]) * choose.uniform(-4e-3, 4e-3), choose.uniform(5e-5, 2e-3)
            paths.append(straight_path(step, down))
            truth.append(played_straight(step, down))
            offs.append((0.0, down))
        else:
            if kind > 0.4:
                v, a = choose.uniform(0.0, 200.0) * choose.choice([-1, 1]), choose.uniform(-5, 5)
                a = max(-joint.braking.down, min(joint.braking.down, a))
            paths.append(smooth_path(joint, v, a))
            truth.append(played(joint, v, a))
            offs.append((joint.j, 0.0))
    reach = sorted((choose.uniform(0.05, 0.8) for _ in range(joints)), reverse=True)
    return Arm(SmoothBraking(paths, reach, True), truth, reach, offs)


def ticks_of(rests: list[int]) -> list[int]:
    """Evenly over the braking of the joint that rests first, in six looks at least; then of the next."""
    ticks = [0]
    while ticks[-1] < max(rests):
        ticks.append(ticks[-1] + math.ceil(min(rest for rest in rests if rest > ticks[-1]) / LOOKS))
    return ticks


def arch(h: int) -> float:
    """The most that a sequence with second differences of 1 is off its chord, at a whole tick."""
    return max(i * (h - i) / 2 for i in range(h + 1))


@pytest.mark.parametrize("seed", range(2))
def test_between_two_looks_nothing_is_further_from_the_chord_than_said(seed):
    choose = random.Random(seed)
    arched = 0
    for _ in range(70):
        arm = random_arm(choose)
        arm.braking._choose_ticks()
        ticks = arm.braking._ticks
        assert ticks == ticks_of(arm.rests)
        arm.braking.highest_m([1.0] * 4, -math.inf)
        if len(ticks) == 1:
            continue
        for (begin, end), off in zip(pairwise(ticks), arm.braking._offs_m):
            h = end - begin
            expected = 0.0
            for (jerk, kink), rest, reach in zip(arm.offs, arm.rests, arm.reach):
                if rest > begin:
                    expected += (jerk * arch(h) + kink * min(arch(h), h / 4)) * reach
            assert off == pytest.approx(expected, rel=1e-9, abs=1e-15)
            for tick in range(begin + 1, end):
                share = (tick - begin) / h
                apart = 0.0
                for one, reach, sag in zip(arm.truth, arm.reach, arm.braking._sags):
                    here, there, between = (at(one.steps, k, 0.0) for k in (begin, end, tick))
                    apart += abs(between - here - share * (there - here)) * reach
                    here, there, between = (at(one.ways, k, one.ways[-1]) for k in (begin, end, tick))
                    assert abs(between - here - share * (there - here)) <= sag + 1e-12
                assert apart <= off + 1e-12
                arched += apart > 0.5 * off
    assert arched > 50


def test_looks_grow_with_the_braking_and_short_ones_are_looked_at_in_each_tick():
    joint = JOINTS[0]
    for v, expected in ((1.0, 1), (20.0, 2), (100.0, 4)):
        path = smooth_path(joint, v, 0.0)
        arm = SmoothBraking([path], [0.5], True)
        arm._choose_ticks()
        assert arm._ticks[1] == math.ceil(path.rest / LOOKS) == expected
        assert (arm._offs_m[0] == 0.0) == (expected == 1)
    resting = SmoothBraking([straight_path(0.0, 1e-3)], [0.5], True)
    resting._choose_ticks()
    assert resting._ticks == [0]


def is_slow_plainly(arm: Arm, columns, most_m: float) -> bool:
    """In words of the module: each interval by its ends, what is off the chord, and what the motion turns."""
    most_m -= ROUNDING_M
    peaks = [max(map(abs, one.steps)) for one in arm.truth]
    ways = [max(map(abs, one.ways)) for one in arm.truth]
    if sum(map(math.prod, zip(peaks, arm.reach))) <= most_m:
        return True
    for begin, end in pairwise(ticks_of(arm.rests)):
        h = end - begin
        off = sum(
            (jerk * arch(h) + kink * min(arch(h), h / 4)) * reach
            for (jerk, kink), rest, reach in zip(arm.offs, arm.rests, arm.reach)
            if rest > begin
        )
        both = [[at(one.steps, tick, 0.0) for one in arm.truth] for tick in (begin, end)]
        lever = max(sum(abs(step) * reach for step, reach in zip(steps, arm.reach)) for steps in both) + off
        if lever <= most_m:
            continue
        left = most_m - off - lever * min(sum(peaks) * (end + 1), sum(ways))
        for steps in both:
            for point in columns:
                speed = math.hypot(*(sum(c[axis] * step for c, step in zip(point, steps)) for axis in range(3)))
                if speed > left:
                    return False
    return True


@pytest.mark.parametrize("seed", range(2))
def test_what_counts_as_slow_is_what_these_bounds_say(seed):
    choose = random.Random(seed)
    compared = 0
    for _ in range(60):
        arm = random_arm(choose)
        columns = [
            [tuple(choose.uniform(-1, 1) * reach / 2 for _ in range(3)) for reach in arm.reach[: 4 - short]]
            for short in choose.choice([(0,), (0, 1), (0, 2, 3)])
        ]
        chain = SimpleNamespace(columns=[[], *columns])
        points = range(1, len(columns) + 1)
        low, high = 0.0, arm.braking.lever_m + 1e-6
        if high < 1e-5:
            continue
        for _ in range(50):
            middle = (low + high) / 2
            if is_slow_plainly(arm, columns, middle):
                high = middle
            else:
                low = middle
        for factor in (0.5, 0.9, 1 - 1e-6, 1 + 1e-6, 1.1, 1.5):
            expected = is_slow_plainly(arm, columns, high * factor)
            assert arm.braking.is_slow(chain, points, high * factor) is expected
            compared += 1
    assert compared > 200


LENGTHS = (0.35, 0.3, 0.15, 0.1)


def tips(pose: list[float]) -> list[tuple[float, float]]:
    angle = x = y = 0.0
    found = []
    for turn, length in zip(pose, LENGTHS):
        angle += turn
        x += length * math.cos(angle)
        y += length * math.sin(angle)
        found.append((x, y))
    return found


def columns_of(pose: list[float]):
    """Of the second and the last tip."""
    bases = [(0.0, 0.0), *tips(pose)]
    return [[(-(bases[end][1] - y), bases[end][0] - x, 0.0) for x, y in bases[:end]] for end in (2, 4)]


REACH = [sum(LENGTHS[index:]) for index in range(4)]


@pytest.mark.parametrize("seed", range(2))
def test_what_counts_as_slow_and_low_is_so_in_every_tick_of_an_arm_that_moves(seed):
    """Where the tips really are; and little that is slow is refused."""
    choose = random.Random(seed)
    close = 0
    for _ in range(80):
        arm = random_arm(choose)
        arm = arm._replace(braking=SmoothBraking(arm.braking._paths, REACH, True))
        pose = [choose.uniform(-3, 3) for _ in LENGTHS]
        chain = SimpleNamespace(columns=columns_of(pose))
        fastest, highest, before = 0.0, -math.inf, tips(pose)
        start = before[3][1]
        for tick in range(max(len(one.steps) for one in arm.truth)):
            now = tips([angle + at(one.ways, tick, one.ways[-1]) for angle, one in zip(pose, arm.truth)])
            fastest = max(fastest, *(math.dist(now[index], before[index]) for index in (1, 3)))
            highest = max(highest, now[3][1] - start)
            before = now
        assert not arm.braking.is_slow(chain, (0, 1), fastest * 0.999)
        close += arm.braking.is_slow(chain, (0, 1), fastest * 1.15 + 2e-5)
        slopes = [y for _, y, _ in chain.columns[1]]
        travels = arm.braking.travels
        bend = sum(
            REACH[max(a, b)] * travels[a] * travels[b] / 2 for a in range(len(travels)) for b in range(len(travels))
        )
        assert arm.braking.highest_m(slopes, -math.inf) + bend >= highest - 1e-12
    assert close > 40


@pytest.mark.parametrize("seed", range(2))
def test_the_highest_place_is_that_of_the_looks_and_what_they_may_miss(seed):
    choose = random.Random(seed)
    seen = 0
    for _ in range(150):
        arm = random_arm(choose)
        slopes = [choose.uniform(-1, 1) for _ in range(choose.choice([2, 4]))]
        ticks = ticks_of(arm.rests)
        off = sum(
            abs(slope) * path.bend * arch(math.ceil(path.rest / LOOKS))
            for slope, path in zip(slopes, arm.braking._paths)
        )
        sums = [sum(s * at(one.ways, tick, one.ways[-1]) for s, one in zip(slopes, arm.truth)) for tick in ticks]
        cheap = sum(s * (max(one.ways) if s > 0 else min(one.ways)) for s, one in zip(slopes, arm.truth))
        close = 1e-9
        exact = min(cheap, max(sums) + off)
        assert arm.braking.highest_m(slopes, -math.inf) == pytest.approx(exact, abs=close)
        assert arm.braking.highest_m(slopes, math.inf) == pytest.approx(cheap, abs=close)
        assert arm.braking.highest_m(slopes, cheap + 1e-8) == pytest.approx(cheap, abs=close)
        below = max(sums[-1], exact - (cheap - exact)) + 1e-8  # not so low that the end alone is above it
        if below < cheap - 1e-8:
            assert arm.braking.highest_m(slopes, below) == pytest.approx(exact, abs=close)
            seen += exact < cheap - 1e-6
        above = sums[-1] - 1e-8
        if above < cheap - 1e-8:
            assert arm.braking.highest_m(slopes, above) == pytest.approx(cheap, abs=close)
        travels = [max(map(abs, one.ways)) for one in arm.truth]
        assert arm.braking.travels == pytest.approx(travels, abs=close)
        assert arm.braking.way_m == pytest.approx(sum(map(math.prod, zip(travels, arm.reach))), abs=close)
        peaks = [max(map(abs, one.steps)) for one in arm.truth]
        assert arm.braking.lever_m == pytest.approx(sum(map(math.prod, zip(peaks, arm.reach))), abs=close)
    assert seen > 20


def test_where_two_joints_cancel_each_other_the_end_of_what_is_looked_at_counts():
    """1 mrad less each tick of the one, 0.05 of the other: after five ticks only the slow one is left, as fast as all
    joints together then; the part before, in which the sum of levers is larger, ends there."""
    paths = [straight_path(5e-3, 5e-5), straight_path(-5e-3, 1e-3)]
    chain = SimpleNamespace(columns=[[(0.0, 1.0, 0.0)] * 2])
    turned = 5.8e-3 * 6 * 0.01
    for most_m, expected in ((4.76e-3, False), (4.75e-3 + turned - 1e-8, False), (4.75e-3 + turned + 1e-8, True)):
        assert SmoothBraking(paths, [1.0, 1.0], True).is_slow(chain, (0,), most_m) is expected


def test_a_millionth_too_fast_is_too_fast():
    """One joint at its peak, in a tick that is looked at; 1e-9 m is kept for rounding."""
    joint = JOINTS[0]
    path = smooth_path(joint, 100.0, 0.0)
    arm = SmoothBraking([path], [1.0], True)
    chain = SimpleNamespace(columns=[[(0.0, 1.0, 0.0)]])
    assert arm.is_slow(chain, (0,), 100.0 * joint.j + 1.01 * ROUNDING_M)
    assert not arm.is_slow(chain, (0,), 100.0 * joint.j + 0.99 * ROUNDING_M)
    assert SmoothBraking([path], [1.0], False).is_legal is False and arm.is_legal is True
