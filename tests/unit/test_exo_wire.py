"""The Python codec: framing, samples, CAN, ISO-TP, handshake, parameters."""

from __future__ import annotations

import random
import struct

import pytest

from firmware_bridge.errors import WireError
from firmware_bridge.exo_can import CanWire, Function, identifier
from firmware_bridge.exo_messages import Channel, Hello, Log, Param, Stream, UpdateData
from firmware_bridge.exo_sample import SampleReader
from firmware_bridge.exo_terms import MAX_BODY, MAX_FRAME, MAX_UPDATE_DATA, ChannelKind, ParamKind, SampleStatus
from firmware_bridge.exo_wire import ForeignWireError, Sample, decode, encode, encode_sample
from firmware_bridge.framing import FrameReader, encode_frame
from firmware_bridge.handshake import Board, Expected, check_board, check_dictionary, dictionary_crc32
from firmware_bridge.iso_tp import MAX_QUEUED, TIMEOUT_NS, TpLink
from firmware_bridge.params import bits_of, compare, value_of
from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_MISSING, INPUT_HAS_ENABLE, INPUT_HAS_ESTOP

CHANNELS = tuple(Channel(n, ChannelKind.ROTARY, 1, 0, 32768, -9000, 9000, f"j{n}") for n in range(4))


def hello(**changes: int | str) -> Hello:
    crc = dictionary_crc32(CHANNELS)
    return Hello(1, "EMU-1", "make", "type", "1.2.3", 4, 2, 12, 3, 1000, 0, 0, crc, 1)._replace(**changes)  # type: ignore[arg-type]


# -- framing


def test_frames_are_found_in_any_chunks() -> None:
    bodies = [encode(Stream(rate)) for rate in range(100)] + [encode(Log(1, 2, 1, "x" * 96))]
    stream = b"".join(map(encode_frame, bodies))
    for size in (1, 2, 3, 7, 64, 1000, len(stream)):
        reader = FrameReader()
        found = [body for at in range(0, len(stream), size) for body in reader.feed(stream[at : at + size])]
        assert found == bodies
        assert reader.bad == 0


def test_whatever_came_before_the_frame_after_the_next_zero_is_read() -> None:
    rng = random.Random(5)
    good = encode_frame(encode(Stream(500)))
    for _ in range(300):
        reader = FrameReader()
        reader.feed(rng.randbytes(rng.randint(0, 3 * MAX_FRAME)))
        found = reader.feed(b"\0" + good)
        assert found[-1:] == [encode(Stream(500))]


def test_a_damaged_byte_costs_the_frame_and_at_most_its_neighbour() -> None:
    bodies = [encode(Stream(rate)) for rate in range(1, 6)]
    stream = b"".join(map(encode_frame, bodies))
    for at in range(len(stream)):
        for bit in range(8):
            damaged = bytearray(stream)
            damaged[at] ^= 1 << bit
            found = FrameReader().feed(bytes(damaged))
            assert len(found) >= len(bodies) - 2
            assert all(body in bodies for body in found)


def test_an_endless_frame_is_thrown_away_and_memory_stays_bounded() -> None:
    reader = FrameReader()
    for _ in range(1000):
        assert reader.feed(b"\x01" * 1000) == []
        assert len(reader._held) <= MAX_FRAME
    assert reader.bad == 1
    assert reader.feed(b"\0" + encode_frame(b"\x12")) == [b"\x12"]


def test_a_body_that_no_frame_may_carry_is_refused() -> None:
    encode_frame(bytes(MAX_BODY - 4))
    with pytest.raises(WireError, match="expected at most"):
        encode_frame(bytes(MAX_BODY - 3))


# -- messages


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\x03",
        b"\x03\x01\x00\x00",
        b"\x03\xff\xff",  # rate above the limit
        b"\x02\x40",  # channel 64
        b"\x83" + bytes(10),  # no channel
        b"\x83" + bytes(9) + b"\x02" + bytes(5),  # cut
        b"\x83" + bytes(9) + b"\x7f" + bytes(381),  # 127 channels
        b"\x88" + bytes(9) + b"\xff",  # not ASCII
        b"\x88" + bytes(9) + b"a" * 97,  # longer than its limit
        b"\xff",
    ],
)
def test_hostile_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        decode(body)


@pytest.mark.parametrize(
    "message",
    [Stream(-1), Stream(5000), Log(0, 0, 0, "ü"), Log(0, 0, 0, "a" * 97), UpdateData(0, bytes(MAX_UPDATE_DATA + 8))],
)
def test_what_the_wire_cannot_carry_is_not_encoded(message: Stream) -> None:
    with pytest.raises(WireError, match="expected"):
        encode(message)


def test_the_hello_of_another_version_names_the_board_and_the_remedy() -> None:
    body = bytearray(encode(hello()))
    body[1] = 2
    with pytest.raises(ForeignWireError, match=r"EMU-1 \(firmware 1\.2\.3\) speaks wire version 2; expected 1; flash"):
        decode(bytes(body) + b"more fields")


# -- samples


def sample(seq: int, us: int, counts: tuple[int, ...], states: bytes = bytes(4), inputs: int = 0) -> bytes:
    return encode_sample(Sample(seq, us, inputs, counts, states))


def test_counts_pass_the_edge_of_a_turn_and_come_back() -> None:
    reader = SampleReader(CHANNELS, 2)
    seen = []
    for n, count in enumerate((32760, 32767, 3, 10000, 25000, 32762, 100, 32760)):
        got = reader.read(sample(n, 1000 * n, (count, 0, 0, 0)), n)
        assert got is not None
        seen.append(got.counts[0])
    assert seen == [32760, 32767, 32771, 42768, 57768, 65530, 65636, 65528]


def test_samples_that_are_only_counted_change_nothing_of_the_newest() -> None:
    """A loop that finds several decodes the last: the joint goes over the edge among those it skips."""
    every, newest = SampleReader(CHANNELS, 2), SampleReader(CHANNELS, 2)
    wide = 7  # times, of which one is decoded
    for n in range(0, 210):
        body = sample(n, 1000 * n, ((500 * n) % 32768, (-300 * n) % 32768, 0, 0), bytes((0, 0, n % 3, 0)))
        wanted = every.read(body, n)
        assert newest.take(body)
        if n % wide == 0:
            assert newest.decode(body, n) == wanted
    assert wanted is not None and wanted.counts[0] > 3 * 32768
    assert (newest.received, newest.lost, newest.bad) == (every.received, every.lost, every.bad)


def test_a_board_that_starts_anew_goes_on_from_the_turn_it_was_in() -> None:
    reader = SampleReader(CHANNELS, 2)
    for n, count in enumerate((32000, 100)):
        reader.read(sample(n, 1000 * n, (count, 0, 0, 0)), n)
    reader.restart()
    got = reader.read(sample(0, 77, (300, 0, 0, 0)), 9)
    assert got is not None and got.counts[0] == 32768 + 300
    assert got.seq == 2 and got.device_us > 1000


def test_sequence_and_clock_wrap_and_losses_are_counted() -> None:
    reader = SampleReader(CHANNELS, 2)
    first = reader.read(sample(0xFFFF_FFFE, 0xFFFF_FF00, (0,) * 4), 0)
    second = reader.read(sample(3, 0x100, (0,) * 4), 0)
    assert first is not None and second is not None
    assert second.seq - first.seq == 5 and reader.lost == 4
    assert second.device_us - first.device_us == 0x200
    assert reader.read(sample(3, 0x100, (0,) * 4), 0) is None, "a repeated sample"
    assert reader.read(sample(1, 0x80, (0,) * 4), 0) is None, "an older sample"
    assert reader.bad == 2


def test_status_and_age_become_health() -> None:
    states = bytes((0x40, 0x50, SampleStatus.DEVICE_ERROR, 0xF0 | SampleStatus.NEVER))
    got = SampleReader(CHANNELS, 2).read(sample(0, 0, (0,) * 4, states), 0)
    assert got is not None
    assert got.health == (0, HEALTH_MISSING, HEALTH_DEVICE_ERROR, HEALTH_MISSING)


def test_samples_of_another_shape_are_counted_and_dropped() -> None:
    reader = SampleReader(CHANNELS, 2)
    for body in (
        encode_sample(Sample(0, 0, 0, (1, 2, 3), bytes(3))),
        encode_sample(Sample(0, 0, 0, (1, 2, 3, 4), bytes(4), True)),
        sample(0, 0, (1, 2, 3, 4)) + b"x",
    ):
        assert reader.read(body, 0) is None
    assert reader.bad == 3


def test_channels_of_fewer_counts_are_scaled_to_one_scale() -> None:
    mixed = (CHANNELS[0], CHANNELS[1]._replace(counts_per_turn=4096))
    reader = SampleReader(mixed, 2)
    assert reader.counts_per_turn == 32768
    got = reader.read(encode_sample(Sample(0, 0, 0, (100, 100), bytes(2))), 0)
    assert got is not None and got.counts == (100, 800)
    with pytest.raises(WireError, match=r"channel j1: 1000 counts per turn; expected a divisor of 32768"):
        SampleReader((CHANNELS[0], CHANNELS[1]._replace(counts_per_turn=1000)), 2)


def test_a_channel_of_many_turns_is_signed() -> None:
    reader = SampleReader((CHANNELS[0]._replace(kind=ChannelKind.ROTARY_MULTI),), 4)
    got = reader.read(encode_sample(Sample(0, 0, 0, (0xFFFF_FF00,), bytes(1), True)), 0)
    assert got is not None and got.counts == (-256,)


# -- CAN


def frames_of(seq: int, count: int, states: bytes = bytes(16)) -> list[tuple[int, bytes]]:
    body = encode_sample(Sample(seq, seq * 1000, 0, (count,) * 16, states))
    return CanWire(2, is_board=True).send(body, 0)


def fed(frames: list[tuple[int, bytes]]) -> tuple[list[bytes], int]:
    wire = CanWire(2)
    wire.expect(16, 2)
    bodies = [body for can_id, data in frames if (body := wire.feed(can_id, data, 0)) is not None]
    return bodies, wire.bad


def test_a_sample_missing_any_part_is_not_believed() -> None:
    states = bytes([3] * 16)
    for states_sent in (bytes(16), states):
        whole = frames_of(1, 500, states_sent)
        for missing in range(len(whole)):
            bodies, bad = fed(whole[:missing] + whole[missing + 1 :] + frames_of(2, 600))
            assert bodies[-1][1] == 2, "the sample after it is read"
            assert len(bodies) == 1 and bad <= 1


def test_parts_of_two_samples_never_make_one() -> None:
    first, second = frames_of(1, 500), frames_of(2, 600)
    for at in range(1, len(first)):
        bodies, bad = fed(first[:at] + second[at:])
        assert bodies == [] and bad == 1, at


def test_can_frames_of_others_are_passed_over() -> None:
    wire = CanWire(2)
    for can_id in (0x123, identifier(Function.TIME, 3), identifier(Function.HOST_BEAT, 2), 0x8000_0000 | 0x412):
        assert wire.feed(can_id, bytes(8), 0) is None
    assert wire.received == 0
    with pytest.raises(WireError, match="node 16"):
        CanWire(16)


def test_iso_tp_refuses_what_is_out_of_order_too_long_or_too_late() -> None:
    link = TpLink()
    assert link.feed(b"", 0) is None
    assert link.feed(bytes((0x21, 1, 2)), 0) is None  # nothing was begun
    assert link.feed(bytes((0x1F, 0xFF, 1, 2, 3, 4, 5, 6)), 0) is None  # 4095 bytes
    assert link.frames(0) == [bytes((0x32, 0, 0))], "overflow is told"
    first = bytes((0x10, 20, *range(6)))
    link.feed(first, 0)
    assert link.frames(0) == [bytes((0x30, 0, 0))]
    assert link.feed(bytes((0x22, *range(7))), 0) is None  # index 2 where 1 is due
    link.feed(first, 0)
    assert link.feed(bytes((0x21, *range(7))), TIMEOUT_NS + 1) is None
    link.feed(first, 0)
    assert link.feed(bytes((0x21, *range(6, 13))), 1) is None
    assert link.feed(bytes((0x22, *range(13, 20))), 2) == bytes(range(20))
    assert link.bad == 5


def test_iso_tp_obeys_flow_control_and_gives_up_in_time() -> None:
    link = TpLink()
    link.send(bytes(40))
    assert link.frames(0) == [bytes((0x10, 40)) + bytes(6)]
    assert link.frames(1000) == []
    link.feed(bytes((0x31, 0, 0)), 2000)  # wait
    assert link.frames(3000) == []
    link.feed(bytes((0x30, 2, 5)), 10_000)  # two frames, 5 ms apart
    assert [frame[0] for frame in link.frames(10_000)] == [0x21]
    assert link.frames(4_000_000) == []
    assert [frame[0] for frame in link.frames(5_100_000)] == [0x22]
    assert link.frames(50_000_000) == [] and not link.is_idle
    assert link.frames(50_000_000 + 2 * TIMEOUT_NS) == [] and link.is_idle
    assert link.bad == 1
    for _ in range(MAX_QUEUED):
        link.send(b"x")
    with pytest.raises(WireError, match="is the other end listening"):
        link.send(b"x")


# -- handshake


def test_a_board_is_what_the_rig_file_says() -> None:
    board = Board(hello(), CHANNELS)
    check_dictionary(board)
    check_board(board, Expected({0: "j0", 3: "j3"}, 1000, "EMU-1"))


@pytest.mark.parametrize(
    ("needed", "words"),
    [
        (INPUT_HAS_ENABLE, "has no enable switch; expected one, as leader.enable_switch is 'required' in the rig file"),
        (INPUT_HAS_ESTOP, "has no emergency stop; expected one, as leader.emergency_stop is 'required' in the rig"),
    ],
)
def test_a_board_without_a_required_switch_is_refused(needed: int, words: str) -> None:
    both = INPUT_HAS_ENABLE | INPUT_HAS_ESTOP
    expected = Expected({0: "j0"}, 1000, "EMU-1", needed)
    check_board(Board(hello(inputs=both), CHANNELS), expected)
    check_board(Board(hello(inputs=needed), CHANNELS), expected)
    with pytest.raises(WireError, match=words):
        check_board(Board(hello(inputs=both & ~needed), CHANNELS), expected)


@pytest.mark.parametrize(
    ("board", "words"),
    [
        (Board(hello(dictionary_crc32=1), CHANNELS), "dictionary CRC"),
        (Board(hello(), CHANNELS[:3]), "dictionary of 3 channels, HELLO says 4"),
        (Board(hello(count_bytes=3), CHANNELS), "counts of 3 bytes"),
    ],
)
def test_a_dictionary_that_is_not_whole_is_refused(board: Board, words: str) -> None:
    with pytest.raises(WireError, match=words):
        check_dictionary(board)


# -- parameters


def param(kind: ParamKind, value: float, lower: float, upper: float) -> Param:
    letter = {ParamKind.F32: "f", ParamKind.I32: "i"}.get(kind, "I")
    bits = [
        struct.unpack("<I", struct.pack("<" + letter, x if letter == "f" else int(x)))[0] for x in (value, lower, upper)
    ]
    return Param(0, kind, 1, 0, bits[0], bits[1], bits[2], bits[0], "gain", "N")


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (param(ParamKind.F32, 0.5, -1.0, 1.0), (1.01, float("nan"), float("-inf"))),
        (param(ParamKind.I32, -5, -10, 10), (11, -11, 0.5)),
        (param(ParamKind.U32, 5, 0, 4_000_000_000), (-1, 4_000_000_001)),
        (param(ParamKind.BOOL, 1, 0, 1), (2, 0.5)),
    ],
)
def test_parameters_keep_their_bounds(made: Param, wrong: tuple[float, ...]) -> None:
    assert bits_of(made, value_of(made)) == made.value
    for value in wrong:
        with pytest.raises(WireError, match="gain"):
            bits_of(made, value)


def test_a_difference_names_both_values_and_an_unknown_name_its_neighbour() -> None:
    params = [param(ParamKind.F32, 0.1, -1, 1)]
    assert compare(params, {"gain": 0.1}) == []
    (difference,) = compare(params, {"gain": 0.25})
    assert difference.words == "parameter gain: 0.1 N on the board, 0.25 N in the rig file"
    with pytest.raises(WireError, match="did you mean 'gain'"):
        compare(params, {"gian": 0.1})
