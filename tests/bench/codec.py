"""Cost of one 16-joint sample, decode and check included: python -m tests.bench.codec [--json] [--rounds N]

Side by side in one process, in turns, so that all meet the same load: our wire on a serial line and on CAN, our KER
decoder, the KER maker's own parser (openarm-ker) and cantools with our DBC; for both firmwares of the hub. "In the
loop": two frames wait at each read, as a 500 Hz loop finds a 1 kHz stream, the whole of the driver's read() but the
system call; the maker's thread does its work on both, the loop asks for the latest. Figures: us of processor time a
sample, the median and the least of the rounds; ratios of the same round, their median.
"""

from __future__ import annotations

import argparse
import json
import statistics
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final
from zlib import crc32

import cantools
from cobs import cobs
from openarm_ker.ker_stream import KERStream

import firmware_bridge
from drivers.leaders.exo_wire import ExoWireLeader
from drivers.leaders.ker import KerLeader
from firmware_bridge import ker
from firmware_bridge.exo_can import CanWire
from firmware_bridge.exo_messages import Channel
from firmware_bridge.exo_sample import SampleReader
from firmware_bridge.exo_wire import Sample, encode_sample
from firmware_bridge.framing import CRC_RESIDUE, FrameReader, encode_frame
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


def ker_frames(schema: ker.Schema) -> list[bytes]:
    codec = ker.FrameCodec(schema)
    if codec.has_seq:
        rows = [(1000 * n, n, 0, *[(2000 * c + n) % 18000 for c in range(16)], 0, False) for n in range(BATCH)]
        return [codec.encode_frame(row) for row in rows]
    return [
        codec.encode_frame((1000 * n, *[(20.0 * c + 0.01 * n) % 360 for c in range(16)], *[False] * 16))
        for n in range(BATCH)
    ]


def ker_ours(schema: ker.Schema) -> Step:
    frames = ker_frames(schema)
    stream = KerStream(schema, 1000.0)

    def step(n: int) -> object:
        if not n:
            stream.restart()
        return stream.feed(frames[n], n * 1_000_000)

    return step


def ker_maker_as_used(schema: ker.Schema) -> Step:
    """What its user pays for a sample: parse, lock, queue, recv; without the change of threads between them."""
    parse, stream = _maker(ker_frames(schema), schema)

    def step(n: int) -> object:
        for packet in parse(n):
            with stream._lock:
                stream._latest_data = packet
            stream._enqueue(packet)
        return stream.recv()

    return step


def ker_maker(schema: ker.Schema) -> Step:
    return _maker(ker_frames(schema), schema)[0]


def _maker(chunks: list[bytes], schema: ker.Schema) -> tuple[Callable[[int], list[dict[str, object]]], KERStream]:
    stream = KERStream(transport="serial")
    stream._buf.extend(ker.encode_ping_reply(schema, [0.0] * 16, [True] * 16))
    assert stream._parse_ping_response()
    waiting = [b""]
    stream._read_raw = lambda size: waiting[0]

    def step(n: int) -> list[dict[str, object]]:
        waiting[0] = chunks[n]
        packets: list[dict[str, object]] = stream._read_all()
        return packets

    return step, stream


# -- as a 500 Hz loop uses a 1 kHz stream: two frames wait at each read, the newest sample counts. A step is one frame.


class _Port:
    """A serial port of which only the bytes are left."""

    port = "bench"

    def __init__(self) -> None:
        self.waiting = b""

    def read(self) -> bytes:
        return self.waiting


def pairs(frames: list[bytes]) -> list[bytes]:
    return [first + second for first, second in zip(frames[::2], frames[1::2])]


def exo_loop() -> Step:
    chunks, port = pairs([encode_frame(body) for body in samples(BATCH)]), _Port()
    leader = ExoWireLeader("bench", 0, 1000, {n: f"j{n}" for n in range(16)})
    reader = leader._samples = SampleReader(CHANNELS, 2)
    leader._link._serial = port  # type: ignore[attr-defined]
    leader._next_beat_ns = 1 << 62

    def step(n: int) -> object:
        if n % 2:
            return True
        if not n:
            reader.restart()
        port.waiting = chunks[n // 2]
        return leader.read(n * 1_000_000)

    return step


def ker_loop(schema: ker.Schema) -> Step:
    chunks, port = pairs(ker_frames(schema)), _Port()
    leader = KerLeader("bench", 0, 1000, {n: f"j{n}" for n in range(16)})
    stream = leader._stream = KerStream(schema, 1000.0)
    leader._serial = port  # type: ignore[assignment]

    def step(n: int) -> object:
        if n % 2:
            return True
        if not n:
            stream.restart()
        port.waiting = chunks[n // 2]
        return leader.read(n * 1_000_000)

    return step


def ker_maker_loop(schema: ker.Schema) -> Step:
    """Its reading thread's work on two frames, and one `latest` of the loop."""
    parse, stream = _maker(pairs(ker_frames(schema)), schema)

    def step(n: int) -> object:
        if n % 2:
            return True
        for packet in parse(n // 2):
            with stream._lock:
                stream._latest_data = packet
            stream._enqueue(packet)
        return stream.latest()

    return step


# -- what no decoder in Python gets under: the fewest calls into C that check a frame and unpack it


def floor_exo() -> Step:
    frames = [encode_frame(body)[:-1] for body in samples(BATCH)]
    unpack = struct.Struct("<BIIBB16H16s4x").unpack

    def step(n: int) -> object:
        raw = cobs.decode(frames[n])
        return crc32(raw) == CRC_RESIDUE and unpack(raw)

    return step


def floor_ker(schema: ker.Schema) -> Step:
    frames = [frame[2:] for frame in ker_frames(schema)]
    unpack = struct.Struct("<I16f16?x" if schema is ker.SCHEMA_2_0_0 else "<IIH16hi?x").unpack

    def step(n: int) -> object:
        frame = frames[n]
        return not ker.fold_xor(frame) and unpack(frame)

    return step


def cantools_fd() -> Step:
    database = cantools.database.load_file(Path(firmware_bridge.__file__).parent / "exo_wire.dbc")
    frames = [CanWire(1, fd=True, is_board=True).send(body, 0)[0] for body in samples(BATCH)]

    def step(n: int) -> object:
        can_id, data = frames[n]
        return database.decode_message(can_id, data, decode_choices=False)

    return step


EXO, EXO_LOOP, EXO_FLOOR = "exo wire, serial (CRC-32)", "exo wire, in the loop", "floor: COBS, CRC-32, unpack"
OURS, MAKER, AS_USED = "KER {}, our decoder (XOR)", "KER {}, openarm-ker's parser", "KER {}, openarm-ker as used"
OURS_LOOP, MAKER_LOOP, KER_FLOOR = "KER {}, in the loop", "KER {}, openarm-ker in a loop", "floor: KER {}, XOR, unpack"
FIRMWARES: Final = {"2.0": ker.SCHEMA_2_0_0, "2.1": ker.SCHEMA_2_1_0}

CONTESTANTS: dict[str, Callable[[], Step]] = {
    EXO: exo_serial,
    "exo wire, CAN classic (CRC-16)": lambda: exo_can(fd=False),
    "exo wire, CAN FD": lambda: exo_can(fd=True),
    EXO_LOOP: exo_loop,
    EXO_FLOOR: floor_exo,
    **{
        name.format(firmware): partial(make, schema)
        for firmware, schema in FIRMWARES.items()
        for name, make in (
            (OURS, ker_ours),
            (MAKER, ker_maker),
            (AS_USED, ker_maker_as_used),
            (OURS_LOOP, ker_loop),
            (MAKER_LOOP, ker_maker_loop),
            (KER_FLOOR, floor_ker),
        )
    },
    "cantools, one CAN FD frame": cantools_fd,
}
RATIOS: Final = {
    "exo wire against openarm-ker's parser": (MAKER.format("2.0"), EXO),
    "exo wire against openarm-ker as used": (AS_USED.format("2.0"), EXO),
    "exo wire against openarm-ker, both in a loop": (MAKER_LOOP.format("2.0"), EXO_LOOP),
    "KER 2.0 against openarm-ker, both in a loop": (MAKER_LOOP.format("2.0"), OURS_LOOP.format("2.0")),
    "KER 2.1 against openarm-ker, both in a loop": (MAKER_LOOP.format("2.1"), OURS_LOOP.format("2.1")),
    "floor of the exo wire against openarm-ker's parser": (MAKER.format("2.0"), EXO_FLOOR),
    "exo wire, times its floor": (EXO, EXO_FLOOR),
    "KER 2.1, times its floor": (OURS.format("2.1"), KER_FLOOR.format("2.1")),
}
"""How many times the first costs what the second does."""


def measure(rounds: int) -> dict[str, list[float]]:
    """Processor time a sample, us, of each round: what other programs take does not count."""
    steps = {name: make() for name, make in CONTESTANTS.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            whole = 0
            began_ns = time.thread_time_ns()
            for n in range(BATCH):
                whole += bool(step(n))
            times[name].append((time.thread_time_ns() - began_ns) / BATCH / 1000)
            assert whole == BATCH, f"{name}: {whole} of {BATCH} samples decoded"
    return times


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.codec")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--rounds", type=int, default=15, help="of 2,000 samples each (15)")
    options = parser.parse_args(words)
    times = measure(options.rounds)
    table = {
        name: {"median_us": round(statistics.median(values), 3), "least_us": round(min(values), 3)}
        for name, values in times.items()
    }
    ratios = {
        name: round(statistics.median([a / b for a, b in zip(times[dear], times[cheap])]), 2)
        for name, (dear, cheap) in RATIOS.items()
    }
    ours_us, against = table[EXO]["median_us"], ratios["exo wire against openarm-ker's parser"]
    aims = {"us": AIM_US, "is_met_us": ours_us <= AIM_US, "times": AIM_TIMES, "is_met_times": against >= AIM_TIMES}
    if options.json:
        print(json.dumps({"table": table, "ratios": ratios, "times_cheaper_than_maker": against, "aims": aims}))
    else:
        for name, row in table.items():
            print(f"{name:34} {row['median_us']:8.2f} us  (least {row['least_us']:.2f})")
        for name, value in ratios.items():
            print(f"{name:52} {value:6.2f}")
        print(f"aims: {AIM_US:g} us a sample, and {AIM_TIMES:g} times cheaper than the maker's parser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
