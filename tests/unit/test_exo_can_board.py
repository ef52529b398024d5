"""The C reference on the emulated CAN bus, classic and FD: handshake, samples, parameters, update."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.emulators.exo_board import BOARD_TYPE, ExoBoard
from drivers.emulators.exo_build import board_program
from drivers.errors import DriverError
from drivers.exo_link import make_link
from drivers.exo_talk import ExoTalk
from drivers.exo_update import update_board
from drivers.hub_bus import HubServer
from drivers.leaders.exo_wire import ExoWireLeader
from firmware_bridge.exo_can import Function
from firmware_bridge.exo_messages import Channel, UpdateConfirm, UpdateStatus
from firmware_bridge.exo_terms import CONSENT, UpdateState
from firmware_bridge.params import bits_of, default_of, find, value_of
from firmware_bridge.samples import HEALTH_MISSING
from firmware_bridge.update import make_image
from tests.mcu import SANITIZE, STRICT, gcc
from tests.pumped import Pumped

pytestmark = pytest.mark.process

CHANNELS = tuple(Channel(n, 0, 1, 0, 32768, -9000, 9000, f"joint_{n}") for n in range(16))


@pytest.fixture(params=["can", "canfd"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, ExoBoard]]:
    gcc()
    fd = request.param == "canfd"
    path = str(tmp_path / "bus.sock")
    with Pumped(HubServer(path)):
        program = board_program((*STRICT, *SANITIZE))
        board = ExoBoard(tmp_path, CHANNELS, hub=path, node=4, fd=fd, program=program)
        board.start()
        yield f"{request.param}:station_hub:{path}:4", board
        board.stop()


def test_a_board_on_a_can_bus_leads(port: tuple[str, ExoBoard]) -> None:
    name, board = port
    board.set_counts(range(1000, 17000, 1000))
    with ExoWireLeader(name, 0, 200, {n: f"joint_{n}" for n in range(16)}) as leader:
        seen = []
        deadline = time.monotonic() + 5
        while len(seen) < 50 and time.monotonic() < deadline:
            select.select([leader.fileno()], [], [], 0.1)
            sample = leader.read(time.monotonic_ns())
            if sample is not None:
                seen.append(sample)
        assert len(seen) == 50
        assert seen[-1].counts == tuple(range(1000, 17000, 1000))
        assert [sample.seq for sample in seen] == sorted({sample.seq for sample in seen})
        board.set_status(3, 3)
        while not any(seen[-1].health) and time.monotonic() < deadline:
            select.select([leader.fileno()], [], [], 0.1)
            seen.append(leader.read(time.monotonic_ns()) or seen[-1])
        assert seen[-1].health == (0, 0, 0, HEALTH_MISSING) + (0,) * 12
        assert leader.counters.bad == 0


def test_a_board_on_a_can_bus_is_set_up_and_updated(port: tuple[str, ExoBoard]) -> None:
    name, board = port
    with make_link(name, 0) as link:
        talk = ExoTalk(link)
        params = talk.params(talk.board().hello.params)
        stale = find(params, "stale_ms")
        assert value_of(stale) == default_of(stale) == 10
        assert not talk.set_param(stale.param, bits_of(stale, 25)).is_saved
        with pytest.raises(DriverError, match="result 3"):
            talk.set_param(stale.param, 1000)
        board.set_counts([777] * 16)
        assert talk.zero(5).is_recorded == 0
        assert talk.zero(5, record=True).counts == 777
        talk.save_params()
        image = make_image(BOARD_TYPE, "2.0.0", bytes(range(256)) * 6)
        assert update_board(talk, image, lambda *_: None).firmware == "2.0.0"
        assert value_of(talk.param(stale.param)) == 25, "kept over the update's restart"
        zero = talk.zero(5)
        assert (zero.is_recorded, zero.is_saved, zero.counts) == (1, 1, 777)
        assert talk.stats().rx_bad == 0
        assert talk.log()[0].text == "started"


class PowerLostError(Exception):
    pass


def cut_after(link: Any, board: ExoBoard, frames: int) -> None:
    """The board loses its power when the host has sent so many more CAN frames."""
    bus = link._bus
    send, sent = bus.send, [0]

    def counted(can_id: int, data: bytes) -> None:
        send(can_id, data)
        if can_id >> 4 == Function.TO_BOARD:
            sent[0] += 1
            if sent[0] == frames:
                link.wait(0.02)
                board.kill()
                raise PowerLostError

    bus.send = counted


def test_power_lost_at_any_can_frame_of_an_update_leaves_a_board_that_can_be_updated(tmp_path: Path) -> None:
    gcc()
    path = str(tmp_path / "bus.sock")
    port = f"can:station_hub:{path}:4"
    image = make_image(BOARD_TYPE, "2.0.0", bytes(range(200)))
    with Pumped(HubServer(path)):
        for at in range(1, 400):
            board = ExoBoard(tmp_path / str(at), CHANNELS[:1], hub=path, node=4)
            board.start()
            is_cut = False
            with make_link(port, 0) as link:
                cut_after(link, board, at)
                try:
                    update_board(ExoTalk(link), image, lambda *_: None)
                except PowerLostError:
                    is_cut = True
            if not board.is_on:
                board.start()
            with make_link(port, 0) as link:
                talk = ExoTalk(link)
                hello = talk.board().hello
                assert hello.firmware in ("1.0.0", "2.0.0")
                if hello.update_state == UpdateState.TESTING:
                    talk.ask(UpdateConfirm(CONSENT), UpdateStatus)
                elif hello.firmware != "2.0.0":
                    update_board(talk, image, lambda *_: None)
                assert talk.board().hello.firmware == "2.0.0", f"power lost at CAN frame {at}"
            board.stop()
            if not is_cut:
                break
        assert at > 40
