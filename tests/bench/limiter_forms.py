"""Forms of the limiter over many joints at once, in numpy: the shipped (bit-identical), the exact, known-bad ones.

For searches of 10^8 joint-ticks and for testing the tests: the same inputs, the same judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from station.control.limit import JointLimits
from tests.property.limiter_judge import Array, Bounds

GOOD: Final = ("g", "phi")
"""g: shipped, max(0, sqrt(2 D d) - D T/2). phi: the exact largest safe speed."""
BAD: Final = ("usual", "sequence", "gap")
"""usual: sqrt(2 D d). sequence: position, speed, acceleration clipped one after another. gap: (limit - p)/T."""


@dataclass(frozen=True)
class Rows:
    """The limiter's own row, one entry a joint; rad and ticks."""

    lower: Array
    upper: Array
    far: Array
    cap: Array
    up: Array
    down: Array
    twice: Array
    half: Array
    recovery: Array


def random_limits(rng: np.random.Generator, joints: int, period_s: float) -> Bounds:
    """From slow and narrow to fast and wide; some joints with asymmetric deceleration, some with A T close to V."""
    speed = 10 ** rng.uniform(-1.3, 1.3, joints)
    accel = np.minimum(10 ** rng.uniform(-0.5, 3.0, joints), 0.999 * speed / period_s)
    decel = accel * np.where(rng.random(joints) < 0.5, 1.0, rng.uniform(1.0, 4.0, joints))
    lower = rng.uniform(-4, 3, joints)
    return Bounds(
        lower_rad=lower,
        upper_rad=lower + 10 ** rng.uniform(-2, 0.8, joints),
        speed_rad_s=speed,
        accel_rad_s2=accel,
        decel_rad_s2=decel,
        recovery_rad_s=speed * rng.uniform(0.01, 1.0, joints),
    )


def joint_limits(bounds: Bounds, joint: int) -> JointLimits:
    return JointLimits(
        f"j{joint}",
        float(bounds.lower_rad[joint]),
        float(bounds.upper_rad[joint]),
        float(bounds.speed_rad_s[joint]),
        float(bounds.accel_rad_s2[joint]),
        float(bounds.decel_rad_s2[joint]),
        None,
        float(bounds.recovery_rad_s[joint]),
    )


def make_rows(bounds: Bounds, period_s: float, scale: float) -> Rows:
    """As `Limiter._make_rows`."""
    down = bounds.decel_rad_s2 * period_s**2
    half = down / 2
    most = bounds.speed_rad_s * period_s
    return Rows(
        lower=bounds.lower_rad,
        upper=bounds.upper_rad,
        far=(most + half) ** 2 / (2 * down),
        cap=bounds.speed_rad_s * scale * period_s,
        up=bounds.accel_rad_s2 * period_s**2,
        down=down,
        twice=2 * down,
        half=half,
        recovery=bounds.recovery_rad_s * scale * period_s,
    )


def wall_of(form: str, rows: Rows, room: Array) -> Array:
    """Largest safe step towards a wall `room` away."""
    clear = np.maximum(room, 0.0)
    if form == "gap":
        return clear
    if form in ("usual", "sequence"):
        return np.sqrt(rows.twice * clear)
    if form == "phi":
        delta = clear / rows.down
        n = np.floor((np.sqrt(1 + 8 * delta) - 1) / 2)
        return rows.down * (delta / (n + 1) + n / 2)
    wall = np.where(room > 0.0, np.sqrt(rows.twice * clear) - rows.half, 0.0)
    return np.where(room < rows.far, np.where(wall > 0.0, wall, 0.0), np.inf)


def tick(form: str, rows: Rows, position: Array, step: Array, wish: Array, target: Array) -> tuple[Array, Array, Array]:
    """(position, step, wish) after one tick. For "g" each double is the one that `Limiter._tick` computes."""
    with np.errstate(invalid="ignore", over="ignore"):
        room_up = rows.upper - position
        room_down = position - rows.lower
        is_outside = (room_up < 0.0) | (room_down < 0.0)
        cap = np.where(is_outside, np.minimum(rows.cap, rows.recovery), rows.cap)
        is_lost = ~(target - target == 0.0)
        aim = np.where(is_lost, position, np.minimum(np.maximum(target, rows.lower), rows.upper))
        if form == "sequence":
            return _sequence(rows, position, step, cap, np.where(is_lost, position, aim))
        behind = wish - position
        reach = np.sqrt(rows.twice * np.abs(behind))
        want = np.where(
            (-rows.down <= behind) & (behind <= rows.down),
            aim - position,
            np.where(behind > 0.0, aim - wish + reach - rows.half, aim - wish - reach + rows.half),
        )
        want = np.where(is_lost, 0.0, want)
        forward = step >= 0.0
        most = np.where(forward, step + rows.up, step + rows.down)
        least = np.where(forward, step - rows.down, step - rows.up)
        cap = np.where(forward & (least > cap), least, np.where(~forward & (-most > cap), -most, cap))
        least = np.where(forward & (least < 0.0), (step / rows.down - 1.0) * rows.up, least)
        most = np.where(~forward & (most > 0.0), (step / rows.down + 1.0) * rows.up, most)
        most = np.minimum(most, cap)
        least = np.maximum(least, -cap)
        wall_up, wall_down = wall_of(form, rows, room_up), -wall_of(form, rows, room_down)
        most = np.minimum(most, wall_up)
        least = np.where(most == wall_up, np.minimum(least, most), least)
        least = np.maximum(least, wall_down)
        most = np.where(least == wall_down, np.maximum(most, least), most)
        want = np.where(want > most, most, np.where(want < least, least, want))
        sent = position + want
        if form in GOOD:
            sent = np.where((sent > rows.upper) & (room_up >= 0.0), rows.upper, sent)
            sent = np.where((sent < rows.lower) & (room_down >= 0.0), rows.lower, sent)
        return sent, sent - position, np.where(is_lost, sent, aim)


def _sequence(rows: Rows, position: Array, step: Array, cap: Array, aim: Array) -> tuple[Array, Array, Array]:
    want = np.clip(
        aim - position,
        -wall_of("sequence", rows, position - rows.lower),
        wall_of("sequence", rows, rows.upper - position),
    )
    want = np.clip(want, -cap, cap)
    want = np.clip(want, step - rows.up, step + rows.up)
    sent = position + want
    return sent, sent - position, aim


@dataclass(frozen=True)
class Inputs:
    """A sequence for every joint: what is asked, and what changes under way."""

    start_rad: Array
    target_rad: Array
    """[ticks, joints]"""
    scale: Array
    """[ticks]: the speed scale in force."""
    restarted: NDArray[np.bool_]
    """[ticks]: slots were missed before this tick."""


_EXTREMES: Final = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, 1e-308])


def random_inputs(rng: np.random.Generator, bounds: Bounds, ticks: int, calm: bool = False) -> Inputs:
    """Adversarial: jumps, extremes, ramps, sines at all rates, noise; starts inside, at and outside the limits.

    `calm`: no restarts and no changes of limits.
    """
    joints = len(bounds.lower_rad)
    span = bounds.upper_rad - bounds.lower_rad
    middle = bounds.lower_rad + span / 2
    start = bounds.lower_rad + span * rng.uniform(0, 1, joints)
    kind = rng.random(joints)
    start = np.where(kind < 0.1, bounds.lower_rad, np.where(kind < 0.2, bounds.upper_rad, start))
    start = np.where(kind > 0.9, middle + span * rng.uniform(-1.5, 1.5, joints), start)
    target = np.empty((ticks, joints))
    rate = 10 ** rng.uniform(-3, 0.5, joints)
    size = span * rng.uniform(0, 1.5, joints)
    phase = rng.uniform(0, 6.28, joints)
    swap = 10 ** rng.uniform(-2.5, -0.3, joints)  # chance a tick of asking for something else
    held = start.copy()
    style = rng.integers(0, 4, joints)
    for k in range(ticks):
        change = rng.random(joints) < swap
        pick = rng.random(joints)
        fresh = np.where(
            pick < 0.3,
            middle + span * rng.uniform(-0.55, 0.55, joints),
            np.where(
                pick < 0.6,
                np.where(rng.random(joints) < 0.5, bounds.lower_rad, bounds.upper_rad),
                np.where(pick < 0.9, middle + span * rng.choice([-5.0, 5.0], joints), rng.choice(_EXTREMES, joints)),
            ),
        )
        held = np.where(change, fresh, held)
        wave = middle + size * np.sin(rate * k + phase)
        noise = held + span * 0.02 * rng.standard_normal(joints)
        target[k] = np.select([style == 0, style == 1], [wave, noise], held)
    scale = np.ones(ticks)
    restarted = np.zeros(ticks, dtype=bool)
    if not calm:
        now = 1.0
        for k in range(ticks):
            if rng.random() < 0.01:
                now = float(rng.choice([1.0, rng.uniform(0.01, 1.0)]))
            scale[k] = now
        restarted = rng.random(ticks) < 0.005
    return Inputs(start, target, scale, restarted)


def run(form: str, bounds: Bounds, inputs: Inputs, period_s: float) -> Array:
    """What the form sends: [ticks, joints]."""
    position = inputs.start_rad
    step = np.zeros_like(position)
    wish = position
    sent = np.empty_like(inputs.target_rad)
    scale, rows = 1.0, make_rows(bounds, period_s, 1.0)
    for k in range(len(sent)):
        if inputs.scale[k] != scale:
            scale = float(inputs.scale[k])
            rows = make_rows(bounds, period_s, scale)
        if inputs.restarted[k]:
            step, wish = np.zeros_like(position), position
        position, step, wish = tick(form, rows, position, step, wish, inputs.target_rad[k])
        sent[k] = position
    return sent


def caps(bounds: Bounds, inputs: Inputs) -> Array:
    """[ticks, joints]: the speed limit in force."""
    return inputs.scale[:, None] * bounds.speed_rad_s[None, :]
