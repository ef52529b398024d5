"""Where the arms may be: planes that a point must not pass, and a distance between two arms; over a whole braking.

Everything is a linear bound on points. Between two arms: n, the unit vector between the closest points of two capsules'
axes, separates them at least as long as the lowest n . p of the one stays above the highest of the other. What a
linear prediction leaves out is at most half the second derivative times the joints' travel (see reduced.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt
from typing import NamedTuple

from station.control.chain import Columns, Place
from station.settings.kinematics import Kinematics


class Plane(NamedTuple):
    """normal . p <= offset_m is allowed; the normal has length 1."""

    name: str
    x: float
    y: float
    z: float
    offset_m: float


def bounds_of(kinematics: Kinematics) -> list[Plane]:
    """The rig's box and forbidden sides."""
    planes = []
    if kinematics.box_mm is not None:
        lower, upper = kinematics.box_mm.lower, kinematics.box_mm.upper
        for index, axis in enumerate("xyz"):
            x, y, z = (float(index == other) for other in range(3))
            planes.append(Plane(f"box {axis} upper", x, y, z, upper[index] * 1e-3))
            planes.append(Plane(f"box {axis} lower", -x, -y, -z, -lower[index] * 1e-3))
    for side in kinematics.keep_out:
        length = hypot(*side.normal)
        x, y, z = (part / length for part in side.normal)
        planes.append(Plane(side.name, x, y, z, side.offset_mm * 1e-3))
    return planes


def bend_m(reach_m: Sequence[float], travels: Sequence[float]) -> float:
    """How far a point can be from where its columns predict it, anywhere on the joints' way (rad, unsigned)."""
    bend = before = 0.0
    for reach, travel in zip(reach_m, travels):
        if travel:
            bend += reach * travel * (travel / 2 + before)
            before += travel
    return bend


def highest_m(slopes: Sequence[float], steps: Sequence[float], downs: Sequence[float], enough_m: float) -> float:
    """Largest sum of slope x angle moved after this step and after each tick of the braking.

    An upper bound that is at most `enough_m` is good enough and cheaper.
    """
    first = rest = 0.0
    for slope, step, down in zip(slopes, steps, downs):
        if step:
            now = slope * step
            first += now
            if now > 0.0:
                size = step if step > 0.0 else -step
                rest += now * ((size + down / 2) ** 2 / (2 * down) / size - 1.0)
    if first + rest <= enough_m:
        return first + rest
    # After k ticks of braking a joint has moved a + k (a - d/2) - k^2 d/2, up to the tick in which it rests: between
    # two such ticks the sum is one parabola, largest at an end or at its top.
    moving = []
    constant = linear = square = at_rest = 0.0
    for slope, step, down in zip(slopes, steps, downs):
        if step:
            size = step if step > 0.0 else -step
            if step < 0.0:
                slope = -slope
            moving.append((int(size / down), slope, size, down))
            constant += slope * size
            linear += slope * (size - down / 2)
            square += slope * down / 2
    moving.sort()
    most, begin = first, 0
    for last, slope, size, down in moving:
        if last > begin:
            if square > 0.0:
                top = linear / (2 * square)
                if begin < top < last:
                    most = max(most, at_rest + constant + (linear - square * top) * top)
            most = max(most, at_rest + constant + (linear - square * last) * last)
            begin = last
        at_rest += slope * (size + (size - down / 2 - down / 2 * last) * last)
        constant -= slope * size
        linear -= slope * (size - down / 2)
        square -= slope * down / 2
    return most


def slopes_along(columns: Columns, x: float, y: float, z: float) -> list[float]:
    return [x * cx + y * cy + z * cz for cx, cy, cz in columns]


def between(a: Place, b: Place, c: Place, d: Place) -> tuple[float, float, float, float]:
    """(distance, unit vector from segment c-d to segment a-b); the vector is 0 where they touch.

    Closest points of two segments: Ericson, Real-Time Collision Detection (2005), section 5.1.9.
    """
    ax, ay, az = a
    cx, cy, cz = c
    ux, uy, uz = b[0] - ax, b[1] - ay, b[2] - az
    vx, vy, vz = d[0] - cx, d[1] - cy, d[2] - cz
    rx, ry, rz = ax - cx, ay - cy, az - cz
    uu = ux * ux + uy * uy + uz * uz
    vv = vx * vx + vy * vy + vz * vz
    uv = ux * vx + uy * vy + uz * vz
    ur = ux * rx + uy * ry + uz * rz
    vr = vx * rx + vy * ry + vz * rz
    denominator = uu * vv - uv * uv
    s = (uv * vr - ur * vv) / denominator if denominator > 1e-12 else 0.0
    s = 0.0 if s < 0.0 else min(s, 1.0)
    t = (uv * s + vr) / vv if vv > 1e-12 else -1.0  # c-d is a point: what is nearest to c
    if t < 0.0 or t > 1.0:
        t = 0.0 if t < 0.0 else 1.0
        s = (uv * t - ur) / uu if uu > 1e-12 else 0.0
        s = 0.0 if s < 0.0 else min(s, 1.0)
    x, y, z = rx + s * ux - t * vx, ry + s * uy - t * vy, rz + s * uz - t * vz
    distance = sqrt(x * x + y * y + z * z)
    if distance < 1e-9:
        return distance, 0.0, 0.0, 0.0
    return distance, x / distance, y / distance, z / distance
