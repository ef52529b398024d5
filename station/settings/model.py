"""Model file (MJCF or URDF) -> chains of plain numbers, by MuJoCo's own reading of the file at zero angles.

Only here is the library imported: at load, in the launcher. The control process gets numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from station.settings.errors import ConfigError
from station.settings.kinematics import ArmFrames, Chain, ChainJoint, ChainPoint, Kinematics, Triple
from station.settings.nearest import nearest

_RANGE_SLACK_RAD: Final = math.radians(0.01)
_PARALLEL: Final = 1e-9
_ON_AXIS_M: Final = 1e-9
_LIGHT: Final = 1e-3


def open_model(path: Path) -> Any:
    """MuJoCo's compiled model without shapes (a mesh that is not there does not matter), fixed links kept.

    Raises ConfigError for a file that is missing, or that MuJoCo does not read, in its words.
    """
    import mujoco

    if not path.is_file():
        raise ConfigError(f"arm.kinematics.model names {path.name!r}, which is not beside the rig file")
    try:
        spec = mujoco.MjSpec.from_file(str(path))
        for part in [*spec.geoms, *spec.skins, *spec.meshes, *spec.actuators, *spec.sensors]:
            spec.delete(part)
        spec.compiler.fusestatic = False
        spec.compiler.boundmass = _LIGHT
        spec.compiler.boundinertia = _LIGHT
        return spec.compile()
    except (ValueError, RuntimeError, mujoco.FatalError) as error:
        raise ConfigError(f"arm.kinematics.model {path.name!r} cannot be read: {error}") from error


def make_chains(settings: Kinematics, model: Any, limits_deg: Sequence[tuple[str, float, float]]) -> tuple[Chain, ...]:
    """One chain an arm. `limits_deg`: name, lower and upper limit of each arm joint. Raises ConfigError."""
    import mujoco

    data = mujoco.MjData(model)
    for index in range(model.njnt):
        if model.jnt_type[index] == mujoco.mjtJoint.mjJNT_HINGE:
            data.qpos[model.jnt_qposadr[index]] = 0.0
    mujoco.mj_kinematics(model, data)
    reader = _Reader(model, data, limits_deg)
    chains = tuple(reader.chain(arm) for arm in settings.arms)
    used = [joint.arm_joint for chain in chains for joint in chain.joints]
    for index in used:
        if used.count(index) > 1:
            raise ConfigError(f"arm.kinematics: arm joint {limits_deg[index][0]} stands in two arms; expected in one")
    return chains


class _Reader:
    def __init__(self, model: Any, data: Any, limits_deg: Sequence[tuple[str, float, float]]) -> None:
        import mujoco

        self._model, self._data, self._limits = model, data, limits_deg
        self._hinge = mujoco.mjtJoint.mjJNT_HINGE
        self._joints = {model.joint(i).name: i for i in range(model.njnt)}
        self._bodies = {model.body(i).name: i for i in range(model.nbody)}
        self._sites = {model.site(i).name: i for i in range(model.nsite)}

    def chain(self, arm: ArmFrames) -> Chain:
        where = f"arm.kinematics: arm {arm.name}"
        names = [limit[0] for limit in self._limits]
        of_model: dict[int, tuple[int, float]] = {}
        for arm_joint, spoken in arm.joints.items():
            if arm_joint not in names:
                raise ConfigError(f"{where}: {arm_joint!r} is not in arm.joints{nearest(arm_joint, names)}")
            sign, joint_name = (-1.0, spoken[1:]) if spoken.startswith("-") else (1.0, spoken)
            if joint_name not in self._joints:
                raise ConfigError(
                    f"{where}: the model has no joint {joint_name!r}{nearest(joint_name, list(self._joints))}"
                )
            index = self._joints[joint_name]
            if self._model.jnt_type[index] != self._hinge:
                raise ConfigError(f"{where}: joint {joint_name!r} of the model is no hinge; expected a turning joint")
            if index in of_model:
                raise ConfigError(f"{where}: joint {joint_name!r} of the model stands twice; expected once")
            of_model[index] = (names.index(arm_joint), sign)
            self._check_range(where, index, names.index(arm_joint), sign)
        tool_body, _ = self._place(where, "tool", arm.tool)
        order = self._upstream(tool_body)
        for index in order:
            if index not in of_model:
                raise ConfigError(
                    f"{where}: joint {self._model.joint(index).name!r} of the model moves {arm.tool!r} but no "
                    f"arm joint is mapped to it; add it to joints, or fix it in the model"
                )
        for index in of_model:
            if index not in order:
                raise ConfigError(
                    f"{where}: joint {self._model.joint(index).name!r} of the model does not move {arm.tool!r}; "
                    f"remove it from joints"
                )
        return self._normal_form(arm, where, order, of_model)

    def _check_range(self, where: str, index: int, arm_joint: int, sign: float) -> None:
        """The rig's limits must lie inside the model's: otherwise sign or zero differ, or it is another arm."""
        if not self._model.jnt_limited[index]:
            return
        low, high = (float(value) * sign for value in self._model.jnt_range[index])
        low, high = min(low, high) - _RANGE_SLACK_RAD, max(low, high) + _RANGE_SLACK_RAD
        name, lower_deg, upper_deg = self._limits[arm_joint]
        if not (low <= math.radians(lower_deg) and math.radians(upper_deg) <= high):
            raise ConfigError(
                f"{where}: {name} may go from {lower_deg:g} to {upper_deg:g} deg, but joint "
                f"{self._model.joint(index).name!r} of the model from {math.degrees(low):.1f} to "
                f"{math.degrees(high):.1f}; check its sign ('-' before the name) and zero, or narrow the limits"
            )

    def _place(self, where: str, key: str, name: str) -> tuple[int, Triple]:
        """(body that carries a frame, its place at zero angles)."""
        if name in self._sites:
            site = self._sites[name]
            return int(self._model.site_bodyid[site]), _triple(self._data.site_xpos[site])
        if name in self._bodies:
            return self._bodies[name], _triple(self._data.xpos[self._bodies[name]])
        known = [*self._bodies, *self._sites]
        raise ConfigError(f"{where}: {key}: the model has no body, link or site {name!r}{nearest(name, known)}")

    def _upstream(self, body: int) -> list[int]:
        """Joints between the base and a body, from the base."""
        found: list[int] = []
        while body > 0:
            first, count = int(self._model.body_jntadr[body]), int(self._model.body_jntnum[body])
            found = [*range(first, first + count), *found] if count else found
            body = int(self._model.body_parentid[body])
        return found

    def _normal_form(
        self, arm: ArmFrames, where: str, order: list[int], of_model: dict[int, tuple[int, float]]
    ) -> Chain:
        """Frame i: origin on axis i, z along it, x along z_i x z_(i+1), so that x turns z_i into z_(i+1)."""
        axes = [_scaled(_triple(self._data.xaxis[index]), of_model[index][1]) for index in order]
        origins = [_triple(self._data.xanchor[index]) for index in order]
        xs = [_normal(axes[i], axes[i + 1] if i + 1 < len(axes) else None) for i in range(len(axes))]
        x, z, origin = xs[0], axes[0], (0.0, 0.0, 0.0)
        base = (x, _cross(z, x), z)
        joints = []
        for i, index in enumerate(order):
            y = _cross(z, x)
            after_y = _cross(axes[i], x)
            shift = _minus(origins[i], origin)
            joints.append(
                ChainJoint(
                    arm_joint=of_model[index][0],
                    offset_m=(_dot(shift, x), _dot(shift, y), _dot(shift, z)),
                    twist_cos=_dot(z, axes[i]),
                    twist_sin=-_dot(y, axes[i]),
                    zero_rad=math.atan2(_dot(xs[i], after_y), _dot(xs[i], x)),
                )
            )
            x, z, origin = xs[i], axes[i], origins[i]
        frames = [("shoulder", arm.shoulder), ("elbow", arm.elbow), ("wrist", arm.wrist), ("tool", arm.tool)]
        points = []
        for key, name in frames:
            if name is None:
                continue
            body, place = self._place(where, key, name)
            moved_by = self._upstream(body)
            if moved_by != order[: len(moved_by)]:
                raise ConfigError(f"{where}: {key} {name!r} is not on the way from the base to tool {arm.tool!r}")
            points.append(_point(name, place, axes, xs, origins, len(moved_by)))
        for before, after in pairwise(points):
            if after.joints < max(before.joints, 1):
                raise ConfigError(
                    f"{where}: {after.name!r} does not come after {before.name!r} on the arm, or is fixed"
                )
        return Chain(
            name=arm.name, base=base, joints=tuple(joints), points=tuple(points), radius_m=arm.radius_mm * 1e-3
        )


def _point(
    name: str, place: Triple, axes: list[Triple], xs: list[Triple], origins: list[Triple], count: int
) -> ChainPoint:
    """Local place, and for each joint the largest distance from its axis: first hop at right angles, then stretched."""
    way = [*origins[:count], place]
    reach = []
    for i in range(count):
        hop = _minus(way[i + 1], way[i])
        across = math.sqrt(max(0.0, _dot(hop, hop) - _dot(hop, axes[i]) ** 2))
        reach.append(across + sum(math.dist(way[j], way[j + 1]) for j in range(i + 1, count)))
    while count and reach[-1] < _ON_AXIS_M:  # on its axis: not moved by this joint
        reach.pop()
        count -= 1
    at = place
    if count:
        x, z = xs[count - 1], axes[count - 1]
        shift = _minus(place, origins[count - 1])
        at = (_dot(shift, x), _dot(shift, _cross(z, x)), _dot(shift, z))
    return ChainPoint(name=name, joints=count, at_m=at, reach_m=tuple(reach))


def _triple(values: Any) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])


def _dot(a: Triple, b: Triple) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _minus(a: Triple, b: Triple) -> Triple:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _scaled(a: Triple, by: float) -> Triple:
    return a[0] * by, a[1] * by, a[2] * by


def _cross(a: Triple, b: Triple) -> Triple:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _normal(z: Triple, following: Triple | None) -> Triple:
    """A unit vector at right angles to z, and to the following axis where that points elsewhere."""
    across = _cross(z, following) if following is not None else (0.0, 0.0, 0.0)
    if _dot(across, across) < _PARALLEL:
        least = min(range(3), key=lambda axis: abs(z[axis]))
        across = _cross(z, (float(least == 0), float(least == 1), float(least == 2)))
    return _scaled(across, 1.0 / math.sqrt(_dot(across, across)))
