"""What a Damiao motor can do by its maker's data sheet, by model; nothing here depends on how a rig is set up.

Speeds of the output without load at 24 V, peak torques; user manuals of DM-J4310-2EC V1.1 (200 rpm, 7 N m),
DM-J4340-2EC (52.5 rpm, 27 N m), DM-J8009P-2EC (160 rpm, 40 N m). Models without such a line are bounded by what their
wire can say (registers 21 to 23, which the driver compares with the motor's own).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from firmware_bridge.damiao import RANGES

_RPM: Final = 2 * math.pi / 60


class Sheet(NamedTuple):
    """The most that one model does."""

    travel_rad: float
    """To either side of its zero; further away a position can not be told to it."""
    speed_rad_s: float
    torque_nm: float


_MOST: Final = {
    "4310": (200 * _RPM, 7.0),
    "4340": (52.5 * _RPM, 27.0),
    "8009": (160 * _RPM, 40.0),
}

SHEETS: Final[dict[str, Sheet]] = {
    model: Sheet(ranges.p_max_rad, *_MOST.get(model, (ranges.v_max_rad_s, ranges.t_max_nm)))
    for model, ranges in RANGES.items()
}
