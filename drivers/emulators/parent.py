"""Has the process that started this one gone? Then an emulator ends by itself, two seconds later."""

from __future__ import annotations

import os
import select
import stat
from typing import Final

from drivers.emulators.control_socket import is_orphan

_PATIENCE_NS: Final = 2_000_000_000


class ParentWatch:
    """Made at the start, while the parent still lives; `is_gone` is asked now and then."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._has_pipe = stat.S_ISFIFO(os.fstat(0).st_mode)
        self._is_alone = False
        self._since_ns = 0

    def is_gone(self, now_ns: int) -> bool:
        """The parent has ended, or closed the pipe on standard input, two seconds ago or more."""
        if not self._is_alone:
            self._is_alone = is_orphan(self._parent)
            if self._has_pipe and select.select((0,), (), (), 0)[0]:
                self._is_alone = not os.read(0, 4096)
            self._since_ns = now_ns
        return self._is_alone and now_ns - self._since_ns > _PATIENCE_NS
