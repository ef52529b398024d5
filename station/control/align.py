"""Whether the arm stands where the leader asks, for long enough, with the leader at rest: the way into FOLLOWING."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

from station.settings.rig import Rig

_SPEED_WINDOW_NS: Final = 50_000_000
"""The leader's speed is taken over so long: a single step of 0.01 degree a sample would be 10 degrees a second."""


_AGREE_RAD: Final = 0.01


def agree(pose_rad: Sequence[float], before_rad: Sequence[float]) -> bool:
    """Whether two answers in a row tell the same pose. A new epoch begins only from such a one: the arm stands, and a
    single damaged answer moves nothing."""
    return all([-_AGREE_RAD < now - before < _AGREE_RAD for now, before in zip(pose_rad, before_rad)])


def clamped(target_rad: Sequence[float], lower: Sequence[float], upper: Sequence[float]) -> tuple[float, ...]:
    """The nearest pose that the arm can take."""
    return tuple([min(max(want, least), most) for want, least, most in zip(target_rad, lower, upper)])


class Alignment:
    """Call once a tick while ALIGNING, `begin` before the first."""

    def __init__(self, rig: Rig, period_ns: int) -> None:
        self._tolerance_rad = math.radians(rig.align.tolerance_deg)
        self._ticks = rig.align.ticks
        self._slow_rad_s = math.radians(rig.align.leader_speed_deg_s)
        self._window = max(1, _SPEED_WINDOW_NS // period_ns)
        self._window_s = self._window * period_ns * 1e-9
        self._past: deque[tuple[float, ...]] = deque(maxlen=self._window)
        self._count = 0
        self.within: tuple[bool, ...] = ()
        """Which joints are within tolerance now."""

    def begin(self) -> None:
        self._past.clear()  # until it is full again nothing counts
        self.within = ()

    def look(self, target_rad: tuple[float, ...], sent_rad: tuple[float, ...]) -> bool:
        """True once every joint was within tolerance for the wanted ticks in a row while the leader was slow."""
        tolerance = self._tolerance_rad
        self.within = tuple([-tolerance <= want - have <= tolerance for want, have in zip(target_rad, sent_rad)])
        is_slow = False
        if len(self._past) == self._window:
            most = self._slow_rad_s * self._window_s
            is_slow = all([-most <= now - before <= most for now, before in zip(target_rad, self._past[0])])
        self._past.append(target_rad)
        self._count = self._count + 1 if is_slow and all(self.within) else 0
        return self._count >= self._ticks
