"""Device clock (us) -> host monotonic clock (ns): offset and drift, from arrivals alone or from two-way exchanges.

One way: a sample can be late but never early, so the arrivals' lower envelope over device time is the device's clock
plus the least delay, which no one-way method can see. The envelope is the edge of the lower convex hull below the
middle of the window: the line under all points that is nearest to them on average (Moon, Skelly, Towsley 1999; Zhang,
Liu, Xia 2002). Kept small by taking each quarter second's earliest arrival only.
Two way: offset = ((t2 - t1) + (t3 - t4)) / 2, wrong by at most half of what the round trip took longer than it must
(Mills, RFC 5905), so quick exchanges weigh most.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

MAX_DRIFT_PPM: Final = 500.0
"""Crystals are within 100 ppm; a clock further off is not believed to be one."""
_MAX_SLOPE: Final = MAX_DRIFT_PPM * 1e-3  # ns per us
_WRAP: Final = 1 << 32
_HALF: Final = 1 << 31
_REBOOT_NS: Final = 2_000_000_000
"""The device's clock moved so much more or less than the host's: another power-on."""
_EARLY_NS: Final = 2_000_000.0
"""So much before the envelope nothing can arrive: a wrong time stamp, or the clock has been set."""
_EARLY_UNLOCKED_NS: Final = 100_000_000.0
"""... while the envelope itself may still be that late."""
_EARLY_RUN: Final = 20
_LATE_NS: Final = 20_000_000.0
_LATE_BINS: Final = 8
"""So many bins in a row without a timely arrival: the device's clock has been set back."""


class Spread(NamedTuple):
    """Median and 99th percentile, us."""

    p50_us: float
    p99_us: float


class _Axis:
    """Device time unwrapped and counted from the first sample; both u32 counters and unwrapped ones are taken."""

    __slots__ = ("first_us", "last_host_ns", "last_us")

    def __init__(self, device_us: int, host_ns: int) -> None:
        self.first_us = device_us
        self.last_us = device_us
        self.last_host_ns = host_ns

    def move_to(self, device_us: int, host_ns: int) -> int | None:
        """Unwrapped device time of a sample that came at `host_ns`; None where it is of another power-on."""
        host_us = (host_ns - self.last_host_ns) // 1000
        off_us = ((device_us - self.last_us - host_us + _HALF) & (_WRAP - 1)) - _HALF
        if abs(off_us) * 1000 > _REBOOT_NS + (abs(host_us) >> 6) * 1000:
            return None
        us = self.last_us + host_us + off_us
        if us > self.last_us:
            self.last_us = us
            self.last_host_ns = host_ns
        return us

    def nearest(self, device_us: int) -> int:
        """Unwrapped device time nearest to the last one, without moving."""
        return self.last_us + ((device_us - self.last_us + _HALF) & (_WRAP - 1)) - _HALF


class OneWayClock:
    """Fed with each sample's device time and arrival; about 1 us a sample, and 50 us once in `bin_s`."""

    def __init__(self, window_s: float = 25.0, bin_s: float = 0.25) -> None:
        self._bin_us = bin_s * 1e6
        self._points: deque[tuple[float, float]] = deque(maxlen=max(8, round(window_s / bin_s)))
        self._lock_points = max(4, round(3.0 / bin_s))
        self._delays: deque[float] = deque(maxlen=1000)
        self.reboots = 0
        self.steps = 0
        """Times the device's clock was set without a restart."""
        self.outliers = 0
        """Samples whose device time cannot be."""
        self._axis: _Axis | None = None
        self._clear()

    def _clear(self) -> None:
        self._points.clear()
        self._delays.clear()
        self._axis = None
        self._host_ns = 0
        self._base_ns = 0.0
        self._slope = 0.0
        self._bin_end_us = 0.0
        self._best: tuple[float, float] | None = None
        self._best_ns = 0.0
        self._early = 0
        self._late = 0

    @property
    def is_locked(self) -> bool:
        """Enough seen for the drift to be estimated (3 s)."""
        return len(self._points) >= self._lock_points

    @property
    def drift_ppm(self) -> float:
        """How much slower than the host's the device's clock runs."""
        return self._slope * 1e3

    @property
    def residual(self) -> Spread:
        """Distance of the bins' earliest arrivals from the line: how sure the mapping is."""
        base, slope = self._base_ns, self._slope
        return _spread(y - base - slope * x for x, y in self._points)

    @property
    def delay(self) -> Spread:
        """How much later than the quickest the last 1,000 samples came."""
        return _spread(self._delays)

    def update(self, device_us: int, arrival_ns: int) -> int:
        """Take one sample, u32 or unwrapped device time; the host time, ns, that its device time stands for."""
        axis = self._axis
        us = axis.move_to(device_us, arrival_ns) if axis is not None else None
        if axis is None or us is None:
            if axis is not None:
                self.reboots += 1
            return self._start(device_us, arrival_ns)
        x = float(us - axis.first_us)
        y = float(arrival_ns - self._host_ns) - x * 1000.0
        line_ns = self._base_ns + self._slope * x
        delay_ns = y - line_ns
        if delay_ns < -(_EARLY_NS if self.is_locked else _EARLY_UNLOCKED_NS):
            self.outliers += 1
            self._early += 1
            if self._early >= _EARLY_RUN:
                self.steps += self.is_locked
                return self._start(device_us, arrival_ns)
            return arrival_ns
        self._early = 0
        if delay_ns < 0.0 and not self.is_locked:
            self._base_ns += delay_ns
            line_ns += delay_ns
            delay_ns = 0.0
        self._delays.append(delay_ns)
        if self._best is None or delay_ns < self._best_ns:
            self._best = (x, y)
            self._best_ns = delay_ns
        if x >= self._bin_end_us:
            self._end_bin(x)
            if self._late >= _LATE_BINS:
                self.steps += 1
                return self._start(device_us, arrival_ns)
        return self._host_ns + round(x * 1000.0 + line_ns)

    def to_host_ns(self, device_us: int) -> int:
        """Host time of any device time within half an hour of the last sample. Raises ValueError before the first."""
        if self._axis is None:
            raise ValueError("clock mapping: no sample yet; expected update() before")
        x = float(self._axis.nearest(device_us) - self._axis.first_us)
        return self._host_ns + round(x * 1000.0 + self._base_ns + self._slope * x)

    def _start(self, device_us: int, arrival_ns: int) -> int:
        self._clear()
        self._axis = _Axis(device_us, arrival_ns)
        self._host_ns = arrival_ns
        self._bin_end_us = self._bin_us
        return arrival_ns

    def _end_bin(self, x: float) -> None:
        if self._best is not None:
            self._late = self._late + 1 if self._best_ns > _LATE_NS and self.is_locked else 0
            self._points.append(self._best)
            self._fit()
        self._best = None
        self._bin_end_us = x + self._bin_us

    def _fit(self) -> None:
        """The hull's edge below the middle of the window, then pushed down under all points."""
        points = self._points
        if self.is_locked:
            hull: list[tuple[float, float]] = []
            for x, y in points:
                while len(hull) > 1:
                    (x0, y0), (x1, y1) = hull[-2], hull[-1]
                    if (y1 - y0) * (x - x0) < (y - y0) * (x1 - x0):
                        break
                    hull.pop()
                hull.append((x, y))
            middle = (points[0][0] + points[-1][0]) / 2
            for (x0, y0), (x1, y1) in itertools.pairwise(hull):
                if x1 >= middle:
                    self._slope = max(-_MAX_SLOPE, min(_MAX_SLOPE, (y1 - y0) / (x1 - x0)))
                    break
        slope = self._slope
        self._base_ns = min([y - slope * x for x, y in points])


class TwoWayClock:
    """Fed with exchanges: t1 host sends, t2 device receives, t3 device answers, t4 host receives."""

    def __init__(self, keep: int = 64) -> None:
        self._rows: deque[tuple[float, float, float]] = deque(maxlen=keep)  # device us, offset ns, round trip ns
        self._axis: _Axis | None = None
        self._host_ns = 0
        self._at_us = 0.0
        self._offset_ns = 0.0
        self._slope = 0.0
        self.reboots = 0

    @property
    def drift_ppm(self) -> float:
        """How much slower than the host's the device's clock runs."""
        return self._slope * 1e3

    @property
    def round_trip(self) -> Spread:
        return _spread(row[2] for row in self._rows)

    @property
    def residual(self) -> Spread:
        """Distance of the exchanges' offsets from the line."""
        return _spread(abs(y - self._offset_ns - self._slope * (x - self._at_us)) for x, y, _ in self._rows)

    def update(self, t1_ns: int, t2_us: int, t3_us: int, t4_ns: int) -> None:
        """Take one exchange; device times u32 or unwrapped. Raises ValueError where its order cannot be."""
        device_ns = (((t3_us - t2_us + _HALF) & (_WRAP - 1)) - _HALF) * 1000
        round_trip_ns = t4_ns - t1_ns - device_ns
        if device_ns < 0 or t4_ns < t1_ns or round_trip_ns < -2000:  # the device counts whole microseconds
            raise ValueError(
                f"clock exchange {t1_ns}, {t2_us}, {t3_us}, {t4_ns}: expected t1 <= t4, t2 <= t3 and the device's part "
                "within the host's; drop it and ask again"
            )
        middle_ns = (t1_ns + t4_ns) // 2
        middle_us = t2_us + device_ns // 2000
        us = self._axis.move_to(middle_us, middle_ns) if self._axis is not None else None
        if self._axis is None or us is None:
            self.reboots += self._axis is not None
            self._axis = _Axis(middle_us, middle_ns)
            self._host_ns = middle_ns
            self._rows.clear()
            self._slope = 0.0
            us = middle_us
        x = float(us - self._axis.first_us)
        self._rows.append((x, float(middle_ns - self._host_ns) - x * 1000.0, float(max(0, round_trip_ns))))
        self._fit()

    def to_host_ns(self, device_us: int) -> int:
        """Host time of any device time within half an hour of the last exchange. Raises ValueError before the first."""
        if self._axis is None:
            raise ValueError("clock mapping: no exchange yet; expected update() before")
        x = float(self._axis.nearest(device_us) - self._axis.first_us)
        return self._host_ns + round(x * 1000.0 + self._offset_ns + self._slope * (x - self._at_us))

    def _fit(self) -> None:
        """Least squares, each exchange weighted by how little longer than the quickest it took."""
        least_ns = min(row[2] for row in self._rows)
        weights = [1.0 / (row[2] - least_ns + 5_000.0) ** 2 for row in self._rows]
        total = sum(weights)
        at_us = sum(w * row[0] for w, row in zip(weights, self._rows)) / total
        offset_ns = sum(w * row[1] for w, row in zip(weights, self._rows)) / total
        spread = sum(w * (row[0] - at_us) ** 2 for w, row in zip(weights, self._rows))
        if self._rows[-1][0] - self._rows[0][0] >= 1e6 and spread > 0:
            both = sum(w * (row[0] - at_us) * (row[1] - offset_ns) for w, row in zip(weights, self._rows))
            self._slope = max(-_MAX_SLOPE, min(_MAX_SLOPE, both / spread))
        self._at_us = at_us
        self._offset_ns = offset_ns


def _spread(values_ns: Iterable[float]) -> Spread:
    ordered = sorted(values_ns)
    if not ordered:
        return Spread(0.0, 0.0)
    return Spread(ordered[len(ordered) // 2] * 1e-3, ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e-3)
