"""The emulated bus: an AF_UNIX SOCK_SEQPACKET hub that carries Linux CAN frames between processes, one frame a packet.

Each frame of a client goes to all other clients and to the nodes attached in this process, whose answers go to all
clients. Like a real bus it never waits for a listener: what a slow client cannot take is dropped, counted, and told to
it as the receive-overflow error frame that a CAN controller would raise.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from drivers.unix_socket import file_of, listen, remove_own, set_send_buffer
from firmware_bridge.can_frame import (
    CLASSIC_SIZE,
    CONTROLLER_RX_OVERFLOW,
    ERROR_CONTROLLER,
    FD_SIZE,
    HEADER,
    encode_error,
    encode_frame,
)

Node = Callable[[int, bytes, int], Sequence[tuple[int, bytes]]]
"""(id with flags, data, arrival time) -> frames to answer with, classic or FD as the frame that was heard."""

CLIENT_BUFFER: Final = 1 << 20
"""Bytes on their way to one client: about 1300 frames, 0.3 s of a full 1 Mbit/s bus."""
_OVERFLOW_FRAME: Final = encode_error(ERROR_CONTROLLER, bytes((0, CONTROLLER_RX_OVERFLOW, 0, 0, 0, 0, 0, 0)))


class _Client:
    __slots__ = ("dropped", "socket")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.dropped = 0
        """Frames dropped since this client last took one."""


class HubServer:
    """One bus. Everything is non-blocking; `fileno()` is readable whenever `poll()` has something to do."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.passing = True
        """False: the bus is dead; frames are taken off the clients and lost."""
        self.frames = 0
        """Frames taken from clients."""
        self.dropped = 0
        """Frames that a slow client missed."""
        self.malformed = 0
        self._nodes: list[Node] = []
        self._clients: dict[int, _Client] = {}
        self._is_reading = True
        self._epoll = select.epoll()
        self._listener: socket.socket | None = None
        self._own = (0, 0)
        self.open()

    def open(self) -> None:
        """Listen (again). Raises DriverError when the path cannot be used."""
        if self._listener is None:
            self._listener = listen(self.path)
            self._own = file_of(self.path)
            self._epoll.register(self._listener.fileno(), select.EPOLLIN)

    def unplug(self) -> None:
        """Close the listener and every client, as when the adapter is pulled out; `open()` plugs it in again."""
        for client in list(self._clients.values()):
            self._drop(client)
        if self._listener is not None:
            self._epoll.unregister(self._listener.fileno())
            remove_own(self.path, self._own)
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        self.unplug()
        self._epoll.close()

    def attach(self, node: Node) -> None:
        self._nodes.append(node)

    @property
    def is_open(self) -> bool:
        return self._listener is not None

    @property
    def clients(self) -> int:
        return len(self._clients)

    def fileno(self) -> int:
        """An epoll descriptor over the listener and all clients; it can be waited on in any other wait."""
        return self._epoll.fileno()

    def read_clients(self, is_reading: bool) -> None:
        """False: leave frames in the clients' sockets, so that they fill up and senders see EAGAIN."""
        if is_reading != self._is_reading:
            self._is_reading = is_reading
            for descriptor in self._clients:
                self._epoll.modify(descriptor, select.EPOLLIN if is_reading else 0)

    def poll(self) -> None:
        """Take and pass on every frame that has arrived."""
        ready = self._epoll.poll(0)
        if self._listener is not None:
            listening = self._listener.fileno()
            for descriptor, _ in ready:
                if descriptor == listening:
                    self._accept_all(self._listener)  # first: who connected before a frame was sent must hear it
        for descriptor, events in ready:
            client = self._clients.get(descriptor)
            if client is None:
                continue
            if self._is_reading:
                self._serve(client)
            elif events & (select.EPOLLHUP | select.EPOLLERR):
                self._drop(client)

    def broadcast(self, raw: bytes, sender: _Client | None = None) -> None:
        """Hand one packed frame to every client but the sender."""
        for client in list(self._clients.values()):
            if client is not sender:
                self._hand_over(client, raw)

    def _hand_over(self, client: _Client, raw: bytes) -> None:
        try:
            if client.dropped:
                client.socket.send(_OVERFLOW_FRAME)
                client.dropped = 0
            client.socket.send(raw)
        except BlockingIOError:
            client.dropped += 1
            self.dropped += 1
        except OSError:
            # It is gone, but frames it sent before may still wait: _serve reads them, sees the end and drops it.
            self.dropped += 1

    def _accept_all(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            connection.setblocking(False)
            set_send_buffer(connection, CLIENT_BUFFER)
            self._clients[connection.fileno()] = _Client(connection)
            self._epoll.register(connection.fileno(), select.EPOLLIN if self._is_reading else 0)

    def _serve(self, client: _Client) -> None:
        recv = client.socket.recv
        unpack = HEADER.unpack_from
        while self._is_reading:
            try:
                raw = recv(FD_SIZE + 1)
            except BlockingIOError:
                return
            except ConnectionError:
                # It left without reading everything: reported once, then its own last frames can still be read.
                continue
            except OSError:
                raw = b""
            if not raw:
                self._drop(client)
                return
            size = len(raw)
            can_id, length, _, _ = unpack(raw) if size in (CLASSIC_SIZE, FD_SIZE) else (0, 255, 0, 0)
            if length > size - 8:
                self.malformed += 1
                continue
            self.frames += 1
            if not self.passing:
                continue
            t_ns = time.monotonic_ns()
            if len(self._clients) > 1:
                self.broadcast(raw, client)
            for node in self._nodes:
                for reply_id, reply in node(can_id, raw[8 : 8 + length], t_ns):
                    self.broadcast(encode_frame(reply_id, reply, fd=size == FD_SIZE))

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.socket.fileno(), None) is not None:
            self._epoll.unregister(client.socket.fileno())
            client.socket.close()
