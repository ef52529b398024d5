"""However a leader's samples come, they take the loop's slots with them by no more than a hundredth."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from station.control.pace import Pace

SLOTS = 4000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 10_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def slots_of(early_ns: list[int], work_ns: int = 150_000) -> tuple[list[int], Pace]:
    """The slots' times where the samples come so much before them."""
    clock = Clock()
    pace = Pace(500.0, 1000.0, clock, clock.sleep)
    slots = []
    for early in early_ns:
        pace.sleep()
        clock.now_ns = max(clock.now_ns, pace.slot_ns - early)
        pace.lock_to(pace.slot_ns - early)
        slots.append(pace.slot_ns)
        clock.now_ns += work_ns
        pace.advance()
    return slots, pace


@pytest.mark.parametrize("early_ns", [500_000, 10**12])
def test_samples_that_are_always_early_make_one_slot_in_a_hundred_more(early_ns: int) -> None:
    slots, pace = slots_of([early_ns] * SLOTS)
    gaps = {after - before for before, after in pairwise(slots)}
    assert gaps == {pace.period_ns - 20_000}
    assert pace.lost == 0


def test_samples_that_are_always_late_take_no_more_either() -> None:
    slots, pace = slots_of([-400_000] * SLOTS)
    assert {after - before for before, after in pairwise(slots)} == {pace.period_ns + 20_000}


@pytest.mark.parametrize("seed", range(5))
def test_no_two_slots_are_nearer_than_a_hundredth_less_than_a_period(seed: int) -> None:
    rng = random.Random(seed)
    early = [rng.choice([-1, 1]) * round(10 ** rng.uniform(1, 10)) for _ in range(SLOTS)]
    slots, pace = slots_of(early, rng.randrange(10_000, 800_000))
    assert min(after - before for before, after in pairwise(slots)) >= pace.period_ns - 20_000
    quickest = min(after - before for before, after in zip(slots, slots[500:]))
    assert quickest >= 500 * pace.period_ns * 0.99
