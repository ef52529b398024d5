"""The exo wire's messages and samples at their edges: every length, bound and state, what is counted and what not."""

from __future__ import annotations

import struct
from typing import Annotated, NamedTuple

import pytest

from drivers.exo_link import CanExoLink, SerialExoLink
from drivers.leaders.exo_wire import ExoWireLeader
from firmware_bridge.errors import WireError
from firmware_bridge.exo_fields import Blob, Field
from firmware_bridge.exo_messages import Channel, Hello, ImageHeader, Log, Stream, UpdateData, fields_of
from firmware_bridge.exo_sample import (
    INPUT_HAS_TRIGGER,
    INPUT_TRIGGER,
    RAW_INPUTS,
    SampleReader,
    decode_sample,
    health_of,
)
from firmware_bridge.exo_terms import MAX_UPDATE_DATA, ChannelKind
from firmware_bridge.exo_wire import (
    ForeignWireError,
    Sample,
    decode,
    decode_image_header,
    encode,
    encode_image_header,
    encode_sample,
)
from firmware_bridge.samples import (
    HEALTH_DEVICE_ERROR,
    HEALTH_MISSING,
    INPUT_ENABLE,
    INPUT_ENABLE_THROUGH,
    INPUT_ESTOP,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
)

# -- messages


HEADER = ImageHeader(0x494F5845, 1, 80, "type", "1.2.3", 1000, 0xDEADBEEF, bytes(range(32)))


def test_an_image_header_is_80_bytes_and_comes_back():
    data = encode_image_header(HEADER)
    assert data == struct.pack("<IHH16s16sII", *HEADER[:3], b"type", b"1.2.3", 1000, 0xDEADBEEF) + bytes(range(32))
    assert len(data) == 80 and decode_image_header(data) == HEADER
    for wrong in (data[:-1], data + b"\0", b"X" + data[1:], data[:4] + b"\x02" + data[5:]):
        with pytest.raises(WireError, match="expected"):
            decode_image_header(wrong)


@pytest.mark.parametrize("size", [31, 33])
def test_a_blob_has_its_exact_size(size):
    with pytest.raises(WireError, match="expected 32 bytes"):
        encode_image_header(HEADER._replace(sha256=bytes(size)))


@pytest.mark.parametrize(
    ("text", "good"), [("a" * 16, True), ("a" * 17, False), ("", True), (" ~", True), ("\x7f", False)]
)
def test_a_text_has_at_most_its_size_and_is_printable(text, good):
    header = HEADER._replace(board=text)
    if good:
        assert decode_image_header(encode_image_header(header)).board == text
    else:
        with pytest.raises(WireError, match="at most 16 bytes of printable ASCII"):
            encode_image_header(header)


@pytest.mark.parametrize("byte", range(256))
def test_only_printable_bytes_are_text(byte):
    data = bytearray(encode_image_header(HEADER))
    data[8] = byte
    if 0x20 <= byte < 0x7F:
        assert decode_image_header(bytes(data)).board[0] == chr(byte)
    else:
        with pytest.raises(WireError, match="printable ASCII"):
            decode_image_header(bytes(data))


def test_a_tail_is_as_long_as_what_is_sent_up_to_its_limit():
    for size in (0, 1, MAX_UPDATE_DATA):
        message = UpdateData(4, bytes(size))
        body = encode(message)
        assert body == bytes((body[0],)) + struct.pack("<I", 4) + bytes(size)
        assert decode(body) == message
        assert decode(encode(Log(1, 2, 1, "~" * min(size, 96)))) == Log(1, 2, 1, "~" * min(size, 96))
    with pytest.raises(WireError, match=f"expected at most {MAX_UPDATE_DATA} bytes"):
        encode(UpdateData(4, bytes(MAX_UPDATE_DATA + 1)))
    with pytest.raises(WireError, match=rf"of {MAX_UPDATE_DATA + 6} bytes; expected 5 to {MAX_UPDATE_DATA + 5};"):
        decode(encode(UpdateData(4, bytes(MAX_UPDATE_DATA))) + b"\0")
    with pytest.raises(WireError, match="of 4 bytes; expected 5 to"):
        decode(encode(UpdateData(4, b""))[:-1])


def test_a_message_of_fixed_size_has_that_size():
    body = encode(Stream(500))
    assert body == b"\x03\xf4\x01" and decode(body) == Stream(500)
    for wrong in (body[:-1], body + b"\0"):
        with pytest.raises(WireError, match=rf"of {len(wrong)} bytes; expected 3; "):
            decode(wrong)


@pytest.mark.parametrize(("value", "good"), [(-1, False), (0, True), (1000, True), (2000, True), (5000, False)])
def test_a_number_stays_between_its_bounds_both_ways(value, good):
    if good:
        assert decode(encode(Stream(value))) == Stream(value)
        return
    with pytest.raises(WireError, match=f"rate_hz is {value}; expected 0 to"):
        encode(Stream(value))
    if value > 0:
        with pytest.raises(WireError, match=f"rate_hz is {value}"):
            decode(b"\x03" + value.to_bytes(2, "little"))


def test_a_hello_cut_after_its_version_is_still_another_versions():
    hello = Hello(1, "EMU-1", "make", "type", "1.2.3", 4, 2, 12, 3, 1000, 0, 0, 0, 1)
    body = bytearray(encode(hello))
    assert decode(bytes(body)) == hello
    with pytest.raises(WireError, match="of 1 bytes") as short:
        decode(bytes(body[:1]))
    assert not isinstance(short.value, ForeignWireError)
    with pytest.raises(WireError, match="of 2 bytes") as short:
        decode(bytes(body[:2]))
    assert not isinstance(short.value, ForeignWireError)
    body[1] = 9
    with pytest.raises(ForeignWireError, match="wire version 9"):
        decode(bytes(body[:2]))
    full = b"".join(text.ljust(16, b"x") for text in (b"S", b"M", b"B", b"F"))
    with pytest.raises(ForeignWireError) as foreign:
        decode(bytes(body[:2]) + full)
    texts = [letter + "x" * 15 for letter in "MBSF"]
    assert "board {} {} {} (firmware {})".format(*texts) in str(foreign.value)


# -- samples


def channels(count=4, kind=ChannelKind.ROTARY, turn=32768):
    return tuple(Channel(n, kind, 1, 0, turn, -9000, 9000, f"j{n}") for n in range(count))


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize("count", [1, 2, 64])
def test_a_sample_byte_for_byte_and_back(count, is_wide):
    given = Sample(0x01020304, 0x05060708, 0x1F, tuple(range(count)), bytes(range(count)), is_wide)
    body = encode_sample(given)
    letter = "I" if is_wide else "H"
    form = count | (0x80 if is_wide else 0)
    assert body == struct.pack(f"<BIIBB{count}{letter}", 0x83, *given[:3], form, *range(count)) + bytes(range(count))
    assert decode_sample(body) == decode(body) == given
    for wrong in (body[:-1], body + b"\0", b"\x84" + body[1:]):
        with pytest.raises(WireError):
            decode_sample(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        Sample(0, 0, 0, (), b""),
        Sample(0, 0, 0, (0,) * 65, bytes(65)),
        Sample(0, 0, 0, (0, 0), bytes(3)),
        Sample(0, 0, 0, (0x10000,), bytes(1)),
        Sample(0, 0, 0, (-1,), bytes(1)),
        Sample(1 << 32, 0, 0, (0,), bytes(1)),
    ],
)
def test_a_sample_that_the_wire_cannot_carry_is_refused(wrong):
    with pytest.raises(WireError, match="SAMPLE"):
        encode_sample(wrong)


def test_samples_of_no_or_too_many_channels_are_refused():
    for count in (0, 65):
        body = struct.pack("<BIIBB", 0x83, 0, 0, 0, count) + bytes(3 * count)
        with pytest.raises(WireError, match="SAMPLE"):
            decode_sample(body)
    with pytest.raises(WireError, match="expected at least 11"):
        decode_sample(b"\x83" + bytes(9))


@pytest.mark.parametrize("status", range(16))
def test_the_health_of_every_state(status):
    for age in range(16):
        expected = HEALTH_DEVICE_ERROR if status else HEALTH_MISSING if age >= 5 else 0
        if status in (3, 4):
            expected = HEALTH_MISSING
        assert health_of(age << 4 | status) == expected


def read(reader, seq, us, *counts, states=None, inputs=0):
    body = encode_sample(Sample(seq, us, inputs, counts, states or bytes(len(counts))))
    return reader.read(body, 7)


def test_what_a_reader_tells_of_a_sample():
    reader = SampleReader(channels(2), 2)
    got = read(reader, 5, 77, 100, 200, states=bytes((0, 2)), inputs=0xFF)
    assert got is not None
    assert (got.t_ns, got.seq, got.device_us, got.counts, got.inputs) == (7, 5, 77, (100, 200), 0x4F)
    assert got.health == (health_of(0), health_of(2))
    assert (reader.received, reader.lost, reader.bad) == (1, 0, 0)
    got = read(reader, 8, 90, 100, 200)
    assert got is not None and (got.seq, got.device_us, got.health) == (8, 90, (0, 0))
    assert (reader.received, reader.lost, reader.bad) == (2, 2, 0)


@pytest.mark.parametrize(
    ("step", "good"),
    [(1, True), (0, False), ((1 << 20) - 1, True), (1 << 20, False), (0x7FFF_FFFF, False), (-1, False)],
)
def test_a_sample_is_newer_by_no_more_than_can_have_been_lost(step, good):
    reader = SampleReader(channels(1), 2)
    read(reader, 10, 0, 5)
    got = read(reader, (10 + step) & 0xFFFF_FFFF, 1, 5)
    assert (got is not None) == good
    assert (reader.received, reader.bad, reader.lost) == ((2, 0, step - 1) if good else (1, 1, 0))


def test_a_wrong_number_costs_its_own_sample_only():
    reader = SampleReader(channels(1), 2)
    read(reader, 10, 1000, 5)
    assert read(reader, 0x4000_000B, 2000, 5) is None
    got = read(reader, 12, 3000, 5)
    assert got is not None and (got.seq, got.device_us) == (12, 3000)
    assert (reader.received, reader.bad, reader.lost) == (2, 1, 1)


def test_after_a_restart_number_and_time_go_on():
    reader = SampleReader(channels(1), 2)
    read(reader, 10, 1000, 5)
    reader.restart()
    got = read(reader, 0, 400, 5)
    assert got is not None and (got.seq, got.device_us) == (11, (1 << 32) + 400)
    got = read(reader, 1, 500, 5)
    assert got is not None and (got.seq, got.device_us) == (12, (1 << 32) + 500)
    assert reader.lost == 0


@pytest.mark.parametrize(
    ("kind", "turn", "wide", "readings", "expected"),
    [
        (ChannelKind.ROTARY, 32768, False, (0, 32767, 16384, 1), (0, -1, -16384, -32767)),
        (ChannelKind.TRIGGER, 4096, False, (10, 4090, 2050), (10, -6, -2046)),
        (ChannelKind.ROTARY_MULTI, 32768, False, (0xFFFF, 1, 0x7FFF, 0x8001), (-1, 1, 32767, 32769)),
        (ChannelKind.ROTARY_MULTI, 32768, True, (0xFFFF_FFFF, 5), (-1, 5)),
        (ChannelKind.ROTARY, 1 << 20, True, (0, (1 << 20) - 1, 3), (0, -1, 3)),
    ],
)
def test_turns_are_followed(kind, turn, wide, readings, expected):
    reader = SampleReader(channels(2, kind, turn), 4 if wide else 2)
    found = []
    for seq, reading in enumerate(readings):
        got = reader.read(encode_sample(Sample(seq, seq, 0, (0, reading), bytes(2), wide)), 0)
        assert got is not None
        found.append(got.counts[1])
    assert tuple(found) == expected


def test_slow_ways_round_and_round_are_followed_count_for_count():
    for turn in (32768, 4096, 512, 256):
        reader = SampleReader(channels(1, ChannelKind.ROTARY, turn), 2)
        at, seq = turn // 2, 0
        for step in [turn // 9] * 40 + [-turn // 7] * 60 + [turn // 3, -turn // 3] * 5:
            at, seq = at + step, seq + 1
            got = read(reader, seq, seq, at % turn)
            assert got is not None and got.counts[0] == at


def test_a_single_sample_missing_is_counted():
    reader = SampleReader(channels(1), 2)
    read(reader, 10, 0, 5)
    got = read(reader, 12, 1, 5)
    assert got is not None and got.seq == 12 and reader.lost == 1


def test_a_signed_channel_begins_around_zero():
    for reading, expected in ((0x7FFF, 32767), (0x8000, -32768)):
        got = read(SampleReader(channels(1, ChannelKind.ROTARY_MULTI), 2), 0, 0, reading)
        assert got is not None and got.counts == (expected,)


@pytest.mark.parametrize("turn", [16384, 8192])
def test_a_coarser_channel_is_scaled_and_followed_beside_a_finer_one(turn):
    pair = (channels(1)[0], channels(1, turn=turn)[0]._replace(channel=1))
    reader = SampleReader(pair, 2)
    at = 5
    for seq in range(60):
        at += turn // 5
        got = read(reader, seq, seq, 77, at % turn)
        assert got is not None
        if seq == 0:
            first = got.counts[1] - at * (32768 // turn)
        assert got.counts[0] == 77 and got.counts[1] - at * (32768 // turn) == first


def test_an_odd_number_of_counts_a_turn_is_followed_too():
    reader = SampleReader(channels(1, turn=1001), 2)
    at = 500
    for seq, step in enumerate([0, *[499] * 20, *[-499] * 40]):
        at += step
        got = read(reader, seq, seq, at % 1001)
        assert got is not None and got.counts == (at,)


def test_the_bits_of_the_inputs():
    assert (INPUT_TRIGGER, INPUT_HAS_TRIGGER, RAW_INPUTS) == (16, 32, 0x4F)
    assert (INPUT_ENABLE, INPUT_ESTOP, INPUT_HAS_ENABLE, INPUT_HAS_ESTOP, INPUT_ENABLE_THROUGH) == (1, 2, 4, 8, 64)


# -- switches


HAS = INPUT_HAS_ENABLE | INPUT_HAS_ESTOP
WELL = HAS | INPUT_ENABLE
THROUGH = HAS | INPUT_ENABLE_THROUGH


def numbered(seq: int, inputs: int) -> bytes:
    return encode_sample(Sample(seq, seq * 1000, inputs, (1, 2), bytes(2)))


@pytest.mark.parametrize("port", ["/dev/none", "can:none:none:4"])
@pytest.mark.parametrize(
    ("drain", "expected"),
    [
        ((WELL, WELL, WELL), WELL),
        ((WELL | INPUT_ESTOP, WELL, WELL), WELL | INPUT_ESTOP),
        ((WELL, HAS, WELL), HAS),
        ((HAS | INPUT_ESTOP, WELL, WELL), HAS | INPUT_ESTOP),
        ((WELL, INPUT_HAS_ENABLE | INPUT_ENABLE, WELL), INPUT_HAS_ENABLE | INPUT_ENABLE),
        ((WELL, WELL | INPUT_TRIGGER | INPUT_HAS_TRIGGER), WELL),
        ((0, 0), 0),
        ((0, WELL), 0),
        ((0, WELL, THROUGH), INPUT_ENABLE_THROUGH),
        ((0, 0, WELL), 0),
        ((THROUGH, WELL, WELL), THROUGH),
        ((WELL, THROUGH, WELL), THROUGH),
        ((WELL, WELL, THROUGH), THROUGH),
        ((THROUGH, HAS, WELL), THROUGH),
        ((THROUGH | INPUT_ENABLE, WELL), THROUGH | INPUT_ENABLE),
        ((THROUGH, 0, WELL), INPUT_ENABLE_THROUGH),
    ],
)
def test_the_switches_of_every_sample_of_a_drain_count_once(monkeypatch, port, drain, expected):
    waiting = [numbered(n, inputs) for n, inputs in enumerate(drain)]
    for link in (SerialExoLink, CanExoLink):
        monkeypatch.setattr(link, "receive", lambda self, now_ns: [waiting.pop(0) for _ in range(len(waiting))])
    leader = ExoWireLeader(port, 1_000_000, 1000.0, {0: "a", 1: "b"})
    leader._samples = SampleReader(channels(2), 2)
    leader._next_beat_ns = 1 << 62
    sample = leader.read(5)
    assert sample is not None and sample[:3] == (5, len(drain) - 1, (len(drain) - 1) * 1000)
    assert sample.inputs == expected
    waiting.append(numbered(len(drain), WELL))
    sample = leader.read(6)
    assert sample is not None and sample.inputs == WELL, "nothing of the drain before"


def test_a_sample_that_is_only_decoded_has_the_switches_that_it_tells():
    reader = SampleReader(channels(2), 2)
    assert reader.decode(numbered(5, THROUGH), 0).inputs == THROUGH
    assert reader.decode(numbered(5, WELL), 0).inputs == WELL


def test_switches_of_samples_that_are_not_taken_or_of_before_a_restart_do_not_count():
    reader = SampleReader(channels(2), 2)
    assert reader.take(numbered(5, WELL))
    assert not reader.take(numbered(5, WELL | INPUT_ESTOP)), "a repeated one"
    assert reader.decode(numbered(5, WELL), 0).inputs == WELL
    assert reader.take(numbered(6, WELL | INPUT_ESTOP))
    reader.restart()
    assert reader.take(numbered(0, WELL))
    assert reader.decode(numbered(0, WELL), 0).inputs == WELL


class Spoken(NamedTuple):
    """Its annotation says more than how it stands on the wire."""

    serial: Annotated[bytes, "of the maker", Blob(3)]


class Unsaid(NamedTuple):
    serial: Annotated[bytes, "of the maker"]


def test_how_a_field_stands_on_the_wire_is_what_its_annotation_says_of_that():
    assert fields_of(Spoken) == (Field("serial", Blob(3)),)
    with pytest.raises(TypeError, match=r"Unsaid\.serial: annotation .* does not say how it stands on the wire"):
        fields_of(Unsaid)
