"""How well device time is mapped to host time, and what it costs: `python -m tests.bench.clock [--json]`.

Emulated device clocks of known drift, arrivals with known delays: the error against the truth, after 10 s.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable

from firmware_bridge.clock_sync import OneWayClock, TwoWayClock

HOST_NS = 1_000_000_000_000_000
SAMPLES = 40_000
SETTLED = 10_000
BEFORE_WRAP_US = (1 << 32) - 15_000_000
"""The device's u32 wraps 15 s after the start."""


def one_way(drift_ppm: float, delay_us: Callable[[random.Random], float], fifo: bool, seed: int) -> dict[str, float]:
    """1 kHz samples; with `fifo` nothing overtakes (a cable), without each delay stands alone (a network)."""
    rng = random.Random(seed)
    clock = OneWayClock()
    errors: list[float] = []
    last = 0
    began = time.perf_counter()
    for n in range(SAMPLES):
        truth = HOST_NS + round(n * 1e6 * (1 + drift_ppm * 1e-6))
        arrival = truth + round(delay_us(rng) * 1000)
        if fifo:
            arrival = last = max(arrival, last)
        mapped = clock.update((BEFORE_WRAP_US + n * 1000) & 0xFFFF_FFFF, arrival)
        if n >= SETTLED:
            errors.append(abs(mapped - truth) * 1e-3)
    took_us = (time.perf_counter() - began) / SAMPLES * 1e6
    return {**_spread(errors), "drift_error_ppm": round(clock.drift_ppm - drift_ppm, 3), "us_per_sample": took_us}


def two_way(drift_ppm: float, seed: int) -> dict[str, float]:
    """10 exchanges a second for 40 s; each way 50 us and now and then up to 5 ms more."""
    rng = random.Random(seed)
    clock = TwoWayClock()
    errors: list[float] = []
    began = time.perf_counter()
    for n in range(400):
        there, back = (0.05 + (5 * rng.random() if rng.random() < 0.5 else 0.0) for _ in range(2))
        t1 = n * 100.0
        t2 = t1 + there
        t3 = t2 + 0.02
        t2_us, t3_us = (BEFORE_WRAP_US + round(t * 1000 / (1 + drift_ppm * 1e-6)) for t in (t2, t3))
        clock.update(HOST_NS + round(t1 * 1e6), t2_us, t3_us, HOST_NS + round((t3 + back) * 1e6))
        if n >= 100:
            errors.append(abs(clock.to_host_ns(t3_us) - (HOST_NS + round(t3 * 1e6))) * 1e-3)
    took_us = (time.perf_counter() - began) / 400 * 1e6
    return {**_spread(errors), "drift_error_ppm": round(clock.drift_ppm - drift_ppm, 3), "us_per_sample": took_us}


def _spread(errors_us: list[float]) -> dict[str, float]:
    errors_us.sort()
    return {
        "p50_us": round(errors_us[len(errors_us) // 2], 2),
        "p99_us": round(errors_us[len(errors_us) * 99 // 100], 2),
        "max_us": round(errors_us[-1], 2),
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args(arguments).json
    rows = {}
    for drift in (-200.0, 0.0, 200.0):
        rows[f"one-way, jitter 0-5 ms, {drift:+.0f} ppm"] = one_way(drift, lambda r: r.uniform(0, 5000), False, 1)
    rows["one-way, jitter 0-5 ms in order, +200 ppm"] = one_way(200.0, lambda r: r.uniform(0, 5000), True, 2)
    rows["one-way, 60 us mean, 1 % up to 16 ms, in order, +50 ppm"] = one_way(
        50.0, lambda r: r.uniform(0, 16000) if r.random() < 0.01 else r.expovariate(1 / 60), True, 3
    )
    rows["two-way, 50 us or up to 5 ms each way, +200 ppm"] = two_way(200.0, 4)
    if as_json:
        print(json.dumps({"settled_s": SETTLED / 1000, "rows": rows}))
        return 0
    print(f"{'error against the truth after 10 s':60} {'p50':>8} {'p99':>8} {'max us':>8} {'drift':>9} {'us each':>8}")
    for name, row in rows.items():
        numbers = f"{row['p50_us']:8.1f} {row['p99_us']:8.1f} {row['max_us']:8.1f}"
        print(f"{name:60} {numbers} {row['drift_error_ppm']:+9.3f} {row['us_per_sample']:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
