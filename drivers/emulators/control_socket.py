"""The emulators' back door: one JSON request a packet in, one JSON reply out, over an AF_UNIX SOCK_SEQPACKET socket.

The server side never blocks: it is one descriptor in the emulator's own wait, and `poll` serves what has arrived.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
from collections.abc import Callable
from typing import Any, Final

from drivers.errors import DriverError
from drivers.unix_socket import file_of, listen, remove_own, set_send_buffer

Reply = dict[str, Any]
Handler = Callable[[dict[str, Any]], Reply | None]
"""Takes a request; returns what to add to {"ok": true}. Raises ValueError (in words) to refuse it."""

MAX_REQUEST: Final = 65536
MAX_REPLY: Final = 1 << 20
SEND_BUFFER: Final = 4 << 20
TRACE_ROWS: Final = 2000
"""Rows of a trace that surely fit one packet (about 40 bytes each); a longer trace is taken in several."""


class ControlServer:
    """Listening socket at `path`. `fileno()` is readable whenever `poll()` has something to do."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._clients: dict[int, socket.socket] = {}
        self._listener = listen(path)
        self._own = file_of(path)
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)

    def fileno(self) -> int:
        """An epoll descriptor over the listener and all clients; it can be waited on in any other wait."""
        return self._epoll.fileno()

    def poll(self, handler: Handler) -> int:
        """Serve all requests that have arrived; the number of them. A client that reads no reply is dropped."""
        served = 0
        for descriptor, _ in self._epoll.poll(0):
            if descriptor == self._listener.fileno():
                self._accept()
            elif descriptor in self._clients:
                served += self._serve(self._clients[descriptor], handler)
        return served

    def close(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)
        self._epoll.close()
        remove_own(self.path, self._own)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            client, _ = self._listener.accept()
            client.setblocking(False)
            set_send_buffer(client, SEND_BUFFER)
            self._clients[client.fileno()] = client
            self._epoll.register(client.fileno(), select.EPOLLIN)

    def _serve(self, client: socket.socket, handler: Handler) -> int:
        served = 0
        while True:
            try:
                raw = client.recv(MAX_REQUEST)
            except BlockingIOError:
                return served
            except OSError:
                raw = b""
            if not raw:
                self._drop(client)
                return served
            reply = answer(raw, handler)
            served += 1
            try:
                client.send(reply)
            except OSError:
                self._drop(client)
                return served

    def _drop(self, client: socket.socket) -> None:
        self._clients.pop(client.fileno(), None)
        with contextlib.suppress(OSError):
            self._epoll.unregister(client.fileno())
        client.close()


def answer(raw: bytes, handler: Handler) -> bytes:
    """The reply packet to one request packet. What the handler refuses becomes {"ok": false, "error": words}."""
    try:
        request = json.loads(raw)
        if not isinstance(request, dict) or not isinstance(request.get("cmd"), str):
            raise ValueError('expected a JSON object with "cmd"')
        reply = json.dumps({"ok": True, **(handler(request) or {})}, separators=(",", ":")).encode()
        if len(reply) > MAX_REPLY:
            raise ValueError(f"the reply has {len(reply)} bytes; expected at most {MAX_REPLY}; ask for less")
    except (ValueError, TypeError, KeyError, DriverError) as error:
        words = f"missing {error}" if isinstance(error, KeyError) else str(error)
        return json.dumps({"ok": False, "error": words}).encode()
    return reply


class ControlClient:
    """The asking side: connects once, asks many times. Blocks up to `timeout_s` for each reply."""

    def __init__(self, path: str, timeout_s: float = 5.0) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise DriverError(
                f"emulator at {path}: {error.strerror}; expected it to run; start the rig first"
            ) from error

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def ask(self, cmd: str, **fields: object) -> Reply:
        """One request, one reply. Raises DriverError when it is refused or the emulator is gone."""
        try:
            self._socket.send(json.dumps({"cmd": cmd, **fields}).encode())
            raw = self._socket.recv(MAX_REPLY + 64)
        except OSError as error:
            raise DriverError(f"emulator at {self.path}: no reply to {cmd!r}: {error}; is it still running?") from error
        if not raw:
            raise DriverError(f"emulator at {self.path}: closed before it replied to {cmd!r}; is it still running?")
        reply: Reply = json.loads(raw)
        if not reply.get("ok"):
            raise DriverError(f"emulator at {self.path}: refused {cmd!r} {fields}: {reply.get('error')}")
        return reply

    def take_trace(self) -> list[list[int]]:
        """All rows that stand in the trace now, in as many requests as it takes; the trace may grow meanwhile."""
        reply = self.ask("take_trace")
        rows: list[list[int]] = reply["rows"]
        count = len(rows) + int(reply.get("left", 0))
        while len(rows) < count:
            rows += self.ask("take_trace")["rows"]
        return rows


def is_orphan(parent_pid: int) -> bool:
    """Whether the process that started this one is gone (its children are then handed to another)."""
    return os.getppid() != parent_pid
