"""Any chunk of a KER hub's stream -> whole samples (`RawCounts`), with what was lost, bad or restarted counted."""

from __future__ import annotations

from typing import Final

from firmware_bridge.ker import STREAM_HEADER, FrameCodec, Schema, fold_xor
from firmware_bridge.samples import RawCounts

_make: Final = tuple.__new__
"""Half as long as calling RawCounts."""
_WRAP: Final = 1 << 32
_U32: Final = _WRAP - 1
_HALF: Final = 1 << 31

LATE_FRAMES: Final = 64
"""A frame at most so many numbers back is a late or repeated one."""
STALE_FRAMES: Final = 8
"""... unless so many come in a row: then the hub has restarted shortly after it began."""
SPARE_FRAMES: Final = 50
"""So many numbers may be skipped at any time; more need the device's clock to have moved as well."""
SPARE_US: Final = 1_000_000
"""The device's clock may be so far ahead of the host's since the last frame: bytes wait in queues."""
OUTAGE_SPARE_US: Final = 250_000
"""... and after an outage, when the queues were emptied, so far off the host's; more is another power-on."""
_FOLLOW: Final = 0.97
"""What is left of a frame's distance from its slot at the next one."""


class KerStream:
    """Framing reader and unwrapper of one link.

    A bad checksum skips the two header bytes only: header bytes occur inside the payload by chance, and a whole
    frame may begin inside what looked like one. Less than one frame's bytes wait for the next call.

    A frame whose number or time does not fit the last one is held back: where the next frame continues it, the hub has
    restarted (`reboots`), else it was a wrong one (`bad`). `seq` of the samples goes on after a restart; `device_us`
    begins anew, so that a clock mapping sees it.
    """

    def __init__(self, schema: Schema, rate_hz: float) -> None:
        """Raises WireError for a schema that cannot be served."""
        self.codec: Final = FrameCodec(schema)
        self._size: Final = self.codec.frame_bytes
        self._timestamp_at: Final = self.codec.timestamp_at
        self._seq_at: Final = self.codec.seq_at
        self._u32_at: Final = self.codec.unpack_u32
        self._period_us: Final = 1e6 / rate_hz
        self._slot_end_us: Final = 1.5 * self._period_us
        self._rest = b""
        self._is_started = False
        self._seq = -1
        self._seq_raw = 0
        self._us_raw = 0
        self._base_us = 0
        self._phase_us = 0.0
        self._host_ns = 0
        self._held: tuple[int, int] | None = None
        self._stale_run = 0
        self.received = 0
        """Frames with a right checksum."""
        self.lost = 0
        """Missing by the hub's own numbers (firmware 2.0.0: by its clock)."""
        self.bad = 0
        """Wrong checksum, or a number or time that fits nothing."""
        self.stale = 0
        """Repeated, or overtaken by a newer one."""
        self.reboots = 0
        self.skipped_bytes = 0
        """Bytes that belonged to no frame."""

    def restart(self) -> None:
        """Streaming was interrupted on purpose: what is missing now is an outage, not a loss."""
        self._rest = b""
        self._is_started = False

    def feed(self, data: bytes, now_ns: int) -> RawCounts | None:
        """The newest whole sample that `data` completes, or None. Each frame is checked and counted, one is decoded."""
        buffer, offsets = self._frames(data)
        newest = -1
        for at in offsets:
            if self._accept(buffer, at, now_ns):
                newest = at
        return self._sample(buffer, newest, now_ns) if newest >= 0 else None

    def feed_all(self, data: bytes, now_ns: int) -> list[RawCounts]:
        """All whole samples that `data` completes, in order."""
        buffer, offsets = self._frames(data)
        return [self._sample(buffer, at, now_ns) for at in offsets if self._accept(buffer, at, now_ns)]

    def _frames(self, data: bytes) -> tuple[bytes, list[int]]:
        """Offsets of the whole frames; what follows the last one is kept for the next call."""
        buffer = self._rest + data if self._rest else data
        size = self._size
        last = len(buffer) - size
        offsets: list[int] = []
        at = 0
        while at <= last:
            if buffer.startswith(STREAM_HEADER, at):
                is_whole = not fold_xor(buffer[at + 2 : at + size])
                if is_whole and (self._is_started or offsets or self._is_followed(buffer, at)):
                    offsets.append(at)
                    at += size
                    continue
                self.bad += 1
                found = buffer.find(STREAM_HEADER, at + 2)
            else:
                found = buffer.find(STREAM_HEADER, at + 1)
            if found < 0:  # the first half of a header may have arrived
                found = len(buffer) - (buffer[-1] == STREAM_HEADER[0])
            self.skipped_bytes += found - at
            at = found
        self._rest = buffer[at:]
        self.received += len(offsets)
        return buffer, offsets

    def _is_followed(self, buffer: bytes, at: int) -> bool:
        """The first frame has no other to agree with, and one byte of checksum lets 1 of 256 false ones pass: where
        more bytes are there, a header must come next."""
        after = at + self._size
        return after + 2 > len(buffer) or buffer.startswith(STREAM_HEADER, after)

    def _sample(self, buffer: bytes, at: int, now_ns: int) -> RawCounts:
        """Of the frame accepted last."""
        counts, health = self.codec.decode_joints(buffer, at)
        return _make(RawCounts, (now_ns, self._seq, self._base_us + self._us_raw, counts, health, 0))

    def _accept(self, buffer: bytes, at: int, now_ns: int) -> bool:
        """Follow number and time; whether the frame is newer than all before it."""
        (us,) = self._u32_at(buffer, at + self._timestamp_at)
        seq = self._u32_at(buffer, at + self._seq_at)[0] if self._seq_at >= 0 else 0
        ahead_us = us - self._us_raw
        if 0 < ahead_us <= SPARE_US and self._is_started and self._held is None:
            # As nearly always: the very next frame, a moment later.
            if self._seq_at < 0:
                slot_us = ahead_us + self._phase_us
                is_next = slot_us < self._slot_end_us
                if is_next:
                    self._phase_us = (slot_us - self._period_us) * _FOLLOW
            else:
                is_next = seq - self._seq_raw == 1
            if is_next:
                self._stale_run = 0
                self._us_raw = us
                self._seq_raw = seq
                self._host_ns = now_ns
                self._seq += 1
                return True
        ahead_us = _signed(ahead_us)
        steps = _signed(seq - self._seq_raw) if self._seq_at >= 0 else self._steps(ahead_us)
        if not self._is_started:
            self._begin(seq, us, now_ns)
            return True
        host_us = (now_ns - self._host_ns) // 1000
        if (
            steps > 0
            and ahead_us >= 0
            and steps <= ahead_us / self._period_us * 1.5 + SPARE_FRAMES
            and ahead_us <= host_us + SPARE_US + (host_us >> 6)
        ):
            if self._held is not None:
                self._held = None
                self.bad += 1
            self._stale_run = 0
            if us < self._us_raw:
                self._base_us += _WRAP
            self._us_raw = us
            self._seq_raw = seq
            self._host_ns = now_ns
            self._seq += steps
            self.lost += steps - 1
            if self._seq_at < 0:
                # The hub's own jitter moves each frame off its slot: follow the slots' phase slowly, so that a late
                # frame and an early one after it are not taken for a loss.
                self._phase_us = (self._phase_us + ahead_us - steps * self._period_us) * _FOLLOW
            return True
        return self._doubt(seq, us, steps, ahead_us, now_ns)

    def _steps(self, ahead_us: int) -> int:
        """Slots from the last frame to one `ahead_us` later by the device's clock."""
        if ahead_us <= 0:
            return round(ahead_us / self._period_us)
        return max(1, round((ahead_us + self._phase_us) / self._period_us))

    def _doubt(self, seq: int, us: int, steps: int, ahead_us: int, now_ns: int) -> bool:
        """A frame that does not follow the last one: late, wrong, or the hub has restarted."""
        if -LATE_FRAMES <= steps <= 0 and -2 * LATE_FRAMES * self._period_us <= ahead_us <= 0:
            self.stale += 1
            self._stale_run += 1
            if self._stale_run < STALE_FRAMES:
                return False
            self._restarted(seq, us, now_ns)
            return True
        held = self._held
        if held is not None:
            after = _signed(seq - held[0]) if self._seq_at >= 0 else 1
            if 0 < after <= SPARE_FRAMES and 0 < _signed(us - held[1]) <= SPARE_US:
                self._restarted(seq, us, now_ns)
                return True
            self.bad += 1
        self._held = (seq, us)
        return False

    def _restarted(self, seq: int, us: int, now_ns: int) -> None:
        self.reboots += 1
        self._base_us = 0
        self._take(seq, us, now_ns)

    def _begin(self, seq: int, us: int, now_ns: int) -> None:
        """The first frame after an outage, or of the link's life: any number is right."""
        if self._seq >= 0:
            host_us = (now_ns - self._host_ns) // 1000
            passed_us = host_us + _signed(us - self._us_raw - host_us)
            if abs(passed_us - host_us) > OUTAGE_SPARE_US + (host_us >> 10):
                self._restarted(seq, us, now_ns)
                return
            self._base_us += self._us_raw + passed_us - us
        self._take(seq, us, now_ns)

    def _take(self, seq: int, us: int, now_ns: int) -> None:
        self._is_started = True
        self._held = None
        self._stale_run = 0
        self._phase_us = 0.0
        self._seq_raw = seq
        self._us_raw = us
        self._host_ns = now_ns
        self._seq += 1


def _signed(difference: int) -> int:
    """A difference of two u32 counters, in [-2^31, 2^31)."""
    return ((difference + _HALF) & _U32) - _HALF
