"""The hardest braking of an arm whose joints have jerk limits (jerk.py): how fast and how far, up to rest.

In each phase of a joint's braking its bend changes evenly, so that its step and its way after any tick have closed
forms. All joints are looked at in some ticks only. Between two of them, h ticks apart, a sequence whose second
difference is at most c leaves the chord by at most c h^2/8; a step's second difference is at most the jerk, a way's at
most the largest bend. The distance h grows with the joints' braking, so that the number of looks and the share of the
motion that is given away do not depend on how long it takes.

What the motion changes of the Jacobian: |d2x / dq_i dq_j| <= the reach of the outer of both joints, which is the
smaller one; so a point is at most (sum of reach x step) x (sum of ways) faster than the columns say.

Ways and steps are rad (a tick), counted from the pose looked at, before the step.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from operator import mul
from typing import Final, NamedTuple

from station.control.chain import ArmChain
from station.control.jerk import JerkJoint

_LOOKS: Final = 6
"""Of the joint that rests first, evenly over its braking; then of the next."""
_ROUNDING_M: Final = 1e-9


Piece = tuple[int, int, float, float, float, float]
"""A phase of a joint's braking: its last tick; the tick before it, step, way and bend there; what each tick adds to the
bend."""


class Path(NamedTuple):
    """One joint's step and braking."""

    pieces: Sequence[Piece]
    rest: int
    """From this tick on it moves no more."""
    end: float
    """Where it rests then."""
    low: float
    high: float
    """Between these places it moves, the step done."""
    peak: float
    """The largest step, unsigned."""
    jerk: float
    """At least the second difference of its steps; 0 where `kink` tells."""
    kink: float
    """Of a joint without a jerk limit: by how much its bend jumps, once, where it comes to rest."""
    bend: float
    """At least the second difference of its way."""


_RESTING: Final = Path((), 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def smooth_path(joint: JerkJoint, v: float, a: float) -> Path:
    """Of a joint with a jerk limit; v and a, of j, are those of the step."""
    if v == 0.0 == a:
        return _RESTING
    j = joint.j
    way = low = high = v
    peak = v if v > 0.0 else -v
    bend = 0.0
    at = 0
    pieces = []
    for ticks, speed, before, slope in joint.braking.phases(v, a):
        pieces.append((at + ticks, at, speed * j, way * j, before * j, slope * j))
        bend = max(bend, abs(before + slope), abs(before + slope * ticks))
        if not at and slope * before < 0.0:  # it gathers speed first, or turns round
            rising = abs(before)
            k = min(int(rising), ticks)
            peak = max(peak, k * (rising - (k + 1) / 2) - slope * v)
            if slope * v > 0.0:
                k = joint.braking.ticks_to_turn(-abs(v), rising)
                turn = v + k * (v + (k + 1) * (before / 2 + slope * (k + 2) / 6))
                low, high = min(low, turn), max(high, turn)
        way += ticks * (speed + (ticks + 1) * (before / 2 + slope * (ticks + 2) / 6))
        at += ticks
    if way < low:
        low = way
    elif way > high:
        high = way
    return Path(pieces, at, way * j, low * j, high * j, peak * j, j, 0.0, bend * j)


def straight_path(step: float, down: float) -> Path:
    """Of a joint without; `down` is what braking takes from its step a tick."""
    if not step:
        return _RESTING
    rate = -down if step > 0.0 else down
    ticks = int(-step / rate)
    way = step + ticks * (step + (ticks + 1) * rate / 2)
    pieces = ((ticks, 0, step, step, rate, 0.0),)
    return Path(pieces, ticks + 1, way, min(step, way), max(step, way), abs(step), 0.0, down, down)


class SmoothBraking:
    """Of one arm; `reach_m` by joint: the largest of any point, none smaller than the next one's."""

    __slots__ = (
        "_offs_m", "_paths", "_reach_m", "_sags", "_ticks", "_ways", "is_legal", "lever_m",
        "travels", "way_m",
    )  # fmt: skip

    def __init__(self, paths: Sequence[Path], reach_m: Sequence[float], is_legal: bool) -> None:
        self.is_legal = is_legal
        self.travels = [path.high if path.high > -path.low else -path.low for path in paths]
        self.lever_m: float = sum([path.peak * reach for path, reach in zip(paths, reach_m)])
        """No point moves further in any tick."""
        self.way_m: float = sum(map(mul, self.travels, reach_m))
        """No point comes further away."""
        self._paths = paths
        self._reach_m = reach_m
        self._ticks: list[int] = []
        """Those that are looked at, up to rest."""
        self._offs_m: list[float]
        """How far a point's step may be from the chord between each of them and the next."""
        self._ways: list[tuple[float, ...]] = []
        """At each of them, by joint."""
        self._sags: list[float]
        """How far each joint's way may be from the chords."""

    def is_slow(self, chain: ArmChain, points: Sequence[int], most_m: float) -> bool:
        most_m -= _ROUNDING_M
        if self.lever_m <= most_m:
            return True
        self._choose_ticks()
        looks = self._steps()
        levers: list[float] = [sum(map(mul, self._reach_m, map(abs, steps))) for steps in looks]
        axes = [tuple(zip(*chain.columns[index])) for index in points]
        way, peaks = sum(self.travels), sum([path.peak for path in self._paths])
        fast = -1.0
        for steps, after, lever, lever_after, off, tick in zip(
            looks, looks[1:], levers, levers[1:], self._offs_m, self._ticks[1:]
        ):
            if lever_after > lever:
                lever = lever_after
            lever += off
            if lever <= most_m:
                fast = -1.0
                continue
            turned = peaks * (tick + 1)
            left = most_m - off - lever * (turned if turned < way else way)
            if left < 0.0:
                return False
            left *= left
            if fast < 0.0:
                fast = _fastest(axes, steps)
            if fast > left:
                return False
            fast = _fastest(axes, after)
            if fast > left:
                return False
        return True

    def highest_m(self, slopes: Sequence[float], enough_m: float) -> float:
        most = end = 0.0
        for slope, path in zip(slopes, self._paths):
            most += slope * (path.high if slope > 0.0 else path.low)
            end += slope * path.end
        if most <= enough_m or end > enough_m > -math.inf:
            return most
        if not self._ways:
            self._choose_ticks()
            self._ways = self._places()
            self._sags = [path.bend * _arch(-(-path.rest // _LOOKS)) for path in self._paths]
        off: float = sum(map(mul, map(abs, slopes), self._sags))
        highest: float = max([sum(map(mul, slopes, ways)) for ways in self._ways])
        return min(most, highest + off)

    def _steps(self) -> list[tuple[float, ...]]:
        """In each tick that is looked at, by joint."""
        ticks = self._ticks
        rows = []
        for path in self._paths:
            row: list[float] = []
            for last, first, step, _, bend, jerk in path.pieces:
                begin = len(row)
                half = jerk / 2
                bend += half
                passed = [tick - first for tick in ticks[begin : bisect_right(ticks, last, begin)]]
                row += [step + k * (bend + k * half) for k in passed]
            rows.append((row + [0.0] * len(ticks))[: len(ticks)])
        return list(zip(*rows))

    def _places(self) -> list[tuple[float, ...]]:
        """After each of them."""
        ticks = self._ticks
        rows = []
        for path in self._paths:
            row: list[float] = []
            for last, first, step, way, bend, jerk in path.pieces:
                begin = len(row)
                step += bend / 2 + jerk / 3
                bend = (bend + jerk) / 2
                jerk /= 6
                passed = [tick - first for tick in ticks[begin : bisect_right(ticks, last, begin)]]
                row += [way + k * (step + k * (bend + k * jerk)) for k in passed]
            rows.append((row + [path.end] * len(ticks))[: len(ticks)])
        return list(zip(*rows))

    def _choose_ticks(self) -> None:
        if self._ticks:
            return
        moving = sorted(
            [
                (path.rest, path.jerk * reach, path.kink * reach)
                for path, reach in zip(self._paths, self._reach_m)
                if path.rest
            ]
        )
        jerk, kink = sum([row[1] for row in moving]), sum([row[2] for row in moving])
        ticks, offs = [0], []
        tick = 0
        for rest, less_jerk, less_kink in moving:
            h = -(-rest // _LOOKS)
            arch = _arch(h)
            off = arch * jerk + min(arch, h / 4) * kink
            while tick < rest:
                tick += h
                ticks.append(tick)
                offs.append(off)
            jerk -= less_jerk
            kink -= less_kink
        self._ticks, self._offs_m = ticks, offs


def _arch(ticks: int) -> float:
    """How far a sequence can be from a chord over so many ticks, its second difference being at most 1."""
    return (ticks * ticks // 4) / 2


def _fastest(axes: Sequence[Sequence[Sequence[float]]], steps: Sequence[float]) -> float:
    """The square of the fastest point's step; `axes`: for each point x, y and z of its columns."""
    most = 0.0
    for xs, ys, zs in axes:
        x: float = sum(map(mul, xs, steps))
        y: float = sum(map(mul, ys, steps))
        z: float = sum(map(mul, zs, steps))
        square = x * x + y * y + z * z
        if square > most:
            most = square
    return most
