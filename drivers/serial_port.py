"""A serial port for a control loop: pyserial opens and configures it, the loop reads and writes the descriptor.

pyserial's own reads cost 20 times an os.read, its flush() can hang for ever, and an unplugged port shows as any of
three exceptions; all of that ends here, in one DriverError with the port's name and what to do.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import select
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import serial

from drivers.errors import DriverError

_CHUNK: Final = 4096
_MORE: Final = 2048
"""A read this long may have left bytes behind (a tty hands over less than 4096 at a time)."""
_MOST_CHUNKS: Final = 32
_WRITE_S: Final = 0.1
_LINGER_S: Final = 0.05


class SerialPort:
    """`port` at `baud` 8N1, raw, for this process alone."""

    def __init__(self, port: str, baud: int) -> None:
        self.port = port
        self.baud = baud
        self._serial: serial.Serial | None = None
        self._fd = -1

    def __enter__(self) -> Self:
        """Raises DriverError where the port is absent, forbidden, or held by another program (named where known)."""
        try:
            opened = serial.Serial(self.port, self.baud, timeout=0, write_timeout=0, exclusive=True)
        except (OSError, ValueError, termios.error) as error:  # SerialException is an OSError
            raise _open_error(self.port, self.baud, error) from error
        self._serial = opened
        self._fd = opened.fileno()
        try:
            # flock is advice only; this makes every further open() fail (tty_ioctl(4)).
            fcntl.ioctl(self._fd, termios.TIOCEXCL)
            # One byte at least: with pyserial's 0 "nothing there" and "unplugged" both read as b"".
            settings = termios.tcgetattr(self._fd)
            settings[6][termios.VMIN] = 1
            termios.tcsetattr(self._fd, termios.TCSANOW, settings)
            os.set_blocking(self._fd, False)
            self.discard()
        except (OSError, termios.error) as error:
            self.close()
            raise self._gone(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give what was written up to 50 ms to leave, throw the rest away, close. Never raises."""
        if self._serial is None:
            return
        opened, fd = self._serial, self._fd
        self._serial, self._fd = None, -1
        try:
            if not _has_left(fd, _LINGER_S):
                termios.tcflush(fd, termios.TCOFLUSH)  # else close() waits for it, 30 s by default
            # The flag outlives this descriptor while another program (an emulated hub's) has the port open.
            fcntl.ioctl(fd, termios.TIOCNXCL)
        except (OSError, termios.error):
            pass  # unplugged: nothing is left to be undone
        try:
            opened.close()
        except (OSError, termios.error):
            pass  # the descriptor is free all the same (close(2))

    def fileno(self) -> int:
        if self._fd < 0:
            raise DriverError(f"port {self.port}: not open; expected to be used in a 'with' block")
        return self._fd

    def read(self) -> bytes:
        """All bytes that have arrived, b"" for none. Raises DriverError when the port is gone."""
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return b""
        except (OSError, termios.error) as error:
            raise self._gone(error) from error
        if not data:
            raise self._gone(OSError(errno.EIO, "end of file"))
        if len(data) < _MORE:
            return data
        chunks = [data]
        for _ in range(_MOST_CHUNKS):
            try:
                data = os.read(self._fd, _CHUNK)
            except BlockingIOError:
                break
            except (OSError, termios.error):
                break  # gone: the next call says so, after these bytes were used
            if not data:
                break
            chunks.append(data)
        return b"".join(chunks)

    def write(self, data: bytes, within_s: float = _WRITE_S) -> None:
        """Hand over all of `data`, waiting at most `within_s`. Raises DriverError when the port is full or gone."""
        deadline = time.monotonic() + within_s
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
                continue
            except BlockingIOError:
                pass
            except (OSError, termios.error) as error:
                raise self._gone(error) from error
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select((), (self._fd,), (), left_s)[1]:
                raise DriverError(
                    f"port {self.port}: took {len(data) - len(rest)} of {len(data)} bytes in {within_s} s; expected "
                    "all; the device does not read: unplug it, wait 2 s, plug it in again"
                )

    def wait(self, within_s: float) -> bool:
        """Whether bytes arrive within `within_s`."""
        try:
            return bool(select.select((self.fileno(),), (), (), within_s)[0])
        except (OSError, ValueError) as error:
            raise self._gone(error) from error

    def discard(self) -> None:
        """Throw away what has arrived so far."""
        try:
            termios.tcflush(self._fd, termios.TCIFLUSH)
        except (OSError, termios.error) as error:
            raise self._gone(error) from error

    def _gone(self, error: Exception) -> DriverError:
        words = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return DriverError(
            f"port {self.port}: gone ({words}); expected the device to stay plugged in; check the cable, plug it in "
            "again, then engage anew"
        )


def _has_left(fd: int, within_s: float) -> bool:
    """Whether the kernel's output queue of the port runs empty within `within_s`."""
    deadline = time.monotonic() + within_s
    waiting = array.array("i", [0])
    while True:
        fcntl.ioctl(fd, termios.TIOCOUTQ, waiting)
        if not waiting[0] or time.monotonic() >= deadline:
            return not waiting[0]
        time.sleep(0.002)


def _open_error(port: str, baud: int, error: Exception) -> DriverError:
    code = error.errno if isinstance(error, OSError) else None
    if code is None and isinstance(error, termios.error) and error.args:
        code = error.args[0]
    held = code in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error)
    if held:
        holders = holders_of(port)
        who = "; ".join(f"process {pid} ({name})" for pid, name in holders) or "another program"
        remedy = f"end it: kill {holders[0][0]}" if holders else f"find it with: fuser -v {port}"
        return DriverError(f"port {port}: held by {who}; expected it free; {remedy}")
    if code == errno.ENOENT or code == errno.ENXIO or code == errno.ENODEV:
        return DriverError(
            f"port {port}: no such device; expected it under this name; plug it in, or see what is there with: "
            "ls -l /dev/exo /dev/serial/by-id"
        )
    if code in (errno.EACCES, errno.EPERM):
        return DriverError(
            f"port {port}: permission denied for user {os.getuid()}; expected read and write; install udev/ or add the "
            "user to group dialout and log in again"
        )
    return DriverError(f"port {port}: cannot be opened at {baud} baud: {error}; expected a serial device")


def holders_of(port: str) -> list[tuple[int, str]]:
    """Other processes (id, name) that have the device open, as far as this user may see them (proc(5))."""
    device = os.path.realpath(port)
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if any(str(item.readlink()) == device for item in (folder / "fd").iterdir()):
                found.append((int(folder.name), (folder / "comm").read_text(errors="replace").strip()))
        except OSError:
            continue  # another user's, or ended meanwhile
    return found
