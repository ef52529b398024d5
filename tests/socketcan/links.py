"""CAN interfaces of the kernel, made and changed through rtnetlink(7): a guest or container need not have `ip` or `tc`.

Also a program for the guest of User Mode Linux: `python links.py FOLDER` loads its CAN modules and makes vcan0.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CHANNEL: Final = "vcan0"
CANFD_MTU: Final = 72

# linux/netlink.h, linux/rtnetlink.h, linux/if_link.h
_NEWLINK, _DELLINK, _NEWQDISC, _DELQDISC = 16, 17, 36, 37
_REQUEST, _ACK, _EXCL, _CREATE = 0x1, 0x4, 0x200, 0x400
_IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO, _IFLA_INFO_KIND = 3, 4, 18, 1
_TCA_KIND, _TCA_OPTIONS = 1, 2
_IFF_UP: Final = 1
_HEADER: Final = struct.Struct("=IHHII")
_IFINFO: Final = struct.Struct("=BxHiII")
_TCMSG: Final = struct.Struct("=BxxxiIII")
_ERROR: Final = struct.Struct("=i")
_ROOT: Final = 0xFFFFFFFF
_HANDLE: Final = 0x10000
_FINIT_MODULE: Final = 313  # x86_64, the only machine that User Mode Linux runs on
_MODULES: Final = ("net/can/can", "net/can/can-raw", "drivers/net/can/dev/can-dev", "drivers/net/can/vcan")


def add(name: str) -> None:
    """A virtual CAN interface that is up and takes CAN FD. Raises OSError where the kernel refuses."""
    kind = _attribute(_IFLA_INFO_KIND, b"vcan")
    asked = _attribute(_IFLA_IFNAME, name.encode() + b"\0") + _attribute(_IFLA_MTU, struct.pack("=I", CANFD_MTU))
    _ask(_NEWLINK, _CREATE | _EXCL, _IFINFO.pack(0, 0, 0, 0, 0) + asked + _attribute(_IFLA_LINKINFO, kind))
    set_up(name, True)


def set_up(name: str, is_up: bool) -> None:
    _ask(_NEWLINK, 0, _IFINFO.pack(0, 0, socket.if_nametoindex(name), _IFF_UP if is_up else 0, _IFF_UP))


def delete(name: str) -> None:
    _ask(_DELLINK, 0, _IFINFO.pack(0, 0, socket.if_nametoindex(name), 0, 0))


@contextlib.contextmanager
def full_queue(name: str) -> Iterator[None]:
    """While this lasts the transmit queue has no room: who sends gets ENOBUFS, as where nobody acknowledges."""
    index = socket.if_nametoindex(name)
    no_room = _attribute(_TCA_KIND, b"pfifo\0") + _attribute(_TCA_OPTIONS, struct.pack("=I", 0))
    _ask(_NEWQDISC, _CREATE | _EXCL, _TCMSG.pack(0, index, _HANDLE, _ROOT, 0) + no_room)
    try:
        yield
    finally:
        _ask(_DELQDISC, 0, _TCMSG.pack(0, index, _HANDLE, _ROOT, 0))


def _attribute(kind: int, data: bytes) -> bytes:
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + bytes(-size % 4)


def _ask(message: int, flags: int, body: bytes) -> None:
    """One request; the kernel's answer is an error number. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as line:
        line.send(_HEADER.pack(_HEADER.size + len(body), message, _REQUEST | _ACK | flags, 1, 0) + body)
        (code,) = _ERROR.unpack_from(line.recv(65536), _HEADER.size)
    if code:
        raise OSError(-code, os.strerror(-code))


def load_modules(folder: Path) -> None:
    """The guest's root may have no insmod. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    for name in _MODULES:
        with (folder / f"{name}.ko").open("rb") as module:
            if libc.syscall(_FINIT_MODULE, module.fileno(), b"", 0):
                code = ctypes.get_errno()
                raise OSError(code, f"module {name}: {os.strerror(code)}")


if __name__ == "__main__":
    try:
        load_modules(Path(sys.argv[1]))
        set_up("lo", True)
        add(CHANNEL)
    except OSError as error:
        sys.exit(f"no {CHANNEL}: {error}")
