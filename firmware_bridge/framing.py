"""Frames of the exo wire on a serial line: any chunk of bytes in, whole checked bodies out.

A frame is COBS(body | CRC-32 little-endian), closed by one zero byte. COBS: S. Cheshire, M. Baker, "Consistent
Overhead Byte Stuffing", IEEE/ACM Trans. Networking 7(2), 1999. CRC-32: ISO-HDLC (as in zlib). A zero occurs nowhere
else, so whatever came before, the frame after the next zero is read.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from cobs import cobs  # its C extension: 0.1 us a frame

from firmware_bridge.errors import WireError
from firmware_bridge.exo_terms import MAX_BODY, MAX_FRAME

CRC_RESIDUE: Final = 0x2144DF1C
"""CRC-32 of any bytes followed by their own CRC-32."""


def with_crc(body: bytes) -> bytes:
    """The body, then its CRC-32, little-endian."""
    return body + crc32(body).to_bytes(4, "little")


def without_crc(data: bytes) -> bytes:
    """The body of `with_crc`. Raises WireError when the CRC is wrong or nothing stands before it."""
    if len(data) < 5 or crc32(data) != CRC_RESIDUE:
        raise WireError(
            f"message of {len(data)} bytes: CRC-32 is wrong; expected a type byte, payload and their CRC-32"
        )
    return data[:-4]


def encode_frame(body: bytes) -> bytes:
    """One frame, with its closing zero. Raises WireError when the body is longer than the wire allows."""
    if len(body) + 4 > MAX_BODY:
        raise WireError(f"message of {len(body)} bytes; expected at most {MAX_BODY - 4}; send less at once")
    encoded: bytes = cobs.encode(with_crc(body))
    return encoded + b"\0"


class FrameReader:
    """Cuts a byte stream into bodies. Keeps at most MAX_FRAME bytes between calls; never raises."""

    __slots__ = ("_held", "_is_skipping", "bad", "received")

    def __init__(self) -> None:
        self._held = b""
        self._is_skipping = False
        self.received = 0
        """Frames whose CRC was right."""
        self.bad = 0
        """Frames damaged, overlong or too short."""

    def reset(self) -> None:
        """Forget a half-received frame (after a reopen)."""
        self._held = b""
        self._is_skipping = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The bodies that `chunk` completes, in order."""
        parts = (self._held + chunk if self._held else chunk).split(b"\0")
        self._held = parts.pop()
        if self._is_skipping and parts:
            self._is_skipping = False
            del parts[0]
        bodies: list[bytes] = []
        for part in parts:
            if len(part) <= MAX_FRAME:
                if not part:
                    continue
                try:
                    raw: bytes = cobs.decode(part)
                except cobs.DecodeError:
                    raw = b""
                if crc32(raw) == CRC_RESIDUE and len(raw) > 4:
                    bodies.append(raw[:-4])
                    continue
            self.bad += 1
        if len(self._held) > MAX_FRAME:
            self._held = b""
            if not self._is_skipping:
                self._is_skipping = True
                self.bad += 1
        self.received += len(bodies)
        return bodies
