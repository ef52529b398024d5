"""Where the worker really rests: a slow, bounded offset of the home pose, so that a drift loses no repetition."""

from __future__ import annotations

import math
from typing import Final

from station.session.gesture import PhaseShape

MOST_RAD: Final = 0.4
"""A drift beyond this is a matter for the zero check, not for the counter."""
RATE_RAD_S: Final = 1.0 / 3600
"""The fastest the rest position may wander; a drift of 0.3 rad in an hour is followed three times over."""
FREE_SHARE: Final = 0.3
"""Share of the home tolerance within which a habit of resting is left alone."""
_SETTLE_NS: Final = 100_000_000
"""The first moments at home are still part of the movement."""
_STEP_NS: Final = 50_000_000
_LONGEST_NS: Final = 60_000_000_000
"""Time without rest that counts toward the allowed step."""


class RestBaseline:
    """`offset_rad[joint]`: the rest position minus the task's home pose; other joints stay 0."""

    def __init__(self, home: PhaseShape, joints: int, start_rad: tuple[float, ...] | None = None) -> None:
        self.offset_rad = [0.0] * joints
        if start_rad is not None:
            for joint in home.joints:
                self.offset_rad[joint] = max(-MOST_RAD, min(MOST_RAD, start_rad[joint]))
        self._home = home
        self._free_rad = FREE_SHARE * home.tolerance_rad
        self._since_ns = 0
        self._stepped_ns = 0

    def moved(self) -> None:
        """Home was left."""
        self._since_ns = 0

    def rest(self, t_ns: int, angle_rad: tuple[float, ...]) -> bool:
        """One tick at home. Whether the offset changed."""
        if not self._since_ns:
            self._since_ns = t_ns
            return False
        if t_ns - self._since_ns < _SETTLE_NS or t_ns - self._stepped_ns < _STEP_NS:
            return False
        allowed = RATE_RAD_S * min(t_ns - self._stepped_ns, _LONGEST_NS) / 1e9 if self._stepped_ns else 0.0
        self._stepped_ns = t_ns
        has_changed = False
        for joint, pose in zip(self._home.joints, self._home.pose_rad):
            offset = self.offset_rad[joint]
            residual = angle_rad[joint] - pose - offset
            excess = residual - math.copysign(min(abs(residual), self._free_rad), residual)
            step = max(-allowed, min(allowed, excess))
            if step:
                self.offset_rad[joint] = max(-MOST_RAD, min(MOST_RAD, offset + step))
                has_changed = True
        return has_changed
