"""The loop's CAN bus on the kernel's own SocketCAN."""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from drivers.can_bus import CanBus, open_bus
from drivers.errors import BusFullError, DriverError
from firmware_bridge.can_frame import ERROR_BUS_OFF, ERROR_PROTOCOL, decode_frame, encode_error, encode_frame
from tests.socketcan import links, needs_can
from tests.socketcan.links import CHANNEL

pytestmark = needs_can


@pytest.fixture
def bus() -> Iterator[CanBus]:
    bus = open_bus("socketcan", CHANNEL, name="can_test")
    yield bus
    bus.close()


@pytest.fixture
def fd_bus() -> Iterator[CanBus]:
    bus = open_bus("socketcan", CHANNEL, fd=True, name="can_test")
    yield bus
    bus.close()


@pytest.fixture
def far() -> Iterator[socket.socket]:
    """A raw socket of the kernel's, with error frames let through in both ways."""
    far = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    far.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
    far.settimeout(5)
    far.bind((CHANNEL,))
    yield far
    far.close()


def receive(bus: CanBus, count: int) -> list[tuple[int, bytes]]:
    frames: list[tuple[int, bytes]] = []
    deadline = time.monotonic() + 10
    while len(frames) < count and time.monotonic() < deadline:
        bus.wait(0.05)
        frames += bus.receive_all()
    return frames


def test_frames_go_both_ways(bus: CanBus, far: socket.socket) -> None:
    bus.send(0x123, b"abc")
    assert far.recv(100) == encode_frame(0x123, b"abc")
    bus.send_packed(bus.header(1, 8) + b"12345678")
    assert far.recv(100) == encode_frame(1, b"12345678")
    for n in range(20):
        far.send(encode_frame(n, bytes([n])))
    assert receive(bus, 20) == [(n, bytes([n])) for n in range(20)]
    assert bus.counters.received == 20


def test_fd_frames_carry_the_bit_rate_switch(fd_bus: CanBus, far: socket.socket) -> None:
    fd_bus.send(1, bytes(8))
    fd_bus.send_packed(fd_bus.header(2, 8) + bytes(8 + 56))
    for can_id in (1, 2):
        raw = far.recv(100)
        assert len(raw) == 72
        assert struct.unpack_from("=IBB", raw)[:2] == (can_id, 8)
        assert raw[5] & 1
    far.send(encode_frame(0x11, b"12345678", fd=True))
    assert receive(fd_bus, 1) == [(0x11, b"12345678")]


def test_error_frames_are_counted_and_stall_nothing(bus: CanBus, far: socket.socket) -> None:
    far.send(encode_error(ERROR_PROTOCOL))
    far.send(encode_error(ERROR_BUS_OFF))
    far.send(encode_frame(5, b"x"))
    assert receive(bus, 1) == [(5, b"x")]
    assert (bus.counters.error_frames, bus.counters.bus_off, bus.is_bus_off) == (2, 1, True)


def test_the_queue_holds_more_than_the_default_278_and_what_overflows_is_counted(far: socket.socket) -> None:
    bus = open_bus("socketcan", CHANNEL, name="can_test")
    sent = 0
    for _ in range(20_000):
        try:
            far.send(encode_frame(7, b""))
            sent += 1
        except OSError as error:
            assert error.errno == errno.ENOBUFS
    got = 0
    while frames := bus.receive_all():
        got += len(frames)
    assert got > 1000
    # The kernel tells the drops with the next frame that it queues.
    far.send(encode_frame(8, b""))
    got += len(receive(bus, 1))
    assert bus.counters.overflowed == sent + 1 - got
    assert bus.counters.overflowed > 0
    bus.close()


@pytest.mark.parametrize("fd", [False, True])
def test_a_queue_without_room_is_said_within_its_bound_and_mends(far: socket.socket, fd: bool) -> None:
    bus = open_bus("socketcan", CHANNEL, fd=fd, name="can_test")
    with links.full_queue(CHANNEL):
        with pytest.raises(OSError, match=os.strerror(errno.ENOBUFS)):
            far.send(encode_frame(1, b""))
        with pytest.raises(BusFullError, match=r"can_test.*transmit queue full"):
            bus.send(1, b"lost")
    bus.send(2, b"found")
    assert decode_frame(far.recv(100)) == (2, b"found")
    bus.close()


def test_a_link_that_goes_down_is_an_error_at_once() -> None:
    links.add("vcan7")
    bus = open_bus("socketcan", "vcan7", name="can_test")
    assert bus.receive_all() == []
    links.set_up("vcan7", False)
    with pytest.raises(DriverError, match=f"{os.strerror(errno.ENETDOWN)} while reading"):
        receive(bus, 1)
    with pytest.raises(DriverError, match=f"{os.strerror(errno.ENETDOWN)} while sending"):
        bus.send(1, b"")
    bus.close()
    links.delete("vcan7")


def test_a_device_that_vanishes_is_an_error_at_once() -> None:
    links.add("vcan8")
    bus = open_bus("socketcan", "vcan8", name="can_test")
    links.delete("vcan8")
    # The socket hears that the link went down or that its device is gone, whichever comes first.
    with pytest.raises(DriverError, match="while reading"):
        receive(bus, 1)
    with pytest.raises(DriverError, match=f"{os.strerror(errno.ENODEV)}|{os.strerror(errno.ENXIO)}"):
        bus.send(1, b"")
    bus.close()


def test_an_interface_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DriverError, match=r"can99.*does not open"):
        open_bus("socketcan", "can99", name="can_test")
