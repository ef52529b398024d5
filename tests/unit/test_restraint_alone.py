"""The joint that begins alone where its arm rests at a bound: which one it is, how far ahead it is looked along, beside
which arms."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from station.control.chain import ArmChain
from station.control.restraint import Restraint
from station.control.workspace import Plane
from tests.unit.test_restraint import DOWN, FORE, PERIOD_S, RADIUS, UPPER, WALL, chain, facing, restraint

NEED = 0.2 + sum(RADIUS)
HARD = 0.5
"""A step, rad a tick, of which no share passes that is looked at."""
OUT = [2e-4, -1e-4, 0.0, 0.0]
"""Of the right arm where both face each other: nearer, though the elbow alone leads away."""


def begun(held: Restraint, position, wished) -> tuple[float, ...]:
    assert not held.allows(position, wished)
    return held.shares(position, [0.0] * len(position), wished, True)


def before_wall(room_m: float) -> list[float]:
    """The right tool so far before the wall, the left arm points away."""
    return [0.0, math.acos((0.55 - room_m - UPPER) / FORE), math.pi, 0.0]


def test_a_joint_that_leads_out_does_not_begin_though_there_is_room_for_it():
    """Of the 0.2 mm that are left it needs next to nothing; but it would end at the bound, and the arm still stand."""
    at = before_wall(2e-4)
    held = restraint(planes=(WALL,))
    held.start(at)
    assert held.allows(at, [0.0, -1e-5, 0.0, 0.0])
    assert begun(held, at, [-HARD, -1e-5, 0.0, 0.0]) == (0.0, 0.0, 1.0, 1.0)
    assert begun(held, at, [-HARD, 1e-5, 0.0, 0.0]) == (0.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(("turn_rad", "may"), [(0.98e-3, 1.0), (1.02e-3, 0.0), (1.1e-3, 0.0)])
def test_a_joint_is_looked_along_for_a_milliradian(turn_rad, may):
    """The forearm turns past the farthest it reaches: nearer to the wall first, and after `turn_rad` where it was."""
    shoulder = math.acos((0.55 - 1e-6 - FORE) / UPPER)
    at = [shoulder, -shoulder - turn_rad / 2, math.pi, 0.0]
    held = restraint(planes=(WALL,))
    held.start(at)
    assert held.allows(at, [0.0, 1e-6, 0.0, 0.0])
    assert begun(held, at, [-HARD, 1e-6, 0.0, 0.0]) == (0.0, may, 1.0, 1.0)


@pytest.mark.parametrize("number", [0, 1])
def test_of_two_joints_that_lead_apart_the_better_one_begins(number):
    """This arm wishes nothing but to come away; the other one presses on, so that both have to brake."""
    at = facing(NEED + 1e-10)
    side = (-1.0, 1.0)[number]
    wished, expected = [0.0] * 4, [0.0] * 4
    wished[2 * number : 2 * number + 2] = [side * 1e-4, side * 1e-4]
    wished[3 - 2 * number] = side * HARD
    expected[2 * number] = 1.0
    held = restraint(apart=0.2)
    held.start(at)
    assert list(begun(held, at, wished)) == expected


@pytest.mark.parametrize(
    ("began", "now"),
    [
        (NEED + 1e-10, NEED + 1e-10),
        (NEED + 0.1, NEED + 1e-10),
        (NEED - 0.02, NEED - 0.025 + 1e-10),  # began too near, with 5 mm of play
    ],
)
@pytest.mark.parametrize("planes", [(), (Plane("beside", 1.0, 0.0, 0.0, 0.65),)])
def test_how_near_the_other_arm_is_counts_where_that_is_the_nearest_bound(began, now, planes):
    """The elbow leads away from the other arm, and towards a wall that is further off."""
    held = restraint(apart=0.2, planes=planes)
    held.start(facing(began))
    held.allows(facing(now), [0.0] * 4)
    assert begun(held, facing(now), OUT) == (0.0, 1.0, 0.0, 0.0)
    assert begun(held, facing(now), [2e-4, 1e-4, 0.0, 0.0]) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("gap_m", [NEED + 1e-3, NEED + 0.2])
def test_how_near_the_other_arm_is_does_not_count_where_a_wall_is_nearer(gap_m):
    """The elbow leads away from the wall, towards the other arm."""
    at = facing(gap_m)
    tool_m = UPPER + FORE * math.cos(at[1])
    held = restraint(apart=0.2, planes=(WALL._replace(offset_m=tool_m + RADIUS[0] + 1e-10),))
    held.start(at)
    assert begun(held, at, [-2e-4, 1e-4, 0.0, 0.0]) == (0.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(("part", "may"), [(0.9, 1.0), (1.01, 0.0)])
@pytest.mark.parametrize("settings", [{"planes": (WALL,)}, {"apart": 0.2}])
def test_the_joint_that_begins_may_be_as_fast_as_a_tool(settings, part, may):
    """Up to the limit itself: of a wish that is refused for other reasons all of its own way."""
    is_apart = "apart" in settings
    at = facing(NEED + 1e-10) if is_apart else before_wall(1e-10)
    step = (-1.0 if is_apart else 1.0) * part * 0.25 * PERIOD_S / FORE
    held = restraint(speed=0.25, **settings)
    held.start(at)
    assert begun(held, at, [-2.0 * step, step, 0.0, 0.0])[:2] == (0.0, may)


def test_what_the_forearm_comes_away_from_does_not_count_where_the_upper_arm_stands():
    """The left arm's upper half is as near the right tool as may be and presses on; its forearm, further off, opens."""
    at = [math.pi / 3, math.pi / 6, 0.0, -math.pi / 2]
    tool_m = 0.8 - (UPPER * math.sin(math.pi / 3) + FORE)
    held = restraint(apart=tool_m - sum(RADIUS) - 1e-10)
    held.start(at)
    assert held.allows(at, [0.0, 0.0, 0.0, 1e-4])
    assert begun(held, at, [0.0, 0.0, -HARD, 1e-4]) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("hard", "expected"),
    [((HARD, HARD), (0.0, 0.0, 0.0)), ((HARD, 1e-4), (0.0, 1.0, 0.0)), ((1e-4, HARD), (1.0, 0.0, 0.0))],
)
def test_two_joints_are_tried_those_that_lead_away_the_most(hard, expected):
    """All three lead away from a wall, the tool's own joint the least; a hard wish is too fast for a tool."""
    shoulder, elbow = chain(0).joints
    still, moved, tool = chain(0).points
    arm = ArmChain(
        replace(
            chain(0),
            joints=(shoulder, elbow, replace(elbow, arm_joint=2, offset_m=(FORE / 2, 0.0, 0.0))),
            points=(
                still,
                moved,
                replace(tool, joints=3, at_m=(FORE / 2, 0.0, 0.0), reach_m=(*tool.reach_m, FORE / 2)),
            ),
        )
    )
    at = [0.3, 0.8, 0.0]
    arm.look(at)
    wall = WALL._replace(offset_m=arm.places[2][0] + RADIUS[0] + 1e-10)
    held = Restraint([arm], DOWN[:3], PERIOD_S, speed_m_s=0.25, planes=(wall,), apart_m=None)
    held.start(at)
    assert held.allows(at, [0.0, 0.0, 1e-4])
    assert begun(held, at, [*hard, 1e-4]) == expected


def three_arms(y_m: float, *, planes=()) -> Restraint:
    """The third one's shoulder stands at `y_m`."""
    shoulder, elbow = chain(1).joints
    still, *moved = chain(1).points
    third = replace(
        chain(1),
        joints=(replace(shoulder, arm_joint=4, offset_m=(0.0, y_m, 0.0)), replace(elbow, arm_joint=5)),
        points=(replace(still, at_m=(0.0, y_m, 0.0)), *moved),
    )
    chains = [ArmChain(one) for one in (chain(0), chain(1), third)]
    return Restraint(chains, (*DOWN, *DOWN[:2]), PERIOD_S, speed_m_s=None, planes=planes, apart_m=0.2)


def test_how_near_two_other_arms_are_to_each_other_does_not_count():
    """The second and the third arm stand nearer each other than the first one, which comes away, to either of them."""
    at = [*facing(NEED + 1e-8), 0.0, 0.0]
    held = three_arms(0.8 + 0.2 + 2 * RADIUS[1] + 1e-10)
    held.start(at)
    assert begun(held, at, [*OUT, 0.0, 0.0]) == (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)


def test_a_joint_begins_beside_what_the_other_arms_may_do_and_not_what_they_wish():
    """The first arm goes its way, the third is held at a wall; the second, between them, comes away from that wall."""
    bend = math.acos((0.57 - UPPER) / FORE)
    between_m = 0.8 - FORE * math.sin(bend) - NEED - 1e-3
    at = [0.0, math.asin(between_m / FORE), 0.0, -bend, 0.0, bend]
    held = three_arms(2.0, planes=(WALL._replace(offset_m=0.57 + RADIUS[1] + 1e-10),))
    held.start(at)
    wished = [-2e-3, 0.0, 2e-4, -1e-4, -2e-4, -1e-4]
    assert begun(held, at, wished) == (1.0, 1.0, 0.0, 1.0, 0.0, 0.0)
    assert not held._is_apart
