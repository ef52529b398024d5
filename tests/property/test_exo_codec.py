"""What holds for any bytes and any messages of the exo wire."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.errors import WireError
from firmware_bridge.exo_can import CanWire, sample_frames
from firmware_bridge.exo_fields import Blob, FieldKind, Scalar, Text, TextTail
from firmware_bridge.exo_messages import TYPES, Channel, Message, fields_of
from firmware_bridge.exo_sample import SampleReader
from firmware_bridge.exo_terms import MAX_BODY, MAX_FRAME, ChannelKind
from firmware_bridge.exo_wire import Sample, decode, encode, encode_sample
from firmware_bridge.framing import FrameReader, encode_frame
from firmware_bridge.iso_tp import TpLink


def values(kind: FieldKind) -> st.SearchStrategy[Any]:
    if isinstance(kind, Scalar):
        return st.integers(kind.lower, kind.upper)
    if isinstance(kind, Text | TextTail):
        limit = kind.size if isinstance(kind, Text) else kind.limit
        return st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=limit)
    if isinstance(kind, Blob):
        return st.binary(min_size=kind.size, max_size=kind.size)
    return st.binary(max_size=kind.limit)


def message_of(cls: type[Message]) -> st.SearchStrategy[Message]:
    return st.tuples(*[values(field.kind) for field in fields_of(cls)]).map(lambda row: cls(*row))


messages = st.sampled_from(list(TYPES.values())).flatmap(message_of)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    channels = draw(st.integers(1, 64))
    is_wide = draw(st.booleans())
    top = 0xFFFF_FFFF if is_wide else 0xFFFF
    counts = tuple(draw(st.lists(st.integers(0, top), min_size=channels, max_size=channels)))
    states = draw(st.one_of(st.just(bytes(channels)), st.binary(min_size=channels, max_size=channels)))
    u32 = st.integers(0, 0xFFFF_FFFF)
    return Sample(draw(u32), draw(u32), draw(st.integers(0, 127)), counts, states, is_wide)


@given(messages)
def test_every_message_comes_back_as_it_was(message: Message) -> None:
    body = encode(message)
    assert len(body) + 4 <= MAX_BODY
    assert decode(body) == message
    assert FrameReader().feed(encode_frame(body)) == [body]


@given(samples())
def test_every_sample_comes_back_as_it_was_on_every_line(sample: Sample) -> None:
    body = encode_sample(sample)
    assert decode(body) == sample
    for fd in (False, True):
        wire = CanWire(9, fd=fd)
        wire.expect(len(sample.counts), 4 if sample.is_wide else 2)
        got = [
            b for can_id, data in CanWire(9, fd=fd, is_board=True).send(body, 0) if (b := wire.feed(can_id, data, 0))
        ]
        (came,) = got
        other = decode(came)
        assert isinstance(other, Sample)
        assert other[1:] == sample[1:] and (other.seq - sample.seq) & 0xFF == 0


@given(st.binary(max_size=MAX_BODY))
def test_any_body_is_a_message_that_encodes_to_it_or_is_refused(body: bytes) -> None:
    try:
        message = decode(body)
    except WireError:
        return
    assert (encode_sample(message) if isinstance(message, Sample) else encode(message)) == body


@given(st.lists(st.binary(max_size=MAX_FRAME * 2), max_size=12), messages)
def test_after_any_noise_and_a_zero_the_next_frame_is_read(noise: list[bytes], message: Message) -> None:
    reader = FrameReader()
    for chunk in noise:
        reader.feed(chunk)
        assert len(reader._held) <= MAX_FRAME
    reader.feed(b"\0")
    assert reader.feed(encode_frame(encode(message))) == [encode(message)]


@given(st.lists(st.tuples(st.integers(0, 0xFFFF_FFFF), st.binary(max_size=64), st.integers(0, 10**10)), max_size=60))
def test_no_frames_on_a_bus_break_the_reader_or_make_it_grow(frames: list[tuple[int, bytes, int]]) -> None:
    wire = CanWire(1)
    wire.expect(16, 2)
    for can_id, data, now_ns in frames:
        body = wire.feed(can_id & 0x7F0 | 1, data, now_ns)
        assert body is None or len(body) <= 65
        assert len(wire.poll(now_ns)) <= MAX_BODY
        assert len(wire._tp._received) <= MAX_BODY + 64


@given(st.binary(min_size=1, max_size=MAX_BODY), st.booleans(), st.integers(0, 20), st.sampled_from([0, 1, 0xF1, 0x7F]))
def test_any_message_crosses_iso_tp_under_any_flow_control(body: bytes, fd: bool, block: int, gap: int) -> None:
    sender, receiver = TpLink(fd=fd), TpLink(fd=fd, block_size=block)
    sender.send(body)
    now_ns = 0
    came = None
    while came is None:
        for frame in sender.frames(now_ns):
            came = receiver.feed(frame, now_ns) or came
        for frame in receiver.frames(now_ns):
            sender.feed(bytes((*frame[:2], gap)), now_ns)
        now_ns += 130_000_000
        assert now_ns < 130_000_000 * 200
    assert came == body
    assert sender.bad == receiver.bad == 0


@given(
    st.sampled_from([512, 1000, 4096, 16384, 32768, 65536]),
    st.lists(st.tuples(st.integers(-20000, 20000), st.integers(-20000, 20000)), min_size=1, max_size=40),
)
@settings(max_examples=200)
def test_counts_follow_any_walk_of_less_than_half_a_turn_a_sample(turn: int, walk: list[tuple[int, int]]) -> None:
    channels = [Channel(n, ChannelKind.ROTARY, 1, 0, turn, 0, 0, f"j{n}") for n in range(2)]
    reader = SampleReader(channels, 2)
    at = [turn // 3, turn // 2]
    for seq, steps in enumerate(walk):
        at = [here + (step % (turn - 1)) - (turn - 1) // 2 for here, step in zip(at, steps)] if seq else at
        body = encode_sample(Sample(seq, seq, 0, tuple(here % turn for here in at), bytes(2)))
        got = reader.read(body, 0)
        assert got is not None
        assert list(got.counts) == at


@given(samples(), st.data())
def test_a_flipped_bit_in_any_part_of_a_sample_is_caught(sample: Sample, data: st.DataObject) -> None:
    frames = sample_frames(encode_sample(sample), 1)
    index = data.draw(st.integers(0, len(frames) - 1))
    can_id, part = frames[index]
    bit = data.draw(st.integers(0, 8 * len(part) - 1))
    damaged = bytearray(part)
    damaged[bit // 8] ^= 1 << bit % 8
    frames[index] = (can_id, bytes(damaged))
    wire = CanWire(1)
    wire.expect(len(sample.counts), 4 if sample.is_wide else 2)
    assert [wire.feed(can_id, part, 0) for can_id, part in frames] == [None] * len(frames)
