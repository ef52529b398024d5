"""One arm's bounds in space, planes of every direction: against the same judgement without short cuts, and by hand."""

from __future__ import annotations

import math
import random

import pytest

from station.control.arm_bounds import FAST, NOTHING, ArmBounds
from station.control.braking import StraightBraking
from station.control.chain import ArmChain
from station.control.jerk import JerkJoint
from station.control.reduced import braking_travel, is_slow
from station.control.workspace import Plane, bend_m, highest_m, slopes_along
from station.settings.kinematics import Chain, ChainJoint, ChainPoint

DOWN = (1.0e-4, 9.0, 2.0e-4, 1.5e-4)
"""Of the whole arm's joints, of which this arm has three, in an order of its own."""
JOINTS = (3, 0, 2)
SLACK_M = 0.005
REACH = (0.7, 0.7, 0.3)


def chain() -> Chain:
    """Two crossed joints at the shoulder, 0.4 m to an elbow, 0.3 m to the tool; leaning in space."""

    def joint(index, x, twist_deg):
        twist = math.radians(twist_deg)
        return ChainJoint(
            arm_joint=index, offset_m=(x, 0.0, 0.0), twist_cos=math.cos(twist), twist_sin=math.sin(twist), zero_rad=0.0
        )

    return Chain(
        name="arm",
        base=((0.8, 0.0, 0.6), (0.0, 1.0, 0.0), (-0.6, 0.0, 0.8)),
        joints=(joint(3, 0.0, 0.0), joint(0, 0.0, 90.0), joint(2, 0.4, 0.0)),
        points=(
            ChainPoint(name="shoulder", joints=0, at_m=(0.0, 0.0, 0.0), reach_m=()),
            ChainPoint(name="elbow", joints=2, at_m=(0.4, 0.0, 0.0), reach_m=(0.4, 0.4)),
            ChainPoint(name="tool", joints=3, at_m=(0.3, 0.0, 0.0), reach_m=REACH),
        ),
        radius_m=0.05,
    )


def plane(choose: random.Random) -> Plane:
    """One axis alone, or any direction."""
    axis = choose.choice([(1, 0, 0), (0, 1, 0), (0, 0, 1), None])
    normal = [choose.gauss(0.0, 1.0) for _ in range(3)] if axis is None else [choose.choice([-1, 1]) * n for n in axis]
    length = math.hypot(*normal)
    return Plane("wall", *(part / length for part in normal), 0.0)


def along(wall: Plane, place) -> float:
    return sum(n * p for n, p in zip(wall[1:4], place))


def pose(choose: random.Random) -> list[float]:
    return [choose.uniform(-1.5, 1.5) for _ in DOWN]


def bounds(*planes: Plane, most_m: float | None = None) -> ArmBounds:
    return ArmBounds(ArmChain(chain()), DOWN, list(planes), most_m)


def travels_of(arm: ArmBounds, steps) -> list[float]:
    return [braking_travel(step, down) for step, down in zip(steps, arm.downs)]


def plainly(arm: ArmBounds, steps, planes: list[Plane], most_m: float | None) -> list[tuple[str, str]]:
    """Everything that is in the way."""
    found = []
    own, travels = arm.chain, travels_of(arm, steps)
    for index in (2, 1):
        point = own.points[index]
        if most_m is not None and not is_slow(own.columns[index], point.reach_m, steps, travels, arm.downs, most_m):
            found.append(FAST)
        for wall in planes:
            room = wall.offset_m - along(wall, own.places[index])
            farthest = highest_m(slopes_along(own.columns[index], *wall[1:4]), steps, arm.downs, -math.inf)
            way = sum(reach * travel for reach, travel in zip(point.reach_m, travels))
            if way > room and farthest + bend_m(point.reach_m, travels) > room:
                found.append(("workspace_limit", f"{point.name}: {wall.name}"))
    return found


def test_its_numbers_are_of_its_own_joints():
    arm = bounds()
    assert arm.joints == JOINTS and arm.downs == [DOWN[joint] for joint in JOINTS]
    assert arm.reach == list(REACH)
    assert arm.moved == [2, 1]  # the tool first
    for (joint, reach, half, inverse), index in zip(arm.rows, range(3)):
        assert (joint, reach) == (JOINTS[index], REACH[index])
        for step in (1e-4, 3e-3):
            assert (step + half) ** 2 * inverse == pytest.approx(braking_travel(step, arm.downs[index]), rel=1e-12)
    short = chain()
    idle = ChainJoint(arm_joint=1, offset_m=(0.3, 0.0, 0.0), twist_cos=1.0, twist_sin=0.0, zero_rad=0.0)
    longer = Chain(
        name="arm", base=short.base, joints=(*short.joints, idle), points=short.points, radius_m=short.radius_m
    )
    assert ArmBounds(ArmChain(longer), DOWN, [], None).reach == [*REACH, 0.0]


@pytest.mark.parametrize("seed", range(3))
def test_its_room_is_the_nearest_points_from_the_nearest_plane(seed):
    choose = random.Random(seed)
    for _ in range(40):
        planes = [plane(choose)._replace(offset_m=choose.uniform(0.8, 2.0)) for _ in range(choose.choice([1, 2, 3]))]
        arm = bounds(*planes)
        for _ in range(2):
            position = pose(choose)
            arm.look(position)
            places = [arm.chain.places[index] for index in (1, 2)]
            room = min(wall.offset_m - along(wall, place) for wall in planes for place in places)
            assert arm.room_m == pytest.approx(room, abs=1e-12)
            assert arm.seen == position
            assert arm.room_now_m() == arm.room_m
        arm.chain.look(pose(choose))  # the chain alone: a pose that is tried
        places = [arm.chain.places[index] for index in (1, 2)]
        room = min(wall.offset_m - along(wall, place) for wall in planes for place in places)
        assert arm.room_now_m() == pytest.approx(room, abs=1e-12) and arm.seen == position
    free = bounds()
    free.look(pose(choose))
    assert free.room_m == free.room_now_m() == math.inf


@pytest.mark.parametrize("seed", range(3))
def test_a_start_beyond_a_plane_widens_it_for_that_point_and_what_came_in_stays(seed):
    choose = random.Random(seed)
    seen = 0
    for _ in range(60):
        walls = [plane(choose)._replace(offset_m=0.1), plane(choose)._replace(offset_m=0.1)]
        arm = bounds(*walls)
        arm.chain.look(pose(choose))
        assert arm.creeping == 0
        arm.creeping = 3
        arm.start()
        assert arm.creeping == 0
        wide = {}
        for index in (1, 2):
            for number, wall in enumerate(walls):
                at = along(wall, arm.chain.places[index])
                wide[index, number] = at + SLACK_M if at > 0.1 else 0.1
                assert arm.offset(index, number) == pytest.approx(wide[index, number], abs=1e-12)
        for _ in range(4):
            arm.look(pose(choose))
            room = math.inf
            for (index, number), was in wide.items():
                at = along(walls[number], arm.chain.places[index])
                if was > 0.1:
                    wide[index, number] = max(0.1, min(was, at + SLACK_M))
                    seen += wide[index, number] != was
                assert arm.offset(index, number) == pytest.approx(wide[index, number], abs=1e-12)
                room = min(room, wide[index, number] - at)
            assert arm.room_m == pytest.approx(room, abs=1e-12)
            assert arm.room_now_m() == arm.room_m
        arm.planes = [wall._replace(offset_m=2.0) for wall in walls]
        arm.start()  # a new beginning, inside
        assert {arm.offset(*place) for place in wide} == {2.0}
    assert seen > 30


@pytest.mark.parametrize("seed", range(4))
def test_it_judges_as_without_short_cuts_near_every_plane_and_speed(seed):
    choose = random.Random(seed)
    count = {True: 0, False: 0}
    for _ in range(200):
        size = choose.choice([3e-4, 2e-3, 6e-3])
        steps = [choose.choice([0, 1, 1]) * choose.uniform(-size, size) for _ in JOINTS]
        most_m = choose.choice([None, None, choose.uniform(0.5, 1.2) * size])
        arm = bounds()
        arm.look(pose(choose))
        way = sum(reach * travel for reach, travel in zip(REACH, travels_of(arm, steps)))
        planes = []
        for _ in range(choose.choice([0, 1, 2])):
            wall = plane(choose)
            near = max(along(wall, arm.chain.places[index]) for index in (1, 2))
            planes.append(wall._replace(offset_m=near + choose.uniform(0.0, 1.1) * way, name=f"wall {len(planes)}"))
        arm.planes, arm.most_m = planes, most_m
        arm.look(arm.seen)
        expected = plainly(arm, steps, planes, most_m)
        found = arm.judge(StraightBraking(steps, arm.downs))
        assert found == ((expected and (FAST if FAST in expected else expected[0])) or NOTHING)
        count[found is NOTHING] += 1
    assert min(count.values()) > 20


def test_what_may_bend_beyond_a_plane_is_refused_and_what_cannot_come_so_far_is_not():
    """Stretched out, the first joint alone turned through 0.05 rad: 35 mm to the side and 0.9 mm that it may bend."""
    arm = bounds()
    arm.look([0.0] * 4)
    nearly, tool = 1e-3, arm.chain.places[2]
    slope = arm.chain.columns[2][0]
    length = math.hypot(*slope)
    down = arm.downs[0]
    step = math.sqrt(0.05 * 2 * down) - down / 2
    steps = [step, 0.0, 0.0]
    travels = travels_of(arm, steps)
    assert travels[0] == pytest.approx(0.05)
    wall = Plane("side", *(part / length for part in slope), 0.0)
    at, way, bend = along(wall, tool), 0.7 * 0.05, 0.7 * 0.05**2 / 2
    for room, expected in (
        (way + 1e-6, NOTHING),  # it cannot go so far
        (way - 1e-5, ("workspace_limit", "tool: side")),
        (way - bend * nearly, ("workspace_limit", "tool: side")),
    ):
        arm.planes = [wall._replace(offset_m=at + room)]
        arm.look([0.0] * 4)
        assert arm.judge(StraightBraking(steps, arm.downs)) == expected
    # Folded, the elbow ahead of the tool: it cannot come as far as the plane, whatever bends, though a tool could.
    folded = [0.0, 0.0, math.pi, 0.0]
    arm.look(folded)
    at = along(wall, arm.chain.places[1])
    arm.planes = [wall._replace(offset_m=at + 0.4 * 0.05 + 1e-6)]
    arm.look(folded)
    assert way > arm.room_m
    assert arm.judge(StraightBraking(steps, arm.downs)) == NOTHING


def test_who_begins_again_beyond_a_plane_is_given_no_more_play_than_the_first_time():
    choose = random.Random(5)
    wall = Plane("wall", 0.6, 0.0, 0.8, -5.0)  # everything is beyond it
    arm = bounds(wall)
    first: dict[tuple[int, int], float] = {}
    for _ in range(12):
        arm.chain.look(pose(choose))
        for _ in range(2):
            arm.start()
            for index in (1, 2):
                at = along(wall, arm.chain.places[index])
                known = first.get((index, 0))
                first[index, 0] = at + SLACK_M if known is None else max(at, known)
            assert arm.offsets == pytest.approx(first, abs=1e-12)


def test_a_start_exactly_on_a_plane_is_inside():
    arm = bounds(Plane("wall", 0.0, 0.0, 1.0, 0.0))
    arm.look([0.0] * 4)
    arm.planes = [Plane("wall", 0.0, 0.0, 1.0, max(arm.chain.places[1][2], arm.chain.places[2][2]))]
    arm.start()
    assert arm.offset(2, 0) == arm.planes[0].offset_m


def jerk_joint(kind: type[JerkJoint] = JerkJoint) -> JerkJoint:
    joint = kind(-1.0, 1.0, 2.0, 15.0, 20.0, 300.0, 0.002)
    joint.start()
    for k in range(20):
        joint.follow(0.5, 0.001 * k, 0.004)
        joint.take()
    joint.follow(0.5, 0.02, 0.004)
    return joint


@pytest.mark.parametrize("only", [None, 0, 1, 2])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_step_is_part_of_the_way_from_braking_to_the_wish_and_a_jerk_limit_knows_its_own(only, share):
    braking, wished = [0.01, 0.02, 0.03, 0.04], [0.03, -0.02, 0.07, 0.01]
    arm, smooth = bounds(), jerk_joint()
    arm.only = only
    own = [share if only in (None, index) else 0.0 for index in range(3)]
    plain = [braking[joint] + part * (wished[joint] - braking[joint]) for joint, part in zip(JOINTS, own)]
    assert arm.steps(braking, wished, share) == pytest.approx(plain, rel=1e-12)
    arm.know(JOINTS[1], smooth)
    plain[1] = smooth.mixed(own[1])[0] * smooth.j
    assert arm.steps(braking, wished, share) == pytest.approx(plain, rel=1e-12)
    assert smooth.mixed(0.0) != smooth.mixed(0.3) != smooth.mixed(1.0)


@pytest.mark.parametrize(("share", "is_asked"), [(0.0, False), (5e-4, True), (0.5, True), (0.9995, True), (1.0, False)])
def test_a_joint_is_asked_of_each_mixture_but_not_of_braking_itself_nor_of_its_own_wish(share, is_asked):
    class Never(JerkJoint):
        __slots__ = ()

        def may(self, v, a):
            return False

    arm = bounds()
    arm.know(JOINTS[1], jerk_joint(Never))
    still = [0.0] * 4
    assert arm.smooth_braking(still, still, share).is_legal is not is_asked
    arm.only = 0  # the others brake
    assert arm.smooth_braking(still, still, share).is_legal
