"""The loop's own gaps: told once, to the nanosecond, and never a reason to look away for long."""

from __future__ import annotations

import msgspec
import pytest

from station.control.gap_watch import GapWatch
from station.settings.load import load_rig

RIG, _ = load_rig("demo")
MS = 1_000_000
SENT_NS = 10**12
PERIOD_NS = 2 * MS


def made(flag_ms: float = 5.0, stop_ms: float = 20.0) -> GapWatch:
    loop = msgspec.structs.replace(RIG.loop, gap_flag_ms=flag_ms, gap_stop_ms=stop_ms)
    return GapWatch(msgspec.structs.replace(RIG, loop=loop), PERIOD_NS)


def looked(watch: GapWatch, gap_ns: int, last_sent_ns: int = SENT_NS) -> list[tuple[str, str]]:
    events = [("samples_lost", "1")]
    watch.look(events, SENT_NS + PERIOD_NS + gap_ns, last_sent_ns)
    events.remove(("samples_lost", "1"))
    return events


@pytest.mark.parametrize(
    ("gap_ns", "expected"),
    [
        (5 * MS, []),
        (5 * MS + 1, [("loop_gap", "5.0 ms")]),
        (20 * MS, [("loop_gap", "20.0 ms")]),
        (20 * MS + 1, [("loop_gap_stop", "20 ms")]),
        (33 * MS, [("loop_gap_stop", "33 ms")]),
    ],
)
def test_a_gap_between_two_commands_is_flagged_then_stops(gap_ns, expected):
    watch = made()
    assert looked(watch, gap_ns) == expected
    is_stop = expected[:1] and expected[0][0] == "loop_gap_stop"
    assert watch.asked_since_ns == (SENT_NS + PERIOD_NS + gap_ns if is_stop else 0)


def test_a_gap_is_the_cause_of_what_else_is_late_and_a_flag_is_not():
    watch = made()
    for gap_ms, expected in ((21, ["loop_gap_stop", "leader_stale"]), (6, ["leader_stale", "loop_gap"])):
        events = [("leader_stale", "31 ms")]
        watch.look(events, SENT_NS + PERIOD_NS + gap_ms * MS, SENT_NS)
        assert [name for name, _ in events] == expected


def test_without_a_command_to_go_on_from_there_is_no_gap():
    watch = made()
    assert looked(watch, 500 * MS, last_sent_ns=0) == []
    watch.blinds(30 * MS)
    assert looked(watch, 0, last_sent_ns=0) == []
    assert looked(watch, 0) == [], "what is past is forgotten"


@pytest.mark.parametrize(
    ("within_ns", "expected"),
    [
        (5 * MS, []),
        (5 * MS + 1, [("loop_gap", "5.0 ms")]),
        (20 * MS, [("loop_gap", "20.0 ms")]),
        (20 * MS + 1, [("loop_gap_stop", "20 ms")]),
    ],
)
def test_a_gap_within_a_tick_is_told_in_the_next_one_and_once(within_ns, expected):
    watch = made()
    assert watch.blinds(within_ns) is (within_ns > 20 * MS)
    assert looked(watch, 0) == expected
    assert looked(watch, 0) == []


def test_of_two_gaps_the_longer_counts():
    watch = made()
    watch.blinds(7 * MS)
    assert looked(watch, 9 * MS) == [("loop_gap", "9.0 ms")]
    watch.blinds(9 * MS)
    assert looked(watch, 7 * MS) == [("loop_gap", "9.0 ms")]


def test_a_loop_that_is_always_too_late_looks_at_its_motors_every_other_tick():
    watch = made()
    assert [watch.blinds(25 * MS) for _ in range(6)] == [True, False] * 3
    assert [watch.blinds(MS), watch.blinds(25 * MS)] == [False, True]
