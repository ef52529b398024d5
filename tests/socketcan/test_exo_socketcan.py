"""The exo wire's CAN side on the kernel's own SocketCAN: the C reference at one end, the driver at the other."""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.emulators.exo_board import BOARD_TYPE, ExoBoard
from drivers.errors import DriverError
from drivers.exo_link import make_link
from drivers.exo_talk import ExoTalk
from drivers.exo_update import update_board
from drivers.leaders.exo_wire import ExoWireLeader
from firmware_bridge.exo_messages import Channel
from firmware_bridge.update import make_image

CHANNEL = "vcan0"
CHANNELS = tuple(Channel(n, 0, 1, 0, 32768, -9000, 9000, f"joint_{n}") for n in range(16))

pytestmark = pytest.mark.skipif(not Path(f"/sys/class/net/{CHANNEL}").exists(), reason=f"no interface {CHANNEL}")


@pytest.fixture(params=["can", "canfd"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    board = ExoBoard(tmp_path, CHANNELS, can=CHANNEL, node=4, fd=request.param == "canfd")
    board.start()
    board.set_counts(range(1000, 17000, 1000))
    yield f"{request.param}:socketcan:{CHANNEL}:4"
    board.stop()


def test_a_board_on_socketcan_leads(port: str) -> None:
    with ExoWireLeader(port, 0, 100, {n: f"joint_{n}" for n in range(16)}) as leader:
        seen = []
        deadline = time.monotonic() + 20
        while len(seen) < 30 and time.monotonic() < deadline:
            select.select([leader.fileno()], [], [], 0.1)
            sample = leader.read(time.monotonic_ns())
            if sample is not None:
                seen.append(sample)
        assert len(seen) == 30
        assert seen[-1].counts == tuple(range(1000, 17000, 1000))
        assert leader.counters.bad == 0


def test_a_board_on_socketcan_is_updated(port: str) -> None:
    with make_link(port, 0) as link:
        image = make_image(BOARD_TYPE, "2.0.0", bytes(range(256)) * 4)
        assert update_board(ExoTalk(link), image, lambda *_: None).firmware == "2.0.0"


def test_a_bus_that_goes_down_is_an_error(port: str) -> None:
    try:
        with (
            pytest.raises(DriverError, match="vcan0"),
            ExoWireLeader(port, 0, 100, {0: "joint_0"}) as leader,
        ):
            subprocess.run(["ip", "link", "set", CHANNEL, "down"], check=True)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                leader.read(time.monotonic_ns())
    finally:
        subprocess.run(["ip", "link", "set", CHANNEL, "up"], check=True)
