"""Compiles the C reference of the exo wire for this machine, once for each state of its sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import firmware_bridge
from drivers.errors import DriverError

SOURCES: Final = Path(firmware_bridge.__file__).parent / "mcu"
_FLAGS: Final = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic")


def board_program(flags: tuple[str, ...] = _FLAGS) -> Path:
    """The compiled board. Raises DriverError, in words, where there is no C compiler or it refuses."""
    files = sorted([*SOURCES.glob("*.[ch]"), *(SOURCES / "boards").glob("*.[ch]")])
    digest = hashlib.sha256(b"".join([*(file.read_bytes() for file in files), *(flag.encode() for flag in flags)]))
    program = _cache() / f"exo_board-{digest.hexdigest()[:16]}"
    if not program.exists():
        compile_board(program, flags)
    return program


def compile_board(program: Path, flags: tuple[str, ...]) -> None:
    """Compile and link the POSIX board into `program`. Raises DriverError."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise DriverError("no C compiler (cc) here; the emulated exo board is the C reference itself; install gcc")
    sources = [*sorted(SOURCES.glob("*.c")), *sorted((SOURCES / "boards").glob("posix*.c"))]
    handle, name = tempfile.mkstemp(dir=program.parent)
    os.close(handle)
    command = [compiler, *flags, f"-I{SOURCES}", "-o", name, *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        Path(name).unlink()
        raise DriverError(f"the emulated exo board does not compile: {done.stderr.strip()[:2000]}")
    Path(name).chmod(0o700)
    Path(name).replace(program)  # whole or not at all, whoever else is building it


def _cache() -> Path:
    """A folder of this user alone: what lies in it is run."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    for folder in (Path(root) / "station", Path(tempfile.gettempdir()) / f"station-{os.getuid()}"):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.stat()
        except OSError:
            continue
        if status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.access(folder, os.W_OK):
            return folder
    raise DriverError(f"no folder to build the emulated exo board in; expected {root}/station to be this user's own")
