"""`make run` to a person: an end that the screen has told is no error of make's; a program that can not run is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
@pytest.mark.parametrize(("code", "fails"), [(0, False), (5, False), (130, False), (1, True), (2, True), (3, True)])
def test_only_what_could_not_run_is_an_error_of_make(tmp_path: Path, code: int, fails: bool):
    station = tmp_path / "station"
    station.write_text(f"#!/bin/sh\nexit {code}\n")
    station.chmod(0o700)
    made = subprocess.run(
        ["make", "-C", str(ROOT), "-o", ".venv/.ready", "run", f"BIN={tmp_path}"], capture_output=True, text=True
    )
    assert (made.returncode != 0) is fails
    assert ("Error" in made.stderr) is fails
