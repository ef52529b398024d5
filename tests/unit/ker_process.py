"""An emulated leader as a real process, for tests: a hub and its worker behind a pty and a control socket."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from drivers.emulators.control_socket import ControlClient
from drivers.emulators.pty_port import serial_number_of
from drivers.leaders.ker import KerLeader
from firmware_bridge.samples import RawCounts

NAMES = [f"{side}_{joint}" for side in ("right", "left") for joint in (*(f"j{n}" for n in range(1, 8)), "trigger")]


def config(folder: Path, firmware: str = "2.1.0", **leader: Any) -> dict[str, Any]:
    channels = [
        {
            "name": name,
            "sign": -1 if n % 3 == 0 else 1,
            "zero_deg": 4.0 * n - 30,
            "lower_deg": -15.0 if name == "left_trigger" else -75.0 if name == "right_trigger" else -170.0,
            "upper_deg": 15.0 if name == "right_trigger" else 75.0 if name == "left_trigger" else 170.0,
        }
        for n, name in enumerate(NAMES)
    ]
    waypoints = [
        {"name": "home", "pose_deg": {"right_j1": 0, "right_j4": 15}, "dwell_s": 0.05},
        {"name": "reach", "pose_deg": {"right_j1": 55, "right_j4": 70}, "dwell_s": 0.0},
        {"name": "pull", "pose_deg": {"right_j1": 20, "right_j4": 110}, "dwell_s": 0.0},
    ]
    return {
        "seed": 1,
        "leader": {
            "control": str(folder / "leader.ctl"),
            "port_link": str(folder / "leader.tty"),
            "kind": "ker",
            "firmware": firmware,
            "rate_hz": 1000,
            "channels": channels,
            "worker": {
                "bad_every": 0,
                "pace_s": 1.5,
                "truth": str(folder / "truth.jsonl"),
                "waypoints": waypoints,
                "tolerance_deg": [9, 9, 12],
                "rep_max_s": 5.0,
            },
            **leader,
        },
    }


class EmulatedLeader:
    """Started and `ready`; ended at the end of the `with` block."""

    def __init__(self, folder: Path, firmware: str = "2.1.0", **leader: Any) -> None:
        self.config = config(folder, firmware, **leader)
        self.port = self.config["leader"]["port_link"]
        path = folder / "leader.json"
        path.write_text(json.dumps(self.config))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "drivers.emulators.leader", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> EmulatedLeader:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.control = ControlClient(self.config["leader"]["control"])
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        finally:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()

    def leader(self, board_serial: str = "") -> KerLeader:
        return KerLeader(
            self.port,
            2_000_000,
            1000,
            dict(enumerate(NAMES)),
            board_serial=board_serial,
            serial_number_of=serial_number_of,
        )

    def fault(self, kind: str, **parameters: object) -> None:
        self.control.ask("fault", kind=kind, **parameters)


def samples(leader: KerLeader, count: int, within_s: float = 10.0) -> list[RawCounts]:
    """At least `count` samples, as a loop would take them; fewer only when time is up."""
    got: list[RawCounts] = []
    deadline = time.monotonic() + within_s
    while len(got) < count and time.monotonic() < deadline:
        if select.select((leader.fileno(),), (), (), 0.05)[0]:
            sample = leader.read(time.monotonic_ns())
            if sample is not None:
                got.append(sample)
    return got


def silence(leader: KerLeader, within_s: float = 5.0, quiet_s: float = 0.15) -> bool:
    """Whether the stream stops within the time, and stays so for `quiet_s`."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not select.select((leader.fileno(),), (), (), quiet_s)[0]:
            return True
        leader.read(time.monotonic_ns())
    return False
