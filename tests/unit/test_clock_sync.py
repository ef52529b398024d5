"""Clock mapping: emulated device clocks with known drift against arrivals and exchanges with known delays."""

from __future__ import annotations

import random

import pytest

from firmware_bridge.clock_sync import DeviceClock
from tests.bench.clock import AIM_US, KINDS, run

HOST_NS = 10**15
WRAP = 1 << 32


def truth_ns(n, drift_ppm, period_us=1000):
    return HOST_NS + round(n * period_us * 1000 * (1 + drift_ppm * 1e-6))


def feed(clock, samples, drift_ppm, start_us, delay_us, seed=1, fifo=False):
    """1 kHz samples; the errors, us, of the last quarter."""
    rng = random.Random(seed)
    errors, last = [], 0
    for n in range(samples):
        arrival = truth_ns(n, drift_ppm) + round(delay_us(rng) * 1000)
        arrival = last = max(arrival, last) if fifo else arrival
        mapped = clock.update((start_us + n * 1000) % WRAP, arrival)
        if n >= samples * 3 // 4:
            errors.append(abs(mapped - truth_ns(n, drift_ppm)) / 1000)
    return sorted(errors)


@pytest.mark.parametrize("way", ["one-way", "two-way"])
@pytest.mark.parametrize("kind", KINDS)
def test_jitter_of_5_ms_drift_and_wrap_leave_under_100_us(kind, way):
    for drift_ppm in (-200.0, 200.0):
        errors = run(kind, drift_ppm, is_two_way=way == "two-way", runs=1)
        assert errors.p99_us <= AIM_US and errors.drift_error_ppm < 10


def test_it_says_how_rough_the_arrivals_are():
    clock = DeviceClock()
    feed(clock, 13_400, -37.5, WRAP - 6_000_000, lambda rng: rng.uniform(0, 5000))
    assert clock.is_locked and abs(clock.drift_ppm + 37.5) < 5
    assert clock.reboots == clock.steps == clock.outliers == 0
    assert 0 < clock.residual.p50_us < 100 and 1000 < clock.delay.p50_us < 4500
    assert clock.bound_us is None


def test_a_mapping_made_before_the_wrap_serves_after_it():
    clock = DeviceClock()
    feed(clock, 8_000, 100, WRAP - 8_000_000, lambda rng: rng.uniform(0, 100))
    assert abs(clock.to_host_ns(1_000_000) - truth_ns(9_000, 100)) < 200_000  # 1 s after the wrap
    assert abs(clock.to_host_ns(WRAP - 4_000_000) - truth_ns(4_000, 100)) < 200_000


def test_32_bits_and_unwrapped_device_times_map_alike():
    clock, other = DeviceClock(), DeviceClock()
    for n in range(9_000):
        us, now = WRAP - 4_000_000 + n * 1000, truth_ns(n, 120) + n * 7919 % 900_000
        assert clock.update(us % WRAP, now) == other.update(us, now)


def test_a_restarted_device_is_noticed_and_mapped_anew():
    clock = DeviceClock()
    feed(clock, 5_000, 50, 900_000_000, lambda rng: rng.uniform(0, 500))
    arrival = truth_ns(5_300, 50)
    assert clock.update(1_500_000, arrival) == arrival
    assert clock.reboots == 1 and not clock.is_locked
    for n in range(5_000):
        mapped = clock.update(1_500_000 + n * 1000, arrival + n * 1_000_000)
    assert abs(mapped - (arrival + 4_999_000_000)) < 50_000
    assert clock.reboots == 1


def test_a_pause_of_the_stream_is_no_restart():
    clock = DeviceClock()
    feed(clock, 5_000, 80, WRAP - 1_000_000, lambda rng: rng.uniform(0, 300))
    n = 5_000 + 3_600_000  # an hour later, most of a wrap
    mapped = clock.update((WRAP - 1_000_000 + n * 1000) % WRAP, truth_ns(n, 80))
    assert clock.reboots == 0
    assert abs(mapped - truth_ns(n, 80)) < 100_000_000


def test_one_wrong_time_stamp_moves_nothing():
    clock, other = DeviceClock(), DeviceClock()
    for n in range(8_000):
        now = truth_ns(n, 100) + random.Random(n).randrange(400_000)
        for target in (clock, other):
            mapped = target.update(n * 1000, now)
        if n % 1000 == 999:
            clock.update(n * 1000 + 700_000, now)  # 0.7 s into the future
    assert clock.outliers >= 5  # those after the lock
    assert abs(clock.to_host_ns(8_000_000) - other.to_host_ns(8_000_000)) < 20_000
    assert clock.steps == 0 and mapped


def test_a_clock_that_was_set_is_followed_forward_and_back():
    for jump_us in (500_000, -500_000):
        clock = DeviceClock()
        for n in range(12_000):
            us = 50_000_000 + n * 1000 + (jump_us if n >= 6_000 else 0)
            mapped = clock.update(us, truth_ns(n, 0) + (n * 7919 % 300) * 1000)
        assert clock.steps == 1, jump_us
        assert abs(mapped - truth_ns(11_999, 0)) < 400_000


def test_a_second_of_late_arrivals_does_not_move_the_envelope():
    clock = DeviceClock()
    for n in range(9_000):
        late_us = 15_000 if 5_000 <= n < 6_000 else n * 7919 % 200
        mapped = clock.update(n * 1000, truth_ns(n, 30) + late_us * 1000)
        if n > 4_000:
            assert abs(mapped - truth_ns(n, 30)) < 60_000


def test_a_load_that_grows_is_not_taken_for_drift():
    """The mean delay climbs by 80 us a second, as a drift of 80 ppm would make it; some samples are always quick."""
    clock, rng = DeviceClock(), random.Random(5)
    for n in range(20_000):
        load_us = 0.0 if rng.random() < 0.05 else 80e-3 * n
        mapped = clock.update(n * 1000, truth_ns(n, 40) + round(1000 * (load_us + rng.uniform(0, 30))))
        if n > 10_000:
            assert abs(mapped - truth_ns(n, 40)) < 60_000
    assert abs(clock.drift_ppm - 40) < 3


def test_asking_before_the_first_sample_is_refused():
    with pytest.raises(ValueError, match="no sample yet"):
        DeviceClock().to_host_ns(5)


def exchange(n, drift_ppm, there_us, back_us, start_us):
    """(t1, t2, t3, t4) of an exchange at n * 100 ms and the truth of t3."""
    t1 = n * 100_000.0
    t2 = t1 + there_us
    t3 = t2 + 20
    device = [round(start_us + t / (1 + drift_ppm * 1e-6)) % WRAP for t in (t2, t3)]
    return HOST_NS + round(t1 * 1000), *device, HOST_NS + round((t3 + back_us) * 1000), HOST_NS + round(t3 * 1000)


def test_exchanges_see_the_delay_that_arrivals_cannot():
    """Every way takes 2 ms at least: one way that stays in the mapping, two ways it does not."""
    one_way, two_way, rng = DeviceClock(), DeviceClock(), random.Random(2)
    for n in range(12_000):
        arrival = truth_ns(n, 60) + 2_000_000 + rng.randrange(400_000)
        for clock in (one_way, two_way):
            mapped = clock.update((WRAP - 3_000_000 + n * 1000) % WRAP, arrival)
        if n % 50 == 0:
            t1, t2, t3, t4, _ = exchange(n / 100, 60, 2000 + rng.uniform(0, 400), 2000, WRAP - 3_000_000)
            two_way.exchange(t1, t2, t3, t4)
    truth = truth_ns(11_999, 60)
    assert abs(one_way.to_host_ns(WRAP - 3_000_000 + 11_999_000) - truth - 2_000_000) < 20_000
    assert abs(mapped - truth) < 20_000
    assert two_way.bound_us is not None and abs(mapped - truth) / 1000 <= two_way.bound_us < 2_100


def test_exchanges_alone_give_the_mapping_too():
    rng = random.Random(3)
    clock = DeviceClock()
    for n in range(200):
        there, back = (50 + (rng.uniform(0, 5000) if rng.random() < 0.5 else 0) for _ in range(2))
        t1, t2, t3, t4, truth = exchange(n, -150, there, back, WRAP - 10_000_000)
        clock.exchange(t1, t2, t3, t4)
        if n > 100:
            assert abs(clock.to_host_ns(t3) - truth) < 100_000
    assert abs(clock.drift_ppm + 150) < 10
    assert clock.reboots == 0


def test_an_exchange_that_cannot_be_is_refused():
    clock = DeviceClock()
    t1, t2, t3, t4, _ = exchange(1, 0, 50, 50, 0)
    for wrong in ((t4, t2, t3, t1), (t1, t3, t2, t4), (t1, t2, t3 + 5000, t4)):
        with pytest.raises(ValueError, match="clock exchange"):
            clock.exchange(*wrong)


def test_an_exchange_notices_a_restart():
    clock = DeviceClock()
    for n in range(30):
        clock.exchange(*exchange(n, 0, 50, 50, 3_000_000_000)[:4])
    *times, truth = exchange(40, 0, 50, 50, 0)
    clock.exchange(*times)
    assert clock.reboots == 1 and abs(clock.to_host_ns(times[2]) - truth) < 1000
