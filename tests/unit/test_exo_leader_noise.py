"""Whatever whole messages and frames arrive, the driver of an exo-wire board takes them, counts them or says that the
link is in trouble: nothing else ends the loop's read, and no time of it runs backwards."""

from __future__ import annotations

import random
import time

import pytest

from drivers.errors import DriverError
from drivers.exo_link import CanExoLink
from drivers.leaders.exo_wire import ExoWireLeader
from firmware_bridge.exo_messages import TYPE_OF, Channel
from firmware_bridge.exo_sample import SampleReader
from firmware_bridge.exo_terms import SAMPLE_TYPE, ChannelKind
from firmware_bridge.exo_wire import Sample, encode_sample

ROUNDS = 4000
NODE = 3
CHANNELS = [Channel(n, ChannelKind.ROTARY, 1, 0, 16384, 0, 0, f"c{n}") for n in range(2)]
SIZES = (0, 1, 2, 3, 4, 8, 9, 12, 13, 16, 20, 40, 64, 200)


class Bodies:
    """A link whose messages are all whole."""

    bad = 0

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def receive(self, now_ns: int) -> list[bytes]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def send(self, body: bytes, within_s: float = 0.1) -> None:
        assert 0 < len(body) < 400


class Frames:
    """A bus on which anybody speaks."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, bytes]] = []

    def receive_all(self) -> list[tuple[int, bytes]]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def send(self, can_id: int, data: bytes) -> None:
        assert 0 <= can_id < 0x800 and len(data) <= 64


def leader_of(link: object) -> ExoWireLeader:
    leader = ExoWireLeader("/dev/null", 1_000_000, 1000.0, {0: "c0", 1: "c1"})
    leader._samples = SampleReader(CHANNELS, 2)
    leader._link = link  # type: ignore[assignment]
    return leader


def take(leader: ExoWireLeader) -> None:
    """As the loop does, where the only error is one in words; taken again after it."""
    now_ns = time.monotonic_ns()
    samples = leader._samples
    assert samples is not None
    before = samples.seq, samples.device_us
    try:
        sample = leader.read(now_ns)
    except DriverError as error:
        assert "expected" in str(error)
        leader._trouble = ""
        return
    assert sample is None or (sample.seq, sample.device_us) >= before
    assert leader.tend(now_ns) <= time.monotonic_ns() or leader._newest is None


@pytest.mark.parametrize("seed", range(3))
def test_any_whole_messages(seed: int) -> None:
    rng = random.Random(seed)
    link = Bodies()
    leader = leader_of(link)
    kinds = [*TYPE_OF.values(), SAMPLE_TYPE]
    for number in range(ROUNDS):
        bodies = [encode_sample(Sample(number, number * 1000 & 0xFFFF_FFFF, 13, (100, 200), bytes(2)))]
        for _ in range(rng.randrange(4)):
            kind = rng.choice(kinds) if rng.random() < 0.8 else rng.randrange(256)
            bodies.append(bytes([kind]) + rng.randbytes(rng.choice(SIZES)))
        rng.shuffle(bodies)
        link.waiting = bodies
        take(leader)
    assert leader.counters.received > ROUNDS / 4 and leader.counters.bad > 0


@pytest.mark.parametrize("fd", [False, True])
def test_any_frames_on_the_bus(fd: bool) -> None:
    rng = random.Random(5)
    bus = Frames()
    link = CanExoLink("socketcan", "x", NODE, fd=fd)
    link._bus = bus  # type: ignore[assignment]
    link.expect(2, 2)
    leader = leader_of(link)
    functions = (0x08, 0x10, 0x11, 0x30, 0x38, 0x39, 0x40, 0x41, 0x42, 0x43, 0x45, 0x45, 0x45)
    sizes = (*range(9), *((12, 16, 20, 24, 32, 48, 64) if fd else ()))
    for _ in range(ROUNDS):
        for _ in range(rng.randrange(6)):
            function = rng.choice(functions) if rng.random() < 0.9 else rng.randrange(128)
            data = rng.randbytes(rng.choice(sizes))
            if function == 0x45 and data and rng.random() < 0.7:  # frames of a transfer, so that some begin and go on
                data = bytes([rng.choice((0x00, 0x05, 0x10, 0x21, 0x22, 0x30, 0x31, 0x32, 0x1F))]) + data[1:]
            bus.waiting.append((function << 4 | NODE, data))
        take(leader)
    assert link.bad > 0
