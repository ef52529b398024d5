"""The person at a headless, emulated rig: keeps the screen's lease, engages, and engages again after a hold."""

from __future__ import annotations

from typing import Final

from station.signals import IntentKind, Mode

_RELEASE_S: Final = 0.6
"""Engaging must begin with a release, as from a pedal."""
_PRESS_S: Final = 1.5
"""Pressing so long without effect: let go and try again."""


class EmulatedPerson:
    """Presses the pedal when the arm may be engaged; never resets a stop."""

    def __init__(self) -> None:
        self._pressed_s: float | None = None
        self._released_s = -_RELEASE_S

    def ask(self, mode: Mode, now_s: float) -> list[IntentKind]:
        """What this person asks now; call every 50 to 100 ms."""
        asked = [IntentKind.LEASE]
        if mode not in (Mode.READY, Mode.HOLD, Mode.ALIGNING):
            self._pressed_s = None
            self._released_s = now_s
        elif self._pressed_s is None:
            if now_s - self._released_s >= _RELEASE_S:
                self._pressed_s = now_s
        elif mode is not Mode.ALIGNING and now_s - self._pressed_s > _PRESS_S:
            self._pressed_s = None
            self._released_s = now_s
        if self._pressed_s is not None:
            asked.append(IntentKind.ENGAGE)
        return asked
