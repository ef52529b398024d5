"""The pace: told in time of following, calm whatever is rejected or interrupted."""

from __future__ import annotations

from station.session.rhythm import FEWEST, Rhythm

S = 1_000_000_000
STEP = S // 100


class Shift:
    def __init__(self) -> None:
        self.rhythm = Rhythm()
        self.now_ns = S

    def pass_time(self, seconds: float, *, follows: bool = True) -> None:
        for _ in range(round(seconds * S / STEP)):
            self.now_ns += STEP
            self.rhythm.tick(self.now_ns, follows)

    def work(self, count: int, seconds: float = 4.0) -> None:
        for _ in range(count):
            self.pass_time(seconds)
            self.rhythm.ended()


def test_no_pace_is_told_of_too_few_repetitions():
    shift = Shift()
    shift.work(FEWEST)  # the first has no beginning
    assert shift.rhythm.pace_per_h((True,) * FEWEST) == 0.0
    shift.work(1)
    assert round(shift.rhythm.pace_per_h((True,) * 6)) == 900


def test_a_pause_a_stop_and_an_interrupted_repetition_change_nothing():
    shift = Shift()
    shift.work(11)
    before = shift.rhythm.pace_per_h((True,) * 11)
    shift.pass_time(600.0, follows=False)
    shift.pass_time(30.0)
    assert shift.rhythm.pace_per_h((True,) * 11) == before
    shift.rhythm.ended(is_cycle=False)
    shift.pass_time(5.0, follows=False)
    shift.work(3)
    assert shift.rhythm.pace_per_h((True,) * 14) == before


def test_one_long_cycle_moves_the_pace_by_nothing_and_a_rejection_by_its_share():
    shift = Shift()
    shift.work(20)
    shift.work(1, seconds=90.0)
    recent = (True,) * 20
    assert round(shift.rhythm.pace_per_h(recent)) == 900
    assert round(shift.rhythm.pace_per_h((*recent[:-1], False))) == 855
    assert shift.rhythm.pace_per_h((False,) * 20) == 0.0


def test_a_new_way_of_working_is_the_pace_after_half_a_window():
    shift = Shift()
    shift.work(20)
    shift.work(11, seconds=8.0)
    assert round(shift.rhythm.pace_per_h((True,))) == 450


def test_a_restart_goes_on_from_the_ledger_without_its_pauses():
    ends, at = [], 0
    for cycle in (4, 4, 900, 4, 4, 4, 5):
        at += cycle * S
        ends.append(at)
    rhythm = Rhythm(ends)
    assert round(rhythm.pace_per_h((True,))) == 900
    assert Rhythm(ends[:3]).pace_per_h((True,)) == 0.0


def test_a_gap_in_the_ticks_is_no_cycle():
    shift = Shift()
    shift.work(10)
    shift.now_ns += 30 * S
    shift.work(6)
    assert round(shift.rhythm.pace_per_h((True,))) == 900
