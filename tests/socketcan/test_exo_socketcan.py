"""The exo wire's CAN side on the kernel's own SocketCAN: the C reference at one end, the driver at the other."""

from __future__ import annotations

import os
import select
import socket
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
from firmware_bridge.can_frame import encode_frame
from firmware_bridge.exo_messages import Channel
from firmware_bridge.samples import RawCounts
from firmware_bridge.update import make_image
from tests.socketcan import links, needs_can
from tests.socketcan.links import CHANNEL

CHANNELS = tuple(Channel(n, 0, 1, 0, 32768, -9000, 9000, f"joint_{n}") for n in range(16))

pytestmark = needs_can


@pytest.fixture(params=["can", "canfd"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    built = os.environ.get("STATION_EXO_BOARD")  # compiled outside the guest, where it is quick
    program = Path(built) if built else None
    board = ExoBoard(tmp_path, CHANNELS, can=CHANNEL, node=4, fd=request.param == "canfd", program=program)
    board.start()
    board.set_counts(range(1000, 17000, 1000))
    yield f"{request.param}:socketcan:{CHANNEL}:4"
    board.stop()


def samples(leader: ExoWireLeader, count: int) -> list[RawCounts]:
    seen: list[RawCounts] = []
    deadline = time.monotonic() + 20
    while len(seen) < count and time.monotonic() < deadline:
        select.select([leader.fileno()], [], [], 0.1)
        sample = leader.read(time.monotonic_ns())
        if sample is not None:
            seen.append(sample)
    assert len(seen) == count
    return seen


def test_a_board_on_socketcan_leads(port: str) -> None:
    with ExoWireLeader(port, 0, 100, {n: f"joint_{n}" for n in range(16)}) as leader:
        seen = samples(leader, 30)
        assert seen[-1].counts == tuple(range(1000, 17000, 1000))
        assert leader.counters.bad == 0


def test_a_board_on_socketcan_is_updated(port: str) -> None:
    with make_link(port, 0) as link:
        image = make_image(BOARD_TYPE, "2.0.0", bytes(range(256)) * 4)
        assert update_board(ExoTalk(link), image, lambda *_: None).firmware == "2.0.0"


def test_samples_that_the_bus_did_not_take_are_counted_and_those_after_them_read(port: str) -> None:
    with ExoWireLeader(port, 0, 100, {n: f"joint_{n}" for n in range(16)}) as leader:
        before = samples(leader, 5)[-1]
        with links.full_queue(CHANNEL):
            time.sleep(0.1)
        after = samples(leader, 5)[-1]
        assert after.seq > before.seq + 5
        assert leader.counters.lost > 0
        assert after.counts == before.counts


def test_other_frames_on_the_bus_change_nothing(port: str) -> None:
    """A motor's answers on the same bus, and halves of samples that pretend to be this node's."""
    with (
        ExoWireLeader(port, 0, 100, {n: f"joint_{n}" for n in range(16)}) as leader,
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as other,
    ):
        other.bind((CHANNEL,))
        for n in range(40):
            other.send(encode_frame(0x11, bytes([n]) * 8))
            if n % 10 == 0:
                other.send(encode_frame(0x10 << 4 | 4, bytes(8)))
            for sample in samples(leader, 1):
                assert sample.counts == tuple(range(1000, 17000, 1000))


def test_a_bus_that_goes_down_is_an_error(port: str) -> None:
    try:
        with (
            pytest.raises(DriverError, match="vcan0"),
            ExoWireLeader(port, 0, 100, {0: "joint_0"}) as leader,
        ):
            links.set_up(CHANNEL, False)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                leader.read(time.monotonic_ns())
    finally:
        links.set_up(CHANNEL, True)
