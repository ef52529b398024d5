"""A leader's clock that steps or drifts: told, and nothing old is taken for young."""

from __future__ import annotations

import pytest

from firmware_bridge.samples import HEALTH_MISSING, RawCounts
from station.control.inputs import Judged, Trust
from tests.unit.test_inputs_bounds import CALIBRATION, COUNT, MS, NAMES, RIG, TURN, fastest


class Stepped:
    """A leader of 1000 samples a second whose samples are `late_ns` under way, on a host that counts from 10^12."""

    def __init__(self, rig=RIG, is_numbered: bool = True) -> None:
        self.trust = Trust(rig, CALIBRATION, TURN, is_numbered=is_numbered)
        self.is_numbered = is_numbered
        self.seq = 0
        self.host_ns = 10**12
        self.device_us = 10**6
        self.late_ns = 0
        self.count = 0

    def next(self, passed_ms: int = 1, step_us: int = 0, seq_step: int | None = None) -> Judged:
        made = 0 if self.is_numbered else round(step_us / 1000)  # of the device's clock
        self.seq += passed_ms + made if seq_step is None else seq_step
        self.host_ns += passed_ms * MS
        self.device_us += passed_ms * 1000 + step_us
        at_ns = self.host_ns + self.late_ns
        counts = (self.count,) * COUNT
        return self.trust.judge(RawCounts(at_ns, self.seq, self.device_us, counts, (0,) * COUNT), at_ns)


STOP_MS = 200


@pytest.mark.parametrize(
    ("step_us", "told"),
    [(20_000, False), (20_001, True), (900_000, True), ((1 << 32) - 1001, True)],
)
def test_a_clock_that_steps_ahead_of_the_host_and_of_the_numbers_is_a_restart(step_us, told):
    feed = Stepped()
    feed.next()
    feed.next()
    judged = feed.next(step_us=step_us)
    assert [name for name, _ in judged.events] == (["leader_restarted"] if told else [])
    if told:
        assert judged.events[0][1] == f"sample {feed.seq} at {feed.device_us} us"
    assert feed.next().events == ()


@pytest.mark.parametrize("late_ms", [5, 25, 70])
def test_a_step_of_the_clock_makes_no_late_sample_young(late_ms):
    feed = Stepped()
    feed.next()
    feed.late_ns = late_ms * MS
    feed.next()
    before = feed.next()
    assert before.age_ns == pytest.approx((late_ms * MS,) * COUNT, abs=2000)
    judged = feed.next(step_us=900_000)
    assert judged.events[0][0] == "leader_restarted"
    assert judged.age_ns == pytest.approx(before.age_ns, abs=2000)
    assert feed.next().age_ns == pytest.approx(before.age_ns, abs=2000)


def test_a_step_of_the_clock_makes_no_prompt_sample_old():
    feed = Stepped()
    feed.next()
    feed.late_ns = 50 * MS
    feed.next()
    feed.late_ns = 0
    judged = feed.next(passed_ms=51, step_us=900_000)
    assert [name for name, _ in judged.events] == ["leader_restarted"]
    assert judged.age_ns == (0,) * COUNT


@pytest.mark.parametrize(("late_ms", "told"), [(20, False), (100, False), (STOP_MS, False), (STOP_MS + 1, True)])
def test_a_sample_that_overtakes_late_ones_has_its_number_for_it_up_to_the_stop_limit(late_ms, told):
    feed = Stepped()
    feed.late_ns = late_ms * MS
    feed.next()
    feed.next()
    feed.late_ns = 0
    judged = feed.next(passed_ms=late_ms + 1)
    assert [name for name, _ in judged.events] == (["leader_restarted"] if told else [])
    assert judged.age_ns == (0,) * COUNT


@pytest.mark.parametrize(("step_us", "told"), [(20_000, False), (20_001, True)])
def test_a_sample_that_overtakes_late_ones_may_be_20_ms_ahead_of_its_number(step_us, told):
    feed = Stepped()
    feed.late_ns = 50 * MS
    feed.next()
    feed.next()
    feed.late_ns = 0
    judged = feed.next(passed_ms=51, step_us=step_us)
    assert [name for name, _ in judged.events] == (["leader_restarted"] if told else [])


def unnumbered(settled_ms: int = 501) -> Stepped:
    """A leader without numbers of its own, the first sample and one so long after it behind."""
    feed = Stepped(is_numbered=False)
    feed.next()
    feed.next(passed_ms=settled_ms - 1)
    return feed


@pytest.mark.parametrize(
    ("step_us", "told"), [(20_000, False), (20_001, True), (150_000, True), (STOP_MS * 1000, True), (900_000, True)]
)
def test_without_numbers_any_step_ahead_of_the_hosts_clock_is_a_restart(step_us, told):
    feed = unnumbered()
    judged = feed.next(step_us=step_us)
    assert [name for name, _ in judged.events] == (["leader_restarted"] if told else [])
    assert judged.age_ns == (0,) * COUNT
    assert feed.next().events == ()


def test_a_leader_has_numbers_of_its_own_where_nothing_else_is_said():
    feed = Stepped()
    feed.trust = Trust(RIG, CALIBRATION, TURN)
    feed.next()
    feed.next(passed_ms=501)
    assert feed.next(step_us=30_000, seq_step=31).events == ()
    assert feed.next(step_us=30_000).events[0][0] == "leader_restarted"


def test_a_step_after_a_first_sample_at_the_devices_time_0_is_a_restart_too():
    feed = Stepped()
    feed.device_us = -1000
    assert feed.next().events == () and feed.device_us == 0
    assert feed.next(step_us=900_000).events[0][0] == "leader_restarted"


@pytest.mark.parametrize("late_ms", [5, 25, 70])
def test_without_numbers_a_step_makes_no_late_sample_young_either(late_ms):
    feed = unnumbered()
    feed.late_ns = late_ms * MS
    before = feed.next()
    judged = feed.next(step_us=150_000)
    assert judged.events[0][0] == "leader_restarted"
    for found in (judged, feed.next()):
        assert found.age_ns == pytest.approx(before.age_ns, abs=2000)
    feed.late_ns = 0
    assert feed.next(passed_ms=late_ms + 1).age_ns == (0,) * COUNT


@pytest.mark.parametrize(("passed_ms", "late_ns"), [(1, 0), (2, MS), (40, 39 * MS)])
def test_without_a_number_the_sample_of_a_step_is_as_old_as_it_can_be(passed_ms, late_ns):
    feed = unnumbered()
    judged = feed.next(passed_ms=passed_ms, step_us=150_000)
    assert judged.age_ns == (late_ns,) * COUNT


@pytest.mark.parametrize(("settled_ms", "told"), [(500, False), (501, True)])
def test_samples_that_waited_when_the_port_was_opened_are_no_step(settled_ms, told):
    feed = Stepped(is_numbered=False)
    feed.late_ns = 340 * MS
    feed.next()
    feed.next(passed_ms=settled_ms - 1)
    feed.late_ns = 0
    judged = feed.next(passed_ms=341)
    assert [name for name, _ in judged.events] == (["leader_restarted"] if told else [])
    assert judged.age_ns == (0,) * COUNT


def test_after_a_step_the_settling_begins_anew():
    feed = unnumbered()
    feed.next(step_us=150_000)
    assert feed.next(passed_ms=499, step_us=150_000).events == ()
    assert feed.next(passed_ms=2, step_us=150_000).events[0][0] == "leader_restarted"


@pytest.mark.parametrize("more", [0, 1])
def test_in_time_that_passed_by_the_devices_clock_alone_no_joint_has_moved(more):
    feed = Stepped()
    feed.next()
    feed.next()
    feed.count = fastest(1_000 + 20_000) + more
    judged = feed.next(step_us=150_000, seq_step=151)  # numbers made of the device's time go with it
    rejected = [("joint_rejected", f"{name}: impossible step") for name in NAMES]
    assert list(judged.events) == rejected * more


def test_a_joint_unseen_while_the_clock_stepped_may_have_moved_in_the_hosts_time_only():
    for more in (0, 1):
        feed = Stepped()
        feed.next()
        health = (HEALTH_MISSING,) * COUNT
        for _ in range(3):
            feed.next()
        at_ns = feed.host_ns + MS
        feed.trust.judge(RawCounts(at_ns, feed.seq + 1, feed.device_us + 1000, (0,) * COUNT, health), at_ns)
        feed.seq, feed.host_ns, feed.device_us = feed.seq + 1, at_ns, feed.device_us + 1000
        feed.count = fastest(2_000 + 20_000) + more
        judged = feed.next(step_us=150_000, seq_step=151)
        assert len(judged.events) == more * COUNT


def test_samples_that_get_later_slowly_are_told_in_the_end():
    feed = Stepped()
    told = {}
    for n in range(1200):  # 450 us a second
        feed.late_ns = n * 450_000
        for name, _ in feed.next(passed_ms=1000).events:
            told.setdefault(name, feed.late_ns / MS)
    assert told["leader_stale"] == pytest.approx((30 + 10) * 450 / 200, abs=1)
    assert told["leader_silent"] == pytest.approx((200 + 10) * 450 / 200, abs=1)


@pytest.mark.parametrize("ppm", [-90, 90, 250, 260])
def test_a_clock_within_the_tolerance_of_crystals_makes_nothing_old_in_a_shift(ppm):
    feed = Stepped()
    for n in range(1200):
        feed.late_ns = n * ppm * 10_000  # a sample every 10 s
        judged = feed.next(passed_ms=10_000)
    most = max(judged.age_ns) / MS
    assert most == pytest.approx(max(0.0, 1199 * 10 * (ppm - 250) * 1e-3 - 10), abs=1)


def test_a_jump_is_not_believed_because_a_sample_overtook_others():
    """5 ms are given for a jump to have been a movement, of the time in which the joint can have moved."""
    feed = Stepped()
    feed.next()
    feed.count = fastest(5000) + 1
    for _ in range(20):
        assert set(feed.next().sample.counts) == {0}
    assert set(feed.next(step_us=30_000, seq_step=31).sample.counts) == {0}
