"""RawCounts -> JointAngles: sign, zero and turn of each encoder; rad in leader joint order."""

from __future__ import annotations

import math
from collections.abc import Sequence

from firmware_bridge.samples import RawCounts
from station.settings.calibration import Calibration
from station.settings.rig import Leader
from station.signals import JointAngles

_TURN_RAD = 2 * math.pi


class Calibrator:
    """angle = sign * (reading - zero), moved by whole turns into the joint's travel band.

    The turn is chosen once, from the first sample (`choose_turns`): an encoder that lost its turn count at power-off
    would otherwise be wrong by 2 pi for the whole shift.
    """

    def __init__(self, leader: Leader, calibration: Calibration, counts_per_turn: float) -> None:
        self._channels = tuple(joint.channel for joint in leader.joints)
        self.lower_rad = tuple(math.radians(joint.lower_deg) for joint in leader.joints)
        self.upper_rad = tuple(math.radians(joint.upper_deg) for joint in leader.joints)
        signs = [calibration.joints[joint.name].sign for joint in leader.joints]
        zeros = [math.radians(calibration.joints[joint.name].zero_deg) for joint in leader.joints]
        per_count = _TURN_RAD / counts_per_turn
        self._base = tuple(-sign * zero for sign, zero in zip(signs, zeros))
        self._scale = tuple(sign * per_count for sign in signs)
        self._rows = tuple(zip(self._channels, self._scale, self._base))

    def choose_turns(self, counts: Sequence[int]) -> tuple[int, ...]:
        """Place each joint, by whole turns, as near the middle of its travel band as it goes; returns the turns."""
        turns = []
        rows = []
        for channel, scale, base, lower, upper in zip(
            self._channels, self._scale, self._base, self.lower_rad, self.upper_rad
        ):
            reading = counts[channel] * scale + base
            turn = round(((lower + upper) / 2 - reading) / _TURN_RAD)
            turns.append(turn)
            rows.append((channel, scale, base + turn * _TURN_RAD))
        self._rows = tuple(rows)
        return tuple(turns)

    def calibrate(self, sample: RawCounts, age_ns: tuple[int, ...]) -> JointAngles:
        """One sample's angles, rad; `age_ns` comes from the station's own trust in each joint."""
        counts = sample.counts
        return JointAngles(
            tuple([counts[channel] * scale + base for channel, scale, base in self._rows]),
            age_ns,
            sample.seq,
            sample.t_ns,
        )
