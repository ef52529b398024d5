"""The Damiao arm over the kernel's own SocketCAN, classic and FD, against the emulated motors on a raw socket."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.arms.damiao import DamiaoArm, DamiaoBus, DamiaoJoint
from drivers.emulators.damiao_motor import DamiaoMotor
from drivers.emulators.follower_bus import FollowerBus
from drivers.errors import BusFullError, DriverError
from drivers.hub_server import HubServer
from drivers.ports import MOTOR_ON, ArmCommand
from firmware_bridge.can_frame import ERROR_BUS_OFF, FD_SIZE, decode_frame, encode_error, encode_frame
from tests.emulated_follower import drive, eventually
from tests.socketcan import links, needs_can
from tests.socketcan.links import CHANNEL

MODELS = ("8009", "4340", "4310")

pytestmark = needs_can


class VcanMotors:
    """The emulated motors as nodes of a SocketCAN interface."""

    def __init__(self, folder: Path) -> None:
        hub = HubServer(str(folder / "unused.sock"))
        now_ns = time.monotonic_ns()
        motors = [DamiaoMotor(n + 1, n + 0x11, model, t_ns=now_ns) for n, model in enumerate(MODELS)]
        self.motors = motors
        self.bus = FollowerBus(0, "vcan", hub, motors, fd=False, rng=random.Random(1), later=lambda _t, _action: None)
        self.socket = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self.socket.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        self.socket.bind((CHANNEL,))
        self.ends = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.ends:
            if select.select([self.socket], [], [], 0.02)[0]:
                with contextlib.suppress(OSError):  # a motor goes on whatever its bus does
                    self.answer(self.socket.recv(FD_SIZE))

    def answer(self, raw: bytes) -> None:
        can_id, data = decode_frame(raw)
        for reply_id, reply in self.bus.hear(can_id, data, time.monotonic_ns()):
            self.socket.send(encode_frame(reply_id, reply, fd=len(raw) == FD_SIZE))

    def close(self) -> None:
        self.ends = True
        self.thread.join()
        self.socket.close()
        self.bus.hub.close()


@pytest.fixture
def motors(tmp_path: Path) -> Iterator[VcanMotors]:
    motors = VcanMotors(tmp_path)
    yield motors
    motors.close()


def arm_on(*, fd: bool, watchdog_s: float = 0.5) -> DamiaoArm:
    return DamiaoArm(
        [DamiaoBus("arm", "socketcan", CHANNEL, fd)],
        [DamiaoJoint(f"j{n}", 0, n + 1, n + 0x11, model, 20, 1) for n, model in enumerate(MODELS)],
        watchdog_s,
    )


@pytest.mark.parametrize("fd", [False, True])
def test_the_arm_starts_follows_and_stops(motors: VcanMotors, fd: bool) -> None:
    with arm_on(fd=fd) as arm:
        eventually(lambda: all(arm.read(time.monotonic_ns()).t_ns))
        arm.enable()
        goal = (0.2, 0.1, -0.1)
        reached = drive(arm, goal, lambda f: all(abs(p - g) < 0.03 for p, g in zip(f.position_rad, goal)))
        assert reached.status == (MOTOR_ON,) * 3
        assert arm.counters[0].error_frames == arm.counters[0].overflowed == arm.counters[0].bad == 0
    eventually(lambda: not any(motor.status for motor in motors.motors))


@pytest.mark.parametrize("fd", [False, True])
def test_a_bus_off_is_counted_and_the_answers_after_it_are_read(motors: VcanMotors, fd: bool) -> None:
    with arm_on(fd=fd) as arm:
        motors.socket.send(encode_error(ERROR_BUS_OFF))
        eventually(lambda: (arm.read(time.monotonic_ns()), arm.counters[0].bus_off)[1] == 1)
        seen_ns = time.monotonic_ns()
        eventually(lambda: min(arm.read(time.monotonic_ns()).t_ns) > seen_ns)


@pytest.mark.parametrize("fd", [False, True])
def test_a_queue_without_room_is_an_error_of_its_own_and_stopping_never_raises(motors: VcanMotors, fd: bool) -> None:
    with arm_on(fd=fd) as arm:
        arm.enable()
        eventually(lambda: arm.read(time.monotonic_ns()).status == (MOTOR_ON,) * 3)
        with links.full_queue(CHANNEL):
            frames = arm.encode(ArmCommand((0.0,) * 3, (0.0,) * 3, 1, 0))
            with pytest.raises(BusFullError, match="transmit queue full"):
                arm.transmit(frames)
            arm.stop()
        assert all(motor.status for motor in motors.motors), "nothing reached them; there their own time-out acts"
        arm.stop()
        eventually(lambda: not any(motor.status for motor in motors.motors))


def test_a_link_that_was_down_is_opened_anew(motors: VcanMotors) -> None:
    arm = arm_on(fd=False)
    with arm:
        links.set_up(CHANNEL, False)
        try:
            with pytest.raises(DriverError, match=CHANNEL):
                eventually(lambda: arm.read(time.monotonic_ns()) is None)
        finally:
            links.set_up(CHANNEL, True)
    with arm:
        began_ns = time.monotonic_ns()
        eventually(lambda: min(arm.read(time.monotonic_ns()).t_ns) > began_ns)


def test_nobody_on_the_bus_is_said(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="no motor answers"), arm_on(fd=False):
        pass
