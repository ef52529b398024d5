"""The loop's two lines: what counts as fresh, which line is down and why, and opening it again."""

from __future__ import annotations

import os
import threading

import pytest

from drivers.errors import DriverError
from drivers.ports import ArmFeedback
from firmware_bridge.errors import WireError
from firmware_bridge.samples import (
    INPUT_ENABLE,
    INPUT_ENABLE_THROUGH,
    INPUT_ESTOP,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
    RawCounts,
)
from station.control.links import Links
from station.control.pace import Pace

MS = 1_000_000
HAS = INPUT_HAS_ENABLE | INPUT_HAS_ESTOP


class Clock:
    """Time that moves when somebody sleeps or says so."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


class Line:
    """Leader or gate: answers from a list, told when it is closed and opened."""

    def __init__(self, clock: Clock, *answers) -> None:
        self.clock = clock
        self.answers = list(answers)
        self.asked_ns: list[int] = []
        self.takes_ns = 0
        self.told: list[str] = []
        self.fails: Exception | None = None
        self.gate_open = threading.Event()
        self.gate_open.set()
        self.end, self.far = os.pipe()

    def read(self, now_ns):
        self.asked_ns.append(now_ns)
        self.clock.now_ns += self.takes_ns
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def tend(self, now_ns):
        self.told.append(f"tended at {now_ns}")
        return 123

    def fileno(self):
        return self.end

    def __exit__(self, *_):
        self.told.append("closed")

    def __enter__(self):
        assert self.gate_open.wait(30)
        self.told.append("opened")
        if self.fails is not None:
            raise self.fails
        return self

    def close(self):
        os.close(self.end)
        os.close(self.far)


def pose(t_ns, *position):
    zeros = (0.0,) * len(position)
    return ArmFeedback(tuple(position), zeros, zeros, zeros, (1,) * len(position), (t_ns,) * len(position))


def sample(seq, t_ns=0):
    return RawCounts(t_ns, seq, seq * 1000, (1, 2), (0, 0))


@pytest.fixture
def rig():
    clock = Clock()
    leader, gate = Line(clock, None), Line(clock, pose(clock(), 0.1, 0.2))
    links = Links(leader, gate, Pace(500.0, 1000.0, clock, clock.sleep))  # type: ignore[arg-type]
    yield links, leader, gate, clock
    leader.close()
    gate.close()


def opened(links: Links) -> None:
    """Opens what is down, to the end of the attempt."""
    links._pace.clock.now_ns += 200 * MS  # type: ignore[attr-defined]
    links.open_again()
    thread = links._opener
    assert thread is not None and thread.daemon
    thread.join(30)
    assert not thread.is_alive()


def test_both_lines_are_up_at_the_start(rig):
    links, _, gate, clock = rig
    assert links.are_up and links.leader_down == links.arm_down == ""
    assert links.feedback is gate.answers[0] and gate.asked_ns == [clock.now_ns]
    assert not links.is_pose_sure, "one answer is not two"
    assert not links.take_new_leader()


@pytest.mark.parametrize("line", ["leader_down", "arm_down"])
def test_one_line_down_is_not_up(rig, line):
    setattr(rig[0], line, "unplugged")
    assert not rig[0].are_up


def test_the_arm_is_fresh_by_its_oldest_answer_for_50_ms(rig):
    links, _, _, clock = rig
    now_ns = clock.now_ns + 1000 * MS
    for age_ns, expected in ((50 * MS, False), (50 * MS - 1, True), (0, True)):
        links.feedback = pose(now_ns, 0.1, 0.2)._replace(t_ns=(now_ns, now_ns - age_ns))
        assert links.is_arm_fresh(now_ns) == expected
    links.arm_down = "gone"
    assert not links.is_arm_fresh(now_ns)


def test_answers_of_the_first_20_ms_after_opening_count_for_nothing(rig):
    links, _, _, clock = rig
    for after_ns, expected in ((20 * MS, False), (20 * MS + 1, True)):
        links.feedback = pose(clock.now_ns + after_ns, 0.1, 0.2)
        assert links.is_arm_fresh(clock.now_ns + after_ns) == expected


def test_an_arm_that_failed_is_down_in_its_own_words_and_read_no_more(rig):
    links, _, gate, _ = rig
    before = links.feedback
    gate.answers = [DriverError("can_right: no such device")]
    links.read_arm()
    assert links.arm_down == "can_right: no such device" and links.feedback is before
    asked = len(gate.asked_ns)
    links.read_arm()
    assert len(gate.asked_ns) == asked and not links.leader_down


def test_an_arm_is_asked_with_the_time_of_now(rig):
    links, _, gate, clock = rig
    clock.now_ns += 7 * MS
    links.read_arm()
    assert gate.asked_ns[-1] == clock.now_ns


def test_the_newest_sample_is_taken_and_the_schedule_follows_it(rig):
    links, leader, _, clock = rig
    pace = links._pace
    clock.now_ns = pace.slot_ns + 160_000
    leader.answers = [sample(1), sample(2)]
    os.write(leader.far, b"x")
    before_ns = pace.slot_ns
    assert links.read_leader() == sample(2)
    assert leader.asked_ns == [clock.now_ns] * 2
    assert pace.slot_ns == before_ns + 10_000


@pytest.mark.parametrize(
    ("waiting", "newest", "expected"),
    [
        (HAS | INPUT_ESTOP, HAS | INPUT_ENABLE, HAS | INPUT_ESTOP),
        (HAS | INPUT_ENABLE, HAS | INPUT_ENABLE | INPUT_ESTOP, HAS | INPUT_ENABLE | INPUT_ESTOP),
        (HAS, HAS | INPUT_ENABLE, HAS),
        (HAS | INPUT_ENABLE, HAS | INPUT_ENABLE, HAS | INPUT_ENABLE),
        (INPUT_HAS_ENABLE | INPUT_ENABLE, HAS | INPUT_ENABLE, INPUT_HAS_ENABLE | INPUT_ENABLE),
        (INPUT_HAS_ESTOP, HAS, INPUT_HAS_ESTOP),
        (HAS | INPUT_ENABLE_THROUGH, HAS | INPUT_ENABLE, HAS | INPUT_ENABLE_THROUGH),
        (HAS | INPUT_ENABLE, HAS | INPUT_ENABLE_THROUGH, HAS | INPUT_ENABLE_THROUGH),
        (HAS | INPUT_ENABLE_THROUGH | INPUT_ESTOP, HAS, HAS | INPUT_ENABLE_THROUGH | INPUT_ESTOP),
    ],
)
def test_the_switches_of_an_older_sample_count_beside_the_newest_ones(rig, waiting, newest, expected):
    links, leader, _, clock = rig
    clock.now_ns = links._pace.slot_ns + 160_000
    leader.answers = [sample(1)._replace(inputs=waiting), sample(2)._replace(inputs=newest)]
    os.write(leader.far, b"x")
    assert links.read_leader() == sample(2)._replace(inputs=expected)


@pytest.mark.parametrize("waiting", [None, sample(1)])
def test_without_a_new_sample_until_the_deadline_an_older_one_serves(rig, waiting):
    links, leader, _, clock = rig
    clock.now_ns = links._pace.slot_ns + 2 * MS
    before_ns = links._pace.slot_ns
    leader.answers = [waiting]
    assert links.read_leader() == waiting
    assert len(leader.asked_ns) == 1 and links._pace.slot_ns == before_ns and not links.leader_down


def test_a_part_of_a_sample_is_none_and_moves_no_schedule(rig):
    links, leader, _, clock = rig
    clock.now_ns = links._pace.slot_ns + 160_000
    before_ns = links._pace.slot_ns
    leader.answers = [sample(1), None]
    os.write(leader.far, b"x")
    assert links.read_leader() == sample(1)
    assert links._pace.slot_ns == before_ns


@pytest.mark.parametrize(("takes_ns", "late"), [(MS, False), (MS + 1, True)])
def test_bytes_read_after_a_standstill_are_stamped_with_the_time_of_their_reading(rig, takes_ns, late):
    links, leader, _, clock = rig
    clock.now_ns = links._pace.slot_ns + 10 * MS
    leader.takes_ns = takes_ns
    leader.answers = [sample(1, t_ns=5)]
    found = links.read_leader()
    assert found == sample(1, t_ns=clock.now_ns if late else 5)


@pytest.mark.parametrize("error", [DriverError("unplugged"), WireError("no hub")])
@pytest.mark.parametrize("first", [True, False])
def test_a_leader_that_failed_is_down_in_its_own_words_and_the_slot_waited_for(rig, error, first):
    links, leader, _, clock = rig
    leader.answers = [error] if first else [None, error]
    os.write(leader.far, b"x")
    assert links.read_leader() is None
    assert links.leader_down == str(error) and not links.arm_down
    asked = len(leader.asked_ns)
    assert links.read_leader() is None
    assert len(leader.asked_ns) == asked and clock.now_ns == links._pace.slot_ns


def test_what_waited_before_the_loop_began_is_read_and_goes_nowhere(rig):
    links, leader, _, clock = rig
    leader.answers = [sample(7), None]
    links.drop_waiting()
    assert leader.asked_ns == [clock.now_ns] and leader.answers == [None]
    assert links.are_up and links.read_leader() is None


@pytest.mark.parametrize("error", [DriverError("unplugged"), WireError("no hub")])
def test_a_leader_that_failed_before_the_loop_began_is_down(rig, error):
    links, leader, _, _ = rig
    leader.answers = [error]
    links.drop_waiting()
    assert links.leader_down == str(error)


@pytest.mark.parametrize("error", [DriverError("gone"), WireError("three bytes")])
def test_an_arm_whose_answers_can_not_be_read_is_down(rig, error):
    links, _, gate, _ = rig
    gate.answers = [error]
    links.read_arm()
    assert links.arm_down == str(error)


def test_a_leader_opened_again_is_new_once_and_the_arm_left_alone(rig):
    links, leader, gate, _ = rig
    links.leader_down = "unplugged"
    opened(links)
    assert leader.told == ["closed", "opened"] and gate.told == []
    assert links.are_up
    assert links.take_new_leader() and not links.take_new_leader()


def test_an_arm_opened_again_counts_its_answers_from_then_on(rig):
    links, leader, gate, clock = rig
    links.arm_down = "gone"
    clock.now_ns += 5000 * MS
    opened(links)
    assert gate.told == ["closed", "opened"] and leader.told == []
    assert links.are_up and not links.take_new_leader()
    for after_ns, expected in ((20 * MS, False), (20 * MS + 1, True)):
        links.feedback = pose(clock.now_ns + after_ns, 0.1, 0.2)
        assert links.is_arm_fresh(clock.now_ns + after_ns) == expected


@pytest.mark.parametrize("error", [DriverError("still unplugged"), WireError("another hub")])
@pytest.mark.parametrize("line", ["leader", "arm"])
def test_what_cannot_be_opened_stays_down_with_the_new_reason(rig, line, error):
    links, leader, gate, _ = rig
    setattr(links, f"{line}_down", "unplugged")
    (leader if line == "leader" else gate).fails = error
    opened(links)
    assert getattr(links, f"{line}_down") == str(error)
    assert not links.are_up and not links.take_new_leader()
    assert (links.arm_down if line == "leader" else links.leader_down) == ""


def test_with_both_down_each_has_its_own_reason(rig):
    links, leader, gate, _ = rig
    links.leader_down, links.arm_down = "unplugged", "gone"
    gate.fails = DriverError("still gone")
    opened(links)
    assert (links.leader_down, links.arm_down) == ("", "still gone")
    links.leader_down = "unplugged"
    leader.fails = DriverError("still unplugged")
    opened(links)
    assert (links.leader_down, links.arm_down) == ("still unplugged", "still gone")


def test_opening_goes_on_beside_the_loop_and_is_begun_once_at_a_time(rig):
    links, leader, _, _ = rig
    links.leader_down = "unplugged"
    leader.gate_open.clear()
    links.open_again()
    first = links._opener
    links.open_again()
    assert links._opener is first and links.leader_down == "unplugged"
    leader.gate_open.set()
    first.join(30)
    assert leader.told == ["closed", "opened"] and links.are_up
    links.leader_down = "unplugged again"
    opened(links)
    assert leader.told == ["closed", "opened"] * 2


def test_a_leader_is_tended_while_its_line_is_up():
    clock = Clock()
    leader, gate = Line(clock, None), Line(clock, pose(clock(), 0.1, 0.2))
    links = Links(leader, gate, Pace(500.0, 1000.0, clock, clock.sleep))  # type: ignore[arg-type]
    assert links.tend_leader(7) == 123 and leader.told == ["tended at 7"]
    links.leader_down = "unplugged"
    assert links.tend_leader(8) == 0 and leader.told == ["tended at 7"]
    leader.close()
    gate.close()


def test_a_sample_that_overtakes_none_keeps_its_own_switches(rig):
    links, leader, _, clock = rig
    clock.now_ns = links._pace.slot_ns + 160_000
    os.write(leader.far, b"x")
    leader.answers = [None, sample(2)._replace(inputs=HAS | INPUT_ENABLE)]
    assert links.read_leader() == sample(2)._replace(inputs=HAS | INPUT_ENABLE)


def test_what_was_read_before_the_line_went_down_counts(rig):
    """The stop contact was pressed in the last sample before the cable was torn off."""
    links, leader, _, clock = rig
    clock.now_ns = links._pace.slot_ns + 160_000
    os.write(leader.far, b"x")
    last = sample(3)._replace(inputs=HAS | INPUT_ESTOP)
    leader.answers = [last, DriverError("unplugged")]
    assert links.read_leader() == last
    assert links.leader_down == "unplugged"
    assert links.read_leader() is None


@pytest.mark.parametrize(("after_ms", "tries"), [(199, 1), (200, 2)])
def test_what_is_not_there_is_tried_again_after_a_pause(rig, after_ms, tries):
    links, leader, _, clock = rig
    links.leader_down = "unplugged"
    leader.fails = DriverError("still unplugged")
    opened(links)
    clock.now_ns += after_ms * MS
    links.open_again()
    links._opener.join(30)
    assert leader.told == ["closed", "opened"] * tries


@pytest.mark.parametrize("line", ["leader", "arm"])
def test_an_error_that_nobody_thought_of_is_told_too(rig, line):
    links, leader, gate, _ = rig
    setattr(links, f"{line}_down", "unplugged")
    (leader if line == "leader" else gate).fails = UnicodeDecodeError("utf-8", b"\xe4", 0, 1, "cut")
    opened(links)
    assert getattr(links, f"{line}_down").startswith("UnicodeDecodeError: 'utf-8' codec")
