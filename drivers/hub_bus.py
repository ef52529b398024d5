"""The client side of the emulated bus, as a python-can plug-in: `can.Bus(interface="station_hub", channel=PATH)`."""

from __future__ import annotations

import select
import socket
import time
from typing import Any

import can

from drivers.hub_server import HubServer
from drivers.unix_socket import set_send_buffer
from firmware_bridge.can_frame import (
    ERROR_FLAG,
    EXTENDED_FLAG,
    EXTENDED_MASK,
    FD_SIZE,
    REMOTE_FLAG,
    decode_frame,
    encode_frame,
)
from firmware_bridge.errors import WireError

__all__ = ["HubBus", "HubServer"]

SEND_BUFFER = 300_000
"""Bytes on their way to the hub: about 800 frames, 0.1 s of an arm at 500 Hz. The process behind an emulated bus may be
kept from running for longer than a real controller ever is; a queue that is not emptied at all still shows."""


class HubBus(can.BusABC):
    """A hub's bus. `socket` carries the same packed frames as SocketCAN's, so a loop may read it directly.

    Raises can.CanInitializationError where no hub listens: nothing ever takes its place.
    """

    def __init__(self, channel: str, can_filters: Any = None, fd: bool = False, **kwargs: Any) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel = channel
        self.channel_info = f"hub {channel}"
        self._is_fd = fd
        self._can_protocol = can.CanProtocol.CAN_FD if fd else can.CanProtocol.CAN_20
        try:
            self.socket.connect(str(channel))
        except OSError as error:
            self.socket.close()
            self._is_shutdown = True
            raise can.CanInitializationError(
                f"hub bus {channel!r}: {error.strerror or error}; expected an emulated bus to listen there; "
                f"start the emulator or correct the channel",
                error.errno,
            ) from error
        set_send_buffer(self.socket, SEND_BUFFER)
        super().__init__(channel=channel, can_filters=can_filters, **kwargs)

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """Hand one frame over; waits up to `timeout` (None: does not wait) for room, like a full transmit queue."""
        can_id = msg.arbitration_id
        if msg.is_extended_id:
            can_id |= EXTENDED_FLAG
        if msg.is_remote_frame:
            can_id |= REMOTE_FLAG
        if msg.is_error_frame:
            can_id |= ERROR_FLAG
        if msg.is_fd and not self._is_fd:
            raise can.CanOperationError(f"{self.channel_info}: a CAN FD frame; this bus was opened with fd=False")
        try:
            raw = encode_frame(can_id, bytes(msg.data), fd=msg.is_fd)
            if timeout:
                select.select([], [self.socket], [], timeout)
            self.socket.send(raw, socket.MSG_DONTWAIT)
        except (OSError, WireError) as error:
            raise can.CanOperationError(f"{self.channel_info}: frame 0x{can_id:x} not sent: {error}") from error

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        try:
            if not select.select([self.socket], [], [], timeout)[0]:
                return None, False
            raw = self.socket.recv(FD_SIZE + 1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None, False
        except OSError as error:
            raise can.CanOperationError(f"{self.channel_info}: {error.strerror or error}; the hub is gone") from error
        if not raw:
            raise can.CanOperationError(f"{self.channel_info}: the hub closed the bus; reopen it when it is back")
        try:
            can_id, data = decode_frame(raw)
        except WireError as error:
            raise can.CanOperationError(f"{self.channel_info}: {error}") from error
        is_fd = len(raw) == FD_SIZE
        message = can.Message(
            timestamp=time.time(),
            arbitration_id=can_id & EXTENDED_MASK,
            is_extended_id=bool(can_id & EXTENDED_FLAG),
            is_remote_frame=bool(can_id & REMOTE_FLAG),
            is_error_frame=bool(can_id & ERROR_FLAG),
            is_fd=is_fd,
            bitrate_switch=is_fd and bool(raw[5] & 1),
            channel=self.channel,
            data=data,
        )
        return message, False

    def fileno(self) -> int:
        return self.socket.fileno()

    def shutdown(self) -> None:
        super().shutdown()
        self.socket.close()
