"""What the ticks say beside the repetitions: causes, alarms, rates."""

from __future__ import annotations

import msgspec
import pytest

from firmware_bridge.samples import (
    INPUT_ENABLE,
    INPUT_ENABLE_THROUGH,
    INPUT_ESTOP,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
)
from station.session.monitor import ALARM_STANDS_NS, TickMonitor
from station.signals import Mode
from tests.gestures import NAMES, TickMaker

STILL = (0.0,) * len(NAMES)
S = 1_000_000_000


def fed(monitor: TickMonitor, maker: TickMaker, start_ns: int, count: int, mode: Mode = Mode.FOLLOWING) -> int:
    for i in range(count):
        monitor.on_tick(maker.make(start_ns + i * 2_000_000, STILL, mode))
    return start_ns + count * 2_000_000


def test_rate_and_latency_are_of_the_last_second():
    monitor, maker = TickMonitor(500.0), TickMaker()
    assert (monitor.rate_hz, monitor.latency_us) == (0.0, 0.0)
    fed(monitor, maker, S, 1200)
    assert round(monitor.rate_hz, 6) == 500.0
    assert monitor.latency_us == 110.0
    assert monitor.ticks == 1200


def test_the_cause_of_a_stop_stands_until_the_arm_is_ready_again():
    monitor, maker = TickMonitor(500.0), TickMaker()
    now = fed(monitor, maker, S, 10)
    monitor.on_tick(maker.make(now, STILL, Mode.HOLD, (("leader_stale", "41 ms"),)))
    assert (monitor.mode, monitor.stop_event, monitor.stop_detail) == (Mode.HOLD, "leader_stale", "41 ms")
    assert monitor.mode_since_ns == now + 40_000
    fed(monitor, maker, now + 2_000_000, 3)
    assert monitor.stop_event == ""


def test_an_alarm_stands_for_a_while_after_its_last_event_and_keeps_its_first_time():
    monitor, maker = TickMonitor(500.0), TickMaker()
    for i in range(3):
        monitor.on_tick(maker.make(S + i * S, STILL, Mode.FOLLOWING, (("samples_lost", f"{i}"),)))
    alarms = monitor.alarms(3 * S)
    assert [(alarm.event, alarm.detail, alarm.t_ns) for alarm in alarms] == [("samples_lost", "2", S + 40_000)]
    assert monitor.alarms(3 * S + 40_000 + ALARM_STANDS_NS)
    assert monitor.alarms(3 * S + 40_001 + ALARM_STANDS_NS) == ()


def test_messages_are_no_alarms_and_unknown_events_are():
    monitor, maker = TickMonitor(500.0), TickMaker()
    monitor.on_tick(maker.make(S, STILL, Mode.HOLD, (("operator_hold", ""), ("of_tomorrow", "?"))))
    assert [alarm.event for alarm in monitor.alarms(S)] == ["of_tomorrow"]


def test_the_alarm_that_caused_the_stop_stands_as_long_as_the_stop():
    monitor, maker = TickMonitor(500.0), TickMaker()
    monitor.on_tick(maker.make(S, STILL, Mode.STOPPED, (("motor_hot", "right_j4"),)))
    assert [alarm.event for alarm in monitor.alarms(100 * S)] == ["motor_hot"]
    monitor.on_tick(maker.make(101 * S, STILL, Mode.READY))
    assert monitor.alarms(101 * S) == ()


def test_what_led_to_a_stop_leaves_the_alarms_when_the_arm_moves_again():
    monitor, maker = TickMonitor(500.0), TickMaker()
    monitor.on_tick(maker.make(S, STILL, Mode.STOPPED, (("joint_lost", "right_j4"), ("leader_silent", "210 ms"))))
    assert {alarm.event for alarm in monitor.alarms(S)} == {"joint_lost", "leader_silent"}
    monitor.on_tick(maker.make(S + 2_000_000, STILL, Mode.READY, (("samples_lost", "2"),)))
    monitor.on_tick(maker.make(S + 4_000_000, STILL, Mode.ALIGNING))
    assert [alarm.event for alarm in monitor.alarms(S + 4_000_000)] == ["samples_lost"]


def test_what_still_stands_after_a_reset_goes_on_to_be_an_alarm():
    monitor, maker = TickMonitor(500.0), TickMaker()
    monitor.on_tick(maker.make(S, STILL, Mode.STOPPED, (("supervisor_lost", ""), ("joint_lost", "right_j4"))))
    monitor.on_tick(maker.make(S + 2_000_000, STILL, Mode.HOLD, (("supervisor_lost", ""),)))
    assert [alarm.event for alarm in monitor.alarms(S + 2_000_000)] == ["supervisor_lost"]


def test_the_most_severe_alarm_comes_first_however_new():
    monitor, maker = TickMonitor(500.0), TickMaker()
    monitor.on_tick(maker.make(S, STILL, Mode.FOLLOWING, (("loop_gap", "4 ms"), ("motor_warm", "right_j4"))))
    monitor.on_tick(maker.make(S + 2_000_000, STILL, Mode.STOPPED, (("motor_hot", "right_j4"),)))
    assert [alarm.event for alarm in monitor.alarms(S)] == ["motor_hot", "loop_gap", "motor_warm"]


def test_a_motor_that_slows_the_robot_stands_above_notes_however_new_and_loud():
    monitor, maker = TickMonitor(500.0), TickMaker()
    for index, name in enumerate(("leader_stale", "motor_slow", "records_lost", "loop_gap")):
        monitor.on_tick(maker.make(S + index * S, STILL, Mode.FOLLOWING, ((name, ""),)))
    assert [alarm.event for alarm in monitor.alarms(4 * S)] == [
        "leader_stale",
        "motor_slow",
        "records_lost",
        "loop_gap",
    ]


@pytest.mark.parametrize("mode", [Mode.READY, Mode.HOLD])
def test_what_lets_nothing_start_is_told_once_it_stands_and_until_it_is_over(mode: Mode):
    monitor, maker = TickMonitor(500.0), TickMaker()
    lost, t_ns = ("supervisor_lost", "310 ms"), S
    for _ in range(15):
        monitor.on_tick(maker.make(t_ns, STILL, mode, (("no_session", ""), lost)))
        assert monitor.blocked == ""
        t_ns += 20_000_000
    monitor.on_tick(maker.make(t_ns, STILL, mode, (("no_session", ""), lost)))
    assert monitor.blocked == "supervisor_lost", "the loudest"
    monitor.on_tick(maker.make(t_ns + 500_000_000, STILL, mode))
    assert monitor.blocked == "supervisor_lost"
    monitor.on_tick(maker.make(t_ns + 500_000_001, STILL, mode))
    assert monitor.blocked == ""
    monitor.on_tick(maker.make(t_ns + 600_000_000, STILL, mode, (lost,)))
    assert monitor.blocked == "", "anew"


def test_a_full_disk_that_is_told_ten_times_a_second_lets_nothing_start():
    monitor, maker = TickMonitor(500.0), TickMaker()
    for index in range(200):
        told = (("disk_full", ""),) if index % 50 == 0 else ()
        monitor.on_tick(maker.make(S + index * 2_000_000, STILL, Mode.HOLD, told))
    assert monitor.blocked == "disk_full"


def test_nothing_blocks_that_moves_has_stopped_or_was_pressed_once():
    for mode in set(Mode) - {Mode.READY, Mode.HOLD}:
        monitor, maker = TickMonitor(500.0), TickMaker()
        for index in range(200):
            monitor.on_tick(maker.make(S + index * 2_000_000, STILL, mode, (("supervisor_lost", ""),)))
        assert monitor.blocked == "", mode
    monitor, maker = TickMonitor(500.0), TickMaker()
    for index in range(200):
        told = (("operator_hold", ""),) if index < 3 else (("loop_gap", "4 ms"), ("no_screen", ""))
        monitor.on_tick(maker.make(S + index * 2_000_000, STILL, Mode.HOLD, told))
    assert monitor.blocked == ""


@pytest.mark.parametrize("other", ["leader_error", "estop"])
def test_what_would_refuse_a_reset_is_told_where_the_cause_itself_is_over(other: str):
    monitor, maker = TickMonitor(500.0), TickMaker()

    def stopped(*names: str) -> str:
        nonlocal t_ns
        for _ in range(400):
            events = tuple((name, "") for name in names)
            tick = maker.make(t_ns, STILL, Mode.STOPPED, events)
            monitor.on_tick(msgspec.structs.replace(tick, cause="joint_lost", cause_detail="right_j4"))
            t_ns += 2_000_000
        return monitor.blocked

    t_ns = S
    assert stopped("joint_lost", "supervisor_lost") == ""
    assert stopped("joint_lost", other) == "", "the cause is still there"
    assert stopped(other, "supervisor_lost") == other
    assert stopped("supervisor_lost") == "", "a hold refuses no reset"
    for mode in (Mode.READY, Mode.HOLD):
        stopped(other)
        monitor.on_tick(maker.make(t_ns, STILL, mode))
        assert monitor.blocked == "", "of a stop that is over"


def test_a_session_that_tells_of_itself_is_not_lost():
    monitor, maker = TickMonitor(500.0), TickMaker()
    monitor.on_tick(maker.make(S, STILL, Mode.HOLD, (("session_lost", ""),)))
    assert monitor.stop_event == "session_lost"
    assert monitor.alarms(S) == ()


def test_the_worst_alarm_is_first_and_the_newest_among_equals():
    monitor, maker = TickMonitor(500.0), TickMaker()
    for index, name in enumerate(
        ("leader_stale", "motor_warm", "joint_lost", "records_lost", "disk_low", "joint_frozen", "no_such_event")
    ):
        monitor.on_tick(maker.make(S + index * 2_000_000, STILL, Mode.STOPPED, ((name, ""),)))
    assert [alarm.event for alarm in monitor.alarms(S + 20_000_000)] == [
        "no_such_event",  # unknown: it stops the arm
        "joint_frozen",
        "joint_lost",
        "leader_stale",
        "records_lost",
        "disk_low",
        "motor_warm",
    ]


BOTH = INPUT_HAS_ENABLE | INPUT_HAS_ESTOP


@pytest.mark.parametrize(
    ("now", "age_ms", "seen"),
    [
        (BOTH | INPUT_ENABLE, 1, BOTH | INPUT_ENABLE),
        (BOTH, 1, BOTH),
        (BOTH | INPUT_ENABLE | INPUT_ESTOP, 1, BOTH | INPUT_ENABLE | INPUT_ESTOP),
        (BOTH | INPUT_ENABLE, 400, INPUT_HAS_ENABLE),  # nobody can know of the emergency stop
        (BOTH | INPUT_ESTOP, 400, BOTH | INPUT_ESTOP),
        (BOTH | INPUT_ENABLE_THROUGH, 1, BOTH | INPUT_ENABLE_THROUGH),
        (BOTH | INPUT_ENABLE_THROUGH | INPUT_ENABLE, 1, BOTH | INPUT_ENABLE_THROUGH),
        (INPUT_HAS_ESTOP | INPUT_ENABLE_THROUGH, 1, BOTH | INPUT_ENABLE_THROUGH),
        (INPUT_HAS_ESTOP | INPUT_ENABLE, 1, BOTH),
        (BOTH | INPUT_ENABLE_THROUGH, 400, INPUT_HAS_ENABLE),
        (0, 1, BOTH | INPUT_ESTOP),
    ],
)
def test_a_switch_that_is_no_longer_heard_is_released_and_a_stop_is_pressed(now: int, age_ms: int, seen: int):
    monitor, maker = TickMonitor(500.0), TickMaker()
    tick = maker.make(S, STILL, Mode.READY)
    assert monitor.inputs == 0
    monitor.on_tick(tick)
    assert monitor.inputs == 0, "a rig without switches has none"
    monitor.on_tick(msgspec.structs.replace(tick, inputs=BOTH))
    monitor.on_tick(msgspec.structs.replace(tick, inputs=now, sample_t_ns=tick.start_ns - age_ms * 1_000_000))
    assert monitor.inputs == seen


GRIPPED, THROUGH, LET_GO = INPUT_HAS_ENABLE | INPUT_ENABLE, INPUT_HAS_ENABLE | INPUT_ENABLE_THROUGH, INPUT_HAS_ENABLE


@pytest.mark.parametrize(
    ("hand", "in_vain"),
    [
        ([(GRIPPED, 500)], True),  # from the beginning
        ([(LET_GO, 500)], False),  # nothing to let go
        ([(LET_GO, 60), (GRIPPED, 500)], False),
        ([(LET_GO, 40), (GRIPPED, 500)], True),  # that was a contact that bounced
        ([(LET_GO, 40), (GRIPPED, 6), (LET_GO, 40), (GRIPPED, 6)], True),
        ([(LET_GO, 60), (GRIPPED, 500), (THROUGH, 2)], True),
        ([(LET_GO, 60), (GRIPPED, 500), (THROUGH, 2), (GRIPPED, 500)], True),  # on the way back
        ([(LET_GO, 60), (THROUGH, 500), (LET_GO, 60), (GRIPPED, 2)], False),
        ([(LET_GO, 60), (0, 100), (GRIPPED, 20)], True),  # not heard for a while
        ([(0, 500)], False),  # a rig without
    ],
)
def test_a_switch_gripped_in_vain_is_told(hand: list[tuple[int, int]], in_vain: bool):
    monitor, maker = TickMonitor(500.0), TickMaker()
    feed(monitor, maker, Mode.STOPPED, [(LET_GO if hand[0][0] else 0, 100), (GRIPPED if hand[0][0] else 0, 10)])
    assert not monitor.must_let_go
    feed(monitor, maker, Mode.READY, hand)
    assert monitor.must_let_go is in_vain
    feed(monitor, maker, Mode.FOLLOWING, [(hand[-1][0], 2)])
    assert not monitor.must_let_go, "it was enabled, then"


def feed(monitor: TickMonitor, maker: TickMaker, mode: Mode, hand: list[tuple[int, int]]) -> None:
    for inputs, ms in hand:
        for _ in range(ms // 2):
            tick = maker.make((maker.index + 1) * 2_000_000, STILL, mode)
            monitor.on_tick(msgspec.structs.replace(tick, inputs=inputs, sample_t_ns=tick.start_ns - 1_000_000))


@pytest.mark.parametrize(
    ("status", "age_ms", "is_off"),
    [(1, 1, False), (0, 1, True), (13, 1, True), (1, 249, False), (1, 251, True)],
)
def test_the_arm_is_held_only_while_every_motor_says_so_and_lately(status: int, age_ms: int, is_off: bool):
    monitor, tick = TickMonitor(500.0), TickMaker().make(S, STILL, Mode.STOPPED, (("loop_gap_stop", "101 ms"),))
    assert not monitor.is_arm_off, "nothing is known yet"
    one_differs = (*tick.arm_status[:-1], status)
    monitor.on_tick(msgspec.structs.replace(tick, arm_status=one_differs, feedback_age_ns=age_ms * 1_000_000))
    assert monitor.is_arm_off is is_off
