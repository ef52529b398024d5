"""Where motion begins: never from a pose that is old, wrong, or where a loaded arm hangs; and whose screen counts."""

from __future__ import annotations

import math

import pytest

from drivers.gate import Gate, GateRefusal
from drivers.ports import ArmCommand, ArmFeedback
from station.control.watch import ApartWatch, LeaseWatch
from station.link.intents import Asked
from station.settings.load import load_rig
from station.signals import IntentKind, Role
from station.wiring import make_arm, make_gate

RIG, _ = load_rig("demo")
COUNT = len(RIG.arm.joints)
MS = 1_000_000


def feedback(position_rad):
    zeros = (0.0,) * COUNT
    return ArmFeedback(tuple(position_rad), zeros, zeros, (25.0,) * COUNT, (1,) * COUNT, (1,) * COUNT)


@pytest.fixture
def gate(monkeypatch):
    """A gate whose arm answers what the test says and whose frames go nowhere."""
    arm = make_arm(RIG)
    poses = [feedback((0.1,) * COUNT)]
    monkeypatch.setattr(arm, "read", lambda now_ns: poses[-1])
    monkeypatch.setattr(arm, "transmit", lambda frames: None)
    monkeypatch.setattr("station.wiring.make_arm", lambda rig: arm)
    gate = make_gate(RIG)
    gate.read(0)
    gate.poses = poses  # type: ignore[attr-defined]
    return gate


def hold(gate: Gate, epoch: int, pose, slots=30, start=1):
    for slot in range(start, start + slots):
        gate.send(ArmCommand(tuple(pose), (0.0,) * COUNT, epoch, slot * 2 * MS))


def hang(gate: Gate, by_rad):
    gate.poses.append(feedback((0.1 - by_rad, *(0.1,) * (COUNT - 1))))  # type: ignore[attr-defined]
    gate.read(0)


def test_a_held_arm_that_hangs_a_little_begins_where_it_is_held(gate):
    pose = (0.1,) * COUNT
    gate.begin(1, pose)
    hold(gate, 1, pose)
    hang(gate, math.radians(5))
    gate.begin(2, pose)
    hold(gate, 2, pose, start=100)


def test_a_held_arm_that_is_far_from_its_command_does_not_begin(gate):
    pose = (0.1,) * COUNT
    gate.begin(1, pose)
    hold(gate, 1, pose)
    hang(gate, math.radians(RIG.arm.following_error_deg + 1))
    with pytest.raises(GateRefusal, match="right_j1"):
        gate.begin(2, pose)


def test_after_the_motors_were_off_only_the_measured_pose_begins(gate):
    pose = (0.1,) * COUNT
    gate.begin(1, pose)
    hold(gate, 1, pose)
    gate.stop()
    hang(gate, math.radians(5))
    with pytest.raises(GateRefusal, match="right_j1"):
        gate.begin(2, pose)


def test_a_joint_that_is_not_where_it_was_told_to_be_is_named_after_a_quarter_of_a_second():
    watch = ApartWatch(RIG)
    sent = (0.1,) * COUNT
    most = math.radians(RIG.arm.following_error_deg)
    for error, expected in ((most * 0.99, []), (most * 1.01, ["arm_apart"]), (math.nan, ["arm_apart"])):
        watch = ApartWatch(RIG)
        events: list[tuple[str, str]] = []
        for ms in range(0, 260, 2):
            watch.look(events, sent, feedback((*(0.1,) * (COUNT - 1), 0.1 + error)), ms * MS)
        assert [name for name, _ in events[:1]] == expected
    events = []
    for ms in range(0, 260, 2):
        watch.look(events, None, feedback((9.0,) * COUNT), ms * MS)
    assert events == []


def test_only_the_screen_that_engaged_keeps_the_arm_following():
    watch = LeaseWatch(RIG)

    def look(pids, now_ms):
        events: list[tuple[str, str]] = []
        asked = [Asked(IntentKind.LEASE, Role.SCREEN, pid) for pid in pids]
        watch.look(events, [*asked, Asked(IntentKind.LEASE, Role.SESSION, 9)], now_ms * MS + 1, now_ms * MS + 1)
        return [name for name, _ in events]

    assert look([1, 2], 0) == []
    watch.take_charge(1)
    assert look([2], 500) == []
    assert look([2], 601) == ["screen_lost"]
    watch.take_charge(None)
    assert look([2], 602) == []
