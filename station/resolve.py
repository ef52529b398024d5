"""A checked rig file, ready to be run: drivers that exist, limits that can be kept, emulated far ends' ports filled in.

Imports no driver, so that the command line starts fast.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import msgspec

from station import emulated
from station.control.chain import ArmChain
from station.control.limit import JointLimits, Limiter
from station.control.reduced import joint_caps
from station.control.restraint import Restraint
from station.control.workspace import bounds_of
from station.settings.errors import ConfigError
from station.settings.rig import Rig
from station.stop_check import check_stops

LEADERS: Final = ("ker", "exo_wire")
ARMS: Final = ("damiao",)
_WITH_INPUTS: Final = ("exo_wire",)
"""Leaders whose wire carries switches."""
_RECOVERY_RAD_S: Final = math.radians(10)


def resolve(rig: Rig, runtime: Path) -> Rig:
    """The rig with the ports of its emulated far ends filled in. Raises ConfigError for a driver nobody knows."""
    if rig.leader.driver not in LEADERS:
        raise ConfigError(f"{rig.where}: leader.driver is {rig.leader.driver!r}; expected one of {', '.join(LEADERS)}")
    if rig.arm.driver not in ARMS:
        raise ConfigError(f"{rig.where}: arm.driver is {rig.arm.driver!r}; expected one of {', '.join(ARMS)}")
    for key in ("enable_switch", "emergency_stop"):
        if getattr(rig.leader, key) == "required" and rig.leader.driver not in _WITH_INPUTS:
            raise ConfigError(
                f"{rig.where}: leader.{key} is 'required', and a {rig.leader.driver} leader has none; expected "
                f"'used', or a leader with one ({', '.join(_WITH_INPUTS)})"
            )
    check_stops(rig)
    make_limiter(rig)  # impossible limits are an error of the file, before anything is started
    if not rig.emulated:
        return rig
    leader = msgspec.structs.replace(rig.leader, port=str(runtime / emulated.LEADER_TTY))
    buses = tuple(
        msgspec.structs.replace(bus, interface="station_hub", channel=str(emulated.bus_socket(runtime, bus.name)))
        for bus in rig.arm.buses
    )
    return msgspec.structs.replace(rig, leader=leader, arm=msgspec.structs.replace(rig.arm, buses=buses))


def with_leader(rig: Rig, driver: str) -> Rig:
    """An emulated rig with another make of leader. Raises ConfigError."""
    driver = driver.replace("-", "_")
    if not rig.emulated:
        raise ConfigError(f"rig {rig.name} is real; its leader is named in its file, not by --leader")
    if driver not in LEADERS:
        raise ConfigError(f"--leader is {driver!r}; expected one of {', '.join(LEADERS)}")
    return msgspec.structs.replace(rig, leader=msgspec.structs.replace(rig.leader, driver=driver))


def with_reduced_speed(rig: Rig) -> Rig:
    """The rig in reduced-speed mode. Raises ConfigError for a rig that does not know where its tools are."""
    if rig.arm.kinematics is None:
        raise ConfigError(f"{rig.where}: no [arm.kinematics]; --reduced-speed needs it to know the tools' speed")
    kinematics = msgspec.structs.replace(rig.arm.kinematics, reduced_speed=True)
    return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, kinematics=kinematics))


def make_limiter(rig: Rig) -> Limiter:
    """Raises ConfigError for limits that cannot be kept."""
    caps = _reduced_speeds(rig)
    speeds = [min(math.radians(j.speed_deg_s), caps.get(i, math.inf)) for i, j in enumerate(rig.arm.joints)]
    limits = [
        JointLimits(
            name=joint.name,
            lower_rad=math.radians(joint.lower_deg),
            upper_rad=math.radians(joint.upper_deg),
            speed_rad_s=speed,
            accel_rad_s2=math.radians(joint.accel_deg_s2),
            decel_rad_s2=math.radians(joint.decel_deg_s2 or joint.accel_deg_s2),
            jerk_rad_s3=None if joint.jerk_deg_s3 is None else math.radians(joint.jerk_deg_s3),
            recovery_speed_rad_s=min(_RECOVERY_RAD_S, speed),
        )
        for joint, speed in zip(rig.arm.joints, speeds)
    ]
    try:
        return Limiter(limits, 1.0 / rig.arm.rate_hz, make_restraint(rig))
    except ValueError as error:
        raise ConfigError(f"{rig.where}: {error}") from error


def make_restraint(rig: Rig) -> Restraint | None:
    """What holds tools, elbows and arms back; None where the rig asks for nothing of the kind."""
    kinematics = rig.arm.kinematics
    if kinematics is None or not (kinematics.reduced_speed or kinematics.has_bounds):
        return None
    period_s = 1.0 / rig.arm.rate_hz
    return Restraint(
        [ArmChain(chain) for chain in kinematics.chains],
        [math.radians(joint.decel_deg_s2 or joint.accel_deg_s2) * period_s**2 for joint in rig.arm.joints],
        period_s,
        speed_m_s=kinematics.reduced_speed_mm_s * 1e-3 if kinematics.reduced_speed else None,
        planes=bounds_of(kinematics),
        apart_m=None if kinematics.apart_mm is None else kinematics.apart_mm * 1e-3,
    )


def _reduced_speeds(rig: Rig) -> dict[int, float]:
    """rad/s by arm joint, in reduced-speed mode."""
    kinematics = rig.arm.kinematics
    if kinematics is None or not kinematics.reduced_speed:
        return {}
    reaches = [
        (joint.arm_joint, reach)
        for chain in kinematics.chains
        for point in chain.points
        for joint, reach in zip(chain.joints, point.reach_m)
    ]
    return joint_caps(reaches, kinematics.reduced_speed_mm_s * 1e-3)
