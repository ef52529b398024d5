"""The hardest braking of one arm after a step, as its bounds see it: how fast and how far, up to rest.

Without a jerk limit each joint's step shrinks by the same each tick; `StraightBraking` is that, by reduced.py and
workspace.py. With one see smooth_braking.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from station.control.chain import ArmChain
from station.control.reduced import braking_travel, is_slow
from station.control.workspace import highest_m


class Braking(Protocol):
    """Of the pose looked at; everything by joint of the chain, rad and rad a tick."""

    @property
    def travels(self) -> Sequence[float]:
        """At least how far from where it is each joint comes, unsigned."""

    @property
    def is_legal(self) -> bool:
        """Whether the joints' own limits are kept."""

    def is_slow(self, chain: ArmChain, points: Sequence[int], most_m: float) -> bool:
        """Whether these points move at most `most_m` a tick in the step and in each tick of the braking after it."""

    def highest_m(self, slopes: Sequence[float], enough_m: float) -> float:
        """At least the largest sum of slope x angle moved after the step and after each tick of the braking; an answer
        that is at most `enough_m` is good enough and cheaper."""


class StraightBraking:
    """Without jerk limits; `downs`: what braking takes from each joint's step a tick."""

    __slots__ = ("downs", "steps", "travels")
    is_legal = True

    def __init__(self, steps: list[float], downs: Sequence[float]) -> None:
        self.steps = steps
        self.downs = downs
        self.travels = [braking_travel(step, down) for step, down in zip(steps, downs)]

    def is_slow(self, chain: ArmChain, points: Sequence[int], most_m: float) -> bool:
        for index in points:
            reach = chain.points[index].reach_m
            if not is_slow(chain.columns[index], reach, self.steps, self.travels, self.downs, most_m):
                return False
        return True

    def highest_m(self, slopes: Sequence[float], enough_m: float) -> float:
        return highest_m(slopes, self.steps, self.downs, enough_m)
