"""How well device time is mapped to host time, and what it costs: `python -m tests.bench.clock [--json]`.

An emulated device clock of known drift that wraps, samples and clock questions with known delays, in fake time: the
error of every sample's mapped time against the truth, after 10 s. One way: samples alone, as a KER hub sends them. Two
way: samples and exchanges, as on the exo wire; the questions on their way there meet delays of the same kind.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from drivers.leaders.exo_wire import EXCHANGE_NS
from firmware_bridge.clock_sync import DeviceClock

HOST_NS: Final = 1_000_000_000_000_000
SAMPLES: Final = 40_000
SETTLED: Final = 10_000
PERIOD_US: Final = 1000
BEFORE_WRAP_US: Final = (1 << 32) - 15_000_000
"""The device's u32 wraps 15 s after the start."""
AIM_US: Final = 100.0
DRIFTS_PPM: Final = (-200.0, 200.0)
RUNS: Final = 5

Delays = Iterator[float]
"""Of one message after another, us."""


def independent(rng: random.Random) -> Delays:
    """0 to 5 ms, each for itself: a network."""
    while True:
        yield rng.uniform(0, 5000)


def bursty(rng: random.Random) -> Delays:
    """60 us and a little, but 0 to 5 ms for 0.4 s of every second."""
    n = 0
    while True:
        n += 1
        yield rng.uniform(0, 5000) if n % 1000 >= 600 else 60 + rng.expovariate(1 / 20)


def loaded(rng: random.Random) -> Delays:
    """60 us in the mean; one of a hundred up to 16 ms."""
    while True:
        yield rng.uniform(0, 16000) if rng.random() < 0.01 else rng.expovariate(1 / 60)


KINDS: Final[dict[str, tuple[Callable[[random.Random], Delays], bool]]] = {
    "0-5 ms, independent": (independent, False),
    "0-5 ms, in order": (independent, True),
    "bursts of 0-5 ms, in order": (bursty, True),
    "1 % up to 16 ms, in order": (loaded, True),
}
"""Delays, and whether nothing overtakes (a cable: what comes behind a late one is late as well)."""


def wrapped(us: int) -> int:
    """What the device's 32 bits say so long after the start."""
    return (BEFORE_WRAP_US + us) & 0xFFFF_FFFF


class Errors(NamedTuple):
    """Mapped against true time, us."""

    p50_us: float
    p99_us: float
    max_us: float
    drift_error_ppm: float


class Cable:
    """One direction."""

    def __init__(self, kind: str, seed: int) -> None:
        delays, self._is_ordered = KINDS[kind]
        self._delays = delays(random.Random(seed))
        self._last_ns = 0

    def carry(self, sent_ns: int) -> int:
        """When a message sent then is there."""
        arrival_ns = sent_ns + round(next(self._delays) * 1000)
        if self._is_ordered:
            arrival_ns = self._last_ns = max(arrival_ns, self._last_ns)
        return arrival_ns


def run(kind: str, drift_ppm: float, *, is_two_way: bool, runs: int = RUNS) -> Errors:
    """The errors of all runs together."""
    errors: list[float] = []
    drift_errors = []
    for seed in range(runs):
        clock, found = one_run(kind, drift_ppm, is_two_way, 2 * seed)
        errors += found
        drift_errors.append(abs(clock.drift_ppm - drift_ppm))
    errors.sort()
    return Errors(
        round(errors[len(errors) // 2], 2),
        round(errors[len(errors) * 99 // 100], 2),
        round(errors[-1], 2),
        round(max(drift_errors), 3),
    )


def one_run(kind: str, drift_ppm: float, is_two_way: bool, seed: int) -> tuple[DeviceClock, list[float]]:
    """40 s of samples at 1 kHz, and exchanges as often as the driver asks: the settled errors."""
    clock = DeviceClock()
    there, back = Cable(kind, seed), Cable(kind, seed + 1)
    rate = 1 + drift_ppm * 1e-6  # host time over device time
    arrivals: list[tuple[int, int, int, tuple[int, int, int]]] = []

    def device_us_at(host_ns: int) -> int:
        return int((host_ns - HOST_NS) / 1000 / rate)

    for n in range(SAMPLES):
        truth_ns = HOST_NS + round(n * PERIOD_US * 1000 * rate)
        arrivals.append((back.carry(truth_ns), n * PERIOD_US, truth_ns, (0, 0, 0)))
        if is_two_way and n % (EXCHANGE_NS // (PERIOD_US * 1000)) == 0:
            asked_ns = truth_ns + 300_000
            heard_us = device_us_at(there.carry(asked_ns))
            left_us = heard_us + 20
            arrival_ns = back.carry(HOST_NS + round((left_us + 1) * 1000 * rate))
            arrivals.append((arrival_ns, left_us, 0, (asked_ns, heard_us, left_us)))
    arrivals.sort(key=lambda row: row[0])
    errors: list[float] = []
    for arrival_ns, device_us, truth_ns, exchange in arrivals:
        if exchange[0]:
            clock.exchange(exchange[0], wrapped(exchange[1]), wrapped(exchange[2]), arrival_ns)
            mapped_ns = truth_ns
        else:
            mapped_ns = clock.update(wrapped(device_us), arrival_ns)
        if truth_ns >= HOST_NS + SETTLED * PERIOD_US * 1000:
            errors.append(abs(mapped_ns - truth_ns) * 1e-3)
    return clock, errors


def cost_us() -> float:
    """Processor time of one sample, the envelope's fits included; the least of five rounds."""
    cable = Cable("0-5 ms, in order", 1)
    rows = [(n * PERIOD_US, cable.carry(HOST_NS + n * PERIOD_US * 1000)) for n in range(SAMPLES)]
    rounds = []
    for _ in range(5):
        clock = DeviceClock()
        began_ns = time.thread_time_ns()
        for device_us, arrival_ns in rows:
            clock.update(device_us, arrival_ns)
        rounds.append((time.thread_time_ns() - began_ns) / SAMPLES / 1000)
    return round(min(rounds), 2)


def table() -> list[tuple[str, float, str, Errors]]:
    return [
        (kind, drift, way, run(kind, drift, is_two_way=way == "two-way"))
        for kind in KINDS
        for way in ("one-way", "two-way")
        for drift in DRIFTS_PPM
    ]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args(arguments).json
    rows = table()
    worst_us = max(row[3].p99_us for row in rows)
    each_us = cost_us()
    if as_json:
        named = [{"delays": kind, "drift_ppm": drift, "way": way, **row._asdict()} for kind, drift, way, row in rows]
        document = {"settled_s": SETTLED * PERIOD_US / 1e6, "rows": named, "us_per_sample": each_us}
        aim = {"worst_p99_us": worst_us, "aim_p99_us": AIM_US, "is_met": worst_us <= AIM_US}
        print(json.dumps({**document, **aim}))
        return 0
    print(f"{'error against the truth after 10 s':36} {'p50':>16} {'p99':>8} {'max us':>8} {'drift':>9}")
    for kind, drift, way, row in rows:
        numbers = f"{row.p50_us:8.1f} {row.p99_us:8.1f} {row.max_us:8.1f}"
        print(f"{kind:26} {way} {drift:+9.0f} ppm {numbers} {row.drift_error_ppm:9.3f}")
    print(f"worst p99: {worst_us:.1f} us (aim {AIM_US:g}); cost of a sample: {each_us:.2f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
