"""ISO-TP (ISO 15765-2, normal addressing): messages longer than one CAN frame, in segments with flow control.

Bytes and times in, frames and whole messages out; nothing here touches a bus or a clock. Classic frames are sent
with the length that they need, FD frames padded with 0xCC to a length that exists.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from firmware_bridge.can_frame import FD_LENGTHS
from firmware_bridge.errors import WireError
from firmware_bridge.exo_terms import MAX_BODY

SINGLE: Final = 0x00
FIRST: Final = 0x10
CONSECUTIVE: Final = 0x20
FLOW: Final = 0x30
FLOW_CONTINUE: Final = 0
FLOW_WAIT: Final = 1
FLOW_OVERFLOW: Final = 2
PAD: Final = 0xCC
TIMEOUT_NS: Final = 1_000_000_000
"""N_Bs and N_Cr of the standard."""
MAX_WAITS: Final = 8
"""FLOW_WAITs in a row before a transfer is given up."""
MAX_QUEUED: Final = 16
"""Messages that may wait to be sent."""


class TpLink:
    """Both directions of one pair of identifiers."""

    def __init__(self, *, fd: bool = False, limit: int = MAX_BODY, block_size: int = 0) -> None:
        self._frame_size = 64 if fd else 8
        self._limit = limit
        self._block_size = block_size
        self.bad = 0
        """Frames and transfers thrown away: out of order, too long, too late."""
        self._queue: deque[bytes] = deque()
        self._outgoing: deque[bytes] = deque()
        """Frames that may be sent at once (flow controls, single and first frames)."""
        self._body = b""
        self._at = 0
        self._next_index = 0
        self._is_waiting = False
        self._allowed = 0
        self._waits = 0
        self._gap_ns = 0
        self._not_before_ns = 0
        self._since_ns = 0
        self._received = bytearray()
        self._expected = 0
        self._expected_index = 0
        self._block = 0
        self._received_ns = 0

    @property
    def is_idle(self) -> bool:
        """Nothing is left to send."""
        return not self._queue and not self._outgoing and not self._body

    def send(self, body: bytes) -> None:
        """Queue one message. Raises WireError when it is too long or too many wait already."""
        if not 1 <= len(body) <= self._limit:
            raise WireError(f"ISO-TP message of {len(body)} bytes; expected 1 to {self._limit}")
        if len(self._queue) >= MAX_QUEUED:
            raise WireError(f"ISO-TP: {MAX_QUEUED} messages wait already; is the other end listening?")
        self._queue.append(body)

    def abort(self) -> None:
        """Forget everything half done."""
        self._queue.clear()
        self._outgoing.clear()
        self._body = b""
        self._expected = 0

    def frames(self, now_ns: int) -> list[bytes]:
        """The frames that may go out now."""
        if self._body and self._is_waiting and now_ns - self._since_ns > TIMEOUT_NS:
            self._body = b""
            self.bad += 1
        while self._queue and not self._body:
            self._begin(self._queue.popleft(), now_ns)
        out = list(self._outgoing)
        self._outgoing.clear()
        while self._body and not self._is_waiting and now_ns >= self._not_before_ns:
            out.append(self._consecutive(now_ns))
        return out

    def feed(self, data: bytes, now_ns: int) -> bytes | None:
        """One frame of the other end; the message that it completes, or None."""
        if not data:
            self.bad += 1
            return None
        kind = data[0] & 0xF0
        if kind == SINGLE:
            return self._single(data)
        if kind == FIRST:
            self._first(data, now_ns)
            return None
        if kind == CONSECUTIVE:
            return self._continue(data, now_ns)
        if kind == FLOW:
            self._flow(data, now_ns)
        else:
            self.bad += 1
        return None

    def _begin(self, body: bytes, now_ns: int) -> None:
        size = self._frame_size
        if len(body) <= 7:
            self._outgoing.append(self._padded(bytes((SINGLE | len(body),)) + body))
        elif len(body) <= size - 2:
            self._outgoing.append(self._padded(bytes((SINGLE, len(body))) + body))
        else:
            self._outgoing.append(bytes((FIRST | len(body) >> 8, len(body) & 0xFF)) + body[: size - 2])
            self._body, self._at, self._next_index = body, size - 2, 1
            self._is_waiting, self._since_ns, self._waits = True, now_ns, 0

    def _consecutive(self, now_ns: int) -> bytes:
        part = self._body[self._at : self._at + self._frame_size - 1]
        frame = self._padded(bytes((CONSECUTIVE | self._next_index,)) + part)
        self._at += len(part)
        self._next_index = (self._next_index + 1) & 15
        self._not_before_ns = now_ns + self._gap_ns
        if self._at >= len(self._body):
            self._body = b""
        elif self._allowed:
            self._allowed -= 1
            if not self._allowed:
                self._is_waiting, self._since_ns, self._waits = True, now_ns, 0
        return frame

    def _padded(self, frame: bytes) -> bytes:
        if len(frame) <= 8:
            return frame
        size = next(length for length in FD_LENGTHS if length >= len(frame))
        return frame + bytes((PAD,)) * (size - len(frame))

    def _flow(self, data: bytes, now_ns: int) -> None:
        if not self._body or not self._is_waiting or len(data) < 3:
            self.bad += 1
            return
        status = data[0] & 15
        if status == FLOW_CONTINUE:
            self._is_waiting = False
            self._allowed = data[1]
            self._gap_ns = _gap_ns(data[2])
            self._not_before_ns = now_ns
        elif status == FLOW_WAIT and self._waits < MAX_WAITS:
            self._waits += 1
            self._since_ns = now_ns
        else:
            self._body = b""
            self.bad += 1

    def _single(self, data: bytes) -> bytes | None:
        if self._expected:
            self.bad += 1
            self._expected = 0
        length, start = data[0] & 15, 1
        if length == 0 and len(data) > 8:
            length, start = data[1], 2
        if not 1 <= length <= min(len(data) - start, self._limit) or (start == 1 and length > 7):
            self.bad += 1
            return None
        return data[start : start + length]

    def _first(self, data: bytes, now_ns: int) -> None:
        if self._expected:
            self.bad += 1
            self._expected = 0
        length = (data[0] & 15) << 8 | data[1] if len(data) >= 8 else 0
        if len(data) < 8 or length <= len(data) - 2:
            self.bad += 1
            return
        if length > self._limit:
            self.bad += 1
            self._outgoing.append(bytes((FLOW | FLOW_OVERFLOW, 0, 0)))
            return
        self._received = bytearray(data[2:])
        self._expected, self._expected_index, self._received_ns, self._block = length, 1, now_ns, self._block_size
        self._outgoing.append(bytes((FLOW | FLOW_CONTINUE, self._block_size, 0)))

    def _continue(self, data: bytes, now_ns: int) -> bytes | None:
        if not self._expected:
            self.bad += 1
            return None
        if data[0] & 15 != self._expected_index or now_ns - self._received_ns > TIMEOUT_NS or len(data) < 2:
            self.bad += 1
            self._expected = 0
            return None
        self._received += data[1:]
        self._expected_index = (self._expected_index + 1) & 15
        self._received_ns = now_ns
        if len(self._received) >= self._expected:
            body = bytes(self._received[: self._expected])
            self._expected = 0
            return body
        if self._block:
            self._block -= 1
            if not self._block:
                self._block = self._block_size
                self._outgoing.append(bytes((FLOW | FLOW_CONTINUE, self._block_size, 0)))
        return None


def _gap_ns(code: int) -> int:
    """STmin of a flow control: 0..127 ms, F1..F9 100..900 us; reserved values count as 127 ms."""
    if code <= 0x7F:
        return code * 1_000_000
    if 0xF1 <= code <= 0xF9:
        return (code - 0xF0) * 100_000
    return 127_000_000
