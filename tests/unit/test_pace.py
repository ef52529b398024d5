"""The loop's slots: absolute, skipped and counted when missed, locked to the leader's phase."""

from __future__ import annotations

import os
import random
import select
import time

import pytest

from station.control.pace import Pace


class Clock:
    """Time that moves when the loop sleeps."""

    def __init__(self) -> None:
        self.now_ns = 10_000_000_000
        self.oversleep_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9) + self.oversleep_ns


@pytest.fixture
def clock():
    return Clock()


def pace_of(clock, rate_hz=500.0, leader_hz=1000.0):
    return Pace(rate_hz, leader_hz, clock, clock.sleep)


def test_slots_come_at_the_arms_rate_whatever_the_work_takes(clock):
    pace = pace_of(clock)
    first = pace.slot_ns
    rng = random.Random(3)
    for _ in range(1000):
        pace.sleep()
        clock.now_ns += rng.randrange(0, 900_000)
        assert pace.advance() == 0
    assert pace.slot_ns - first == 1000 * pace.period_ns
    assert pace.index == 1000


def test_a_missed_slot_is_skipped_and_counted_never_made_up(clock):
    pace = pace_of(clock)
    pace.sleep()
    clock.now_ns += 7 * pace.period_ns
    skipped = pace.advance()
    assert skipped == pace.lost == 6
    assert pace.index == 7
    assert pace.slot_ns > clock.now_ns - pace.period_ns // 2
    assert (pace.slot_ns - 10_000_000_000) % pace.period_ns == 0
    pace.sleep()
    assert pace.advance() == 0


def test_a_tick_that_is_late_by_less_than_half_a_period_is_not_lost(clock):
    pace = pace_of(clock)
    pace.sleep()
    clock.now_ns = pace.slot_ns + pace.period_ns + pace.period_ns // 2
    assert pace.advance() == 0
    clock.now_ns = pace.slot_ns + pace.period_ns + pace.period_ns // 2 + 1
    assert pace.advance() == 1


def test_lateness_of_the_sleeper_is_told(clock):
    pace = pace_of(clock)
    clock.oversleep_ns = 130_000
    assert pace.sleep() == 130_000


@pytest.mark.parametrize("phase_ns", [0, 170_000, 400_000, 650_000, 999_000])
@pytest.mark.parametrize("drift_ppm", [-200, 0, 200])
def test_the_schedule_locks_to_the_leaders_samples(clock, phase_ns, drift_ppm):
    pace = pace_of(clock)
    sample_ns = 1_000_000 * (1 + drift_ppm * 1e-6)
    off = []
    for _ in range(2000):
        pace.sleep()
        number = int((clock.now_ns - phase_ns) / sample_ns) + 1
        arrival = round(number * sample_ns) + phase_ns
        clock.now_ns = max(clock.now_ns, arrival)
        pace.lock_to(arrival)
        off.append(arrival - pace.slot_ns)
        pace.advance()
    assert pace.lost == 0
    assert max(abs(value) for value in off[-200:]) < 30_000


@pytest.mark.parametrize(
    ("rate_hz", "leader_hz", "guard_ns"),
    [(500.0, 1000.0, 500_000), (500.0, 250.0, 666_666), (1000.0, 1000.0, 333_333), (100.0, 800.0, 625_000)],
)
def test_the_sleeper_wakes_half_a_sample_before_the_slot_at_most_a_third_of_it(clock, rate_hz, leader_hz, guard_ns):
    pace = pace_of(clock, rate_hz, leader_hz)
    assert pace.period_ns == round(1e9 / rate_hz)
    assert pace.sleep() == 0
    assert clock.now_ns == pace.slot_ns - guard_ns


def test_a_sleeper_without_time_to_sleep_is_not_late(clock):
    slept = []
    pace = Pace(500.0, 1000.0, clock, slept.append)
    clock.now_ns = pace.slot_ns - 500_000
    assert pace.sleep() == 0
    clock.now_ns += 700_000
    assert pace.sleep() == 0
    assert slept == []
    clock.now_ns -= 700_001
    pace.sleep()
    assert slept == [1e-9]


def test_a_sleeper_that_woke_early_is_not_late(clock):
    pace = Pace(500.0, 1000.0, clock, lambda seconds: None)
    assert pace.sleep() == 0


@pytest.mark.parametrize(
    ("rate_hz", "leader_hz", "grace_ns"), [(500.0, 1000.0, 500_000), (500.0, 250.0, 666_666), (1000.0, 1000.0, 333_333)]
)
def test_the_leader_is_waited_for_until_half_a_sample_after_the_slot(clock, monkeypatch, rate_hz, leader_hz, grace_ns):
    asked = []
    monkeypatch.setattr(select, "select", lambda *of: asked.append(of) or ((), (), ()))
    pace = pace_of(clock, rate_hz, leader_hz)
    clock.now_ns = pace.slot_ns - 1000
    assert not pace.wait(7)
    clock.now_ns = pace.slot_ns + grace_ns
    assert not pace.wait(7)
    clock.now_ns += 5
    assert not pace.wait(7)
    assert [(of[0], of[3]) for of in asked] == [((7,), pytest.approx((grace_ns + 1000) * 1e-9)), ((7,), 0), ((7,), 0)]


def test_without_a_leader_the_slot_itself_is_waited_for(clock):
    slept = []
    pace = Pace(500.0, 1000.0, clock, slept.append)
    clock.now_ns = pace.slot_ns - 700_000
    pace.wait_out()
    assert slept == [pytest.approx(0.0007)]
    clock.now_ns = pace.slot_ns - 1
    pace.wait_out()
    assert slept[1:] == [pytest.approx(1e-9)]
    for late_ns in (0, 1000):
        clock.now_ns = pace.slot_ns + late_ns
        pace.wait_out()
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("off_ns", "nudge_ns"),
    [(160, 10), (-160, -10), (320_016, 20_000), (-320_016, -20_000), (10**9, 20_000), (15, 0)],
)
def test_the_schedule_moves_by_a_sixteenth_and_at_most_20_us(clock, off_ns, nudge_ns):
    pace = pace_of(clock)
    before_ns = pace.slot_ns
    pace.lock_to(before_ns + off_ns)
    assert pace.slot_ns - before_ns == nudge_ns


def test_the_wall_clock_is_the_one_given():
    assert Pace(500.0, 1000.0, wall=lambda: 123).wall() == 123
    assert abs(Pace(500.0, 1000.0).wall() - time.time_ns()) < 60e9


def test_silence_ends_the_wait_at_the_deadline():
    read_end, write_end = os.pipe()
    pace = Pace(500.0, 1000.0)
    assert not pace.wait(read_end)
    assert pace.clock() >= pace.slot_ns
    os.write(write_end, b"x")
    assert pace.wait(read_end)
    os.close(read_end)
    os.close(write_end)
