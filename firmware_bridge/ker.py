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


def fold_xor(data: bytes) -> int:
    """XOR of all bytes (0.5 us for 85 bytes; a loop over them takes 4)."""
    folded = int.from_bytes(data, "little")
    bits = 1 << max(3, (len(data) * 8 - 1).bit_length())
    while bits > 8:
        bits >>= 1
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
        used = {"timestamp", "seq", angles.key, "error_mask", "errors" if mask is None else "error_mask"}
        self._reader, offsets = _reader(schema, used)
        self._timestamp: Final = offsets["timestamp"]
        self._seq: Final = offsets.get("seq", -1)
        self._angles: Final = slice(offsets[angles.key], offsets[angles.key] + angles.length)
        self._mask: Final = offsets["error_mask"] if mask is not None else -1
        self._errors: Final = (
            slice(offsets["errors"], offsets["errors"] + errors.length) if mask is None and errors else None
        )
        self._writer: Final = struct.Struct("<" + "".join(f"{n}{_TYPES[kind][0]}" for _, kind, n in schema.fields))
        # Where a frame's own number and time stand, for readers that need no more than those.
        self.stamp: Final = struct.Struct("<I")
        self.timestamp_at: Final = len(STREAM_HEADER) + _byte_offset(schema, "timestamp")
        self.seq_at: Final = len(STREAM_HEADER) + _byte_offset(schema, "seq") if self.has_seq else -1
        self._healthy: Final = (HEALTH_OK,) * angles.length

    def is_whole(self, data: bytes, at: int) -> bool:
        """Whether the bytes from `at` (a header, and a frame's length of bytes after it) have a right checksum."""
        return not fold_xor(data[at + 2 : at + self.frame_bytes])

    def decode_frame(self, data: bytes, at: int = 0) -> Frame:
        """The frame whose header stands at `at`; its checksum is taken as checked."""
        values = self._reader.unpack_from(data, at + 2)
        health = self._healthy
        if self._mask >= 0:
            mask = values[self._mask]
            if mask:
                health = tuple([HEALTH_DEVICE_ERROR if mask >> n & 1 else HEALTH_OK for n in range(self.channel_count)])
        elif self._errors is not None:
            errors = values[self._errors]
            if True in errors:
                health = tuple([HEALTH_DEVICE_ERROR if error else HEALTH_OK for error in errors])
        counts = values[self._angles]
        if self.has_float_angles:
            try:
                counts = tuple([round(angle * _COUNTS_PER_DEG) for angle in counts])
                if max(counts) > _MAX_COUNT or min(counts) < -_MAX_COUNT:
                    counts, health = _numbers_only(values[self._angles], health)
            except (ValueError, OverflowError):
                counts, health = _numbers_only(counts, health)
        return Frame(values[self._timestamp], values[self._seq] if self._seq >= 0 else 0, counts, health)

    def encode_frame(self, values: Sequence[float]) -> bytes:
        """One frame from all fields' values, flat, in the schema's order. Raises WireError where one does not fit."""
        try:
            payload = self._writer.pack(*values)
        except (struct.error, OverflowError) as error:
            raise WireError(f"KER frame: {error}; expected values of: {self.schema.layout}") from error
        return b"%b%b%c" % (STREAM_HEADER, payload, fold_xor(payload))


_COUNTS_PER_DEG: Final = COUNTS_PER_TURN_F32 / 360.0
_MAX_COUNT: Final = round(MAX_ANGLE_DEG * _COUNTS_PER_DEG)


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
    offset = 0
    for name, kind, count in schema.fields:
        if name == key:
            return offset
        offset += _TYPES[kind][1] * count
    raise WireError(f"KER schema: no field {key} in: {schema.layout}")


def _reader(schema: Schema, used: set[str]) -> tuple[struct.Struct, dict[str, int]]:
    """A struct that skips the fields nobody reads, and the index of each read field's first value."""
    layout = "<"
    offsets: dict[str, int] = {}
    index = 0
    for key, kind, count in schema.fields:
        letter, size = _TYPES[kind]
        if key in used:
            layout += f"{count}{letter}"
            offsets[key] = index
            index += count
        else:
            layout += f"{count * size}x"
    return struct.Struct(layout), offsets
