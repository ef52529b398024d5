"""The screen's process as the launcher sees it: started on our terminal, and the terminal mended where it died."""

from __future__ import annotations

import contextlib
import os
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
    """`python -m station.tui` on this terminal."""

    def __init__(self, runtime: Path, language: str) -> None:
        self._saved: list[Any] | None = None
        self._is_restored = False
        with contextlib.suppress(termios.error):
            self._saved = termios.tcgetattr(0)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "station.tui", "--runtime", str(runtime), "--lang", language]
        )

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
