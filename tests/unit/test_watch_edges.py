"""The watches at their limits themselves: the last value that passes, the first that does not, and the words."""

from __future__ import annotations

import math

import msgspec
import pytest

from drivers.ports import MOTOR_OFF, MOTOR_ON, ArmFeedback, LinkCounters, MotorMost
from station.control.watch import ApartWatch, ArmWatch, ClockWatch, FrozenWatch, LeaderWatch, LeaseWatch
from station.link.intents import Asked
from station.settings.load import load_rig
from station.signals import IntentKind, Role

RIG, _ = load_rig("demo")
COUNT = len(RIG.arm.joints)
MOST = (MotorMost(12.5, 5.0, 10.0),) * COUNT
NAMES = [joint.name for joint in RIG.arm.joints]
MS = 1_000_000
START_NS = 10**12
ZEROS = (0.0,) * COUNT


def feedback(t_ns=START_NS, **fields):
    calm = ArmFeedback(ZEROS, ZEROS, ZEROS, (25.0,) * COUNT, (MOTOR_ON,) * COUNT, (t_ns,) * COUNT)
    return calm._replace(**fields)


def with_one(value, other, joint=3):
    return tuple(value if index == joint else other for index in range(COUNT))


def test_samples_lost_are_told_as_how_many_more():
    watch, events = LeaderWatch(RIG), []
    for lost in (3, 3, 10):
        watch.look(events, 0, LinkCounters(lost=lost), 0)
    assert events == [("samples_lost", "3"), ("samples_lost", "7")]


@pytest.mark.parametrize("past_ns", [0, 1])
def test_an_arm_is_stale_only_beyond_its_limit_and_that_long_after_switching_on(past_ns):
    limit_ns = round(RIG.arm.feedback_stop_ms * MS)
    watch = ArmWatch(RIG, str, MOST)
    for age_ns, on_ns in ((limit_ns + past_ns, limit_ns + 1), (limit_ns + 1, limit_ns + past_ns)):
        events = []
        now_ns = START_NS + 10**9
        seen = feedback()._replace(t_ns=with_one(now_ns - age_ns, now_ns))
        watch.look(events, seen, now_ns, now_ns - on_ns, 0)
        assert events == ([("arm_stale", f"{NAMES[3]}: {age_ns // MS} ms")] if past_ns else [])


RIGHT = [index for index, joint in enumerate(RIG.arm.joints) if joint.bus == "can_right"]


@pytest.mark.parametrize(
    ("silent", "age_of_one_ns", "told"),
    [
        (RIGHT, 60 * MS + 1, "bus_silent can_right: 121 ms"),
        (RIGHT, 60 * MS, f"arm_stale {NAMES[RIGHT[0]]}: 121 ms"),  # one of them answered a while ago
        (range(COUNT), 121 * MS, "bus_silent can_right, can_left: 121 ms"),
        (range(1, COUNT), 0, "bus_silent can_left: 121 ms"),
        (RIGHT[1:], 0, f"arm_stale {NAMES[RIGHT[1]]}: 121 ms"),
    ],
)
def test_a_bus_on_which_nobody_answers_is_told_from_a_motor(silent, age_of_one_ns, told):
    watch, events, now_ns = ArmWatch(RIG, str, MOST), [], START_NS + 10**9
    t_ns = [now_ns - (121 * MS if index in silent else 0) for index in range(COUNT)]
    one = RIGHT[-1] if 0 in silent else RIGHT[0]
    t_ns[one] = now_ns - age_of_one_ns
    watch.look(events, feedback()._replace(t_ns=tuple(t_ns)), now_ns, 0, 0)
    assert [" ".join(event) for event in events] == [told]


@pytest.mark.parametrize(
    ("alone", "told"), [((3,), f"arm_stale {NAMES[3]}: 121 ms"), ((3, 4), "bus_silent far: 121 ms")]
)
def test_of_a_bus_with_one_motor_the_motor_is_told(alone, told):
    joints = tuple(msgspec.structs.replace(j, bus="far") if i in alone else j for i, j in enumerate(RIG.arm.joints))
    buses = (*RIG.arm.buses, msgspec.structs.replace(RIG.arm.buses[0], name="far"))
    rig = msgspec.structs.replace(RIG, arm=msgspec.structs.replace(RIG.arm, joints=joints, buses=buses))
    watch, events, now_ns = ArmWatch(rig, str, MOST), [], START_NS + 10**9
    t_ns = tuple(now_ns - (121 * MS if index in alone else 0) for index in range(COUNT))
    watch.look(events, feedback()._replace(t_ns=t_ns), now_ns, now_ns - 121 * MS, 0)
    assert [" ".join(event) for event in events] == [told]


@pytest.mark.parametrize("past_ns", [0, 1])
def test_motors_that_the_loop_did_not_ask_are_not_silent_until_they_had_their_time_since(past_ns):
    limit_ns = round(RIG.arm.feedback_stop_ms * MS)
    watch, events, now_ns = ArmWatch(RIG, str, MOST), [], START_NS + 10**9
    seen = feedback()._replace(t_ns=with_one(now_ns - 2 * limit_ns, now_ns))
    watch.look(events, seen, now_ns, now_ns - 10**9, now_ns - limit_ns - past_ns)
    assert events == ([("arm_stale", f"{NAMES[3]}: {2 * limit_ns // MS} ms")] if past_ns else [])


def test_a_fault_of_a_motor_waits_for_no_gap_of_the_loop():
    watch, events, now_ns = ArmWatch(RIG, lambda code: f"words of {code}", MOST), [], START_NS
    for status in (MOTOR_OFF, 13):
        watch.look(events, feedback(status=with_one(status, MOTOR_ON)), now_ns, now_ns - 10**9, now_ns)
    assert events == [("motor_off", NAMES[3]), ("motor_fault", f"{NAMES[3]}: words of 13")]


@pytest.mark.parametrize(
    ("status", "limit_ns", "event"),
    [(MOTOR_OFF, 500 * MS, ("motor_off", NAMES[3])), (9, 100 * MS, ("motor_fault", f"{NAMES[3]}: words of 9"))],
)
@pytest.mark.parametrize("past_ns", [0, 1])
def test_a_motor_has_its_time_to_switch_on_and_to_clear_its_faults(status, limit_ns, event, past_ns):
    watch, events = ArmWatch(RIG, lambda code: f"words of {code}", MOST), []
    watch.look(events, feedback(status=with_one(status, MOTOR_ON)), START_NS, START_NS - limit_ns - past_ns, 0)
    assert events == ([event] if past_ns else [])


class Frozen:
    """One `look` a step; joint 3 answers the same unless told otherwise, the others always something new."""

    def __init__(self) -> None:
        self.watch = FrozenWatch(RIG)

    def look(self, at_ns: int, sent_rad: float | None = 0.0, says: float = 0.0, t_ns: int | None = None):
        events: list[tuple[str, str]] = []
        now_ns = START_NS + at_ns
        position = with_one(says, now_ns * 1e-9)
        seen = feedback(now_ns if t_ns is None else t_ns, position_rad=position)
        self.watch.look(events, seen, None if sent_rad is None else (sent_rad,) * COUNT, now_ns)
        return events


FROZEN = [("motor_frozen", NAMES[3])]
MOVED = math.radians(3)


@pytest.mark.parametrize(("last_ms", "expected"), [(249, []), (250, FROZEN)])
def test_a_motor_is_frozen_after_a_quarter_of_a_second(last_ms, expected):
    run = Frozen()
    for at_ms in (0, 50, 100, 150, 199):
        assert run.look(at_ms * MS) == []
    assert run.look(last_ms * MS, sent_rad=MOVED * 1.001) == expected


@pytest.mark.parametrize(("moved_rad", "expected"), [(MOVED, []), (-MOVED, []), (MOVED * 1.001, FROZEN)])
def test_a_motor_is_frozen_only_while_told_to_move_by_more_than_3_degrees(moved_rad, expected):
    run = Frozen()
    run.look(0)
    run.look(100 * MS)
    assert run.look(300 * MS, sent_rad=moved_rad) == expected


def test_answers_are_looked_at_every_50_ms():
    run = Frozen()
    for at_ms in (0, 50, 100, 150, 200):
        run.look(at_ms * MS)
        run.look(at_ms * MS + 30 * MS, says=1.0)
    assert run.look(250 * MS, sent_rad=0.1) == FROZEN


def test_a_motor_frozen_from_the_beginning_has_its_quarter_of_a_second_too():
    run = Frozen()
    run.look(0)
    run.look(50 * MS)
    assert run.look(100 * MS, sent_rad=0.1) == []
    assert run.look(300 * MS, sent_rad=0.1) == FROZEN


def test_while_the_motors_are_off_nothing_freezes_and_the_time_begins_anew():
    run = Frozen()
    for at_ms in range(0, 600, 50):
        assert run.look(at_ms * MS, sent_rad=None) == []
    assert run.look(600 * MS, sent_rad=0.0) == []
    assert run.look(750 * MS, sent_rad=0.1) == []
    assert run.look(800 * MS, sent_rad=0.1) == FROZEN


def test_an_answer_that_came_once_and_is_read_again_is_not_frozen():
    run = Frozen()
    for at_ms in range(0, 600, 50):
        assert run.look(at_ms * MS, sent_rad=at_ms * 1e-3, t_ns=START_NS) == []


class Apart:
    def __init__(self) -> None:
        self.watch = ApartWatch(RIG)
        self.most = self.watch.most_rad

    def look(self, at_ns: int, *apart_rad: float):
        events: list[tuple[str, str]] = []
        position = tuple(apart_rad[index] if index < len(apart_rad) else 0.0 for index in range(COUNT))
        self.watch.look(events, ZEROS, feedback(position_rad=position), START_NS + at_ns)
        return events


def test_a_joint_apart_is_told_after_a_quarter_of_a_second_not_before():
    run = Apart()
    far = run.most + 0.1
    assert run.look(0, 0.0, far) == []
    assert run.look(250 * MS, 0.0, far) == []
    assert run.look(250 * MS + 1, 0.0, far) == [("arm_apart", f"{NAMES[1]}: {math.degrees(far):.0f} deg")]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_joint_apart_by_the_limit_itself_is_not_apart(sign):
    run = Apart()
    for at_ms in range(0, 600, 50):
        assert run.look(at_ms * MS, sign * run.most) == []


def told_after_ms(run: Apart, at_ms: int, *apart_rad: float) -> int:
    """How long it is apart from then on until that is told; looked at every 2 ms."""
    return next(ms for ms in range(0, 1000, 2) if run.look((at_ms + ms) * MS, *apart_rad))


@pytest.mark.parametrize(
    ("together_ms", "remembered_ms"), [(2, 198), (60, 140), (198, 2), (200, 0), (202, 0), (700, 0)]
)
def test_time_apart_is_paid_back_by_as_much_time_together(together_ms, remembered_ms):
    run = Apart()
    for at_ms in range(0, 200, 2):
        assert run.look(at_ms * MS, 1.0) == []
    for at_ms in range(200, 200 + together_ms, 2):
        assert run.look(at_ms * MS, 0.0) == []
    assert told_after_ms(run, 200 + together_ms, 1.0) == 252 - remembered_ms


def test_who_is_together_is_not_told_whatever_was_before():
    run = Apart()
    for at_ms in range(0, 260, 2):
        run.look(at_ms * MS, 1.0)
    assert run.look(260 * MS, 0.0) == []
    assert run.look(262 * MS, 0.0) == []
    assert len(run.look(264 * MS, 1.0)) == 1


@pytest.mark.parametrize(
    ("apart_ms", "together_ms", "is_told"),
    [
        (238, 2, True),
        (100, 80, True),
        (20, 18, True),
        (4, 2, True),
        (2, 2, False),
        (80, 100, False),
        (200, 1800, False),
    ],
)
def test_to_and_fro_is_apart_where_it_is_apart_for_longer_than_together(apart_ms, together_ms, is_told):
    """One wrong answer does not undo it; an arm that catches up now and then is no fault, however long it works."""
    run, period_ms = Apart(), apart_ms + together_ms
    told = [run.look(at_ms * MS, 1.0 * (at_ms % period_ms < apart_ms)) for at_ms in range(0, 10_000, 2)]
    assert any(told) is is_told


def test_joints_that_are_apart_by_turns_press_all_the_same():
    run = Apart()
    told = [run.look(at_ms * MS, *((1.0, 0.0) if at_ms % 20 < 10 else (0.0, 1.0))) for at_ms in range(0, 260, 2)]
    assert [len(events) for events in told] == [0] * 126 + [1] * 4


def test_motors_that_were_off_begin_anew():
    run = Apart()
    run.look(0, 1.0)
    run.look(240 * MS, 1.0)
    run.watch.look([], None, feedback(), START_NS + 242 * MS)
    assert told_after_ms(run, 1000, 1.0) == 252
    run.watch.look([], None, feedback(), START_NS + 1_300 * MS)
    assert run.look(2_000 * MS, 0.0) == []
    assert told_after_ms(run, 2_002, 1.0) == 252


def test_of_several_joints_apart_the_farthest_is_named():
    run = Apart()
    run.look(0, 0.5, -1.0, 0.7)
    assert run.look(300 * MS, 0.5, -1.0, 0.7) == [("arm_apart", f"{NAMES[1]}: 57 deg")]


def test_the_difference_not_the_sum_is_how_far_apart():
    watch = ApartWatch(RIG)
    events: list[tuple[str, str]] = []
    for at_ms in (0, 300):
        watch.look(events, (1.0,) * COUNT, feedback(position_rad=with_one(1.5, 1.0)), START_NS + at_ms * MS)
    assert events == [("arm_apart", f"{NAMES[3]}: 29 deg")]


def test_a_supervisor_is_lost_after_300_ms_to_the_nanosecond():
    for past_ns, expected in ((0, []), (1, [("supervisor_lost", "300 ms")])):
        events: list[tuple[str, str]] = []
        alive = [Asked(IntentKind.LEASE, role, 1) for role in (Role.SESSION, Role.SCREEN)]
        LeaseWatch(RIG).look(events, alive, START_NS, START_NS + 300 * MS + past_ns)
        assert events == expected


def test_leases_last_to_the_nanosecond():
    watch = LeaseWatch(RIG)
    watch.look([], [Asked(IntentKind.LEASE, role, 1) for role in (Role.SESSION, Role.SCREEN)], 0, START_NS)
    found = {}
    for lease_ms, name in ((RIG.loop.screen_lease_ms, "screen_lost"), (RIG.loop.session_lease_ms, "session_lost")):
        for past_ns in (0, 1):
            events: list[tuple[str, str]] = []
            watch.look(events, [], 0, START_NS + round(lease_ms * MS) + past_ns)
            found[name, past_ns] = name in [event for event, _ in events]
    assert found == {key: bool(key[1]) for key in found} and len(found) == 4


@pytest.mark.parametrize(("step_ns", "words"), [(500 * MS, None), (-500 * MS, None), (500 * MS + 1, "+0.5 s")])
def test_the_wall_clock_may_step_by_half_a_second(step_ns, words):
    watch, events = ClockWatch(), []
    watch.look(events, START_NS, 10**18)
    watch.look(events, START_NS + 5, 10**18 + 5 + step_ns)
    assert events == ([("clock_step", words)] if words else [])


def test_a_leader_is_silent_beyond_its_own_limits_to_the_nanosecond():
    rig = msgspec.structs.replace(RIG, leader=msgspec.structs.replace(RIG.leader, hold_after_ms=20, stop_after_ms=90))
    for age_ns, expected in (
        (20 * MS, []),
        (20 * MS + 1, [("leader_stale", "20 ms")]),
        (90 * MS, [("leader_stale", "90 ms")]),
        (90 * MS + 1, [("leader_silent", "90 ms")]),
    ):
        events: list[tuple[str, str]] = []
        LeaderWatch(rig).look(events, age_ns, LinkCounters(), 0)
        assert events == expected
