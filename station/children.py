"""Child processes of a run: each says `ready` or one line of error on its standard output; none outlives the run."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_INTERRUPTIONS: Final = (signal.SIGINT, signal.SIGTERM)
_LINE_BREAK: Final = "\x1f"
"""In a child's last words: each is one line of the pipe."""


class StartError(Exception):
    """A child could not start. `code` is the exit code the command should end with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """SIGINT and SIGTERM that come meanwhile are handled at the end: a child that has just been started must be in its
    owner's hands before an interruption ends all that are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda found, _: came.append(found)) for number in _INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for found in came:
        signal.raise_signal(found)


class Child:
    """One child process; its standard input is a pipe that closes when we end, its log goes to a file."""

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], log: Path, pass_fds: Sequence[int] = ()
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                pass_fds=tuple(pass_fds),
                start_new_session=True,  # Ctrl-C is the launcher's business: it makes the arm safe first
            )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self._out = self._process.stdout
        self.notes: list[str] = []
        """Lines the child said before `ready`: what it was refused, in plain words."""

    def wait_ready(self, timeout_s: float) -> None:
        """Until the child said `ready`. Raises StartError with the child's own words."""
        deadline = time.monotonic() + timeout_s
        os.set_blocking(self._out.fileno(), False)
        text = b""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                self.kill()
                raise StartError(f"{self.name} did not get ready within {timeout_s:g} s; start again", 4)
            if not select.select([self._out], [], [], left)[0]:
                continue
            chunk = os.read(self._out.fileno(), 65536)
            text += chunk
            *lines, text = text.split(b"\n")
            for line in lines:
                word = line.decode(errors="replace").strip()
                if word == "ready":
                    return
                if word.startswith("error "):  # "error CODE MESSAGE"
                    _, code, message = word.split(" ", 2)
                    if self.wait(5) is None:
                        self.kill()
                    raise StartError(message.replace(_LINE_BREAK, "\n"), int(code))
                self.notes.append(word.removeprefix("note "))
            if not chunk:
                ended = self.wait(5)
                words = self.last_words() or "it said nothing"
                raise StartError(f"{self.name} ended at once (code {ended}): {words}", 3)

    def last_words(self) -> str:
        """The last line of its log; '' where it said nothing."""
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else ""

    def poll(self) -> int | None:
        """Exit code, or None while it lives."""
        return self._process.poll()

    def last_output(self) -> str:
        """What the child printed after `ready` (its closing document), once it has ended."""
        os.set_blocking(self._out.fileno(), True)
        return self._out.read().decode(errors="replace")

    def terminate(self) -> None:
        if self.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> int | None:
        """Exit code, or None where it still lives after `timeout_s`."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        if self.poll() is None:
            self._process.kill()
            self._process.wait(5)

    def end(self, timeout_s: float = 3.0) -> int:
        """SIGTERM, then SIGKILL where that does not help; the exit code."""
        self.terminate()
        if self.wait(timeout_s) is None:
            self.kill()
        code = self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return code


def say_ready() -> None:
    """A child's word to its launcher."""
    os.write(1, b"ready\n")


def say_note(text: str) -> None:
    os.write(1, f"note {' '.join(text.split())}\n".encode())


def say_error(code: int, message: str) -> None:
    """A child's last words, and the exit code the whole command should end with."""
    lines = [line[: len(line) - len(line.lstrip())] + " ".join(line.split()) for line in message.splitlines()]
    os.write(1, f"error {code} {_LINE_BREAK.join(lines)}\n".encode())
