"""Device clock (us) -> host monotonic clock (ns): drift and offset, from arrivals and (where there are any) exchanges.

A message can be late but never early. So every arrival says how late the device's clock can be at most, and every
question that the device has heard says how early. Over device time the arrivals' lower envelope and the questions'
upper envelope are two parallel lines with the truth between them:
- The arrivals give the drift: the edge of their lower convex hull below the middle of the window is the line under all
  points that is nearest to them on average (Moon, Skelly, Towsley 1999; Zhang, Liu, Xia 2002). Thousands of samples
  find the quickest way where a few exchanges do not. Kept small by taking each quarter second's earliest arrival only.
- Where nothing can overtake, delays queue up and a quick arrival is rare; but then their mean is steady, and a line of
  least squares through it gives the drift better. The two are weighed as probabilities: delays above the envelope as
  exponential, the mean's slope as normal, never surer than 3 ppm (a mean wanders with the load, a least delay not).
- The exchanges give the constant part, which no one-way method can see: the middle between the two lines, wrong by no
  more than half their distance (`bound_us`), and right where the quickest ways there and back take equally long
  (Marzullo, Owicki 1985; Mills, RFC 5905). Without exchanges the least delay stays in the mapping.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

MAX_DRIFT_PPM: Final = 500.0
"""Crystals are within 100 ppm; a clock further off is not believed to be one."""
_MAX_SLOPE: Final = MAX_DRIFT_PPM * 1e-3  # ns per us
_MASK: Final = (1 << 32) - 1
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
_MEAN_SLOPE: Final = 3e-3
"""Standard error of the mean's slope at best, ns per us."""
_LEAST_EXCESS_NS: Final = 1_000.0
_EDGE_NS: Final = 2_000
"""The device counts whole microseconds."""

Point = tuple[int, int]
"""Device time since the first sample, us; host minus device time since then, ns."""


class Spread(NamedTuple):
    """Median and 99th percentile, us."""

    p50_us: float
    p99_us: float


class DeviceClock:
    """Fed with each sample's device time and a host time not before its arrival (a stamp taken before the read may be
    early, and one early arrival spoils the envelope), and with exchanges. 1 us a sample, 50 us more once in `bin_s`."""

    def __init__(self, window_s: float = 25.0, bin_s: float = 0.25) -> None:
        self._bin_us = round(bin_s * 1e6)
        keep = max(8, round(window_s / bin_s))
        self._lock_points = max(4, round(3.0 / bin_s))
        self._points: deque[Point] = deque(maxlen=keep)
        self._asked: deque[Point] = deque(maxlen=keep)
        self._means: deque[Point] = deque(maxlen=keep)
        self._delays: deque[float] = deque(maxlen=1000)
        self.reboots = 0
        self.steps = 0
        """Times the device's clock was set without a restart."""
        self.outliers = 0
        """Samples whose device time cannot be."""
        self._is_begun = False
        self._begin(0, 0)

    def _begin(self, device_us: int, host_ns: int) -> None:
        self._points.clear()
        self._asked.clear()
        self._means.clear()
        self._delays.clear()
        self._hull: list[Point] = []
        self._first_us = self._last_us = device_us
        self._first_ns = self._last_ns = host_ns
        self._base_ns = 0.0
        self._slope = 0.0
        self._path_ns = 0.0
        self._bin_end_us = self._bin_us
        self._best: Point | None = None
        self._best_ns = 0.0
        self._best_asked: Point | None = None
        self._best_asked_ns = 0.0
        self._taken = self._sum_x = self._sum_y = 0
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
    def bound_us(self) -> float | None:
        """The mapping is wrong by at most so much, us; None where no exchange was seen: at most by the least delay."""
        return self._path_ns * 1e-3 if self._asked or self._best_asked is not None else None

    @property
    def residual(self) -> Spread:
        """Distance of the bins' earliest arrivals from their envelope: how rough it is."""
        base, slope = self._base_ns, self._slope
        return _spread(y - base - slope * x for x, y in self._points)

    @property
    def delay(self) -> Spread:
        """How much later than the quickest the last 1,000 arrivals came."""
        return _spread(self._delays)

    def update(self, device_us: int, arrival_ns: int) -> int:
        """Take one sample, u32 or unwrapped device time; the host time, ns, that its device time stands for."""
        step_us = ((device_us - self._last_us + _HALF) & _MASK) - _HALF
        if not -_REBOOT_NS < step_us * 1000 - arrival_ns + self._last_ns < _REBOOT_NS:
            passed_us = self._passed_us(device_us, arrival_ns)
            if passed_us is None:
                self.reboots += self._is_begun
                self._is_begun = True
                self._begin(device_us, arrival_ns)
                passed_us = 0
            step_us = passed_us
        us = self._last_us + step_us
        if step_us > 0:
            self._last_us = us
            self._last_ns = arrival_ns
        x = us - self._first_us
        y = arrival_ns - self._first_ns - x * 1000
        line_ns = self._base_ns + self._slope * x
        delay_ns = y - line_ns
        if delay_ns < 0.0:
            is_locked = self.is_locked
            if delay_ns < -(_EARLY_NS if is_locked else _EARLY_UNLOCKED_NS):
                return self._doubt(device_us, arrival_ns)
            if not is_locked:
                self._base_ns += delay_ns
                line_ns += delay_ns
                delay_ns = 0.0
        self._early = 0
        self._delays.append(delay_ns)
        self._taken += 1
        self._sum_x += x
        self._sum_y += y
        if self._best is None or delay_ns < self._best_ns:
            self._best = (x, y)
            self._best_ns = delay_ns
        if x >= self._bin_end_us and not self._end_bin(x):
            self.steps += 1
            self._begin(device_us, arrival_ns)
            return arrival_ns
        return self._first_ns + x * 1000 + int(line_ns - self._path_ns)

    def exchange(self, t1_ns: int, t2_us: int, t3_us: int, t4_ns: int) -> None:
        """Take one exchange: t1 host sends, t2 device receives, t3 device answers, t4 host receives; device times u32
        or unwrapped. Raises ValueError where its order cannot be."""
        turn_us = ((t3_us - t2_us + _HALF) & _MASK) - _HALF
        if turn_us < 0 or t4_ns < t1_ns or t4_ns - t1_ns - turn_us * 1000 < -_EDGE_NS:
            raise ValueError(
                f"clock exchange {t1_ns}, {t2_us}, {t3_us}, {t4_ns}: expected t1 <= t4, t2 <= t3 and the device's part "
                "within the host's; drop it and ask again"
            )
        self.update(t3_us, t4_ns)
        x = self._nearest_us(t2_us) - self._first_us
        y = t1_ns - self._first_ns - x * 1000
        ahead_ns = self._base_ns + self._slope * x - y
        if ahead_ns <= -_EARLY_NS:
            self.outliers += 1
            return
        if self.bound_us is None or ahead_ns < 2 * self._path_ns:
            self._path_ns = max(0.0, ahead_ns / 2)
        if self._best_asked is None or ahead_ns < self._best_asked_ns:
            self._best_asked = (x, y)
            self._best_asked_ns = ahead_ns

    def to_host_ns(self, device_us: int) -> int:
        """Host time of any device time within half an hour of the last sample. Raises ValueError before the first."""
        if not self._is_begun:
            raise ValueError("clock mapping: no sample yet; expected update() before")
        x = self._nearest_us(device_us) - self._first_us
        return self._first_ns + x * 1000 + int(self._base_ns + self._slope * x - self._path_ns)

    def _nearest_us(self, device_us: int) -> int:
        """Unwrapped device time nearest to the last one."""
        return self._last_us + ((device_us - self._last_us + _HALF) & _MASK) - _HALF

    def _passed_us(self, device_us: int, arrival_ns: int) -> int | None:
        """Device time since the last sample where the stream paused, even for whole wraps; None after a power-on."""
        if not self._is_begun:
            return None
        host_us = (arrival_ns - self._last_ns) // 1000
        off_us = ((device_us - self._last_us - host_us + _HALF) & _MASK) - _HALF
        if abs(off_us) * 1000 > _REBOOT_NS + (abs(host_us) >> 6) * 1000:
            return None
        return host_us + off_us

    def _doubt(self, device_us: int, arrival_ns: int) -> int:
        """Too early to be true; many of them in a row mean that the clock was set."""
        self.outliers += 1
        self._early += 1
        if self._early >= _EARLY_RUN:
            self.steps += self.is_locked
            self._begin(device_us, arrival_ns)
        return arrival_ns

    def _end_bin(self, x: int) -> bool:
        """False where nothing has come in time for so long that the clock must have been set."""
        points, hull = self._points, self._hull
        if self._best is not None and not (points and self._best[0] <= points[-1][0]):
            self._late = self._late + 1 if self._best_ns > _LATE_NS and self.is_locked else 0
            is_full = len(points) == points.maxlen and hull[0] is points[0]
            points.append(self._best)
            if is_full:  # the hull loses its first point: those behind it come to light
                hull.clear()
            for point in points if is_full else (self._best,):
                _add(hull, point)
        if self._best_asked is not None:
            self._asked.append(self._best_asked)
        if self._taken:
            self._means.append((self._sum_x // self._taken, self._sum_y // self._taken))
        self._taken = self._sum_x = self._sum_y = 0
        self._best = self._best_asked = None
        self._bin_end_us = x + self._bin_us
        self._fit()
        return self._late < _LATE_BINS

    def _fit(self) -> None:
        hull, asked = self._hull, self._asked
        if not hull:
            return
        if self.is_locked and len(hull) > 1:
            self._slope = self._likeliest_slope()
        slope = self._slope
        self._base_ns = min([y - slope * x for x, y in hull])
        if asked:
            while asked[0][0] < self._points[0][0] and len(asked) > 1:
                asked.popleft()
            self._path_ns = (self._base_ns - max([y - slope * x for x, y in asked])) / 2

    def _likeliest_slope(self) -> float:
        """The slope at which the points' distance above the line and the mean's slope are likeliest together."""
        points, hull = self._points, self._hull
        edges = [(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in itertools.pairwise(hull)]
        middle = (points[0][0] + points[-1][0]) / 2
        below = next(n for n, (x, _) in enumerate(hull[1:]) if x >= middle)
        slope, base = edges[below], hull[below][1] - edges[below] * hull[below][0]
        excess_ns = max(_LEAST_EXCESS_NS, sorted([y - slope * x for x, y in points])[len(points) // 2] - base)
        per_ns = len(points) * math.log(2) / excess_ns
        mean_slope, variance = _least_squares(self._means)
        # The envelope's height at the middle over its slope is a chain of straight pieces, one a point of the hull.
        lower = -_MAX_SLOPE
        for (x, _), upper in zip(hull, [*edges, _MAX_SLOPE]):
            slope = mean_slope - per_ns * (x - middle) * variance
            if slope <= upper:
                break
            lower = upper
        return max(lower, -_MAX_SLOPE, min(slope, upper, _MAX_SLOPE))


def _add(hull: list[Point], point: Point) -> None:
    """The lower convex hull with one more point to the right of all others."""
    x, y = point
    while len(hull) > 1:
        (x0, y0), (x1, y1) = hull[-2], hull[-1]
        if (y1 - y0) * (x - x0) < (y - y0) * (x1 - x0):
            break
        hull.pop()
    hull.append(point)


def _least_squares(points: Collection[Point]) -> tuple[float, float]:
    """Slope and the variance of its error."""
    n = len(points)
    at_x = sum([x for x, _ in points]) / n
    at_y = sum([y for _, y in points]) / n
    xx = sum([(x - at_x) * (x - at_x) for x, _ in points])
    xy = sum([(x - at_x) * (y - at_y) for x, y in points])
    yy = sum([(y - at_y) * (y - at_y) for _, y in points])
    return xy / xx, max(0.0, yy - xy * xy / xx) / (n - 2) / xx + _MEAN_SLOPE * _MEAN_SLOPE


def _spread(values_ns: Iterable[float]) -> Spread:
    ordered = sorted(values_ns)
    if not ordered:
        return Spread(0.0, 0.0)
    return Spread(ordered[len(ordered) // 2] * 1e-3, ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e-3)
