"""What a start finds after a crash: part files go to salvage, whole files without a row are adopted, names mended."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mcap.exceptions import McapError
from mcap.reader import make_reader

from station.session import reasons
from station.session.archive import Archive, is_accepted_name, record_name
from station.session.errors import RecordError
from station.session.ledger import Ledger, RepRow

_METADATA: Final = ("station.record", "station.verdict")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was put right, for the log and the screen; and the next free number."""

    next_number: int
    salvaged: tuple[Path, ...] = ()
    """Part files and unreadable records, at their new places."""
    adopted: tuple[int, ...] = ()
    renamed: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    """Rows whose file is not there: somebody moved it; the row stands."""


def recover(archive: Archive, ledger: Ledger) -> Recovered:
    """Raises RecordError when the folder or the ledger cannot be worked with."""
    try:
        return _recover(archive, ledger)
    except OSError as error:
        raise RecordError(
            f"data folder {archive.folder}: leftovers of a crash cannot be put in order: {error}; check its owner, "
            "rights and room"
        ) from error


def _recover(archive: Archive, ledger: Ledger) -> Recovered:
    found = archive.scan()
    rows = ledger.files()
    salvaged = [archive.to_salvage(archive.folder / part) for part in found.parts]
    adopted: list[int] = []
    renamed: list[int] = []
    for number, where in sorted(found.records.items()):
        if number not in rows:
            row = _read_row(archive.folder, number, where)
            if row is None:
                salvaged.append(archive.to_salvage(archive.folder / where))
            else:
                ledger.add(row, ledger.shift_at(row.worker, row.task, row.task_version, row.start_wall_ns))
                adopted.append(number)
        elif where.name != record_name(number, rows[number][1]):  # the ledger decided, then came the crash
            archive.rename(str(where), number, rows[number][1])
            renamed.append(number)
    missing = tuple(n for n, (file, _) in rows.items() if file and n not in found.records)
    highest = max([found.highest, *rows], default=0)
    return Recovered(highest + 1, tuple(salvaged), tuple(adopted), tuple(renamed), missing)


def _read_row(folder: Path, number: int, where: Path) -> RepRow | None:
    """The row of a finished record, from its own metadata; None when the file is not whole (every CRC is checked)."""
    path = folder / where
    try:
        with path.open("rb") as stream:
            reader = make_reader(stream, validate_crcs=True)
            metadata = {m.name: m.metadata for m in reader.iter_metadata() if m.name in _METADATA}
            for _ in reader.iter_messages():
                pass
            stream.seek(0)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        head, verdict = metadata["station.record"], metadata["station.verdict"]
        if int(head["number"]) != number:
            return None
        was_accepted = verdict["accepted"] == "true"
        reason = verdict["reason"]
        if was_accepted and not is_accepted_name(where):
            was_accepted, reason = False, reasons.REJECTED_BY_WORKER
        return RepRow(
            number=number,
            file=str(where),
            size=path.stat().st_size,
            sha256=sha256,
            rig=head["rig"],
            rig_digest=head["rig_digest"],
            task=head["task"],
            task_version=int(head["task_version"]),
            task_digest=head["task_digest"],
            worker=head["worker"],
            calibration=head["calibration"],
            device=head["device"],
            accepted=was_accepted,
            reason=reason,
            detail=json.loads(verdict["detail"]),
            tags=tuple(json.loads(verdict["tags"])),
            figures=json.loads(verdict["figures"]),
            baseline_rad=tuple(json.loads(verdict["baseline_rad"])),
            start_wall_ns=int(verdict["start_wall_ns"]),
            end_wall_ns=int(verdict["end_wall_ns"]),
            start_ns=int(verdict["start_ns"]),
            end_ns=int(verdict["end_ns"]),
            duration_s=(int(verdict["end_ns"]) - int(verdict["start_ns"])) / 1e9,
            station_version=head["station_version"],
            adopted=True,
        )
    except (McapError, KeyError, ValueError, EOFError):
        return None
