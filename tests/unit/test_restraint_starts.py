"""Two arms that begin too near each other: they may only come apart, with a little play that is given once."""

from __future__ import annotations

from tests.unit.test_restraint import RADIUS, facing, judged, restraint


def test_arms_that_started_too_near_may_only_come_apart_and_what_they_came_apart_stays():
    need = 0.2 + sum(RADIUS)
    near, nearer, apart = facing(need - 0.02), facing(need - 0.026), facing(need - 0.01)
    rest, closing = [0.0] * 4, [0.0, 1e-4, 0.0, 0.0]
    assert judged(near, rest, apart=0.2)
    held = restraint(apart=0.2)
    held.start(near)
    assert held.allows(near, rest) and not held.allows(nearer, closing)
    assert held.allows(facing(need - 0.0245), rest)
    held.start(near)
    assert held.allows(apart, [0.0, -1e-4, 0.0, 1e-4])
    assert not held.allows(facing(need - 0.0195), closing)
    held.allows(facing(need + 0.02), [0.0, -3e-3, 0.0, 3e-3])
    assert not held.allows(facing(need - 0.001), closing)
    assert held.allows(facing(need + 0.001), rest)
    held.start(facing(need + 0.02))
    assert not held.allows(near, closing)


def test_the_play_of_a_start_too_near_is_given_once():
    """Who begins again and again, a little nearer each time, does not walk through the other arm."""
    need = 0.2 + sum(RADIUS)
    held = restraint(apart=0.2)
    held.start(facing(need - 0.020))
    assert held.allows(facing(need - 0.0245), [0.0] * 4)
    held.start(facing(need - 0.0245))
    assert not held.allows(facing(need - 0.0255), [0.0] * 4)
    held.start(facing(need - 0.030))  # moved there by hand, say: from here on it may only come apart
    assert held.allows(facing(need - 0.030), [0.0] * 4)
    assert not held.allows(facing(need - 0.0301), [0.0] * 4)
    held.start(facing(need + 0.001))
    held.start(facing(need - 0.020))  # it was apart meanwhile
    assert held.allows(facing(need - 0.0245), [0.0] * 4)
    assert not held.allows(facing(need - 0.0255), [0.0] * 4)
