"""JointAngles -> ArmTarget: which leader joint each arm joint copies, with scale and offset; rad in arm joint order."""

from __future__ import annotations

import math

from station.settings.rig import Rig
from station.signals import ArmTarget, JointAngles


class Retargeter:
    """arm = scale * leader + offset, joint by joint (leader and arm of like kinematics)."""

    def __init__(self, rig: Rig) -> None:
        order = {joint.name: index for index, joint in enumerate(rig.leader.joints)}
        self._rows = tuple(
            (order[joint.leader], joint.scale, math.radians(joint.offset_deg)) for joint in rig.arm.joints
        )

    def retarget(self, angles: JointAngles) -> ArmTarget:
        angle_rad = angles.angle_rad
        return ArmTarget(tuple([scale * angle_rad[index] + offset for index, scale, offset in self._rows]), angles.t_ns)
