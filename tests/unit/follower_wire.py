"""A plain client of the emulated arm's bus, for tests of its faults."""

from __future__ import annotations

import socket

from firmware_bridge import damiao
from firmware_bridge.can_frame import (
    decode_frame,
    encode_frame,
)
from tests.emulated_follower import FollowerThread

RANGES = damiao.RANGES["8009"]
REFRESH = damiao.encode_refresh(1)


class Wire:
    """A plain client on can_right."""

    def __init__(self, follower: FollowerThread) -> None:
        self.path = follower.config["follower"]["buses"][0]["socket"]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(self.path)

    def send(self, can_id: int, data: bytes) -> None:
        self.socket.send(encode_frame(can_id, data))

    def take(self, timeout_s: float = 10) -> tuple[int, bytes] | None:
        """The next frame, or None after `timeout_s`."""
        self.socket.settimeout(timeout_s)
        try:
            return decode_frame(self.socket.recv(100))
        except TimeoutError:
            return None

    def ask(self, data: bytes = damiao.DISABLE, can_id: int = 1, timeout_s: float = 10) -> tuple[int, bytes] | None:
        self.send(can_id, data)
        return self.take(timeout_s)


def position(frame: tuple[int, bytes] | None) -> float:
    assert frame is not None
    return damiao.decode_feedback(RANGES, frame[1]).position_rad


def status(frame: tuple[int, bytes] | None) -> int:
    assert frame is not None
    return frame[1][0] >> 4
