"""A CAN bus for the loop: python-can opens it, packed Linux frames go through its descriptor without waiting.

On SocketCAN and on the emulated hub the descriptor is read and written directly; every other python-can interface works
through `recv(0)` and `send`, only slower. Error frames are counted and never stop reception.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import time
from typing import Any, Final

import can

from drivers.bus_lock import BusLock
from drivers.errors import BusFullError, DriverError
from drivers.ports import LinkCounters
from firmware_bridge.can_frame import (
    CONTROLLER_RX_OVERFLOW,
    ERROR_BUS_OFF,
    ERROR_CONTROLLER,
    ERROR_FLAG,
    ERROR_RESTARTED,
    EXTENDED_FLAG,
    EXTENDED_MASK,
    FD_SIZE,
    HEADER,
    REMOTE_FLAG,
    encode_error,
    encode_frame,
)

RECEIVE_BUFFER: Final = 4 << 20
"""Bytes; the default holds 278 classic frames, 17 ms of a busy bus, and then drops them silently."""
SEND_BOUND_S: Final = 0.001
"""How long one frame may wait for room in the transmit queue."""
SEND_PAUSE_S: Final = 0.0001
MAX_FRAMES: Final = 4096
"""Frames taken in one `receive_all`: a flooded bus must not keep the loop for ever."""

_SO_RCVBUFFORCE: Final = 33  # asm-generic/socket.h
_SO_RXQ_OVFL: Final = 40
_SO_TIMESTAMPNS: Final = 35
_ANCILLARY: Final = socket.CMSG_SPACE(4) + socket.CMSG_SPACE(16)
"""Room for the count of lost frames and for a time stamp before it, should the kernel give both."""
_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})
_RAW_INTERFACES: Final = frozenset({"socketcan", "station_hub"})

Frame = tuple[int, bytes]
"""(id with EXTENDED_FLAG where extended, data)."""


class CanBus:
    """One open bus. Made by `open_bus`; non-blocking but for `send`, which may wait SEND_BOUND_S for room."""

    def __init__(
        self, bus: can.BusABC, name: str, channel: str, *, fd: bool, is_raw: bool, lock: BusLock | None
    ) -> None:
        self.name = name
        self.channel = channel
        self.fd = fd
        self.counters = LinkCounters()
        self.is_bus_off = False
        """The controller has left the bus because of too many errors and has not been restarted since."""
        self._bus = bus
        self._lock = lock
        self._socket: socket.socket | None = bus.socket if is_raw else None  # type: ignore[attr-defined]
        self._is_socketcan = self._socket is not None and self._socket.family != socket.AF_UNIX
        self._last_overflow = 0
        self._lost: DriverError | None = None
        """Found when frames had just been read: these first, a stop may be among them."""
        if self._socket is not None:
            _enlarge_receive_buffer(self._socket)
            if self._is_socketcan:
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
                # python-can asks for one with each frame; the loop takes its own time once a tick.
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 0)
            self._send_now = self._socket.send

    def fileno(self) -> int:
        return self._bus.fileno()

    def header(self, can_id: int, length: int) -> bytes:
        """The first 8 bytes of a packed frame of this bus: CAN FD frames switch the bit rate."""
        return HEADER.pack(can_id, length, 1 if self.fd else 0, 0)

    def send(self, can_id: int, data: bytes) -> None:
        """Hand one frame over. Raises DriverError when the bus is gone, BusFullError after SEND_BOUND_S of no room."""
        self.send_packed(encode_frame(can_id, data, fd=self.fd))

    def send_packed(self, raw: bytes, bound_s: float = SEND_BOUND_S) -> None:
        """`send` of a frame already packed (`header` + data, zeros up to 16 or 72 bytes): the loop's quick way."""
        if self._socket is None:
            self._send_portably(raw, bound_s)
            return
        try:
            self._send_now(raw, socket.MSG_DONTWAIT)
        except OSError as error:
            if error.errno not in _FULL:
                raise self._gone("sending", error) from error
            self._send_when_free(raw, bound_s)

    def _send_when_free(self, raw: bytes, bound_s: float) -> None:
        assert self._socket is not None
        deadline = time.monotonic() + bound_s
        while True:
            time.sleep(SEND_PAUSE_S)  # a full CAN queue still polls as writable
            try:
                self._socket.send(raw, socket.MSG_DONTWAIT)
            except OSError as error:
                if error.errno not in _FULL:
                    raise self._gone("sending", error) from error
                if time.monotonic() > deadline:
                    raise BusFullError(
                        f"bus {self.name} ({self.channel}): transmit queue full for {bound_s * 1e3:g} ms; expected "
                        f"room at once; nobody acknowledges: check power, cable, termination and bit rate"
                    ) from error
            else:
                return

    def receive_all(self) -> list[Frame]:
        """Every data frame that has arrived, oldest first. Error and remote frames are counted, never returned.

        Raises DriverError when the bus is gone: reopen it, it does not come back by itself.
        """
        if self._lost is not None:
            raise self._lost
        if self._socket is None:
            return self._receive_portably()
        return self._receive_socketcan(self._socket) if self._is_socketcan else self._receive_hub(self._socket)

    def _receive_hub(self, source: socket.socket) -> list[Frame]:
        frames: list[Frame] = []
        recv = source.recv
        unpack = HEADER.unpack_from
        try:
            for _ in range(MAX_FRAMES):
                raw = recv(FD_SIZE, socket.MSG_DONTWAIT)
                if not raw:
                    raise ConnectionResetError(errno.ECONNRESET, "the hub closed the bus")
                can_id, length, _flags, _unused = unpack(raw)
                if can_id & (ERROR_FLAG | REMOTE_FLAG):
                    self._take_special(can_id, raw)
                else:
                    frames.append((can_id, raw[8 : 8 + length]))
        except BlockingIOError:
            pass
        except (OSError, struct.error) as error:
            self._lose(error, frames)
        self.counters.received += len(frames)
        return frames

    def _receive_socketcan(self, source: socket.socket) -> list[Frame]:
        frames: list[Frame] = []
        recvmsg = source.recvmsg
        unpack = HEADER.unpack_from
        try:
            for _ in range(MAX_FRAMES):
                raw, ancillary, _message_flags, _address = recvmsg(FD_SIZE, _ANCILLARY, socket.MSG_DONTWAIT)
                if ancillary:
                    self._take_overflow(ancillary)
                can_id, length, _flags, _unused = unpack(raw)
                if can_id & (ERROR_FLAG | REMOTE_FLAG):
                    self._take_special(can_id, raw)
                else:
                    frames.append((can_id, raw[8 : 8 + length]))
        except BlockingIOError:
            pass
        except (OSError, struct.error) as error:
            # ENODEV and ENETDOWN come once and then never again: whoever swallows them waits for ever.
            self._lose(error, frames)
        self.counters.received += len(frames)
        return frames

    def _take_overflow(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL and len(data) >= 4:
                total: int = struct.unpack_from("=I", data)[0]
                self.counters.overflowed += (total - self._last_overflow) & 0xFFFFFFFF
                self._last_overflow = total

    def _take_special(self, can_id: int, raw: bytes) -> None:
        if not can_id & ERROR_FLAG:
            self.counters.bad += 1  # nobody here asks by remote frames
            return
        self.counters.error_frames += 1
        if can_id & ERROR_BUS_OFF:
            self.counters.bus_off += 1
            self.is_bus_off = True
        if can_id & ERROR_RESTARTED:
            self.is_bus_off = False
        if can_id & ERROR_CONTROLLER and raw[9] & CONTROLLER_RX_OVERFLOW:
            self.counters.overflowed += 1

    def _send_portably(self, raw: bytes, bound_s: float) -> None:
        can_id, length, _flags, _unused = HEADER.unpack_from(raw)
        message = can.Message(
            arbitration_id=can_id & EXTENDED_MASK,
            is_extended_id=bool(can_id & EXTENDED_FLAG),
            is_fd=self.fd,
            bitrate_switch=self.fd,
            data=raw[8 : 8 + length],
        )
        try:
            self._bus.send(message, timeout=bound_s)
        except (can.CanError, OSError) as error:
            raise self._gone("sending", error) from error

    def _receive_portably(self) -> list[Frame]:
        frames: list[Frame] = []
        try:
            while len(frames) < MAX_FRAMES and (message := self._bus.recv(0)) is not None:
                can_id = message.arbitration_id | (EXTENDED_FLAG if message.is_extended_id else 0)
                if message.is_error_frame:
                    self._take_special(ERROR_FLAG | can_id, encode_error(0, bytes(message.data).ljust(8, b"\0")[:8]))
                elif message.is_remote_frame:
                    self.counters.bad += 1
                else:
                    frames.append((can_id, bytes(message.data)))
        except (can.CanError, OSError) as error:
            self._lose(error, frames)
        self.counters.received += len(frames)
        return frames

    def wait(self, timeout_s: float) -> None:
        """Block until a frame waits or the time is over. For set-up, not for the loop."""
        try:
            select.select([self._bus.fileno()], [], [], timeout_s)
        except (NotImplementedError, ValueError):
            time.sleep(min(timeout_s, 0.001))  # an interface without a descriptor

    def _lose(self, error: Exception, frames: list[Frame]) -> None:
        """The bus is gone: told at once where there is nothing else to tell, else by the next call."""
        self._lost = self._gone("reading", error)
        if not frames:
            raise self._lost from error

    def _gone(self, doing: str, error: BaseException) -> DriverError:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return DriverError(
            f"bus {self.name} ({self.channel}): {words} while {doing}; expected the bus to stay open; check the "
            f"adapter and its plug, then reset"
        )

    def close(self) -> None:
        """Close the bus and free it for others; may be called twice; never raises."""
        with contextlib.suppress(can.CanError, OSError):
            self._bus.shutdown()
        if self._lock is not None:
            self._lock.release()


def open_bus(interface: str, channel: str, *, fd: bool = False, name: str = "", is_exclusive: bool = True) -> CanBus:
    """Open a bus by its python-can interface and channel; no setting outside the arguments plays a part.

    `is_exclusive`: refuse when another station uses it (a listener that sends nothing may pass False).
    Raises DriverError; a bus that does not open is never replaced by anything.
    """
    name = name or channel
    lock = BusLock(interface, channel) if is_exclusive else None
    options: dict[str, Any] = {"fd": fd} if fd or interface in _RAW_INTERFACES else {}
    try:
        bus = can.Bus(channel=channel, interface=interface, ignore_config=True, **options)
    except (can.CanError, OSError, ValueError, ImportError, NotImplementedError) as error:
        if lock is not None:
            lock.release()
        expected = (
            "the emulated arm to listen there; end this run and start it again"
            if interface == "station_hub"
            else f"an interface that is up; check the adapter, the name and 'ip -details link show {channel}'"
        )
        raise DriverError(f"bus {name}: {interface} {channel!r} does not open: {error}; expected {expected}") from error
    return CanBus(bus, name, channel, fd=fd, is_raw=interface in _RAW_INTERFACES, lock=lock)


def _enlarge_receive_buffer(source: socket.socket) -> None:
    try:
        source.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:
        source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
