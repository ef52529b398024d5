"""The loop's sense of time: the one file of the control process that reads the clock and sleeps.

Slots come at the arm's own rate on an absolute schedule; a missed slot is skipped and counted, never made up by a
burst. The phase follows the leader's samples slowly (a phase-locked loop of gain 1/16, at most 20 us a slot),
so that each command leaves right after a fresh sample instead of up to a sample period later.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Final

_GAIN_SHIFT: Final = 4
_MOST_NUDGE_NS: Final = 20_000


class Pace:
    """Slots of `rate_hz`; `slot_ns` is the one being waited for."""

    def __init__(
        self,
        rate_hz: float,
        leader_rate_hz: float,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self.period_ns = round(1e9 / rate_hz)
        sample_ns = round(1e9 / leader_rate_hz)
        # One leader sample on average falls into [slot - guard, slot + grace].
        self._guard_ns = min(sample_ns // 2, self.period_ns // 3)
        self._grace_ns = min(sample_ns // 2, self.period_ns // 3)
        self.clock = clock
        self.wall = wall
        self._sleep = sleep
        self.index = 0
        self.lost = 0
        self.slot_ns = clock() + self.period_ns

    def sleep(self) -> int:
        """Sleep until shortly before the slot; how late the sleeper woke, ns (0 where there was no time to sleep)."""
        wake_ns = self.slot_ns - self._guard_ns
        left_ns = wake_ns - self.clock()
        if left_ns <= 0:
            return 0
        self._sleep(left_ns * 1e-9)
        return max(0, self.clock() - wake_ns)

    def wait(self, fd: int) -> bool:
        """Wait for the leader's next sample, at most until the slot's deadline; False is silence."""
        left_ns = self.slot_ns + self._grace_ns - self.clock()
        ready, _, _ = select.select((fd,), (), (), max(0.0, left_ns * 1e-9))
        return bool(ready)

    def wait_out(self) -> None:
        """No leader to wait for: sleep until the slot itself."""
        left_ns = self.slot_ns - self.clock()
        if left_ns > 0:
            self._sleep(left_ns * 1e-9)

    def lock_to(self, arrival_ns: int) -> None:
        """Move the schedule a little towards the leader's phase."""
        nudge = (arrival_ns - self.slot_ns) >> _GAIN_SHIFT
        self.slot_ns += max(-_MOST_NUDGE_NS, min(_MOST_NUDGE_NS, nudge))

    def advance(self) -> int:
        """Go to the next slot; how many had to be skipped because their time is past by over half a period."""
        self.slot_ns += self.period_ns
        self.index += 1
        behind_ns = self.clock() - self.slot_ns
        if behind_ns <= self.period_ns // 2:
            return 0
        skipped = behind_ns // self.period_ns + 1
        self.slot_ns += skipped * self.period_ns
        self.index += skipped
        self.lost += skipped
        return skipped
