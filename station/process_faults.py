"""Faults of the station's own processes on an emulated rig: killed, frozen, set going again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

_MODULES: Final = {
    "control": b"station.control",
    "session": b"station.session",
    "supervisor": b"station.supervisor",
    "screen": b"station.tui",
}
KINDS: Final[dict[str, str]] = {
    "kill": "SIGKILL: it is gone (process: control, session, supervisor or screen)",
    "freeze": "SIGSTOP: it stands still, until a resume (process)",
    "resume": "SIGCONT (process)",
}
_SIGNALS: Final = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP, "resume": signal.SIGCONT}


def send(runtime: Path, kind: str, process: str) -> int:
    """Do `kind` to the `process` of the run in `runtime`; its id. Raises ValueError, in words."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no fault; expected one of {', '.join(KINDS)}")
    if process not in _MODULES:
        raise ValueError(f"process is {process!r}; expected one of {', '.join(_MODULES)}")
    pid = find(runtime, process)
    if pid is None:
        raise ValueError(f"the {process} process is not running; see `station attach` for what is left")
    os.kill(pid, _SIGNALS[kind])
    return pid


def find(runtime: Path, process: str) -> int | None:
    """Id of the run's process, by its command line (proc(5))."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # ended meanwhile
            continue
        if _MODULES[process] in words and os.fsencode(runtime) in words and state != "Z":
            return int(folder.name)
    return None
