"""Refuses a jerk limit with which a joint could not be stopped sensibly, in the rig file's keys and degrees.

The limiter refuses the same in radians (`control.jerk.check_jerk`), whatever hands it its limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from station.control.jerk import LEAST_JERK_RAD, MOST_STOP_S, stopping
from station.settings.errors import ConfigError
from station.settings.rig import ArmJoint, Rig

_DIGITS: Final = 2
"""Of the values that are proposed."""
_HALVINGS: Final = 60
_MOST_JERK_DEG_S3: Final = 1e12


def check_jerks(rig: Rig) -> None:
    """Raises ConfigError; the message names the least jerk that passes, or the highest speed where none does."""
    for joint in rig.arm.joints:
        if joint.jerk_deg_s3 is not None:
            _check(rig, joint, joint.jerk_deg_s3)


def _check(rig: Rig, joint: ArmJoint, jerk: float) -> None:
    why = _refusal(joint, joint.speed_deg_s, jerk, rig.arm.rate_hz)
    if not why:
        return

    def passes(speed: float, jerk: float) -> bool:
        return not _refusal(joint, speed, jerk, rig.arm.rate_hz)

    if passes(joint.speed_deg_s, _MOST_JERK_DEG_S3):
        least = _edge(jerk, _MOST_JERK_DEG_S3, lambda value: passes(joint.speed_deg_s, value))
        remedy = f"raise jerk_deg_s3 to {_rounded(least, math.ceil):g}"
    else:
        remedy = "no jerk_deg_s3 is enough"
    slowest = joint.accel_deg_s2 / rig.arm.rate_hz  # slower, and the limiter refuses accel_deg_s2
    if passes(slowest, jerk):
        most = _edge(joint.speed_deg_s, slowest, lambda value: passes(value, jerk))
        rounded = _rounded(most, math.floor)
        if rounded >= slowest:
            remedy += f", or lower speed_deg_s to {rounded:g}"
    raise ConfigError(f"{rig.where}: arm joint {joint.name}: jerk_deg_s3 {jerk:g}: {why}; {remedy}")


def _refusal(joint: ArmJoint, speed: float, jerk: float, rate_hz: float) -> str:
    """Why, '' where it passes. Degrees throughout: `stopping` keeps the unit of what it is given."""
    if math.radians(jerk) < LEAST_JERK_RAD * rate_hz**3:
        return f"below {math.degrees(LEAST_JERK_RAD) * rate_hz**3:.3g}, the rounding of positions would count"
    seconds, way = stopping(speed, joint.accel_deg_s2, joint.decel_deg_s2 or joint.accel_deg_s2, jerk)
    travel = joint.upper_deg - joint.lower_deg
    if seconds > MOST_STOP_S:
        return f"a stop from speed_deg_s {speed:g} takes {seconds:.3g} s; expected at most {MOST_STOP_S:g} s"
    if way > travel:
        return f"a stop from speed_deg_s {speed:g} takes {way:.3g} deg; expected at most the joint's travel, {travel:g}"
    return ""


def _edge(refused: float, passing: float, passes: Callable[[float], bool]) -> float:
    """The value next to where refusal begins that still passes."""
    for _ in range(_HALVINGS):
        middle = math.sqrt(refused * passing)
        if passes(middle):
            passing = middle
        else:
            refused = middle
    return passing


def _rounded(value: float, towards: Callable[[float], int]) -> float:
    """To few digits, to the safe side."""
    unit = 10.0 ** (math.floor(math.log10(value)) + 1 - _DIGITS)
    return float(towards(value / unit) * unit)
