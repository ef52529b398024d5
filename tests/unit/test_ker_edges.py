"""The KER hub's bytes at their edges: the last number that is served, the first that is not."""

from __future__ import annotations

import math
import struct

import pytest

from firmware_bridge import ker
from firmware_bridge.errors import WireError
from firmware_bridge.ker import Field, FrameCodec, Schema
from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_NOT_A_NUMBER, HEALTH_OK

OLD, NEW = FrameCodec(ker.SCHEMA_2_0_0), FrameCodec(ker.SCHEMA_2_1_0)
WRAP = 1 << 32
MS = 1_000_000


def schema_of(*fields: tuple[str, int, int]) -> Schema:
    return Schema("9.9.9", "test", "2026-01-01", tuple(Field(*field) for field in fields))


def test_the_makers_numbers():
    commands = (ker.PING, ker.STANDBY, ker.STREAM, ker.ZERO_ALL, ker.ZERO_MASK, ker.DIAG)
    assert b"".join(commands) == bytes(range(6))
    assert (ker.U32, ker.U16, ker.U8, ker.I32, ker.I16, ker.F32, ker.BOOL) == (0, 1, 2, 3, 4, 5, 6)
    assert (ker.COUNTS_PER_TURN_F32, ker.COUNTS_PER_TURN_CD) == (2097152.0, 36000.0)
    assert (ker.MAX_FIELDS, ker.MAX_CHANNELS, ker.MAX_PAYLOAD_BYTES, ker.MAX_ANGLE_DEG) == (32, 64, 512, 36000.0)
    assert schema_of(("a", 2, 1), ("b", 4, 2)).layout == "a u8, b i16[2]"
    assert ker.SCHEMA_2_0_0.layout == "timestamp u32, angles f32[16], errors bool[16]"
    assert ker.SCHEMA_2_1_0.layout == (
        "timestamp u32, seq u32, error_mask u16, angles_cd i16[16], encoder_value i32, encoder_button bool"
    )
    assert (OLD.channel_count, OLD.has_seq, OLD.has_float_angles, OLD.frame_bytes) == (16, False, True, 87)
    assert (NEW.channel_count, NEW.has_seq, NEW.has_float_angles, NEW.frame_bytes) == (16, True, False, 50)


def test_each_type_has_its_bytes():
    fields = [(f"t{kind}", kind, 1) for kind in range(7)]
    codec = FrameCodec(schema_of(("timestamp", 0, 1), ("angles", 5, 1), *fields))
    frame = codec.encode_frame((1, 2.5, 70_000, 60_000, 200, -70_000, -30_000, 0.5, True))
    assert frame[2:-1] == struct.pack("<IfIHBihf?", 1, 2.5, 70_000, 60_000, 200, -70_000, -30_000, 0.5, True)
    assert codec.frame_bytes == len(frame)


def test_the_xor_of_nothing_and_of_every_length():
    assert ker.fold_xor(b"") == 0
    for length in range(1, 530):
        data = bytes((n * 91 + 7) & 0xFF for n in range(length))
        wanted = 0
        for byte in data:
            wanted ^= byte
        assert ker.fold_xor(data) == wanted


def test_a_frame_of_512_bytes_is_served_one_of_more_is_not():
    pads = [(f"p{n}", ker.U32, 60) for n in range(2)]
    base = [("timestamp", ker.U32, 1), ("angles", ker.F32, 6), *pads]
    codec = FrameCodec(schema_of(*base, ("q", ker.U8, 4)))
    assert codec.frame_bytes == 2 + 512 + 1
    frame = codec.encode_frame((9, *[1.0] * 6, *[0] * 120, *[0] * 4))
    assert codec.is_whole(frame, 0) and codec.is_whole(b"xx" + frame, 2) and not codec.is_whole(b"xx" + frame, 1)
    with pytest.raises(WireError, match="513 bytes a frame; expected at most 512"):
        FrameCodec(schema_of(*base, ("q", ker.U8, 5)))


@pytest.mark.parametrize(
    ("degrees", "good"),
    [
        (32767.0, True),
        (32768.0, True),
        (-32768.0, True),
        (36000.0, True),
        (-36000.0, True),
        (math.nextafter(36000.0, 1e9) + 0.01, False),
        (-36000.01, False),
        (65536.0, False),
        (math.nan, False),
        (-math.inf, False),
    ],
)
def test_a_hundred_turns_are_an_angle_more_are_none(degrees, good):
    frame = OLD.encode_frame((5, *[degrees, 1.0] * 8, *[False] * 16))
    counts, health = OLD.decode_joints(frame, 0)
    assert counts == (round(degrees / 360 * 2**21) if good else 0, round(2**21 / 360)) * 8
    assert health == (HEALTH_OK if good else HEALTH_NOT_A_NUMBER, HEALTH_OK) * 8


def test_frames_are_read_wherever_they_stand():
    frame = NEW.encode_frame((7, 8, 0x4001, *range(16), -3, True))
    found = NEW.decode_frame(b"abc" + frame + b"xyz", 3)
    assert (found.timestamp_us, found.seq, found.counts) == (7, 8, tuple(range(16)))
    assert [n for n, health in enumerate(found.health) if health] == [0, 14]
    frame = OLD.encode_frame((7, *range(16), *[n == 15 for n in range(16)]))
    found = OLD.decode_frame(b"abc" + frame + b"xyz", 3)
    assert (found.timestamp_us, found.seq) == (7, 0)
    assert found.counts == tuple(round(n / 360 * 2**21) for n in range(16))
    assert found.health == (HEALTH_OK,) * 15 + (HEALTH_DEVICE_ERROR,)


@pytest.mark.parametrize(("kind", "bits"), [(ker.U16, 16), (ker.U32, 32)])
def test_a_mask_serves_as_many_channels_as_it_has_bits(kind, bits):
    def fields(count):
        return schema_of(("timestamp", 0, 1), ("angles_cd", ker.I16, count), ("error_mask", kind, 1))

    codec = FrameCodec(fields(bits))
    frame = codec.encode_frame((1, *range(bits), 1 << (bits - 1)))
    assert codec.decode_joints(frame, 0) == (tuple(range(bits)), (HEALTH_OK,) * (bits - 1) + (HEALTH_DEVICE_ERROR,))
    with pytest.raises(WireError, match=f"of {bits} bits for {bits + 1} angles"):
        FrameCodec(fields(bits + 1))


def test_a_schema_without_marks_is_healthy_and_a_seq_of_another_type_is_none():
    codec = FrameCodec(schema_of(("seq", ker.U16, 1), ("timestamp", 0, 1), ("angles_cd", ker.I16, 3)))
    assert not codec.has_seq and codec.seq_at == -1
    found = codec.decode_frame(codec.encode_frame((9, 77, 1, 2, 3)))
    assert found == (77, 0, (1, 2, 3), (HEALTH_OK,) * 3)
    codec = FrameCodec(schema_of(("seq", ker.U32, 2), ("timestamp", 0, 1), ("angles", ker.I16, 3), ("angles_cd", 4, 3)))
    assert not codec.has_seq and not codec.has_float_angles


def test_a_mask_and_errors_together_are_the_mask():
    schema = schema_of(("timestamp", 0, 1), ("angles_cd", 4, 2), ("errors", 6, 2), ("error_mask", 1, 1))
    codec = FrameCodec(schema)
    assert codec.decode_joints(codec.encode_frame((1, 5, 6, True, False, 2)), 0)[1] == (HEALTH_OK, HEALTH_DEVICE_ERROR)


@pytest.mark.parametrize("count", [1, 64])
def test_one_to_64_channels_and_to_32_fields_are_served(count):
    codec = FrameCodec(schema_of(("timestamp", 0, 1), ("angles_cd", 4, count)))
    assert codec.decode_joints(codec.encode_frame((1, *range(count))), 0)[0] == tuple(range(count))
    many = schema_of(("timestamp", 0, 1), ("angles_cd", 4, count), *((f"f{n}", 2, 1) for n in range(30)))
    assert ker.decode_ping_reply(ker.encode_ping_reply(many)) == (many, 2 + 45 + 32 * 18)


@pytest.mark.parametrize(("byte", "good"), [(0x1F, False), (0x20, True), (0x7E, True), (0x7F, False), (0x80, False)])
def test_texts_of_the_ping_reply_are_printable(byte, good):
    for at, what in ((2, "firmware"), (18, "hardware"), (34, "updated")):
        reply = bytearray(ker.encode_ping_reply(ker.SCHEMA_2_0_0))
        reply[at] = byte
        if good:
            found = ker.decode_ping_reply(bytes(reply))
            assert found is not None and getattr(found[0], what)[0] == chr(byte)
        else:
            with pytest.raises(WireError, match=f"PING reply: {what}"):
                ker.decode_ping_reply(bytes(reply))
