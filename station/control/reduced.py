"""Reduced speed: no elbow, wrist or tool faster than so many mm/s, from this tick to the end of the hardest braking.

Scaling a step by the Jacobian keeps only the step itself: joints that cancelled each other stop at different times, and
the tool is faster while braking than it was before. Here a step counts as slow only if every tick of the braking after
it is slow too. Between the times at which joints come to rest the point's speed is the length of a linear function of
time, so its largest value stands at one of those times; what the motion itself changes of the Jacobian is bounded by
the second derivative: |d2x / dq_i dq_j| <= the reach of the outer of both joints.

Steps are rad a tick, decelerations rad a tick a tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from station.control.chain import Columns

_ROUNDING_M: Final = 1e-9


def joint_caps(reaches_m: Sequence[tuple[int, float]], speed_m_s: float) -> dict[int, float]:
    """Speed (rad/s) at which each joint alone, the arm stretched out, moves the farthest point at the limit.

    `reaches_m`: (arm joint, largest distance of a point from its axis); of several entries the lowest cap counts.
    """
    caps: dict[int, float] = {}
    for joint, reach in reaches_m:
        if reach > 0.0:
            caps[joint] = min(caps.get(joint, speed_m_s / reach), speed_m_s / reach)
    return caps


def braking_travel(step: float, down: float) -> float:
    """At least what a joint moves from this step on when it brakes, this step included; rad, not signed."""
    return (abs(step) + down / 2) ** 2 / (2 * down) if step else 0.0


def is_slow(
    columns: Columns,
    reach_m: Sequence[float],
    steps: Sequence[float],
    travels: Sequence[float],
    downs: Sequence[float],
    most_m: float,
) -> bool:
    """Whether a point moves at most `most_m` a tick in this step and in every tick of the braking after it.

    All arguments by joint of the chain (more than move the point may be given): `columns` where the step begins,
    `travels` from `braking_travel`.
    """
    total = bend = steps_before = travels_before = 0.0
    vx = vy = vz = 0.0
    for (cx, cy, cz), reach, step, travel in zip(columns, reach_m, steps, travels):
        if step:
            size = step if step > 0.0 else -step
            total += size * reach
            bend += reach * (size * (travel + travels_before) + steps_before * travel)
            steps_before += size
            travels_before += travel
            vx += cx * step
            vy += cy * step
            vz += cz * step
    most_m -= _ROUNDING_M
    if total <= most_m:
        return True
    most_m -= bend
    if most_m <= 0.0:
        return False
    most = most_m * most_m
    if vx * vx + vy * vy + vz * vz > most:
        return False
    stops = []
    wx = wy = wz = 0.0
    for column, step, down in zip(columns, steps, downs):
        if step:
            cx, cy, cz = column
            rate = down if step > 0.0 else -down
            wx += cx * rate
            wy += cy * rate
            wz += cz * rate
            stops.append((step / rate, step, rate, column))
    stops.sort()
    for time, step, rate, (cx, cy, cz) in stops:
        # Speed at this joint's rest: of all joints still moving (its own share is zero now).
        x, y, z = vx - time * wx, vy - time * wy, vz - time * wz
        if x * x + y * y + z * z > most:
            return False
        vx -= cx * step
        vy -= cy * step
        vz -= cz * step
        wx -= cx * rate
        wy -= cy * rate
        wz -= cz * rate
    return True
