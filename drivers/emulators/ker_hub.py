"""The emulated KER hub: command bytes in, reply and stream bytes out. No descriptor, no clock: times come in.

Encoders as the real ones: 15 bits, sent as degrees (firmware 2.0.0) or hundredths of a degree (2.1.0). The hub samples
the whole time; streaming only decides whether a sample is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from firmware_bridge import ker

FIRMWARES: Final = {"2.0.0": ker.SCHEMA_2_0_0, "2.1.0": ker.SCHEMA_2_1_0}
KNOT_SAMPLES: Final = 10
"""Joint angles are given every so many samples and drawn straight between."""

_TURN: Final = 1 << 15
_RAW_PER_DEG: Final = _TURN / 360.0
_DEG_PER_COUNT: Final = 360.0 / (1 << 21)
_U32: Final = 0xFFFF_FFFF
_I16_MAX: Final = 32767


class HubChannel(NamedTuple):
    """How one encoder is mounted: it reads sign * joint + zero."""

    sign: int
    zero_deg: float


class KerHub:
    """Protocol behaviour and encoders of one hub."""

    def __init__(self, firmware: str, channels: Sequence[HubChannel]) -> None:
        """Raises ValueError for a firmware that is not emulated or a number of channels that no hub has."""
        if firmware not in FIRMWARES:
            raise ValueError(f"firmware {firmware!r}; expected one of {', '.join(FIRMWARES)}")
        self.schema: Final = FIRMWARES[firmware]
        self.codec: Final = ker.FrameCodec(self.schema)
        if len(channels) != self.codec.channel_count:
            raise ValueError(f"{len(channels)} channels; expected {self.codec.channel_count}")
        self._scale = tuple(channel.sign * _RAW_PER_DEG for channel in channels)
        self._offset = [channel.zero_deg * _RAW_PER_DEG for channel in channels]
        self._from: tuple[float, ...] = (0.0,) * len(channels)
        self._step: tuple[float, ...] = (0.0,) * len(channels)
        self._to: tuple[float, ...] = (0.0,) * len(channels)
        self._has_knot = False
        self._partial = b""
        self.is_streaming = False
        self.seq = 0
        """Of the next frame."""
        self.error_mask = 0
        """Bit n: channel n's module did not answer."""
        self.knob = 0
        self.frozen: dict[int, int] = {}
        """Channels whose reading has stopped moving -> its raw value (the fault of firmware 2.0.0)."""
        self._noise = 1

    # -- commands

    def take(self, data: bytes) -> bytes:
        """Obey command bytes as they come (a ZERO_MASK may be cut anywhere); what the hub answers."""
        reply = b""
        data = self._partial + data
        self._partial = b""
        at = 0
        while at < len(data):
            command = data[at : at + 1]
            at += 1
            if command == ker.PING:
                self.is_streaming = False
                reply += self.ping_reply()
            elif command == ker.STANDBY:
                self.is_streaming = False
            elif command == ker.STREAM:
                self.is_streaming = True
            elif command == ker.ZERO_ALL:
                self._zero((1 << self.codec.channel_count) - 1)
            elif command == ker.ZERO_MASK:
                if at + 2 > len(data):
                    self._partial = data[at - 1 :]
                    break
                self._zero(int.from_bytes(data[at : at + 2], "big"))
                at += 2
            # DIAG is obeyed in silence: the layout of its reply is not published, and the maker's client reads none.
        return reply

    def ping_reply(self) -> bytes:
        ok = [not self.error_mask >> n & 1 for n in range(self.codec.channel_count)]
        return ker.encode_ping_reply(self.schema, [round(raw) / _RAW_PER_DEG for raw in self._from], ok)

    def _zero(self, mask: int) -> None:
        """What these encoders read now becomes their zero."""
        for n in range(self.codec.channel_count):
            if mask >> n & 1:
                self._offset[n] -= self._from[n]
        shift = [here if mask >> n & 1 else 0.0 for n, here in enumerate(self._from)]
        self._from = tuple([a - b for a, b in zip(self._from, shift)])
        self._to = tuple([a - b for a, b in zip(self._to, shift)])

    def swap(self, shift_deg: Sequence[float]) -> None:
        """Another exoskeleton of the same make: its encoders were mounted that much further round."""
        for n, shift in enumerate(shift_deg):
            self._offset[n] += shift * _RAW_PER_DEG
        self._has_knot = False

    def reboot(self) -> None:
        """Power came back: it stands by, and numbers its frames from 0 again."""
        self.is_streaming = False
        self.seq = 0
        self._partial = b""

    # -- samples

    def set_knot(self, joint_deg: Sequence[float]) -> None:
        """Where the joints will be KNOT_SAMPLES samples from now; the next sample is where they were to be now."""
        to = tuple([deg * scale + zero for deg, scale, zero in zip(joint_deg, self._scale, self._offset)])
        self._from = self._to if self._has_knot else to
        self._to = to
        self._step = tuple([(b - a) / KNOT_SAMPLES for a, b in zip(self._from, to)])
        self._has_knot = True

    def raw(self, k: int) -> list[int]:
        """15-bit readings (turns above them) `k` samples after the last knot, with the last bit's noise."""
        # xorshift32 (Marsaglia 2003): one draw serves all channels, a bit each.
        noise = self._noise
        noise ^= noise << 13 & _U32
        noise ^= noise >> 17
        noise ^= noise << 5 & _U32
        self._noise = noise
        raw = [round(a + step * k + (noise >> n & 1)) for n, (a, step) in enumerate(zip(self._from, self._step))]
        if self.frozen:
            for n, value in self.frozen.items():
                raw[n] = value
        return raw

    def frame(self, timestamp_us: int, k: int) -> bytes:
        """The next frame, `k` samples after the last knot. Counts the sequence."""
        return self.encode(timestamp_us, self.number(), self.raw(k))

    def number(self) -> int:
        """The next frame's number, taken."""
        seq = self.seq
        self.seq = (seq + 1) & _U32
        return seq

    def encode(self, timestamp_us: int, seq: int, raw: Sequence[int], nan: Sequence[int] = ()) -> bytes:
        """One frame with these readings; channels in `nan` carry no number (2.1.0 has none: it sends its least one)."""
        codec = self.codec
        if codec.has_float_angles:
            degrees: list[float] = [(r << 6 | (r & 0x7FFF) >> 9) * _DEG_PER_COUNT for r in raw]
            for n in nan:
                degrees[n] = float("nan")
            mask = self.error_mask
            errors = [mask >> n & 1 for n in range(len(raw))] if mask else _NO_ERRORS
            return codec.encode_frame((timestamp_us & _U32, *degrees, *errors))
        hundredths = [(r * 1125 + 512) >> 10 for r in raw]  # 36000 / 2^15 = 1125 / 2^10
        for n in nan:
            hundredths[n] = -_I16_MAX - 1
        if max(hundredths) > _I16_MAX or min(hundredths) < -_I16_MAX - 1:
            hundredths = [max(-_I16_MAX - 1, min(_I16_MAX, value)) for value in hundredths]
        return codec.encode_frame((timestamp_us & _U32, seq, self.error_mask, *hundredths, self.knob, False))


_NO_ERRORS: Final = (False,) * 16
