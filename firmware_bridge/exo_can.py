"""The exo wire on CAN and CAN FD: which identifier carries what, and how a SAMPLE is cut into classic frames.

Identifier (11 bits) = function << 4 | node, node 1..15. Short messages have an identifier of their own and carry
their payload alone; all others go as ISO-TP between TO_BOARD and TO_HOST, with their CRC-32. Spec: WIRE.md.
"""

from __future__ import annotations

from binascii import crc_hqx
from enum import IntEnum
from struct import Struct
from typing import Final

from firmware_bridge.can_frame import FD_LENGTHS
from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import (
    TYPE_OF,
    BoardBeat,
    Fault,
    HostBeat,
    Message,
    Time,
    TimeGet,
)
from firmware_bridge.exo_sample import FORM_WIDE, SAMPLE_HEAD
from firmware_bridge.exo_terms import MAX_NODE, SAMPLE_TYPE
from firmware_bridge.framing import with_crc, without_crc
from firmware_bridge.iso_tp import TpLink

INPUT_STATES_SENT: Final = 0x80
"""Bit of the tail's inputs byte: the state parts were sent too. Absent: every state byte is 0."""
TAIL: Final = Struct("<IBBH")
"""device_us, low 8 bits of seq, inputs, CRC-16."""
CHECKED_TAIL: Final = 6
"""Bytes of the tail that its CRC-16 covers."""


class Function(IntEnum):
    """Upper seven bits of the identifier; a lower one wins the bus."""

    FAULT = 0x08
    SAMPLE_COUNTS = 0x10
    """0x10..0x2F: part 0..31, 8 bytes of counts each."""
    SAMPLE_STATES = 0x30
    """0x30..0x37: part 0..7, states of 8 channels each."""
    SAMPLE_TAIL = 0x38
    SAMPLE_WHOLE = 0x39
    """CAN FD: a SAMPLE of at most 64 bytes in one frame."""
    TIME_GET = 0x40
    TIME = 0x41
    HOST_BEAT = 0x42
    BOARD_BEAT = 0x43
    TO_BOARD = 0x44
    """ISO-TP of the host."""
    TO_HOST = 0x45
    """ISO-TP of the board."""


OWN_IDENTIFIER: Final[dict[type[Message], Function]] = {
    Fault: Function.FAULT,
    TimeGet: Function.TIME_GET,
    Time: Function.TIME,
    HostBeat: Function.HOST_BEAT,
    BoardBeat: Function.BOARD_BEAT,
}
_TYPE_OF_FUNCTION: Final = {int(function): TYPE_OF[cls] for cls, function in OWN_IDENTIFIER.items()}
_FUNCTION_OF_TYPE: Final = {number: function for function, number in _TYPE_OF_FUNCTION.items()}
_FROM_BOARD: Final = frozenset((Function.FAULT, Function.TIME, Function.BOARD_BEAT, Function.TO_HOST))
Frame = tuple[int, bytes]
"""Identifier and data."""


def identifier(function: int, node: int) -> int:
    """Raises WireError when the node is none."""
    if not 1 <= node <= MAX_NODE:
        raise WireError(f"CAN node {node}; expected 1 to {MAX_NODE}")
    return function << 4 | node


def sample_frames(body: bytes, node: int) -> list[Frame]:
    """A SAMPLE's body cut into classic frames: count parts, state parts where any state is not 0, tail."""
    _, seq, device_us, inputs, form = SAMPLE_HEAD.unpack_from(body)
    channels = form & ~FORM_WIDE
    at = len(body) - channels
    counts, states = body[SAMPLE_HEAD.size : at], body[at:]
    frames = [(identifier(Function.SAMPLE_COUNTS + i // 8, node), counts[i : i + 8]) for i in range(0, len(counts), 8)]
    sent = b""
    if any(states):
        sent = states
        inputs |= INPUT_STATES_SENT
        frames += [
            (identifier(Function.SAMPLE_STATES + i // 8, node), states[i : i + 8]) for i in range(0, channels, 8)
        ]
    head = TAIL.pack(device_us, seq & 0xFF, inputs, 0)[:CHECKED_TAIL]
    check = crc_hqx(counts + sent + head, 0xFFFF)
    frames.append((identifier(Function.SAMPLE_TAIL, node), head + check.to_bytes(2, "little")))
    return frames


class SampleAssembler:
    """Classic frames of one board's SAMPLEs back to bodies as they stand on a serial line.

    A part that is missing, doubled with other bytes, or left over from another sample fails the CRC-16 of the tail.
    """

    __slots__ = ("_form", "_known", "_parts", "_seq", "_sizes", "_state_parts", "_zeros", "bad")

    def __init__(self, channels: int, count_bytes: int) -> None:
        size = channels * count_bytes
        self._sizes = tuple(min(8, size - at) for at in range(0, size, 8))
        self._parts: list[bytes] = [b""] * len(self._sizes)
        self._state_parts: list[bytes] = [b""] * ((channels + 7) // 8)
        self._known = channels
        self._zeros = bytes(channels)
        self._form = channels | (FORM_WIDE if count_bytes == 4 else 0)
        self._seq = 0
        self.bad = 0
        """Samples thrown away because their parts do not fit together."""

    def feed(self, function: int, data: bytes) -> bytes | None:
        """One frame of a SAMPLE_* function; the body that it completes, or None."""
        if function == Function.SAMPLE_TAIL:
            return self._finish(data)
        parts, index = (
            (self._state_parts, function - Function.SAMPLE_STATES)
            if function >= Function.SAMPLE_STATES
            else (self._parts, function - Function.SAMPLE_COUNTS)
        )
        if index < len(parts):
            parts[index] = data
        else:
            self.bad += 1
        return None

    def _finish(self, tail: bytes) -> bytes | None:
        counts = b"".join(self._parts)
        body: bytes | None = None
        if len(tail) == TAIL.size:
            device_us, seq, inputs, check = TAIL.unpack(tail)
            states = b"".join(self._state_parts) if inputs & INPUT_STATES_SENT else b""
            right_size = len(counts) == sum(self._sizes) and len(states) in (0, self._known)
            if right_size and crc_hqx(counts + states + tail[:CHECKED_TAIL], 0xFFFF) == check:
                self._seq = (self._seq + ((seq - self._seq) & 0xFF)) & 0xFFFF_FFFF
                head = SAMPLE_HEAD.pack(SAMPLE_TYPE, self._seq, device_us, inputs & 0x7F, self._form)
                body = head + counts + (states or self._zeros)
        if body is None:
            self.bad += 1
        for parts in (self._parts, self._state_parts):
            for index in range(len(parts)):
                parts[index] = b""
        return body


class CanWire:
    """One end's view of one node: bodies to frames, frames to bodies."""

    def __init__(self, node: int, *, fd: bool = False, is_board: bool = False) -> None:
        self.node = node
        self.fd = fd
        self._tp = TpLink(fd=fd)
        self._is_board = is_board
        self._tp_out = identifier(Function.TO_HOST if is_board else Function.TO_BOARD, node)
        self._tp_in = Function.TO_BOARD if is_board else Function.TO_HOST
        self._assembler: SampleAssembler | None = None
        self._wrong_crc = 0
        self.received = 0

    @property
    def bad(self) -> int:
        """Everything thrown away so far."""
        return self._wrong_crc + self._tp.bad + (self._assembler.bad if self._assembler else 0)

    @property
    def is_idle(self) -> bool:
        return self._tp.is_idle

    def expect(self, channels: int, count_bytes: int) -> None:
        """From now on SAMPLEs have this shape (HELLO told it); before that they are passed over."""
        self._assembler = SampleAssembler(channels, count_bytes)

    def send(self, body: bytes, now_ns: int) -> list[Frame]:
        """The frames that may go out now; `poll` gives the rest of a long one. Raises WireError."""
        if body[0] == SAMPLE_TYPE:
            if self.fd and len(body) - 1 <= 64:
                return [(identifier(Function.SAMPLE_WHOLE, self.node), _padded(body[1:]))]
            return sample_frames(body, self.node)
        function = _FUNCTION_OF_TYPE.get(body[0])
        if function is not None:
            return [(identifier(function, self.node), body[1:])]
        self._tp.send(with_crc(body))
        return self.poll(now_ns)

    def poll(self, now_ns: int) -> list[Frame]:
        """Segments and flow controls that are due."""
        return [(self._tp_out, data) for data in self._tp.frames(now_ns)]

    def feed(self, can_id: int, data: bytes, now_ns: int) -> bytes | None:
        """One frame from the bus; the body that it completes, or None. Frames of others are passed over."""
        if can_id & 15 != self.node or can_id > 0x7FF:
            return None
        function = can_id >> 4
        body: bytes | None = None
        if Function.SAMPLE_COUNTS <= function <= Function.SAMPLE_TAIL:
            if self._assembler is not None:
                body = self._assembler.feed(function, data)
        elif function == Function.SAMPLE_WHOLE:
            body = _unpadded_sample(data)
            self._wrong_crc += body is None
        elif function == self._tp_in:
            whole = self._tp.feed(data, now_ns)
            if whole is not None:
                try:
                    body = without_crc(whole)
                except WireError:
                    self._wrong_crc += 1
        elif function in _TYPE_OF_FUNCTION and (function in _FROM_BOARD) != self._is_board:
            body = bytes((_TYPE_OF_FUNCTION[function],)) + data
        self.received += body is not None
        return body


def _padded(data: bytes) -> bytes:
    return data + bytes(next(length for length in FD_LENGTHS if length >= len(data)) - len(data))


def _unpadded_sample(data: bytes) -> bytes | None:
    """An FD frame is padded to a length that exists; the form byte says how long the SAMPLE is."""
    if len(data) < SAMPLE_HEAD.size - 1:
        return None
    form = data[SAMPLE_HEAD.size - 2]
    size = SAMPLE_HEAD.size - 1 + (form & 0x7F) * (5 if form & FORM_WIDE else 3)
    return bytes((SAMPLE_TYPE,)) + data[:size] if size <= len(data) else None
