"""A process that records repetitions as fast as it can and dies by SIGKILL where it is told to.

python -m tests.recording_child DATA REPS [POINT WHEN COUNT]: POINT is 'Class.method', WHEN 'before' or 'after', COUNT
the call that kills. Prints 'committed N accepted|rejected' as the session reports each one.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from station.session import archive, ledger, record_file
from station.session.clocks import ClockPair
from station.session.session import Session
from station.signals import RequestKind
from tests.gestures import CALIBRATION, RIG, TASK, SyntheticWorker, TickMaker

CLASSES: dict[str, type] = {
    "Archive": archive.Archive,
    "Ledger": ledger.Ledger,
    "RecordFile": record_file.RecordFile,
}


def arm(point: str, when: str, count: int) -> None:
    name, method = point.split(".")
    real: Callable[..., Any] = getattr(CLASSES[name], method)
    calls = 0

    def deadly(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **options)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(CLASSES[name], method, deadly)


def main() -> None:
    data, reps = Path(sys.argv[1]), int(sys.argv[2])
    if len(sys.argv) > 3:
        arm(sys.argv[3], sys.argv[4], int(sys.argv[5]))
    worker, maker = SyntheticWorker(1), TickMaker()
    session = Session(RIG, CALIBRATION, TASK, "w07", data, clock=lambda: ClockPair(worker.t_ns, WALL_NS + worker.t_ns))
    told: set[int] = set()

    def tell() -> None:
        last = session.view(worker.t_ns).last
        if last is not None and last.number not in told:
            told.add(last.number)
            print("committed", last.number, "accepted" if last.accepted else "rejected", flush=True)

    for tick in maker.ticks(worker.stay(0.6)):
        session.on_tick(tick)
    for i in range(reps):
        for tick in maker.ticks(worker.rep(pace_s=1.6)):
            session.on_tick(tick)
            if session.has_news:
                tell()
        session.wait_idle()
        tell()
        if i % 3 == 2:
            session.on_request(RequestKind.REJECT_LAST)
    session.close()
    print("closed", flush=True)


WALL_NS = 1_795_000_000_000_000_000

if __name__ == "__main__":
    main()
