"""What the screens draw: the session process serves SessionViews to any number of watchers and takes their Requests."""

from __future__ import annotations

import contextlib
import selectors
import socket
from pathlib import Path
from typing import Final

import msgspec

from drivers.unix_socket import file_of, remove_own
from station.signals import Request, RequestKind, SessionView

_LARGEST: Final = 131_072


class ViewServer:
    """The session's end: sends the newest view to every watcher; a watcher that does not read loses views, not us."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._own = file_of(str(path))
        self._listener.listen(16)
        self._watchers: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._decoder = msgspec.msgpack.Decoder(Request)
        self._newest = b""

    def publish(self, view: SessionView) -> None:
        self._newest = msgspec.msgpack.encode(view)
        for watcher in list(self._watchers):
            self._give(watcher)

    def requests(self, timeout_s: float) -> list[RequestKind]:
        """Wait up to `timeout_s` for watchers; what they asked."""
        asked: list[RequestKind] = []
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._listener:
                with contextlib.suppress(BlockingIOError):
                    watcher, _ = self._listener.accept()
                    watcher.setblocking(False)
                    self._watchers.append(watcher)
                    self._selector.register(watcher, selectors.EVENT_READ)
                    if self._newest:
                        self._give(watcher)
                continue
            watcher = key.fileobj  # type: ignore[assignment]
            try:
                data = watcher.recv(1024)
                if not data:
                    raise ConnectionResetError
                asked.append(self._decoder.decode(data).kind)
            except BlockingIOError:
                continue
            except (OSError, msgspec.MsgspecError):
                self._drop(watcher)
        return asked

    def _give(self, watcher: socket.socket) -> None:
        try:
            watcher.send(self._newest)
        except BlockingIOError:
            pass  # it will get a newer one
        except OSError:
            self._drop(watcher)

    def _drop(self, watcher: socket.socket) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)
            self._selector.unregister(watcher)
            watcher.close()

    def close(self) -> None:
        for watcher in list(self._watchers):
            self._drop(watcher)
        self._selector.close()
        remove_own(str(self._path), self._own)
        self._listener.close()


class ViewClient:
    """A watcher's end."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where no session serves."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)
        self._decoder = msgspec.msgpack.Decoder(SessionView)
        self._latest: SessionView | None = None
        self.is_lost = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def latest(self) -> SessionView | None:
        """The newest view received so far; never blocks. After the session ended, its last view (and `is_lost`)."""
        newest = b""
        while not self.is_lost:
            try:
                data = self._socket.recv(_LARGEST)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.is_lost = True
            else:
                newest = data
        if newest:
            self._latest = self._decoder.decode(newest)
        return self._latest

    def request(self, kind: RequestKind) -> bool:
        """True when the session's queue took it."""
        try:
            self._socket.send(msgspec.msgpack.encode(Request(kind)))
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()
