"""What people ask of the control process: one datagram an intent, on a local socket, the sender's user checked."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from station.signals import Intent, IntentKind, Role

_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid (struct ucred, unix(7))
_MOST_A_TICK: Final = 32
"""A flood of intents must not starve the tick."""


class Asked(NamedTuple):
    """An intent and who sent it, by the kernel's word."""

    kind: IntentKind
    role: Role
    pid: int


class IntentReceiver:
    """The control process's end. `receive` never blocks."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._decoder = msgspec.msgpack.Decoder(Intent)
        self._space = socket.CMSG_SPACE(_CREDENTIALS.size)
        self._users = {0, os.getuid()}
        self.refused = 0
        """Datagrams of another user, or that were no intent."""

    def receive(self) -> list[Asked]:
        """Everything that was asked since the last call."""
        found: list[Asked] = []
        for _ in range(_MOST_A_TICK):
            try:
                data, ancillary, _, _ = self._socket.recvmsg(256, self._space)
            except BlockingIOError:
                break
            pid, uid = -1, -1
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    pid, uid, _ = _CREDENTIALS.unpack(payload[: _CREDENTIALS.size])
            try:
                intent = self._decoder.decode(data)
            except msgspec.MsgspecError:
                self.refused += 1
                continue
            if uid not in self._users:
                self.refused += 1
                continue
            found.append(Asked(intent.kind, intent.role, pid))
        return found

    def close(self) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)


class IntentSender:
    """A screen's, pedal's or session's end. Sending never blocks; a lost datagram is repeated by its sender's timer."""

    def __init__(self, path: Path, role: Role) -> None:
        self._path = str(path)
        self._role = role
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def send(self, kind: IntentKind, now_ns: int) -> bool:
        """True when the control process's queue took it."""
        try:
            self._socket.sendto(msgspec.msgpack.encode(Intent(kind, self._role, now_ns)), self._path)
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()
