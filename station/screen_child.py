"""The screen's process as the launcher sees it: started on our terminal, and the terminal mended where it died."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any, Final

# Leave the alternate screen, keyboard, mouse, focus, paste and size modes; whole scroll region (cursor kept), line
# wrap, cursor, colours; then a fresh, clear line (xterm control sequences).
_RESTORE: Final = (
    b"\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?2048l"
    b"\x1b[<u\x1b7\x1b[r\x1b8\x1b[?7h\x1b[?25h\x1b[0m\r\n\x1b[K"
)


class ScreenChild:
    """`python -m station.tui` on this terminal.

    While it draws, a file `screen.PID` stands in the runtime folder: a screen that died while it stood has left the
    terminal in its modes; any other end has put it in order itself, or never touched it."""

    def __init__(self, runtime: Path, language: str) -> None:
        self._saved: list[Any] | None = None
        self._is_restored = False
        with contextlib.suppress(termios.error):
            self._saved = termios.tcgetattr(0)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "station.tui", "--runtime", str(runtime), "--lang", language],
            preexec_fn=_ignore_interrupts,
        )
        self._draws = runtime / f"screen.{self._process.pid}"

    def __enter__(self) -> ScreenChild:
        return self

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout_s: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)

    def restore_terminal(self) -> None:
        """Once: done again, it would put the cursor back over what was printed since."""
        if self._is_restored:
            return
        self._is_restored = True
        if self._draws.exists():
            self._draws.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                os.write(1, _RESTORE)
        if self._saved is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSAFLUSH, self._saved)

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(2.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.returncode != 0:
            self.restore_terminal()


def _ignore_interrupts() -> None:
    """In the child, until it draws: a Ctrl-C during its start is its launcher's business, which ends it in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
