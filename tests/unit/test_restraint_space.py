"""Two arms in space, held back: against the same judgement without short cuts, by drifts and jumps near each bound."""

from __future__ import annotations

import math
import random

import pytest

from station.control.arm_bounds import NOTHING
from station.control.chain import ArmChain
from station.control.reduced import braking_travel, is_slow
from station.control.restraint import Restraint
from station.control.share_search import largest_share
from station.control.workspace import Plane, bend_m, between, highest_m, slopes_along
from station.settings.kinematics import Chain, ChainJoint, ChainPoint

PERIOD_S = 0.002
DOWN = (1.0e-4, 2.0e-4, 1.5e-4, 1.2e-4, 0.8e-4, 2.0e-4)
RADIUS = (0.05, 0.03)
REACH = ((1.3, 1.3, 0.3), (1.2, 1.2, 0.2))
BASE = (
    ((0.8, 0.0, 0.6), (0.0, 1.0, 0.0), (-0.6, 0.0, 0.8)),
    ((0.36, -0.48, 0.8), (0.8, 0.6, 0.0), (-0.48, 0.64, 0.6)),
)


def chain(number: int) -> Chain:
    """Two crossed joints at the shoulder, an elbow, a tool; each arm leans its own way, 0.5 m apart."""

    def joint(index, x, twist_deg, at=(0.0, 0.0, 0.0)):
        twist = math.radians(twist_deg)
        offset = (x, 0.0, 0.0) if x else at
        return ChainJoint(
            arm_joint=index, offset_m=offset, twist_cos=math.cos(twist), twist_sin=math.sin(twist), zero_rad=0.0
        )

    reach, name = REACH[number], ("right", "left")[number]
    upper, fore = reach[0] - reach[2], reach[2]
    shoulder = (0.1 * number, 0.4 * number, 0.3 * number)
    first = 3 * number
    return Chain(
        name=name,
        base=BASE[number],
        joints=(joint(first, 0.0, 0.0, shoulder), joint(first + 1, 0.0, 90.0), joint(first + 2, upper, 0.0)),
        points=(
            ChainPoint(name=f"{name}_shoulder", joints=1, at_m=(0.0, 0.0, 0.0), reach_m=(0.0,)),
            ChainPoint(name=f"{name}_elbow", joints=2, at_m=(upper, 0.0, 0.0), reach_m=(upper, upper)),
            ChainPoint(name=f"{name}_tool", joints=3, at_m=(fore, 0.0, 0.0), reach_m=reach),
        ),
        radius_m=RADIUS[number],
    )


WALLS = (Plane("down", 0.0, 0.0, -1.0, 0.3), Plane("side", 0.0, 1.0, 0.0, 0.6), Plane("slant", 0.6, 0.0, 0.8, 0.75))
KINDS = {
    "speed": {"speed": 0.25},
    "planes": {"planes": WALLS},
    "apart": {"apart": 0.1},
    "all": {"speed": 0.5, "planes": WALLS, "apart": 0.1},
}


def restraint(*, speed=None, planes=(), apart=None, period_s=PERIOD_S) -> Restraint:
    chains = [ArmChain(chain(number)) for number in range(2)]
    return Restraint(chains, DOWN, period_s, speed_m_s=speed, planes=planes, apart_m=apart)


def reached(arm, index, normal, steps, downs, travels) -> float:
    at = sum(n * p for n, p in zip(normal, arm.places[index]))
    at += highest_m(slopes_along(arm.columns[index], *normal), steps, downs, -math.inf)
    return at + bend_m(arm.points[index].reach_m, travels)


def judged(position, steps, *, speed=None, planes=(), apart=None) -> set[tuple[str, str]]:
    """Every bound that the step and the braking after it would break."""
    found: set[tuple[str, str]] = set()
    arms = [ArmChain(chain(number)) for number in range(2)]
    moving = []
    for arm in arms:
        arm.look(position)
        mine, downs = [steps[joint] for joint in arm.arm_joints], [DOWN[joint] for joint in arm.arm_joints]
        travels = [braking_travel(step, down) for step, down in zip(mine, downs)]
        moving.append((mine, downs, travels))
        for index, point in enumerate(arm.points):
            if speed is not None and not is_slow(
                arm.columns[index], point.reach_m, mine, travels, downs, speed * PERIOD_S
            ):
                found.add(("speed", ""))
            for wall in planes:
                room = wall.offset_m - arm.radius_m - sum(n * p for n, p in zip(wall[1:4], arm.places[index]))
                way = sum(reach * travel for reach, travel in zip(point.reach_m, travels))
                if way > room and reached(arm, index, wall[1:4], *moving[-1]) > wall.offset_m - arm.radius_m:
                    found.add(("workspace_limit", f"{point.name}: {wall.name}"))
    if apart is not None:
        ways = [sum(r * t for r, t in zip(reach, travels)) for reach, (_, _, travels) in zip(REACH, moving)]
        need = apart + sum(RADIUS)
        for i in range(2):
            for j in range(2):
                ends = (arms[0].places[i], arms[0].places[i + 1], arms[1].places[j], arms[1].places[j + 1])
                distance, *normal = between(*ends)
                if distance - sum(ways) >= need:
                    continue
                away = [-n for n in normal]
                near = -max(reached(arms[0], k, away, *moving[0]) for k in (i, i + 1))
                near -= max(reached(arms[1], k, normal, *moving[1]) for k in (j, j + 1))
                if distance < 1e-9 or near < need:
                    found.add(("arms_too_near", f"{arms[0].points[i + 1].name}, {arms[1].points[j + 1].name}"))
    return found


def moves(choose: random.Random, settings, ticks: int):
    """(pose, steps): drifts and jumps, most of them near a bound; steps small and large."""
    rest = [0.0] * 6
    position = rest
    begun = False
    for _ in range(ticks):
        if choose.random() < 0.15 or not begun or judged(position, rest, **settings):
            inside = outside = None
            while inside is None or outside is None:
                tried = [choose.uniform(-2, 2) for _ in rest]
                if judged(tried, rest, **settings):
                    outside = tried
                else:
                    inside = tried
                if "planes" not in settings and "apart" not in settings and inside:
                    outside = inside
            for _ in range(choose.choice([4, 8, 12, 15, 18])):  # halfway again and again: up to a bound
                middle = [(a + b) / 2 for a, b in zip(inside, outside)]
                if judged(middle, rest, **settings):
                    outside = middle
                else:
                    inside = middle
            position, begun = inside, True
        position = [angle + choose.uniform(-1, 1) * choose.choice([0, 1e-5, 1e-4, 1e-3]) for angle in position]
        size = choose.choice([1e-4, 1e-3, 3e-3])
        yield position, [choose.choice([0, 1, 1]) * choose.uniform(-size, size) for _ in rest]


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_allowed_where_no_bound_would_be_broken_and_nowhere_else(kind):
    settings, choose = KINDS[kind], random.Random(1)
    held = restraint(**settings)
    count = {True: 0, False: 0}
    for position, steps in moves(choose, settings, 250):
        if judged(position, [0.0] * 6, **settings):
            continue
        if not any(count.values()):
            held.start(position)
        expected = not judged(position, steps, **settings)
        assert held.allows(position, steps) is expected
        count[expected] += 1
    assert min(count.values()) > 15, count


@pytest.mark.parametrize("kind", KINDS)
def test_where_a_step_is_not_allowed_nearly_the_largest_share_of_it_is_found_after_some_ticks(kind):
    settings, choose = KINDS[kind], random.Random(2)
    held = restraint(**settings)
    looked = 0
    for position, steps in moves(choose, settings, 60):
        wished, braking = [4 * step for step in steps], [0.0] * 6
        if judged(position, braking, **settings):
            continue
        held.start(position)
        if held.allows(position, wished):
            continue
        for _ in range(12):
            assert not held.allows(position, wished)
            shares = held.shares(position, braking, wished)
            assert not judged(position, [share * wish for share, wish in zip(shares, wished)], **settings)
        own = shares[0], shares[3]
        assert shares == (own[0],) * 3 + (own[1],) * 3 and min(own) < 1.0
        for arm in range(2):
            if kind in ("speed", "planes"):
                more = [0.0 if joint // 3 != arm else min(1.0, own[arm] + 2 / 32) * w for joint, w in enumerate(wished)]
                assert own[arm] == 1.0 or judged(position, more, **settings)
        if kind == "all":  # what the arms may do each alone, where they come not too near with it
            lone = restraint(**(settings | {"apart": None}))
            lone.start(position)
            for _ in range(12):
                alone = (1.0,) * 6 if lone.allows(position, wished) else lone.shares(position, braking, wished)
            if not judged(position, [share * wish for share, wish in zip(alone, wished)], **settings):
                assert shares == pytest.approx(alone, abs=1.5 / 32)
        if kind == "apart":
            assert own[0] == own[1]
            assert judged(position, [min(1.0, own[0] + 2 / 32) * w for w in wished], **settings)
        looked += 1
    assert looked > 15


def test_where_the_pose_drifts_without_a_look_the_room_that_is_left_is_known():
    """From the pose looked at, little by little towards a bound, on which the next step depends."""
    settings, choose = KINDS["planes"], random.Random(3)
    count = {True: 0, False: 0}
    for position, _ in moves(choose, settings, 300):
        if judged(position, [0.0] * 6, **settings):
            continue
        held = restraint(**settings)
        held.start(position)
        drift = [choose.uniform(-1, 1) * choose.choice([9e-4, 1e-4, 1e-5]) for _ in position]
        steps = [choose.uniform(-1, 1) * choose.choice([0.0, 1e-5, 1e-4]) for _ in position]
        there = [angle + more for angle, more in zip(position, drift)]
        expected = not judged(there, steps, **settings)
        assert held.allows(there, steps) is expected
        count[expected] += 1
    assert min(count.values()) > 15, count


def test_a_joint_of_no_arm_goes_its_whole_way():
    held = restraint(speed=0.01)
    held.start([0.0] * 7)
    steps = [0.01] * 7
    assert not held.allows([0.0] * 7, steps)
    assert held.shares([0.0] * 7, [0.0] * 7, steps)[6] == 1.0


def test_creeping_is_counted_by_what_is_left_of_the_wish():
    """A tenth of a second of at most 0.01 m/s, tick by tick, each arm by itself."""
    settings, choose = KINDS["planes"], random.Random(5)
    held = restraint(**settings, period_s=0.02)  # five ticks, 0.2 mm each
    for position, _ in moves(choose, settings, 4000):
        if not judged(position, [0.0] * 6, **settings) and judged(position, [1e-4] * 6, **settings):
            break
    held.start(position)
    creeping, told = [0, 0], {True: 0, False: 0}
    for tick in range(500):
        if tick % 12 == 0:
            size, way = choose.choice([1e-4, 6e-3]), choose.choice([1, 1, -1])
        braking = [choose.uniform(-1, 1) * 3e-5 for _ in position]
        wished = [way * choose.uniform(0.5, 1.0) * size for _ in position]
        if judged(position, braking, **settings):
            continue
        is_held = not held.allows(position, wished)
        shares = held.shares(position, braking, wished) if is_held else (1.0,) * 6
        for arm in range(2):
            joints = range(3 * arm, 3 * arm + 3)
            left = sum(
                abs(braking[joint] + shares[joint] * (wished[joint] - braking[joint])) * REACH[arm][joint - 3 * arm]
                for joint in joints
            )
            if shares[3 * arm] < 1.0 and left <= 0.01 * 0.02:
                creeping[arm] += 1
            else:
                creeping[arm] = max(0, creeping[arm] - 1)
        assert (held.event is not None) == (max(creeping) >= 5)
        told[max(creeping) >= 5] += 1
    assert min(told.values()) > 10, told


@pytest.mark.parametrize("largest", [0.0, 0.01, 0.3, 0.5, 0.77, 0.98, 0.9999])
@pytest.mark.parametrize("guess", [0.0, 0.2, 0.5, 1.0])
def test_the_largest_share_is_searched_round_the_last_answer(largest, guess):
    asked = []

    def judge(share):
        asked.append(share)
        return NOTHING if share <= largest else ("workspace_limit", f"{share}")

    share, found = largest_share(judge, ("speed", ""), guess, 30)
    assert 0.0 <= largest - share <= 1.5 / 32
    assert asked[0] == min(max(guess, 1 / 32), 31 / 32)
    assert all(0.0 < one < 1.0 for one in asked) and len(asked) <= 9
    refused = [one for one in asked if one > largest]
    assert found == (("workspace_limit", f"{min(refused)}") if refused else ("speed", ""))
    everything = list(asked)
    for tries in range(4):
        asked.clear()
        share, _ = largest_share(judge, ("speed", ""), guess, tries)
        assert asked == everything[:tries]
        assert share == max((one for one in asked if one <= largest), default=0.0)


def test_from_the_right_answer_two_looks_suffice():
    for largest in (0.2, 0.51, 0.9):
        asked = []

        def judge(share, asked=asked, largest=largest):
            asked.append(share)
            return NOTHING if share <= largest else ("speed", "")

        share, _ = largest_share(judge, NOTHING, largest - 0.01, 6)
        assert share == largest - 0.01 and asked == [share, share + 1 / 32]
