"""One station a bus: an flock on a file in the temporary folder, named by interface and channel.

The kernel drops the lock with its process, however that ends; the file names the process that holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
from pathlib import Path

from drivers.errors import DriverError


def lock_path(interface: str, channel: str) -> Path:
    words = re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{interface}-{channel}").strip("_")
    if len(words) > 60:
        words = words[-40:] + "-" + hashlib.sha256(channel.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"station-can-{words}.lock"


class BusLock:
    """Held from construction to `release()`. Raises DriverError, with the other process's id, when it is taken."""

    def __init__(self, interface: str, channel: str) -> None:
        self.path = lock_path(interface, channel)
        self._descriptor = self._take(interface, channel)

    def _take(self, interface: str, channel: str) -> int:
        while True:
            try:
                descriptor = _open(self.path)
            except OSError as error:
                raise DriverError(
                    f"bus {interface} {channel!r}: lock file {self.path}: {error.strerror}; expected to be able to "
                    f"open it; remove the file or free the temporary folder"
                ) from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(descriptor)
                raise DriverError(
                    f"bus {interface} {channel!r}: process {owner} uses it; expected to be alone on it, because two "
                    f"programs would command one arm; end process {owner} first"
                ) from None
            if self._is_current(descriptor):
                # A file of another user may be readable only: then the lock holds and only the name is missing.
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
            os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        """Whether the locked file is still the one at the path: its last owner may have removed it meanwhile."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        here = os.fstat(descriptor)
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    def release(self) -> None:
        """Give the bus free; may be called twice."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                if self._is_current(self._descriptor):
                    self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1


def _open(path: Path) -> int:
    """Without O_CREAT first: the kernel refuses O_CREAT on another user's file in a shared temporary folder."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        for mode in (os.O_RDWR, os.O_RDONLY):
            try:
                return os.open(path, flags | mode)
            except FileNotFoundError:
                break
            except PermissionError:
                if mode == os.O_RDONLY:
                    raise
        with contextlib.suppress(FileExistsError):
            return os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
