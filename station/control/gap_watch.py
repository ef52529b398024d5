"""The loop's own gaps, as events: it was kept from commanding, so that all it knows is old, and for its own fault."""

from __future__ import annotations

from station.control.watch import Events
from station.settings.rig import Rig


class GapWatch:
    """Between two commands, and within one tick, after its sample was read: there the next command comes in time."""

    def __init__(self, rig: Rig, period_ns: int) -> None:
        self._flag_ns = round(rig.loop.gap_flag_ms * 1e6)
        self._stop_ns = round(rig.loop.gap_stop_ms * 1e6)
        self._period_ns = period_ns
        self._within_ns = 0
        self._is_blind = False
        self.asked_since_ns = 0
        """Since when the motors are commanded without a gap of ours: they answer, and stay on, only when asked."""

    def look(self, into: Events, now_ns: int, last_sent_ns: int) -> None:
        """`last_sent_ns`: when the last command had been handed over, 0 while there is none to go on from."""
        within_ns, self._within_ns = self._within_ns, 0
        if not last_sent_ns:
            return
        gap_ns = max(now_ns - last_sent_ns - self._period_ns, within_ns)
        if gap_ns > self._stop_ns:
            self.asked_since_ns = now_ns
            into.insert(0, ("loop_gap_stop", f"{gap_ns // 1_000_000} ms"))  # the cause of what else is late now
        elif gap_ns > self._flag_ns:
            into.append(("loop_gap", f"{gap_ns / 1e6:.1f} ms"))

    def blinds(self, within_ns: int) -> bool:
        """Told how long this tick has taken since its sample was read. Whether nothing of what it knows may be judged:
        all seems late now; what is, still will be in the next tick. So never two ticks in a row."""
        self._within_ns = within_ns
        self._is_blind = within_ns > self._stop_ns and not self._is_blind
        return self._is_blind
