"""The supervisor process: watches the control loop's heartbeat from outside; it may only stop, never move.

When the heartbeat is older than the limit it raises the stop flag (the control process must not command any more),
disables every motor through its own line to the buses, and kills the control process; when the control process has
ended in any way, it disables every motor too. SCHED_FIFO 85, above the loop.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from station import wiring
from station.children import say_error, say_note, say_ready
from station.control.realtime import go_realtime
from station.link.ring import Stopper
from station.settings.run import RunSettings

_CHECK_S: Final = 0.01
_SILENT_GAPS: Final = 3.0
"""So many times the gap at which the loop stops itself: by then it can no longer do so."""
PRIORITY: Final = 85


class Silence:
    """How long the loop has been silent, by the times at which this process really looked."""

    def __init__(self, limit_s: float, now_s: float) -> None:
        self._limit_s = limit_s
        self._beat_ns = 0
        self._looked_s = self._seen_s = now_s

    def look(self, beat_ns: int, now_s: float) -> bool:
        """Whether the heartbeat stands still for longer than the limit. Time in which this process did not run either
        does not count: of a machine that stood still as a whole the loop is told by its own clock."""
        away_s = now_s - self._looked_s - 2 * _CHECK_S
        self._looked_s = now_s
        if beat_ns != self._beat_ns:
            self._beat_ns, self._seen_s = beat_ns, now_s
        elif away_s > 0:
            self._seen_s += away_s
        return bool(beat_ns) and now_s - self._seen_s > self._limit_s


def watch(stopper: Stopper, control_pid: int, limit_s: float) -> bool:
    """Until the control process ends by itself (False) or its heartbeat stopped (True)."""
    silence = Silence(limit_s, time.monotonic())
    while True:
        time.sleep(_CHECK_S)
        stopper.beat(time.monotonic_ns())
        if silence.look(stopper.heartbeat_ns, time.monotonic()):
            return _is_alive(control_pid)
        if not _is_alive(control_pid):
            return False


def _is_alive(pid: int) -> bool:
    """Alive and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--ring", type=int, required=True)
    parser.add_argument("--control-pid", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends when the control process has ended, never before
    rig = RunSettings.load(options.runtime).rig
    stopper = Stopper(options.ring)
    try:
        brake = wiring.make_stop_line(rig)
    except wiring.HARDWARE_ERRORS as error:
        say_error(3, str(error))
        return 3
    for note in go_realtime(PRIORITY, core=None).notes:
        say_note(note)
    say_ready()
    if watch(stopper, options.control_pid, _SILENT_GAPS * rig.loop.gap_stop_ms * 1e-3):
        stopper.raise_stop()
        try:
            brake.stop()
        finally:  # whatever became of the motors, it may not go on commanding them
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(options.control_pid, signal.SIGKILL)
        brake.stop()  # once more: the dying process may have had a command on its way
        sys.stderr.write("supervisor: the control loop went silent; motors disabled, control process killed\n")
    else:
        brake.stop()  # after an orderly end they are off already; a process that was killed has said nothing
    return 0


if __name__ == "__main__":
    sys.exit(main())
