"""The KER codec on any schema, any chunks, any noise."""

from __future__ import annotations

import math
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import ker
from firmware_bridge.errors import WireError
from firmware_bridge.ker import Field, FrameCodec, Schema
from firmware_bridge.ker_stream import KerStream

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,13}", fullmatch=True).filter(
    lambda key: key not in ("timestamp", "seq", "angles", "angles_cd", "errors", "error_mask")
)


@st.composite
def schemas(draw):
    channels = draw(st.integers(1, 16))
    fields = [Field("timestamp", ker.U32, 1)]
    fields.append(draw(st.sampled_from([Field("angles", ker.F32, channels), Field("angles_cd", ker.I16, channels)])))
    if draw(st.booleans()):
        fields.append(Field("seq", ker.U32, 1))
    fields += draw(st.sampled_from([[], [Field("errors", ker.BOOL, channels)], [Field("error_mask", ker.U16, 1)]]))
    extra = draw(st.dictionaries(KEYS, st.tuples(st.integers(0, 6), st.integers(1, 9)), max_size=4))
    fields += [Field(key, kind, count) for key, (kind, count) in extra.items()]
    text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12).map(str.strip)
    return Schema(draw(text), draw(text), draw(text), tuple(draw(st.permutations(fields))))


LIMITS = {
    ker.U32: st.integers(0, 2**32 - 1),
    ker.U16: st.integers(0, 2**16 - 1),
    ker.U8: st.integers(0, 255),
    ker.I32: st.integers(-(2**31), 2**31 - 1),
    ker.I16: st.integers(-(2**15), 2**15 - 1),
    ker.F32: st.floats(width=32),
    ker.BOOL: st.booleans(),
}


@st.composite
def schema_and_values(draw):
    schema = draw(schemas())
    values = {f.key: draw(st.lists(LIMITS[f.type], min_size=f.length, max_size=f.length)) for f in schema.fields}
    return schema, values


@given(schema_and_values())
@settings(max_examples=150, deadline=None)
def test_what_a_hub_announces_and_sends_is_what_is_read(case):
    schema, values = case
    assert ker.decode_ping_reply(ker.encode_ping_reply(schema)) == (schema, 47 + 18 * len(schema.fields))
    codec = FrameCodec(schema)
    frame = codec.encode_frame([value for field in schema.fields for value in values[field.key]])
    assert len(frame) == codec.frame_bytes and codec.is_whole(frame, 0)
    decoded = codec.decode_frame(frame)
    assert decoded.timestamp_us == values["timestamp"][0]
    assert decoded.seq == values.get("seq", [0])[0]
    if "angles_cd" in values:
        assert list(decoded.counts) == values["angles_cd"]
    for n, angle in enumerate(values.get("angles", ())):
        is_angle = math.isfinite(angle) and abs(angle) <= ker.MAX_ANGLE_DEG
        assert bool(decoded.health[n] & 2) == (not is_angle)
        assert decoded.counts[n] == (round(angle * (2**21 / 360)) if is_angle else 0)
    for n in range(codec.channel_count):
        in_error = values["errors"][n] if "errors" in values else values.get("error_mask", [0])[0] >> n & 1
        assert bool(decoded.health[n] & 1) == bool(in_error)


@given(st.binary(max_size=400), st.integers(0, 32), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_ping_reply_of_any_bytes_is_read_awaited_or_refused(noise, fields, plausible):
    head = struct.pack("<16s16s12sB", b"2.0.0", b"hw", b"2026", fields) if plausible else b""
    try:
        reply = ker.decode_ping_reply(ker.PING_HEADER + head + noise)
    except WireError as error:
        assert str(error)
        return
    if reply is not None:
        schema, end = reply
        assert FrameCodec(schema).frame_bytes <= ker.MAX_PAYLOAD_BYTES + 3
        assert end <= len(head) + len(noise) + 2


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_chunks_and_noise_between_frames_lose_none(data):
    codec = FrameCodec(data.draw(st.sampled_from([ker.SCHEMA_2_0_0, ker.SCHEMA_2_1_0])))
    wire = b""
    for n in range(12):
        # Noise may make false headers and cost bytes, but no frame. (The first is believed by the next one's header.)
        wire += data.draw(st.binary(max_size=60)) if n != 1 else b""
        head = (n * 1000, n, 0) if codec.has_seq else (n * 1000,)
        tail = (0, False) if codec.has_seq else (False,) * 16
        wire += codec.encode_frame((*head, *[n] * 16, *tail))
    wire += bytes(codec.frame_bytes)
    all_at_once = KerStream(codec.schema, 1000)
    wanted = [sample[1:] for sample in all_at_once.feed_all(wire, 0)]
    assert all_at_once.received >= 12  # noise may by chance be a frame, but hides none
    stream = KerStream(codec.schema, 1000)
    got = []
    while wire:
        size = data.draw(st.integers(1, 200))
        got += [sample[1:] for sample in stream.feed_all(wire[:size], 0)]
        assert len(stream._rest) < codec.frame_bytes
        wire = wire[size:]
    assert got == wanted
    assert (stream.received, stream.bad, stream.lost) == (all_at_once.received, all_at_once.bad, all_at_once.lost)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 10**9)), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_numbers_and_times_give_rising_samples_and_bounded_losses(frames):
    codec = FrameCodec(ker.SCHEMA_2_1_0)
    stream = KerStream(codec.schema, 1000)
    now, seq, passed_us = 0, -1, 0
    for us, number, wait_ns in frames:
        now += wait_ns
        passed_us += wait_ns // 1000
        for sample in stream.feed_all(codec.encode_frame((us, number, 0, *[1] * 16, 0, False)), now):
            assert sample.seq > seq and sample.device_us >= 0
            seq = sample.seq
    # Never the 4 billion that a restart's numbers would suggest.
    assert stream.lost <= (passed_us + 1_000_000 * len(frames)) / 1000 * 1.6 + 51 * len(frames)
