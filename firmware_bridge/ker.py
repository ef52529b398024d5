"""OpenArm KER hub: PING reply <-> schema, stream frame <-> one sample's counts. Nothing of the layout is assumed.

Wire: the maker's client `openarm-ker` 0.3.0 (ker_stream.py) and shared protocol notes; serial, 2,000,000 baud 8N1.
    host -> hub   one command byte
    hub -> host   A5 50 | firmware[16] hardware[16] updated[12] | n u8 | n x (key[16] type u8 count u8) | boot angles
                  A5 5A | fields in the schema's order, little-endian, packed | XOR of the fields' bytes
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from firmware_bridge.errors import WireError
from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_NOT_A_NUMBER, HEALTH_OK

PING: Final = b"\x00"
"""Answered with the schema; also forces STANDBY."""
STANDBY: Final = b"\x01"
STREAM: Final = b"\x02"
ZERO_ALL: Final = b"\x03"
ZERO_MASK: Final = b"\x04"
"""Followed by a u16, big-endian: bit n zeroes channel n."""
DIAG: Final = b"\x05"

STREAM_HEADER: Final = b"\xa5\x5a"
PING_HEADER: Final = b"\xa5\x50"

# Limits on what a hub may announce; a hub beyond them is refused, not believed.
MAX_FIELDS: Final = 32
MAX_CHANNELS: Final = 64
MAX_PAYLOAD_BYTES: Final = 512
MAX_ANGLE_DEG: Final = 36_000.0
"""A hundred turns: no joint does that, so the reading is no angle."""

_TYPES: Final = {0: ("I", 4), 1: ("H", 2), 2: ("B", 1), 3: ("i", 4), 4: ("h", 2), 5: ("f", 4), 6: ("?", 1)}
U32, U16, U8, I32, I16, F32, BOOL = range(7)

COUNTS_PER_TURN_F32: Final = float(1 << 21)
"""The encoders' 15-bit value, filled up to 21 bits by repeating its top bits, is what the hub turns into degrees."""
COUNTS_PER_TURN_CD: Final = 36_000.0
"""Hundredths of a degree."""

_TEXT: Final = struct.Struct("<16s16s12sB")
_FIELD: Final = struct.Struct("<16sBB")
_BOOT_ANGLE: Final = struct.Struct("<f?")
_KEY: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")


class Field(NamedTuple):
    """One entry of the schema."""

    key: str
    type: int
    """U32 .. BOOL."""
    length: int


class Frame(NamedTuple):
    """What one stream frame says, not yet unwrapped."""

    timestamp_us: int
    """Device clock, u32."""
    seq: int
    """u32; 0 where the firmware sends none."""
    counts: tuple[int, ...]
    health: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """What a hub told about itself in its PING reply."""

    firmware: str
    hardware: str
    updated: str
    fields: tuple[Field, ...]

    def find(self, key: str) -> Field | None:
        return next((field for field in self.fields if field.key == key), None)

    @property
    def layout(self) -> str:
        """The fields as words, e.g. 'timestamp u32, angles f32[16]'."""
        names = ("u32", "u16", "u8", "i32", "i16", "f32", "bool")
        return ", ".join(
            f"{key} {names[kind]}" + (f"[{count}]" if count > 1 else "") for key, kind, count in self.fields
        )


SCHEMA_2_0_0: Final = Schema(
    "2.0.0",
    "KER-v1.0.0",
    "2026-05-25",
    (Field("timestamp", U32, 1), Field("angles", F32, 16), Field("errors", BOOL, 16)),
)
SCHEMA_2_1_0: Final = Schema(
    "2.1.0",
    "KER-v1.0.0",
    "2026-08-11",
    (
        Field("timestamp", U32, 1),
        Field("seq", U32, 1),
        Field("error_mask", U16, 1),
        Field("angles_cd", I16, 16),
        Field("encoder_value", I32, 1),
        Field("encoder_button", BOOL, 1),
    ),
)
"""The newer firmware built for compact angles: 50 bytes a frame, so that it fits one USB packet. The types of the two
knob fields are not published; the hub tells them, so nothing depends on this guess but the emulated hub."""


_FOLDS: Final = tuple(tuple(8 << step for step in reversed(range(steps))) for steps in range(24))
"""By how many bits to shift so that 2^steps bytes come to lie on one."""


def fold_xor(data: bytes) -> int:
    """XOR of all bytes (0.6 us for 85 bytes; a loop over them takes 3)."""
    folded = int.from_bytes(data, "little")
    for bits in _FOLDS[(len(data) - 1).bit_length() if data else 0]:
        folded ^= folded >> bits
    return folded & 0xFF


def encode_ping_reply(schema: Schema, boot_angles_deg: Sequence[float] = (), ok: Sequence[bool] = ()) -> bytes:
    """The hub's answer to PING."""
    parts = [
        PING_HEADER,
        _TEXT.pack(schema.firmware.encode(), schema.hardware.encode(), schema.updated.encode(), len(schema.fields)),
    ]
    parts += [_FIELD.pack(field.key.encode(), field.type, field.length) for field in schema.fields]
    parts += [_BOOT_ANGLE.pack(angle, good) for angle, good in zip(boot_angles_deg, ok)]
    return b"".join(parts)


def decode_ping_reply(data: bytes, start: int = 0) -> tuple[Schema, int] | None:
    """Schema of the PING reply whose header stands at `start`, and the offset of the byte after its last field.

    None while bytes are missing. The boot angles that may follow are not read (firmwares differ in sending them).
    Raises WireError where the bytes are no PING reply or the schema breaks a limit.
    """
    body = start + len(PING_HEADER)
    if len(data) < body + _TEXT.size:
        return None
    firmware, hardware, updated, n = _TEXT.unpack_from(data, body)
    texts = [_text(raw, what) for raw, what in ((firmware, "firmware"), (hardware, "hardware"), (updated, "updated"))]
    if not 1 <= n <= MAX_FIELDS:
        raise WireError(f"KER schema: {n} fields; expected 1 to {MAX_FIELDS}; flash a known firmware")
    at = body + _TEXT.size
    if len(data) < at + n * _FIELD.size:
        return None
    fields = []
    for _ in range(n):
        raw, kind, count = _FIELD.unpack_from(data, at)
        at += _FIELD.size
        key = raw.rstrip(b"\0")
        if not _KEY.fullmatch(key):
            raise WireError(f"KER schema: key {raw!r}; expected a NUL-padded name; flash a known firmware")
        fields.append(Field(key.decode(), kind, count))
    schema = Schema(texts[0], texts[1], texts[2], tuple(fields))
    FrameCodec(schema)  # refuses what no frame could be decoded by
    return schema, at


def _text(raw: bytes, what: str) -> str:
    text = raw.rstrip(b"\0")
    if not all(0x20 <= byte < 0x7F for byte in text):
        raise WireError(f"KER PING reply: {what} {raw!r}; expected NUL-padded ASCII")
    return text.decode()


class FrameCodec:
    """Stream frames of one schema. Raises WireError, naming the limit or the field, for a schema it cannot serve."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        seen: set[str] = set()
        for key, kind, count in schema.fields:
            if kind not in _TYPES:
                raise WireError(f"KER schema: field {key}: type {kind}; expected 0 to 6; flash a known firmware")
            if not 1 <= count <= MAX_CHANNELS:
                raise WireError(f"KER schema: field {key}: count {count}; expected 1 to {MAX_CHANNELS}")
            if key in seen:
                raise WireError(f"KER schema: field {key} comes twice; flash a known firmware")
            seen.add(key)
        payload_bytes = sum(_TYPES[kind][1] * count for _, kind, count in schema.fields)
        if payload_bytes > MAX_PAYLOAD_BYTES:
            raise WireError(f"KER schema: {payload_bytes} bytes a frame; expected at most {MAX_PAYLOAD_BYTES}")
        self.frame_bytes: Final = len(STREAM_HEADER) + payload_bytes + 1
        angles = _field(schema, "angles", F32) or _field(schema, "angles_cd", I16)
        if angles is None:
            raise WireError(f"KER schema: no angles f32 or angles_cd i16 in: {schema.layout}; flash a known firmware")
        if _one(schema, "timestamp") is None:
            raise WireError(f"KER schema: no timestamp u32 in: {schema.layout}; flash a known firmware")
        self.channel_count: Final = angles.length
        self.has_seq: Final = _one(schema, "seq") is not None
        self.has_float_angles: Final = angles.type == F32
        self.counts_per_turn: Final = COUNTS_PER_TURN_F32 if self.has_float_angles else COUNTS_PER_TURN_CD
        errors = _field(schema, "errors", BOOL)
        if errors is not None and errors.length != angles.length:
            raise WireError(f"KER schema: {errors.length} errors for {angles.length} angles; flash a known firmware")
        mask = _field(schema, "error_mask", U16) or _field(schema, "error_mask", U32)
        if mask is not None and 8 * _TYPES[mask.type][1] < angles.length:
            raise WireError(f"KER schema: an error_mask of {8 * _TYPES[mask.type][1]} bits for {angles.length} angles")
        self._writer: Final = struct.Struct("<" + "".join(f"{n}{_TYPES[kind][0]}" for _, kind, n in schema.fields))
        # Where in a frame what stands; each is read alone, so that nothing is decoded that nobody needs.
        self.unpack_u32: Final = struct.Struct("<I").unpack_from
        self.timestamp_at: Final = _byte_offset(schema, "timestamp")
        self.seq_at: Final = _byte_offset(schema, "seq") if self.has_seq else -1
        self._unpack_angles: Final = struct.Struct(f"<{angles.length}{_TYPES[angles.type][0]}").unpack_from
        self._angles_at: Final = _byte_offset(schema, angles.key)
        self._angles_end: Final = self._angles_at + _TYPES[angles.type][1] * angles.length
        self._doubles: Final = struct.Struct(f"<{angles.length}d")
        self._lower_halves: Final = struct.Struct("<" + "i4x" * angles.length)
        marks = mask or errors
        self._is_mask: Final = mask is not None
        self._marks_at: Final = _byte_offset(schema, marks.key) if marks is not None else 0
        self._no_marks: Final = bytes(_TYPES[marks.type][1] * marks.length) if marks is not None else b""
        self._healthy: Final = (HEALTH_OK,) * angles.length

    def is_whole(self, data: bytes, at: int) -> bool:
        """Whether the bytes from `at` (a header, and a frame's length of bytes after it) have a right checksum."""
        return not fold_xor(data[at + 2 : at + self.frame_bytes])

    def decode_frame(self, data: bytes, at: int = 0) -> Frame:
        """The frame whose header stands at `at`; its checksum is taken as checked."""
        (timestamp_us,) = self.unpack_u32(data, at + self.timestamp_at)
        seq = self.unpack_u32(data, at + self.seq_at)[0] if self.has_seq else 0
        return Frame(timestamp_us, seq, *self.decode_joints(data, at))

    def decode_joints(self, data: bytes, at: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Counts and health of the frame whose header stands at `at`."""
        health = self._healthy
        if not data.startswith(self._no_marks, at + self._marks_at):
            health = self._marked(data[at + self._marks_at :])
        angles = self._unpack_angles(data, at + self._angles_at)
        if not self.has_float_angles:
            return angles, health
        # One byte of each tells that all are numbers, and no large ones.
        if data[at + self._angles_at + 3 : at + self._angles_end : 4].translate(None, _SMALL):
            return _numbers_only(angles, health)
        # The sum's lower half is the rounded count: a third less than 16 calls of round().
        rounded = self._doubles.pack(*[angle * _COUNTS_PER_DEG + _TO_WHOLE for angle in angles])
        return self._lower_halves.unpack(rounded), health

    def _marked(self, data: bytes) -> tuple[int, ...]:
        """Health by the error mask, or the errors, that `data` begins with."""
        marks = data[: len(self._no_marks)]
        if self._is_mask:
            mask = int.from_bytes(marks, "little")
            marks = bytes([mask >> n & 1 for n in range(self.channel_count)])
        return tuple([HEALTH_DEVICE_ERROR if mark else HEALTH_OK for mark in marks])

    def encode_frame(self, values: Sequence[float]) -> bytes:
        """One frame from all fields' values, flat, in the schema's order. Raises WireError where one does not fit."""
        try:
            payload = self._writer.pack(*values)
        except (struct.error, OverflowError) as error:
            raise WireError(f"KER frame: {error}; expected values of: {self.schema.layout}") from error
        return b"%b%b%c" % (STREAM_HEADER, payload, fold_xor(payload))


_COUNTS_PER_DEG: Final = COUNTS_PER_TURN_F32 / 360.0
_TO_WHOLE: Final = 1.5 * 2.0**52
"""A double of this size has no bits for fractions; its lower 32 bits are those of the whole number added."""
_SMALL: Final = bytes(high for high in range(256) if high & 0x7F <= 0x46)
"""Upper bytes (sign and seven bits of the exponent) of singles of less than 32,768."""


def _numbers_only(angles_deg: Sequence[float], health: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Counts and health with 0 and HEALTH_NOT_A_NUMBER for what is no angle."""
    good = [-MAX_ANGLE_DEG <= angle <= MAX_ANGLE_DEG for angle in angles_deg]  # False for NaN too
    counts = tuple([round(angle * _COUNTS_PER_DEG) if fine else 0 for angle, fine in zip(angles_deg, good)])
    return counts, tuple([old if fine else old | HEALTH_NOT_A_NUMBER for old, fine in zip(health, good)])


def _field(schema: Schema, key: str, kind: int) -> Field | None:
    found = schema.find(key)
    return found if found is not None and found.type == kind else None


def _one(schema: Schema, key: str) -> Field | None:
    found = _field(schema, key, U32)
    return found if found is not None and found.length == 1 else None


def _byte_offset(schema: Schema, key: str) -> int:
    """Of a field that the schema has; from the frame's first header byte."""
    before = schema.fields[: [field.key for field in schema.fields].index(key)]
    return len(STREAM_HEADER) + sum(_TYPES[kind][1] * count for _, kind, count in before)
