"""A watch over the terminal: when it is gone (window closed, SSH broken) the screen ends within a second.

Without it a Textual app can live on unseen, busy reading an ended terminal, and would go on renewing its lease.
The watch is a thread, because the event loop may be blocked by a write to the very terminal that is gone.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from typing import Final

_LOOK_S: Final = 0.2
_GRACE_S: Final = 0.5
"""For the app's own way out, before the main thread is interrupted."""
_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


def is_gone(fd: int) -> bool:
    """Whether the terminal behind the descriptor has hung up (or the descriptor is closed)."""
    poll = select.poll()
    poll.register(fd, 0)
    return any(state & _GONE for _, state in poll.poll(0))


def takes_output(fd: int) -> bool:
    """Whether a write would not block; False where the far end reads no more (a stalled SSH, a paused terminal)."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return any(state & select.POLLOUT for _, state in poll.poll(0))


class TerminalWatch:
    """Calls `lost` once, from its own thread, when a watched descriptor hangs up or SIGHUP comes."""

    def __init__(self, fds: tuple[int, ...], lost: Callable[[], None]) -> None:
        self._fds = tuple(fd for fd in fds if os.isatty(fd))
        self._lost = lost
        self._ended = threading.Event()
        self._hangup = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="terminal-watch", daemon=True)
        self._before: object = None

    def start(self) -> None:
        """From the main thread."""
        self._before = signal.signal(signal.SIGHUP, lambda *_: self._hangup.set())
        self._thread.start()

    def stop(self) -> None:
        """From the main thread, when the app has ended. A second time does nothing."""
        self._ended.set()
        signal.signal(signal.SIGHUP, self._before if callable(self._before) else signal.SIG_DFL)

    def _watch(self) -> None:
        while not self._ended.wait(0 if self._hangup.is_set() else _LOOK_S):
            if self._hangup.is_set() or any(is_gone(fd) for fd in self._fds):
                self._leave()
                return

    def _leave(self) -> None:
        # The app writes on its way out: into nothing, so that it cannot block or fail there.
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in self._fds:
            os.dup2(nothing, fd)
        os.close(nothing)
        self._lost()
        while not self._ended.wait(_GRACE_S):
            # The main thread hangs in a write or a lock: KeyboardInterrupt unwinds it through every `finally`. A real
            # signal, since a blocked system call does not end for a simulated one (_thread.interrupt_main).
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
