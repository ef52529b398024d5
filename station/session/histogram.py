"""A shift's worth of microseconds in constant memory: 1 us bins to 20 ms, and the exact maximum."""

from __future__ import annotations

from array import array
from typing import Final

_BINS: Final = 20_000
PERCENTILES: Final = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999))


class Histogram:
    """Counts durations; percentiles are exact to 1 us up to 20 ms (above, the maximum stands for them)."""

    def __init__(self) -> None:
        self._bins = array("Q", bytes(8 * _BINS))
        self._above = 0
        self.count = 0
        self.max_us = 0.0

    def add_ns(self, duration_ns: int) -> None:
        us = duration_ns // 1000
        if 0 <= us < _BINS:
            self._bins[us] += 1
        elif us < 0:
            self._bins[0] += 1
        else:
            self._above += 1
        self.count += 1
        if duration_ns > self.max_us * 1000:
            self.max_us = duration_ns / 1000

    def percentile_us(self, share: float) -> float:
        """The smallest bin below which at least `share` of the counts lie, us; 0 where nothing was counted."""
        wanted = share * self.count
        seen = 0
        for us, count in enumerate(self._bins):
            seen += count
            if seen >= wanted and seen:
                return float(us)
        return self.max_us

    def report(self) -> dict[str, float]:
        """{'p50': …, 'p90': …, 'p99': …, 'p99_9': …, 'max': …}, us."""
        found = {name: self.percentile_us(share) for name, share in PERCENTILES}
        found["max"] = round(self.max_us, 1)
        return found
