"""The exo wire's frames at their edges: COBS and CAN byte for byte, what is counted and what is not."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from zlib import crc32

import pytest
from cobs import cobs

from firmware_bridge.errors import WireError
from firmware_bridge.exo_can import INPUT_STATES_SENT, CanWire, Function, identifier, sample_frames
from firmware_bridge.exo_messages import HostBeat, Log, Stream
from firmware_bridge.exo_terms import MAX_BODY, MAX_FRAME
from firmware_bridge.exo_wire import (
    Sample,
    decode,
    encode,
    encode_sample,
)
from firmware_bridge.framing import FrameReader, encode_frame, with_crc, without_crc

MS = 1_000_000

# -- framing


def test_a_crc_is_that_of_the_body_little_endian_and_no_other_is_believed():
    data = with_crc(b"\x12")
    assert data == b"\x12" + crc32(b"\x12").to_bytes(4, "little")
    assert without_crc(data) == b"\x12"
    assert without_crc(with_crc(b"abc")) == b"abc"
    for wrong in (b"", with_crc(b""), data[:-1], data[1:], b"\x13" + data[1:], bytes(5)):
        with pytest.raises(WireError, match=f"message of {len(wrong)} bytes"):
            without_crc(wrong)


def test_frames_are_counted_good_or_bad_and_empty_ones_are_neither():
    reader = FrameReader()
    good = encode_frame(b"\x12\x00\x13")
    assert good[-1] == 0 and cobs.decode(good[:-1]) == with_crc(b"\x12\x00\x13")
    assert reader.feed(b"\0\0" + good + b"\0" + good) == [b"\x12\x00\x13"] * 2
    assert (reader.received, reader.bad) == (2, 0)
    damaged = bytes((good[0], good[1] ^ 1)) + good[2:]
    assert reader.feed(damaged) == [] and (reader.received, reader.bad) == (2, 1)
    assert reader.feed(b"\x09\x01\0") == [] and (reader.received, reader.bad) == (2, 2)  # no COBS
    assert reader.feed(cobs.encode(with_crc(b"")) + b"\0") == []  # a right CRC over nothing
    assert (reader.received, reader.bad) == (2, 3)


def test_the_longest_frame_passes_a_longer_one_is_bad():
    longest = encode_frame(b"\x01" * (MAX_BODY - 4))
    assert len(longest) <= MAX_FRAME + 1
    reader = FrameReader()
    assert reader.feed(longest) == [b"\x01" * (MAX_BODY - 4)] and reader.bad == 0
    long = cobs.encode(with_crc(b"\x01" * (MAX_BODY - 3))) + b"\0"
    assert len(long) == MAX_FRAME + 2
    assert reader.feed(long) == [] and reader.bad == 1


@pytest.mark.parametrize("more", [0, 1])
def test_what_is_longer_than_a_frame_is_skipped_to_the_next_zero_and_counted_once(more):
    reader = FrameReader()
    good = encode_frame(b"\x12")
    assert reader.feed(b"\x01" * (MAX_FRAME + more)) == []
    assert (reader.bad, len(reader._held)) == (more, 0 if more else MAX_FRAME)
    assert reader.feed(good[:-1]) == []
    assert reader.feed(b"\0" + good) == [b"\x12"]
    assert reader.bad == 1


def test_what_follows_a_skipped_frame_in_the_same_chunk_is_read():
    reader = FrameReader()
    reader.feed(b"\x01" * (MAX_FRAME + 1))
    good = encode_frame(b"\x12")
    assert reader.feed(b"\x01" * 10 + b"\0" + good + good) == [b"\x12"] * 2
    assert (reader.bad, reader.received) == (1, 2)
    assert reader.feed(good) == [b"\x12"]


@pytest.mark.parametrize("junk", [b"\x05\x01", b"\x01" * (MAX_FRAME + 1)])
def test_a_reset_forgets_what_was_half_received(junk):
    reader = FrameReader()
    reader.feed(junk)
    reader.reset()
    bad = reader.bad
    assert reader.feed(encode_frame(b"\x12")) == [b"\x12"] and reader.bad == bad


# -- CAN


def sample_body(count=16, value=500, states=None, wide=False, inputs=0x43):
    counts = tuple(value + n for n in range(count))
    return encode_sample(Sample(0x1F7, 123456, inputs, counts, states or bytes(count), wide))


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 9, 16, 17, 64])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("told", [False, True])
def test_a_sample_in_classic_frames_comes_back(count, wide, told):
    states = bytes(n % 5 for n in range(1, count + 1)) if told else bytes(count)
    body = sample_body(count, states=states, wide=wide)
    frames = CanWire(2, is_board=True).send(body, 0)
    assert frames == sample_frames(body, 2)
    size = count * (4 if wide else 2)
    parts = -(-size // 8)
    state_parts = -(-count // 8) if any(states) else 0
    assert [can_id >> 4 for can_id, _ in frames] == [
        *range(0x10, 0x10 + parts),
        *range(0x30, 0x30 + state_parts),
        0x38,
    ]
    tail = frames[-1][1]
    assert tail[:6] == struct.pack("<IBB", 123456, 0xF7, 0x43 | (0x80 if any(states) else 0))
    wire = CanWire(2)
    wire.expect(count, 4 if wide else 2)
    found = [got for can_id, data in frames if (got := wire.feed(can_id, data, 0)) is not None]
    assert [(decode(got).counts, decode(got).states, decode(got).inputs, decode(got).seq) for got in found] == [
        (decode(body).counts, states, 0x43, 0xF7)
    ]
    assert (wire.received, wire.bad) == (1, 0)


def test_the_number_of_a_sample_is_followed_from_its_lowest_byte():
    wire = CanWire(2)
    wire.expect(1, 2)
    found = []
    for seq in (0x1F0, 0x1FF, 0x203, 0x2FF, 0x300):
        body = encode_sample(Sample(seq, 0, 0, (1,), bytes(1)))
        for can_id, data in sample_frames(body, 2):
            got = wire.feed(can_id, data, 0)
            if got is not None:
                found.append(decode(got).seq)
    assert found == [0xF0, 0xFF, 0x103, 0x1FF, 0x200]


def test_parts_that_the_shape_does_not_have_are_bad_and_whole_tails_only_are_read():
    wire = CanWire(2)
    wire.expect(4, 2)
    frames = sample_frames(sample_body(4, states=b"\x02" * 4), 2)
    assert [can_id >> 4 for can_id, _ in frames] == [0x10, 0x30, 0x38]
    assert wire.feed(identifier(0x11, 2), bytes(8), 0) is None and wire.bad == 1
    assert wire.feed(identifier(0x31, 2), bytes(8), 0) is None and wire.bad == 2
    assert wire.feed(frames[-1][0], frames[-1][1][:-1], 0) is None and wire.bad == 3
    for frame in frames:
        got = wire.feed(*frame, 0)
    assert got is not None and wire.bad == 3
    assert wire.feed(*frames[-1], 0) is None and wire.bad == 4, "its parts were used up"


def test_parts_beyond_whole_ones_are_bad_too_and_the_first_number_is_what_was_sent():
    wire = CanWire(2)
    wire.expect(8, 2)
    wire.feed(identifier(0x31, 2), bytes(8), 0)
    wire.feed(identifier(0x12, 2), bytes(8), 0)
    assert wire.bad == 2
    wire.expect(8, 2)
    body = encode_sample(Sample(0, 0, 0, (1,) * 8, bytes(8)))
    found = [got for frame in sample_frames(body, 2) if (got := wire.feed(*frame, 0)) is not None]
    assert found == [body]


@pytest.mark.parametrize("cut", ["counts", "states"])
def test_a_right_crc_over_parts_of_another_size_is_not_believed(cut):
    counts, states = bytes(7 if cut == "counts" else 8), b"\x02" * (3 if cut == "states" else 4)
    head = struct.pack("<IBB", 5, 6, INPUT_STATES_SENT)
    wire = CanWire(2)
    wire.expect(4, 2)
    wire.feed(identifier(0x10, 2), counts, 0)
    wire.feed(identifier(0x30, 2), states, 0)
    check = crc_hqx(counts + states + head, 0xFFFF)
    assert wire.feed(identifier(0x38, 2), head + check.to_bytes(2, "little"), 0) is None
    assert wire.bad == 1 and INPUT_STATES_SENT == 0x80


@pytest.mark.parametrize("count", [16, 17, 18])
def test_over_can_fd_a_sample_of_64_bytes_is_one_frame(count):
    body = sample_body(count)
    frames = CanWire(2, fd=True, is_board=True).send(body, 0)
    if len(body) - 1 <= 64:
        assert [can_id for can_id, _ in frames] == [0x392]
        (data,) = [data for _, data in frames]
        assert len(data) in (48, 64) and data == (body[1:] + bytes(64))[: len(data)]
        wire = CanWire(2, fd=True)
        assert wire.feed(0x392, data, 0) == body
        assert wire.feed(0x392, data[: len(body) - 2], 0) is None
        assert wire.feed(0x392, data[:9], 0) is None
        assert (wire.received, wire.bad) == (1, 2)
    else:
        assert len(frames) > 1
    assert len(CanWire(2, is_board=True).send(body, 0)) > 1


def test_a_wide_sample_in_one_fd_frame_comes_back():
    body = sample_body(10, wide=True, states=bytes([7] * 10))
    frames = CanWire(2, fd=True, is_board=True).send(body, 0)
    assert [CanWire(2, fd=True).feed(*frame, 0) for frame in frames] == [body]


def test_exactly_64_bytes_of_a_sample_fit_one_frame():
    body = sample_body(18)
    assert len(body) - 1 == 64
    assert len(CanWire(2, fd=True).send(body, 0)) == 1
    body = encode_sample(Sample(0, 0, 0, (0,) * 11, bytes(11), True))
    assert len(body) - 1 == 65
    assert len(CanWire(2, fd=True).send(body, 0)) > 1


@pytest.mark.parametrize(("node", "good"), [(0, False), (1, True), (15, True), (16, False)])
def test_nodes_are_1_to_15(node, good):
    if good:
        assert identifier(0x44, node) == 0x440 | node and CanWire(node).node == node
        return
    for make in (lambda: identifier(0x44, node), lambda: CanWire(node)):
        with pytest.raises(WireError, match=f"CAN node {node}; expected 1 to 15"):
            make()


def test_messages_with_their_own_identifier_go_alone_others_by_iso_tp_with_a_crc():
    host, board = CanWire(3), CanWire(3, is_board=True)
    beat = encode(HostBeat(9, 1))
    assert host.send(beat, 0) == [(0x423, beat[1:])]
    assert board.feed(0x423, beat[1:], 0) == beat
    assert host.feed(0x423, beat[1:], 0) is None, "its own kind is not for it"
    stream = encode(Stream(500))
    frames = host.send(stream, 0)
    assert frames == [(0x443, bytes((7,)) + with_crc(stream))]
    assert board.feed(*frames[0], 0) == stream
    assert host.feed(*frames[0], 0) is None and host.bad == 0 and host.received == 0
    assert board.send(stream, 0) == [(0x453, bytes((7,)) + with_crc(stream))]
    assert host.feed(0x453, bytes((7,)) + with_crc(stream), 0) == stream
    assert (host.received, board.received) == (1, 2)


def test_what_is_damaged_is_counted_whatever_it_was():
    wire = CanWire(3)
    assert wire.feed(0x453, b"\x07abcdefg", 0) is None and wire.bad == 1  # CRC
    assert wire.feed(0x453, b"\x40", 0) is None and wire.bad == 2  # ISO-TP
    wire.expect(4, 2)
    wire.feed(0x383, bytes(9), 0)
    assert wire.feed(0x383, b"", 0) is None and wire.bad == 4  # a tail
    assert wire.feed(0x393, b"", 0) is None and wire.bad == 5
    assert wire.received == 0


def test_samples_before_their_shape_is_known_and_frames_of_others_are_passed_over():
    wire = CanWire(3)
    for can_id, data in sample_frames(sample_body(4), 3):
        assert wire.feed(can_id, data, 0) is None
    wire.expect(4, 2)
    for can_id, data in sample_frames(sample_body(4), 4):
        assert wire.feed(can_id, data, 0) is None
    for can_id in (0x8383, 0x803, 0x463, 0x7F3, 0x073):
        assert wire.feed(can_id, bytes(8), 0) is None
    assert (wire.bad, wire.received) == (0, 0)


def test_a_long_message_over_can_goes_out_as_the_other_end_takes_it():
    host, board = CanWire(3), CanWire(3, is_board=True)
    body = encode(Log(1, 2, 1, "x" * 60))
    frames = board.send(body, 0)
    assert len(frames) == 1 and not board.is_idle
    assert host.feed(*frames[0], 0) is None
    (flow,) = host.poll(0)
    assert flow[0] == 0x443 and host.is_idle
    board.feed(*flow, 0)
    found = [got for frame in board.poll(0) if (got := host.feed(*frame, 0)) is not None]
    assert found == [body] and board.is_idle


def test_every_function_has_its_identifier():
    assert {function.name: int(function) for function in Function} == {
        "FAULT": 0x08,
        "SAMPLE_COUNTS": 0x10,
        "SAMPLE_STATES": 0x30,
        "SAMPLE_TAIL": 0x38,
        "SAMPLE_WHOLE": 0x39,
        "TIME_GET": 0x40,
        "TIME": 0x41,
        "HOST_BEAT": 0x42,
        "BOARD_BEAT": 0x43,
        "TO_BOARD": 0x44,
        "TO_HOST": 0x45,
    }
