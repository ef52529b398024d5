"""One arm's bounds: where its points are, how fast its braking may be, which planes they may not pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from station.control.braking import Braking, StraightBraking
from station.control.chain import ArmChain
from station.control.jerk import JerkJoint
from station.control.smooth_braking import SmoothBraking, smooth_path, straight_path
from station.control.workspace import Plane, bend_m, slopes_along

OUTSIDE_SLACK_M: Final = 0.005
"""A start beyond a bound may move sideways by so much; it must come in otherwise."""

Found = tuple[str, str]
"""(event, detail); ('', '') where nothing is in the way."""
NOTHING: Final[Found] = ("", "")
FAST: Final[Found] = ("speed", "")
JOINT: Final[Found] = ("", "a joint's own limit")


class ArmBounds:
    """One arm's numbers; `judge` looks at the arm alone."""

    def __init__(self, chain: ArmChain, down: Sequence[float], planes: Sequence[Plane], most_m: float | None) -> None:
        self.chain = chain
        self.joints = chain.arm_joints
        self.downs = [down[joint] for joint in self.joints]
        self.moved = [index for index, point in enumerate(chain.points) if point.joints][::-1]
        """Points that move, the fastest, the tool, first."""
        self.reach = [
            max((point.reach_m[i] for point in chain.points if point.joints > i), default=0.0)
            for i in range(len(self.joints))
        ]
        self.rows = [(j, r, d / 2, 1 / (2 * d)) for j, r, d in zip(self.joints, self.reach, self.downs)]
        self.smooth: list[JerkJoint | None] = [None] * len(self.joints)
        """Those with a jerk limit."""
        self.is_smooth = False
        self.way_m: float
        """Of an arm with jerk limits: at least how far any point comes by this tick's wish."""
        self.planes = planes
        self.most_m = most_m
        self.offsets: dict[tuple[int, int], float] = {}
        """Wider offsets of planes beyond which this arm started: (point, plane) -> offset."""
        self.room_m: float
        """From the pose last looked at to the nearest plane."""
        self.seen: list[float] = []
        """That pose, the whole arm's joints."""
        self.moved_m: float
        """At least how far any point is from there."""
        self.share = 0.5
        """The last one that passed: where the next search begins."""
        self.why: Found
        """Of the step last looked at."""
        self.only: int | None = None
        """While one joint of the chain is looked at alone, the others braking."""
        self.creeping = 0

    def offset(self, point: int, plane: int) -> float:
        wider = self.offsets.get((point, plane)) if self.offsets else None
        return self.planes[plane].offset_m if wider is None else wider

    def start(self) -> None:
        """At the pose looked at. The play sideways is given once: who begins again and again would walk out by it."""
        self.creeping = 0
        before, self.offsets = self.offsets, {}
        for index in self.moved:
            x, y, z = self.chain.places[index]
            for number, plane in enumerate(self.planes):
                at = plane.x * x + plane.y * y + plane.z * z
                if at > plane.offset_m:
                    known = before.get((index, number))
                    self.offsets[index, number] = at + OUTSIDE_SLACK_M if known is None else max(at, known)

    def look(self, position_rad: Sequence[float]) -> None:
        self.seen = list(position_rad)
        self.chain.look(position_rad)
        room = math.inf
        for index in self.moved if self.planes else ():
            x, y, z = self.chain.places[index]
            for number, plane in enumerate(self.planes):
                at = plane.x * x + plane.y * y + plane.z * z
                if self.offsets and (index, number) in self.offsets:  # started outside: as far as it came in stays
                    self.offsets[index, number] = max(
                        plane.offset_m, min(self.offsets[index, number], at + OUTSIDE_SLACK_M)
                    )
                room = min(room, self.offset(index, number) - at)
        self.room_m = room

    def room_now_m(self) -> float:
        """From the pose that the chain has looked at last to the nearest plane."""
        room = math.inf
        for index in self.moved if self.planes else ():
            x, y, z = self.chain.places[index]
            for number, plane in enumerate(self.planes):
                room = min(room, self.offset(index, number) - (plane.x * x + plane.y * y + plane.z * z))
        return room

    def know(self, joint: int, smooth: JerkJoint) -> None:
        """A joint (of the whole arm) with a jerk limit."""
        if joint in self.joints:
            self.smooth[self.joints.index(joint)] = smooth
            self.is_smooth = True

    def steps(self, braking: Sequence[float], wished: Sequence[float], share: float) -> list[float]:
        """So much of the way from braking (0) to the wish (1), by joint of the chain. The arguments are of the whole
        arm's joints; those with a jerk limit know theirs."""
        steps = [braking[joint] + share * (wished[joint] - braking[joint]) for joint in self.joints]
        if self.only is not None:
            alone = steps[self.only]
            steps = [braking[joint] for joint in self.joints]
            steps[self.only] = alone
        if self.is_smooth:
            for index, smooth in enumerate(self.smooth):
                if smooth is not None:
                    steps[index] = smooth.mixed(self.own(index, share))[0] * smooth.j
        return steps

    def own(self, index: int, share: float) -> float:
        """Of one joint of the chain, where the arm goes so much of the way."""
        return share if self.only is None or self.only == index else 0.0

    def braking(self, braking: Sequence[float], wished: Sequence[float], share: float) -> Braking:
        """The same steps, and the hardest braking after them."""
        if self.is_smooth:
            return self.smooth_braking(braking, wished, share)
        return StraightBraking(self.steps(braking, wished, share), self.downs)

    def smooth_braking(self, braking: Sequence[float], wished: Sequence[float], share: float) -> SmoothBraking:
        """The same of an arm with a jerk limit."""
        paths = []
        is_legal = True
        for index, (joint, smooth, down) in enumerate(zip(self.joints, self.smooth, self.downs)):
            own = self.own(index, share)
            if smooth is None:
                step = braking[joint] + own * (wished[joint] - braking[joint])
                paths.append(straight_path(step, down))
            else:
                v, a = smooth.mixed(own)
                is_legal = is_legal and (not 0.0 < own < 1.0 or smooth.may(v, a))
                paths.append(smooth_path(smooth, v, a))
        return SmoothBraking(paths, self.reach, is_legal)

    def judge(self, motion: Braking) -> Found:
        """Of the pose looked at."""
        chain = self.chain
        if not motion.is_legal:
            return JOINT
        if self.most_m is not None and not motion.is_slow(chain, self.moved, self.most_m):
            return FAST
        travels = motion.travels
        if not self.planes or sum([reach * travel for reach, travel in zip(self.reach, travels)]) <= self.room_m:
            return NOTHING
        for index in self.moved:
            reach = chain.points[index].reach_m
            bend = bend_m(reach, travels)
            way = sum([reach_m * travel for reach_m, travel in zip(reach, travels)])
            x, y, z = chain.places[index]
            for number, plane in enumerate(self.planes):
                room = self.offset(index, number) - (plane.x * x + plane.y * y + plane.z * z)
                if way <= room:
                    continue
                slopes = slopes_along(chain.columns[index], plane.x, plane.y, plane.z)
                if motion.highest_m(slopes, room - bend) > room - bend:
                    return "workspace_limit", f"{chain.points[index].name}: {plane.name}"
        return NOTHING
