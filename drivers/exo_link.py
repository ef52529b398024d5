"""The way to one exo board: bodies in, bodies out, over a serial port or one node of a CAN bus."""

from __future__ import annotations

import select
import time
from types import TracebackType
from typing import Final, Protocol, Self

from drivers.can_bus import CanBus, open_bus
from drivers.errors import DriverError
from drivers.serial_port import SerialPort
from firmware_bridge.exo_can import CanWire
from firmware_bridge.framing import FrameReader, encode_frame

CAN_PREFIX: Final = "can:"


class ExoLink(Protocol):
    """One open way to one board. Nothing blocks but `wait`, and `send` for at most `within_s`."""

    port: str

    def __enter__(self) -> Self:
        """Open, for this process alone. Raises DriverError."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def fileno(self) -> int: ...

    def send(self, body: bytes, within_s: float = 0.1) -> None:
        """Raises DriverError when the link is gone or takes nothing for `within_s`."""

    def receive(self, now_ns: int) -> list[bytes]:
        """Every body completed by what has arrived. Raises DriverError when the link is gone."""

    def wait(self, within_s: float) -> None:
        """Until something arrives, at most `within_s`."""

    def expect(self, channels: int, count_bytes: int) -> None:
        """The shape of SAMPLEs, as HELLO told it."""

    @property
    def bad(self) -> int:
        """Damaged frames so far."""


def make_link(port: str, baud: int) -> ExoLink:
    """`port`: a serial device, or 'can:INTERFACE:CHANNEL:NODE' ('canfd:...' with CAN FD). Opens nothing yet.

    Raises DriverError for a port that says neither.
    """
    kind, _, rest = port.partition(":")
    if kind in ("can", "canfd") and rest:
        interface, _, rest = rest.partition(":")
        channel, _, node = rest.rpartition(":")
        if interface and channel and node.isdigit() and 1 <= int(node) <= 15:
            return CanExoLink(interface, channel, int(node), fd=kind == "canfd")
        raise DriverError(f"port {port!r}: expected can:INTERFACE:CHANNEL:NODE with node 1 to 15; mend the rig file")
    return SerialExoLink(port, baud)


class SerialExoLink:
    """COBS frames on a serial port."""

    def __init__(self, port: str, baud: int) -> None:
        self.port = port
        self._serial = SerialPort(port, baud)
        self._reader = FrameReader()

    def __enter__(self) -> Self:
        self._serial.__enter__()
        self._reader.reset()
        try:
            self._serial.write(b"\0")  # ends whatever half frame the board has of the last host
        except BaseException:
            self._serial.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._serial.close()

    def fileno(self) -> int:
        return self._serial.fileno()

    def send(self, body: bytes, within_s: float = 0.1) -> None:
        self._serial.write(encode_frame(body), within_s)

    def receive(self, now_ns: int) -> list[bytes]:
        data = self._serial.read()
        return self._reader.feed(data) if data else []

    def wait(self, within_s: float) -> None:
        self._serial.wait(within_s)

    def expect(self, channels: int, count_bytes: int) -> None:
        """A serial frame says its own length."""

    @property
    def bad(self) -> int:
        return self._reader.bad


class CanExoLink:
    """One node of a CAN bus."""

    def __init__(self, interface: str, channel: str, node: int, *, fd: bool = False) -> None:
        self.port = f"{'canfd' if fd else 'can'}:{interface}:{channel}:{node}"
        self._interface = interface
        self._channel = channel
        self._node = node
        self._fd = fd
        self._bus: CanBus | None = None
        self._wire = CanWire(node, fd=fd)
        self._bad_before = 0

    def __enter__(self) -> Self:
        self._bus = open_bus(self._interface, self._channel, fd=self._fd, name=f"{self._channel} node {self._node}")
        self._bad_before += self._wire.bad
        self._wire = CanWire(self._node, fd=self._fd)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bus is not None:
            self._bus.close()
            self._bus = None

    def fileno(self) -> int:
        return self._open().fileno()

    def send(self, body: bytes, within_s: float = 0.1) -> None:
        bus = self._open()
        for can_id, data in self._wire.send(body, time.monotonic_ns()):
            bus.send(can_id, data)

    def receive(self, now_ns: int) -> list[bytes]:
        bus = self._open()
        wire = self._wire
        bodies = []
        for can_id, data in bus.receive_all():
            body = wire.feed(can_id, data, now_ns)
            if body is not None:
                bodies.append(body)
        for can_id, data in wire.poll(now_ns):
            bus.send(can_id, data)
        return bodies

    def wait(self, within_s: float) -> None:
        # segments of a long message may be due by time alone
        within_s = within_s if self._wire.is_idle else min(within_s, 0.001)
        select.select((self.fileno(),), (), (), max(0.0, within_s))

    def expect(self, channels: int, count_bytes: int) -> None:
        self._wire.expect(channels, count_bytes)

    @property
    def bad(self) -> int:
        return self._bad_before + self._wire.bad

    def _open(self) -> CanBus:
        if self._bus is None:
            raise DriverError(f"port {self.port}: not open; expected to be used in a 'with' block")
        return self._bus
