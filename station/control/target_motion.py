"""How a target moves: its place, step and bend, for a joint that needs time to begin to move as it does."""

from __future__ import annotations

import math
from typing import Final

_QUIET: Final = 0.05
"""Of j: a target whose estimated motion is below stands still."""
_FILTER: Final = 2.0
"""The target's motion is estimated over A/J/2 and some: half of the time that the joint needs to accelerate."""


class TargetMotion:
    """How a target moves: where it is, its step and bend, smoothed over as long as the joint needs to react.

    The critically damped filter of third order (its memory `theta`): no lag for a target that accelerates evenly, and
    less noise than differences of targets. A target that jumps or begins to move takes its motion with it from there.
    """

    __slots__ = ("_j", "_most", "_on_bend", "_on_place", "_on_step", "_quiet", "_target", "bend", "place", "step")
    _quiet: bool
    """Of the target before; nothing before the first, which asks for none."""

    def __init__(self, up: float, most: float, j: float) -> None:
        short = _FILTER / (up + _FILTER)
        theta = 1.0 - short
        self._on_place = 1.0 - theta**3
        self._on_bend = short**3
        self._on_step = 1.5 * (1.0 - theta * theta) * short - self._on_bend / 2
        self._most = most * j
        self._j = j
        self.forget()

    def forget(self) -> None:
        self._target = math.nan

    def see(self, target: float) -> None:
        """The target of this tick."""
        change = target - self._target
        self._target = target
        if change != change or self._quiet:
            self.place = target
            self._quiet = not change  # at rest, and the first after nothing: a step, until it goes on
            self.step = self.bend = 0.0
            return
        if not -self._most <= change <= self._most:  # no joint moves like that: it jumped
            self.place = target
            self.bend = 0.0
            return
        self.step += self.bend
        self.place += self.step
        error = target - self.place
        self.place += self._on_place * error
        self.step += self._on_step * error
        self.bend += self._on_bend * error
        if not change and max(abs(error), abs(self.step), abs(self.bend)) < _QUIET * self._j:
            self.place = target
            self.step = self.bend = 0.0
            self._quiet = True
