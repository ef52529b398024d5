"""Every Python file of the project lies in a room: a new file without one fails the check.

Import-linter checks who may import whom; this checks that the list of rooms is complete, and that the three top
packages are the only ones. Run: python -m tests.rooms
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

ROOMS: Final = {
    "firmware_bridge": {"", "mcu"},
    "drivers": {"", "leaders", "arms", "inputs", "emulators"},
    "station": {
        "",
        "bench",
        "cli",
        "settings",
        "link",
        "control",
        "session",
        "tui",
        "tui/screens",
        "tui/widgets",
    },
    "tests": {
        "",
        "unit",
        "property",
        "sim",
        "faults",
        "tui",
        "bench",
        "fuzz",
        "replay",
        "mutation",
        "socketcan",
        "mcu",
    },
}


def strays(root: Path) -> list[str]:
    """Python files that lie in no room."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if any(part.startswith(".") or part in ("build", "__pycache__") for part in parts):
            continue
        if parts[0] not in ROOMS or "/".join(parts[1:-1]) not in ROOMS[parts[0]]:
            found.append("/".join(parts))
    return found


if __name__ == "__main__":
    lost = strays(Path(__file__).parent.parent)
    for name in lost:
        print(f"{name}: lies in no room; put it into one, or add the room to tests/rooms.py and ARCHITECTURE in docs/")
    sys.exit(bool(lost))
