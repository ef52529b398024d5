"""Puts the header before a firmware image: `python -m firmware_bridge.make_image BOARD VERSION IN.bin OUT.exo`."""

from __future__ import annotations

import sys
from pathlib import Path

from firmware_bridge.errors import WireError
from firmware_bridge.update import make_image


def main(words: list[str]) -> int:
    """Exit code: 0 written, 2 wrong words or files."""
    if len(words) != 4:
        sys.stderr.write("usage: python -m firmware_bridge.make_image BOARD VERSION IN.bin OUT.exo\n")
        return 2
    board, version, source, target = words
    try:
        Path(target).write_bytes(make_image(board, version, Path(source).read_bytes()).encode())
    except (OSError, WireError) as error:
        sys.stderr.write(f"make_image: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
