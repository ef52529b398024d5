"""How a run on a terminal begins and ends: the first line, Ctrl-C at any time, a screen that died."""

from __future__ import annotations

import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.link.views import ViewClient
from station.signals import RequestKind
from tests.sim.conftest import ours

pytestmark = pytest.mark.process
_PATIENCE_S = 90.0


class Terminal:
    """A command on a terminal of its own, 80 x 24."""

    def __init__(self, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "station", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
        )
        os.close(slave)

    def until(self, text: str) -> None:
        due = time.monotonic() + _PATIENCE_S
        while text.encode() not in self.seen:
            assert time.monotonic() < due, self.seen[-2000:].decode(errors="replace")
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self._master, 65536)
                except OSError:  # all ends are closed
                    assert text.encode() in self.seen, self.seen[-2000:].decode(errors="replace")

    def wait(self) -> int:
        """Exit code, with everything that was said read."""
        due = time.monotonic() + _PATIENCE_S
        while time.monotonic() < due:
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self._master, 65536)
                except OSError:
                    break
        return self.process.wait(_PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def started(runtime: Path, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal("run", "demo", "--lang", "en", "--data", str(tmp_path))
    yield terminal
    terminal.close()


@pytest.mark.parametrize("step", ["starting …", "2/5", "4/5"])
def test_ctrl_c_while_it_starts_ends_it_with_a_sentence_and_leaves_nothing(started: Terminal, runtime: Path, step: str):
    started.until(step)
    for _ in range(3):
        started.process.send_signal(signal.SIGINT)
    assert started.wait() == 130
    assert b"Traceback" not in started.seen
    assert b"station: interrupted" in started.seen or b"station: ended" in started.seen
    assert ours(runtime) == []


def test_ctrl_c_twice_on_the_screen_ends_at_once_the_arm_first(started: Terminal, runtime: Path):
    started.until("SPACE")
    os.write(started._master, b"\x03")
    os.write(started._master, b"\x03")
    assert started.wait() == 130
    assert b"Traceback" not in started.seen
    assert b"station: ended at once: the arm was stopped and switched off first" in started.seen or (
        b"Shift summary" in started.seen  # the first one was quick enough to end it in order
    )
    assert ours(runtime) == []


def test_a_first_terminal_whose_screen_died_gets_a_hint_that_works_and_the_summary(started: Terminal, runtime: Path):
    started.until("SPACE")
    (mark,) = (runtime / "station" / "demo").glob("screen.*")
    os.kill(int(mark.suffix[1:]), signal.SIGKILL)
    started.until("its summary follows here")
    assert f"STATION_RUNTIME={shlex.quote(str(runtime))} ".encode() in started.seen
    assert b"\x1b[?1049l" in started.seen
    elsewhere = ViewClient(runtime / "station" / "demo" / "views.sock")
    elsewhere.request(RequestKind.FINISH)
    assert started.wait() == 0
    elsewhere.close()
    for words in (b"Shift summary  demo / w001", b"complete", b"Technical"):
        assert words in started.seen


def test_what_ends_launcher_and_screen_together_leaves_no_word_that_the_arm_is_held(started: Terminal, runtime: Path):
    """As where a service manager or a logout ends them: the screen can not know what becomes of the run."""
    started.until("SPACE")
    os.killpg(started.process.pid, signal.SIGTERM)
    assert started.wait() == 130
    assert b"Traceback" not in started.seen
    closed = started.seen.find(b"Where the run goes on, the arm holds.")
    assert b"arm holds" not in started.seen[closed + len("Where the run goes on, the arm holds.") :]
    assert b"complete" in started.seen[started.seen.rfind(b"Shift summary") :]
    assert ours(runtime) == []
