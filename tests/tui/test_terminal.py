"""A screen whose terminal goes away ends by itself: real processes on real ptys."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from station.tui.terminal import is_gone

_SCREEN = """
import sys
sys.path.insert(0, sys.argv[1])
import time
from station.tui.run import run_screen
from tests.tui.scenes import ScriptedLink, joints, view
class Link(ScriptedLink):
    def latest(self):
        self.show(t_ns=time.monotonic_ns(), joints=joints(time.monotonic()))
        return self.view
    def intend(self, kind):
        is_sent = super().intend(kind)
        with open(sys.argv[2] + ".intents", "a") as file:
            file.write(kind + "\\n")
        return is_sent
link = Link(view())
outcome = run_screen(link, "en")
open(sys.argv[2], "w").write(f"{outcome.ending} {link.intents[-1]}")
"""
_PATIENCE_S = 60.0


class Child(NamedTuple):
    process: subprocess.Popen[bytes]
    master: int
    report: Path
    slave_name: str


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A screen that has drawn its first frame."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    report = tmp_path / "report"
    process = subprocess.Popen(
        [sys.executable, "-c", _SCREEN, str(Path(__file__).parents[2]), str(report)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
    )
    slave_name = os.ttyname(slave)
    os.close(slave)
    seen = b""
    due = time.monotonic() + _PATIENCE_S
    while b"Robot" not in seen:
        assert time.monotonic() < due, seen.decode(errors="replace")
        assert process.poll() is None, seen.decode(errors="replace")
        if select.select([master], [], [], 0.2)[0]:
            seen += os.read(master, 65536)
    yield Child(process, master, report, slave_name)
    if process.poll() is None:
        process.kill()
    process.wait()


@pytest.mark.process
def test_a_closed_terminal_ends_the_screen_and_holds_the_arm(child: Child):
    os.close(child.master)
    child.process.wait(_PATIENCE_S)
    assert child.report.read_text() == "terminal_lost hold"


@pytest.mark.process
def test_a_hangup_signal_ends_the_screen_and_holds_the_arm(child: Child):
    child.process.send_signal(signal.SIGHUP)
    child.process.wait(_PATIENCE_S)
    os.close(child.master)
    assert child.report.read_text() == "terminal_lost hold"


@pytest.mark.process
def test_a_request_to_terminate_ends_the_screen_in_order_and_holds_the_arm(child: Child):
    child.process.send_signal(signal.SIGTERM)
    child.process.wait(_PATIENCE_S)
    assert child.report.read_text() == "terminated hold"
    os.close(child.master)


@pytest.mark.process
def test_a_terminal_that_takes_no_output_ends_the_lease_and_when_it_closes_the_screen(child: Child):
    log = Path(f"{child.report}.intents")
    slave = os.open(child.slave_name, os.O_RDWR | os.O_NOCTTY)
    termios.tcflow(slave, termios.TCOOFF)
    due = time.monotonic() + _PATIENCE_S
    size, since = -1, time.monotonic()
    while time.monotonic() - since < 1.0:
        assert time.monotonic() < due, "leases go on though nothing reaches the terminal"
        time.sleep(0.05)
        if log.stat().st_size != size:
            size, since = log.stat().st_size, time.monotonic()
    assert child.process.poll() is None
    os.close(slave)
    os.close(child.master)
    child.process.wait(_PATIENCE_S)


def test_an_open_terminal_is_not_gone_and_a_closed_one_is():
    master, slave = pty.openpty()
    assert not is_gone(slave)
    os.close(master)
    assert is_gone(slave)
    os.close(slave)
