"""Puts the header before a firmware image, for an update, or for the first time into a new board's flash:

python -m firmware_bridge.make_image BOARD VERSION IN.bin OUT.exo
python -m firmware_bridge.make_image BOARD VERSION IN.bin OUT.bin --flash PAGE_BYTES     for a programmer: slot 0
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firmware_bridge.errors import WireError
from firmware_bridge.exo_terms import IMAGE_HEADER_SIZE
from firmware_bridge.update import Image, make_image

_ERASED = b"\xff"


def slot_bytes(image: Image, page_size: int) -> bytes:
    """A slot that holds the image: header page, page of marks (none), image. Raises WireError."""
    if page_size < 128 or page_size % 8:
        raise WireError(f"pages of {page_size} bytes; expected a multiple of 8, 128 at least")
    header = image.encode()[:IMAGE_HEADER_SIZE]
    return header.ljust(page_size, _ERASED) + _ERASED * page_size + image.payload


def main(words: list[str]) -> int:
    """Exit code: 0 written, 2 wrong words or files."""
    parser = argparse.ArgumentParser(prog="python -m firmware_bridge.make_image")
    parser.add_argument("board", metavar="BOARD", help="the board's type, as its exo_config_t says")
    parser.add_argument("version", metavar="VERSION", help="e.g. 1.4.0")
    parser.add_argument("source", type=Path, metavar="IN.bin")
    parser.add_argument("target", type=Path, metavar="OUT")
    parser.add_argument("--flash", type=int, metavar="PAGE_BYTES", help="a whole slot for a programmer, not an update")
    try:
        options = parser.parse_args(words)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        image = make_image(options.board, options.version, options.source.read_bytes())
        options.target.write_bytes(slot_bytes(image, options.flash) if options.flash else image.encode())
    except (OSError, WireError) as error:
        sys.stderr.write(f"make_image: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
