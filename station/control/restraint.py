"""Holds the limiter's steps back where tools, elbows or arms would come too fast or too far.

A step passes only if it and the hardest braking after it keep every bound (reduced.py, workspace.py). Braking was
proven with the step before, so that it needs no look: whatever is asked, there is always a step that keeps the bounds.
Between braking and the wish every mixture of steps is legal for the joints' own limits, each being an interval.

Three depths, the cheap one first: joint by joint with the largest lever arms there are; then forward kinematics of the
pose and, only near a bound, the braking tick by tick. Figures: docs/decisions/kinematics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Final

from station.control.arm_bounds import JOINT, NOTHING, OUTSIDE_SLACK_M, ArmBounds, Found
from station.control.braking import Braking
from station.control.chain import ArmChain
from station.control.jerk import JerkJoint
from station.control.share_search import COARSE, FINE, largest_share
from station.control.workspace import Plane, bend_m, between, slopes_along

_TRIES: Final = 6
_TRIES_TOGETHER: Final = 3
"""Two arms near each other are dear to judge: what is not found in so many tries brakes."""
_TOUCHING_M: Final = 1e-9
_ENOUGH: Final = math.inf
_ROUNDING_M: Final = 1e-9
_AHEAD_RAD: Final = 1e-3
"""So far ahead one joint's way is looked along for whether it leads away from a bound."""
_WAYS_OUT: Final = 2
"""Joints that are tried, the best first."""
_CREEP_M_S: Final = 0.01
"""A bound that leaves an arm no more than this for _CREEP_S is a HOLD."""
_CREEP_S: Final = 0.1


class Restraint:
    """Of all arms. Poses and steps are of the whole arm's joints, rad and rad a tick."""

    def __init__(
        self,
        chains: Sequence[ArmChain],
        down: Sequence[float],
        period_s: float,
        *,
        speed_m_s: float | None,
        planes: Sequence[Plane],
        apart_m: float | None,
    ) -> None:
        """`down`: what braking takes from each joint's step a tick (D T^2). `planes` bound the chains' own points:
        an arm's thickness is added here. None: that limit is off."""
        self.speed_m_s = speed_m_s
        self._most_m = None if speed_m_s is None else speed_m_s * period_s
        self._arms = [
            ArmBounds(chain, down, [plane._replace(offset_m=plane.offset_m - chain.radius_m) for plane in planes], most)
            for chain in chains
            for most in (self._most_m,)
        ]
        self._pairs = [
            (a, i, b, j)
            for a, b in combinations(range(len(self._arms)), 2)
            for i in range(len(self._arms[a].chain.points) - 1)
            for j in range(len(self._arms[b].chain.points) - 1)
        ]
        self._apart_m = apart_m if self._pairs else None
        self._gaps: list[tuple[float, float, float, float]]
        self._wider: dict[int, float] = {}
        """Smaller distances of pairs that started too near."""
        self._apart_room_m = math.inf
        self._is_apart: bool
        """In this tick the arms are so far from each other that no pair needs a look."""
        self._spare_m: float
        """By how much more each arm could move then."""
        self._pair_why: Found
        self._together = 0.5
        self._creep_m = _CREEP_M_S * period_s
        self._creep_ticks = max(1, round(_CREEP_S / period_s))
        self._found: Found
        """What the arm that crept last crept before."""

    @property
    def event(self) -> Found | None:
        """A bound that has kept an arm from going where it was asked to for long enough, as an event."""
        for arm in self._arms:
            if arm.creeping >= self._creep_ticks:
                return self._found
        return None

    def know(self, smooth: Sequence[tuple[int, JerkJoint]]) -> None:
        """The joints with a jerk limit."""
        for arm in self._arms:
            for joint, limit in smooth:
                arm.know(joint, limit)

    def start(self, position_rad: Sequence[float]) -> None:
        """A new beginning at rest. A bound that is broken already is widened to where the arm stands, and shrinks back
        as the arm comes in."""
        for arm in self._arms:
            arm.chain.look(position_rad)
            arm.start()
            arm.look(position_rad)
        before, self._wider = self._wider, {}
        if self._apart_m is not None:
            for number, pair in enumerate(self._pairs):
                distance = self._gap(pair)[0]
                if distance < self._full_need(pair):  # the play is given once: see ArmBounds.start
                    known = before.get(number)
                    self._wider[number] = distance - OUTSIDE_SLACK_M if known is None else min(distance, known)
            self._look_between()

    def allows(self, position_rad: Sequence[float], steps: Sequence[float]) -> bool:
        """Whether this step from that pose, and the braking after it, keep every bound; False may be too careful."""
        most, apart = self._most_m, self._apart_room_m
        near: list[ArmBounds] = []
        for arm in self._arms:
            if arm.is_smooth:
                if not self._look_quickly(arm, position_rad, steps):
                    near.append(arm)
                apart -= arm.moved_m + arm.way_m
                continue
            speed = way = moved = 0.0
            seen = arm.seen
            for joint, reach, half, inverse in arm.rows:
                step = steps[joint]
                if step:
                    if step < 0.0:
                        step = -step
                    speed += step * reach
                    step += half
                    way += step * step * inverse * reach
                change = position_rad[joint] - seen[joint]
                moved += change * reach if change > 0.0 else -change * reach
            arm.moved_m = moved
            way += moved
            apart -= way
            arm.why = NOTHING
            if way > arm.room_m or (most is not None and speed > most):
                near.append(arm)
        self._is_apart = apart > _ROUNDING_M
        self._spare_m = (apart - _ROUNDING_M) / len(self._arms)
        if not near and self._is_apart:
            self._calm()
            return True
        motions = []
        for arm in self._arms if not self._is_apart else near:
            self._apart_room_m -= arm.moved_m
            arm.look(position_rad)
            motion = arm.braking(steps, steps, 1.0)
            arm.why = arm.judge(motion)
            motions.append(motion)
        if not self._is_apart:
            self._look_between()
            if all([arm.why is NOTHING for arm in near]):
                self._pair_why = self._judge_pairs(motions)
                if self._pair_why is not NOTHING:
                    return False
        if all([arm.why is NOTHING for arm in self._arms]):
            self._calm()
            return True
        return False

    def shares(
        self, position_rad: Sequence[float], braking: Sequence[float], wished: Sequence[float], is_slow: bool = False
    ) -> tuple[float, ...]:
        """After `allows` said no: for each joint how much of the way from braking (0) to the wish (1) to go."""
        shares = []
        for arm in self._arms:
            share = 1.0
            if arm.why is not NOTHING:
                share, arm.why = largest_share(
                    lambda share, arm=arm: self._judge_alone(arm, braking, wished, share),  # type: ignore[misc]
                    arm.why,
                    arm.share,
                    _TRIES,
                    COARSE if arm.is_smooth else FINE,
                )
                arm.share = share
            shares.append(share)
        if not self._is_apart:
            why = self._pair_why if min(shares) == 1.0 else self._judge_pairs(self._motions(braking, wished, shares))
            if why is not NOTHING:
                together, why = largest_share(
                    lambda factor: self._judge_all(braking, wished, [own * factor for own in shares]),
                    why,
                    self._together,
                    _TRIES_TOGETHER,
                )
                self._together = together
                shares = [own * together for own in shares]
                for arm in self._arms:
                    arm.why = why
        for number, arm in enumerate(self._arms):
            if is_slow and not shares[number]:
                moving = [index for index, joint in enumerate(arm.joints) if braking[joint]]
                if len(moving) < 2:
                    shares[number] = self._way_out(number, moving, position_rad, braking, wished, shares)
        result = [1.0] * len(wished)
        for arm, own in zip(self._arms, shares):
            self._note(arm, braking, wished, own)
            for index, joint in enumerate(arm.joints):
                result[joint] = arm.own(index, own)
            arm.only = None
        return tuple(result)

    def _way_out(
        self,
        number: int,
        moving: Sequence[int],
        position_rad: Sequence[float],
        braking: Sequence[float],
        wished: Sequence[float],
        shares: Sequence[float],
    ) -> float:
        """1 where one joint of an arm that rests at a bound leads away from it and may go (`ArmBounds.only`), else 0.

        Joints gather speed each in its own time: all together they may lead further out at first, and so would never
        begin, though where they go lies inside. Wherever the arm goes slowly: while it is brought to its leader, and
        while it follows with a motor that is or was hot or loaded. One that leans on a bound while following at full
        speed rests there and says so. `moving`: the joint that has begun alone, if one has.
        """
        arm = self._arms[number]
        pose = list(position_rad)
        room = self._room_now_m(number)
        found = []
        for index in moving or range(len(arm.joints)):
            joint = arm.joints[index]
            if wished[joint]:
                pose[joint] += math.copysign(_AHEAD_RAD, wished[joint])
                arm.chain.look(pose)
                pose[joint] = position_rad[joint]
                found.append((self._room_now_m(number) - room, index))
        arm.chain.look(position_rad)
        trial = [*shares[:number], 1.0, *shares[number + 1 :]]
        for gain, arm.only in sorted(found, reverse=True)[:_WAYS_OUT]:
            if gain > _ROUNDING_M:
                alone = self._is_apart
                why = self._judge_alone(arm, braking, wished, 1.0) if alone else self._judge_all(braking, wished, trial)
                if why is NOTHING:
                    return 1.0
        arm.only = None
        return 0.0

    def _room_now_m(self, number: int) -> float:
        """From where an arm's chain has looked last to the nearest bound of its own or beside the other arm."""
        room = self._arms[number].room_now_m()
        if self._apart_m is not None:
            for index, pair in enumerate(self._pairs):
                if number in (pair[0], pair[2]):
                    room = min(room, self._gap(pair)[0] - self._need(index, pair))
        return room

    def _look_quickly(self, arm: ArmBounds, position_rad: Sequence[float], steps: Sequence[float]) -> bool:
        """Joint by joint, of an arm with jerk limits: whether it cannot come to a bound of its own."""
        moved = way = speed = 0.0
        seen = arm.seen
        for smooth, (joint, reach, half, inverse) in zip(arm.smooth, arm.rows):
            if smooth is not None:
                travel, step = smooth.outline
            else:
                step = abs(steps[joint])
                travel = (step + half) ** 2 * inverse if step else 0.0
            speed += step * reach
            way += travel * reach
            moved += abs(position_rad[joint] - seen[joint]) * reach
        arm.moved_m = moved
        arm.way_m = way
        arm.why = NOTHING
        return moved + way <= arm.room_m and (self._most_m is None or speed <= self._most_m)

    def _judge_alone(self, arm: ArmBounds, braking: Sequence[float], wished: Sequence[float], share: float) -> Found:
        if not arm.is_smooth:
            return arm.judge(arm.braking(braking, wished, share))
        motion = arm.smooth_braking(braking, wished, share)
        # Braking may go further than a wish that turns round: not so far that the arms would need a look after all.
        if self._is_apart and motion.way_m > arm.way_m + self._spare_m:
            return JOINT
        return arm.judge(motion)

    def _motions(self, braking: Sequence[float], wished: Sequence[float], shares: Sequence[float]) -> list[Braking]:
        return [arm.braking(braking, wished, own) for arm, own in zip(self._arms, shares)]

    def _judge_all(self, braking: Sequence[float], wished: Sequence[float], shares: Sequence[float]) -> Found:
        """Each arm by itself, then all together. An arm that brakes needs no look by itself."""
        motions = self._motions(braking, wished, shares)
        for arm, own, motion in zip(self._arms, shares, motions):
            found = arm.judge(motion) if own else NOTHING
            if found is not NOTHING:
                return found
        return self._judge_pairs(motions)

    def _note(self, arm: ArmBounds, braking: Sequence[float], wished: Sequence[float], share: float) -> None:
        """Counts the ticks in which a bound leaves next to no motion."""
        if arm.why[0] not in ("", "speed"):
            steps = arm.steps(braking, wished, share)
            left = sum([abs(step) * reach for step, reach in zip(steps, arm.reach)])
            if left <= self._creep_m:
                arm.creeping += 1
                self._found = arm.why
                return
        if arm.creeping:
            arm.creeping -= 1

    def _calm(self) -> None:
        for arm in self._arms:
            if arm.creeping:
                arm.creeping -= 1

    # -- between two arms

    def _look_between(self) -> None:
        """After all arms looked at one pose."""
        self._gaps = [self._gap(pair) for pair in self._pairs]
        room = math.inf
        for number, (pair, gap) in enumerate(zip(self._pairs, self._gaps)):
            if number in self._wider:  # started too near: as far as they came apart stays
                nearest = max(self._wider[number], gap[0] - OUTSIDE_SLACK_M)
                self._wider[number] = min(self._full_need(pair), nearest)
            room = min(room, gap[0] - self._need(number, pair))
        self._apart_room_m = room

    def _gap(self, pair: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
        a, i, b, j = pair
        first, second = self._arms[a].chain.places, self._arms[b].chain.places
        return between(first[i], first[i + 1], second[j], second[j + 1])

    def _full_need(self, pair: tuple[int, int, int, int]) -> float:
        assert self._apart_m is not None
        return self._apart_m + self._arms[pair[0]].chain.radius_m + self._arms[pair[2]].chain.radius_m

    def _need(self, number: int, pair: tuple[int, int, int, int]) -> float:
        return self._wider.get(number, self._full_need(pair))

    def _judge_pairs(self, motions: Sequence[Braking]) -> Found:
        ways = [
            sum([reach * travel for reach, travel in zip(arm.reach, motion.travels)])
            for arm, motion in zip(self._arms, motions)
        ]
        if sum(ways) <= self._apart_room_m:
            return NOTHING
        for number, (pair, gap) in enumerate(zip(self._pairs, self._gaps)):
            a, i, b, j = pair
            need = self._need(number, pair)
            if gap[0] - ways[a] - ways[b] >= need:
                continue
            near = self._nearest(pair, gap, motions, _ENOUGH)
            if near < need:
                near = self._nearest(pair, gap, motions, -_ENOUGH)
            if near < need:
                first, second = self._arms[a].chain.points, self._arms[b].chain.points
                return "arms_too_near", f"{first[i + 1].name}, {second[j + 1].name}"
        return NOTHING

    def _nearest(
        self,
        pair: tuple[int, int, int, int],
        gap: tuple[float, float, float, float],
        motions: Sequence[Braking],
        enough_m: float,
    ) -> float:
        """At least the distance of two capsules' axes over the braking; see `highest_m` for `enough_m`."""
        a, i, b, j = pair
        distance, x, y, z = gap
        if distance < _TOUCHING_M:
            return 0.0
        return -self._highest(a, i, -x, -y, -z, motions[a], enough_m) - self._highest(
            b, j, x, y, z, motions[b], enough_m
        )

    def _highest(
        self,
        number: int,
        first: int,
        x: float,
        y: float,
        z: float,
        motion: Braking,
        enough_m: float,
    ) -> float:
        """Largest n . p of a capsule's two ends over the braking."""
        arm = self._arms[number]
        most = -math.inf
        for index in (first, first + 1):
            px, py, pz = arm.chain.places[index]
            at = x * px + y * py + z * pz
            if arm.chain.points[index].joints:
                slopes = slopes_along(arm.chain.columns[index], x, y, z)
                at += motion.highest_m(slopes, enough_m)
                at += bend_m(arm.chain.points[index].reach_m, motion.travels)
            most = max(most, at)
        return most
