"""What the screen needs of the processes behind it. `station/link/screen_link.py` is the real one."""

from __future__ import annotations

from typing import Protocol

from station.signals import IntentKind, RequestKind, SessionView


class ScreenLink(Protocol):
    """No call blocks and none raises: the heart-beat of the screen passes through here."""

    @property
    def is_lost(self) -> bool:
        """The session has ended or does not answer; `latest` keeps its last view."""

    def latest(self) -> SessionView | None:
        """The newest view received so far; None before the first."""

    def intend(self, kind: IntentKind) -> bool:
        """To the control process; False where it could not be sent. May be lost, so what matters is repeated."""

    def request(self, kind: RequestKind) -> None:
        """To the session process."""

    def close(self) -> None: ...
