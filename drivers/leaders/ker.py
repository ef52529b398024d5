"""Leader over an OpenArm KER hub on a serial port: handshake, schema check, then the newest sample of each read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from drivers.errors import DriverError
from drivers.ports import LinkCounters
from drivers.serial_port import SerialPort
from drivers.usb_serial import usb_serial_number
from firmware_bridge import ker
from firmware_bridge.clock_sync import DeviceClock
from firmware_bridge.errors import WireError
from firmware_bridge.ker_stream import KerStream
from firmware_bridge.samples import RawCounts

_HANDSHAKE_S: Final = 1.5
"""All of PING and its reply; with the first sample after it within the 2 s that opening may take."""
_PING_EVERY_S: Final = 0.25
_FIRST_SAMPLE_S: Final = 0.4
_QUIET_S: Final = 0.004
_MOST_BYTES: Final = 1 << 16
"""A hub that has not answered within so many bytes of noise is not going to."""


class KerLeader:
    """One hub. May be entered again after an error or a replug: the counters go on."""

    def __init__(
        self,
        port: str,
        baud: int,
        rate_hz: float,
        channels: Mapping[int, str],
        expected_channels: int = 16,
        name: str = "ker",
        *,
        board_serial: str = "",
        serial_number_of: Callable[[str], str] = usb_serial_number,
    ) -> None:
        """`channels`: joint name by channel number; a channel without one is called channel_N.

        `board_serial`: USB serial number of the calibrated hub, '' = any; `serial_number_of`: that of the hub at a
        port, '' where it has none. (The hub's own protocol tells its firmware, and nothing that only one hub has.)
        """
        for number in channels:
            if not 0 <= number < expected_channels:
                raise DriverError(
                    f"leader {name}: joint {channels[number]}: channel {number}; expected 0 to "
                    f"{expected_channels - 1}; mend the rig file"
                )
        self.name = name
        self.channels: tuple[str, ...] = tuple(channels.get(n, f"channel_{n}") for n in range(expected_channels))
        self.rate_hz = rate_hz
        self.counts_per_turn = ker.COUNTS_PER_TURN_F32
        self.is_numbered = True
        self.identity = ""
        self.counters = LinkCounters()
        self.reboots = 0
        """Restarts of the hub that were noticed in its numbers."""
        self.clock = DeviceClock()
        """Device time to host time; the cable's least delay stays in it: the hub answers no questions."""
        self._newest: RawCounts | None = None
        self._taken_ns = 0
        self._serial = SerialPort(port, baud)
        self._stream: KerStream | None = None
        self._board_serial = board_serial
        self._serial_number_of = serial_number_of
        self._met: tuple[str, str, str, str] | None = None
        """Serial number, firmware, hardware, date of the first hub that was opened."""

    def __enter__(self) -> Self:
        """Open, STANDBY, PING (again every 250 ms), check that it is the hub expected, STREAM, wait for a frame.

        Blocks up to 2 s. Raises DriverError (no port, no answer, another schema, another hub than the calibrated one or
        than the one before) or WireError (an impossible schema).
        """
        self._serial.__enter__()
        try:
            serial_number = self._serial_number_of(self._serial.port)
            self._check_serial_number(serial_number)
            self._serial.write(ker.STANDBY)
            schema = self._ask_schema()
            self._check(schema, serial_number)
            self._drain()
            self._serial.write(ker.STREAM)
            if not self._serial.wait(_FIRST_SAMPLE_S):
                raise DriverError(
                    f"leader {self.name}: port {self._serial.port}: no frame within {_FIRST_SAMPLE_S} s of STREAM; "
                    "expected them at once; press RST on the hub and try again"
                )
        except BaseException:
            self._serial.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """STANDBY where the port still takes it, then close; at most 0.1 s."""
        try:
            self._serial.write(ker.STANDBY)
        except DriverError:
            pass  # unplugged: it streams to nobody
        self._serial.close()

    def fileno(self) -> int:
        return self._serial.fileno()

    def read(self, now_ns: int) -> RawCounts | None:
        """The newest whole sample of what has arrived, or None. Raises DriverError when the hub is unplugged."""
        data = self._serial.read()
        stream = self._stream
        if not data or stream is None:
            return None
        sample = stream.feed(data, now_ns)
        counters = self.counters
        counters.received = stream.received
        counters.lost = stream.lost
        counters.bad = stream.bad
        self.reboots = stream.reboots
        if sample is not None:
            self._newest = sample
        return sample

    def tend(self, now_ns: int) -> int:
        """Follow the hub's clock (see `ports.Leader`)."""
        sample = self._newest
        if sample is not None:
            self._newest = None
            self._taken_ns = min(sample.t_ns, self.clock.update(sample.device_us, now_ns))
        return self._taken_ns

    def _ask_schema(self) -> ker.Schema:
        """PING until a reply is whole. What looked like a reply and was none (there is no checksum) is skipped."""
        buffer = b""
        refused = ""
        deadline = time.monotonic() + _HANDSHAKE_S
        next_ping = 0.0
        heard = 0
        while (now := time.monotonic()) < deadline and heard < _MOST_BYTES:
            if now >= next_ping:
                self._serial.write(ker.PING)
                next_ping = now + _PING_EVERY_S
            if not self._serial.wait(min(next_ping, deadline) - now):
                continue
            data = self._serial.read()
            heard += len(data)
            buffer += data
            while (at := buffer.find(ker.PING_HEADER)) >= 0:
                try:
                    reply = ker.decode_ping_reply(buffer, at)
                except WireError as error:
                    refused = str(error)
                    buffer = buffer[at + 2 :]
                    continue
                if reply is not None:
                    return reply[0]
                buffer = buffer[at:]
                break
            else:
                buffer = buffer[-1:]
        what = refused or (f"{heard} bytes but no PING reply" if heard else "silence")
        raise DriverError(
            f"leader {self.name}: port {self._serial.port}: {what} within {_HANDSHAKE_S} s; expected the PING reply of "
            "a KER hub; check the port's name and the hub's power, press RST on the hub"
        )

    def _check_serial_number(self, found: str) -> None:
        """Another hub has other zeros: the calibration would send the arm elsewhere."""
        was = self._met[0] if self._met is not None else found
        for expected, why in ((self._board_serial or found, "on which the calibration was made"), (was, "as before")):
            if found != expected:
                raise DriverError(
                    f"leader {self.name}: port {self._serial.port}: hub {found or 'without a serial number'}; expected "
                    f"hub {expected or 'without a serial number'}, {why}; plug that one in, or calibrate this one and "
                    "start the station anew"
                )

    def _check(self, schema: ker.Schema, serial_number: str) -> None:
        """The schema must carry the channels that the rig was calibrated for, and be the one before."""
        codec = ker.FrameCodec(schema)
        if codec.channel_count != len(self.channels):
            raise DriverError(
                f"leader {self.name}: firmware {schema.firmware!r} has {codec.channel_count} channels "
                f"({schema.layout}); expected {len(self.channels)}; flash OpenArm KER firmware 2.0.0 or newer, or mend "
                "the rig file"
            )
        told = (serial_number, schema.firmware, schema.hardware, schema.updated)
        if self._stream is None:
            self._stream = KerStream(schema, self.rate_hz)
            self.counts_per_turn = codec.counts_per_turn
            self.is_numbered = codec.has_seq
        elif self._met == told and self._stream.codec.schema.fields == schema.fields:
            self._stream.restart()
        else:
            was = self._stream.codec.schema
            raise DriverError(
                f"leader {self.name}: the hub came back as firmware {schema.firmware!r} of {schema.updated}, hardware "
                f"{schema.hardware} ({schema.layout}); expected {was.firmware!r} of {was.updated}, {was.hardware} "
                f"({was.layout}) as before; plug that one in, or start the station anew"
            )
        self._met = told
        self.identity = f"OpenArm KER hub, firmware {schema.firmware}, hardware {schema.hardware}, {schema.updated}"
        self.identity += f", serial number {serial_number}" if serial_number else ""

    def _drain(self) -> None:
        """Let the rest of the reply (its boot angles, replies to further PINGs) pass."""
        for _ in range(50):
            if not self._serial.wait(_QUIET_S):
                return
            self._serial.read()
