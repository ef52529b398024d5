"""Asks the kernel for what a 500 Hz loop needs; what it refuses is said once, in plain words, and the loop runs on.

SCHED_FIFO (sched(7)), all memory locked (mlockall(2)), one core (sched_setaffinity(2)), collector frozen (gc.freeze),
and idle states kept shallow (/dev/cpu_dma_latency held open at 0: Documentation/power/pm_qos_interface).
"""

from __future__ import annotations

import ctypes
import gc
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_TIMERSLACK: Final = 29


@dataclass(slots=True)
class Realtime:
    """What was granted, and what was not with the reason and the remedy."""

    notes: list[str] = field(default_factory=list)
    latency_fd: int = -1
    core: int | None = None


def go_realtime(priority: int, core: int | None, lock_memory: bool = True) -> Realtime:
    """Take SCHED_FIFO `priority`, the core (default: the machine's last), locked memory, shallow idle states.

    Call after warm-up and imports: what is in memory then is frozen out of the collector's sight.
    """
    granted = Realtime()
    libc = ctypes.CDLL(None, use_errno=True)
    gc.collect()
    gc.freeze()
    gc.disable()
    wanted = _last_core() if core is None else core
    if (os.cpu_count() or 1) < 2:
        granted.notes.append("one CPU core only: the loop shares it with everything else; late ticks are likely")
    else:
        try:
            os.sched_setaffinity(0, {wanted})
            granted.core = wanted
        except OSError as error:
            granted.notes.append(f"core {wanted} not taken ({error.strerror}): set loop.core in the rig file")
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError as error:
        granted.notes.append(
            f"no real-time priority ({error.strerror}): allow it with 'rtprio 90' in /etc/security/limits.d, see udev/"
        )
    libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    if lock_memory and libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) != 0:
        reason = os.strerror(ctypes.get_errno())
        granted.notes.append(f"memory not locked ({reason}): allow it with 'memlock unlimited', see udev/")
    try:
        granted.latency_fd = os.open("/dev/cpu_dma_latency", os.O_WRONLY)
        os.write(granted.latency_fd, struct.pack("i", 0))
    except OSError as error:
        granted.notes.append(f"idle states not held shallow ({error.strerror}): wake-ups may be 30-80 us later")
    return granted


def leave_core(core: int | None) -> None:
    """Keep this process and all it will start off the loop's core (default: the machine's last), where another is left.

    An ordinary program that waits on the loop's core is what makes the kernel take the core from the loop for a while
    (the fair server of Linux 6.12 and newer, 50 ms a second)."""
    others = os.sched_getaffinity(0) - {_last_core() if core is None else core}
    if others:
        os.sched_setaffinity(0, others)


def _last_core() -> int:
    return (os.cpu_count() or 1) - 1


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send us `signal_number` when the parent process ends, however it ends (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def cpu_seconds(pid: int) -> float:
    """CPU time a process has used so far, s (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
