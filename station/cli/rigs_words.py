"""What `station rigs` says of an arm's further limits, and of a workspace that cannot be worked in. Pure."""

from __future__ import annotations

import math
from itertools import combinations, product

from station.control.chain import ArmChain
from station.control.workspace import between, bounds_of
from station.settings.rig import Rig

_SLACK_MM = 0.5
"""Less would be told as 0 mm."""


def limits_of(rig: Rig) -> dict[str, str]:
    """Beside the joints' own positions, speeds and accelerations: which of them are on, and how large."""
    kinematics = rig.arm.kinematics
    smooth = [joint.name for joint in rig.arm.joints if joint.jerk_deg_s3 is not None]
    jerk = "no joint" if not smooth else ", ".join(smooth)
    if len(smooth) == len(rig.arm.joints):
        jerk = "all joints"
    if kinematics is None:
        nothing = "off: no [arm.kinematics]"
        return {"reduced_speed": nothing, "box": nothing, "keep_out": nothing, "apart": nothing, "jerk": jerk}
    speed = f"{kinematics.reduced_speed_mm_s:g} mm/s"
    box, apart = kinematics.box_mm, kinematics.apart_mm
    sides = zip("xyz", box.lower, box.upper) if box is not None else ()
    return {
        "reduced_speed": f"on, {speed}" if kinematics.reduced_speed else f"off; --reduced-speed: {speed}",
        "box": ", ".join(f"{axis} {low:g} to {high:g}" for axis, low, high in sides) + " mm" if box else "off",
        "keep_out": ", ".join(f"{side.name} at {side.offset_mm:g} mm" for side in kinematics.keep_out) or "off",
        "apart": "off" if apart is None else f"{apart:g} mm",
        "jerk": jerk,
    }


def outside(rig: Rig) -> list[str]:
    """Points that lie outside the workspace, and arms too near each other, at the pose of `start_deg`; a line each.

    The middle of all joints' travel, say, would be no pose to judge: nobody works there.
    """
    kinematics = rig.arm.kinematics
    if kinematics is None:
        return []
    pose = [math.radians(joint.start_deg) for joint in rig.arm.joints]
    chains = [ArmChain(chain) for chain in kinematics.chains]
    told = []
    for chain in chains:
        chain.look(pose)
        for point, (x, y, z) in zip(chain.points, chain.places):
            if not point.joints:  # nothing that the arm does moves it: it is not bounded
                continue
            for plane in bounds_of(kinematics):
                out_mm = (plane.x * x + plane.y * y + plane.z * z + chain.radius_m - plane.offset_m) * 1e3
                if out_mm > _SLACK_MM:
                    told.append(
                        f"{point.name} is {out_mm:.0f} mm outside {plane.name}{_with(chain)} at the start pose: "
                        "the robot could only come in"
                    )
    if kinematics.apart_mm is not None:
        for first, second in combinations(chains, 2):
            told += _too_near(first, second, kinematics.apart_mm)
    return told


def _with(chain: ArmChain) -> str:
    return f", radius_mm {chain.radius_m * 1e3:g} included," if chain.radius_m else ""


def _too_near(first: ArmChain, second: ArmChain, apart_mm: float) -> list[str]:
    """The nearest parts of two arms, where they are nearer than they may be."""
    axes_mm, i, j = min(
        (between(first.places[i], first.places[i + 1], second.places[j], second.places[j + 1])[0] * 1e3, i, j)
        for i, j in product(range(len(first.points) - 1), range(len(second.points) - 1))
    )
    between_mm = axes_mm - (first.radius_m + second.radius_m) * 1e3
    if between_mm >= apart_mm - _SLACK_MM:
        return []
    return [
        f"{first.points[i + 1].name} and {second.points[j + 1].name} are {apart_mm - between_mm:.0f} mm too near "
        f"(apart_mm {apart_mm:g}, between them {max(0.0, between_mm):.0f}) at the start pose: they could only part"
    ]
