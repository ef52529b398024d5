"""What holds two planar arms back whose joints have jerk limits, against the same judgement without short cuts."""

from __future__ import annotations

import math
import random

import pytest

from station.control.arm_bounds import JOINT, NOTHING
from station.control.braking import StraightBraking
from station.control.jerk import JerkJoint
from station.control.share_search import largest_share
from station.control.smooth_braking import SmoothBraking, smooth_path, straight_path
from station.control.workspace import bend_m, between, slopes_along
from tests.unit.test_restraint import DOWN, FORE, PERIOD_S, RADIUS, SIDE, UPPER, WALL, restraint

REACH = (UPPER + FORE, FORE)
CAP = 2.0 * PERIOD_S
LOWER = 3.0
"""The joints' own limits stand so far on both sides."""
COARSE = 1 / 8


def joints_of(choose: random.Random, smooth: tuple[bool, ...]) -> dict[int, JerkJoint]:
    joints = {}
    for index, down in enumerate(DOWN):
        if smooth[index]:
            decel = down / PERIOD_S**2
            joints[index] = JerkJoint(-LOWER, LOWER, 2.0, 0.8 * decel, decel, choose.choice([400.0, 1000.0]), PERIOD_S)
            joints[index].start()
    return joints


class World:
    """Two arms in one tick: where they are, how they move, what they wish."""

    def __init__(self, choose: random.Random, smooth: tuple[bool, ...], settings: dict) -> None:
        self.choose, self.settings = choose, settings
        self.joints = joints_of(choose, smooth)
        self.held = restraint(**settings)
        self.held.know(list(self.joints.items()))
        self.position = [0.0] * 4
        self.braking, self.wished = [0.0] * 4, [0.0] * 4

    def tick(self, position: list[float], calm: bool = False) -> None:
        """Any state of motion, any wish; `calm`: at rest."""
        choose = self.choose
        self.position = position
        size = 0.0 if calm else choose.choice([0.05, 0.2, 0.4, 0.4, 1.0])
        for index in range(4):
            joint = self.joints.get(index)
            if joint is None:
                step = choose.uniform(-3e-3, 3e-3) * size
                self.braking[index] = math.copysign(max(0.0, abs(step) - DOWN[index]), step)
                self.wished[index] = step + choose.choice([-1, 0, 1]) * DOWN[index]
                continue
            down = joint.braking.down
            joint._v = size * choose.uniform(-1, 1) * 3e-3 / joint.j
            joint._a = size * choose.uniform(-0.5, 0.5) * down
            target = position[index] + choose.choice([-1.0, 0.0, 0.02, 1.0])
            wished = joint.follow(target, position[index], CAP)
            self.wished[index] = wished - position[index]
            self.braking[index] = joint.braked

    def motion(self, arm: int, share: float) -> SmoothBraking | StraightBraking:
        paths = []
        own = (2 * arm, 2 * arm + 1)
        if not any(index in self.joints for index in own):
            steps = [self.braking[index] + share * (self.wished[index] - self.braking[index]) for index in own]
            return StraightBraking(steps, [DOWN[index] for index in own])
        for index in own:
            joint = self.joints.get(index)
            if joint is None:
                step = self.braking[index] + share * (self.wished[index] - self.braking[index])
                paths.append(straight_path(step, DOWN[index]))
            else:
                paths.append(smooth_path(joint, *joint.mixed(share)))
        return SmoothBraking(paths, REACH, True)

    def is_legal(self, arm: int, share: float) -> bool:
        if share in (0.0, 1.0):
            return True
        own = [self.joints[index] for index in (2 * arm, 2 * arm + 1) if index in self.joints]
        return all(joint.may(*joint.mixed(share)) for joint in own)

    def broken(self, shares: tuple[float, float]) -> set[tuple[str, str]]:
        """Every bound that these shares and the braking after them would break, each looked at in full."""
        found = set()
        settings = self.settings
        chains = [arm.chain for arm in self.held._arms]
        for chain in chains:
            chain.look(self.position)
        motions = [self.motion(arm, share) for arm, share in enumerate(shares)]
        for chain, motion in zip(chains, motions):
            for index in (2, 1):
                if "speed" in settings and not motion.is_slow(chain, [index], settings["speed"] * PERIOD_S):
                    found.add(("speed", ""))
                for plane in settings.get("planes", ()):
                    normal = (plane.x, plane.y, plane.z)
                    room = plane.offset_m - chain.radius_m - sum(n * p for n, p in zip(normal, chain.places[index]))
                    reach = chain.points[index].reach_m
                    if sum(r * t for r, t in zip(reach, motion.travels)) <= room:
                        continue
                    highest = motion.highest_m(slopes_along(chain.columns[index], *normal), -math.inf)
                    if highest + bend_m(reach, motion.travels) > room:
                        found.add(("workspace_limit", f"{chain.points[index].name}: {plane.name}"))
        if "apart" in settings:
            need = settings["apart"] + sum(RADIUS)
            for i in range(2):
                for j in range(2):
                    first, second = chains
                    ends = (first.places[i], first.places[i + 1], second.places[j], second.places[j + 1])
                    distance, *normal = between(*ends)
                    if distance - sum(sum(map(math.prod, zip(motion.travels, REACH))) for motion in motions) >= need:
                        continue
                    near = 0.0
                    if distance >= 1e-9:
                        near = -sum(
                            max(reached(chain, index, [sign * n for n in normal], motion) for index in (k, k + 1))
                            for chain, k, sign, motion in ((first, i, -1, motions[0]), (second, j, 1, motions[1]))
                        )
                    if near < need:
                        found.add(("arms_too_near", f"{first.points[i + 1].name}, {second.points[j + 1].name}"))
        return found


def reached(chain, index, normal, motion) -> float:
    at = sum(n * p for n, p in zip(normal, chain.places[index]))
    if chain.points[index].joints:
        at += motion.highest_m(slopes_along(chain.columns[index], *normal), -math.inf)
        at += bend_m(chain.points[index].reach_m, motion.travels)
    return at


KINDS = {
    "speed": {"speed": 0.25},
    "planes": {"planes": (WALL, SIDE)},
    "apart": {"apart": 0.1},
    "all": {"speed": 0.5, "planes": (WALL, SIDE), "apart": 0.1},
}
SMOOTH = {"all": (True,) * 4, "one arm": (True, True, False, False), "one joint": (False, True, True, False)}


def worlds(seed: int, kind: str, smooth: str, count: int):
    """Any motion, at poses of which many are near where the bounds would not let it brake any more."""
    choose = random.Random(seed)
    world = World(choose, SMOOTH[smooth], KINDS[kind])
    for _ in range(count):
        world.tick([choose.uniform(-2, 2) for _ in range(4)])
        good, bad = None, None
        for _ in range(25):
            world.position = [choose.uniform(-2, 2) for _ in range(4)]
            if world.broken((0.0, 0.0)):
                bad = world.position
            else:
                good = world.position
        if good is None:
            continue
        for _ in range(choose.choice([0, 5, 8, 11, 14]) if bad else 0):  # halfway again and again
            world.position = [(a + b) / 2 for a, b in zip(good, bad)]
            if world.broken((0.0, 0.0)):
                bad = world.position
            else:
                good = world.position
        world.position = good
        world.held.start(good)
        if world.held._wider or any(arm.offsets for arm in world.held._arms):
            continue  # beyond a bound, and coming in: allowed more
        yield world


@pytest.mark.parametrize("smooth", SMOOTH)
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_allowed_where_no_bound_would_be_broken_and_nowhere_else(kind, smooth):
    count = {True: 0, False: 0}
    for world in worlds(1, kind, smooth, 90):
        expected = not world.broken((1.0, 1.0))
        assert world.held.allows(world.position, world.wished) is expected
        count[expected] += 1
    assert min(count.values()) > 4, count


@pytest.mark.parametrize("smooth", SMOOTH)
@pytest.mark.parametrize("kind", KINDS)
def test_where_a_step_is_not_allowed_nearly_the_largest_share_of_it_is_found_after_some_ticks(kind, smooth):
    looked = large = 0
    for world in worlds(2, kind, smooth, 90):
        if world.held.allows(world.position, world.wished):
            continue
        for _ in range(6):
            assert not world.held.allows(world.position, world.wished)
            shares = world.held.shares(world.position, world.braking, world.wished)
            assert shares[0] == shares[1] and shares[2] == shares[3]
            own = shares[0], shares[2]
            assert world.broken(own) == set()
            assert all(world.is_legal(arm, share) for arm, share in enumerate(own))
        assert min(own) < 1.0
        looked += 1
        large += max(own) > 0.0
        if kind in ("speed", "planes"):
            for arm in range(2):
                more = [own[arm] + 2 * COARSE if arm == index else 0.0 for index in range(2)]
                fine = SMOOTH[smooth][2 * arm : 2 * arm + 2] == (False, False)
                if fine:
                    more[arm] = own[arm] + 2 / 32
                if own[arm] < 1.0 and more[arm] < 1.0 and world.is_legal(arm, more[arm]):
                    assert world.broken(tuple(more)), (own, more)
    assert looked > 3 and large > 1


def test_a_mixture_that_the_joints_own_limits_refuse_is_not_sent_and_tells_of_no_bound():
    """Both arms too fast; the right one's joint says no to whatever lies above a quarter."""

    class Wary(JerkJoint):
        __slots__ = ()

        def may(self, v, a):
            low, high = sorted((self.mixed(0.0)[1], self.mixed(0.25)[1]))
            return low <= a <= high

    world = World(random.Random(1), (True,) * 4, {"speed": 0.25})
    world.joints[0].__class__ = Wary
    world.held.start([0.0] * 4)
    for joint in world.joints.values():
        joint._v = 0.24 * PERIOD_S / 1.0 / joint.j
        joint._a = 4.0
    world.wished = [joint.follow(3.0, 0.0, CAP) for joint in world.joints.values()]
    world.braking = [joint.braked for joint in world.joints.values()]
    for _ in range(4):
        assert not world.held.allows([0.0] * 4, world.wished)
        shares = world.held.shares([0.0] * 4, world.braking, world.wished)
    assert shares[0] <= 0.25
    assert [arm.why for arm in world.held._arms] == [("speed", "")] * 2


def facing(gap_m: float) -> list[float]:
    """The forearms bent straight at each other, upper arms ahead."""
    bend = math.asin((0.8 - gap_m) / 2 / FORE)
    return [0.0, bend, 0.0, -bend]


@pytest.mark.parametrize("is_wary", [False, True])
def test_where_only_the_other_arm_is_in_the_way_a_joints_own_limits_are_asked_as_well(is_wary):
    """Each arm alone is free, together they are too near for the wish and not for braking."""

    class Asked(JerkJoint):
        __slots__ = ()

        def may(self, v, a):
            return not is_wary

    world = World(random.Random(1), (True,) * 4, {"apart": 0.2})
    for index, joint in world.joints.items():
        joint.__class__ = Asked
        joint._v = (0.0, 1.0, 0.0, -1.0)[index] * 1e-3 / joint.j
        joint.follow((0.0, 3.0, 0.0, -3.0)[index], 0.0, CAP)
        world.wished[index] = joint.mixed(1.0)[0] * joint.j
        world.braking[index] = joint.braked
    near, far = 0.27, 0.5
    for _ in range(40):
        gap = (near + far) / 2
        world.position = facing(gap)
        near, far = (gap, far) if world.broken((1.0, 1.0)) else (near, gap)
    world.position = facing(near)
    assert not world.broken((0.5, 0.5))
    world.held.start(world.position)
    for _ in range(6):
        assert not world.held.allows(world.position, world.wished)
        shares = world.held.shares(world.position, world.braking, world.wished)
    assert len(set(shares)) == 1
    assert shares[0] == 0.0 if is_wary else 0.8 < shares[0] < 1.0
    assert world.held._pair_why == ("arms_too_near", "right_tool, left_tool")


def test_what_the_joints_refuse_leaves_the_bound_that_was_found_before():
    wall = ("workspace_limit", "right_tool: wall")
    for refused, expected in ((JOINT, wall), (("speed", ""), ("speed", ""))):
        _, found = largest_share(lambda share, refused=refused: NOTHING if share < 0.3 else refused, wall, 0.9, 6)
        assert found == expected


def test_arms_that_are_apart_stay_so_where_braking_goes_further_than_the_wish():
    """Too fast, and about to turn round as it wishes; the braking between takes off deceleration and runs on further
    towards the other arm. From the wish alone the arms are so far apart that no pair needs a look: just so far, or
    a millimetre more."""
    world = World(random.Random(4), (True,) * 4, {"speed": 0.05, "apart": 0.2})
    for index, joint in world.joints.items():
        if index == 1:
            joint._v = 5e-4 / joint.j
            joint._a = joint.braking.curve(joint._v)
        joint.follow(-3.0 if index == 1 else 0.0, 0.0, CAP)
        world.wished[index] = joint.mixed(1.0)[0] * joint.j
        world.braking[index] = joint.braked
    assert world.motion(0, 0.5).way_m > world.motion(0, 1.0).way_m + 1e-6

    def is_apart(gap):
        world.held.start(facing(gap))
        assert not world.held.allows(facing(gap), world.wished)
        return world.held._is_apart

    near, far = 0.28, 0.5
    for _ in range(50):
        gap = (near + far) / 2
        near, far = (near, gap) if is_apart(gap) else (gap, far)
    for more, expected in ((0.0, True), (1e-3, False)):
        assert is_apart(far + more)
        own = world.held._arms[0]
        spare = world.held._spare_m
        assert (world.motion(0, 0.5).way_m > own.way_m + spare) is expected
        for share in (0.125, 0.5, 0.875):
            found = world.held._judge_alone(own, world.braking, world.wished, share)
            assert (found is JOINT) is expected
        left = world.held._apart_room_m - sum(arm.way_m for arm in world.held._arms)
        assert spare == pytest.approx((left - 1e-9) / 2, abs=1e-12)  # each arm has half of it, but for a nanometre
    assert world.held.shares(facing(far), world.braking, world.wished)[2:] == (1.0, 1.0)


@pytest.mark.parametrize("smooth", ["all", "one joint"])
@pytest.mark.parametrize("size", [1.0, 5.0])
def test_the_quick_look_adds_up_joint_by_joint_how_fast_and_how_far(smooth, size):
    """Also of an arm of several metres."""
    choose = random.Random(6)
    world = World(choose, SMOOTH[smooth], {"speed": 0.25, "planes": (WALL,)})
    arm = world.held._arms[0]
    arm.rows = [(joint, size * reach, half, inverse) for joint, reach, half, inverse in arm.rows]
    world.held.start([0.0] * 4)
    fast = {True: 0, False: 0}
    for _ in range(150):
        world.tick([choose.uniform(-0.2, 0.2) for _ in range(4)])
        world.wished = [w if n in world.joints or choose.random() < 0.7 else 0.0 for n, w in enumerate(world.wished)]
        arm.seen = [angle + choose.uniform(-1, 1) * 1e-3 for angle in world.position]
        speed = way = moved = 0.0
        for index, reach in enumerate(REACH):
            travel, step = abs(world.wished[index]), abs(world.wished[index])
            if index in world.joints:
                travel, step = world.joints[index].outline
            elif step:
                travel = (step + DOWN[index] / 2) ** 2 / (2 * DOWN[index])
            speed += step * reach * size
            way += travel * reach * size
            moved += abs(world.position[index] - arm.seen[index]) * reach * size
        for most_m, room, expected in (
            (speed * 1.0001, (way + moved) * 1.0001, True),
            (speed * 0.9999, (way + moved) * 1.0001, False),
            (speed * 1.0001, (way + moved) * 0.9999, False),
            (None, (way + moved) * 1.0001, True),
        ):
            world.held._most_m, arm.room_m = most_m, room
            arm.why = JOINT
            assert world.held._look_quickly(arm, world.position, world.wished) is expected
            assert arm.why is NOTHING
        assert (arm.way_m, arm.moved_m) == (pytest.approx(way), pytest.approx(moved))
        fast[speed > 1e-4] += 1
    assert fast[True] > 50
