"""The device's end of an emulated serial port: a pty under a chosen name that can be unplugged and plugged in again."""

from __future__ import annotations

import contextlib
import errno
import os
import termios
import tty
from pathlib import Path


def serial_number_of(port: str) -> str:
    """What stands in for a USB device's serial number, of the emulated device at `port`; '' where there is none."""
    try:
        return Path(_label(port)).read_text()
    except OSError:
        return ""


def _label(link: str) -> str:
    return f"{link}.serial"


class PtyPort:
    """`link` is a symbolic link to the pty. Nothing here blocks; with nobody at the other end bytes are dropped."""

    def __init__(self, link: str, serial_number: str = "") -> None:
        self.link = link
        self.serial_number = serial_number
        """May be changed while unplugged: another device then comes."""
        self._fd = -1
        self._pty = ""
        self._rest = b""
        self.is_open = False
        """Whether a program has the port open, as of the last `read`."""
        self.plug(link)

    @property
    def is_plugged(self) -> bool:
        return self._fd >= 0

    def fileno(self) -> int:
        return self._fd

    def plug(self, link: str = "") -> None:
        """Appear (under another name where one is given). Raises OSError where the name cannot be made."""
        if self._fd >= 0:
            return
        fd, slave = os.openpty()
        try:
            tty.setraw(slave, termios.TCSANOW)
            name = os.ttyname(slave)
            os.set_blocking(fd, False)
            if link and link != self.link:
                self._unlink()
                self.link = link
            Path(_label(self.link)).write_text(self.serial_number)
            new = f"{self.link}.new"
            with contextlib.suppress(FileNotFoundError):
                Path(new).unlink()
            Path(new).symlink_to(name)
            Path(new).replace(self.link)
        except BaseException:
            os.close(fd)
            raise
        finally:
            os.close(slave)  # kept open, it would hold an exclusive lock that its owner's death should end
        self._fd = fd
        self._pty = name
        self._rest = b""
        self.is_open = False

    def unplug(self) -> None:
        """Vanish: the other end sees an end of file or EIO."""
        if self._fd >= 0:
            self._unlink()
            os.close(self._fd)
            self._fd = -1
            self._rest = b""
            self.is_open = False

    def read(self) -> bytes:
        """Bytes that the host has sent; notices whether it has the port open."""
        if self._fd < 0:
            return b""
        try:
            data = os.read(self._fd, 1024)
        except BlockingIOError:
            self.is_open = True
            return b""
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.is_open = False
            self._rest = b""
            return b""
        self.is_open = True
        return data

    def write(self, frame: bytes) -> bool:
        """Send one frame whole, or drop it whole as a full USB queue does; whether it was sent."""
        if not self.is_open:
            return False
        try:
            if self._rest:
                self._rest = self._rest[os.write(self._fd, self._rest) :]
                if self._rest:
                    return False
            self._rest = frame[os.write(self._fd, frame) :]
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        return True

    def _unlink(self) -> None:
        """The name, where it is still ours: a process that ends late must not take away that of the next."""
        with contextlib.suppress(OSError):
            if str(Path(self.link).readlink()) == self._pty:
                for path in (self.link, _label(self.link)):
                    Path(path).unlink()
