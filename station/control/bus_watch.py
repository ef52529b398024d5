"""What the robot's buses did since the run began, kept over every opening of them: bus-off, its end, rising errors.

A driver's counters begin at nothing each time that its bus is opened, and they hear nothing before: so these are the
troubles of this run alone, whatever the adapter has counted since it was plugged in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from drivers.ports import LinkCounters
from station.control.watch import Events
from station.signals import BusHealth

_WINDOW_NS: Final = 1_000_000_000
_RISING: Final = 5
"""Error frames within the window that are worth telling; single ones are counted only."""


class BusWatch:
    """`health`: one a bus, in the rig's order; another object each time that it changes."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._counters = [LinkCounters() for _ in names]
        """Those seen last: others after the bus was opened again."""
        self._seen = [(0, 0, 0)] * len(names)
        self._off_at: list[int | None] = [None] * len(names)
        """Frames received when it went off; None while it is not."""
        self._errors = [0] * len(names)
        """Error frames and overflows when the window began."""
        self._since_ns = 0
        self.health = tuple(BusHealth() for _ in names)

    def look(self, into: Events, counters: Sequence[LinkCounters], now_ns: int) -> None:
        for index, counter in enumerate(counters):
            if counter is not self._counters[index]:
                self._counters[index] = counter
                self._seen[index] = (0, 0, 0)
                self._off_at[index] = None if self._off_at[index] is None else 0
            seen = (counter.error_frames, counter.bus_off, counter.overflowed)
            if seen != self._seen[index]:
                self._add(into, index, seen)
            off_at = self._off_at[index]
            if off_at is not None and counter.received > off_at:
                self._off_at[index] = None
                health = self.health[index]
                self._set(index, BusHealth(health.error_frames, health.bus_off, health.overflowed))
                into.append(("bus_recovered", f"{self._names[index]} (BUS-OFF) x{health.bus_off}"))
        if now_ns - self._since_ns > _WINDOW_NS:
            for index, bus in enumerate(self.health):
                errors = bus.error_frames + bus.overflowed
                rise = errors - self._errors[index]
                if rise > _RISING and self._since_ns:
                    into.append(("bus_errors", f"{self._names[index]}: {rise} in 1 s"))
                self._errors[index] = errors
            self._since_ns = now_ns

    def _add(self, into: Events, index: int, seen: tuple[int, int, int]) -> None:
        errors, off, overflowed = (now - before for now, before in zip(seen, self._seen[index]))
        self._seen[index] = seen
        health = self.health[index]
        bus_off = health.bus_off + off
        if off:
            self._off_at[index] = self._counters[index].received
            into.append(("bus_off", f"{self._names[index]} x{bus_off}"))
        self._set(
            index,
            BusHealth(health.error_frames + errors, bus_off, health.overflowed + overflowed, health.is_off or off > 0),
        )

    def _set(self, index: int, health: BusHealth) -> None:
        self.health = (*self.health[:index], health, *self.health[index + 1 :])
