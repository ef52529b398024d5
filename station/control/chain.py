"""Joint angles -> where an arm's points are and how each joint moves them; plain floats, metres, the base frame.

The chain's numbers come from the rig's model (station/settings/model.py), which a test compares with the library that
read it: equal to 1e-9 m at any pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, sin

from station.settings.kinematics import Chain

Place = tuple[float, float, float]
Columns = list[Place]
"""One a joint that moves the point: metres a radian, in the base frame."""


class ArmChain:
    """One arm. `look` evaluates it at a pose; `places` and `columns` are of the last pose looked at."""

    def __init__(self, chain: Chain) -> None:
        self.radius_m = chain.radius_m
        self.arm_joints = tuple(joint.arm_joint for joint in chain.joints)
        self.points = chain.points
        self._base = (*chain.base[0], *chain.base[1], *chain.base[2])
        carried: list[list[tuple[int, float, float, float]]] = [[] for _ in range(len(chain.joints) + 1)]
        for index, point in enumerate(chain.points):
            carried[point.joints].append((index, *point.at_m))
        self._rows = tuple(
            (j.arm_joint, *j.offset_m, j.twist_cos, j.twist_sin, j.zero_rad, tuple(carried[i + 1]))
            for i, j in enumerate(chain.joints)
        )
        self.places: list[Place] = [point.at_m for point in chain.points]
        self.columns: list[Columns] = [[] for _ in chain.points]

    def look(self, position_rad: Sequence[float]) -> None:
        """`position_rad`: the whole arm's joints, in the arm's order."""
        xx, xy, xz, yx, yy, yz, zx, zy, zz = self._base
        ox = oy = oz = 0.0
        axes: list[tuple[float, float, float, float, float, float]] = []
        for joint, ax, ay, az, twist_cos, twist_sin, zero, carried in self._rows:
            ox += ax * xx + ay * yx + az * zx
            oy += ax * xy + ay * yy + az * zy
            oz += ax * xz + ay * yz + az * zz
            # Rx(twist): y, z turn about x
            ux = twist_cos * yx + twist_sin * zx
            uy = twist_cos * yy + twist_sin * zy
            uz = twist_cos * yz + twist_sin * zz
            zx = twist_cos * zx - twist_sin * yx
            zy = twist_cos * zy - twist_sin * yy
            zz = twist_cos * zz - twist_sin * yz
            # Rz(angle): x, y turn about the joint's axis
            angle = position_rad[joint] + zero
            c = cos(angle)
            s = sin(angle)
            yx = c * ux - s * xx
            yy = c * uy - s * xy
            yz = c * uz - s * xz
            xx = c * xx + s * ux
            xy = c * xy + s * uy
            xz = c * xz + s * uz
            axes.append((zx, zy, zz, ox, oy, oz))
            for index, px, py, pz in carried:
                x = ox + px * xx + py * yx + pz * zx
                y = oy + px * xy + py * yy + pz * zy
                z = oz + px * xz + py * yz + pz * zz
                self.places[index] = (x, y, z)
                self.columns[index] = [
                    (wy * (z - cz) - wz * (y - cy), wz * (x - cx) - wx * (z - cz), wx * (y - cy) - wy * (x - cx))
                    for wx, wy, wz, cx, cy, cz in axes
                ]
