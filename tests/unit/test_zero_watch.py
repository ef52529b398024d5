"""A target far outside an arm's travel means another zero than the calibrated one: told where motion would begin."""

from __future__ import annotations

import math

import pytest

from station.control.limit import JointLimits
from station.control.watch import ZeroWatch
from station.link.intents import Asked
from station.signals import IntentKind, Mode, Role

LIMITS = [JointLimits(f"j{number}", -1.0, 2.0, 1.0, 5.0, 5.0, None, 0.1) for number in range(6)]
ENGAGE = Asked(IntentKind.ENGAGE, Role.SCREEN, 1)
HOLD = Asked(IntentKind.HOLD, Role.SCREEN, 1)
BEYOND_RAD = math.radians(20)


def looked(mode: Mode, asked: list[Asked], target: dict[int, float]) -> list[tuple[str, str]]:
    events: list[tuple[str, str]] = []
    ZeroWatch(LIMITS).look(events, mode, asked, [target.get(joint, 0.0) for joint in range(len(LIMITS))])
    return events


@pytest.mark.parametrize(
    ("target", "is_told"),
    [
        (2.0 + BEYOND_RAD, False),
        (2.0 + BEYOND_RAD + 1e-9, True),
        (-1.0 - BEYOND_RAD, False),
        (-1.0 - BEYOND_RAD - 1e-9, True),
        (0.5, False),
        (math.nan, True),
    ],
)
def test_20_degrees_beyond_the_travel_are_too_much(target, is_told):
    words = f"{LIMITS[3].name}: asked {math.degrees(target):.0f} deg"
    assert looked(Mode.ALIGNING, [], {3: target}) == ([("zero_mismatch", words)] if is_told else [])


def test_the_first_joint_is_named():
    assert looked(Mode.ALIGNING, [], {2: 9.0, 5: -9.0}) == [("zero_mismatch", f"{LIMITS[2].name}: asked 516 deg")]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("asked", "is_engage"), [([], False), ([HOLD], False), ([ENGAGE], True), ([HOLD, ENGAGE], True)]
)
def test_it_is_looked_at_where_motion_would_begin(mode, asked, is_engage):
    begins = mode is Mode.ALIGNING or (mode is Mode.READY and is_engage)
    assert bool(looked(mode, asked, {0: 9.0})) == begins
