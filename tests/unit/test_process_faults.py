"""`station fault station …`: our own processes, found by their command lines."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from station import process_faults

pytestmark = pytest.mark.process


@pytest.fixture
def session(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the command line of a session of this runtime folder."""
    words = ["station.session", "--runtime", str(tmp_path)]
    child = subprocess.Popen([sys.executable, "-c", "input()", *words], stdin=subprocess.PIPE)
    yield child
    child.kill()
    child.wait()
    assert child.stdin is not None
    child.stdin.close()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def becomes(pid: int, letters: str) -> bool:
    end = time.monotonic() + 20
    while state(pid) not in letters and time.monotonic() < end:
        time.sleep(0.01)
    return state(pid) in letters


def test_a_process_is_frozen_set_going_and_killed(tmp_path, session):
    assert process_faults.send(tmp_path, "freeze", "session") == session.pid
    assert becomes(session.pid, "T")
    process_faults.send(tmp_path, "resume", "session")
    assert becomes(session.pid, "SR")
    process_faults.send(tmp_path, "kill", "session")
    assert session.wait(20) == -9
    assert process_faults.find(tmp_path, "session") is None


def test_only_the_runs_own_process_is_meant(tmp_path, session):
    assert process_faults.find(tmp_path / "other", "session") is None
    assert process_faults.find(tmp_path, "control") is None
    with pytest.raises(ValueError, match="the control process is not running"):
        process_faults.send(tmp_path, "kill", "control")
    assert session.poll() is None


def test_what_is_asked_wrongly_is_told(tmp_path):
    with pytest.raises(ValueError, match="'melt' is no fault; expected one of kill, freeze, resume"):
        process_faults.send(tmp_path, "melt", "control")
    with pytest.raises(ValueError, match="process is ''; expected one of control, session, supervisor, screen"):
        process_faults.send(tmp_path, "kill", "")
