"""The screen's promises to the control process: the lease, and the engage that a person began.

Both hang on the app's own event loop and on its drawing: when either stops, they stop, and the control process holds.
Neither waits in the queue of messages behind a drawing: they are calls of the loop itself, on absolute times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from station.signals import IntentKind, Mode, SessionView
from station.tui.link import ScreenLink

BEAT_NS: Final = 100_000_000
ENGAGE_LIMIT_NS: Final = 15_000_000_000
DRAWING_LIMIT_NS: Final = 1_000_000_000
"""Not drawn for longer: the person cannot see the robot's state, so no lease."""
LET_GO_NS: Final = 350_000_000
"""The control process takes an ENGAGE as a new one only after 300 ms without any (control/mode.py, `Rules`)."""
_REPEATS: Final = 3
"""A datagram may be lost: a hold or a stop is sent so often."""


class Heart:
    """Sends LEASE every beat; ENGAGE every beat while engaging; HOLD and STOP at once and on the next beats."""

    def __init__(self, link: ScreenLink, clock_ns: Callable[[], int]) -> None:
        self._link = link
        self._clock_ns = clock_ns
        self._engaged_ns: int | None = None
        self._not_before_ns = 0
        self._asked_ns = clock_ns() - LET_GO_NS
        """When the last ENGAGE went out."""
        self._repeat: list[IntentKind] = []
        self._unsent: IntentKind | None = None
        """A restraint that found no way to the control process. Until it does there is no lease: the arm holds."""
        self._drawn_ns = clock_ns()
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_engaging(self) -> bool:
        return self._engaged_ns is not None

    def engage(self) -> None:
        """Begin to ask for following; the first ask goes out now, or when the last asking is long enough ago.

        Nothing while a restraint could not be sent."""
        if self._unsent is not None:
            return
        self._repeat.clear()
        now_ns = self._clock_ns()
        self._engaged_ns = now_ns
        self._not_before_ns = self._asked_ns + LET_GO_NS
        self._ask(now_ns)

    def release(self) -> None:
        """Ask for following no more."""
        self._engaged_ns = None

    def insist(self, kind: IntentKind) -> None:
        """HOLD or STOP: now, and again on the next beats; ends any engaging."""
        self.release()
        if self._unsent is not IntentKind.STOP:
            self._unsent = kind
        self._send_restraint()
        self._repeat = [kind] * (_REPEATS - 1)

    def _send_restraint(self) -> None:
        if self._unsent is not None and self._link.intend(self._unsent):
            self._unsent = None

    def see(self, view: SessionView | None) -> None:
        """Engaging ends when the arm follows, when it fell back to waiting, or when it may not move at all.

        Falling back must end it: a link that comes back never resumes motion without a person.
        """
        if self._engaged_ns is None:
            return
        if view is None:
            self.release()
            return
        is_over = bool(view.blocked) or view.mode in (Mode.FOLLOWING, Mode.STOPPING, Mode.STOPPED, Mode.DISCONNECTED)
        fell_back = view.mode in (Mode.HOLD, Mode.READY) and view.mode_since_ns > self._engaged_ns
        if is_over or fell_back:
            self.release()

    def drawn(self) -> None:
        """The app has just drawn."""
        self._drawn_ns = self._clock_ns()

    def beat(self) -> None:
        """One beat."""
        self._send_restraint()
        now_ns = self._clock_ns()
        if now_ns - self._drawn_ns > DRAWING_LIMIT_NS:
            self.release()
            return
        if self._unsent is not None:
            return
        self._link.intend(IntentKind.LEASE)
        if self._repeat:
            self._link.intend(self._repeat.pop())
        if self._engaged_ns is not None:
            if now_ns - self._engaged_ns > ENGAGE_LIMIT_NS:
                self.release()
            else:
                self._ask(now_ns)

    def _ask(self, now_ns: int) -> None:
        if now_ns >= self._not_before_ns:
            self._asked_ns = now_ns
            self._link.intend(IntentKind.ENGAGE)

    def start(self) -> None:
        """Beat on the running event loop until `stop`."""
        self._schedule(asyncio.get_running_loop().time())

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.release()

    def _schedule(self, due_s: float) -> None:
        loop = asyncio.get_running_loop()

        def run() -> None:
            self.beat()
            self._schedule(max(due_s + BEAT_NS / 1e9, loop.time()))

        self._handle = loop.call_at(due_s, run)
