"""The emulated human's body: where it rests, how it drifts, sways and trembles, and where its joints stop."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

_DRIFT_DEG: Final = 2.0
_TREMOR_DEG: Final = 0.1
"""Physiological tremor: 8 to 12 Hz (Elble 1996)."""
_TRIGGER_DEG: Final = 100.0
"""A joint with less travel than this, most of it to one side, is a trigger: it rests against its stop at 0."""
_LEAN_DEG: Final = 12.0
_TRIGGER_LEAN_DEG: Final = 4.0
_STOP_DEG: Final = 0.3


class Channel(NamedTuple):
    """One joint of the exoskeleton and its travel."""

    name: str
    lower_deg: float
    upper_deg: float


class _Wave(NamedTuple):
    """Slow movements of one joint: sizes in deg, rates in rad/s, phases in rad."""

    drift_deg: float
    drift_rate: float
    drift_phase: float
    tremor_deg: float
    tremor_rate: float
    tremor_phase: float
    sway_deg: float
    sway_rate: float
    sway_phase: float


class Body:
    """All joints, in the channels' order."""

    def __init__(
        self, channels: Sequence[Channel], home_deg: Mapping[int, float], named: Collection[int], rng: random.Random
    ) -> None:
        """`home_deg`: the task's home pose by channel; `named`: channels that the task names anywhere."""
        self._random = rng
        self.rest_deg: Final = tuple(home_deg.get(i, _lean(channel)) for i, channel in enumerate(channels))
        """Home; joints it does not name hang relaxed, a little inside the longer side of their travel."""
        self._waves = [_wave(channel, i in named, rng) for i, channel in enumerate(channels)]
        self._stops = tuple(_stop(channel) for channel in channels)

    def home(self, at_s: float, miss_deg: float) -> tuple[float, ...]:
        """Where he rests now: home drifts slowly, and no return is exact."""
        rng = self._random
        return tuple(
            [
                rest
                + wave.drift_deg * math.sin(at_s * wave.drift_rate + wave.drift_phase)
                + rng.uniform(-miss_deg, miss_deg) * (wave.drift_deg > 0)
                for rest, wave in zip(self.rest_deg, self._waves)
            ]
        )

    def alive(self, at_deg: tuple[float, ...], at_s: float) -> tuple[float, ...]:
        """The pose within its stops, with tremor and sway."""
        sin = math.sin
        return tuple(
            [
                min(max(deg, lower), upper) + tremor * sin(at_s * fast + p) + sway * sin(at_s * slow + q)
                for deg, (_, _, _, tremor, fast, p, sway, slow, q), (lower, upper) in zip(
                    at_deg, self._waves, self._stops
                )
            ]
        )


def _wave(channel: Channel, is_named: bool, rng: random.Random) -> _Wave:
    turn = 2 * math.pi
    return _Wave(
        drift_deg=0.0 if _is_trigger(channel) else _DRIFT_DEG * rng.uniform(0.4, 1.0),
        drift_rate=turn / rng.uniform(180, 420),
        drift_phase=rng.uniform(0, turn),
        tremor_deg=_TREMOR_DEG * rng.uniform(0.7, 1.2),
        tremor_rate=turn * rng.uniform(8, 12),
        tremor_phase=rng.uniform(0, turn),
        sway_deg=0.15 if is_named else 0.5,
        sway_rate=turn * rng.uniform(0.15, 0.4),
        sway_phase=rng.uniform(0, turn),
    )


def _is_trigger(channel: Channel) -> bool:
    _, lower, upper = channel
    return upper - lower < _TRIGGER_DEG and abs(lower + upper) > 20


def _lean(channel: Channel) -> float:
    _, lower, upper = channel
    if abs(lower + upper) < 20:
        return 0.0
    return math.copysign(_TRIGGER_LEAN_DEG if _is_trigger(channel) else _LEAN_DEG, lower + upper)


def _stop(channel: Channel) -> tuple[float, float]:
    """How far the joint really goes: a trigger has a stop at 0, its finger pulls to one side only."""
    _, lower, upper = channel
    if not _is_trigger(channel):
        return lower + 1.0, upper - 1.0
    return (lower + 1.0, _STOP_DEG) if -lower > upper else (-_STOP_DEG, upper - 1.0)
