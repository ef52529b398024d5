"""RawCounts -> RawCounts that may move an arm: what is wrong is replaced by the joint's last good reading, and named.

A joint's age runs from its last good reading by the device's own sequence and clock: a sample that repeats, or that was
long under way, makes nothing young.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from firmware_bridge.samples import (
    HEALTH_MISSING,
    HEALTH_NOT_A_NUMBER,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
    RawCounts,
)
from station.settings.calibration import Calibration
from station.settings.rig import Leader, Rig

NEVER_NS: Final = 1 << 62
"""Age of a joint that has not had a good reading yet."""
FROZEN_US: Final = 500_000
"""A reading bit-identical for so long is frozen if two neighbours moved meanwhile by `_NEIGHBOUR_DEG`."""
_NEIGHBOUR_DEG: Final = 3.0
_NEIGHBOURS: Final = 2
_LOOK_EVERY_US: Final = 100_000
_FINE_COUNTS: Final = 8192
"""Encoders with fewer counts a turn rest bit-identical without being frozen: the last bit does not flicker."""
_SLACK_DEG: Final = 0.5
"""Noise allowed on top of the fastest possible step."""
_DOUBT_US: Final = 5_000
"""A joint that reads impossible steps is given so long to have really moved: else any jump would become possible in the
end, and an encoder that slipped would be believed."""
_DRIFT: Final = 500e-6
"""The device's clock may run so much slower than the host's, until that has come to so much;"""
_MOST_CREEP_NS: Final = 10_000_000
_LASTING_DRIFT: Final = 250e-6
"""and so much for ever, more than two crystals differ: a queue that fills slowly looks the same, and makes late."""
_STEP_NS: Final = 20_000_000
"""A sample so much more prompt than any before it: its clock has stepped ahead, or all before it were late."""
_SETTLED_NS: Final = 500_000_000
"""After so long some sample was prompt. Before, all may have waited in a queue that was full when it was opened."""

OUT_OF_RANGE: Final = "out of range"
_IMPOSSIBLE_STEP: Final = "impossible step"
_NOT_A_NUMBER: Final = "not a number"
_NO_ANSWER: Final = "no answer"
_DEVICE_ERROR: Final = "device error"


def required_inputs(leader: Leader) -> int:
    """INPUT_HAS_* bits of the switches without which nothing may move."""
    enable = INPUT_HAS_ENABLE if leader.enable_switch == "required" else 0
    return enable | (INPUT_HAS_ESTOP if leader.emergency_stop == "required" else 0)


class Judged(NamedTuple):
    sample: RawCounts
    """Counts placed on the turn of the joint's travel band; the last good reading where this one is not."""
    age_ns: tuple[int, ...]
    """Leader joint order: since each joint's last good reading, `NEVER_NS` where there was none."""
    events: tuple[tuple[str, str], ...]


class _Joint(NamedTuple):
    name: str
    channel: int
    lower: float
    upper: float
    """Travel band in counts."""
    window: float
    """Lower end of the one turn around the band's middle."""
    most_per_us: float


class Trust:
    """Remembers each joint's last good reading. One `judge` a sample used, `restart` after the leader opened again."""

    def __init__(self, rig: Rig, calibration: Calibration, counts_per_turn: float, *, is_numbered: bool = True) -> None:
        """`is_numbered`: `Leader.is_numbered`."""
        self._is_numbered = is_numbered
        per_deg = counts_per_turn / 360.0
        self._turn = counts_per_turn
        self._period_ns = round(1e9 / rig.leader.rate_hz)
        self._hold_ns = round(rig.leader.hold_after_ms * 1e6)
        self._stop_ns = round(rig.leader.stop_after_ms * 1e6)
        self._slack = _SLACK_DEG * per_deg
        self._moved = _NEIGHBOUR_DEG * per_deg
        self._sees_frozen = counts_per_turn >= _FINE_COUNTS
        joints = []
        for joint in rig.leader.joints:
            bound = calibration.joints[joint.name]
            ends = [(bound.zero_deg + bound.sign * deg) * per_deg for deg in (joint.lower_deg, joint.upper_deg)]
            middle = (ends[0] + ends[1]) / 2
            joints.append(
                _Joint(
                    joint.name,
                    joint.channel,
                    min(ends),
                    max(ends),
                    middle - counts_per_turn / 2,
                    joint.max_speed_deg_s * per_deg * 1e-6,
                )
            )
        self._joints = tuple(joints)
        self._count = len(joints)
        self._channels = tuple(joint.channel for joint in joints)
        self._bands = tuple((joint.lower, joint.upper, joint.most_per_us) for joint in joints)
        arms = [joint.name.partition("_")[0] for joint in joints]
        self._neighbours = tuple(
            {other for other in range(len(joints)) if other != index and arms[other] == arms[index]}
            for index in range(len(joints))
        )
        self._chain = sorted(range(len(joints)), key=lambda index: joints[index].channel)
        self._chain_ends = {
            index
            for index, after in zip(self._chain, (*self._chain[1:], None))
            if after is None or arms[after] != arms[index]
        }
        self.restart()

    def restart(self) -> None:
        """Forget everything: the leader was opened anew."""
        self._seq = -1
        self._device_us = -1
        self._begun_ns = 0
        self._offset_ns = math.inf
        self._least_ns = math.inf
        """As `_offset_ns`, had the device's clock no more than the lasting drift."""
        self._newest_ns = 0
        """Difference between the two clocks in the newest sample."""
        self._held: list[int | None] = [None] * self._count
        self._good_us = [0] * self._count
        self._good_ns = [-NEVER_NS] * self._count
        self._changed_us = [0] * self._count
        self._reason = [""] * self._count
        self._is_changed = False
        self._is_all_good = False
        """Every joint's reading in the newest sample was good."""
        self._frozen: frozenset[int] = frozenset()
        self._past: deque[tuple[int | None, ...]] = deque(maxlen=1 + FROZEN_US // _LOOK_EVERY_US)
        self._look_us = 0

    def judge(self, sample: RawCounts, now_ns: int) -> Judged:
        """Never raises on any content of a sample that has the rig's channels."""
        events: list[tuple[str, str]] = []
        if sample.seq < self._seq or sample.device_us < self._device_us:
            self._restarted(sample, events)
        if sample.seq > self._seq and sample.device_us > self._device_us:
            self._take(sample, events)
            if self._sees_frozen and sample.device_us - self._look_us >= _LOOK_EVERY_US:
                self._look_for_frozen(sample.device_us)
        if self._is_all_good:
            ages: tuple[int, ...] = (now_ns - self._good_ns[0],) * self._count
        else:
            ages = tuple([now_ns - good_ns for good_ns in self._good_ns])
        if max(ages) > self._hold_ns:
            self._tell_old(ages, events)
        for index in self._frozen:
            events.append(("joint_frozen", self._joints[index].name))
        if self._is_changed:
            counts = list(sample.counts)
            for joint, held in zip(self._joints, self._held):
                counts[joint.channel] = round(joint.window + self._turn / 2) if held is None else held
            sample = sample._replace(counts=tuple(counts))
        return Judged(sample, ages, tuple(events))

    def _restarted(self, sample: RawCounts, events: list[tuple[str, str]]) -> None:
        self.restart()
        events.append(("leader_restarted", f"sample {sample.seq} at {sample.device_us} us"))

    def _take(self, sample: RawCounts, events: list[tuple[str, str]]) -> None:
        """A sample newer than all before it: each reading is good, or keeps the joint's last good one."""
        _, seq, device_us, counts, health, _ = sample
        # A prompt sample has the least difference between the two clocks; what is above it was spent under way.
        offset_ns = sample.t_ns - device_us * 1000
        before_us = self._device_us
        passed_ns = (device_us - before_us) * 1000
        ahead_ns = self._offset_ns - offset_ns
        if ahead_ns > _STEP_NS:
            if before_us < 0:
                self._begun_ns = sample.t_ns
            elif self._has_stepped(sample, ahead_ns):
                late_ns = self._late_by_number(sample)
                self._restarted(sample, events)
                self._begun_ns = sample.t_ns
                passed_ns = 0
                self._offset_ns = self._least_ns = offset_ns - late_ns
            else:
                before_us = self._without_step(device_us, ahead_ns)
        self._seq, self._device_us = seq, device_us
        least_ns = self._least_ns + passed_ns * _LASTING_DRIFT
        prompt_ns = self._offset_ns + passed_ns * _DRIFT
        if offset_ns < prompt_ns:
            prompt_ns = offset_ns
        if offset_ns < least_ns:
            least_ns = offset_ns
        elif prompt_ns > least_ns + _MOST_CREEP_NS:
            prompt_ns = least_ns + _MOST_CREEP_NS
        self._least_ns, self._offset_ns, self._newest_ns = least_ns, prompt_ns, offset_ns
        born_ns = device_us * 1000 + round(prompt_ns)
        if self._is_all_good and self._take_all_good(counts, health, device_us, before_us, born_ns):
            return
        turn, slack, held, reasons, good_us = self._turn, self._slack, self._held, self._reason, self._good_us
        good_ns, changed_us = self._good_ns, self._changed_us
        is_changed = False
        is_healthy = not any(health)
        for index, (name, channel, lower, upper, window, most_per_us) in enumerate(self._joints):
            count = counts[channel]
            if not lower <= count <= upper and not 0.0 <= count - window < turn:
                count -= round(turn * ((count - window) // turn))
                is_changed = True
            before = held[index]
            if not is_healthy and health[channel]:
                reason = _health_words(health[channel])
            elif count == before:
                reason = ""
            elif not lower <= count <= upper:
                reason = OUT_OF_RANGE
            elif before is None:
                reason = ""
                changed_us[index] = device_us
            else:
                passed_us = device_us - good_us[index]
                if passed_us > _DOUBT_US and reasons[index] == _IMPOSSIBLE_STEP:
                    good_us[index] += min(device_us - before_us, passed_us - _DOUBT_US)
                    passed_us = device_us - good_us[index]
                most = most_per_us * passed_us + slack
                if -most <= count - before <= most:
                    reason = ""
                    changed_us[index] = device_us
                else:
                    reason = _IMPOSSIBLE_STEP
            if reason:
                is_changed = True
                if reason != reasons[index]:
                    events.append(("joint_rejected", f"{name}: {reason}"))
            else:
                held[index] = count
                good_us[index] = device_us
                good_ns[index] = born_ns
            reasons[index] = reason
        self._is_changed = is_changed
        self._is_all_good = not any(reasons)

    def _has_stepped(self, sample: RawCounts, ahead_ns: float) -> bool:
        """The device's clock went further than the host's and the samples' own numbers say. (A sample that overtakes
        those that were under way has its number for it; what is beyond the stop limit is not believed by its number.
        Numbers made of the device's clock are no witness of it.)
        """
        if not self._is_numbered:
            return sample.t_ns - self._begun_ns > _SETTLED_NS
        numbered_ns = (sample.seq - self._seq) * self._period_ns
        return ahead_ns > self._stop_ns or (sample.device_us - self._device_us) * 1000 > numbered_ns + _STEP_NS

    def _late_by_number(self, sample: RawCounts) -> float:
        """How long it was under way, its clock left aside: a step makes nothing young. Without a number of its own it
        is as old as it can be."""
        arrived_ns = self._newest_ns + self._device_us * 1000
        numbered_ns = (sample.seq - self._seq if self._is_numbered else 1) * self._period_ns
        return max(0, self._newest_ns - self._offset_ns + sample.t_ns - arrived_ns - numbered_ns)

    def _without_step(self, device_us: int, ahead_ns: float) -> int:
        """When the sample before this one was taken, so that in what passed by the device's clock alone no joint can
        have moved."""
        excess_us = round(ahead_ns - _STEP_NS) // 1000
        self._good_us = [min(device_us, good_us + excess_us) for good_us in self._good_us]
        return min(device_us, self._device_us + excess_us)

    def _take_all_good(
        self, counts: Sequence[int], health: Sequence[int], device_us: int, before_us: int, born_ns: int
    ) -> bool:
        """The usual case, quickly: every joint was good last time and is so now. False (and nothing done) where not."""
        if any(health):
            return False
        held, slack, passed_us = self._held, self._slack, device_us - before_us
        picked = [counts[channel] for channel in self._channels]
        for count, before, (lower, upper, most_per_us) in zip(picked, held, self._bands):
            most = most_per_us * passed_us + slack
            if not (lower <= count <= upper and -most <= count - before <= most):  # type: ignore[operator]
                return False
        self._changed_us = [
            device_us if count != before else changed_us
            for count, before, changed_us in zip(picked, held, self._changed_us)
        ]
        self._held = picked  # type: ignore[assignment]
        self._good_us = [device_us] * self._count
        self._good_ns = [born_ns] * self._count
        self._is_changed = False
        return True

    def _look_for_frozen(self, device_us: int) -> None:
        """A frozen joint stays so until its reading changes."""
        self._look_us = device_us
        self._past.append(tuple(self._held))
        before = self._past[0]
        movers = {
            index
            for index, (was, now) in enumerate(zip(before, self._held))
            if was is not None and now is not None and abs(now - was) > self._moved
        }
        self._frozen = frozenset(
            index
            for index, changed_us in enumerate(self._changed_us)
            if device_us - changed_us >= FROZEN_US
            and not self._reason[index]
            and (index in self._frozen or len(movers & self._neighbours[index]) >= _NEIGHBOURS)
        )

    def _tell_old(self, ages: Sequence[int], events: list[tuple[str, str]]) -> None:
        """One event for all joints without a good reading: the chain's first missing module is the fault."""
        lost = [index for index in self._chain if ages[index] > self._stop_ns]
        old = lost or [index for index in self._chain if ages[index] > self._hold_ns]
        first = old[0]
        joint, reason = self._joints[first], self._reason[first]
        age_ns = ages[first]
        if not any(self._reason):  # the readings are good, but old: the whole leader
            events.append(("leader_silent" if lost else "leader_stale", f"{age_ns // 1_000_000} ms under way"))
            return
        where = self._chain.index(first)
        if len(old) > 1 and self._chain[where : where + len(old)] == old and old[-1] in self._chain_ends:
            words = f"{joint.name} and {len(old) - 1} after it"
            events.append(("chain_broken" if lost else "joint_stale", words))
            return
        words = f"{joint.name}: {reason}, " + (f"{age_ns // 1_000_000} ms" if age_ns < NEVER_NS else "never read")
        if lost:
            events.append(("joint_out_of_range" if reason == OUT_OF_RANGE else "joint_lost", words))
        else:
            events.append(("joint_stale", words))


def _health_words(health: int) -> str:
    if health & HEALTH_MISSING:
        return _NO_ANSWER
    return _NOT_A_NUMBER if health & HEALTH_NOT_A_NUMBER else _DEVICE_ERROR
