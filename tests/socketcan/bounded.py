"""Programs that cannot hang this one and leave nothing behind: a process group of their own, killed at the deadline."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Ended(NamedTuple):
    """How a program ended."""

    code: int | None
    """None: killed at the deadline."""
    text: str
    """All that it printed, both ways."""


def run(
    words: Sequence[str],
    within_s: float,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run to the end or to the deadline. Raises OSError where the program does not start."""
    deadline = time.monotonic() + within_s
    process = subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    # Should this program be killed, the end of this pipe ends the group: some of a kernel's helpers outlive it.
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -s KILL -- "-$0"', str(process.pid)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    text = b""
    code = None
    try:
        while (left_s := deadline - time.monotonic()) > 0:
            if not select.select([process.stdout], [], [], left_s)[0]:
                break
            chunk = os.read(process.stdout.fileno(), 65536)
            text += chunk
            if not chunk:
                code = process.wait(max(0.1, deadline - time.monotonic()))
                break
    except subprocess.TimeoutExpired:
        pass  # it has closed its output and lives on
    finally:
        watcher.kill()
        watcher.communicate()
        _kill(process)
    return Ended(code, text.decode(errors="replace").replace("\r\n", "\n"))


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
