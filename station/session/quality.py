"""Is this repetition fit to train from? Hard defects reject it; smoothness and pace only tag it.

Runs once at the end of a repetition on all its ticks (a few milliseconds for 4 s at 500 Hz).
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from station.session import reasons
from station.session.gesture import Gesture
from station.session.smoothness import spectral_arc_length
from station.settings.rig import Rig
from station.signals import Mode, Tick

_OWN: Final = 20
"""A repetition is compared with so many of the worker's last accepted ones."""
_OWN_LEAST: Final = 8
_DURATION_SHARE: Final = 0.15
_FROZEN_WHILE_SENT_MOVES_RAD: Final = 0.175
"""An arm joint whose reading does not change by one bit while its command moves by 10 degrees is not measured."""
_FROZEN_NS: Final = 1_000_000_000
_FROZEN_WHILE_OTHERS_MOVE_RAD: Final = 0.5
_LIMIT_MARGIN_RAD: Final = 0.05
_LIMIT_NS: Final = 20_000_000
"""Asked for 3 degrees more than the arm may do, and not only for a moment."""
_THIN: Final = 5
"""Slow quantities (where a joint was asked to go) are looked at on every fifth tick."""
_MOST_MISSING_SHARE: Final = 0.02
_LATE_NOTE_SHARE: Final = 0.01
"""GB/Z 218.1-2026 (recommended): at most 1 % of the frames lost."""


@dataclass(frozen=True, slots=True)
class Grade:
    """`reason` is '' when nothing hard was found."""

    reason: str = ""
    detail: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)


class QualityCheck:
    """Checks one worker's repetitions against the rig's bounds and against his own."""

    def __init__(self, rig: Rig, gesture: Gesture) -> None:
        self._leader_period_us = 1e6 / rig.leader.rate_hz
        self._tick_ns = 1e9 / rig.arm.rate_hz
        self._gap_ns = max(2.0 * self._tick_ns, rig.loop.gap_stop_ms * 1e6)
        self._task_joints = np.array(gesture.task_joints, dtype=np.intp)
        self._leader_names = gesture.joint_names
        self._arm_names = tuple(joint.name for joint in rig.arm.joints)
        self._lower_rad = np.radians([joint.lower_deg for joint in rig.arm.joints])
        self._upper_rad = np.radians([joint.upper_deg for joint in rig.arm.joints])
        self._own: deque[tuple[float, float]] = deque(maxlen=_OWN)

    def remember(self, smoothness: float, duration_s: float) -> None:
        """An accepted repetition becomes part of the worker's own usual."""
        self._own.append((smoothness, duration_s))

    def check(self, ticks: list[Tick]) -> Grade:
        """`ticks`: from the moment home was left to the end, all of them."""
        if len(ticks) < 8:
            return Grade(reasons.RECORD_INCOMPLETE, {"value": f"{len(ticks)} ticks"})
        slot_ns = np.array([tick.slot_ns for tick in ticks], dtype=np.int64)
        angle_rad = np.array([tick.angle_rad for tick in ticks], dtype=np.float64)
        hard = (
            _stopped(ticks)
            or self._samples(ticks)
            or self._slots(slot_ns)
            or self._at_limit(ticks)
            or self._frozen(ticks, slot_ns, angle_rad)
        )
        figures, tags = self._figures(ticks, slot_ns, angle_rad)
        if hard is not None:
            return Grade(hard[0], hard[1], tags, figures)
        return Grade(tags=tags, figures=figures)

    def _samples(self, ticks: list[Tick]) -> tuple[str, dict[str, str]] | None:
        """A gap in the leader's samples of more than two of its periods, by its own sequence and clock."""
        period_us = self._leader_period_us
        lost = ticks[0].samples_lost
        seq, device_us = ticks[0].sample_seq, ticks[0].sample_device_us
        worst_us = 0.0
        for tick in ticks:
            if tick.sample_seq == seq:
                continue
            missing = tick.samples_lost - lost
            if missing >= 2:  # at most all of them in a row: (missing + 1) periods without a sample
                worst_us = max(worst_us, (missing + 1) * period_us)
            silent_us = (tick.sample_device_us - device_us) - (tick.sample_seq - seq - 1) * period_us
            if silent_us > 2.5 * period_us:  # half a period for the device's own jitter
                worst_us = max(worst_us, silent_us)
            lost, seq, device_us = tick.samples_lost, tick.sample_seq, tick.sample_device_us
        if not worst_us:
            return None
        return reasons.SAMPLE_GAP, {"value": f"{worst_us / 1e3:.0f} ms", "limit": f"{2 * period_us / 1e3:.0f} ms"}

    def _slots(self, slot_ns: NDArray[np.int64]) -> tuple[str, dict[str, str]] | None:
        """Holes in the loop's own slots: one that is too long, or too many. Short single ones only tag: every tick has
        its real time, the arm held meanwhile, and no sample of the leader is missing for them."""
        holes_ns = np.diff(slot_ns)
        hole_ns = float(np.max(holes_ns))
        if hole_ns > self._gap_ns * 1.001:
            return reasons.TICK_GAP, {"value": f"{hole_ns / 1e6:.0f} ms", "limit": f"{self._gap_ns / 1e6:.0f} ms"}
        missing = float(np.sum(np.round(holes_ns / self._tick_ns) - 1)) / len(slot_ns)
        if missing > _MOST_MISSING_SHARE:
            return reasons.TICK_GAP, {"value": f"{missing:.1%}", "limit": f"{_MOST_MISSING_SHARE:.0%}"}
        return None

    def _at_limit(self, ticks: list[Tick]) -> tuple[str, dict[str, str]] | None:
        """The worker asked for more than the arm may do: the record shows a movement that was not made."""
        target_rad = np.array([tick.target_rad for tick in ticks[::_THIN]], dtype=np.float64)
        over_rad = np.maximum(target_rad - self._upper_rad, self._lower_rad - target_rad)
        hit = np.sum(over_rad > _LIMIT_MARGIN_RAD, axis=0) * self._tick_ns * _THIN > _LIMIT_NS
        if not np.any(hit):
            return None
        joint = int(np.argmax(np.where(hit, np.max(over_rad, axis=0), -np.inf)))
        return reasons.LIMIT_HIT, {
            "joint": self._arm_names[joint],
            "value": f"{np.degrees(np.max(over_rad[:, joint])):.0f}°",
        }

    def _frozen(
        self, ticks: list[Tick], slot_ns: NDArray[np.int64], angle_rad: NDArray[np.float64]
    ) -> tuple[str, dict[str, str]] | None:
        joint = _frozen_arm_joint(ticks)
        if joint is not None:
            seconds = (slot_ns[-1] - slot_ns[0]) / 1e9
            return reasons.JOINT_FROZEN, {"joint": self._arm_names[joint], "value": f"{seconds:.1f} s"}
        for joint in self._task_joints:
            changed = np.flatnonzero(np.diff(angle_rad[:, joint]) != 0.0)
            edges = np.concatenate(([0], changed + 1, [len(ticks) - 1]))
            lengths_ns = slot_ns[edges[1:]] - slot_ns[edges[:-1]]
            longest = int(np.argmax(lengths_ns))
            if lengths_ns[longest] < _FROZEN_NS:
                continue
            span = angle_rad[edges[longest] : edges[longest + 1] + 1, self._task_joints]
            if np.max(np.ptp(span, axis=0)) > _FROZEN_WHILE_OTHERS_MOVE_RAD:
                return reasons.JOINT_FROZEN, {
                    "joint": self._leader_names[joint],
                    "value": f"{lengths_ns[longest] / 1e9:.1f} s",
                }
        return None

    def _figures(
        self, ticks: list[Tick], slot_ns: NDArray[np.int64], angle_rad: NDArray[np.float64]
    ) -> tuple[dict[str, float], tuple[str, ...]]:
        duration_s = float(slot_ns[-1] - slot_ns[0]) / 1e9
        rate_hz = 1e9 / self._tick_ns
        velocity = np.diff(angle_rad[:, self._task_joints], axis=0) * rate_hz
        speed = np.sqrt(np.sum(velocity * velocity, axis=1))
        smoothness = spectral_arc_length(speed, rate_hz)
        slots = round(float(slot_ns[-1] - slot_ns[0]) / self._tick_ns) + 1
        missing = slots - len(ticks)
        figures = {
            "smoothness_sparc": round(smoothness, 4),
            "path_rad": round(float(np.sum(speed)) / rate_hz, 4),
            "peak_rad_s": round(float(np.max(speed)), 4),
            "slots_missing": float(missing),
        }
        tags: list[str] = []
        if missing > _LATE_NOTE_SHARE * slots:
            tags.append("late_ticks")
        if len(self._own) >= _OWN_LEAST:
            usual = [own[0] for own in self._own]
            if smoothness < statistics.fmean(usual) - max(statistics.stdev(usual), 0.05):
                tags.append("less_smooth")
            typical_s = statistics.median(own[1] for own in self._own)
            if duration_s > typical_s * (1 + _DURATION_SHARE):
                tags.append("slower")
            elif duration_s < typical_s * (1 - _DURATION_SHARE):
                tags.append("faster")
        return figures, tuple(tags)


def _stopped(ticks: list[Tick]) -> tuple[str, dict[str, str]] | None:
    for tick in ticks[:-1]:  # the last may be the tick that ended it, with the arm already home
        if tick.mode != Mode.FOLLOWING:
            return reasons.INTERRUPTED, {"value": Mode(tick.mode).name}
    return None


def _frozen_arm_joint(ticks: list[Tick]) -> int | None:
    """The first arm joint whose reading never changes while its command does; one that never answered is NaN."""
    first = ticks[0].arm_rad
    sent_rad = np.array([tick.sent_rad for tick in ticks[::_THIN]], dtype=np.float64)
    for joint in np.flatnonzero(np.ptp(sent_rad, axis=0) > _FROZEN_WHILE_SENT_MOVES_RAD):
        reading = first[joint]
        if all(tick.arm_rad[joint] == reading or tick.arm_rad[joint] != tick.arm_rad[joint] for tick in ticks):
            return int(joint)
    return None
