"""The watches: motors whose answers stand still, leases of the processes."""

from __future__ import annotations

import math

from drivers.ports import MOTOR_ON, ArmFeedback
from station.control.watch import FrozenWatch, LeaseWatch
from station.link.intents import Asked
from station.settings.load import load_rig
from station.signals import IntentKind, Role

RIG, _ = load_rig("demo")
COUNT = len(RIG.arm.joints)
MS = 1_000_000


class Arm:
    """Motors that follow a command exactly, but for the frozen ones."""

    def __init__(self) -> None:
        self.watch = FrozenWatch(RIG)
        self.now_ns = 10**12
        self.sent_rad = [0.0] * COUNT
        self.frozen: dict[int, float] = {}
        self.silent: dict[int, int] = {}
        self.is_on = True

    def run(self, ms: int, speed_rad_s: float = 0.0) -> set[tuple[str, str]]:
        told = set()
        for _ in range(ms // 2):
            self.now_ns += 2 * MS
            self.sent_rad = [rad + speed_rad_s * 0.002 for rad in self.sent_rad]
            position = [self.frozen.get(index, rad) for index, rad in enumerate(self.sent_rad)]
            t_ns = [self.silent.get(index, self.now_ns) for index in range(COUNT)]
            zeros = (0.0,) * COUNT
            feedback = ArmFeedback(tuple(position), zeros, zeros, zeros, (MOTOR_ON,) * COUNT, tuple(t_ns))
            events: list[tuple[str, str]] = []
            self.watch.look(events, feedback, self.sent_rad if self.is_on else None, self.now_ns)
            told.update(events)
        return told


def test_a_motor_whose_answers_do_not_change_while_it_is_told_to_move_is_frozen_until_they_do():
    arm = Arm()
    assert arm.run(1000, 0.5) == set()
    arm.frozen[5] = arm.sent_rad[5]
    assert arm.run(200, 0.5) == set()
    assert arm.run(200, 0.5) == {("motor_frozen", RIG.arm.joints[5].name)}
    assert arm.run(500) == {("motor_frozen", RIG.arm.joints[5].name)}
    arm.is_on = False
    assert arm.run(500) == {("motor_frozen", RIG.arm.joints[5].name)}
    arm.frozen.clear()
    arm.run(60)  # a look comes every 50 ms
    assert arm.run(1000) == set()


def test_a_motor_that_stands_or_moves_a_little_is_not_frozen():
    arm = Arm()
    assert arm.run(2000) == set()
    arm.frozen[0] = arm.sent_rad[0]
    assert arm.run(1000, math.radians(2.5)) == set()


def test_a_motor_that_does_not_answer_is_not_called_frozen():
    arm = Arm()
    arm.run(200, 0.5)
    arm.frozen[3] = arm.sent_rad[3]
    arm.silent[3] = arm.now_ns
    assert arm.run(1000, 0.5) == set()


def test_nothing_moves_before_the_supervisor_looks_and_it_is_missed_where_it_never_does():
    watch = LeaseWatch(RIG)
    alive = [Asked(IntentKind.LEASE, role, 1) for role in (Role.SESSION, Role.SCREEN)]
    begun_ns = 10**12 - 20_000 * MS
    for supervisor_ns, now_ns, expected in (
        (0, begun_ns, [("no_supervisor", "")]),
        (0, begun_ns + 10_000 * MS, [("no_supervisor", "")]),
        (0, begun_ns + 10_000 * MS + 1, [("supervisor_lost", "")]),
        (1, begun_ns + 20_000 * MS, [("supervisor_lost", "999999 ms")]),
        (10**12, 10**12 + 300 * MS, []),
        (10**12, 10**12 + 301 * MS, [("supervisor_lost", "301 ms")]),
        (10**12 + 400 * MS, 10**12 + 401 * MS, []),
    ):
        events: list[tuple[str, str]] = []
        watch.look(events, alive, supervisor_ns, now_ns)
        assert events == expected


def test_a_session_that_is_back_before_its_lease_ran_out_was_lost_all_the_same():
    watch = LeaseWatch(RIG)
    for pid, now_ms, expected in (
        (7, 0, []),
        (7, 400, []),
        (8, 500, [("session_lost", "started again")]),
        (8, 600, []),
    ):
        events: list[tuple[str, str]] = []
        asked = [Asked(IntentKind.LEASE, Role.SCREEN, 1), Asked(IntentKind.LEASE, Role.SESSION, pid)]
        watch.look(events, asked, 10**12 + now_ms * MS, 10**12 + now_ms * MS)
        assert events == expected
