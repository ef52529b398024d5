"""AF_UNIX SOCK_SEQPACKET sockets between processes of one machine: one packet a message, order kept, never split."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from pathlib import Path
from typing import Final

from drivers.errors import DriverError

_SO_SNDBUFFORCE: Final = 32
"""asm-generic/socket.h; not in Python's socket module."""


def listen(path: str) -> socket.socket:
    """A listening non-blocking SOCK_SEQPACKET socket at `path`, for its owner only.

    Takes the place of a socket file whose owner has died; raises DriverError when another process still listens there.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        try:
            listener.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            _remove_dead(path)
            listener.bind(path)
        Path(path).chmod(0o600)
        listener.listen(16)
    except OSError as error:
        listener.close()
        raise DriverError(
            f"socket {path}: {error.strerror or error}; expected a writable folder, a path under 108 bytes and no "
            f"other process there; stop the other one or choose another path"
        ) from error
    return listener


def _remove_dead(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink(missing_ok=True)
        # connected: somebody lives there; the second bind says so


def file_of(path: str) -> tuple[int, int]:
    """Which file stands at `path`, whatever its name; for `remove_own`."""
    found = Path(path).stat()
    return found.st_dev, found.st_ino


def remove_own(path: str, own: tuple[int, int]) -> None:
    """Remove a socket's file while it is still open: a process that ends late must not take away that of the next."""
    with contextlib.suppress(FileNotFoundError):
        if file_of(path) == own:
            Path(path).unlink()


def set_send_buffer(target: socket.socket, size: int) -> None:
    """Room for `size` bytes on their way out; without the privilege, as much as the system allows."""
    try:
        target.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, size)
    except PermissionError:
        target.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def wait_for_socket(path: str, timeout_s: float = 5.0) -> None:
    """Block until something listens at `path`. Raises DriverError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
            try:
                probe.connect(path)
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise DriverError(f"nothing listens at {path} after {timeout_s} s: {error.strerror}") from error
        time.sleep(0.005)
