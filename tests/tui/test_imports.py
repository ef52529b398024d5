"""The screen starts quickly: nothing heavy is on its path."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("numpy", "scipy", "mcap", "can", "serial", "google.protobuf", "sqlite3")


def test_the_screen_imports_nothing_heavy():
    code = f"import sys, station.tui.run; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
