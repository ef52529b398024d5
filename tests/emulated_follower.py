"""An emulated arm for tests: the follower's own code over real sockets, in a thread of the test or as a process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.arms.damiao import DamiaoArm, DamiaoBus, DamiaoJoint
from drivers.emulators.control_socket import ControlClient
from drivers.emulators.follower import Follower
from drivers.ports import ArmCommand, ArmFeedback

MODELS = ("8009", "8009", "4340", "4340", "4310", "4310", "4310", "4310")
GAINS = ((70, 2.75), (70, 2.5), (70, 2.0), (60, 2.0), (10, 0.7), (10, 0.6), (10, 0.5), (10, 0.5))
BUSES = ("can_right", "can_left")


def config_of(folder: Path, motors: int = 8, *, fd: bool = False) -> dict[str, Any]:
    """The launcher's configuration of an arm with `motors` motors on each of two buses."""
    return {
        "seed": 1,
        "follower": {
            "control": str(folder / "follower.ctl"),
            "buses": [
                {
                    "name": name,
                    "socket": str(folder / f"{name}.sock"),
                    "fd": fd,
                    "motors": [
                        {"id": n + 1, "reply_id": n + 0x11, "model": MODELS[n], "start_rad": 0.1 * n}
                        for n in range(motors)
                    ],
                }
                for name in BUSES
            ],
        },
    }


def arm_of(config: dict[str, Any], watchdog_s: float = 0.3, **changes: Any) -> DamiaoArm:
    """The arm that the configuration emulates; its time-out bears a busy machine. `changes`: of each joint."""
    buses = config["follower"]["buses"]
    return DamiaoArm(
        [DamiaoBus(bus["name"], "station_hub", bus["socket"], bus["fd"]) for bus in buses],
        [
            DamiaoJoint(
                **{
                    "name": f"{bus['name'].removeprefix('can_')}_j{motor['id']}",
                    "bus": index,
                    "motor_id": motor["id"],
                    "reply_id": motor["reply_id"],
                    "model": motor["model"],
                    "kp": GAINS[motor["id"] - 1][0],
                    "kd": GAINS[motor["id"] - 1][1],
                    **changes,
                }
            )
            for index, bus in enumerate(buses)
            for motor in bus["motors"]
        ],
        watchdog_s,
    )


class FollowerThread:
    """`with FollowerThread(config) as follower:`; its control socket is `follower.ask(...)`."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.follower = Follower(config)
        self._ends = False
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._ends:
            self.follower.step(0.02)

    def __enter__(self) -> FollowerThread:
        self._thread.start()
        self.control = ControlClient(self.config["follower"]["control"])
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()
        self._ends = True
        self._thread.join()
        self.follower.close()

    def ask(self, cmd: str, **fields: Any) -> dict[str, Any]:
        return self.control.ask(cmd, **fields)

    def motor(self, motor_id: int, bus: str = "can_right") -> dict[str, Any]:
        """The motor's state as the control socket tells it now."""
        motors = self.ask("status")["motors"]
        return next(motor for motor in motors if (motor["bus"], motor["id"]) == (bus, motor_id))


def start_process(config: dict[str, Any], folder: Path) -> subprocess.Popen[bytes]:
    """The follower as the launcher starts it; returns when it says that it is ready."""
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    process = subprocess.Popen(
        [sys.executable, "-m", "drivers.emulators.follower", str(path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def eventually(what: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    """Wait until `what()` is true, and return it; fails after `timeout_s`, far above what a busy machine needs."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := what()):
        assert time.monotonic() < deadline_s, f"{what} stayed false for {timeout_s} s"
        time.sleep(0.002)
    return value


def command_of(arm: DamiaoArm, position_rad: tuple[float, ...] | list[float], epoch: int = 1) -> ArmCommand:
    return ArmCommand(tuple(position_rad), (0.0,) * len(arm.joints), epoch, time.monotonic_ns())


def drive(
    arm: DamiaoArm,
    position_rad: tuple[float, ...] | list[float],
    until: Callable[[ArmFeedback], Any],
    timeout_s: float = 10.0,
) -> ArmFeedback:
    """Send the same command at about 500 Hz until the feedback is as wished."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        arm.send(command_of(arm, position_rad))
        time.sleep(0.002)
        feedback = arm.read(time.monotonic_ns())
        if until(feedback):
            return feedback
        assert time.monotonic() < deadline_s, f"not reached in {timeout_s} s: {feedback}"
