"""Refuses limits with which a joint could not be stopped sensibly, in the rig file's keys and degrees.

A STOP that takes over a second ends in motors that are switched off while they move; and who asks for a HOLD beside an
arm expects it to stand. The limiter refuses jerk limits in radians (`control.jerk.check_jerk`), whatever hands it its
limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from station.control.jerk import LEAST_JERK_RAD, MOST_STOP_S, stopping
from station.control.limit import most_jerk
from station.settings.errors import ConfigError
from station.settings.rig import ArmJoint, Rig

_DIGITS: Final = 2
"""Of the values that are proposed."""
_HALVINGS: Final = 60
_MOST_DECEL_DEG_S2: Final = 200_000.0
_WITHIN: Final = 0.9
"""What is rounded up from so much of a bound stays within it."""


def check_stops(rig: Rig) -> None:
    """Raises ConfigError; the message names the least limit that passes, or the highest speed where none does."""
    for joint in rig.arm.joints:
        where = f"{rig.where}: arm joint {joint.name}"
        if _decel(joint) < joint.accel_deg_s2:
            raise ConfigError(f"{where}: {_too_weak(joint, rig.arm.rate_hz)}")
        if joint.jerk_deg_s3 is not None:
            most = most_jerk(_decel(joint), 1 / rig.arm.rate_hz)
            if joint.jerk_deg_s3 > most:
                raise ConfigError(
                    f"{where}: jerk_deg_s3 {joint.jerk_deg_s3:g} limits nothing; leave it out (expected at most "
                    f"{_rounded(_WITHIN * most, math.floor):g})"
                )
        why = _refusal(joint, rig.arm.rate_hz)
        if why:
            key = "decel_deg_s2" if joint.jerk_deg_s3 is None else "jerk_deg_s3"
            value = _decel(joint) if joint.jerk_deg_s3 is None else joint.jerk_deg_s3
            remedy = _remedy(joint, key, value, rig.arm.rate_hz)
            raise ConfigError(f"{where}: {key} {value:g}: {why}; {remedy}")


def _decel(joint: ArmJoint) -> float:
    return joint.decel_deg_s2 or joint.accel_deg_s2


def _too_weak(joint: ArmJoint, rate_hz: float) -> str:
    """The lower acceleration is proposed only where the joint could then still be stopped."""
    decel, accel = _decel(joint), joint.accel_deg_s2
    told = f"decel_deg_s2 {decel:g} is below accel_deg_s2 {accel:g}; raise decel_deg_s2 to {accel:g}"
    if not _refusal(replace(joint, accel_deg_s2=decel), rate_hz):
        told += f", or lower accel_deg_s2 to {decel:g}"
    return told


def _remedy(joint: ArmJoint, key: str, value: float, rate_hz: float) -> str:
    def passes(**change: float) -> bool:
        return not _refusal(replace(joint, **change), rate_hz)

    raised = lowered = ""
    most_raised = _MOST_DECEL_DEG_S2 if key == "decel_deg_s2" else _WITHIN * most_jerk(_decel(joint), 1 / rate_hz)
    if passes(**{key: most_raised}):
        least = _edge(value, most_raised, lambda more: passes(**{key: more}))
        raised = f"raise {key} to {_rounded(least, math.ceil):g}"
    slowest = joint.accel_deg_s2 / rate_hz  # slower, and the limiter refuses accel_deg_s2
    if passes(speed_deg_s=slowest):
        most = _edge(joint.speed_deg_s, slowest, lambda less: passes(speed_deg_s=less))
        rounded = _rounded(most, math.floor)
        if rounded >= slowest:
            lowered = f"lower speed_deg_s to {rounded:g}"
    if raised and lowered:
        return f"{raised}, or {lowered}"
    if raised:
        return raised
    return f"no {key} is enough" + (f": {lowered}" if lowered else "")


def _refusal(joint: ArmJoint, rate_hz: float) -> str:
    """Why, '' where it passes. Degrees throughout: `stopping` keeps the unit of what it is given."""
    jerk, speed = joint.jerk_deg_s3, joint.speed_deg_s
    if jerk is not None and math.radians(jerk) < LEAST_JERK_RAD * rate_hz**3:
        return f"below {math.degrees(LEAST_JERK_RAD) * rate_hz**3:.3g}, the rounding of positions would count"
    seconds, way = stopping(speed, joint.accel_deg_s2, _decel(joint), jerk)
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
