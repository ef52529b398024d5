"""The jerk limit under random search: limits that can be kept, inputs, the shipped limiter, known-bad forms."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from station.control.jerk import LEAST_JERK_RAD, MOST_STOP_S, stopping
from station.control.limit import JointLimits, Limiter, Restrains
from tests.bench.limiter_forms import Inputs, joint_limits, make_rows, random_inputs, random_limits, run, tick
from tests.property.limiter_judge import Array, Bounds

BAD: Final = ("none", "clip")
"""none: the limiter without jerk. clip: its step, its bend then clipped to the last one's neighbourhood."""


@dataclass(frozen=True)
class JerkInputs:
    """What is asked: `inputs`, and in which ticks the limiter brakes (hold) or follows slowly (rad/s, else inf)."""

    inputs: Inputs
    hold: NDArray[np.bool_]
    slow_rad_s: Array


def random_jerk_limits(rng: np.random.Generator, joints: int, period_s: float) -> Bounds:
    """As `random_limits`, slowed down to what can stop; jerks from the least accepted to what no longer counts."""
    bounds = random_limits(rng, joints, period_s)
    travel = bounds.upper_rad - bounds.lower_rad
    fast = np.minimum(bounds.speed_rad_s, 0.6 * MOST_STOP_S * bounds.decel_rad_s2)
    fast = np.minimum(fast, np.sqrt(1.5 * bounds.decel_rad_s2 * travel))
    accel = np.minimum(bounds.accel_rad_s2, 0.999 * fast / period_s)
    recovery = np.minimum(bounds.recovery_rad_s, fast)
    decel = np.maximum(accel, bounds.decel_rad_s2)
    least = [_least_jerk(*row, period_s) for row in zip(fast, accel, decel, travel)]
    most = 20 * decel / period_s
    jerk = np.array(least) * (np.maximum(most / least, 1.01) ** (rng.uniform(0.0, 1.0, joints) ** 1.5))
    return replace(
        bounds, speed_rad_s=fast, accel_rad_s2=accel, decel_rad_s2=decel, recovery_rad_s=recovery, jerk_rad_s3=jerk
    )


def _least_jerk(speed: float, accel: float, decel: float, travel: float, period_s: float) -> float:
    jerk = LEAST_JERK_RAD / period_s**3 * 1.001
    while True:
        seconds, way = stopping(speed, accel, decel, jerk)
        if seconds <= MOST_STOP_S and way <= travel:
            return jerk
        jerk *= 1.1


def jerk_limits(bounds: Bounds, joint: int) -> JointLimits:
    assert bounds.jerk_rad_s3 is not None
    return replace(joint_limits(bounds, joint), jerk_rad_s3=float(bounds.jerk_rad_s3[joint]))


def random_jerk_inputs(rng: np.random.Generator, bounds: Bounds, ticks: int) -> JerkInputs:
    hold = np.zeros(ticks, dtype=bool)
    slow = np.full(ticks, np.inf)
    k = 0
    while k < ticks:
        length = int(10 ** rng.uniform(0, 2))
        kind = rng.random()
        if kind < 0.15:
            hold[k : k + length] = True
        elif kind < 0.3:
            slow[k : k + length] = 10 ** rng.uniform(-3, 1)
        k += length
    return JerkInputs(random_inputs(rng, bounds, ticks), hold, slow)


def run_shipped(bounds: Bounds, asked: JerkInputs, period_s: float, restraint: Restrains | None = None) -> Array:
    """What the station's limiter sends: [ticks, joints]. `restraint`: what holds it back."""
    inputs = asked.inputs
    limiter = Limiter([jerk_limits(bounds, joint) for joint in range(len(bounds.lower_rad))], period_s, restraint)
    limiter.start(inputs.start_rad.tolist())
    sent = np.empty_like(inputs.target_rad)
    scale = 1.0
    slow = asked.slow_rad_s.tolist()
    for k, target in enumerate(inputs.target_rad.tolist()):
        if inputs.scale[k] != scale:
            scale = float(inputs.scale[k])
            limiter.set_speed_scale(scale)
        if inputs.restarted[k]:
            limiter.missed()
        if asked.hold[k]:
            command = limiter.brake(1, k)
        elif math.isfinite(slow[k]):
            command = limiter.follow_slowly(target, slow[k], 1, k)
        else:
            command = limiter.follow(target, 1, k)
        sent[k] = command.position_rad
    return sent


def run_bad(form: str, bounds: Bounds, inputs: Inputs, period_s: float) -> Array:
    """What a known-bad form sends."""
    if form == "none":
        return run("g", bounds, inputs, period_s)
    assert form == "clip" and bounds.jerk_rad_s3 is not None
    jerk = bounds.jerk_rad_s3 * period_s**3
    rows = make_rows(bounds, period_s, 1.0)
    position = wish = inputs.start_rad
    step = bend = np.zeros_like(position)
    sent = np.empty_like(inputs.target_rad)
    for k in range(len(sent)):
        if inputs.restarted[k]:
            step, bend, wish = np.zeros_like(position), np.zeros_like(position), position
        _, wanted, wish = tick("g", rows, position, step, wish, inputs.target_rad[k])
        bend = np.clip(wanted - step, bend - jerk, bend + jerk)
        step = step + bend
        position = position + step
        sent[k] = position
    return sent


def jerk_caps(bounds: Bounds, asked: JerkInputs) -> Array:
    """[ticks, joints]: the speed limit in force."""
    caps = asked.inputs.scale[:, None] * bounds.speed_rad_s[None, :]
    slow = np.where(asked.hold, np.inf, asked.slow_rad_s)
    return np.minimum(caps, slow[:, None])
