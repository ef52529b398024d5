"""RawCounts -> JointAngles: sign and zero of each encoder; rad in leader joint order."""

from __future__ import annotations

import math

from firmware_bridge.samples import RawCounts
from station.settings.calibration import Calibration
from station.settings.rig import Leader
from station.signals import JointAngles


class Calibrator:
    """angle = sign * (reading - zero). The counts come already placed on the turn of the joint's travel band
    (control/inputs.py): an encoder that lost its turn count at power-off would be wrong by 2 pi for the whole shift."""

    def __init__(self, leader: Leader, calibration: Calibration, counts_per_turn: float) -> None:
        per_count = 2 * math.pi / counts_per_turn
        rows = []
        for joint in leader.joints:
            bound = calibration.joints[joint.name]
            rows.append((joint.channel, bound.sign * per_count, -bound.sign * math.radians(bound.zero_deg)))
        self._rows = tuple(rows)

    def calibrate(self, sample: RawCounts, age_ns: tuple[int, ...]) -> JointAngles:
        """One sample's angles, rad; `age_ns` comes from the station's own trust in each joint."""
        counts = sample.counts
        return JointAngles(
            tuple([counts[channel] * scale + base for channel, scale, base in self._rows]),
            age_ns,
            sample.seq,
            sample.t_ns,
        )
