"""The C reference and the Python codec say the same bytes, both ways."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from firmware_bridge.errors import WireError
from firmware_bridge.exo_can import CanWire, Function
from firmware_bridge.exo_fields import Blob, BlobTail, FieldKind, Scalar, Text, TextTail
from firmware_bridge.exo_messages import TYPES, Message, fields_of
from firmware_bridge.exo_terms import MAX_BODY, MAX_FRAME, SAMPLE_TYPE
from firmware_bridge.exo_wire import Sample, decode, encode, encode_sample
from firmware_bridge.framing import FrameReader, encode_frame
from tests.mcu import Harness, build_harness

SEED = 20240611


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    harness = Harness(build_harness(tmp_path_factory.mktemp("mcu")))
    yield harness
    harness.close()


def random_value(rng: random.Random, kind: FieldKind) -> Any:
    if isinstance(kind, Scalar):
        return rng.choice([kind.lower, kind.upper, rng.randint(kind.lower, kind.upper)])
    if isinstance(kind, Text | TextTail):
        limit = kind.size if isinstance(kind, Text) else kind.limit
        return "".join(chr(rng.randint(0x20, 0x7E)) for _ in range(rng.choice([0, 1, limit, rng.randint(0, limit)])))
    limit = kind.size if isinstance(kind, Blob) else rng.choice([0, 1, kind.limit, rng.randint(0, kind.limit)])
    return rng.randbytes(limit)


def random_message(rng: random.Random, cls: type[Message]) -> Message:
    return cls(*[random_value(rng, field.kind) for field in fields_of(cls)])


def random_sample(rng: random.Random, channels: int | None = None) -> Sample:
    n = channels or rng.randint(1, 64)
    wide = rng.random() < 0.3
    top = 0xFFFF_FFFF if wide else 0xFFFF
    states = bytes(rng.randint(0, 255) for _ in range(n)) if rng.random() < 0.5 else bytes(n)
    counts = tuple(rng.choice([0, top, rng.randint(0, top)]) for _ in range(n))
    return Sample(rng.randint(0, 0xFFFF_FFFF), rng.randint(0, 0xFFFF_FFFF), rng.randint(0, 63), counts, states, wide)


@pytest.mark.parametrize("number", TYPES)
def test_c_reads_and_writes_every_message_as_python_does(c: Harness, number: int) -> None:
    rng = random.Random(SEED + number)
    cls = TYPES[number]
    for _ in range(60):
        message = random_message(rng, cls)
        body = encode(message)
        again, fields = c.message(body)
        assert again == body, f"seed {SEED}"
        assert decode(again) == message
        for field, value in zip(fields_of(cls), message):
            said = fields[field.name]
            if isinstance(field.kind, Scalar):
                assert int(said) == value
            elif isinstance(field.kind, Blob | BlobTail):
                assert bytes.fromhex(said) == value
            else:
                assert said == value


def test_c_reads_and_writes_samples_as_python_does(c: Harness) -> None:
    rng = random.Random(SEED)
    for _ in range(300):
        sample = random_sample(rng)
        body = encode_sample(sample)
        again, fields = c.message(body)
        assert again == body
        assert decode(again) == sample
        assert tuple(int(count) for count in fields["counts"].split(",")[:-1]) == sample.counts
        assert bytes.fromhex(fields["states"]) == sample.states


def test_c_refuses_exactly_what_python_refuses(c: Harness) -> None:
    """Every message damaged at random: both ends take it for the same thing, or both refuse it."""
    rng = random.Random(SEED + 1)
    refused = 0
    kinds = [*TYPES, SAMPLE_TYPE]
    for _ in range(4000):
        number = rng.choice(kinds)
        body = bytearray(
            encode_sample(random_sample(rng)) if number == SAMPLE_TYPE else encode(random_message(rng, TYPES[number]))
        )
        for _ in range(rng.randint(1, 4)):
            action = rng.random()
            if action < 0.6 and body:
                body[rng.randrange(len(body))] = rng.randint(0, 255)
            elif action < 0.8:
                del body[rng.randrange(len(body) + 1) :]
            else:
                body += rng.randbytes(rng.randint(1, 5))
        del body[MAX_BODY:]
        try:
            decode(bytes(body))
            expected = bytes(body)
        except WireError:
            expected = b""
            refused += 1
        assert c.message(bytes(body))[0] == expected, f"{bytes(body)!r} (seed {SEED})"
    assert refused > 500


def test_c_frames_as_python_does_and_reads_any_stream_as_python_does(c: Harness) -> None:
    rng = random.Random(SEED + 2)
    stream = bytearray()
    for _ in range(300):
        size = rng.choice([1, 5, 60, 248, 249, 250, 251, 253, 254, 255, MAX_BODY - 4])
        body = bytes(rng.choice([0, 1, 255, rng.randint(0, 255)]) for _ in range(size))
        frame = encode_frame(body)
        assert c.call("E", body) == frame
        if rng.random() < 0.3:
            damaged = bytearray(frame)
            damaged[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
            frame = bytes(damaged)
        if rng.random() < 0.1:
            frame += rng.randbytes(rng.randint(1, 2 * MAX_FRAME))
        stream += frame
    stream += b"\0"
    c.call("r")
    reader = FrameReader()
    at = 0
    while at < len(stream):
        chunk = bytes(stream[at : at + rng.randint(1, 700)])
        at += len(chunk)
        assert c.bodies(c.call("F", chunk)) == reader.feed(chunk)
    assert struct.unpack("<II", c.call("B")) == (reader.received, reader.bad)
    assert reader.received > 100 and reader.bad > 50


@pytest.mark.parametrize("fd", [False, True])
@pytest.mark.parametrize("block_size", [0, 1, 5])
def test_messages_cross_the_can_bus_both_ways(c: Harness, fd: bool, block_size: int) -> None:
    rng = random.Random(SEED + 3)
    host = CanWire(5, fd=fd)
    c.call("I", bytes((5, fd, 1, block_size)))
    now_us = 0
    for number, cls in TYPES.items():
        for _ in range(8):
            body = encode(random_message(rng, cls))
            received: bytes | None = None
            if number < 0x80:
                to_board, to_host = host.send(body, now_us * 1000), []
            else:
                to_board, to_host = [], c.frames(c.call("S", body))
            for _ in range(500):
                now_us += 10
                clock = struct.pack("<I", now_us)
                for can_id, data in to_board:
                    assert len(data) <= (64 if fd else 8)
                    received = c.call("C", clock + struct.pack("<H", can_id) + data) or received
                for can_id, data in to_host:
                    received = host.feed(can_id, data, now_us * 1000) or received
                to_board = host.poll(now_us * 1000)
                to_host = c.frames(c.call("P", clock))
                if not to_board and not to_host and received:
                    break
            assert received == body
    assert host.bad == 0


@pytest.mark.parametrize("fd", [False, True])
def test_samples_cross_the_can_bus(c: Harness, fd: bool) -> None:
    rng = random.Random(SEED + 4)
    c.call("I", bytes((3, fd, 1, 0)))
    for _ in range(200):
        sample = random_sample(rng)._replace(seq=rng.randint(1, 200))
        body = encode_sample(sample)
        host = CanWire(3, fd=fd)
        host.expect(len(sample.counts), 4 if sample.is_wide else 2)
        frames = c.frames(c.call("S", body))
        assert frames == CanWire(3, fd=fd, is_board=True).send(body, 0)
        assert all(can_id >> 4 in range(Function.SAMPLE_COUNTS, Function.SAMPLE_WHOLE + 1) for can_id, _ in frames)
        got = [whole for can_id, data in frames if (whole := host.feed(can_id, data, 0)) is not None]
        assert got == [body]


def test_c_hashes_as_the_library_does(c: Harness) -> None:
    for size in (0, 1, 55, 56, 57, 63, 64, 65, 1000, 5000):
        data = random.Random(size).randbytes(size)
        assert c.call("H", data) == hashlib.sha256(data).digest()
