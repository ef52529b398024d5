"""The runner of tests/socketcan: what cannot be is 'skipped: why', a failed test is 1, nothing hangs or stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.socketcan import __main__ as lane
from tests.socketcan import bounded, kernel
from tests.socketcan.bounded import Ended
from tests.socketcan.kernel import CannotRunError

PATIENCE_S = (1.0, 4.0, 16.0, 64.0)
"""The machine may be busy: a shorter time that was not enough is followed by a longer one."""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    hang = script(tmp_path / "hang", f"echo begun; sleep 1000 & echo $! > {tmp_path}/child; wait")
    for within_s in PATIENCE_S:
        ended = bounded.run([str(hang)], within_s)
        if (tmp_path / "child").exists():
            break
    assert ended == Ended(None, "begun\n")
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 20
    while is_alive(child):
        assert time.monotonic() < deadline, "the hung program's child lives on"


def test_children_that_outlive_their_program_are_ended(tmp_path: Path) -> None:
    leave = script(tmp_path / "leave", f"sleep 1000 >/dev/null 2>&1 & echo $! > {tmp_path}/child; exit 3")
    assert bounded.run([str(leave)], 60.0) == Ended(3, "")
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 20
    while is_alive(child):
        assert time.monotonic() < deadline, "the child lives on"


def boot(tmp_path: Path, text: str, within_s: float = 60.0) -> int:
    program = script(tmp_path / "uml/usr/bin/linux.uml", text)
    return lane.boot(program.parents[2], None, ["true"], time.monotonic() + within_s)


def boot_hung(tmp_path: Path, text: str) -> int:
    """With a deadline short enough to wait for, but long enough for the guest to have begun."""
    for within_s in PATIENCE_S:
        try:
            return boot(tmp_path, text, within_s)
        except CannotRunError as error:
            if "does not start" not in str(error) and " 0 tests" not in str(error):
                raise
    raise AssertionError("the guest never began")


def test_a_guest_that_does_not_start_is_a_skip(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match="does not start: ptrace is not allowed here"):
        boot(tmp_path, "echo checking; echo ptrace is not allowed here; exit 1")
    with pytest.raises(CannotRunError, match="does not start: no words"):
        boot(tmp_path, "sleep 1000", 0.5)
    with pytest.raises(CannotRunError, match=r"No such file"):
        lane.boot(tmp_path / "nothing", None, ["true"], time.monotonic() + 10)


# What the guest's script would do: LANE_OUT=... is among the kernel's words.
OUT = 'for word in "$@"; do case $word in LANE_OUT=*) out=${word#LANE_OUT=} ;; esac; done; echo "== guest 6.1"; '


def test_the_guests_code_is_the_lanes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert boot(tmp_path, OUT + "echo all PASSED; echo 0 > $out/code") == 0
    assert "all PASSED" in capsys.readouterr().out
    assert boot(tmp_path, OUT + "echo one FAILED; echo 1 > $out/code") == 1
    assert boot(tmp_path, OUT + "echo 5 > $out/code") == 1, "no test found is no success"


def test_a_guest_that_dies_is_a_skip_unless_a_test_had_failed(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match="2 tests had passed, none failed"):
        boot(tmp_path, OUT + "echo a PASSED; echo b PASSED; kill -9 $$")
    with pytest.raises(CannotRunError, match="1 tests had passed, none failed"):
        boot_hung(tmp_path, OUT + "echo a PASSED; exec sleep 1000")
    assert boot_hung(tmp_path, OUT + "echo 'a FAILED'; exec sleep 1000") == 1


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="User Mode Linux is fetched on x86_64 only")
def test_a_package_that_does_not_come_is_a_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("STATION_UML", raising=False)
    monkeypatch.setattr(kernel, "FETCH_S", 5.0)
    script(tools / "apt-get", "echo 'E: Temporary failure resolving the mirror'; exit 100")
    with pytest.raises(CannotRunError, match="does not download: E: Temporary failure"):
        kernel.find_kernel()
    script(tools / "apt-get", "echo done")
    with pytest.raises(CannotRunError, match="no such package"):
        kernel.find_kernel()
    script(tools / "apt-get", "echo rubbish > package.deb")
    with pytest.raises(CannotRunError, match="does not unpack"):
        kernel.find_kernel()
    monkeypatch.setattr(kernel, "FETCH_S", 0.3)
    script(tools / "apt-get", "sleep 1000")
    with pytest.raises(CannotRunError, match=r"was not done in 0\.3 s"):
        kernel.find_kernel()
    assert list((tmp_path / "cache/station").iterdir()) == [], "nothing half is left"


def test_what_runs_ends_with_a_killed_runner(tmp_path: Path) -> None:
    began = tmp_path / "child"
    hang = script(tmp_path / "hang", f"sleep 1000 & echo $! > {began}.new; mv {began}.new {began}; wait")
    words = f"from tests.socketcan import bounded; bounded.run([{str(hang)!r}], 1000)"
    runner = subprocess.Popen([sys.executable, "-c", words], cwd=lane.ROOT)
    deadline = time.monotonic() + 30
    while not began.exists():
        assert time.monotonic() < deadline, "it does not begin"
        time.sleep(0.01)
    runner.kill()
    runner.wait()
    child = int(began.read_text())
    while is_alive(child):
        assert time.monotonic() < deadline, "the program lives on"
