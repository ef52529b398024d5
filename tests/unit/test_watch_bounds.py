"""What the loop measured becomes events: silence, motors, buses, leases, clock steps."""

from __future__ import annotations

import msgspec
import pytest

from drivers.ports import MOTOR_OFF, MOTOR_ON, ArmFeedback, LinkCounters, MotorMost
from station.control.events import EVENTS
from station.control.watch import ArmWatch, ClockWatch, LeaderWatch, LeaseWatch
from station.link.intents import Asked
from station.settings.load import load_rig
from station.signals import IntentKind, Role

DEMO = load_rig("demo")[0]
RIG = msgspec.structs.replace(
    DEMO, leader=msgspec.structs.replace(DEMO.leader, hold_after_ms=50.0, stop_after_ms=200.0)
)
MS = 1_000_000
COUNT = len(RIG.arm.joints)
MOST = (MotorMost(12.5, 5.0, 10.0),) * COUNT


def feedback(now_ns, *, age_ms=0.0, status=MOTOR_ON, temperature_c=30.0, joint=3):
    zeros = (0.0,) * COUNT
    at = [now_ns] * COUNT
    at[joint] -= round(age_ms * MS)
    statuses = [MOTOR_ON] * COUNT
    statuses[joint] = status
    temperatures = [25.0] * COUNT
    temperatures[joint] = temperature_c
    return ArmFeedback(zeros, zeros, zeros, tuple(temperatures), tuple(statuses), tuple(at))


def names(events):
    assert all(name in EVENTS for name, _ in events)
    return [name for name, _ in events]


@pytest.mark.parametrize(
    ("age_ms", "expected"),
    [(0, []), (50, []), (50.001, ["leader_stale"]), (200, ["leader_stale"]), (200.001, ["leader_silent"])],
)
def test_a_silent_leader_holds_then_stops(age_ms, expected):
    events = []
    LeaderWatch(RIG).look(events, round(age_ms * MS), LinkCounters(), 0)
    assert names(events) == expected


def test_lost_samples_and_restarts_are_told_once():
    watch, events = LeaderWatch(RIG), []
    watch.look(events, 0, LinkCounters(lost=3), 1)
    assert events == [("samples_lost", "3"), ("leader_restarted", "")]
    watch.look(events, 0, LinkCounters(lost=3), 1)
    assert len(events) == 2


@pytest.mark.parametrize(
    ("change", "on_for_ms", "expected"),
    [
        ({}, 1000, []),
        ({"age_ms": 120}, 1000, []),
        ({"age_ms": 121}, 1000, ["arm_stale"]),
        ({"age_ms": 121}, 100, []),
        ({"status": MOTOR_OFF}, 499, []),
        ({"status": MOTOR_OFF}, 501, ["motor_off"]),
        ({"status": 0xB}, 99, []),
        ({"status": 0xB}, 101, ["motor_fault"]),
        ({"temperature_c": 69.9}, 1000, []),
        ({"temperature_c": 70.0}, 1000, ["motor_warm"]),
        ({"temperature_c": 77.4}, 1000, ["motor_warm"]),
        ({"temperature_c": 77.5}, 1000, ["motor_slow"]),
        ({"temperature_c": 84.9}, 1000, ["motor_slow"]),
        ({"temperature_c": 85.0}, 1000, ["motor_hot"]),
        ({"temperature_c": float("nan"), "joint": 0}, 1000, ["motor_hot"]),
    ],
)
def test_a_motor_that_is_not_well_is_named(change, on_for_ms, expected):
    now = 10**12
    events = []
    ArmWatch(RIG, lambda status: f"fault {status}", MOST).look(
        events, feedback(now, **change), now, now - on_for_ms * MS, 0
    )
    assert names(events) == expected
    assert all(RIG.arm.joints[change.get("joint", 3)].name in words for _, words in events)


def test_a_motor_that_was_hot_keeps_the_robot_slow_also_when_it_has_cooled():
    watch = ArmWatch(RIG, str, MOST)
    for temperature_c, is_slow in ((77.4, False), (77.5, True), (40.0, True)):
        watch.look([], feedback(10**12, temperature_c=temperature_c), 10**12, 10**12 - 1000 * MS, 0)
        assert watch.is_slow is is_slow


def test_leases_run_out_and_come_back():
    watch = LeaseWatch(RIG)

    def look(asked, now_ms):
        events = []
        watch.look(events, asked, now_ms * MS, now_ms * MS)
        return names(events)

    session, screen = (Asked(IntentKind.LEASE, role, 1) for role in (Role.SESSION, Role.SCREEN))
    assert look([], 1000) == ["no_screen", "no_session"]
    assert look([session], 1001) == ["no_screen"]
    assert look([screen], 1002) == []
    assert look([], 1501) == []
    assert look([], 1502) == ["session_lost"]
    assert look([session], 1602) == []
    assert look([session], 1603) == ["screen_lost"]
    assert look([Asked(IntentKind.HOLD, Role.PEDAL, 1), session], 1604) == []


def test_a_step_of_the_wall_clock_is_marked_and_a_slow_drift_is_not():
    watch, events = ClockWatch(), []
    wall = 10**18
    for second in range(100):
        watch.look(events, second * 10**9, wall + second * 10**9 + second * MS)
    assert events == []
    watch.look(events, 101 * 10**9, wall + 98 * 10**9)
    assert names(events) == ["clock_step"]
    assert events[0][1] == "-3.1 s"


def test_the_bounds_are_the_rig_files():
    tight = msgspec.structs.replace(RIG, leader=msgspec.structs.replace(RIG.leader, hold_after_ms=10.0))
    events = []
    LeaderWatch(tight).look(events, 11 * MS, LinkCounters(), 0)
    assert names(events) == ["leader_stale"]
