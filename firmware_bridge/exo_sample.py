"""SAMPLE, the message that comes a thousand times a second: its body to counts and back."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from firmware_bridge.errors import WireError
from firmware_bridge.exo_terms import MAX_CHANNELS, SAMPLE_TYPE, SampleStatus
from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_MISSING, RawCounts

# Bits of SAMPLE.inputs. The first four are those of `samples.RawCounts.inputs`.
INPUT_TRIGGER: Final = 16
INPUT_HAS_TRIGGER: Final = 32
RAW_INPUTS: Final = 0x0F

FORM_WIDE: Final = 0x80
"""Bit of SAMPLE's form byte: counts of 4 bytes, not 2."""
AGE_STALE_MS: Final = 5
"""A reading this old is treated as one that did not come. (A board at 200 Hz or more refreshes within it.)"""
SAMPLE_HEAD: Final = struct.Struct("<BIIBB")


class Sample(NamedTuple):
    """One SAMPLE: all channels of the board at one instant, raw."""

    seq: int
    """Counts every sample time since streaming began, 32 bits."""
    device_us: int
    """Board clock at the start of reading, wraps at 2^32."""
    inputs: int
    counts: tuple[int, ...]
    states: bytes
    """One byte a channel: SampleStatus in the low four bits, age of the reading in ms in the high four (15: more)."""
    is_wide: bool = False


def encode_sample(sample: Sample) -> bytes:
    """The body of a SAMPLE."""
    channels = len(sample.counts)
    if not 1 <= channels <= MAX_CHANNELS or len(sample.states) != channels:
        raise WireError(f"SAMPLE: {channels} counts, {len(sample.states)} states; expected 1 to {MAX_CHANNELS} of each")
    form = channels | (FORM_WIDE if sample.is_wide else 0)
    letter = "I" if sample.is_wide else "H"
    try:
        head = SAMPLE_HEAD.pack(SAMPLE_TYPE, sample.seq, sample.device_us, sample.inputs, form)
        return head + struct.pack(f"<{channels}{letter}", *sample.counts) + sample.states
    except struct.error as error:
        raise WireError(f"SAMPLE: {error}") from None


def decode_sample(body: bytes) -> Sample:
    """Any SAMPLE, whatever its number of channels. Raises WireError."""
    if len(body) < SAMPLE_HEAD.size or body[0] != SAMPLE_TYPE:
        raise WireError(f"SAMPLE of {len(body)} bytes; expected at least {SAMPLE_HEAD.size}")
    _, seq, device_us, inputs, form = SAMPLE_HEAD.unpack_from(body)
    channels, is_wide = form & ~FORM_WIDE, bool(form & FORM_WIDE)
    size = SAMPLE_HEAD.size + channels * (5 if is_wide else 3)
    if not 1 <= channels <= MAX_CHANNELS or len(body) != size:
        raise WireError(
            f"SAMPLE of {channels} channels and {len(body)} bytes; expected 1 to {MAX_CHANNELS} and {size} bytes"
        )
    counts = struct.unpack_from(f"<{channels}{'I' if is_wide else 'H'}", body, SAMPLE_HEAD.size)
    return Sample(seq, device_us, inputs, counts, body[-channels:], is_wide)


def health_of(state: int) -> int:
    """HEALTH_* bits of one state byte."""
    status, age_ms = state & 15, state >> 4
    if status in (SampleStatus.MISSING, SampleStatus.NEVER) or (status == 0 and age_ms >= AGE_STALE_MS):
        return HEALTH_MISSING
    return HEALTH_DEVICE_ERROR if status else 0


class SampleReader:
    """The loop's path: bodies of SAMPLE to RawCounts, for one board whose dictionary is known.

    Unwraps the 32-bit sequence and device time, and counts what is missing by the sequence. A board that started
    anew (`restart`) continues above what was seen, so that neither ever steps back.
    """

    __slots__ = (
        "_all_ok",
        "_body",
        "_health",
        "_is_first",
        "_last_seq",
        "_last_us",
        "_zeros",
        "bad",
        "device_us",
        "lost",
        "seq",
    )

    def __init__(self, channels: int, count_bytes: int) -> None:
        self._body = struct.Struct(f"<BIIBB{channels}{'I' if count_bytes == 4 else 'H'}{channels}s")
        self._health = tuple(health_of(state) for state in range(256))
        self._zeros = bytes(channels)
        self._all_ok = (0,) * channels
        self._is_first = True
        self._last_seq = 0
        self._last_us = 0
        self.seq = 0
        self.device_us = 0
        self.lost = 0
        self.bad = 0
        """SAMPLEs of another shape than the dictionary says, or out of order."""

    def restart(self) -> None:
        """The board has been asked to stream anew: its sequence begins at 0 again."""
        self._is_first = True

    def read(self, body: bytes, now_ns: int) -> RawCounts | None:
        """The sample, or None (counted in `bad`) when it is not as the dictionary says or repeats an older one."""
        layout = self._body
        if len(body) != layout.size:
            self.bad += 1
            return None
        fields = layout.unpack(body)
        _, seq, device_us, inputs, form = fields[:5]
        states = fields[-1]
        if form & 0x7F != len(states):
            self.bad += 1
            return None
        if self._is_first:
            self._is_first = False
            self.seq += 1
            self.device_us = device_us if not self.device_us else self.device_us + 1
        else:
            step = (seq - self._last_seq) & 0xFFFF_FFFF
            if not 0 < step < 0x8000_0000:
                self.bad += 1
                return None
            self.lost += step - 1
            self.seq += step
            self.device_us += (device_us - self._last_us) & 0xFFFF_FFFF
        self._last_seq = seq
        self._last_us = device_us
        if states == self._zeros:
            health = self._all_ok
        else:
            health = tuple(map(self._health.__getitem__, states))
        return RawCounts(now_ns, self.seq, self.device_us, fields[5:-1], health, inputs & RAW_INPUTS)
