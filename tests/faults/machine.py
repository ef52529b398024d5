"""Whether the machine under a rig stood still: measured by processes of their own on each processor, by the loop, by
the emulated leader and by whoever looks at the motors.

What looks like a silent leader or a lost screen may be a host that stopped its virtual machine, or others' work: what
the emulated leader writes gets to the loop by the kernel's own workers, which wait their turn like ordinary programs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Self

from station.bench.driven import Look
from station.signals import Tick
from tests.faults.cell import Pause

_ROW: Final = struct.Struct("=qq")
_PERIOD_NS: Final = 2_000_000
_TOLD_NS: Final = {True: 3_000_000, False: 30_000_000}
"""By whether it goes before ordinary programs: these may have to wait their turn."""
_KEPT: Final = 100_000
_LOOKED_MS: Final = 50.0
"""Between two looks of this program: at 4 ms, and as late as an ordinary program on a busy machine may be."""
_PRIORITY: Final = 20
"""As the emulated hardware has it (`station/emulated.py`)."""

_OWN_PRIORITY: Final = 2
_AFTER_EFFECT_NS: Final = 250_000_000
"""What waited for a processor is found missing by the watches of the loop, 200 ms later at most."""


class Machine:
    """Watches from `with` on. Whoever holds it goes before ordinary programs meanwhile, where this user may: a person
    and a screen do not wait for a processor."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[bytes]] = []
        self._names: list[str] = []
        self._pauses: list[tuple[int, int, str]] = []
        """End, length, who."""

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):  # its children do not
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(_OWN_PRIORITY))
        for is_first in (True, False):
            for cpu in sorted(os.sched_getaffinity(0)):
                child = subprocess.Popen(
                    [sys.executable, "-m", "tests.faults.machine", str(cpu), str(int(is_first))],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                assert child.stdout is not None
                os.set_blocking(child.stdout.fileno(), False)
                self._children.append(child)
                self._names.append(f"processor {cpu}" if is_first else f"ordinary programs on processor {cpu}")
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        for child in self._children:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
        self._children, self._names = [], []

    @property
    def children(self) -> list[int]:
        """One process a processor, in their order; then those that do not go before ordinary programs."""
        return [child.pid for child in self._children]

    def longest(self, since_ns: int) -> Pause:
        """Of those that ended after `since_ns`, or so shortly before that what they did may be seen only then."""
        self._take()
        from_ns = since_ns - _AFTER_EFFECT_NS
        _, length_ns, who = max(
            (pause for pause in self._pauses if pause[0] >= from_ns), key=lambda pause: pause[1], default=(0, 0, "")
        )
        return Pause(length_ns / 1e6, who)

    def counted(self, least_ms: float) -> int:
        """How many there were of at least so long."""
        self._take()
        return sum(length_ns >= least_ms * 1e6 for _, length_ns, _ in self._pauses)

    def _take(self) -> None:
        for name, child in zip(self._names, self._children):
            assert child.stdout is not None
            with contextlib.suppress(BlockingIOError):
                # Rows are shorter than what a pipe takes at once: they come whole.
                data = os.read(child.stdout.fileno(), _ROW.size * 4096)
                self._pauses.extend((*row, name) for row in _ROW.iter_unpack(data))
        del self._pauses[:-_KEPT]


def loop_pauses(ticks: Iterable[Tick]) -> Pause:
    """The longest gap that the loop tells of itself."""
    told = [detail for tick in ticks for name, detail in tick.events if name in ("loop_gap", "loop_gap_stop")]
    return Pause(max((float(detail.removesuffix(" ms")) for detail in told), default=0.0), "the loop")


def looks_pauses(looks: Sequence[Look]) -> Pause:
    """The longest between two looks of this program, where that is more than it takes on a busy machine."""
    longest_ms = max(((after.t_ns - before.t_ns) / 1e6 for before, after in pairwise(looks)), default=0.0)
    return Pause(longest_ms if longest_ms >= _LOOKED_MS else 0.0, "this program")


def watch_processor(cpu: int, is_first: bool) -> None:
    """Sleep and wake, and say on standard output when that took too long; until the parent is gone. `is_first`: before
    ordinary programs, where this user may."""
    os.sched_setaffinity(0, {cpu})
    if is_first:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    out = sys.stdout.fileno()
    told_ns = _TOLD_NS[is_first]
    due_ns = time.monotonic_ns()
    while os.getppid() == parent:
        due_ns += _PERIOD_NS
        time.sleep(max(0, due_ns - time.monotonic_ns()) * 1e-9)
        now_ns = time.monotonic_ns()
        if now_ns - due_ns > told_ns:
            os.write(out, _ROW.pack(now_ns, now_ns - due_ns))
            due_ns = now_ns


if __name__ == "__main__":
    watch_processor(int(sys.argv[1]), sys.argv[2] == "1")
