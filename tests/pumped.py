"""An emulated bus kept alive by a thread of the test."""

from __future__ import annotations

import select
import threading
from types import TracebackType
from typing import Self

from drivers.hub_bus import HubServer


class Pumped:
    def __init__(self, hub: HubServer) -> None:
        self.hub = hub
        self._is_ending = False
        self._thread = threading.Thread(target=self._pump)

    def _pump(self) -> None:
        while not self._is_ending:
            select.select([self.hub.fileno()], [], [], 0.02)
            self.hub.poll()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_ending = True
        self._thread.join(5)
        self.hub.close()
