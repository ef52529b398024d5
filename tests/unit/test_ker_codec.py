"""The KER hub's bytes: schema, frames, and what is refused."""

from __future__ import annotations

import math
import struct

import pytest

from firmware_bridge import ker
from firmware_bridge.errors import WireError
from firmware_bridge.ker import Field, FrameCodec, Schema
from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_NOT_A_NUMBER, HEALTH_OK

OLD = FrameCodec(ker.SCHEMA_2_0_0)
NEW = FrameCodec(ker.SCHEMA_2_1_0)


def schema_of(*fields):
    return Schema("9.9.9", "test", "2026-01-01", fields)


def old_values(angles=(0.0,) * 16, errors=(False,) * 16, us=5):
    return (us, *angles, *errors)


def new_values(hundredths=(0,) * 16, mask=0, us=5, seq=7):
    return (us, seq, mask, *hundredths, -3, True)


def test_the_published_frame_of_2_0_0_has_87_bytes_and_this_layout():
    frame = OLD.encode_frame(old_values(us=0x01020304, angles=range(16), errors=[n == 2 for n in range(16)]))
    assert len(frame) == OLD.frame_bytes == 87
    payload = bytes.fromhex("04030201") + struct.pack("<16f", *range(16)) + bytes(n == 2 for n in range(16))
    checksum = 0
    for byte in payload:
        checksum ^= byte
    assert frame == b"\xa5\x5a" + payload + bytes([checksum])


def test_the_newer_frame_fits_one_usb_packet():
    assert NEW.frame_bytes == 50


@pytest.mark.parametrize("length", [1, 2, 3, 31, 32, 33, 47, 48, 84, 85, 127, 128, 129, 509])
def test_the_folded_xor_is_the_xor_of_the_bytes(length):
    data = bytes(n * 37 % 251 for n in range(length))
    wanted = 0
    for byte in data:
        wanted ^= byte
    assert ker.fold_xor(data) == wanted
    assert ker.fold_xor(data + bytes([wanted])) == 0


def test_every_flipped_bit_is_caught():
    frame = NEW.encode_frame(new_values(range(16)))
    for bit in range(16, len(frame) * 8):
        broken = bytearray(frame)
        broken[bit // 8] ^= 1 << bit % 8
        assert not NEW.is_whole(bytes(broken), 0)
    assert NEW.is_whole(frame, 0)


def test_degrees_of_2_0_0_give_back_the_encoders_21_bit_value():
    raws = [0, 1, 511, 512, 16384, 32767, -1, -32768, 40000, 12345, -20000, 8192, 77, 5, 4, 3]
    values = [raw << 6 | (raw & 0x7FFF) >> 9 for raw in raws]
    frame = OLD.encode_frame(old_values([value / 2**21 * 360 for value in values]))
    decoded = OLD.decode_frame(frame)
    assert decoded.counts == tuple(values)
    assert decoded.health == (HEALTH_OK,) * 16
    assert OLD.counts_per_turn == 2**21


def test_hundredths_of_a_degree_are_the_counts_of_the_newer_firmware():
    hundredths = (0, 1, -1, 32767, -32768, 9000, -9000, *range(9))
    decoded = NEW.decode_frame(NEW.encode_frame(new_values(hundredths)))
    assert decoded.counts == hundredths and decoded.seq == 7 and decoded.timestamp_us == 5
    assert NEW.counts_per_turn == 36000


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30, -36_000.1])
def test_what_is_no_angle_becomes_zero_and_says_so(bad):
    for at in (0, 7, 15):
        angles = [10.0] * 16
        angles[at] = bad
        decoded = OLD.decode_frame(OLD.encode_frame(old_values(angles)))
        assert decoded.counts[at] == 0 and decoded.health[at] == HEALTH_NOT_A_NUMBER
        assert [n for n, health in enumerate(decoded.health) if health] == [at]
        assert decoded.counts[(at + 1) % 16] == round(10 / 360 * 2**21)


def test_a_channel_may_be_in_error_and_no_number():
    decoded = OLD.decode_frame(OLD.encode_frame(old_values([math.nan] * 16, [n == 3 for n in range(16)])))
    assert decoded.health[3] == HEALTH_NOT_A_NUMBER | HEALTH_DEVICE_ERROR
    assert decoded.health[4] == HEALTH_NOT_A_NUMBER


def test_the_error_mask_counts_channels_from_its_lowest_bit():
    decoded = NEW.decode_frame(NEW.encode_frame(new_values(mask=0x8005)))
    assert [n for n, health in enumerate(decoded.health) if health == HEALTH_DEVICE_ERROR] == [0, 2, 15]


def test_any_order_and_unknown_fields_are_read_by_the_schema():
    codec = FrameCodec(
        schema_of(
            Field("gyro", ker.I16, 3),
            Field("angles", ker.F32, 2),
            Field("seq", ker.U32, 1),
            Field("angles_cd", ker.I16, 2),
            Field("errors", ker.BOOL, 2),
            Field("timestamp", ker.U32, 1),
            Field("battery", ker.U8, 1),
        )
    )
    decoded = codec.decode_frame(codec.encode_frame((1, 2, 3, 90.0, -90.0, 11, 5, 6, False, True, 44, 9)))
    assert decoded == (44, 11, (2**19, -(2**19)), (HEALTH_OK, HEALTH_DEVICE_ERROR))
    assert codec.counts_per_turn == 2**21  # floats are finer where both are sent


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([Field("angles", ker.F32, 16)], "no timestamp u32"),
        ([Field("timestamp", ker.U32, 1)], "no angles f32 or angles_cd i16"),
        ([Field("timestamp", ker.U16, 1), Field("angles", ker.F32, 16)], "no timestamp u32"),
        ([Field("timestamp", ker.U32, 2), Field("angles", ker.F32, 16)], "no timestamp u32"),
        ([Field("timestamp", ker.U32, 1), Field("angles", ker.I32, 16)], "no angles f32"),
        ([Field("timestamp", ker.U32, 1), Field("angles", 7, 16)], "type 7; expected 0 to 6"),
        ([Field("timestamp", ker.U32, 1), Field("angles", ker.F32, 0)], "count 0; expected 1 to 64"),
        ([Field("timestamp", ker.U32, 1), Field("angles", ker.F32, 65)], "count 65; expected 1 to 64"),
        ([Field("timestamp", ker.U32, 1)] * 2, "comes twice"),
        (
            [Field("timestamp", ker.U32, 1), Field("angles", ker.F32, 16), Field("errors", ker.BOOL, 8)],
            "8 errors for 16",
        ),
        (
            [Field("timestamp", ker.U32, 1), Field("angles", ker.F32, 17), Field("error_mask", ker.U16, 1)],
            "16 bits for 17",
        ),
        ([Field("timestamp", ker.U32, 1), *[Field(f"a{n}", ker.F32, 64) for n in range(2)]], "516 bytes a frame"),
    ],
)
def test_a_hostile_schema_is_refused_in_words(fields, words):
    with pytest.raises(WireError, match=words):
        FrameCodec(schema_of(*fields))
    with pytest.raises(WireError, match=words):
        ker.decode_ping_reply(ker.encode_ping_reply(schema_of(*fields)))


@pytest.mark.parametrize("name", ["SCHEMA_2_0_0", "SCHEMA_2_1_0"])
def test_a_ping_reply_tells_the_schema_as_soon_as_its_fields_are_there(name):
    schema = getattr(ker, name)
    reply = ker.encode_ping_reply(schema, [1.5] * 16, [True] * 16)
    end = 2 + 45 + 18 * len(schema.fields)
    assert len(reply) == end + 80
    for cut in range(end):
        assert ker.decode_ping_reply(reply[:cut]) is None
    assert ker.decode_ping_reply(reply[:end]) == (schema, end)
    assert ker.decode_ping_reply(b"xyz" + reply, 3) == (schema, end + 3)


def test_a_ping_reply_of_noise_is_refused():
    good = ker.encode_ping_reply(ker.SCHEMA_2_0_0)
    for at, byte, words in ((3, 0xA5, "firmware"), (20, 0x07, "hardware"), (46, 0, "0 fields"), (46, 33, "33 fields")):
        broken = bytearray(good)
        broken[at] = byte
        with pytest.raises(WireError, match=words):
            ker.decode_ping_reply(bytes(broken))
    broken = bytearray(good)
    broken[47] = ord(" ")
    with pytest.raises(WireError, match="key"):
        ker.decode_ping_reply(bytes(broken))


def test_a_value_that_does_not_fit_the_wire_is_refused():
    with pytest.raises(WireError, match="angles_cd"):
        NEW.encode_frame(new_values((40_000,) * 16))
    with pytest.raises(WireError, match="KER frame"):
        NEW.encode_frame((1, 2))
