"""SAMPLE, the message that comes a thousand times a second: its body to counts and back."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from operator import add, mul, or_
from struct import Struct
from typing import Final, NamedTuple

from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import Channel
from firmware_bridge.exo_terms import MAX_CHANNELS, SAMPLE_TYPE, ChannelKind, SampleStatus
from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_MISSING, HEALTH_NOT_A_NUMBER, RawCounts, fold_inputs

_make: Final = tuple.__new__
"""Half as long as calling RawCounts."""

# Bits of SAMPLE.inputs. All but these two are those of `samples.RawCounts.inputs`; 128 is never set.
INPUT_TRIGGER: Final = 16
INPUT_HAS_TRIGGER: Final = 32
RAW_INPUTS: Final = 0x4F

FORM_WIDE: Final = 0x80
"""Bit of SAMPLE's form byte: counts of 4 bytes, not 2."""
AGE_STALE_MS: Final = 5
"""A reading this old is treated as one that did not come. (A board at 200 Hz or more refreshes within it.)"""
MOST_AHEAD: Final = 1 << 20
"""A number this far ahead is a wrong one: a host that had lost so many samples (four minutes at the highest rate) would
have asked for the stream anew."""
SAMPLE_HEAD: Final = struct.Struct("<BIIBB")
_NUMBER_AND_TIME: Final = struct.Struct("<II").unpack_from


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

    Unwraps counts (a one-turn encoder passes its edge), sequence and device time, and counts what is missing by the
    sequence. After `restart` all of them go on from what was seen, so that none steps back: counts from the turn that
    lies nearest. Channels of fewer counts per turn are scaled up to `counts_per_turn`, one scale for all. A reading of
    counts per turn or more, which no one-turn encoder can give, is not a number: the one before it stands in its place.
    """

    __slots__ = (
        "_all_ok",
        "_beyond",
        "_counts_end",
        "_form",
        "_half",
        "_health",
        "_inputs",
        "_is_begun",
        "_is_first",
        "_last_seq",
        "_last_us",
        "_modulo",
        "_offset",
        "_raw",
        "_scale",
        "_sector_of",
        "_sectors",
        "_size",
        "_unpack_counts",
        "_zeros",
        "bad",
        "counts_per_turn",
        "device_us",
        "lost",
        "received",
        "seq",
    )

    def __init__(self, channels: Sequence[Channel], count_bytes: int) -> None:
        """Raises WireError when the channels' counts per turn have no common scale."""
        count = len(channels)
        self.counts_per_turn = max(channel.counts_per_turn for channel in channels)
        for channel in channels:
            if self.counts_per_turn % channel.counts_per_turn:
                raise WireError(
                    f"channel {channel.name}: {channel.counts_per_turn} counts per turn; expected a divisor of "
                    f"{self.counts_per_turn}, the most of this board"
                )
        scale = tuple(self.counts_per_turn // channel.counts_per_turn for channel in channels)
        self._scale = scale if max(scale) > 1 else None
        width = 1 << (8 * count_bytes)
        is_one_turn = [channel.kind in (ChannelKind.ROTARY, ChannelKind.TRIGGER) for channel in channels]
        self._modulo = tuple(c.counts_per_turn if one else width for c, one in zip(channels, is_one_turn))
        self._half = tuple(modulo // 2 for modulo in self._modulo)
        # A one-turn encoder starts in 0 .. turn - 1, a signed one around 0.
        self._raw: tuple[int, ...] = tuple(half if one else 0 for half, one in zip(self._half, is_one_turn))
        self._offset: tuple[int, ...] | None = None
        # While every reading stays in its sector, none can have passed the edge: sectors are half a turn at most, and
        # none lies across the end of a turn.
        self._counts_end = SAMPLE_HEAD.size + count_bytes * count
        self._sectors = b""
        self._sector_of = _sectors(self._modulo) if count_bytes == 2 else b""
        self._beyond: tuple[int, ...] = ()
        """Health of the channels, while any reads what it can not; else empty."""
        self._form = count | (FORM_WIDE if count_bytes == 4 else 0)
        self._unpack_counts = Struct(f"<{count}{'I' if count_bytes == 4 else 'H'}").unpack_from
        self._size = self._counts_end + count
        self._health = tuple(health_of(state) for state in range(256))
        self._zeros = bytes(count)
        self._all_ok = (0,) * count
        self._inputs = -1
        """Of all samples taken since the one decoded last; -1: of none."""
        self._is_begun = False
        self._is_first = True
        self._last_seq = 0
        self._last_us = 0
        self.seq = 0
        self.device_us = 0
        self.received = 0
        self.lost = 0
        self.bad = 0
        """SAMPLEs of another shape than the dictionary says, or not newer than the one before, or by far too much."""

    def restart(self) -> None:
        """The board has been asked to stream anew: its sequence begins at 0 again."""
        self._is_first = True
        self._inputs = -1

    def read(self, body: bytes, now_ns: int) -> RawCounts | None:
        """The sample, or None (counted in `bad`) when it is not as the dictionary says or repeats an older one."""
        return self.decode(body, now_ns) if self.take(body) else None

    def take(self, body: bytes) -> bool:
        """Check and count one SAMPLE and follow its number and time; False (counted in `bad`) when it is not as the
        dictionary says, repeats an older one or carries a number that can not be."""
        if len(body) != self._size or body[10] != self._form:
            self.bad += 1
            return False
        seq, device_us = _NUMBER_AND_TIME(body, 1)
        step = (seq - self._last_seq) & 0xFFFF_FFFF
        if self._is_first:
            self._begin(seq, device_us)
        else:
            if step != 1:
                if not 0 < step < MOST_AHEAD:
                    self.bad += 1
                    return False
                self.lost += step - 1
            self.seq += step
            self.device_us += (device_us - self._last_us) & 0xFFFF_FFFF
        self._last_seq = seq
        self._last_us = device_us
        self.received += 1
        inputs = body[9]
        if inputs != self._inputs:
            self._inputs = inputs if self._inputs < 0 else fold_inputs(self._inputs, inputs)
        return True

    def decode(self, body: bytes, now_ns: int) -> RawCounts:
        """What the SAMPLE taken last says, with the inputs of all that were taken since the one decoded before. Those
        need not be decoded: turns are followed from one decoded to the next, so as long as no joint makes half a turn
        in between."""
        counts: tuple[int, ...] = self._unpack_counts(body, SAMPLE_HEAD.size)
        sectors = body[12 : self._counts_end : 2].translate(self._sector_of) if self._sector_of else b""
        if not sectors or sectors != self._sectors:
            self._sectors = sectors
            counts = self._unwrap(counts)
        self._raw = counts
        if self._offset is not None:
            counts = tuple(map(add, counts, self._offset))
        if self._scale is not None:
            counts = tuple(map(mul, counts, self._scale))
        if body.endswith(self._zeros):
            health = self._all_ok
        else:
            health = tuple([self._health[state] for state in body[self._counts_end :]])
        if self._beyond:
            health = tuple(map(or_, health, self._beyond))
        inputs = (body[9] if self._inputs < 0 else self._inputs) & RAW_INPUTS
        self._inputs = -1
        return _make(RawCounts, (now_ns, self.seq, self.device_us, counts, health, inputs))

    def _unwrap(self, raw: tuple[int, ...]) -> tuple[int, ...]:
        """Whole turns to be added to each reading, so that it lies within half a turn of the one before; the readings,
        with the one before where it is beyond the encoder's turn."""
        self._beyond = ()
        beyond = [HEALTH_NOT_A_NUMBER if count >= modulo else 0 for count, modulo in zip(raw, self._modulo)]
        if any(beyond):
            self._beyond = tuple(beyond)
            self._sectors = b""  # the next one is looked at as well
            raw = tuple([old if is_beyond else count for old, count, is_beyond in zip(self._raw, raw, beyond)])
        before = self._raw if self._offset is None else tuple(map(add, self._raw, self._offset))
        turns = tuple([(c - b + h) % m - h + b - c for c, b, h, m in zip(raw, before, self._half, self._modulo)])
        self._offset = turns if any(turns) else None
        return raw

    def _begin(self, seq: int, device_us: int) -> None:
        self._is_first = False
        if self._is_begun:
            self.seq += 1
            # The next time above that agrees with the board's clock in its 32 bits.
            self.device_us += (device_us - self.device_us) & 0xFFFF_FFFF
        else:
            self._is_begun = True
            self.seq = seq
            self.device_us = device_us


def _sectors(modulos: Sequence[int]) -> bytes:
    """Upper byte of a count -> its sector, each at most half of the least modulo wide; b"" where a byte is too coarse,
    or a sector would lie across the end of a turn."""
    width = 1 << max(0, (min(modulos) // 2).bit_length() - 1)
    if width < 256 or any(modulo % width for modulo in modulos):
        return b""
    return bytes((high << 8) // width & 0xFF for high in range(256))
