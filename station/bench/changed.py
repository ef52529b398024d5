"""Emulated rigs changed so that they show what the shipped one never does; nothing here comes from a file."""

from __future__ import annotations

from typing import Final

import msgspec

from station.settings.rig import Rig

_TOO_FAST: Final = "right_j4"
_HURRY: Final = 2.5


def refusing(rig: Rig) -> Rig:
    """An emulated rig whose settings let the limiter go faster than one motor can, by its data sheet: as the gate knows
    the motors, it refuses. No file can say this (`settings/motors.py` refuses it); a real rig is never changed."""
    assert rig.emulated
    joints = []
    for joint in rig.arm.joints:
        if joint.name == _TOO_FAST:
            joint = msgspec.structs.replace(
                joint, scale=4.0, lower_deg=-700.0, upper_deg=700.0, speed_deg_s=550.0, accel_deg_s2=6000.0
            )
        joints.append(joint)
    return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, joints=tuple(joints), kinematics=None))


def at_full_speed(rig: Rig) -> Rig:
    """An emulated rig whose arm is asked for more than its joints' speeds, so that it moves at these."""
    joints = [msgspec.structs.replace(joint, scale=joint.scale * _HURRY) for joint in rig.arm.joints]
    return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, joints=tuple(joints), kinematics=None))
