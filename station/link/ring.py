"""Ticks out of the control process: one writer, any number of readers, shared memory, no wake-up call, no lock.

The memory is a memfd handed to the children at their start: when the last process ends, the kernel frees it, however it
ended. A reader that falls behind learns how many entries it lost. Each slot carries its entry's number twice over
(odd while it is being written), so that a torn read is seen; 8-byte stores are single stores in CPython's memoryview.
"""

from __future__ import annotations

import mmap
import os
from typing import Final

MAGIC: Final = 0x53544154494F4E31
_HEADER_BYTES: Final = 4096
_SLOT_HEAD: Final = 16  # entry number * 2 (+1 while writing), length
# Words (8 bytes) of the header:
_W_MAGIC, _W_SLOTS, _W_SLOT_BYTES, _W_WRITTEN, _W_HEARTBEAT, _W_STOP, _W_SUPERVISOR = range(7)
DEFAULT_SLOTS: Final = 4096
DEFAULT_SLOT_BYTES: Final = 8192


def create_ring(slots: int = DEFAULT_SLOTS, slot_bytes: int = DEFAULT_SLOT_BYTES) -> int:
    """A new ring; returns its descriptor, inheritable by children."""
    fd = os.memfd_create("station-ring", 0)  # without a flag it is inheritable
    os.ftruncate(fd, _HEADER_BYTES + slots * slot_bytes)
    memory = mmap.mmap(fd, 0)
    words = memoryview(memory)[:_HEADER_BYTES].cast("Q")
    words[_W_SLOTS], words[_W_SLOT_BYTES], words[_W_MAGIC] = slots, slot_bytes, MAGIC
    words.release()
    memory.close()
    return fd


class _Mapped:
    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, 0)
        self._view = memoryview(self._memory)
        self._words = self._view.cast("Q")
        if self._words[_W_MAGIC] != MAGIC:
            raise ValueError(f"descriptor {fd} is not a station ring")
        self.slots = self._words[_W_SLOTS]
        self.slot_bytes = self._words[_W_SLOT_BYTES]

    @property
    def heartbeat_ns(self) -> int:
        """When the control loop last went round (host monotonic)."""
        return self._words[_W_HEARTBEAT]

    @property
    def stop_flag(self) -> int:
        """Set by the supervisor, never cleared: the control process must not command the arm any more."""
        return self._words[_W_STOP]

    @property
    def written(self) -> int:
        return self._words[_W_WRITTEN]

    def close(self) -> None:
        self._words.release()
        self._view.release()
        self._memory.close()


class RingWriter(_Mapped):
    """The control process's end."""

    def beat(self, now_ns: int) -> None:
        self._words[_W_HEARTBEAT] = now_ns

    @property
    def most_bytes(self) -> int:
        """Of one entry."""
        return self.slot_bytes - _SLOT_HEAD

    @property
    def supervisor_ns(self) -> int:
        """When the supervisor last looked (host monotonic); 0 before it has begun."""
        return self._words[_W_SUPERVISOR]

    def write(self, entry: bytes | bytearray) -> None:
        """Publish one entry of at most `most_bytes`; never waits."""
        length = len(entry)
        if length > self.most_bytes:
            raise ValueError(f"ring entry has {length} bytes; expected at most {self.most_bytes}")
        number = self._words[_W_WRITTEN]
        start = _HEADER_BYTES + (number % self.slots) * self.slot_bytes
        word = start >> 3
        self._words[word] = 2 * number + 1
        self._words[word + 1] = length
        self._view[start + _SLOT_HEAD : start + _SLOT_HEAD + length] = entry
        self._words[word] = 2 * number + 2
        self._words[_W_WRITTEN] = number + 1


class RingReader(_Mapped):
    """A reader's end. Starts with the next entry written."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._next = self.written
        self.lost = 0
        """Entries overwritten before this reader came to them."""

    def read(self, limit: int = 1000) -> list[bytes]:
        """The entries written since the last call, oldest first, at most `limit`."""
        found: list[bytes] = []
        while len(found) < limit:
            written = self.written
            if self._next >= written:
                break
            if written - self._next > self.slots - 2:  # the writer is about to lap us: jump to safe ground
                jump_to = written - self.slots // 2
                self.lost += jump_to - self._next
                self._next = jump_to
            start = _HEADER_BYTES + (self._next % self.slots) * self.slot_bytes
            word = start >> 3
            wanted = 2 * self._next + 2
            before = self._words[word]
            entry = bytes(self._view[start + _SLOT_HEAD : start + _SLOT_HEAD + self._words[word + 1]])
            if before == wanted and self._words[word] == wanted:
                found.append(entry)
            else:  # lapped while copying
                self.lost += 1
            self._next += 1
        return found


class Stopper(_Mapped):
    """The supervisor's end: it may read the heartbeat, show its own and raise the stop flag, nothing else."""

    def beat(self, now_ns: int) -> None:
        self._words[_W_SUPERVISOR] = now_ns

    def raise_stop(self) -> None:
        self._words[_W_STOP] = 1
