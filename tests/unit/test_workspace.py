"""Planes, the braking's highest point and two arms' distance: each number against a plain reckoning of it."""

from __future__ import annotations

import math
import random

import pytest

from station.control.workspace import Plane, bend_m, between, bounds_of, highest_m, slopes_along
from station.settings.kinematics import ArmFrames, Box, KeepOut, Kinematics

ARM = ArmFrames(name="right", joints={"j1": "j1"}, shoulder="a", elbow="b", tool="c")


def test_a_box_is_six_planes_and_a_side_is_one_of_length_one():
    kinematics = Kinematics(
        model="m.xml",
        arms=(ARM,),
        box_mm=Box(lower=(-100.0, -200.0, 300.0), upper=(400.0, 500.0, 1600.0)),
        keep_out=(KeepOut(name="worker", normal=(3.0, 0.0, -4.0), offset_mm=250.0),),
    )
    assert bounds_of(kinematics) == [
        Plane("box x upper", 1, 0, 0, 0.4),
        Plane("box x lower", -1, 0, 0, 0.1),
        Plane("box y upper", 0, 1, 0, 0.5),
        Plane("box y lower", 0, -1, 0, 0.2),
        Plane("box z upper", 0, 0, 1, 1.6),
        Plane("box z lower", 0, 0, -1, -0.3),
        Plane("worker", 0.6, 0, -0.8, 0.25),
    ]
    assert bounds_of(Kinematics(model="m.xml", arms=(ARM,))) == []


def test_the_bend_is_half_of_each_joints_own_and_all_of_each_pairs():
    """Half the second derivative: 1/2 sum over all pairs of reach of the outer one x both travels."""
    choose = random.Random(1)
    for _ in range(50):
        reaches = sorted((choose.uniform(0, 1) for _ in range(5)), reverse=True)
        travels = [choose.choice([0, 1, 1]) * choose.uniform(0, 0.3) for _ in reaches]
        pairs = sum(
            reaches[max(a, b)] * travels[a] * travels[b] / 2 for a in range(len(reaches)) for b in range(len(reaches))
        )
        assert bend_m(reaches, travels) == pytest.approx(pairs, rel=1e-12, abs=1e-15)


def test_slopes_are_the_columns_along_the_normal():
    assert slopes_along([(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)], 0.5, -1.0, 2.0) == [4.5, 9.0]


def played(slopes, steps, downs):
    """After the step and each tick of the braking, the highest."""
    left, value, most = list(steps), 0.0, -math.inf
    while any(left) or most == -math.inf:
        value += sum(slope * step for slope, step in zip(slopes, left))
        most = max(most, value)
        left = [math.copysign(max(0.0, abs(step) - down), step) for step, down in zip(left, downs)]
    return most


def parabolas(slopes, steps, downs):
    """The same between the ticks: after k ticks (any real number) a joint moved a + k (a - d/2) - k^2 d/2 until its
    last whole tick, and then the rest of its braking; sampled finely, at the first tick, and at the joints' ends."""

    def moved(step, down, k):
        size, last = abs(step), int(abs(step) / down)
        k = min(k, last)
        return math.copysign(size + k * (size - down / 2) - k * k * down / 2, step)

    ends = {int(abs(step) / down) for step, down in zip(steps, downs) if step}
    times = {0.0, *ends, *(n * max(ends, default=0) / 2000 for n in range(2001))}
    return max(sum(slope * moved(step, down, k) for slope, step, down in zip(slopes, steps, downs)) for k in times)


@pytest.mark.parametrize("seed", range(3))
def test_the_highest_point_is_that_of_the_parabolas_between_the_joints_ends(seed):
    choose = random.Random(seed)
    for _ in range(60):
        downs = [choose.choice([1e-3, 2e-3, 5e-4]) * choose.uniform(0.8, 1.2) for _ in range(4)]
        steps = [choose.choice([0, 1, 1]) * choose.uniform(-2e-2, 2e-2) for _ in downs]
        slopes = [choose.uniform(-1, 1) for _ in downs]
        found = highest_m(slopes, steps, downs, -math.inf)
        assert found == pytest.approx(parabolas(slopes, steps, downs), abs=1e-6)
        assert found >= played(slopes, steps, downs) - 1e-12


@pytest.mark.parametrize("sign", [1, -1])
def test_one_joint_goes_up_by_its_whole_braking_and_down_by_its_step(sign):
    """0.01 rad a tick, 0.004 less each tick: 0.010 + 0.006 + 0.002; between the ticks there is no more than 0.018."""
    found = highest_m([sign * 2.0], [sign * 0.010], [0.004], -math.inf)
    assert found == pytest.approx(0.036)
    assert highest_m([-sign * 2.0], [sign * 0.010], [0.004], -math.inf) == pytest.approx(-0.020)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("slope", "step", "down"), [(0.01, 0.05, 0.001), (1.0, 0.0005, 1e-6)])
def test_a_bound_that_is_enough_counts_the_whole_braking_of_the_smallest_steps(sign, slope, step, down):
    """Half a millimetre in the tick, 12 and 125 mm until it rests."""
    whole = slope * (step + down / 2) ** 2 / (2 * down)
    assert highest_m([sign * slope], [sign * step], [down], 0.005) == pytest.approx(whole, rel=1e-3)
    assert highest_m([sign * slope], [sign * step], [down], 1.0) == pytest.approx(whole, rel=1e-3)


def test_where_one_joint_rests_after_a_tick_and_another_goes_back_is_looked_at():
    """Up by 1.5 and 0.5, then at rest; down by 0.1, 0.095 .. meanwhile, and for 9 ticks more."""
    assert highest_m([1.0, -1.0], [1.5, 0.1], [1.0, 0.01], -1.0) == pytest.approx(2.0 - 0.19, abs=0.01)


def test_a_bound_that_is_enough_costs_less_and_is_no_lower():
    slopes, steps, downs = [1.0, -1.0], [0.010, 0.008], [0.004, 0.004]
    exact = highest_m(slopes, steps, downs, -math.inf)
    cheap = 0.010 - 0.008 + ((0.010 + 0.002) ** 2 / 0.008 - 0.010)
    assert highest_m(slopes, steps, downs, cheap + 1e-9) == pytest.approx(cheap)
    assert highest_m(slopes, steps, downs, math.inf) == pytest.approx(cheap)
    assert highest_m(slopes, steps, downs, cheap - 1e-9) == exact < cheap
    assert highest_m([1.0], [-0.010], [0.004], math.inf) == pytest.approx(-0.010)
    assert highest_m([1.0, 1.0], [0.0, 0.0], downs, -math.inf) == 0.0


@pytest.mark.parametrize(
    ("segments", "distance", "normal"),
    [
        # beside each other, end to end, crossing, a point and a line, two points
        (((0, 0, 0), (1, 0, 0), (0, -0.5, 0), (1, -0.5, 0)), 0.5, (0, 1, 0)),
        (((2, 0, 0), (3, 0, 0), (0, 0, 0), (1, 0, 0)), 1.0, (1, 0, 0)),
        (((0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)), 1.0, (-1, 0, 0)),
        (((0, -1, 0), (0, 1, 0), (-1, 0, -0.25), (1, 0, -0.25)), 0.25, (0, 0, 1)),
        (((0.5, 0, 3), (0.5, 0, 3), (0, 0, 0), (1, 0, 0)), 3.0, (0, 0, 1)),
        (((0, 0, 0), (1, 0, 0), (0.5, 0, -3), (0.5, 0, -3)), 3.0, (0, 0, 1)),
        (((1, 1, 4), (1, 1, 4), (1, 1, 1), (1, 1, 1)), 3.0, (0, 0, 1)),
        (((0, 0, 0), (0, 0, 1), (3, 0, 5), (3, 0, 9)), 5.0, (-0.6, 0, -0.8)),
        (((0, 0, 5), (0, 0, 9), (3, 0, 0), (3, 0, 1)), 5.0, (-0.6, 0, 0.8)),
        (((0, 0, 0), (1, 0, 0), (0.5, 0, 0), (0.5, 1, 0)), 0.0, (0, 0, 0)),
        (((0, 0, 0), (1, 0, 0), (0.5, 1e-8, 0), (0.5, 1, 0)), 1e-8, (0, -1, 0)),
    ],
)
def test_the_distance_and_the_way_apart_of_plain_segments(segments, distance, normal):
    found, *way = between(*segments)
    assert found == pytest.approx(distance, abs=1e-15)
    assert way == pytest.approx(normal, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_points_are_nearest(seed):
    """Against alternating projections, which come to the same pair; short, long, parallel and pointlike segments."""
    choose = random.Random(seed)

    def place(scale):
        return tuple(choose.uniform(-scale, scale) for _ in range(3))

    for _ in range(150):
        a, c = place(1.0), place(1.0)
        along = place(choose.choice([1.0, 1.0, 0.01, 0.0]))
        b = tuple(p + v for p, v in zip(a, along))
        if choose.random() < 0.2:
            d = tuple(p + choose.choice([-1, 0.5]) * v for p, v in zip(c, along))
        else:
            d = tuple(p + v for p, v in zip(c, place(choose.choice([1.0, 1.0, 0.01, 0.0]))))
        distance, *normal = between(a, b, c, d)
        assert distance == pytest.approx(nearest(a, b, c, d), abs=1e-5)
        if distance > 1e-6:
            lowest = min(sum(n * p for n, p in zip(normal, end)) for end in (a, b))
            highest = max(sum(n * p for n, p in zip(normal, end)) for end in (c, d))
            assert lowest - highest == pytest.approx(distance, abs=1e-9)
            assert math.hypot(*normal) == pytest.approx(1.0)


def nearest(a, b, c, d):
    """Of a convex function of one variable: the distance of a point of a-b to c-d, by golden section."""

    def to_line(p):
        v = [q - r for q, r in zip(d, c)]
        length = sum(x * x for x in v)
        t = min(1.0, max(0.0, sum((q - r) * x for q, r, x in zip(p, c, v)) / length)) if length else 0.0
        return math.dist(p, [r + t * x for r, x in zip(c, v)])

    low, high = 0.0, 1.0
    for _ in range(60):
        s, t = low + (high - low) * 0.382, low + (high - low) * 0.618
        if to_line([p + s * (q - p) for p, q in zip(a, b)]) < to_line([p + t * (q - p) for p, q in zip(a, b)]):
            high = t
        else:
            low = s
    return to_line([p + low * (q - p) for p, q in zip(a, b)])


@pytest.mark.parametrize("at", [0.0005, 0.9995])
def test_a_nearest_point_close_to_an_end_is_not_taken_for_the_end(at):
    """A millimetre apart, half a millimetre from the end of a metre."""
    line = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    for other in (((at, -1.0, 1e-3), (at, 1.0, 1e-3)), ((at, 0.0, 1e-3), (at, 0.0, 1.0))):
        assert between(*line, *other)[0] == pytest.approx(1e-3, rel=1e-6)
        assert between(*other, *line)[0] == pytest.approx(1e-3, rel=1e-6)
