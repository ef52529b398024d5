"""Refuses a rig file that asks more of a motor than its maker's data sheet gives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from firmware_bridge.damiao import KD_MAX, KP_MAX
from firmware_bridge.damiao_models import SHEETS
from station.settings.errors import ConfigError
from station.settings.nearest import nearest
from station.settings.rig import Arm

_SHEETS: Final = {"damiao": SHEETS}
"""By the arm's driver."""
_GAIN_COUNTS: Final = 4095
"""Of kp's and kd's fields."""


def check_motors(arm: Arm, path: Path) -> None:
    """Raises ConfigError for a model that the driver does not know, and a speed or travel that the model lacks."""
    sheets = _SHEETS.get(arm.driver)
    if sheets is None:  # whoever makes the arm names the drivers there are
        return
    for joint in arm.joints:
        where = f"{path}: arm joint {joint.name}"
        sheet = sheets.get(joint.model)
        if sheet is None:
            raise ConfigError(
                f"{where}: model {joint.model!r}; expected one of {', '.join(sorted(sheets))}"
                f"{nearest(joint.model, list(sheets))}"
            )
        most_deg_s = math.degrees(sheet.speed_rad_s)
        if joint.speed_deg_s > most_deg_s:
            raise ConfigError(
                f"{where}: speed_deg_s {joint.speed_deg_s:g}: motor {joint.model} turns at most "
                f"{most_deg_s:.0f} deg/s; lower speed_deg_s, or correct model"
            )
        for key, value, most in (("kp", joint.kp, KP_MAX), ("kd", joint.kd, KD_MAX)):
            if value < most / _GAIN_COUNTS:
                raise ConfigError(
                    f"{where}: {key} {value:g}: on the wire this is 0; expected at least {most / _GAIN_COUNTS:.3g}"
                )
        travel_deg = math.degrees(sheet.travel_rad)
        for key, value in (("lower_deg", joint.lower_deg), ("upper_deg", joint.upper_deg)):
            if not -travel_deg <= value <= travel_deg:
                raise ConfigError(
                    f"{where}: {key} {value:g}: motor {joint.model} can be told -{travel_deg:.0f} to "
                    f"{travel_deg:.0f} deg; narrow the travel"
                )
