"""What the ticks say beside the repetitions: mode and its cause, alarms that stand, rates, latency. Cheap per tick."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Final

from drivers.ports import MOTOR_ON
from firmware_bridge.samples import (
    INPUT_ENABLE,
    INPUT_ENABLE_THROUGH,
    INPUT_ESTOP,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
)
from station.control.events import EVENTS, Effect, Severity, effect_of
from station.control.mode import Rules
from station.signals import AlarmView, Mode, Tick

ALARM_STANDS_NS: Final = 5_000_000_000
"""An event that has not come again for so long no longer stands."""
_INPUTS_FRESH_NS: Final = 100_000_000
"""What an older sample says of a switch that must be held is worth nothing."""
_ANSWERS_FRESH_NS: Final = 250_000_000
"""Longer than any motor's own time-out: one that is silent for so long may have switched itself off."""
_BLOCKS_AFTER_NS: Final = 300_000_000
"""A restraint that has come for so long is not over in a moment: to ask for a start is in vain."""
_BLOCKS_FOR_NS: Final = 500_000_000
"""It is over when it has not come for so long (a full disk is told with each beat of this process)."""
_HAS: Final = INPUT_HAS_ENABLE | INPUT_HAS_ESTOP
_STILL: Final = (Mode.HOLD, Mode.STOPPING, Mode.STOPPED)
_SLOWS: Final = ("motor_slow",)
"""The arm goes on, and a person notices: it does not go as it was asked to."""
_WAITS: Final = (Mode.READY, Mode.HOLD)
_READERS: Final = ("no_screen", "screen_lost")
"""Of who reads what this process tells: where it is read, a screen is there."""
_OWN: Final = ("session_lost",)
"""Of itself: where this process can tell it, it is no longer true."""


class TickMonitor:
    def __init__(self, rate_hz: float) -> None:
        self.last: Tick | None = None
        self.ticks = 0
        self.mode = int(Mode.DISCONNECTED)
        self.mode_since_ns = 0
        self.stop_event = ""
        self.stop_detail = ""
        self._has = 0
        self._released_ns: int | None = None
        """Since when the enable switch is released; None while it is not."""
        self._has_let_go = False
        self._latency_ns: deque[int] = deque(maxlen=max(2, round(rate_hz)))
        self._slots: deque[tuple[int, int]] = deque(maxlen=max(2, round(rate_hz)))
        self._alarms: dict[str, AlarmView] = {}
        self._seen_ns: dict[str, int] = {}
        self._holds: dict[str, tuple[int, int]] = {}
        """Events that let nothing start, or refuse a reset: when each first and last came without a break."""

    def on_tick(self, tick: Tick) -> None:
        self.last = tick
        self.ticks += 1
        self._has |= tick.inputs & _HAS
        self._slots.append((tick.index, tick.slot_ns))
        if tick.sent_ns:
            self._latency_ns.append(tick.sent_ns - tick.sample_t_ns)
        for name, detail in tick.events:
            self.raise_alarm(name, detail, tick.start_ns)
            if _blocks(name, tick.mode) and name not in _READERS:
                self._hold(name, tick.start_ns)
        self.stop_event, self.stop_detail = tick.cause, tick.cause_detail
        if tick.mode != self.mode:
            if self.mode in _STILL and tick.mode not in (Mode.STOPPING, Mode.STOPPED):
                self._forget_causes(tick)
            self.mode, self.mode_since_ns = tick.mode, tick.start_ns
            if tick.mode == Mode.READY:
                self._has_let_go = False
        self._follow_switch(tick)

    def _follow_switch(self, tick: Tick) -> None:
        """As the control process does (control/mode.py)."""
        switch = self.inputs & (INPUT_ENABLE | INPUT_ENABLE_THROUGH)
        if not self._is_switch_heard or switch:
            self._released_ns = None
        elif self._released_ns is None:
            self._released_ns = tick.start_ns
        if not self._is_switch_heard or switch & INPUT_ENABLE_THROUGH:
            self._has_let_go = False
        elif self._released_ns is not None and tick.start_ns - self._released_ns >= Rules().enable_debounce_ns:
            self._has_let_go = True

    def _hold(self, name: str, t_ns: int) -> None:
        first_ns, last_ns = self._holds.get(name, (t_ns, t_ns))
        self._holds[name] = (t_ns if t_ns - last_ns > _BLOCKS_FOR_NS else first_ns, t_ns)

    @property
    def blocked(self) -> str:
        """The event that stands and lets nothing start, of a stop: that would refuse its reset; the loudest of several,
        '' for none, and where a stop's cause stands itself. Of the newest tick: where no more come, what was last true
        stays."""
        if self.last is None:
            return ""
        now_ns, mode = self.last.start_ns, self.last.mode
        found = [
            name
            for name, (first_ns, last_ns) in self._holds.items()
            if last_ns - first_ns >= _BLOCKS_AFTER_NS and now_ns - last_ns <= _BLOCKS_FOR_NS and _blocks(name, mode)
        ]
        if mode == Mode.STOPPED and self.last.cause in found:
            return ""
        return max(found, key=_rank, default="")

    def _forget_causes(self, tick: Tick) -> None:
        """The arm came out of a stop or a hold: what led there is past, unless it still comes."""
        now = {tick.cause, *(name for name, _ in tick.events)}
        for name in [name for name in self._alarms if effect_of(name) >= Effect.HOLD and name not in now]:
            del self._alarms[name], self._seen_ns[name]

    def raise_alarm(self, event: str, detail: str, t_ns: int) -> None:
        """An event that a person should see; repeated ones keep the time they first stood."""
        if event in _OWN:
            return
        known = EVENTS.get(event)
        if known is not None and known.severity < Severity.WARNING:
            return
        standing = self._alarms.get(event)
        first_ns = standing.t_ns if standing is not None else t_ns
        self._alarms[event] = AlarmView(event=event, detail=detail, t_ns=first_ns)
        self._seen_ns[event] = t_ns

    def alarms(self, now_ns: int) -> tuple[AlarmView, ...]:
        """Those that stand, the worst first (stop, hold, slow, note), the newest first among equals; a stop's cause
        stands as long as the stop."""
        for name in [
            n for n, seen in self._seen_ns.items() if now_ns - seen > ALARM_STANDS_NS and n != self.stop_event
        ]:
            del self._seen_ns[name], self._alarms[name]
        return tuple(sorted(self._alarms.values(), key=lambda alarm: (_rank(alarm.event), alarm.t_ns), reverse=True))

    @property
    def must_let_go(self) -> bool:
        """The enable switch is held, or was pressed through: to grip it enables nothing before it was let go."""
        return (
            self.mode in _WAITS and not self._has_let_go and bool(self.inputs & (INPUT_ENABLE | INPUT_ENABLE_THROUGH))
        )

    @property
    def _is_switch_heard(self) -> bool:
        tick = self.last
        return (
            tick is not None
            and bool(tick.inputs & (INPUT_HAS_ENABLE | INPUT_ENABLE_THROUGH))
            and tick.start_ns - tick.sample_t_ns < _INPUTS_FRESH_NS
        )

    @property
    def inputs(self) -> int:
        """INPUT_* bits now, as the control process judges them: a switch that was there and is no longer reported is
        released, an emergency stop is pressed. Without an emergency stop's bits while nobody can know of it."""
        now = self.last.inputs if self.last is not None else 0
        found = self._has
        is_fresh = self.last is not None and self.last.start_ns - self.last.sample_t_ns < _INPUTS_FRESH_NS
        if self._has & INPUT_HAS_ENABLE and is_fresh:
            if now & INPUT_ENABLE_THROUGH:
                found |= INPUT_ENABLE_THROUGH
            elif now & INPUT_HAS_ENABLE:
                found |= now & INPUT_ENABLE
        if self._has & INPUT_HAS_ESTOP and (now & INPUT_ESTOP or not now & INPUT_HAS_ESTOP):
            found |= INPUT_ESTOP
        elif not is_fresh:
            found &= ~INPUT_HAS_ESTOP
        return found

    @property
    def is_arm_off(self) -> bool:
        """By the motors' own answers: a mode that holds is what was asked of them, not what they do."""
        if self.last is None:
            return False
        is_on = all([status == MOTOR_ON for status in self.last.arm_status])
        return not is_on or self.last.feedback_age_ns > _ANSWERS_FRESH_NS

    @property
    def rate_hz(self) -> float:
        """Ticks received a second, over the last second of them."""
        if len(self._slots) < 2:
            return 0.0
        span_ns = self._slots[-1][1] - self._slots[0][1]
        return (len(self._slots) - 1) * 1e9 / span_ns if span_ns > 0 else 0.0

    @property
    def latency_us(self) -> float:
        """Median of the last second, sample read -> command handed over; 0 while nothing is sent."""
        return statistics.median(self._latency_ns) / 1e3 if self._latency_ns else 0.0


def _blocks(name: str, mode: int) -> bool:
    """Whether an event keeps that mode from being left for a start."""
    effect = effect_of(name)
    return (mode in _WAITS and effect is Effect.HOLD) or (mode == Mode.STOPPED and effect >= Effect.STOP)


def _rank(name: str) -> tuple[int, int]:
    """How bad: first what it does to the arm (stop, hold, slow, nothing), then how loud. An unknown event stops the
    arm (control/events.py), so it is an alarm."""
    event = EVENTS.get(name)
    effect = effect_of(name)
    level = 3 if effect >= Effect.STOP else 2 if effect is Effect.HOLD else 1 if name in _SLOWS else 0
    return level, event.severity if event is not None else Severity.ALARM
