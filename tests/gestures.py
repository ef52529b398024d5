"""Synthetic workers for tests: minimum-jerk movements through given poses, with noise, drift, pauses and pace."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from station.settings.load import load_rig, load_task
from station.signals import Mode, Tick

RIG, CALIBRATION = load_rig("demo")
TASK = load_task("microwave_door", RIG)
NAMES = tuple(joint.name for joint in RIG.leader.joints)
INDEX = {name: i for i, name in enumerate(NAMES)}
DEGREE = math.pi / 180
PERIOD_NS = 2_000_000
HOME, REACH, GRIP, PULL = range(4)


def pose(k: int, before: dict[str, float] | None = None) -> dict[str, float]:
    """Pose k, degrees; joints it does not name stay as `before`."""
    return {**(before or {}), **TASK.phases[k].pose_deg}


def blend(start: dict[str, float], end: dict[str, float], share: float) -> dict[str, float]:
    """A pose on the straight way from start to end."""
    return {name: start.get(name, deg) + (deg - start.get(name, deg)) * share for name, deg in end.items()}


@dataclass
class SyntheticWorker:
    """Makes (t_ns, angle_rad of all 16 joints) at 500 Hz; time goes on over all calls."""

    seed: int = 0
    noise_deg: float = 0.05
    drift_deg_per_s: float = 0.0
    t_ns: int = 1_000_000_000
    at_deg: dict[str, float] = field(default_factory=lambda: pose(HOME))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.start_ns = self.t_ns

    def _sample(self, deg: dict[str, float]) -> tuple[int, tuple[float, ...]]:
        self.t_ns += PERIOD_NS
        drift = self.drift_deg_per_s * (self.t_ns - self.start_ns) / 1e9
        gauss = self.random.gauss
        noise = self.noise_deg
        angles = [0.0] * len(NAMES)
        for name, value in deg.items():
            angles[INDEX[name]] = (value + drift + (gauss(0, noise) if noise else 0.0)) * DEGREE
        return self.t_ns, tuple(angles)

    def move(self, to_deg: dict[str, float], over_s: float) -> Iterator[tuple[int, tuple[float, ...]]]:
        """A minimum-jerk movement (Flash and Hogan 1985) to a pose."""
        start = dict(self.at_deg)
        end = {**start, **to_deg}
        steps = max(1, round(over_s * 1e9 / PERIOD_NS))
        for step in range(1, steps + 1):
            s = step / steps
            share = s * s * s * (10 - 15 * s + 6 * s * s)
            yield self._sample({name: start[name] + (end[name] - start[name]) * share for name in end})
        self.at_deg = end

    def stay(self, for_s: float) -> Iterator[tuple[int, tuple[float, ...]]]:
        for _ in range(round(for_s * 1e9 / PERIOD_NS)):
            yield self._sample(self.at_deg)

    def wander(self, deg: dict[str, float], spread_deg: float) -> dict[str, float]:
        """A pose as a person hits it: each joint off by up to `spread_deg`."""
        return {name: value + self.random.uniform(-spread_deg, spread_deg) for name, value in deg.items()}

    def rep(
        self, order: tuple[int, ...] = (REACH, GRIP, PULL, HOME), pace_s: float = 3.2, spread_deg: float = 3.0
    ) -> Iterator[tuple[int, tuple[float, ...]]]:
        """Through the phases in `order`, ending with a short rest where the last one is."""
        moving_s = pace_s - 0.3
        for k in order:
            yield from self.move(self.wander(pose(k), spread_deg), moving_s / len(order))
            yield from self.stay(0.1)
        yield from self.stay(0.4)


class TickMaker:
    """Whole ticks as a healthy control loop would write them, around given leader angles."""

    def __init__(self) -> None:
        self.index = 0
        self.samples_lost = 0
        self.ticks_lost = 0
        self.dice = random.Random(9)
        self.leader = [NAMES.index(joint.leader) for joint in RIG.arm.joints]

    def make(
        self,
        t_ns: int,
        angle_rad: tuple[float, ...],
        mode: Mode = Mode.FOLLOWING,
        events: tuple[tuple[str, str], ...] = (),
    ) -> Tick:
        self.index += 1
        follow = tuple(angle_rad[i] for i in self.leader)
        measured = tuple(angle + self.dice.gauss(0, 1e-4) for angle in follow)
        still = (0.0,) * len(follow)
        return Tick(
            index=self.index + self.ticks_lost,
            slot_ns=t_ns,
            start_ns=t_ns + 40_000,
            sent_ns=t_ns + 130_000 if mode == Mode.FOLLOWING else 0,
            compute_ns=50_000,
            late_ns=30_000,
            mode=int(mode),
            epoch=1,
            sample_seq=2 * self.index + self.samples_lost,
            sample_t_ns=t_ns + 20_000,
            sample_device_us=2000 * self.index + 1000 * self.samples_lost,
            samples_lost=self.samples_lost,
            inputs=0,
            counts=tuple(round(angle * 1000) for angle in angle_rad),
            health=(0,) * len(angle_rad),
            angle_rad=angle_rad,
            target_rad=follow,
            sent_rad=follow,
            sent_rad_s=still,
            arm_rad=measured,
            arm_rad_s=still,
            arm_nm=tuple(self.dice.gauss(0, 1) for _ in follow),
            arm_temperature_c=(36.5,) * len(follow),
            arm_status=(1,) * len(follow),
            feedback_age_ns=1_200_000,
            ticks_lost=self.ticks_lost,
            aligned=(),
            events=events,
            cause=events[0][0] if events and mode != Mode.FOLLOWING else "",
            cause_detail=events[0][1] if events and mode != Mode.FOLLOWING else "",
            sample_taken_ns=t_ns - 300_000,
        )

    def ticks(self, samples: Iterable[tuple[int, tuple[float, ...]]], mode: Mode = Mode.FOLLOWING) -> Iterator[Tick]:
        for t_ns, angle_rad in samples:
            yield self.make(t_ns, angle_rad, mode)
