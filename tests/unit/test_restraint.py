"""What holds the limiter back, against the same judgement without short cuts: two planar arms, planes, a distance."""

from __future__ import annotations

import math
import random

import pytest

from station.control.arm_bounds import NOTHING, OUTSIDE_SLACK_M
from station.control.chain import ArmChain
from station.control.reduced import braking_travel, is_slow
from station.control.restraint import Restraint
from station.control.workspace import Plane, bend_m, between, highest_m, slopes_along
from station.settings.kinematics import Chain, ChainJoint, ChainPoint

PERIOD_S = 0.002
DOWN = (1.2e-4, 2.0e-4, 1.0e-4, 1.6e-4)
RADIUS = (0.05, 0.03)
UPPER, FORE = 0.4, 0.3
WALL = Plane("wall", 1.0, 0.0, 0.0, 0.6)
SIDE = Plane("side", 0.0, -1.0, 0.0, 0.5)


def chain(number: int) -> Chain:
    """Upper arm 0.4 m, forearm 0.3 m, in the plane z = 0; the second arm's shoulder stands 0.8 m beside."""

    def joint(index, x, y):
        return ChainJoint(arm_joint=index, offset_m=(x, y, 0.0), twist_cos=1.0, twist_sin=0.0, zero_rad=0.0)

    y = 0.8 * number
    name = ("right", "left")[number]
    return Chain(
        name=name,
        base=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        joints=(joint(2 * number, 0.0, y), joint(2 * number + 1, UPPER, 0.0)),
        points=(
            ChainPoint(name=f"{name}_shoulder", joints=0, at_m=(0.0, y, 0.0), reach_m=()),
            ChainPoint(name=f"{name}_elbow", joints=1, at_m=(UPPER, 0.0, 0.0), reach_m=(UPPER,)),
            ChainPoint(name=f"{name}_tool", joints=2, at_m=(FORE, 0.0, 0.0), reach_m=(UPPER + FORE, FORE)),
        ),
        radius_m=RADIUS[number],
    )


def restraint(*, arms=2, speed=None, planes=(), apart=None, period_s=PERIOD_S) -> Restraint:
    chains = [ArmChain(chain(number)) for number in range(arms)]
    return Restraint(chains, DOWN, period_s, speed_m_s=speed, planes=planes, apart_m=apart)


def judged(position, steps, *, arms=2, speed=None, planes=(), apart=None) -> set[tuple[str, str]]:
    """Every bound that the step and the braking after it would break, each looked at in full."""
    found: set[tuple[str, str]] = set()
    chains = [ArmChain(chain(number)) for number in range(arms)]
    own = []
    for arm in chains:
        arm.look(position)
        mine = [steps[joint] for joint in arm.arm_joints]
        downs = [DOWN[joint] for joint in arm.arm_joints]
        travels = [braking_travel(step, down) for step, down in zip(mine, downs)]
        own.append((mine, downs, travels))
        for index, point in enumerate(arm.points):
            if not point.joints:
                continue
            if speed is not None and not is_slow(
                arm.columns[index], point.reach_m, mine, travels, downs, speed * PERIOD_S
            ):
                found.add(("speed", ""))
            for plane in planes:
                at = sum(n * p for n, p in zip((plane.x, plane.y, plane.z), arm.places[index]))
                room = plane.offset_m - arm.radius_m - at
                way = sum(reach * travel for reach, travel in zip(point.reach_m, travels))
                slopes = slopes_along(arm.columns[index], plane.x, plane.y, plane.z)
                left = room - bend_m(point.reach_m, travels)
                if way > room and highest_m(slopes, mine, downs, -math.inf) > left:
                    found.add(("workspace_limit", f"{point.name}: {plane.name}"))
    if apart is not None and arms > 1:
        first, second = chains
        ways = [sum(r * t for r, t in zip((UPPER + FORE, FORE), travels)) for _, _, travels in own]
        need = apart + sum(RADIUS)
        for i in range(2):
            for j in range(2):
                ends = (first.places[i], first.places[i + 1], second.places[j], second.places[j + 1])
                distance, *normal = between(*ends)
                if distance - sum(ways) >= need:
                    continue
                near = 0.0
                if distance >= 1e-9:
                    near = -sum(
                        max(
                            reached(arm, index, [sign * n for n in normal], *moving) for index in (segment, segment + 1)
                        )
                        for arm, segment, sign, moving in ((first, i, -1, own[0]), (second, j, 1, own[1]))
                    )
                if near < need:
                    found.add(("arms_too_near", f"{first.points[i + 1].name}, {second.points[j + 1].name}"))
    return found


def reached(arm, index, normal, steps, downs, travels) -> float:
    at = sum(n * p for n, p in zip(normal, arm.places[index]))
    if arm.points[index].joints:
        at += highest_m(slopes_along(arm.columns[index], *normal), steps, downs, -math.inf)
        at += bend_m(arm.points[index].reach_m, travels)
    return at


KINDS = {
    "speed": {"speed": 0.25},
    "planes": {"planes": (WALL, SIDE)},
    "apart": {"apart": 0.1},
    "all": {"speed": 0.5, "planes": (WALL, SIDE), "apart": 0.1},
    "one arm": {"arms": 1, "planes": (WALL,), "apart": 0.1},
}


def random_moves(choose: random.Random, arms=2):
    """Poses from slow drifts and jumps, steps large and small, many near a bound."""
    position = [choose.uniform(-2, 2) for _ in range(2 * arms)]
    while True:
        if choose.random() < 0.1:
            position = [choose.uniform(-2, 2) for _ in position]
        position = [angle + choose.uniform(-1, 1) * choose.choice([0, 1e-3, 1e-2]) for angle in position]
        size = choose.choice([1e-4, 1e-3, 3e-3, 6e-3])
        yield list(position), [choose.choice([0, 1, 1]) * choose.uniform(-size, size) for _ in position]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_a_step_is_allowed_where_no_bound_would_be_broken_and_nowhere_else(kind, seed):
    choose = random.Random(seed)
    settings = KINDS[kind]
    held = restraint(**settings)
    moves = random_moves(choose, settings.get("arms", 2))
    count = {True: 0, False: 0}
    for _ in range(700):
        position, steps = next(moves)
        if choose.random() < 0.02 and not judged(position, [0.0] * len(steps), **settings):
            held.start(position)
        started = started_inside(held, position, settings)
        if not started:
            continue
        expected = not judged(position, steps, **settings)
        assert held.allows(position, steps) == expected
        count[expected] += 1
    assert count[True] > 50 and count[False] > 20


def started_inside(held, position, settings) -> bool:
    """Begins once, at a pose that breaks nothing."""
    if not held._arms[0].seen:
        if judged(position, [0.0] * len(position), **settings):
            return False
        held.start(position)
    return True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_where_a_step_is_not_allowed_nearly_the_largest_share_of_it_is(kind, seed):
    """Each arm its own; braking alone where even little is too much; nothing taken from an arm that nothing holds."""
    choose = random.Random(100 + seed)
    settings = KINDS[kind]
    held = restraint(**settings)
    moves = random_moves(choose, settings.get("arms", 2))
    looked = 0
    for _ in range(900):
        position, steps = next(moves)
        wished = [8 * step for step in steps]
        braking = [choose.uniform(-5e-5, 5e-5) for _ in wished]
        if not started_inside(held, position, settings) or judged(position, braking, **settings):
            continue
        if held.allows(position, wished):
            continue
        shares = held.shares(position, braking, wished)
        assert len(shares) == len(wished) and all(0.0 <= share <= 1.0 for share in shares)
        for arm in range(len(wished) // 2):
            assert shares[2 * arm] == shares[2 * arm + 1]
        assert min(shares) < 1.0
        mixed = [b + share * (w - b) for b, w, share in zip(braking, wished, shares)]
        assert judged(position, mixed, **settings) == set()
        looked += 1
    assert looked > 20


def test_the_share_found_is_within_a_thirty_second_of_the_largest():
    """One arm before a wall: at the same pose again and again the search comes to the largest share."""
    held = restraint(arms=1, planes=(WALL,))
    position, wished, braking = [-0.9, 0.2], [3e-3, 1e-3], [0.0, 0.0]
    held.start([-1.2, 0.2])
    while not judged(position, wished, arms=1, planes=(WALL,)):
        position[0] += 1e-3
    assert not judged(position, braking, arms=1, planes=(WALL,))
    for _ in range(8):
        assert not held.allows(position, wished)
        share = held.shares(position, braking, wished)[0]

    def is_free(share):
        mixed = [b + share * (w - b) for b, w in zip(braking, wished)]
        return not judged(position, mixed, arms=1, planes=(WALL,))

    assert is_free(share)
    assert not is_free(min(1.0, share + 2 / 32))


def test_what_no_bound_needs_is_off():
    held = restraint()
    held.start([0.0] * 4)
    assert held.speed_m_s is None
    assert held.allows([0.5] * 4, [0.5] * 4)
    assert restraint(speed=0.25).speed_m_s == 0.25
    single = restraint(arms=1, apart=5.0)
    single.start([0.0] * 2)
    assert single.allows([0.0, 0.0], [0.01, 0.01])


def pushed(held, position, wished, braking=(0.0,) * 4) -> tuple[float, ...] | None:
    if held.allows(position, wished):
        return None
    return held.shares(position, list(braking), wished)


BEFORE_WALL = [0.0, math.acos((0.549999 - UPPER) / FORE), math.pi, 0.0]
"""The right tool 1 um before the wall (0.6 m less the radius of 0.05 m); the left arm points away."""
AT_WALL = [0.0, -1e-3, 0.0, 0.0]
"""A step of the forearm towards it."""


@pytest.mark.parametrize(("period_s", "ticks"), [(0.002, 50), (0.01, 10), (0.5, 1)])
def test_a_bound_that_leaves_next_to_nothing_for_a_tenth_of_a_second_is_told(period_s, ticks):
    held = restraint(planes=(WALL,), period_s=period_s)
    held.start(BEFORE_WALL)
    far = [step * 6 for step in AT_WALL]
    for _ in range(ticks - 1):
        assert pushed(held, BEFORE_WALL, far) is not None
        assert held.event is None
    pushed(held, BEFORE_WALL, far)
    assert held.event == ("workspace_limit", "right_tool: wall")
    assert held.allows(BEFORE_WALL, [0.0] * 4)
    assert held.event is None
    pushed(held, BEFORE_WALL, far)
    assert held.event is not None
    held.start(BEFORE_WALL)
    assert held.event is None


@pytest.mark.parametrize(("speed_m_s", "is_told"), [(0.0099, True), (0.0101, False)])
@pytest.mark.parametrize("elbow_part", [0.0, -0.5, 0.5])
def test_what_creeps_slower_than_a_centimetre_a_second_is_told(speed_m_s, is_told, elbow_part):
    """Only braking is left, at so much a second of all joints' reach together; every wish leads far beyond the wall."""
    held = restraint(planes=(WALL,))
    held.start(BEFORE_WALL)
    way = speed_m_s * PERIOD_S
    braking = [elbow_part * way / (UPPER + FORE), (1.0 - abs(elbow_part)) * way / FORE, 0.0, 0.0]
    position = [0.0, BEFORE_WALL[1] + 1e-3, math.pi, 0.0]
    for _ in range(60):
        assert pushed(held, position, [0.0, -1.0, 0.0, 0.0], braking) == (0.0, 0.0, 1.0, 1.0)
    assert (held.event is not None) is is_told


AWAY = [0.0, 1e-4, 0.0, 0.0]


@pytest.mark.parametrize("calm", ["allowed", "other bound", "moves"])
def test_each_tick_of_motion_takes_back_one_of_creeping(calm):
    held = restraint(planes=(WALL,), speed=0.25 if calm == "other bound" else None)
    held.start(BEFORE_WALL)
    for _ in range(70):
        pushed(held, BEFORE_WALL, AT_WALL)

    def move():
        if calm == "allowed":
            assert held.allows(BEFORE_WALL, AWAY)
        elif calm == "other bound":  # only too fast
            assert pushed(held, [0.3, 2.5, math.pi, 0.0], [0.01, 0.0, 0.0, 0.0]) is not None
        else:
            assert pushed(held, BEFORE_WALL, [0.0, -1.0, 0.0, 0.0], [0.0, 1e-3, 0.0, 0.0]) is not None

    for _ in range(20):
        move()
    assert held.event == ("workspace_limit", "right_tool: wall")
    move()
    assert held.event is None
    for _ in range(100):
        move()
    for _ in range(49):
        pushed(held, BEFORE_WALL, AT_WALL)
    assert held.event is None
    pushed(held, BEFORE_WALL, AT_WALL)
    assert held.event is not None


@pytest.mark.parametrize("period_s", [0.5, 10.0])
def test_before_a_start_nothing_is_told(period_s):
    assert restraint(planes=(WALL,), period_s=period_s).event is None


def test_an_arm_that_is_slowed_but_moves_is_told_of_nothing():
    held = restraint(planes=(WALL,), speed=0.25)
    held.start(BEFORE_WALL)
    for _ in range(200):
        pushed(held, [0.3, 2.5, math.pi, 0.0], [0.01, 0.0, 0.0, 0.0])
    assert held.event is None


def test_a_start_beyond_a_plane_may_only_come_in_and_what_it_came_in_stays():
    beyond = [0.0, math.acos((0.57 - UPPER) / FORE), math.pi, 0.0]  # 20 mm beyond
    deeper = [0.0, math.acos((0.577 - UPPER) / FORE), math.pi, 0.0]
    nearer = [0.0, math.acos((0.56 - UPPER) / FORE), math.pi, 0.0]
    inside = [0.0, math.acos((0.50 - UPPER) / FORE), math.pi, 0.0]
    rest = [0.0] * 4
    held = restraint(planes=(WALL,))
    held.start(beyond)
    assert held.allows(beyond, rest) and held.allows(nearer, [0.0, 1e-3, 0.0, 0.0])
    assert held.allows([0.0, math.acos((0.5645 - UPPER) / FORE), math.pi, 0.0], rest)
    held = restraint(planes=(WALL,))
    held.start(beyond)
    assert held.allows([0.0, math.acos((0.57 + OUTSIDE_SLACK_M - 1e-4 - UPPER) / FORE), math.pi, 0.0], rest)
    assert not held.allows(deeper, [0.0, -1e-4, 0.0, 0.0])
    held = restraint(planes=(WALL,))
    held.start(beyond)
    held.allows(nearer, [0.0, 3e-3, 0.0, 0.0])
    assert not held.allows([0.0, math.acos((0.569 - UPPER) / FORE), math.pi, 0.0], [0.0, -1e-4, 0.0, 0.0])
    held.allows(inside, [0.0, 3e-3, 0.0, 0.0])
    assert not held.allows([0.0, math.acos((0.5515 - UPPER) / FORE), math.pi, 0.0], [0.0, -1e-4, 0.0, 0.0])
    assert held.allows([0.0, math.acos((0.549 - UPPER) / FORE), math.pi, 0.0], rest)
    held.start(inside)
    assert not held.allows(nearer, [0.0, -1e-4, 0.0, 0.0])


def facing(gap_m: float) -> list[float]:
    """Both forearms bent straight at each other, tool to tool; upper arms ahead."""
    length = (0.8 - gap_m) / 2
    bend = math.asin(length / FORE) if length < FORE else math.pi / 2
    return [0.0, bend, 0.0, -bend]


def test_arms_too_near_are_told_by_the_parts_that_are():
    held = restraint(apart=0.2)
    position = facing(0.2 + sum(RADIUS) + 1e-6)
    held.start(position)
    closing = [0.0, 6e-3, 0.0, -6e-3]
    for _ in range(60):
        shares = pushed(held, position, closing)
        assert shares is not None and shares[0] == shares[3] < 0.5
    assert held.event == ("arms_too_near", "right_tool, left_tool")
    assert held._arms[0].why is not NOTHING


def test_arms_that_touch_at_the_start_may_move_on_from_there():
    crossed = [0.0, math.pi / 2, 0.0, -math.pi / 2]  # forearms of 0.3 m towards each other, 0.8 m between the shoulders
    crossed[0], crossed[2] = 0.5, -0.5
    held = restraint(apart=0.05)
    ends = []
    for number in range(2):
        arm = ArmChain(chain(number))
        arm.look(crossed)
        ends.append(arm.places)
    assert between(ends[0][1], ends[0][2], ends[1][1], ends[1][2])[0] < 1e-9
    held.start(crossed)
    assert held.allows(crossed, [0.0] * 4) and held.allows(crossed, [-5e-3, 0.0, 5e-3, 0.0])


def test_what_two_arms_may_do_together_each_may_do_alone():
    """Less of the wish is more of the braking: of an arm whose braking would be too fast, none of it may be taken."""
    held = restraint(apart=0.2, speed=0.25)
    position = facing(0.2 + sum(RADIUS) + 1e-4)
    held.start(position)
    braking, wished = [0.02, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -1e-3]
    assert not held.allows(position, wished)
    assert held.shares(position, braking, wished) == (0.0,) * 4
