"""The far ends of an emulated rig: starts their processes, tells the emulated worker what he would see, asks faults."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any, Final

from station.children import Child
from station.settings.calibration import Calibration
from station.settings.rig import Emulator, Rig
from station.settings.task import Task

LEADER_TTY = "leader.tty"
LEADER_CONTROL = "leader.ctl"
FOLLOWER_CONTROL = "follower.ctl"
_HARDWARE_PRIORITY: Final = 20


def bus_socket(runtime: Path, bus_name: str) -> Path:
    return runtime / f"{bus_name}.sock"


def emulator_config(
    rig: Rig, calibration: Calibration, task: Task, runtime: Path, seed: int, truth: Path
) -> dict[str, Any]:
    """The one document both emulator processes read."""
    emulator = rig.emulator or Emulator()
    channels = []
    for joint in sorted(rig.leader.joints, key=lambda joint: joint.channel):
        fit = calibration.joints[joint.name]
        channels.append(
            {
                "name": joint.name,
                "sign": fit.sign,
                "zero_deg": fit.zero_deg,
                "lower_deg": joint.lower_deg,
                "upper_deg": joint.upper_deg,
            }
        )
    waypoints = [{"name": p.name, "pose_deg": p.pose_deg, "dwell_s": p.dwell_s} for p in task.phases]
    buses = []
    for bus in rig.arm.buses:
        motors = [
            {"id": j.id, "reply_id": j.reply_id, "model": j.model, "start_rad": math.radians(j.start_deg)}
            for j in rig.arm.joints
            if j.bus == bus.name
        ]
        buses.append({"name": bus.name, "socket": str(bus_socket(runtime, bus.name)), "motors": motors})
    return {
        "seed": seed,
        "leader": {
            "control": str(runtime / LEADER_CONTROL),
            "port_link": str(runtime / LEADER_TTY),
            "kind": rig.leader.driver,
            "firmware": emulator.firmware,
            "rate_hz": rig.leader.rate_hz,
            "channels": channels,
            "worker": {
                "bad_every": emulator.bad_every,
                "pace_s": emulator.pace_s,
                "truth": str(truth),
                "waypoints": waypoints,
                "tolerance_deg": [phase.tolerance_deg for phase in task.phases],
                "rep_max_s": task.rep_max_s,
            },
        },
        "follower": {"control": str(runtime / FOLLOWER_CONTROL), "buses": buses},
    }


def start_emulators(config: dict[str, Any], runtime: Path) -> list[Child]:
    """Both far ends, started side by side; returns without waiting for their `ready`."""
    path = runtime / "emulators.json"
    path.write_text(json.dumps(config))
    children = [
        Child("emulated arm", "drivers.emulators.follower", [str(path)], runtime / "follower.log"),
        Child("emulated leader", "drivers.emulators.leader", [str(path)], runtime / "leader.log"),
    ]
    for child in children:
        _run_like_hardware(child.pid)
    return children


def _run_like_hardware(pid: int) -> None:
    """Hardware does not wait for a processor: before ordinary programs, where the machine allows it."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(_HARDWARE_PRIORITY))  # and its children
