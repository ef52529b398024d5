"""The two clocks of a record: the monotonic one of the loop and the wall's; the one file here that reads them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class ClockPair(NamedTuple):
    """Both clocks at one moment, ns."""

    monotonic_ns: int
    wall_ns: int

    @property
    def offset_ns(self) -> int:
        """Wall minus monotonic."""
        return self.wall_ns - self.monotonic_ns


Clock = Callable[[], ClockPair]


def read_clocks() -> ClockPair:
    """The tightest of three readings of wall between two monotonic."""
    best, best_width = ClockPair(0, 0), 1 << 62
    for _ in range(3):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        if after - before < best_width:
            best, best_width = ClockPair((before + after) // 2, wall), after - before
    return best
