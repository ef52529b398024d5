"""Holds the limiter's steps back where tools, elbows or arms would come too fast or too far.

A step passes only if it and the hardest braking after it keep every bound (reduced.py, workspace.py). Braking was
proven with the step before, so that it needs no look: whatever is asked, there is always a step that keeps the bounds.
Between braking and the wish every mixture of steps is legal for the joints' own limits, each being an interval.

Three depths, the cheap one first: joint by joint with the largest lever arms there are; then forward kinematics of the
pose and, only near a bound, the braking tick by tick. Figures: docs/decisions/kinematics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from station.control.chain import ArmChain
from station.control.reduced import braking_travel, is_slow
from station.control.workspace import Plane, bend_m, between, highest_m, slopes_along

_HALVINGS: Final = 5
_OUTSIDE_SLACK_M: Final = 0.005
"""A start beyond a bound may move sideways by so much; it must come in otherwise."""
_CREEP_M_S: Final = 0.01
"""A bound that leaves an arm no more than this for _CREEP_S is a HOLD."""
_CREEP_S: Final = 0.1

Found = tuple[str, str]
"""(event, detail); ('', '') where nothing is in the way."""
_NOTHING: Final[Found] = ("", "")
_FAST: Final[Found] = ("speed", "")


class _Arm:
    """One arm's numbers; `judge` looks at the arm alone."""

    def __init__(self, chain: ArmChain, down: Sequence[float], planes: Sequence[Plane], most_m: float | None) -> None:
        self.chain = chain
        self.joints = chain.arm_joints
        self.downs = [down[joint] for joint in self.joints]
        self.moved = [index for index, point in enumerate(chain.points) if point.joints]
        self.reach = [
            max((point.reach_m[i] for point in chain.points if point.joints > i), default=0.0)
            for i in range(len(self.joints))
        ]
        self.rows = [(j, r, d / 2, 1 / (2 * d)) for j, r, d in zip(self.joints, self.reach, self.downs)]
        self.planes = planes
        self.most_m = most_m
        self.offsets: dict[tuple[int, int], float] = {}
        """Wider offsets of planes beyond which this arm started: (point, plane) -> offset."""
        self.room_m = 0.0
        """From the pose last looked at to the nearest plane."""
        self.creeping = 0

    def offset(self, point: int, plane: int) -> float:
        wider = self.offsets.get((point, plane)) if self.offsets else None
        return self.planes[plane].offset_m if wider is None else wider

    def start(self) -> None:
        self.creeping = 0
        self.offsets = {}
        for index in self.moved:
            x, y, z = self.chain.places[index]
            for number, plane in enumerate(self.planes):
                at = plane.x * x + plane.y * y + plane.z * z
                if at > plane.offset_m:
                    self.offsets[index, number] = at + _OUTSIDE_SLACK_M

    def measure(self) -> None:
        """After the chain looked at a pose."""
        room = float("inf")
        for index in self.moved:
            x, y, z = self.chain.places[index]
            for number, plane in enumerate(self.planes):
                at = plane.x * x + plane.y * y + plane.z * z
                if self.offsets and (index, number) in self.offsets:  # started outside: as far as it came in stays
                    self.offsets[index, number] = max(
                        plane.offset_m, min(self.offsets[index, number], at + _OUTSIDE_SLACK_M)
                    )
                room = min(room, self.offset(index, number) - at)
        self.room_m = room

    def judge(self, steps: Sequence[float], travels: Sequence[float]) -> Found:
        """Of the pose looked at; steps and travels by joint of this chain."""
        chain = self.chain
        if self.most_m is not None:
            for index in self.moved:
                if not is_slow(
                    chain.columns[index], chain.points[index].reach_m, steps, travels, self.downs, self.most_m
                ):
                    return _FAST
        if not self.planes or sum([reach * travel for reach, travel in zip(self.reach, travels)]) <= self.room_m:
            return _NOTHING
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
                if highest_m(slopes, steps, self.downs, room - bend) > room - bend:
                    return "workspace_limit", f"{chain.points[index].name}: {plane.name}"
        return _NOTHING


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
        self._down = tuple(down)
        self._arms = [
            _Arm(chain, down, [plane._replace(offset_m=plane.offset_m - chain.radius_m) for plane in planes], most)
            for chain in chains
            for most in (self._most_m,)
        ]
        self._apart_m = apart_m if len(self._arms) > 1 else None
        self._pairs = [
            (a, i, b, j)
            for a in range(len(self._arms))
            for b in range(a + 1, len(self._arms))
            for i in range(len(self._arms[a].chain.points) - 1)
            for j in range(len(self._arms[b].chain.points) - 1)
        ]
        self._gaps: list[tuple[float, float, float, float]] = []
        self._wider: dict[int, float] = {}
        """Smaller distances of pairs that started too near."""
        self._apart_room_m = float("inf")
        self._has_bounds = bool(planes) or self._apart_m is not None
        self._looked_at: tuple[float, ...] = ()
        self._creep_m = _CREEP_M_S * period_s
        self._creep_ticks = max(1, round(_CREEP_S / period_s))
        self._found = _NOTHING

    @property
    def event(self) -> Found | None:
        """A bound that has kept an arm from going where it was asked to for long enough, as an event."""
        for arm in self._arms:
            if arm.creeping >= self._creep_ticks:
                return self._found
        return None

    def start(self, position_rad: Sequence[float]) -> None:
        """A new beginning at rest. A bound that is broken already is widened to where the arm stands, and shrinks back
        as the arm comes in."""
        self._found = _NOTHING
        for arm in self._arms:
            arm.chain.look(position_rad)
            arm.start()
        self._wider = {}
        if self._apart_m is not None:
            for number, pair in enumerate(self._pairs):
                distance = self._gap(pair)[0] - self._need(number, pair)
                if distance < 0.0:
                    self._wider[number] = self._need(number, pair) + distance - _OUTSIDE_SLACK_M
        self._look(position_rad)

    def allows(self, position_rad: Sequence[float], steps: Sequence[float]) -> bool:
        """Whether this step from that pose, and the braking after it, keep every bound; False may be too careful."""
        most = self._most_m
        apart = self._apart_room_m
        near = False
        seen = self._looked_at
        for arm in self._arms:
            speed = way = 0.0
            for joint, reach, half, inverse in arm.rows:
                step = steps[joint]
                if step:
                    if step < 0.0:
                        step = -step
                    speed += step * reach
                    step += half
                    way += step * step * inverse * reach
                moved = position_rad[joint] - seen[joint]
                way += moved * reach if moved > 0.0 else -moved * reach
            if most is not None and speed > most:
                near = True
                break
            apart -= way
            if way > arm.room_m or apart < 0.0:
                near = self._has_bounds
                if near:
                    break
        if not near:
            self._calm()
            return True
        self._look(position_rad)
        if self._judge_all([self._of_arm(arm, steps) for arm in self._arms]) is _NOTHING:
            self._calm()
            return True
        return False

    def shares(
        self, position_rad: Sequence[float], braking: Sequence[float], wished: Sequence[float]
    ) -> tuple[float, ...]:
        """After `allows` said no: for each joint how much of the way from braking (0) to the wish (1) to go."""
        shares, reasons = [1.0] * len(self._arms), [_NOTHING] * len(self._arms)
        for number, arm in enumerate(self._arms):
            shares[number], reasons[number] = self._largest(
                lambda share, arm=arm: arm.judge(*self._mixed(arm, braking, wished, share))  # type: ignore[misc]
            )
        if self._apart_m is not None:
            together, why = self._largest(lambda share: self._judge_shares(braking, wished, shares, share))
            if together < 1.0:
                shares = [own * together for own in shares]
                reasons = [why] * len(shares)
        for arm, own, why in zip(self._arms, shares, reasons):
            self._note(arm, why, braking, wished, own)
        result = [1.0] * len(wished)
        for arm, own in zip(self._arms, shares):
            for joint in arm.joints:
                result[joint] = own
        return tuple(result)

    def _largest(self, judge: Callable[[float], Found]) -> tuple[float, Found]:
        """A share that passes, near the largest (0, the braking, always does), and what stood in the way of more."""
        found = judge(1.0)
        if found is _NOTHING:
            return 1.0, found
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            why = judge(middle)
            if why is _NOTHING:
                low = middle
            else:
                high, found = middle, why
        return low, found

    def _judge_shares(
        self, braking: Sequence[float], wished: Sequence[float], shares: Sequence[float], factor: float
    ) -> Found:
        """All arms at `factor` of their shares. An arm that brakes needs no look by itself."""
        motions = [self._mixed(arm, braking, wished, own * factor) for arm, own in zip(self._arms, shares)]
        if factor < 1.0:
            for arm, own, motion in zip(self._arms, shares, motions):
                found = arm.judge(*motion) if own else _NOTHING
                if found is not _NOTHING:
                    return found
        return self._judge_pairs(motions)

    def _mixed(
        self, arm: _Arm, braking: Sequence[float], wished: Sequence[float], share: float
    ) -> tuple[list[float], list[float]]:
        steps = [braking[joint] + share * (wished[joint] - braking[joint]) for joint in arm.joints]
        return steps, [braking_travel(step, down) for step, down in zip(steps, arm.downs)]

    def _of_arm(self, arm: _Arm, steps: Sequence[float]) -> tuple[list[float], list[float]]:
        own = [steps[joint] for joint in arm.joints]
        return own, [braking_travel(step, down) for step, down in zip(own, arm.downs)]

    def _note(self, arm: _Arm, why: Found, braking: Sequence[float], wished: Sequence[float], share: float) -> None:
        if why[0] in ("", "speed"):
            arm.creeping = max(0, arm.creeping - 1)
            return
        left = sum(
            [
                abs(braking[joint] + share * (wished[joint] - braking[joint])) * reach
                for joint, reach in zip(arm.joints, arm.reach)
            ]
        )
        arm.creeping = arm.creeping + 1 if left <= self._creep_m else max(0, arm.creeping - 1)
        self._found = why

    def _calm(self) -> None:
        for arm in self._arms:
            if arm.creeping:
                arm.creeping -= 1

    # -- the pose

    def _look(self, position_rad: Sequence[float]) -> None:
        for arm in self._arms:
            arm.chain.look(position_rad)
            arm.measure()
        self._looked_at = tuple(position_rad)
        if self._apart_m is None:
            return
        self._gaps = [self._gap(pair) for pair in self._pairs]
        room = float("inf")
        for number, (pair, gap) in enumerate(zip(self._pairs, self._gaps)):
            if number in self._wider:
                self._wider[number] = min(self._full_need(pair), max(self._wider[number], gap[0] - _OUTSIDE_SLACK_M))
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

    def _judge_all(self, motions: Sequence[tuple[list[float], list[float]]]) -> Found:
        """Every arm by itself, then each pair of capsules."""
        for arm, (steps, travels) in zip(self._arms, motions):
            found = arm.judge(steps, travels)
            if found is not _NOTHING:
                return found
        return self._judge_pairs(motions)

    def _judge_pairs(self, motions: Sequence[tuple[list[float], list[float]]]) -> Found:
        if self._apart_m is None:
            return _NOTHING
        ways = [
            sum([reach * travel for reach, travel in zip(arm.reach, travels)])
            for arm, (_, travels) in zip(self._arms, motions)
        ]
        if sum(ways) <= self._apart_room_m:
            return _NOTHING
        for number, (pair, gap) in enumerate(zip(self._pairs, self._gaps)):
            a, i, b, j = pair
            need = self._need(number, pair)
            if gap[0] - ways[a] - ways[b] >= need:
                continue
            if gap[0] < 1e-9:
                near = 0.0
            else:
                _, x, y, z = gap
                near = -self._highest(a, i, -x, -y, -z, motions[a]) - self._highest(b, j, x, y, z, motions[b])
            if near < need:
                first, second = self._arms[a].chain.points, self._arms[b].chain.points
                return "arms_too_near", f"{first[i + 1].name}, {second[j + 1].name}"
        return _NOTHING

    def _highest(
        self, number: int, first: int, x: float, y: float, z: float, motion: tuple[list[float], list[float]]
    ) -> float:
        """Largest n . p of a capsule's two ends over the braking."""
        arm = self._arms[number]
        steps, travels = motion
        most = -float("inf")
        for index in (first, first + 1):
            px, py, pz = arm.chain.places[index]
            at = x * px + y * py + z * pz
            if arm.chain.points[index].joints:
                slopes = slopes_along(arm.chain.columns[index], x, y, z)
                at += highest_m(slopes, steps, arm.downs, -float("inf")) + bend_m(
                    arm.chain.points[index].reach_m, travels
                )
            most = max(most, at)
        return most
