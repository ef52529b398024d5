"""The screen's two lines in one: views from the session, intents to the control process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from station.link.intents import IntentSender
from station.link.views import ViewClient
from station.signals import IntentKind, RequestKind, Role, SessionView

_RECONNECT_S: Final = 0.5


class StationLink:
    """Connects to the run in `runtime`; raises OSError where none runs. A session that was started again is found."""

    def __init__(self, runtime: Path, role: Role = Role.SCREEN) -> None:
        self._path = runtime / "views.sock"
        self._views = ViewClient(self._path)
        self._intents = IntentSender(runtime / "intents.sock", role)
        self._last: SessionView | None = None
        self._tried = 0.0

    @property
    def is_lost(self) -> bool:
        return self._views.is_lost

    def latest(self) -> SessionView | None:
        self._last = self._views.latest() or self._last
        finished = self._last is not None and self._last.finished
        if self._views.is_lost and not finished and time.monotonic() - self._tried > _RECONNECT_S:
            self._tried = time.monotonic()
            try:
                found = ViewClient(self._path)
            except OSError:
                return self._last
            self._views.close()
            self._views = found
        return self._last

    def intend(self, kind: IntentKind) -> bool:
        return self._intents.send(kind, time.monotonic_ns())

    def request(self, kind: RequestKind) -> None:
        self._views.request(kind)

    def close(self) -> None:
        self._views.close()
        self._intents.close()
