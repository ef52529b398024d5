"""What the fuzzers call: every decoder of bytes from outside, each with the promises that any input must leave whole.

An input's first byte chooses the target, the rest is its data. A target keeps nothing between two inputs, so that an
input found by a fuzzer breaks it again. WireError (and DriverError, of a file) is the one right way to refuse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from struct import unpack_from
from typing import Final, ParamSpec, TypeVar

from drivers.errors import DriverError
from drivers.smp_update import mcuboot_hash
from firmware_bridge import can_frame, damiao, ker
from firmware_bridge.errors import WireError
from firmware_bridge.exo_can import CanWire
from firmware_bridge.exo_messages import Channel, Param
from firmware_bridge.exo_sample import RAW_INPUTS, SampleReader
from firmware_bridge.exo_terms import MAX_BODY, MAX_FRAME, SAMPLE_TYPE, ChannelKind
from firmware_bridge.exo_wire import Sample, decode, encode, encode_sample
from firmware_bridge.framing import FrameReader, encode_frame
from firmware_bridge.iso_tp import MAX_QUEUED
from firmware_bridge.ker_stream import KerStream
from firmware_bridge.params import bounds_of, value_of
from firmware_bridge.samples import HEALTH_NOT_A_NUMBER, RawCounts
from firmware_bridge.update import read_image

P = ParamSpec("P")
T = TypeVar("T")
Target = Callable[[bytes], object]
_RATE_HZ: Final = 1000
_MS: Final = 1_000_000
CHANNELS: Final = tuple(Channel(n, n % 4, 1, 0, 32768 >> n % 2, 0, 0, f"j{n}") for n in range(8))
SCALES: Final = tuple(32768 // channel.counts_per_turn for channel in CHANNELS)
ONE_TURN: Final = (ChannelKind.ROTARY, ChannelKind.TRIGGER)
RANGES: Final = tuple(damiao.RANGES[model] for model in sorted(damiao.RANGES))
SCHEMAS: Final = (ker.SCHEMA_2_0_0, ker.SCHEMA_2_1_0)


def exo_message(data: bytes) -> None:
    """What is decoded is encoded again to the same bytes."""
    message = decode(data)
    again = encode_sample(message) if isinstance(message, Sample) else encode(message)
    assert again == data, f"{message}: {again.hex()} from {data.hex()}"
    if isinstance(message, Param):
        value_of(message)
        bounds_of(message)


def exo_serial(data: bytes) -> None:
    """However the stream is cut, the same bodies come out; what is kept is bounded; a frame after a zero is read."""
    if not data:
        return
    step, stream = data[0] % 64 + 1, data[1:]
    whole, cut = FrameReader(), FrameReader()
    bodies = whole.feed(stream)
    pieces: list[bytes] = []
    for at in range(0, len(stream), step):
        pieces += cut.feed(stream[at : at + step])
        assert len(cut._held) <= MAX_FRAME
    assert pieces == bodies
    assert cut.feed(b"\0" + encode_frame(b"\x05\x07"))[-1:] == [b"\x05\x07"]
    for body in bodies:
        _refusing(exo_message, body)


def exo_can(data: bytes) -> None:
    """Frames of one node in any order, with any pauses: bounded memory, and after them a whole message is read."""
    if not data:
        return
    wire = CanWire(1, fd=bool(data[0] & 1), is_board=bool(data[0] & 2))
    wire.expect(8, 2 + 2 * (data[0] >> 2 & 1))
    now_ns = 0
    for function, pause, frame in _frames(data[1:]):
        now_ns += pause * pause * _MS
        body = wire.feed(function << 4 | 1, frame, now_ns)
        if body is not None:
            assert 1 <= len(body) <= MAX_BODY
            _refusing(decode, body)
        for _, out in wire.poll(now_ns):
            assert len(out) <= 64
        assert len(wire._tp._received) <= MAX_BODY + 64
        assert len(wire._tp._queue) + len(wire._tp._outgoing) <= 2 * MAX_QUEUED
    now_ns += 2000 * _MS
    sender = CanWire(1, fd=wire.fd, is_board=not wire._is_board)
    heard = [wire.feed(can_id, frame, now_ns) for can_id, frame in sender.send(b"\x01", now_ns)]
    assert heard == [b"\x01"]


def exo_sample(data: bytes) -> None:
    """Whatever comes: each count is the reading, whole turns away, and within half a turn of the one before, or the one
    before itself where the encoder can not give such a reading; number and time only grow, over restarts, too."""
    reader = SampleReader(CHANNELS, 2)
    last: RawCounts | None = None
    for function, pause, frame in _frames(data):
        if function == 0:
            reader.restart()
        sample = reader.read(bytes((SAMPLE_TYPE,)) + frame, pause)
        if sample is None:
            continue
        raw = unpack_from("<8H", frame, 10)
        for n, (channel, scale, count, code) in enumerate(zip(CHANNELS, SCALES, sample.counts, raw)):
            modulo = channel.counts_per_turn if channel.kind in ONE_TURN else 1 << 16
            assert count % scale == 0, (channel, count)
            if code < modulo:
                assert (count // scale - code) % modulo == 0, (channel, count, code)
            else:
                assert last is None or count == last.counts[n], (channel, count, last.counts[n])
            assert (code >= modulo) == bool(sample.health[n] & HEALTH_NOT_A_NUMBER), (channel, code)
        if last is not None:
            for channel, scale, count, before in zip(CHANNELS, SCALES, sample.counts, last.counts):
                modulo = channel.counts_per_turn if channel.kind in ONE_TURN else 1 << 16
                assert abs(count - before) <= scale * modulo // 2, (channel, before, count)
            assert sample.seq > last.seq and sample.device_us >= last.device_us
        assert len(sample.health) == len(CHANNELS)
        assert sample.inputs == frame[8] & RAW_INPUTS
        last = sample


def exo_image(data: bytes) -> None:
    assert read_image(data).encode() == data


def mcuboot_image(data: bytes) -> None:
    assert len(mcuboot_hash(data)) == 32


def ker_ping(data: bytes) -> None:
    """A hub that can be served is served: its schema makes a codec, and that takes a frame of its own size."""
    found = ker.decode_ping_reply(data)
    if found is None:
        return
    schema, end = found
    assert 0 < end <= len(data)
    codec = ker.FrameCodec(schema)
    assert codec.frame_bytes <= 2 + ker.MAX_PAYLOAD_BYTES + 1
    frame = codec.decode_frame(ker.STREAM_HEADER + bytes(codec.frame_bytes - 2), 0)
    assert len(frame.counts) == len(frame.health)


def ker_stream(data: bytes) -> None:
    """Any bytes, however cut: bounded memory, and the numbers of what comes out only grow."""
    if len(data) < 2:
        return
    stream = KerStream(SCHEMAS[data[0] & 1], _RATE_HZ)
    step, left = data[1] % 64 + 1, data[2:]
    now_ns, last_seq, reboots = _MS, -1, 0
    for at in range(0, len(left), step):
        now_ns += data[0] * _MS
        for sample in stream.feed_all(left[at : at + step], now_ns):
            assert sample.seq > last_seq
            assert len(sample.counts) == len(sample.health) == stream.codec.channel_count
            last_seq = sample.seq
        assert len(stream._rest) < stream.codec.frame_bytes + 2
        assert stream.reboots >= reboots
        reboots = stream.reboots
    assert stream.received + stream.bad <= len(left)


def damiao_frame(data: bytes) -> None:
    """Every frame of a motor says numbers within its model's ranges, or is refused."""
    if not data:
        return
    ranges = RANGES[data[0] % len(RANGES)]
    frame = data[1:]
    _refusing(damiao.decode_register, frame)
    assert all(map(math.isfinite, _refusing(damiao.decode_mit, ranges, frame) or ()))
    feedback = damiao.decode_feedback(ranges, frame)
    damiao.is_register_answer(data[0], frame)
    assert abs(feedback.position_rad) <= ranges.p_max_rad
    assert abs(feedback.velocity_rad_s) <= ranges.v_max_rad_s
    assert abs(feedback.torque_nm) <= ranges.t_max_nm


def linux_can(data: bytes) -> None:
    """A packed frame is told whole, and packed again to what was told."""
    can_id, payload = can_frame.decode_frame(data)
    assert len(payload) <= 64
    if can_id <= 0x7FF and len(payload) <= 8:
        assert can_frame.decode_frame(can_frame.encode_frame(can_id, payload)) == (can_id, payload)


TARGETS: Final[tuple[Target, ...]] = (
    exo_message,
    exo_serial,
    exo_can,
    exo_sample,
    exo_image,
    mcuboot_image,
    ker_ping,
    ker_stream,
    damiao_frame,
    linux_can,
)


def run(data: bytes) -> bool:
    """One input. True where it was taken, False where it was refused; raises whatever is a fault of ours."""
    if not data:
        return False
    try:
        TARGETS[data[0] % len(TARGETS)](data[1:])
    except (WireError, DriverError) as error:
        assert str(error), "a refusal has words"
        return False
    return True


def _refusing(what: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T | None:
    try:
        return what(*arguments, **named)
    except WireError:
        return None


def _frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """A script of frames: function, pause, length, bytes."""
    at = 0
    while at + 3 <= len(data):
        length = data[at + 2] % 65
        yield data[at] % 0x48, data[at + 1], data[at + 3 : at + 3 + length]
        at += 3 + length
