"""CAN frames in memory: the bytes of linux/can.h, its numbers, and what no frame may be."""

from __future__ import annotations

import socket

import pytest

from firmware_bridge import can_frame
from firmware_bridge.can_frame import decode_frame, encode_error, encode_frame, header
from firmware_bridge.errors import WireError


def test_the_numbers_are_the_kernels():
    """linux/can.h and linux/can/error.h; Python's own copy where it has one."""
    assert can_frame.EXTENDED_FLAG == socket.CAN_EFF_FLAG == 0x80000000
    assert can_frame.REMOTE_FLAG == socket.CAN_RTR_FLAG
    assert can_frame.ERROR_FLAG == socket.CAN_ERR_FLAG
    assert can_frame.STANDARD_MASK == socket.CAN_SFF_MASK
    assert can_frame.EXTENDED_MASK == socket.CAN_EFF_MASK
    assert (can_frame.FD_BIT_RATE_SWITCH, can_frame.FD_FRAME) == (1, 4)
    assert can_frame.ERROR_CONTROLLER == 0x004
    assert can_frame.ERROR_PROTOCOL == 0x008
    assert can_frame.ERROR_BUS_OFF == 0x040
    assert can_frame.ERROR_BUS_ERROR == 0x080
    assert can_frame.ERROR_RESTARTED == 0x100
    assert can_frame.CONTROLLER_RX_OVERFLOW == 1
    assert (can_frame.CLASSIC_SIZE, can_frame.FD_SIZE) == (16, 72)


def test_a_classic_frame_byte_for_byte():
    raw = encode_frame(0x123, b"abc")
    assert raw == (0x123).to_bytes(4, "little") + bytes([3, 0, 0, 0]) + b"abc" + bytes(5)
    assert header(0x123, 3) == raw[:8]
    assert decode_frame(raw) == (0x123, b"abc")


def test_an_fd_frame_byte_for_byte():
    data = bytes(range(1, 13))
    raw = encode_frame(can_frame.EXTENDED_FLAG | 0x1ABCDEF0, data, fd=True)
    assert raw == (0x9ABCDEF0).to_bytes(4, "little") + bytes([12, 1, 0, 0]) + data + bytes(52)
    assert header(0x9ABCDEF0, 12, fd=True) == raw[:8]
    assert decode_frame(raw) == (0x9ABCDEF0, data)


def test_an_error_frame_byte_for_byte():
    assert encode_error(can_frame.ERROR_BUS_OFF) == (0x20000040).to_bytes(4, "little") + bytes([8, 0, 0, 0]) + bytes(8)
    assert encode_error(can_frame.ERROR_CONTROLLER, bytes([0, 1, 0, 0, 0, 0, 0, 0]))[8:10] == bytes([0, 1])


@pytest.mark.parametrize("length", range(66))
def test_only_lengths_of_the_wire_are_made(length):
    for fd, lengths in ((False, range(9)), (True, (*range(9), 12, 16, 20, 24, 32, 48, 64))):
        if length in lengths:
            assert decode_frame(encode_frame(1, bytes(length), fd=fd)) == (1, bytes(length))
        else:
            with pytest.raises(WireError, match=f"0x1: {length} bytes; expected"):
                encode_frame(1, bytes(length), fd=fd)


@pytest.mark.parametrize("size", range(90))
def test_other_sizes_are_no_frames(size):
    if size in (16, 72):
        assert decode_frame(bytes(size)) == (0, b"")
    else:
        with pytest.raises(WireError, match=rf"of {size} bytes; expected 16 \(classic\) or 72 \(FD\)"):
            decode_frame(bytes(size))


@pytest.mark.parametrize(("size", "most"), [(16, 8), (72, 64)])
def test_a_length_beyond_the_frame_is_false(size, most):
    raw = bytearray(size)
    raw[4] = most
    assert decode_frame(bytes(raw)) == (0, bytes(most))
    raw[4] = most + 1
    with pytest.raises(WireError, match=f"length {most + 1}; expected at most {most}"):
        decode_frame(bytes(raw))
