"""What people ask of the control process: one datagram an intent, on local sockets, the sender's user checked.

Each kind of sender has a lane (a socket) of its own, and what a person asks to restrain the arm has another one: a
sender that floods its lane fills that queue and no other. The stop lane is read first, and only ever restrains: what
arrives there and can not be read, or more of it than a tick may take, is a stop.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from drivers.unix_socket import file_of, remove_own
from station.signals import Intent, IntentKind, Role

_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid (struct ucred, unix(7))
_MOST_A_TICK: Final = 8
"""Of one lane: a flood of intents must not starve the tick."""
_STOP_LANE: Final = "stop"
_RESTRAINS: Final = frozenset({IntentKind.HOLD, IntentKind.STOP, IntentKind.SHUTDOWN})
_PERSONS: Final = (Role.SCREEN, Role.PEDAL)


class Asked(NamedTuple):
    """An intent and who sent it, by the kernel's word."""

    kind: IntentKind
    role: Role
    pid: int


def lane_path(path: Path, lane: str) -> Path:
    """Socket of one lane; `path` is what the lanes' names begin with."""
    return path.with_name(f"{path.name}.{lane}")


class _Lane:
    """One socket, and who may speak on it."""

    def __init__(self, path: Path, roles: tuple[Role, ...]) -> None:
        self.path = path
        self.roles = roles
        self.is_stop = len(roles) > 1
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(str(path))
        path.chmod(0o600)
        self.own = file_of(str(path))
        self.fd = self.socket.fileno()


class IntentReceiver:
    """The control process's end. `receive` never blocks."""

    def __init__(self, path: Path) -> None:
        """Makes the lanes' sockets, `path`.stop and `path`.ROLE."""
        self._lanes = [_Lane(lane_path(path, _STOP_LANE), _PERSONS)]
        self._lanes += [_Lane(lane_path(path, role), (role,)) for role in Role]
        self._ready = select.epoll()
        for lane in self._lanes:
            self._ready.register(lane.fd, select.EPOLLIN)
        self._poll = self._ready.poll
        self._decoder = msgspec.msgpack.Decoder(Intent)
        self._space = socket.CMSG_SPACE(_CREDENTIALS.size)
        self._users = {0, os.getuid()}
        self.refused = 0
        """Datagrams of another user, on another role's lane, or that were no intent."""

    def receive(self) -> list[Asked]:
        """What was asked since the last call, as far as each lane may tell in a tick; restraints first."""
        found: list[Asked] = []
        ready = self._poll(0)  # the one system call where nothing was asked
        if ready:
            spoken = {fd for fd, _ in ready}
            for lane in self._lanes:
                if lane.fd in spoken:
                    self._drain(lane, found)
        return found

    def _drain(self, lane: _Lane, found: list[Asked]) -> None:
        for _ in range(_MOST_A_TICK):
            try:
                data, ancillary, _, _ = lane.socket.recvmsg(256, self._space)
            except BlockingIOError:
                return
            pid, uid = -1, -1
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    pid, uid, _ = _CREDENTIALS.unpack(payload[: _CREDENTIALS.size])
            if uid not in self._users:
                self.refused += 1
                continue
            try:
                intent = self._decoder.decode(data)
            except (msgspec.MsgspecError, ValueError):  # a text that is not UTF-8 is the latter
                intent = None
            if intent is None or intent.role not in lane.roles or (lane.is_stop and intent.kind not in _RESTRAINS):
                self.refused += 1
                if lane.is_stop:
                    found.append(Asked(IntentKind.STOP, Role.SCREEN, pid))
                continue
            found.append(Asked(intent.kind, intent.role, pid))
        if lane.is_stop:  # more may wait that is never read
            found.append(Asked(IntentKind.STOP, Role.SCREEN, -1))

    def close(self) -> None:
        self._ready.close()
        for lane in self._lanes:
            remove_own(str(lane.path), lane.own)
            lane.socket.close()


class IntentSender:
    """A screen's, pedal's or session's end. Sending never blocks; a lost datagram is repeated by its sender's timer."""

    def __init__(self, path: Path, role: Role) -> None:
        """`path`: as the receiver's."""
        own = str(lane_path(path, role))
        stop = str(lane_path(path, _STOP_LANE)) if role in _PERSONS else own
        # Where the stop lane takes none (its file may be gone), the receiver hears a restraint on the role's own lane.
        self._paths = {kind: (stop, own) if kind in _RESTRAINS and stop != own else (own,) for kind in IntentKind}
        self._role = role
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def send(self, kind: IntentKind, now_ns: int) -> bool:
        """True when a queue of the control process took it."""
        data = msgspec.msgpack.encode(Intent(kind, self._role, now_ns))
        for path in self._paths[kind]:
            try:
                self._socket.sendto(data, path)
            except OSError:
                continue
            return True
        return False

    def close(self) -> None:
        self._socket.close()
