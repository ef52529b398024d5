"""Keeps repetitions: rows to a part file while they run, then finish, fsync, rename, fsync folder, and last its row.

What the commit protocol promises: a number in the ledger has a whole file; a file without a row (a crash in between)
is adopted at the next start; a part file never counts and is never deleted.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from station.session import reasons
from station.session.archive import Archive
from station.session.clocks import Clock, ClockPair
from station.session.errors import RecordError
from station.session.ledger import Counts, Ledger, RepRow, day_of
from station.session.record_file import Event, RecordFile
from station.signals import Tick

FREE_FLOOR_BYTES: Final = 200_000_000
FORMAT: Final = "1"
EVENT_DISK_FULL: Final = "disk_full"
EVENT_RECORDS_LOST: Final = "records_lost"
RECENT: Final = 20
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What every record of a session says about where it comes from."""

    rig: str
    rig_digest: str
    task: str
    task_version: int
    task_digest: str
    worker: str
    calibration: str
    device: str
    station_version: str
    software: str
    leader_joints: tuple[str, ...]
    arm_joints: tuple[str, ...]
    joints_json: str
    """Names, order and limits of all joints, units named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepEnd:
    """The session's judgement of a repetition that has ended."""

    accepted: bool
    reason: str
    detail: dict[str, str]
    tags: tuple[str, ...]
    figures: dict[str, float]
    baseline_rad: tuple[float, ...]
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the recorder reports back: a row that now stands, or a failure; and the counts as the ledger has them."""

    row: RepRow | None
    counts: Counts
    recent: tuple[bool, ...]
    is_new: bool = True
    """A repetition ended (not: an old one was rejected)."""
    is_durable: bool = True
    """The row is in the ledger; False: only the person can be told."""
    alarm: str = ""
    alarm_detail: str = ""


class Recorder:
    """Works at once, in the caller's thread. (recorder_thread.py puts it into one of its own.)"""

    def __init__(
        self,
        archive: Archive,
        ledger: Ledger,
        shift: int,
        provenance: Provenance,
        clock: Clock,
        floor_bytes: int = FREE_FLOOR_BYTES,
    ) -> None:
        self._archive, self._ledger, self._shift = archive, ledger, shift
        self._provenance, self._clock, self._floor_bytes = provenance, clock, floor_bytes
        self._file: RecordFile | None = None
        self._number = 0
        self._start = ClockPair(0, 0)
        self._failure = ""
        self._alarm = ""

    def begin(self, number: int, start: ClockPair) -> None:
        """Open the record of repetition `number`. Never raises OSError: a failure comes out at the end."""
        self._number, self._start, self._failure, self._alarm = number, start, "", ""
        try:
            free = self._archive.free_bytes()
            if free < self._floor_bytes:
                self._fail(
                    EVENT_DISK_FULL, f"{free / 1e6:.0f} MB free on disk, {self._floor_bytes / 1e6:.0f} MB are needed"
                )
                return
            part = self._archive.part(day_of(start.wall_ns), self._provenance.task, number)
            self._file = RecordFile(
                part,
                self._provenance.leader_joints,
                self._provenance.arm_joints,
                start.offset_ns,
                {"station.record": self._head(), "station.clock.start": _clock_words(start)},
            )
        except OSError as error:
            self._fail_disk(error)

    def _head(self) -> dict[str, str]:
        p = self._provenance
        return {
            "format": FORMAT,
            "number": str(self._number),
            "rig": p.rig,
            "rig_digest": p.rig_digest,
            "task": p.task,
            "task_version": str(p.task_version),
            "task_digest": p.task_digest,
            "worker": p.worker,
            "calibration": p.calibration,
            "device": p.device,
            "station_version": p.station_version,
            "software": p.software,
            "joints": p.joints_json,
        }

    def write(self, ticks: Sequence[Tick]) -> None:
        if self._file is not None:
            try:
                self._file.write(ticks)
            except OSError as error:
                self._fail_disk(error)

    def write_event(self, event: Event) -> None:
        if self._file is not None:
            try:
                self._file.write_event(event)
            except OSError as error:
                self._fail_disk(error)

    def fail(self, words: str) -> None:
        """Rows of the running record are missing: it can no longer be accepted, but it is kept."""
        self._failure = self._failure or words

    def end(self, end: RepEnd) -> Outcome:
        """Commit: the returned row is on disk, whatever happens next. Raises RecordError only where even the counts
        cannot be read."""
        if self._failure and (end.accepted or self._file is None):
            end = replace(
                end, accepted=False, reason=reasons.RECORD_INCOMPLETE, detail={**end.detail, "value": self._failure}
            )
        finished = self._clock()
        row = self._row(end)
        final = ""
        if self._file is not None:
            try:
                size, sha256 = self._file.finish(
                    {"station.verdict": _verdict_words(end, row), "station.clock.end": _clock_words(finished)}
                )
                final = self._archive.commit(self._file.path, self._number, end.accepted)
                row = replace(row, file=final, size=size, sha256=sha256)
                self._file = None
            except OSError as error:
                self._fail_disk(error)
                row = replace(
                    row,
                    accepted=False,
                    reason=reasons.RECORD_INCOMPLETE,
                    detail={**end.detail, "value": self._failure},
                )
        return self._enter(row)

    def _enter(self, row: RepRow) -> Outcome:
        is_durable = True
        try:
            self._ledger.add(row, self._shift)
        except RecordError as error:
            is_durable = False
            self._alarm, self._failure = self._alarm or EVENT_RECORDS_LOST, str(error)
            if row.file:  # not counted, so it must not be adopted as accepted later
                try:
                    self._archive.to_salvage(self._archive.folder / row.file)
                except OSError as worse:
                    self._failure += f"; {_disk_words(worse)}"
            row = replace(
                row,
                file="",
                accepted=False,
                reason=reasons.RECORD_INCOMPLETE,
                detail={**row.detail, "value": self._failure},
            )
        return self._outcome(row, is_durable=is_durable)

    def reject_last(self) -> Outcome:
        """The newest repetition of this shift, where it was accepted, becomes rejected_by_worker: first the ledger (it
        decides), then the file's name. A crash in between is mended at the next start. A key pressed twice, or after a
        rejected repetition, touches no older one."""
        self._alarm = ""
        last = self.last_row()
        if last is None or not last.accepted:
            return self._outcome(None)
        file = str(Path(last.file).with_name(Path(last.file).name.replace("-accepted", "-rejected")))
        self._ledger.reject(last.number, reasons.REJECTED_BY_WORKER, file, self._clock().wall_ns)
        try:
            self._archive.rename(last.file, last.number, is_accepted=False)
        except OSError as error:
            self._alarm, self._failure = EVENT_RECORDS_LOST, f"{last.file}: cannot be renamed: {error.strerror}"
        return self._outcome(self._ledger.row(last.number), is_new=False)

    def end_shift(self) -> None:
        self._ledger.end_shift(self._shift, self._clock().wall_ns)

    def state(self) -> Outcome:
        """The counts as they stand."""
        self._alarm = ""
        return self._outcome(None)

    def last_row(self) -> RepRow | None:
        rows = self._ledger.last(self._shift, 1)
        return rows[0] if rows else None

    def _outcome(self, row: RepRow | None, is_new: bool = True, is_durable: bool = True) -> Outcome:
        counts = self._ledger.counts(self._shift, self._provenance.worker, day_of(self._clock().wall_ns))
        last = self._ledger.last(self._shift, RECENT)
        return Outcome(
            row=row,
            counts=counts,
            recent=tuple(each.accepted for each in last),
            is_new=is_new,
            is_durable=is_durable,
            alarm=self._alarm,
            alarm_detail=self._failure if self._alarm else "",
        )

    def _row(self, end: RepEnd) -> RepRow:
        p = self._provenance
        offset_ns = self._start.offset_ns
        return RepRow(
            number=self._number,
            file="",
            size=0,
            sha256="",
            rig=p.rig,
            rig_digest=p.rig_digest,
            task=p.task,
            task_version=p.task_version,
            task_digest=p.task_digest,
            worker=p.worker,
            calibration=p.calibration,
            device=p.device,
            accepted=end.accepted,
            reason=end.reason,
            detail=end.detail,
            tags=end.tags,
            figures=end.figures,
            baseline_rad=end.baseline_rad,
            start_wall_ns=end.start_ns + offset_ns,
            end_wall_ns=end.end_ns + offset_ns,
            start_ns=end.start_ns,
            end_ns=end.end_ns,
            duration_s=(end.end_ns - end.start_ns) / 1e9,
            station_version=p.station_version,
        )

    def _fail_disk(self, error: OSError) -> None:
        self._fail(EVENT_DISK_FULL if error.errno in _FULL else EVENT_RECORDS_LOST, _disk_words(error))

    def _fail(self, alarm: str, words: str) -> None:
        """The record cannot become whole: nothing half-written is left, its end will say why."""
        self._alarm, self._failure = alarm, words
        if self._file is not None:
            self._file.abandon()
            self._file = None


def _disk_words(error: OSError) -> str:
    if error.errno in _FULL:
        return f"the disk is full: {error.strerror}"
    return f"the disk does not take the record: {error.strerror or error}"


def _clock_words(pair: ClockPair) -> dict[str, str]:
    return {"monotonic_ns": str(pair.monotonic_ns), "wall_ns": str(pair.wall_ns)}


def _verdict_words(end: RepEnd, row: RepRow) -> dict[str, str]:
    return {
        "accepted": "true" if end.accepted else "false",
        "reason": end.reason,
        "detail": json.dumps(end.detail, ensure_ascii=False, sort_keys=True),
        "tags": json.dumps(end.tags),
        "figures": json.dumps(end.figures, sort_keys=True),
        "baseline_rad": json.dumps(end.baseline_rad),
        "start_ns": str(row.start_ns),
        "end_ns": str(row.end_ns),
        "start_wall_ns": str(row.start_wall_ns),
        "end_wall_ns": str(row.end_wall_ns),
    }
