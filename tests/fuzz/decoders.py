"""Fuzzes the Python decoders of the exo wire: python -m tests.fuzz.decoders [--inputs N] [--seed S].

Random bytes, and good frames damaged. Nothing but WireError may come out, and memory must stay flat.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Callable

from firmware_bridge.errors import WireError
from firmware_bridge.exo_can import CanWire
from firmware_bridge.exo_messages import TYPES, Channel, Hello
from firmware_bridge.exo_sample import SampleReader
from firmware_bridge.exo_terms import MAX_FRAME
from firmware_bridge.exo_wire import Sample, decode, encode_sample
from firmware_bridge.framing import FrameReader, encode_frame
from firmware_bridge.update import make_image, read_image

Target = Callable[[bytes, int], object]
CHANNELS = [Channel(n, 0, 1, 0, 32768, 0, 0, f"j{n}") for n in range(16)]


def targets() -> list[Target]:
    frames, samples, wire = FrameReader(), SampleReader(CHANNELS, 2), CanWire(1)
    wire.expect(16, 2)
    function_of = (*range(0x08, 0x3B), *range(0x40, 0x46))

    def stream(data: bytes, n: int) -> object:
        bodies = frames.feed(data)
        assert len(frames._held) <= MAX_FRAME
        return [decode(body) for body in bodies]

    def bus(data: bytes, n: int) -> object:
        body = wire.feed(function_of[n % len(function_of)] << 4 | 1, data[:64], n * 1_000_000)
        assert len(wire.poll(n * 1_000_000)) <= MAX_FRAME
        return body is not None and decode(body)

    return [
        lambda data, n: decode(data),
        stream,
        bus,
        lambda data, n: samples.read(data, n),
        lambda data, n: read_image(data),
    ]


def corpus() -> list[bytes]:
    sample = encode_sample(Sample(5, 6, 7, tuple(range(16)), bytes(16)))
    bodies = [bytes((number,)) + bytes(80) for number in TYPES] + [bytes((0x81, 1)) + bytes(80), sample]
    assert Hello in TYPES.values()
    return [*bodies, *[encode_frame(body) for body in bodies], make_image("b", "1", b"x" * 40).encode()]


def fuzz(inputs: int, seed: int) -> dict[str, int]:
    """Raises whatever a decoder raises that is no WireError."""
    rng = random.Random(seed)
    known, run = corpus(), targets()
    refused = 0
    for n in range(inputs):
        if n % 3:
            data = bytearray(known[rng.randrange(len(known))])
            for _ in range(rng.randrange(4)):
                data[rng.randrange(len(data))] = rng.getrandbits(8)
            if n % 7 == 0:
                del data[rng.randrange(len(data)) :]
        else:
            data = bytearray(rng.randbytes(rng.randrange(70)))
        try:
            run[n % len(run)](bytes(data), n)
        except WireError:
            refused += 1
    return {"inputs": inputs, "refused": refused}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.decoders")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(words)
    fuzz(20_000, options.seed)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    document = fuzz(options.inputs, options.seed)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    print(json.dumps({**document, "seconds": round(time.monotonic() - began, 1), "memory_grown_kb": grown_kb}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
