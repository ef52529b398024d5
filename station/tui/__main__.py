"""The screen's process: `python -m station.tui --runtime DIR --lang zh|en`; `show` is the same for `station attach`."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from station.link.screen_link import StationLink
from station.starting import LINE, clear_left_line
from station.tui.language import Language
from station.tui.run import run_screen
from station.tui.summary import Ending

_CONNECT_S: Final = 5.0


_CODES: Final = {Ending.FINISHED: 0, Ending.LEFT: 0, Ending.ABORTED: 130}


def show(runtime: Path, language: Language, *, is_attached: bool = False) -> int:
    """Blocks while the screen is up. Exit code: 0 the shift was finished or a person left an attached screen, 130 a
    person wants the run ended at once, 1 the screen ended otherwise while the run goes on, 3 there is no run."""
    deadline = time.monotonic() + _CONNECT_S
    while True:
        try:
            link = StationLink(runtime)
            break
        except OSError as error:
            if time.monotonic() > deadline:
                LINE.clear()
                sys.stderr.write(f"station: error: no run answers in {runtime}: {error.strerror}\n")
                return 3
            time.sleep(0.05)
    try:
        with _drawing(runtime):
            clear_left_line()
            outcome = run_screen(link, language, is_attached=is_attached)
    finally:
        link.close()
    return _CODES.get(outcome.ending, 1)


@contextlib.contextmanager
def _drawing(runtime: Path) -> Iterator[None]:
    """The mark for screen_child.py: from here on the terminal is in the screen's modes, until it is left in order."""
    mark = runtime / f"screen.{os.getpid()}"
    with contextlib.suppress(OSError):
        mark.touch()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            mark.unlink()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--lang", choices=["zh", "en"], default="en")
    options = parser.parse_args()
    try:
        return show(options.runtime, options.lang)
    except KeyboardInterrupt:  # before the app runs; its launcher has heard it too
        return _CODES[Ending.ABORTED]


if __name__ == "__main__":
    sys.exit(main())
