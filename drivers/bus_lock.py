"""One station a bus: an abstract AF_UNIX name, made of what the channel really is, that only one process can have.

The kernel frees it with its process, however that ends, and names the process that has it. It lives in the network
namespace, as the CAN interfaces do, so that no other temporary folder and no other user gets round it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

from drivers.errors import DriverError

_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid: unix(7)
_NETWORK: Final = ("socketcan", "socketcan_native", "socketcan_ctypes")
_PATHS: Final = ("station_hub", "slcan", "serial", "robotell", "seeedstudio")
"""Their channels are paths, also without a slash."""
_ASKERS: Final = 4096
"""Who was refused and asked whose it is stands in the lock's queue for good, as nobody accepts it."""


def lock_name(interface: str, channel: str) -> str:
    return "\0station-can-" + hashlib.sha256(_bus(interface, channel).encode()).hexdigest()[:32]


def _bus(interface: str, channel: str) -> str:
    """One name for one bus, however it is spelled: the kernel's number of a network interface, which its other names
    (ip-link(8), altname) have too; a device by its numbers; else where a path leads to in the end."""
    if interface in _NETWORK:
        try:
            return f"network interface {socket.if_nametoindex(channel)}"
        except OSError:
            return f"{interface}\0{channel}"  # there is none: opening it will say so
    channel = channel.rpartition("://")[2]  # pyserial's handlers (spy://, alt://) lead to the same port
    if "/" not in channel and interface not in _PATHS:  # the make's own name or number, whatever files there are
        return f"{interface}\0{channel.lower().lstrip('0')}"
    path = channel if Path(channel).exists() else channel.partition("@")[0]  # python-can's slcan takes PORT@BAUD
    try:
        found = Path(path).stat()
    except OSError:
        return f"path {os.path.realpath(path)}"
    if stat.S_ISCHR(found.st_mode):
        return f"device {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return f"path {os.path.realpath(path)}"


class BusLock:
    """Held from construction to `release()`. Raises DriverError, with the other process's id, when it is taken."""

    def __init__(self, interface: str, channel: str) -> None:
        name = lock_name(interface, channel)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(name)
            self._socket.listen(_ASKERS)
        except OSError as error:
            self._socket.close()
            if error.errno != errno.EADDRINUSE:
                raise DriverError(f"bus {interface} {channel!r}: lock: {error.strerror}; expected a name") from error
            owner = _owner(name)
            raise DriverError(
                f"bus {interface} {channel!r}: process {owner} uses it; expected to be alone on it, because two "
                f"programs would command one arm; end process {owner} first"
            ) from None

    def release(self) -> None:
        """Give the bus free; may be called twice."""
        self._socket.close()


def _owner(name: str) -> str:
    """The process that holds the name, as the kernel knows it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        try:
            probe.connect(name)
            raw = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return "unknown"
    return str(_CREDENTIALS.unpack(raw)[0])
