"""One rig, one station: the lock, the folder, what a killed run leaves."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from station.runtime import RigBusyError, Runtime, running_rigs, runtime_folder
from station.settings.errors import ConfigError


@pytest.fixture(autouse=True)
def root(monkeypatch, tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    monkeypatch.setenv("STATION_RUNTIME", str(folder))
    return folder


def test_a_second_station_is_refused_and_told_whom_to_end():
    first = Runtime("demo")
    with pytest.raises(RigBusyError, match=f"driven by another station \\(process {os.getpid()}\\)"):
        Runtime("demo")
    other = Runtime("other")
    other.close()
    first.close()
    Runtime("demo").close()


def test_a_killed_run_does_not_keep_the_rig_and_its_leftovers_go():
    script = (
        "import os; from station.runtime import Runtime; run = Runtime('demo'); "
        "(run.folder / 'views.sock').touch(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    assert (runtime_folder("demo") / "views.sock").exists()
    assert running_rigs() == []
    run = Runtime("demo")
    assert [item.name for item in run.folder.iterdir()] == ["lock"]
    run.close()


def test_running_rigs_are_those_that_a_living_station_holds():
    run = Runtime("demo")
    assert running_rigs() == []
    run.path("views.sock").touch()
    assert [folder.name for folder in running_rigs()] == ["demo"]
    run.close()
    assert running_rigs() == []


def test_nobody_else_may_look_into_the_folder():
    run = Runtime("demo")
    assert run.folder.stat().st_mode & 0o777 == 0o700
    run.close()


def test_a_folder_too_long_for_a_socket_is_an_error_that_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("STATION_RUNTIME", str(tmp_path / ("x" * 80)))
    with pytest.raises(ConfigError, match="expected at most 80"):
        Runtime("demo")


def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STATION_RUNTIME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="cannot be used: Not a directory"):
        Runtime("d")
