"""Where records lie, and what a crash may have left there.

    DATA/<rig>/ledger.sqlite
    DATA/<rig>/<YYYY-MM-DD>/<task>/rep-000123-accepted.mcap
    DATA/<rig>/<YYYY-MM-DD>/<task>/.rep-000124.mcap.part      being written
    DATA/<rig>/salvage/                                       left over by a crash; never deleted

The ledger decides. A file's name repeats its verdict for people and for the day the ledger is lost: then the name is
believed before the metadata, which can only tell the verdict of the commit.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from station.session.errors import RecordError

SALVAGE: Final = "salvage"
_RECORD: Final = re.compile(r"rep-(\d{6,})-(accepted|rejected)\.mcap")
_PART: Final = re.compile(r"\.rep-(\d{6,})\.mcap\.part")
_ANY: Final = re.compile(r"rep-(\d{6,})")


class Found(NamedTuple):
    """What the rig's folder holds."""

    records: dict[int, Path]
    """Finished files by number, relative to the folder."""
    parts: tuple[Path, ...]
    """Unfinished files, relative to the folder."""
    highest: int
    """The highest number any name mentions, salvage included; 0 for none."""


class Archive:
    """The rig's folder, held by one session at a time."""

    def __init__(self, data: Path, rig: str) -> None:
        """Makes the folder and takes its lock. Raises RecordError when that fails or another session holds it."""
        self.folder = data / rig
        try:
            (self.folder / SALVAGE).mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise RecordError(
                f"data folder {self.folder}: cannot be written: {error.strerror}; choose another with --data or mend "
                "its owner and rights"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise RecordError(
                f"data folder {self.folder}: another session records there; end it or choose another with --data"
            ) from None

    def close(self) -> None:
        os.close(self._lock)

    def free_bytes(self) -> int:
        """Room for this user. Raises OSError."""
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def part(self, day: str, task: str, number: int) -> Path:
        """The name to write under, its folder made. Raises OSError."""
        folder = self.folder / day / task
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
            sync_folder(self.folder)
        return folder / f".rep-{number:06d}.mcap.part"

    def commit(self, part: Path, number: int, is_accepted: bool) -> str:
        """Rename a finished, synced file to its name and sync the folder. Returns the name relative to the rig's
        folder. Raises OSError; never replaces a file."""
        final = part.with_name(record_name(number, is_accepted))
        if final.exists():
            raise FileExistsError(f"{final} exists already")
        part.rename(final)
        sync_folder(final.parent)
        return str(final.relative_to(self.folder))

    def rename(self, file: str, number: int, is_accepted: bool) -> str:
        """Make a record's name repeat a changed verdict. Raises OSError."""
        old = self.folder / file
        new = old.with_name(record_name(number, is_accepted))
        if new != old:
            old.rename(new)
            sync_folder(new.parent)
        return str(new.relative_to(self.folder))

    def to_salvage(self, file: Path) -> Path:
        """Move a file aside under a name that keeps its day and task; returns the new path. Raises OSError."""
        where = file.relative_to(self.folder)
        stem = "-".join([*where.parts[:-1], where.name.lstrip(".")])
        target = self.folder / SALVAGE / stem
        again = 1
        while target.exists():
            again += 1
            target = self.folder / SALVAGE / f"{stem}.{again}"
        file.rename(target)
        sync_folder(target.parent)
        sync_folder(file.parent)
        return target

    def scan(self) -> Found:
        """Everything under the rig's folder by its names."""
        records: dict[int, Path] = {}
        parts: list[Path] = []
        highest = 0
        for top, folders, files in os.walk(self.folder):
            is_salvage = Path(top) == self.folder / SALVAGE
            folders.sort()
            for name in sorted(files):
                for number in _ANY.findall(name):
                    highest = max(highest, int(number))
                where = (Path(top) / name).relative_to(self.folder)
                if is_salvage:
                    continue
                if match := _RECORD.fullmatch(name):
                    records[int(match[1])] = where
                elif _PART.fullmatch(name):
                    parts.append(where)
        return Found(records, tuple(parts), highest)


def record_name(number: int, is_accepted: bool) -> str:
    return f"rep-{number:06d}-{'accepted' if is_accepted else 'rejected'}.mcap"


def is_accepted_name(path: Path) -> bool:
    return path.name.endswith("-accepted.mcap")


def sync_folder(folder: Path) -> None:
    """Names in a folder survive a power cut only once the folder itself is synced (fsync(2))."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
