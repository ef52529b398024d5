"""The verbs of the command line, one a file: `add_arguments(parser)` and `main(options) -> exit code`."""

from __future__ import annotations

import sys
from typing import Final

from station.starting import LINE

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
HARDWARE: Final = 3
TIMEOUT: Final = 4
SAFETY_STOP: Final = 5
DATA: Final = 6
INTERRUPTED: Final = 130


def fail(message: str, code: int) -> int:
    """One line on the standard error, and the exit code."""
    LINE.clear()
    print(f"station: error: {message}", file=sys.stderr)
    return code
