"""The calibration file: zero and sign of each leader joint, bound to the board that was calibrated."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta, Struct

from station.settings.errors import ConfigError
from station.settings.rig import Name


class JointCalibration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    sign: Annotated[int, Meta(ge=-1, le=1)] = 1
    zero_deg: Annotated[float, Meta(ge=-360, le=360)] = 0.0
    """The encoder's own reading when the joint stands at zero."""


class Calibration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    made: str = ""
    """Date, ISO 8601."""
    board: str = ""
    """Serial number of the calibrated board; '' = any."""
    joints: dict[Name, JointCalibration]

    @staticmethod
    def identity_of(names: list[str]) -> Calibration:
        """Encoders that already read in the joint's own sense and zero."""
        return Calibration(name="none", joints={name: JointCalibration() for name in names})

    def check(self, path: str, names: set[str]) -> None:
        """Raises ConfigError when a joint is missing, unknown, or has no sense of rotation."""
        for name in sorted(names - self.joints.keys()):
            raise ConfigError(f"{path}: joint {name} is missing; calibrate it")
        for name in sorted(self.joints.keys() - names):
            raise ConfigError(f"{path}: joint {name} is not in the rig; remove it")
        for name, joint in self.joints.items():
            if joint.sign == 0 or not math.isfinite(joint.zero_deg):
                raise ConfigError(f"{path}: joint {name}: sign {joint.sign}, zero {joint.zero_deg}; expected 1 or -1")
