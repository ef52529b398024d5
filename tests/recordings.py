"""Runs recording processes, puts their leftovers in order and checks what is there."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path

from mcap.reader import make_reader

from station.session.archive import Archive
from station.session.ledger import Ledger
from station.session.recovery import Recovered, recover


def child(data: Path, reps: int, *point: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.recording_child", str(data), str(reps), *point],
        stdout=subprocess.PIPE,
        text=True,
    )


def told(output: str) -> dict[int, str]:
    return {int(line.split()[1]): line.split()[2] for line in output.splitlines() if line.startswith("committed")}


def put_in_order(data: Path) -> Recovered:
    archive = Archive(data, "demo")
    ledger = Ledger(archive.folder / "ledger.sqlite")
    try:
        return recover(archive, ledger)
    finally:
        ledger.close()
        archive.close()


def check(data: Path) -> dict[int, sqlite3.Row]:
    """Every row has its whole file, every file its row, names repeat verdicts; returns the rows."""
    with sqlite3.connect(data / "demo" / "ledger.sqlite") as db:
        db.row_factory = sqlite3.Row
        rows = {row["number"]: row for row in db.execute("SELECT * FROM reps")}
    files = {str(path.relative_to(data / "demo")) for path in data.rglob("*.mcap")}
    assert files == {row["file"] for row in rows.values() if row["file"]}
    for row in rows.values():
        path = data / "demo" / row["file"]
        assert path.name.endswith("-accepted.mcap" if row["accepted"] else "-rejected.mcap")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
        with path.open("rb") as stream:
            assert sum(1 for _ in make_reader(stream, validate_crcs=True).iter_messages()) > 2000
    assert not [path for path in data.rglob("*.part") if path.parent.name != "salvage"]
    return rows
