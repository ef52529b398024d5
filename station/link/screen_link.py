"""The screen's two lines in one: views from the session, intents to the control process."""

from __future__ import annotations

import time
from pathlib import Path

from station.link.intents import IntentSender
from station.link.views import ViewClient
from station.signals import IntentKind, RequestKind, Role, SessionView


class StationLink:
    """Connects to the run in `runtime`; raises OSError where none runs."""

    def __init__(self, runtime: Path, role: Role = Role.SCREEN) -> None:
        self._views = ViewClient(runtime / "views.sock")
        self._intents = IntentSender(runtime / "intents.sock", role)

    @property
    def is_lost(self) -> bool:
        return self._views.is_lost

    def latest(self) -> SessionView | None:
        return self._views.latest()

    def intend(self, kind: IntentKind) -> None:
        self._intents.send(kind, time.monotonic_ns())

    def request(self, kind: RequestKind) -> None:
        self._views.request(kind)

    def close(self) -> None:
        self._views.close()
        self._intents.close()
