"""The ledger of one rig: one row a repetition, in SQLite, written after the file is safe. Counts are read from it."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from station.session.errors import RecordError

SCHEMA_VERSION: Final = 1
SHIFT_LASTS_S: Final = 16 * 3600
"""A restart within this time goes on with the same shift, unless that was ended."""

_SCHEMA: Final = """
CREATE TABLE shifts (
  id INTEGER PRIMARY KEY, worker TEXT NOT NULL, task TEXT NOT NULL, task_version INTEGER NOT NULL,
  started_wall_ns INTEGER NOT NULL, ended_wall_ns INTEGER);
CREATE TABLE reps (
  number INTEGER PRIMARY KEY, shift INTEGER REFERENCES shifts(id), file TEXT NOT NULL, size INTEGER NOT NULL,
  sha256 TEXT NOT NULL, rig TEXT NOT NULL, rig_digest TEXT NOT NULL, task TEXT NOT NULL, task_version INTEGER NOT NULL,
  task_digest TEXT NOT NULL, worker TEXT NOT NULL, calibration TEXT NOT NULL, device TEXT NOT NULL,
  accepted INTEGER NOT NULL CHECK (accepted IN (0, 1)), reason TEXT NOT NULL, detail TEXT NOT NULL, tags TEXT NOT NULL,
  figures TEXT NOT NULL, baseline TEXT NOT NULL,
  start_wall_ns INTEGER NOT NULL, end_wall_ns INTEGER NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
  duration_s REAL NOT NULL, day TEXT NOT NULL, station_version TEXT NOT NULL,
  adopted INTEGER NOT NULL DEFAULT 0, committed_wall_ns INTEGER NOT NULL,
  CHECK ((accepted = 1) = (reason = '')));
CREATE INDEX reps_by_shift ON reps (shift, accepted);
CREATE INDEX reps_by_day ON reps (day, worker, accepted);
CREATE TABLE audit (
  id INTEGER PRIMARY KEY, number INTEGER NOT NULL, wall_ns INTEGER NOT NULL, action TEXT NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepRow:
    """One repetition as the ledger keeps it. `file` is relative to the rig's folder; '' where none could be kept."""

    number: int
    file: str
    size: int
    sha256: str
    rig: str
    rig_digest: str
    task: str
    task_version: int
    task_digest: str
    worker: str
    calibration: str
    device: str
    accepted: bool
    reason: str
    detail: dict[str, str]
    tags: tuple[str, ...]
    figures: dict[str, float]
    """Measured quality: smoothness (SPARC), path and pace."""
    baseline_rad: tuple[float, ...]
    start_wall_ns: int
    end_wall_ns: int
    start_ns: int
    """Host monotonic, of this boot only."""
    end_ns: int
    duration_s: float
    station_version: str
    adopted: bool = False
    """The row was made from the file after a crash between the file's rename and the row."""


class Counts(NamedTuple):
    accepted: int
    """This shift, this task."""
    rejected: int
    today: int
    """Accepted by this worker on this rig today, all tasks."""
    reasons: dict[str, int]
    """Rejected by reason, this shift."""


def day_of(wall_ns: int) -> str:
    """Local date of a wall time, ISO 8601."""
    return datetime.fromtimestamp(wall_ns / 1e9).date().isoformat()


class Ledger:
    """Raises RecordError from every call when the database cannot be read or written. One thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except sqlite3.Error as error:
            raise self._failed("open", error) from error

    def _prepare(self) -> None:
        db = self._db
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise RecordError(
                f"ledger {self.path}: its schema is version {version}; this station knows up to {SCHEMA_VERSION}; "
                "update the station (nothing was changed)"
            )
        check = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if check != "ok":
            raise sqlite3.DatabaseError(str(check))
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA foreign_keys=ON")
        if version == 0:
            db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")

    def _failed(self, what: str, error: sqlite3.Error) -> RecordError:
        is_damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        advice = (
            "move it and its -wal and -shm files aside and start again: the rows are made again from the record files"
            if is_damaged
            else "check that the folder exists, may be written and has room"
        )
        return RecordError(f"ledger {self.path}: cannot {what} it: {error}; {advice}")

    def _run(self, what: str, sql: str, values: tuple[Any, ...] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._failed(what, error) from error

    def open_shift(
        self, worker: str, task: str, task_version: int, wall_ns: int, is_new: bool = False
    ) -> tuple[int, int]:
        """The running shift of this worker and task, or a new one: (id, start wall ns). `is_new`: always a new one."""
        found = self._run(
            "read",
            "SELECT id, started_wall_ns FROM shifts WHERE worker=? AND task=? AND task_version=? "
            "AND ended_wall_ns IS NULL AND started_wall_ns > ? ORDER BY id DESC LIMIT 1",
            (worker, task, task_version, wall_ns - SHIFT_LASTS_S * 1_000_000_000),
        )
        if found and not is_new:
            return int(found[0][0]), int(found[0][1])
        self._run(
            "write",
            "UPDATE shifts SET ended_wall_ns=? WHERE worker=? AND task=? AND task_version=? AND ended_wall_ns IS NULL "
            "AND started_wall_ns <= ?",
            (wall_ns, worker, task, task_version, wall_ns),
        )
        made = self._run(
            "write",
            "INSERT INTO shifts (worker, task, task_version, started_wall_ns) VALUES (?,?,?,?) RETURNING id",
            (worker, task, task_version, wall_ns),
        )
        return int(made[0][0]), wall_ns

    def shift_at(self, worker: str, task: str, task_version: int, wall_ns: int) -> int:
        """The shift a repetition of `wall_ns` belongs to; made where there is none (its ledger was lost)."""
        found = self._run(
            "read",
            "SELECT id FROM shifts WHERE worker=? AND task=? AND task_version=? AND started_wall_ns BETWEEN ? AND ? "
            "AND (ended_wall_ns IS NULL OR ended_wall_ns >= ?) ORDER BY id DESC LIMIT 1",
            (worker, task, task_version, wall_ns - SHIFT_LASTS_S * 1_000_000_000, wall_ns, wall_ns),
        )
        return int(found[0][0]) if found else self.open_shift(worker, task, task_version, wall_ns, is_new=True)[0]

    def end_shift(self, shift: int, wall_ns: int) -> None:
        self._run("write", "UPDATE shifts SET ended_wall_ns=? WHERE id=? AND ended_wall_ns IS NULL", (wall_ns, shift))

    def add(self, row: RepRow, shift: int | None) -> None:
        """Commit one row (durable when this returns). A number that is taken is an error, never overwritten."""
        self._run(
            "write",
            "INSERT INTO reps VALUES (:number,:shift,:file,:size,:sha256,:rig,:rig_digest,:task,:task_version,"
            ":task_digest,:worker,:calibration,:device,:accepted,:reason,:detail,:tags,:figures,:baseline,"
            ":start_wall_ns,:end_wall_ns,:start_ns,:end_ns,:duration_s,:day,:station_version,:adopted,:committed)",
            {
                **{name: getattr(row, name) for name in _PLAIN},
                "shift": shift,
                "detail": _json(row.detail),
                "tags": _json(row.tags),
                "figures": _json(row.figures),
                "baseline": _json(row.baseline_rad),
                "day": day_of(row.end_wall_ns),
                "committed": time.time_ns(),
            },
        )

    def counts(self, shift: int, worker: str, day: str) -> Counts:
        reasons = {
            str(reason): int(count)
            for reason, count in self._run(
                "read", "SELECT reason, COUNT(*) FROM reps WHERE shift=? GROUP BY reason ORDER BY reason", (shift,)
            )
        }
        accepted = reasons.pop("", 0)
        today = self._run("read", "SELECT COUNT(*) FROM reps WHERE day=? AND worker=? AND accepted", (day, worker))
        return Counts(accepted, sum(reasons.values()), int(today[0][0]), reasons)

    def last(self, shift: int, count: int) -> list[RepRow]:
        """The newest `count` rows of a shift, oldest first."""
        return list(reversed(self._rows("WHERE shift=? ORDER BY number DESC LIMIT ?", (shift, count))))

    def last_accepted(self, shift: int) -> RepRow | None:
        rows = self._rows("WHERE shift=? AND accepted ORDER BY number DESC LIMIT 1", (shift,))
        return rows[0] if rows else None

    def row(self, number: int) -> RepRow | None:
        rows = self._rows("WHERE number=?", (number,))
        return rows[0] if rows else None

    def files(self) -> dict[int, tuple[str, bool]]:
        """Every number -> (file, accepted)."""
        return {int(n): (str(f), bool(a)) for n, f, a in self._run("read", "SELECT number, file, accepted FROM reps")}

    def audit(self, number: int) -> list[dict[str, Any]]:
        """What was changed about a repetition after its commit, oldest first."""
        return [
            {"wall_ns": w, "action": a, "before": json.loads(b), "after": json.loads(c)}
            for w, a, b, c in self._run(
                "read", "SELECT wall_ns, action, before, after FROM audit WHERE number=? ORDER BY id", (number,)
            )
        ]

    def reject(self, number: int, reason: str, file: str, wall_ns: int) -> None:
        """Turn an accepted repetition into a rejected one; what it was stays in the audit table. `file`: its name from
        now on."""
        try:
            with self._transaction():
                before = self.row(number)
                if before is None or not before.accepted:
                    raise RecordError(f"repetition {number}: is not an accepted one; expected one to reject")
                self._db.execute("UPDATE reps SET accepted=0, reason=?, file=? WHERE number=?", (reason, file, number))
                self._db.execute(
                    "INSERT INTO audit (number, wall_ns, action, before, after) VALUES (?,?,?,?,?)",
                    (
                        number,
                        wall_ns,
                        reason,
                        _json({"accepted": True, "reason": "", "file": before.file}),
                        _json({"accepted": False, "reason": reason, "file": file}),
                    ),
                )
        except sqlite3.Error as error:
            raise self._failed("write", error) from error

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)

    def _rows(self, where: str, values: tuple[Any, ...]) -> list[RepRow]:
        columns = [*_PLAIN, "detail", "tags", "figures", "baseline"]
        found = []
        for raw in self._run("read", f"SELECT {','.join(columns)} FROM reps {where}", values):
            fields = dict(zip(columns, raw))
            fields["accepted"], fields["adopted"] = bool(fields["accepted"]), bool(fields["adopted"])
            fields["detail"], fields["figures"] = json.loads(fields["detail"]), json.loads(fields["figures"])
            fields["tags"] = tuple(json.loads(fields["tags"]))
            fields["baseline_rad"] = tuple(json.loads(fields.pop("baseline")))
            found.append(RepRow(**fields))
        return found

    def close(self) -> None:
        self._db.close()


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


_PLAIN: Final = (
    "number", "file", "size", "sha256", "rig", "rig_digest", "task", "task_version", "task_digest", "worker",
    "calibration", "device", "accepted", "reason", "start_wall_ns", "end_wall_ns", "start_ns", "end_ns", "duration_s",
    "station_version", "adopted",
)  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
