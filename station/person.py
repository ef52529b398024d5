"""The person at a headless, emulated rig: keeps the screen's lease, engages, and engages again after a hold."""

from __future__ import annotations

from typing import Final

from station.signals import IntentKind, Mode

_RELEASE_S: Final = 0.6
"""Engaging again must begin with a release, as from a pedal."""


class EmulatedPerson:
    """Presses the pedal when the arm may be engaged; never resets a stop."""

    def __init__(self) -> None:
        self._released_until = 0.0
        self._pressing = False

    def ask(self, mode: Mode, now_s: float) -> list[IntentKind]:
        """What this person asks now; call every 50 to 100 ms."""
        asked = [IntentKind.LEASE]
        if mode in (Mode.READY, Mode.HOLD):
            if self._pressing and mode is Mode.HOLD:
                self._pressing = False
                self._released_until = now_s + _RELEASE_S
            if now_s >= self._released_until:
                self._pressing = mode is Mode.READY or self._pressing
                asked.append(IntentKind.ENGAGE)
        elif mode is Mode.ALIGNING:
            asked.append(IntentKind.ENGAGE)
        elif mode is Mode.FOLLOWING:
            self._pressing = True
        return asked
