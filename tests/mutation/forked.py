"""A function's result out of a fork of this process: what it changes here ends with it."""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable
from typing import Any

_STANDS_STILL_TIMES = 5
"""Waits and a starved machine are no endless loop: time on the clock may be so many times the processor's."""


def forked(run: Callable[[], Any]) -> Any:
    """What `run` returns, by JSON; None where the process ends without (a signal, an error)."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(receiver)
            with os.fdopen(sender, "wb") as pipe:
                pipe.write(json.dumps(run()).encode())
        except BaseException:  # noqa: BLE001  the edge of a process
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as pipe:
        words = pipe.read()
    os.waitpid(child, 0)
    return json.loads(words) if words else None


def end_after(seconds: float) -> None:
    """This process ends (by a signal) when it works for so long from now on, or waits for many times as long."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, _STANDS_STILL_TIMES * seconds)
