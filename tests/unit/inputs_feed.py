"""A leader whose every reading can be bent, for tests of what is believed."""

from __future__ import annotations

import random

import msgspec

from firmware_bridge.samples import RawCounts
from station.control.inputs import Judged, Trust
from station.settings.load import load_rig

TURN = float(1 << 21)
PER_DEG = TURN / 360
MS = 1_000_000
DEMO, CALIBRATION = load_rig("demo")
RIG = msgspec.structs.replace(
    DEMO, leader=msgspec.structs.replace(DEMO.leader, hold_after_ms=30.0, stop_after_ms=200.0)
)
NAMES = [joint.name for joint in RIG.leader.joints]
COUNT = len(NAMES)


class Feed:
    """A leader whose every reading can be bent; one sample every 2 ms, the last bit flickering."""

    def __init__(self, turn: float = TURN) -> None:
        self.trust = Trust(RIG, CALIBRATION, turn)
        self.turn = turn
        self.random = random.Random(4)
        self.t_ns = 10**12
        self.seq = 0
        self.device_us = 5_000
        self.angle_deg = [(joint.lower_deg + joint.upper_deg) / 2 for joint in RIG.leader.joints]
        self.health = [0] * COUNT
        self.flicker = True
        self.under_way_ns = 0
        self.now_ns = 0

    def counts(self) -> list[int]:
        per_deg = self.turn / 360
        found = [0] * COUNT
        for joint, angle_deg in zip(RIG.leader.joints, self.angle_deg):
            bound = CALIBRATION.joints[joint.name]
            noise = self.random.choice((0, 64)) if self.flicker else 0
            found[joint.channel] = round((bound.zero_deg + bound.sign * angle_deg) * per_deg) + noise
        return found

    def sample(self, counts: list[int] | None = None) -> RawCounts:
        self.t_ns += 2 * MS
        self.seq += 2
        self.device_us += 2_000
        return RawCounts(
            self.t_ns + self.under_way_ns,
            self.seq,
            self.device_us,
            tuple(self.counts() if counts is None else counts),
            tuple(self.health),
        )

    def next(self, counts: list[int] | None = None) -> Judged:
        sample = self.sample(counts)
        self.now_ns = sample.t_ns + 50_000
        return self.trust.judge(sample, self.now_ns)

    def many(self, times: int) -> list[tuple[str, str]]:
        return [event for _ in range(times) for event in self.next().events]


def names(events) -> list[str]:
    return [name for name, _ in events]
