"""The emulated bus over real sockets: python-can clients, raw clients, attached nodes, slow and vanishing readers."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import can
import pytest

from drivers.hub_bus import HubBus, HubServer
from firmware_bridge.can_frame import (
    CONTROLLER_RX_OVERFLOW,
    ERROR_CONTROLLER,
    ERROR_FLAG,
    decode_frame,
    encode_frame,
)

pytestmark = pytest.mark.process


class Running:
    """A hub in a thread of the test."""

    def __init__(self, path: str) -> None:
        self.hub = HubServer(path)
        self.path = path
        self.ends = False
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while not self.ends:
            if select.select([self.hub], [], [], 0.02)[0]:
                self.hub.poll()

    def __enter__(self) -> Running:
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ends = True
        self.thread.join()
        self.hub.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Running(str(tmp_path / "bus.sock")) as running:
        yield running
    assert not (tmp_path / "bus.sock").exists()


def open_bus(path: str, **options) -> can.BusABC:
    return can.Bus(interface="station_hub", channel=path, ignore_config=True, **options)


def raw_client(path: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(5)
    client.connect(path)
    return client


def test_python_can_finds_the_plug_in(running: Running) -> None:
    with open_bus(running.path) as bus:
        assert isinstance(bus, HubBus)


def test_a_frame_reaches_every_other_client_and_not_its_sender(running: Running) -> None:
    with open_bus(running.path) as a, open_bus(running.path) as b, open_bus(running.path) as c:
        a.send(can.Message(arbitration_id=0x123, data=b"\1\2\3", is_extended_id=False))
        for other in (b, c):
            message = other.recv(5)
            assert message is not None
            assert (message.arbitration_id, bytes(message.data), message.is_extended_id) == (0x123, b"\1\2\3", False)
        assert a.recv(0.02) is None


@pytest.mark.parametrize(
    "message",
    [
        can.Message(arbitration_id=0, data=b"", is_extended_id=False),
        can.Message(arbitration_id=0x7FF, data=bytes(range(8)), is_extended_id=False),
        can.Message(arbitration_id=0x1FFFFFFF, data=b"\xff", is_extended_id=True),
        can.Message(arbitration_id=0x10, dlc=0, is_remote_frame=True, is_extended_id=False),
        can.Message(arbitration_id=0x11, data=bytes(range(64)), is_extended_id=False, is_fd=True, bitrate_switch=True),
        can.Message(arbitration_id=0x11, data=bytes(8), is_extended_id=False, is_fd=True, bitrate_switch=True),
    ],
)
def test_every_kind_of_frame_arrives_as_it_was_sent(running: Running, message: can.Message) -> None:
    with open_bus(running.path, fd=True) as a, open_bus(running.path, fd=True) as b:
        a.send(message)
        received = b.recv(5)
        assert received is not None
        assert received.equals(message, timestamp_delta=None, check_channel=False)


def test_a_node_answers_in_the_frame_kind_that_it_heard(running: Running) -> None:
    heard: list[tuple[int, bytes]] = []

    def node(can_id: int, data: bytes, t_ns: int) -> list[tuple[int, bytes]]:
        assert t_ns > 0
        heard.append((can_id, data))
        return [(0x11, data[::-1])]

    running.hub.attach(node)
    with raw_client(running.path) as a, raw_client(running.path) as listener:
        for fd in (False, True):
            a.send(encode_frame(1, b"12345678", fd=fd))
            assert a.recv(100) == encode_frame(0x11, b"87654321", fd=fd)
            assert listener.recv(100) == encode_frame(1, b"12345678", fd=fd)
            assert listener.recv(100) == encode_frame(0x11, b"87654321", fd=fd)
    assert heard == [(1, b"12345678")] * 2


def test_no_hub_is_an_error_and_never_a_fake(tmp_path: Path) -> None:
    with pytest.raises(can.CanInitializationError, match=r"none\.sock.*start the emulator"):
        open_bus(str(tmp_path / "none.sock"))


def test_a_slow_reader_loses_frames_that_are_counted_and_told_and_blocks_nobody(running: Running) -> None:
    with raw_client(running.path) as slow, raw_client(running.path) as fast, raw_client(running.path) as sender:
        for n in range(20_000):
            sender.send(encode_frame(0x100, n.to_bytes(4, "big")))
            assert int.from_bytes(fast.recv(100)[8:12], "big") == n  # in order, none missing
            if running.hub.dropped > 100:
                break
        assert running.hub.dropped > 100
        kept = 0
        slow.setblocking(False)
        while True:
            try:
                raw = slow.recv(100)
            except BlockingIOError:
                break
            assert int.from_bytes(raw[8:12], "big") == kept
            kept += 1
        assert kept >= 278  # a real interface's own queue
        slow.settimeout(5)
        sender.send(encode_frame(0x101, b"after"))
        can_id, data = decode_frame(slow.recv(100))
        assert can_id == ERROR_FLAG | ERROR_CONTROLLER
        assert data[1] == CONTROLLER_RX_OVERFLOW
        assert decode_frame(slow.recv(100)) == (0x101, b"after")


def test_a_client_that_leaves_its_replies_unread_is_still_heard_to_its_last_frame(running: Running) -> None:
    heard: list[int] = []
    done = threading.Event()

    def node(can_id: int, data: bytes, t_ns: int) -> list[tuple[int, bytes]]:
        heard.append(can_id)
        if can_id == 0x7F:
            done.set()
        return [(0x400, data)]

    running.hub.attach(node)
    for _ in range(20):
        heard.clear()
        done.clear()
        client = raw_client(running.path)
        for can_id in range(0x80):
            client.send(encode_frame(can_id, bytes(8)))
        client.close()
        assert done.wait(5)
        assert heard == list(range(0x80))


def test_a_hub_that_goes_away_is_an_error_at_once(tmp_path: Path) -> None:
    with Running(str(tmp_path / "bus.sock")) as running:
        bus = open_bus(running.path)
    with bus, pytest.raises(can.CanOperationError, match="hub closed the bus"):
        bus.recv(5)


def test_junk_packets_are_counted_and_go_nowhere(running: Running) -> None:
    with raw_client(running.path) as a, raw_client(running.path) as b:
        for junk in (b"x", bytes(15), bytes(17), bytes(4) + b"\x09" + bytes(11), bytes(4) + b"\x41" + bytes(67)):
            a.send(junk)
        a.send(encode_frame(5, b"good"))
        assert decode_frame(b.recv(100)) == (5, b"good")
    assert running.hub.malformed == 5


def test_a_hub_that_does_not_read_fills_the_senders_queue(running: Running) -> None:
    with raw_client(running.path) as a, raw_client(running.path) as b:
        a.send(encode_frame(1, b""))
        b.recv(100)
        running.hub.read_clients(False)
        a.setblocking(False)
        with pytest.raises(BlockingIOError):
            for _ in range(100_000):
                a.send(encode_frame(2, b""))
        running.hub.read_clients(True)
        assert decode_frame(b.recv(100)) == (2, b"")


def test_an_fd_frame_needs_an_fd_bus(running: Running) -> None:
    with open_bus(running.path) as bus, pytest.raises(can.CanOperationError, match="fd=False"):
        bus.send(can.Message(arbitration_id=1, is_fd=True, data=bytes(12)))


def test_software_filters_of_python_can_work(running: Running) -> None:
    with raw_client(running.path) as a, open_bus(running.path) as bus:
        bus.set_filters([{"can_id": 0x11, "can_mask": 0x7FF, "extended": False}])
        a.send(encode_frame(0x12, b""))
        a.send(encode_frame(0x11, b""))
        message = bus.recv(5)
        assert message is not None and message.arbitration_id == 0x11


def test_who_connected_before_a_frame_was_sent_hears_it(tmp_path: Path) -> None:
    hub = HubServer(str(tmp_path / "turns.sock"))
    for _ in range(20):
        with raw_client(hub.path) as a:
            hub.poll()
            with raw_client(hub.path) as b, raw_client(hub.path) as c:
                a.send(encode_frame(1, b"x"))
                hub.poll()  # the frame and the two new clients in one turn
                assert decode_frame(b.recv(100)) == decode_frame(c.recv(100)) == (1, b"x")
        hub.poll()
    hub.close()
