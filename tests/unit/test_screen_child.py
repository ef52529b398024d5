"""The launcher mends the terminal of a screen that died drawing, and touches no other."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

_LAUNCHER = """
import os, signal, sys
from pathlib import Path
from station.screen_child import ScreenChild
runtime = Path(sys.argv[1])
with ScreenChild(runtime, "en") as screen:
    if sys.argv[2] == "drawing":
        screen._draws.touch()
    os.kill(screen._process.pid, signal.SIGKILL)
    screen.wait(60)
    screen.restore_terminal()
    screen.restore_terminal()
os.write(1, b"END")
"""


@pytest.mark.parametrize(("state", "times"), [("drawing", 1), ("starting", 0)])
def test_the_terminal_is_mended_once_where_the_screen_had_drawn(tmp_path: Path, state: str, times: int):
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _LAUNCHER, str(tmp_path), state], stdin=slave, stdout=slave, stderr=subprocess.DEVNULL
    ) as launcher:
        os.close(slave)
        seen = b""
        while b"END" not in seen:
            assert select.select([master], [], [], 60)[0], seen
            seen += os.read(master, 65536)
        assert launcher.wait(60) == 0
    os.close(master)
    assert seen.count(b"\x1b[?1049l") == times
    assert seen.count(b"\x1b[?25h") == times
    assert not list(tmp_path.iterdir())
