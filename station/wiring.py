"""Rig file -> objects: the only file of the station that names a concrete driver. Degrees become radians here."""

from __future__ import annotations

import math
import time
from typing import Final

from drivers.arms.damiao import DamiaoArm, DamiaoBus, DamiaoJoint
from drivers.arms.damiao_stop_line import DamiaoStopLine
from drivers.errors import DriverError
from drivers.gate import Gate, JointBounds
from drivers.ports import FramedArm, Leader, StopLine
from firmware_bridge.errors import WireError
from station.control.calibrate import Calibrator
from station.control.inputs import Trust, required_inputs
from station.control.loop import Loop
from station.control.pace import Pace
from station.control.retarget import Retargeter
from station.link.intents import IntentReceiver
from station.link.ring import RingWriter
from station.resolve import make_limiter
from station.settings.calibration import Calibration
from station.settings.rig import Rig

HARDWARE_ERRORS: Final = (DriverError, WireError)
"""What opening a rig may raise, in words for a person."""


def make_leader(rig: Rig, calibration: Calibration) -> Leader:
    """Opens nothing yet."""
    leader = rig.leader
    channels = {joint.channel: joint.name for joint in leader.joints}
    if leader.driver == "exo_wire":
        from drivers.leaders.exo_wire import ExoWireLeader

        return ExoWireLeader(
            leader.port,
            leader.baud,
            leader.rate_hz,
            channels,
            board_serial=calibration.board,
            parameters=leader.parameters,
            inputs=required_inputs(leader),
            calibration=leader.calibration,
        )
    from drivers.leaders.ker import KerLeader

    if rig.emulated:
        from drivers.emulators.pty_port import serial_number_of
    else:
        from drivers.usb_serial import usb_serial_number as serial_number_of
    return KerLeader(
        leader.port,
        leader.baud,
        leader.rate_hz,
        channels,
        board_serial=calibration.board,
        serial_number_of=serial_number_of,
    )


def make_arm(rig: Rig) -> FramedArm:
    """Opens nothing yet."""
    return DamiaoArm(_damiao_buses(rig), _damiao_joints(rig), rig.arm.watchdog_ms * 1e-3)


def _damiao_buses(rig: Rig) -> list[DamiaoBus]:
    return [DamiaoBus(bus.name, bus.interface, bus.channel, bus.fd) for bus in rig.arm.buses]


def _damiao_joints(rig: Rig) -> list[DamiaoJoint]:
    names = [bus.name for bus in rig.arm.buses]
    return [DamiaoJoint(j.name, names.index(j.bus), j.id, j.reply_id, j.model, j.kp, j.kd) for j in rig.arm.joints]


def make_gate(rig: Rig) -> Gate:
    """The arm behind its gate. The gate's bounds are the rig's limits, written down a second time on purpose."""
    bounds = [
        JointBounds(
            name=joint.name,
            lower_rad=math.radians(joint.lower_deg),
            upper_rad=math.radians(joint.upper_deg),
            speed_rad_s=math.radians(joint.speed_deg_s),
            accel_rad_s2=math.radians(max(joint.accel_deg_s2, joint.decel_deg_s2 or 0.0)),
            kp=joint.kp,
            kd=joint.kd,
        )
        for joint in rig.arm.joints
    ]
    return Gate(
        make_arm(rig),
        bounds,
        1.0 / rig.arm.rate_hz,
        most_apart_rad=math.radians(rig.arm.following_error_deg),
        clock=time.monotonic_ns,
    )


def make_stop_line(rig: Rig) -> StopLine:
    """The supervisor's line to the motors. Raises DriverError where a bus does not open."""
    return DamiaoStopLine(_damiao_buses(rig), _damiao_joints(rig))


def make_loop(
    rig: Rig,
    calibration: Calibration,
    leader: Leader,
    gate: Gate,
    ring: RingWriter,
    intents: IntentReceiver,
    pace: Pace | None = None,
) -> Loop:
    """`leader` and `gate` are open. `pace`: the machine's own clock where none is given."""
    calibrator = Calibrator(rig.leader, calibration, leader.counts_per_turn)
    return Loop(
        rig,
        leader,
        gate,
        Trust(rig, calibration, leader.counts_per_turn, is_numbered=leader.is_numbered),
        calibrator,
        Retargeter(rig),
        make_limiter(rig),
        pace or Pace(rig.arm.rate_hz, rig.leader.rate_hz),
        ring,
        intents,
    )
