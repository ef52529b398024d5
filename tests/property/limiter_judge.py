"""Judges a limiter from its output stream alone: positions, first, second and third differences against the limits.

Knows nothing of any limiter's formula. Steps are rad a tick, T the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

KINDS: Final = ("not_finite", "position", "outside", "speed", "acceleration", "jerk")
_ROUNDING: Final = 64 * np.finfo(np.float64).eps
"""Of a position: sums of a few doubles. Far below one part in a million of any step of interest."""


@dataclass(frozen=True)
class Bounds:
    """One entry a joint."""

    lower_rad: Array
    upper_rad: Array
    speed_rad_s: Array
    accel_rad_s2: Array
    decel_rad_s2: Array
    recovery_rad_s: Array
    jerk_rad_s3: Array | None = None


def judge(
    start_rad: Array, sent_rad: Array, cap_rad_s: Array, restarted: NDArray[np.bool_], bounds: Bounds, period_s: float
) -> dict[str, int]:
    """Counts violations (joint-ticks) by kind.

    start_rad [joints]: where the arm stood at rest. sent_rad [ticks, joints]. cap_rad_s [ticks, joints]: the speed
    limit in force (a lowered limit may be approached by braking as hard as allowed). restarted [ticks]: the receiver
    held before this tick, so the step before it was 0.
    """
    period = period_s
    before = np.vstack([start_rad, sent_rad[:-1]])
    with np.errstate(invalid="ignore", over="ignore"):
        step = sent_rad - before
        last = np.vstack([np.zeros_like(start_rad), step[:-1]])
        last[restarted] = 0.0
        largest = np.maximum(np.abs(before), np.maximum(np.abs(bounds.lower_rad), np.abs(bounds.upper_rad)))
        slack = _ROUNDING * np.maximum(largest, 1.0)
        up = bounds.accel_rad_s2 * period**2
        down = bounds.decel_rad_s2 * period**2
        inside = (before >= bounds.lower_rad) & (before <= bounds.upper_rad)
        found = {"not_finite": ~np.isfinite(sent_rad)}
        found["position"] = inside & ~((sent_rad >= bounds.lower_rad) & (sent_rad <= bounds.upper_rad))
        high, low = before > bounds.upper_rad, before < bounds.lower_rad
        found["outside"] = (high & ~(step <= 0.0)) | (low & ~(step >= 0.0))
        cap = np.where(inside, cap_rad_s, np.minimum(cap_rad_s, bounds.recovery_rad_s)) * period
        allowed = np.minimum(np.maximum(cap, np.abs(last) - down), bounds.speed_rad_s * period)
        found["speed"] = ~(np.abs(step) <= allowed + slack)
        if bounds.jerk_rad_s3 is not None:
            most = bounds.speed_rad_s * period + slack
            slows = _brakes_hardest(step, last, restarted, cap, down, bounds.jerk_rad_s3 * period**3, slack)
            found["speed"] = ~((np.abs(step) <= cap + slack) | slows) | ~(np.abs(step) <= most)
        # Towards rest at `down`, away from it at `up`; through rest the shares of the tick add up to one.
        away = np.sign(last) * step  # > 0: same direction as before
        braking = np.where(last == 0.0, 0.0, np.clip(np.abs(last) - np.maximum(away, 0.0), 0.0, None))
        growing = np.where(last == 0.0, np.abs(step), np.where(away < 0.0, -away, np.maximum(away - np.abs(last), 0.0)))
        found["acceleration"] = ~(braking / (down + 2 * slack) + growing / (up + 2 * slack) <= 1.0 + 1e-9)
        if bounds.jerk_rad_s3 is not None:
            bend, bend_last = _bends(step, last, restarted)
            found["jerk"] = ~(np.abs(bend - bend_last) <= bounds.jerk_rad_s3 * period**3 + 8 * slack)
        else:
            found["jerk"] = np.zeros_like(inside)
    return {kind: int(np.count_nonzero(found[kind])) for kind in KINDS}


def _bends(step: Array, last: Array, restarted: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Second differences, and those of the tick before."""
    bend = step - last
    before = np.vstack([np.zeros_like(bend[:1]), bend[:-1]])
    before[restarted] = 0.0
    return bend, before


def _brakes_hardest(
    step: Array, last: Array, restarted: NDArray[np.bool_], cap: Array, down: Array, jerk: Array, slack: Array
) -> NDArray[np.bool_]:
    """Where a joint above its cap does all that jerk and deceleration allow to come below: braking grows by the whole
    jerk (but for 1e-5) or is full; or what is left of it, when taken off by the whole jerk, ends below the cap."""
    jerk, down = jerk * (1.0 - 1e-5), down * (1.0 - 1e-5)
    bend, before = (np.sign(step) * values for values in _bends(step, last, restarted))
    braking = np.maximum(-bend, 0.0)
    n = np.floor(braking / jerk)
    left = n * braking - jerk * n * (n + 1) / 2
    return (bend <= np.maximum(before - jerk, -down) + 4 * slack) | (np.abs(step) - left <= cap + 4 * slack)
