"""The clock mapping never raises on any times, and its answer is a time near the sample's arrival once it follows."""

from __future__ import annotations

import random

import pytest

from firmware_bridge.clock_sync import DeviceClock

JUMPS_US = (-1, 1, 10**6, -(10**6), 2**31, 2**32, -(2**31), 10**9, -5)
RATES = (1.0, 0.9995, 1.0005, 1.01, 0.5, 2.0, 0.0, -1.0, 1.0004999)


@pytest.mark.parametrize("seed", range(12))
def test_any_times_of_samples_and_answers_are_taken(seed: int) -> None:
    rng = random.Random(seed)
    clock = DeviceClock(window_s=rng.choice((2, 25)), bin_s=rng.choice((0.05, 0.25)))
    us, ns = rng.choice((0, 2**32 - 5, rng.randrange(2**40))), rng.randrange(10**15)
    rate, is_rough = rng.choice(RATES), rng.random() < 0.4
    for _ in range(rng.choice((200, 3000))):
        step_us = rng.choice((1000, 1000, 1000, 1000, 0, 5000, 250_000)) if is_rough else 1000
        us += round(step_us * rate)
        ns += step_us * 1000 + (rng.randrange(-500_000, 3_000_000) if is_rough else 0)
        if rng.random() < 0.003:
            us += rng.choice(JUMPS_US)
        if rng.random() < 0.002:
            ns += rng.choice((10**9, 3 * 10**9, 10**12))
        assert isinstance(clock.update(us if rng.random() < 0.5 else us & 0xFFFF_FFFF, ns), int)
        if rng.random() < 0.02:
            asked_us = us - rng.choice((0, 100, 1000, 10**6))
            turned_us = asked_us + rng.choice((0, 50))
            asked_ns = ns - rng.choice((10**5, 10**6, 10**9, 0))
            try:
                clock.exchange(asked_ns, asked_us & 0xFFFF_FFFF, turned_us & 0xFFFF_FFFF, ns)
            except ValueError as error:
                assert "expected t1 <= t4" in str(error)
    after = [(us + 1000 * n, ns + 1_000_000 * n) for n in range(1, 3000)]
    mapped = [clock.update(device_us & 0xFFFF_FFFF, arrival_ns) - arrival_ns for device_us, arrival_ns in after]
    assert max(map(abs, mapped[-500:])) < 1_000_000_000
