"""Cost of one 16-joint sample, decode and check included: python -m tests.bench.codec [--json] [--rounds N]

Side by side in one process, in turns, so that all meet the same load: our wire on a serial line and on CAN, our KER
decoder, the KER maker's own parser (openarm-ker) and cantools with our DBC. Figures: us a sample, the median and the
least of the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cantools
from openarm_ker.ker_stream import KERStream

import firmware_bridge
from firmware_bridge import ker
from firmware_bridge.exo_can import CanWire
from firmware_bridge.exo_messages import Channel
from firmware_bridge.exo_sample import SampleReader
from firmware_bridge.exo_wire import Sample, encode_sample
from firmware_bridge.framing import FrameReader, encode_frame
from firmware_bridge.ker_stream import KerStream

CHANNELS = tuple(Channel(n, 0, 1, 0, 32768, -9000, 9000, f"j{n}") for n in range(16))
AIM_US = 10.0
AIM_TIMES = 10.0
BATCH = 2000

Step = Callable[[int], object]
"""Decodes sample number n; something true when a whole sample came out."""


def samples(count: int) -> list[bytes]:
    """Bodies of a moving exoskeleton."""
    return [
        encode_sample(Sample(n, 1000 * n, 13, tuple((2000 * c + 3 * n) % 32768 for c in range(16)), bytes(16)))
        for n in range(count)
    ]


def exo_serial() -> Step:
    frames = [encode_frame(body) for body in samples(BATCH)]
    frame_reader, reader = FrameReader(), SampleReader(CHANNELS, 2)

    def step(n: int) -> object:
        if not n:
            reader.restart()
        for body in frame_reader.feed(frames[n]):
            return reader.read(body, n)
        return None

    return step


def exo_can(*, fd: bool) -> Step:
    board = CanWire(1, fd=fd, is_board=True)
    sent = [board.send(body, 0) for body in samples(BATCH)]
    wire, reader = CanWire(1, fd=fd), SampleReader(CHANNELS, 2)
    wire.expect(16, 2)

    def step(n: int) -> object:
        if not n:
            reader.restart()
        for can_id, data in sent[n]:
            body = wire.feed(can_id, data, n)
        return body is not None and reader.read(body, n)

    return step


def ker_frames() -> list[bytes]:
    codec = ker.FrameCodec(ker.SCHEMA_2_0_0)
    return [
        codec.encode_frame((1000 * n, *[(20.0 * c + 0.01 * n) % 360 for c in range(16)], *[False] * 16))
        for n in range(BATCH)
    ]


def ker_ours() -> Step:
    frames = ker_frames()
    stream = KerStream(ker.SCHEMA_2_0_0, 1000.0)

    def step(n: int) -> object:
        if not n:
            stream.restart()
        return stream.feed(frames[n], n * 1_000_000)

    return step


def ker_maker_as_used() -> Step:
    """What its user pays for a sample: parse, lock, queue, recv; without the change of threads between them."""
    parse, stream = _maker()

    def step(n: int) -> object:
        for packet in parse(n):
            with stream._lock:
                stream._latest_data = packet
            stream._enqueue(packet)
        return stream.recv()

    return step


def ker_maker() -> Step:
    return _maker()[0]


def _maker() -> tuple[Callable[[int], list[dict[str, object]]], KERStream]:
    frames = ker_frames()
    stream = KERStream(transport="serial")
    stream._buf.extend(ker.encode_ping_reply(ker.SCHEMA_2_0_0, [0.0] * 16, [True] * 16))
    assert stream._parse_ping_response()
    waiting = [b""]
    stream._read_raw = lambda size: waiting[0]

    def step(n: int) -> list[dict[str, object]]:
        waiting[0] = frames[n]
        packets: list[dict[str, object]] = stream._read_all()
        return packets

    return step, stream


def cantools_fd() -> Step:
    database = cantools.database.load_file(Path(firmware_bridge.__file__).parent / "exo_wire.dbc")
    frames = [CanWire(1, fd=True, is_board=True).send(body, 0)[0] for body in samples(BATCH)]

    def step(n: int) -> object:
        can_id, data = frames[n]
        return database.decode_message(can_id, data, decode_choices=False)

    return step


CONTESTANTS: dict[str, Callable[[], Step]] = {
    "exo wire, serial (CRC-32)": exo_serial,
    "exo wire, CAN classic (CRC-16)": lambda: exo_can(fd=False),
    "exo wire, CAN FD": lambda: exo_can(fd=True),
    "KER, our decoder (XOR)": ker_ours,
    "KER, openarm-ker's parser (XOR)": ker_maker,
    "KER, openarm-ker as used": ker_maker_as_used,
    "cantools, one CAN FD frame": cantools_fd,
}


def measure(rounds: int) -> dict[str, dict[str, float]]:
    steps = {name: make() for name, make in CONTESTANTS.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            whole = 0
            began = time.perf_counter_ns()
            for n in range(BATCH):
                whole += bool(step(n))
            times[name].append((time.perf_counter_ns() - began) / BATCH / 1000)
            assert whole == BATCH, f"{name}: {whole} of {BATCH} samples decoded"
    return {
        name: {"median_us": round(statistics.median(values), 3), "least_us": round(min(values), 3)}
        for name, values in times.items()
    }


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.codec")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--rounds", type=int, default=15, help="of 2,000 samples each (15)")
    options = parser.parse_args(words)
    table = measure(options.rounds)
    ours = table["exo wire, serial (CRC-32)"]["median_us"]
    times = round(table["KER, openarm-ker's parser (XOR)"]["median_us"] / ours, 2)
    document = {
        "table": table,
        "times_cheaper_than_maker": times,
        "aims": {"us": AIM_US, "is_met_us": ours <= AIM_US, "times": AIM_TIMES, "is_met_times": times >= AIM_TIMES},
    }
    if options.json:
        print(json.dumps(document))
    else:
        for name, row in table.items():
            print(f"{name:34} {row['median_us']:8.2f} us  (least {row['least_us']:.2f})")
        print(f"our wire costs {times} times less than the maker's parser (aim {AIM_TIMES:g})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
