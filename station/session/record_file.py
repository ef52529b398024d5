"""One repetition as one MCAP file: joint channels that Foxglove, PlotJuggler and Rerun show, ticks, events, metadata.

Chunks of 64 KiB (zstd) with CRCs, each handed to the system as it fills: a killed process loses at most the last one.
`log_time` of a row is the wall time of its tick (one clock offset for the whole file, so it never jumps), and
`publish_time` that of the value itself: when the sample was read, the command handed over, the arm's answer taken.
Exact monotonic times are in /tick.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from mcap.writer import CompressionType, Writer

from station.session import wire
from station.signals import Tick

CHUNK_BYTES: Final = 65_536
TOPIC_MEASURED: Final = "/leader/measured"
TOPIC_REQUESTED: Final = "/arm/requested"
TOPIC_SENT: Final = "/arm/sent"
TOPIC_FEEDBACK: Final = "/arm/feedback"
TOPIC_TICK: Final = "/tick"
TOPIC_EVENTS: Final = "/events"
_KEPT_OF_LONGEST_EVENT: Final = 500


class Event(NamedTuple):
    """A line of /events that the session itself adds."""

    t_ns: int
    tick: int
    name: str
    detail: str


class _Sink:
    """A file on its way to the disk: whole writes, counted and hashed. (The writer's buffer is the chunk.)"""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view) :]
        self.sha256.update(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Nothing is kept back."""


class RecordFile:
    """A record being written at `path`, which must not exist. Raises OSError when the disk takes no more."""

    def __init__(
        self,
        path: Path,
        leader_joints: tuple[str, ...],
        arm_joints: tuple[str, ...],
        wall_minus_monotonic_ns: int,
        metadata: dict[str, dict[str, str]],
    ) -> None:
        self.path = path
        self.rows = 0
        self._offset_ns = wall_minus_monotonic_ns
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            self._sink = _Sink(self._fd)
            self._writer = Writer(
                cast(IO[Any], self._sink),
                chunk_size=CHUNK_BYTES,
                compression=CompressionType.ZSTD,
                enable_crcs=True,
                enable_data_crcs=True,
            )
            self._writer.start(profile="", library="station")
            states = self._writer.register_schema(wire.JOINT_STATES_SCHEMA[0], "protobuf", wire.JOINT_STATES_SCHEMA[1])
            ticks = self._writer.register_schema(wire.TICK_SCHEMA[0], "protobuf", wire.TICK_SCHEMA[1])
            events = self._writer.register_schema(wire.EVENT_SCHEMA[0], "jsonschema", wire.EVENT_SCHEMA[1])
            self._measured, self._requested, self._sent, self._feedback = (
                self._writer.register_channel(topic, "protobuf", states)
                for topic in (TOPIC_MEASURED, TOPIC_REQUESTED, TOPIC_SENT, TOPIC_FEEDBACK)
            )
            self._tick = self._writer.register_channel(TOPIC_TICK, "protobuf", ticks)
            self._events = self._writer.register_channel(TOPIC_EVENTS, "msgpack", events)
            for name, data in metadata.items():
                self._writer.add_metadata(name, data)
        except BaseException:
            self.abandon()
            raise
        self._encode_measured = wire.JointStatesEncoder(leader_joints, ("position",)).encode
        self._encode_requested = wire.JointStatesEncoder(arm_joints, ("position",)).encode
        self._encode_sent = wire.JointStatesEncoder(arm_joints, ("position", "velocity")).encode
        self._encode_feedback = wire.JointStatesEncoder(arm_joints, ("position", "velocity", "effort")).encode

    def write(self, ticks: Iterable[Tick]) -> None:
        """Rows of every channel, in the order given. Ticks must have the joint counts the file was made for."""
        add, offset_ns = self._writer.add_message, self._offset_ns
        for tick in ticks:
            at_ns = tick.start_ns + offset_ns
            row = self.rows
            sample_ns = tick.sample_t_ns + offset_ns if tick.sample_t_ns else at_ns
            taken_ns = tick.sample_taken_ns + offset_ns if tick.sample_taken_ns else sample_ns
            sent_ns = tick.sent_ns + offset_ns if tick.sent_ns else at_ns
            answer_ns = max(0, at_ns - tick.feedback_age_ns)
            add(self._measured, at_ns, self._encode_measured(taken_ns, tick.angle_rad), sample_ns, row)
            add(self._requested, at_ns, self._encode_requested(at_ns, tick.target_rad), at_ns, row)
            add(self._sent, at_ns, self._encode_sent(sent_ns, tick.sent_rad, tick.sent_rad_s), sent_ns, row)
            add(
                self._feedback,
                at_ns,
                self._encode_feedback(answer_ns, tick.arm_rad, tick.arm_rad_s, tick.arm_nm),
                answer_ns,
                row,
            )
            add(self._tick, at_ns, wire.encode_tick(tick), at_ns, row)
            for name, detail in tick.events:
                self._add_event(tick.start_ns, tick.index, "control", name, detail)
            self.rows = row + 1

    def write_event(self, event: Event) -> None:
        self._add_event(event.t_ns, event.tick, "session", event.name, event.detail)

    def _add_event(self, t_ns: int, tick: int, source: str, name: str, detail: str) -> None:
        data = wire.encode_event(t_ns, tick, source, name, detail[:_KEPT_OF_LONGEST_EVENT])
        at_ns = t_ns + self._offset_ns
        self._writer.add_message(self._events, at_ns, data, at_ns)

    def finish(self, metadata: dict[str, dict[str, str]]) -> tuple[int, str]:
        """Index and footer, then fsync and close: the file is whole. Returns (bytes, SHA-256 hex)."""
        for name, data in metadata.items():
            self._writer.add_metadata(name, data)
        self._writer.finish()  # type: ignore[no-untyped-call]
        os.fsync(self._fd)
        fd, self._fd = self._fd, -1
        os.close(fd)
        return self._sink.size, self._sink.sha256.hexdigest()

    def abandon(self) -> None:
        """Close and remove what was written; for a record that can never become whole."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self.path.unlink(missing_ok=True)
            os.close(fd)
