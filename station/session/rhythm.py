"""How fast repetitions come while the robot follows: the pace that the screen shows and the expected finish.

Counted in time of following, so pauses, stops and alignment are no part of it; the middle one of the last cycles, so
one long cycle changes nothing; times the share of accepted ones, so a rejected one changes it by a few in a hundred.
"""

from __future__ import annotations

import itertools
import statistics
from collections import deque
from collections.abc import Sequence
from typing import Final

LAST: Final = 20
FEWEST: Final = 5
"""No pace is told of fewer cycles: it would jump with each."""
_LONGEST_STEP_NS: Final = 1_000_000_000
"""Between two ticks; more is a gap, in which nobody knows what was."""
_PAUSE_SHARE: Final = 3.0
"""In the ledger a cycle this many times as long as the middle one had a pause in it."""


class Rhythm:
    def __init__(self, ends_ns: Sequence[int] = ()) -> None:
        """`ends_ns`: when the shift's last repetitions ended, of before a restart, oldest first."""
        self._cycles_s: deque[float] = deque(_cycles(ends_ns), maxlen=LAST)
        self._following_ns = 0
        self._last_ns = 0
        self._is_whole = False
        """Since the last end the robot has followed without a break: what is counted is one cycle."""

    def tick(self, slot_ns: int, is_following: bool) -> None:
        """Each tick, in order."""
        step_ns = slot_ns - self._last_ns
        self._last_ns = slot_ns
        if not is_following or step_ns > _LONGEST_STEP_NS:
            self._is_whole = False
        elif self._is_whole:
            self._following_ns += step_ns

    def ended(self, *, is_cycle: bool = True) -> None:
        """A repetition has ended at the last tick. `is_cycle`: False where it was broken off."""
        if is_cycle and self._is_whole:
            self._cycles_s.append(self._following_ns / 1e9)
        self._following_ns = 0
        self._is_whole = is_cycle

    def pace_per_h(self, recent: Sequence[bool]) -> float:
        """Accepted an hour of following, at the share of accepted in `recent`; 0 until it can be told."""
        if len(self._cycles_s) < FEWEST or not recent:
            return 0.0
        cycle_s = statistics.median(self._cycles_s)
        return 3600.0 / cycle_s * sum(recent) / len(recent) if cycle_s > 0 else 0.0


def _cycles(ends_ns: Sequence[int]) -> list[float]:
    """From end to end, s; those with a pause in them left out."""
    found = [(after - before) / 1e9 for before, after in itertools.pairwise(ends_ns) if after > before]
    if not found:
        return []
    most = _PAUSE_SHARE * statistics.median(found)
    return [cycle for cycle in found if cycle <= most]
