"""An emulated exo board as the launcher starts it, for tests: a process, its worker, its faults, seen by the driver."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.emulators.control_socket import ControlClient
from drivers.leaders.exo_wire import ExoWireLeader
from drivers.unix_socket import wait_for_socket
from firmware_bridge.samples import RawCounts
from tests.mcu import gcc

NAMES = [f"{side}_j{n}" for side in ("right", "left") for n in range(1, 9)]


def config_of(folder: Path) -> dict[str, Any]:
    channels = [
        {"name": n, "sign": 1 - 2 * (i % 2), "zero_deg": 11.0 * i, "lower_deg": -90, "upper_deg": 90}
        for i, n in enumerate(NAMES)
    ]
    waypoints = [
        {"name": "home", "pose_deg": {"right_j1": 0, "right_j2": 10}, "dwell_s": 0.1},
        {"name": "reach", "pose_deg": {"right_j1": 40, "right_j2": 30}, "dwell_s": 0.1},
    ]
    return {
        "seed": 1,
        "leader": {
            "control": str(folder / "leader.ctl"),
            "port_link": str(folder / "leader.tty"),
            "kind": "exo-wire",
            "firmware": "2.1.0",
            "rate_hz": 1000,
            "channels": channels,
            "start_us": 0xFFFF_FFFF - 1_500_000,
            "worker": {
                "bad_every": 0,
                "pace_s": 1.0,
                "truth": "",
                "waypoints": waypoints,
                "tolerance_deg": [5, 5],
                "rep_max_s": 5.0,
            },
        },
    }


class Rig:
    """Started and `ready`; `close` ends it."""

    def __init__(self, folder: Path) -> None:
        gcc()
        path = folder / "config.json"
        path.write_text(json.dumps(config_of(folder)))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "drivers.emulators.leader", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        assert self.process.stdout.readline() == b"ready\n", self.process.stderr.read()
        wait_for_socket(str(folder / "leader.ctl"))
        self.control = ControlClient(str(folder / "leader.ctl"))
        self.leader = ExoWireLeader(str(folder / "leader.tty"), 2_000_000, 1000, dict(enumerate(NAMES)))

    def until(self, is_it: Callable[[RawCounts], bool], within_s: float = 5.0) -> RawCounts:
        deadline = time.monotonic() + within_s
        last = None
        while time.monotonic() < deadline:
            select.select([self.leader.fileno()], [], [], 0.1)
            sample = self.leader.read(time.monotonic_ns())
            self.leader.tend(time.monotonic_ns())
            if sample is not None:
                last = sample
                if is_it(sample):
                    return sample
        raise AssertionError(f"not seen within {within_s} s; last: {last}")

    def close(self) -> None:
        self.control.close()
        self.process.terminate()
        assert self.process.wait(10) == 0
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def mend(self) -> None:
        """No fault stands, and the board has power."""
        self.control.ask("clear")
        deadline = time.monotonic() + 5
        while self.control.ask("status")["state"] == "off" and time.monotonic() < deadline:
            time.sleep(0.01)
