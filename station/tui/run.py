"""Runs the screen on the terminal until the shift ends, then prints the shift's summary."""

from __future__ import annotations

import contextlib
import sys
import termios

from station.signals import IntentKind
from station.tui.app import StationApp
from station.tui.language import Language
from station.tui.link import ScreenLink
from station.tui.summary import Ending, Outcome


def run_screen(link: ScreenLink, language: Language, *, bell: bool = True, is_attached: bool = False) -> Outcome:
    """Blocks, on the main thread; the terminal is restored at the return. The maker of the link closes it."""
    app = StationApp(link, language, bell=bell, is_attached=is_attached)
    forget_typed()
    outcome = None
    with contextlib.suppress(KeyboardInterrupt):  # a signal, or the watch, where the app did not find its way out
        outcome = app.run(mouse=False)
        app.end_watch()
    app.end_watch()
    if outcome is None:
        link.intend(IntentKind.HOLD)
        return Outcome(Ending.TERMINAL_LOST if app.has_lost_terminal else Ending.TERMINATED, link.latest(), "")
    if outcome.text:
        sys.stdout.write(outcome.text)
        sys.stdout.flush()
    return outcome


def forget_typed() -> None:
    """Drop what was typed before there was a screen: it was meant for something else."""
    with contextlib.suppress(termios.error, OSError, ValueError):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
