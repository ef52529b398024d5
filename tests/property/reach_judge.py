"""Judges tools, elbows and workspace from the positions sent alone, by MuJoCo's kinematics and distances.

Knows nothing of the restraint's formulas: places are differenced for speed; between the arms MuJoCo measures the
distance of two capsules. Metres, the model's base frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from station.settings.rig import Rig

Array = NDArray[np.float64]
KINDS: Final = ("tool_speed", "workspace", "apart")
SLACK_M: Final = 1e-9
_FAR_M: Final = 10.0


class ReachJudge:
    """Of one rig; `model` is the file that the rig names."""

    def __init__(self, rig: Rig, model: Path) -> None:
        assert rig.arm.kinematics is not None
        self.settings = rig.arm.kinematics
        self.period_s = 1.0 / rig.arm.rate_hz
        spec = mujoco.MjSpec.from_file(str(model))
        for arm in self.settings.arms:
            for part in range(3):
                spec.worldbody.add_geom(
                    name=f"judge_{arm.name}_{part}",
                    type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                    size=[arm.radius_mm * 1e-3, 0.1, 0.0],
                )
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        names = [joint.name for joint in rig.arm.joints]
        self._angles = [
            (self.model.joint(name.lstrip("-")).qposadr[0], names.index(joint), -1.0 if name.startswith("-") else 1.0)
            for arm in self.settings.arms
            for joint, name in arm.joints.items()
        ]
        self._frames = [
            [self._frame(name) for name in (arm.shoulder, arm.elbow, arm.wrist, arm.tool) if name is not None]
            for arm in self.settings.arms
        ]
        self._capsules = [
            [self.model.geom(f"judge_{arm.name}_{part}").id for part in range(len(frames) - 1)]
            for arm, frames in zip(self.settings.arms, self._frames)
        ]

    def _frame(self, name: str) -> tuple[bool, int]:
        site = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_SITE, name)
        return (True, site) if site >= 0 else (False, self.model.body(name).id)

    def places(self, position_rad: Array) -> Array:
        """[arms, frames, 3]: shoulder, elbow, wrist, tool."""
        for address, joint, sign in self._angles:
            self.data.qpos[address] = sign * position_rad[joint]
        mujoco.mj_kinematics(self.model, self.data)
        return np.array(
            [[self.data.site_xpos[i] if site else self.data.xpos[i] for site, i in arm] for arm in self._frames]
        )

    def gap(self, places: Array) -> float:
        """Least distance between the surfaces of the first two arms."""
        for capsules, frames in zip(self._capsules, places):
            for capsule, low, high in zip(capsules, frames, frames[1:]):
                along = high - low
                length = float(np.linalg.norm(along))
                z = along / length
                x = np.cross(z, np.eye(3)[int(np.argmin(np.abs(z)))])
                x /= np.linalg.norm(x)
                self.model.geom_size[capsule, 1] = length / 2
                self.data.geom_xpos[capsule] = (low + high) / 2
                self.data.geom_xmat[capsule] = np.column_stack([x, np.cross(z, x), z]).ravel()
        return min(
            mujoco.mj_geomDistance(self.model, self.data, a, b, _FAR_M, None)
            for a in self._capsules[0]
            for b in self._capsules[1]
        )

    def outside_m(self, places: Array) -> float:
        """How far any elbow, wrist or tool with the arm's thickness stands beyond box or planes; negative: inside."""
        worst = -np.inf
        for arm, frames in zip(self.settings.arms, places):
            for at in frames[1:]:
                if self.settings.box_mm is not None:
                    worst = max(worst, *(np.array(self.settings.box_mm.lower) * 1e-3 + arm.radius_mm * 1e-3 - at))
                    worst = max(worst, *(at + arm.radius_mm * 1e-3 - np.array(self.settings.box_mm.upper) * 1e-3))
                for side in self.settings.keep_out:
                    normal = np.array(side.normal) / np.linalg.norm(side.normal)
                    worst = max(worst, normal @ at + arm.radius_mm * 1e-3 - side.offset_mm * 1e-3)
        return float(worst)

    def judge(self, start_rad: Array, sent_rad: Array, every: int = 1) -> tuple[dict[str, int], dict[str, float]]:
        """Ticks that break a bound, by kind, and the worst values seen (mm/s, mm). sent_rad [ticks, joints].

        Speeds of every tick; places are looked at every so many ticks.
        """
        found = dict.fromkeys(KINDS, 0)
        worst = {"tool_speed": 0.0, "workspace": -np.inf, "apart": np.inf}
        before = self.places(start_rad)
        limit = self.settings.reduced_speed_mm_s * 1e-3 if self.settings.reduced_speed else np.inf
        for tick, position in enumerate(sent_rad):
            places = self.places(position)
            moved = float(np.max(np.linalg.norm(places - before, axis=2)))
            worst["tool_speed"] = max(worst["tool_speed"], moved / self.period_s * 1e3)
            found["tool_speed"] += not moved <= limit * self.period_s + SLACK_M
            if tick % every == 0:
                outside = self.outside_m(places)
                worst["workspace"] = max(worst["workspace"], outside * 1e3)
                found["workspace"] += not outside <= SLACK_M
                if self.settings.apart_mm is not None:
                    gap = self.gap(places) * 1e3
                    worst["apart"] = min(worst["apart"], gap)
                    found["apart"] += not gap >= self.settings.apart_mm - SLACK_M * 1e3
            before = places
        return found, worst
