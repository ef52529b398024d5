"""One CAN frame as Linux lays it out in memory: `struct can_frame` (16 bytes) and `struct canfd_frame` (72 bytes).

Source: linux/can.h and linux/can/error.h. The same bytes travel over SocketCAN and over the emulated hub.
"""

from __future__ import annotations

import struct
from typing import Final

from firmware_bridge.errors import WireError

CLASSIC_SIZE: Final = 16
FD_SIZE: Final = 72

EXTENDED_FLAG: Final = 0x80000000
REMOTE_FLAG: Final = 0x40000000
ERROR_FLAG: Final = 0x20000000
STANDARD_MASK: Final = 0x7FF
EXTENDED_MASK: Final = 0x1FFFFFFF

FD_BIT_RATE_SWITCH: Final = 0x01
FD_FRAME: Final = 0x04
"""CANFD_FDF: marks the frame as FD in `flags`; the kernel sets it on reception."""

# Classes of an error frame (its id without ERROR_FLAG), linux/can/error.h.
ERROR_CONTROLLER: Final = 0x004
ERROR_PROTOCOL: Final = 0x008
ERROR_BUS_OFF: Final = 0x040
ERROR_BUS_ERROR: Final = 0x080
ERROR_RESTARTED: Final = 0x100
# data[1] of an ERROR_CONTROLLER frame.
CONTROLLER_RX_OVERFLOW: Final = 0x01

HEADER: Final = struct.Struct("=IBBBx")
"""id and flags, length, FD flags, (classic: unused): common to both layouts."""
_CLASSIC = struct.Struct("=IB3x8s")
_FD = struct.Struct("=IBB2x64s")

FD_LENGTHS: Final = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)


def header(can_id: int, length: int, *, fd: bool = False) -> bytes:
    """The first 8 bytes of a frame; the data and, for FD, zeros up to 72 bytes follow. Bit-rate switch is on for FD."""
    return HEADER.pack(can_id, length, FD_BIT_RATE_SWITCH if fd else 0, 0)


def encode_frame(can_id: int, data: bytes, *, fd: bool = False) -> bytes:
    """A data frame. `can_id` carries EXTENDED_FLAG where wanted. FD frames switch the bit rate.

    Raises WireError when the length does not exist on the wire (classic 0..8; FD 0..8, 12, 16, 20, 24, 32, 48, 64).
    """
    length = len(data)
    if fd:
        if length not in FD_LENGTHS:
            raise WireError(f"CAN FD frame 0x{can_id:x}: {length} bytes; expected one of {FD_LENGTHS}; pad the data")
        return _FD.pack(can_id, length, FD_BIT_RATE_SWITCH, data)
    if length > 8:
        raise WireError(f"CAN frame 0x{can_id:x}: {length} bytes; expected at most 8; use CAN FD or split the data")
    return _CLASSIC.pack(can_id, length, data)


def decode_frame(raw: bytes) -> tuple[int, bytes]:
    """(id with its flags, data) of a classic or FD frame. Raises WireError on any other size or a false length."""
    size = len(raw)
    if size != CLASSIC_SIZE and size != FD_SIZE:
        raise WireError(f"CAN frame of {size} bytes; expected {CLASSIC_SIZE} (classic) or {FD_SIZE} (FD)")
    can_id, length, _, _ = HEADER.unpack_from(raw)
    if length > size - 8:
        raise WireError(f"CAN frame 0x{can_id:x}: length {length}; expected at most {size - 8}")
    return can_id, raw[8 : 8 + length]


def encode_error(error_class: int, data: bytes = bytes(8)) -> bytes:
    """An error frame as a controller's driver hands it to its readers: ERROR_* class and 8 bytes of detail."""
    return _CLASSIC.pack(ERROR_FLAG | error_class, 8, data)
