"""Runs the tests of this folder on the kernel's own SocketCAN: python -m tests.socketcan [pytest's words]

Where this kernel has no vcan0, a User Mode Linux kernel is booted with the host's files as its root (Debian's package
user-mode-linux, downloaded once into the user's cache; nothing is installed; no root, no KVM). Where that cannot be, it
says "skipped: why" and ends with 0; a test that fails ends it with 1. It takes at most LIMIT_S, whatever hangs, and
leaves no process behind. Times measured in the guest mean nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.socketcan import bounded
from tests.socketcan.kernel import CannotRunError, find_kernel, program_of
from tests.socketcan.links import CHANNEL

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
LIMIT_S: Final = 85.0
TEST_S: Final = 25
MEMORY_MB: Final = 512
TESTS: Final = [
    "-p", "no:cacheprovider", "-vv", "--no-header", "--color=no", "-x", f"--timeout={TEST_S}",
    str(HERE.relative_to(ROOT)),
]  # fmt: skip


def main(words: list[str]) -> int:
    deadline = time.monotonic() + LIMIT_S
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what runs is ended, too
    command = [sys.executable, "-m", "pytest", *TESTS, *words]
    try:
        if Path(f"/sys/class/net/{CHANNEL}").exists():
            return judge(bounded.run(command, deadline - time.monotonic(), cwd=ROOT))
        kernel = find_kernel()
        board = build_board()
        return boot(kernel, board, command, deadline)
    except CannotRunError as why:
        print(f"socketcan: skipped: {why}")
        return 0


def build_board() -> Path | None:
    """The guest's root is read-only: whatever its tests start is compiled here."""
    from drivers.emulators.exo_build import board_program
    from drivers.errors import DriverError

    try:
        return board_program()
    except DriverError as error:
        print(f"socketcan: without the exo board: {error}")
        return None


def boot(kernel: Path, board: Path | None, command: list[str], deadline: float) -> int:
    """Boot, run, power off; the exit code. Raises CannotRunError where the guest never reached the tests' end."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        # What the host's environment says of caches and coverage holds in the guest, too.
        kept = {key: value for key, value in os.environ.items() if key.startswith(("PYTHON", "COV"))}
        if board is not None:
            kept["STATION_EXO_BOARD"] = str(board)
        words = [f"export {key}={shlex.quote(value)}" for key, value in kept.items()]
        (out / "command").write_text("\n".join([*words, shlex.join(command)]) + "\n")
        (out / "why").write_text("")
        arguments = [
            str(program_of(kernel)), f"mem={MEMORY_MB}M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
            "quiet", f"init={HERE / 'guest_init.sh'}", "con0=fd:0,fd:1", "con=null", f"LANE_OUT={out}",
            f"LANE_MODULES={kernel / 'usr/lib/uml/modules'}", f"LANE_AT={ROOT}", f"LANE_PYTHON={sys.executable}",
        ]  # fmt: skip
        # Its memory is a file; small containers have a /dev/shm that does not hold it.
        env = {**os.environ, "HOME": name, "TMPDIR": memory_folder(name)}
        try:
            ended = bounded.run(arguments, deadline - time.monotonic(), env=env)
        except OSError as error:
            raise CannotRunError(f"{program_of(kernel)}: {error.strerror}") from error
        at = ended.text.find("== guest")
        if at < 0:
            words_of_it = (out / "why").read_text() or ended.text or "no words"
            raise CannotRunError(f"the guest does not start: {words_of_it.strip().splitlines()[-1][-300:]}")
        code = int((out / "code").read_text()) if (out / "code").exists() else None
        return judge(bounded.Ended(code, ended.text[at:]))


def memory_folder(other: str) -> str:
    try:
        shared = os.statvfs("/dev/shm")
    except OSError:
        return other
    return "/dev/shm" if shared.f_bavail * shared.f_frsize > MEMORY_MB << 20 else other


def judge(ended: bounded.Ended) -> int:
    """0 or 1. A guest that died or was too slow without a test having failed has said nothing of this code."""
    print(ended.text)
    if ended.code == 0:
        return 0
    if ended.code is None and not re.search(r"\b(FAILED|ERROR|Timeout)\b", ended.text):
        passed = ended.text.count(" PASSED")
        raise CannotRunError(
            f"not done within {LIMIT_S:g} s, or the guest died; {passed} tests had passed, none failed"
        )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
