"""The exo wire end to end: python -m tests.bench.exo_board [--json] [--seconds S]

The emulated board (the C reference as a process) streams 16 channels at 1 kHz over a pty to the driver, read under
SCHED_FIFO where that is allowed, as the control process does. Figures: samples lost, the driver's cost a read, and how
well the board's clock is mapped to the host's while it drifts by 200 ppm and wraps, on a plain cable and on one that
delays by 0 to 5 ms; judged by the board's true clock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from drivers.emulators.exo_board import ExoBoard
from drivers.leaders.exo_wire import ExoWireLeader
from firmware_bridge.clock_sync import DeviceClock
from firmware_bridge.exo_messages import Channel

CHANNELS = tuple(Channel(n, 0, 1, 0, 32768, -9000, 9000, f"j{n}") for n in range(16))
SETTLED_S = 10.0
AIM_US = 100.0
START_US = 0xFFFF_FFFF - int(1e6 * (SETTLED_S + 0.5))
"""The board's clock wraps a little after it is taken for settled."""


def run(folder: Path, seconds: float, drift_ppm: int, jitter_us: int) -> dict[str, Any]:
    board = ExoBoard(folder, CHANNELS, pty_link=str(folder / "tty"))
    board.set_word("clock_ppm", drift_ppm)
    board.set_word("clock_start_us", START_US)
    board.set_word("jitter_us", jitter_us)
    board.start()
    one_way = DeviceClock()
    mapped: list[tuple[int, int, int]] = []
    costs_us: list[float] = []
    try:
        with ExoWireLeader(str(folder / "tty"), 2_000_000, 1000, {n: f"j{n}" for n in range(16)}) as leader:
            began = time.monotonic()
            while (at_s := time.monotonic() - began) < seconds:
                select.select([leader.fileno()], [], [], 0.1)
                before_ns = time.perf_counter_ns()
                sample = leader.read(time.monotonic_ns())
                read_ns = time.monotonic_ns()
                costs_us.append((time.perf_counter_ns() - before_ns) / 1000)
                taken_ns = leader.tend(read_ns)
                if sample is None:
                    continue
                by_samples_ns = one_way.update(sample.device_us, read_ns)
                if at_s > SETTLED_S:
                    mapped.append((sample.device_us, by_samples_ns, taken_ns))
            bound_us = leader.clock.bound_us or 0.0
            lost, bad = leader.counters.lost, leader.counters.bad
            received = leader.counters.received
    finally:
        power_on_ns = board.word("power_on_low") | board.word("power_on_high") << 32
        board.stop()
    truth = [power_on_ns + (us - START_US) * 1000 / (1 + drift_ppm * 1e-6) for us, _, _ in mapped]
    return {
        "drift_ppm": drift_ppm,
        "jitter_us": jitter_us,
        "received": received,
        "lost": lost,
        "bad": bad,
        "read_us_p50": round(statistics.median(costs_us), 1),
        "one_way_error_us": _spread([abs(row[1] - true) / 1000 for row, true in zip(mapped, truth)]),
        "two_way_error_us": _spread([abs(row[2] - true) / 1000 for row, true in zip(mapped, truth)]),
        "two_way_bound_us": round(bound_us, 1),
        "drift_error_ppm": round(leader.clock.drift_ppm + drift_ppm, 1),
    }


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": round(ordered[len(ordered) // 2], 1), "p99": round(ordered[len(ordered) * 99 // 100], 1)}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exo_board")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--seconds", type=float, default=16.0, help="of each of the four runs (16)")
    options = parser.parse_args(words)
    rows = []
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(10))
    for drift_ppm in (200, -200):
        for jitter_us in (0, 5000):
            with tempfile.TemporaryDirectory() as name:
                rows.append(run(Path(name), options.seconds, drift_ppm, jitter_us))
    if options.json:
        print(json.dumps({"runs": rows, "aim_us_p99": AIM_US}))
    else:
        for row in rows:
            print(", ".join(f"{key} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
