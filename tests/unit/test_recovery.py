"""What a start finds and puts right; what it refuses."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from station.session import reasons
from station.session.archive import Archive
from station.session.errors import RecordError
from station.session.ledger import Ledger
from tests.recordings import check, child, put_in_order


def test_a_lost_ledger_is_made_again_from_the_files(tmp_path):
    process = child(tmp_path, 4)
    assert process.communicate(timeout=60)[0].endswith("closed\n")
    before = check(tmp_path)
    for path in (tmp_path / "demo").glob("ledger.sqlite*"):
        path.unlink()
    assert put_in_order(tmp_path).adopted == tuple(sorted(before))
    after = check(tmp_path)
    for number, row in before.items():
        for key in row.keys():  # noqa: SIM118 - a sqlite3.Row iterates its values
            if key not in ("adopted", "committed_wall_ns", "shift"):
                assert after[number][key] == row[key], key
    assert before[3]["reason"] == reasons.REJECTED_BY_WORKER


def test_a_damaged_record_without_a_row_goes_to_salvage(tmp_path):
    process = child(tmp_path, 2)
    process.communicate(timeout=60)
    for path in (tmp_path / "demo").glob("ledger.sqlite*"):
        path.unlink()
    victim = sorted(tmp_path.rglob("*.mcap"))[0]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 0x10
    victim.write_bytes(data)
    put = put_in_order(tmp_path)
    assert put.adopted == (2,)
    assert [path.read_bytes() for path in put.salvaged] == [bytes(data)]
    assert put.next_number == 3


def test_a_part_file_of_the_same_name_in_salvage_is_not_replaced(tmp_path):
    archive = Archive(tmp_path, "demo")
    for content in (b"one", b"two"):
        part = archive.part("2026-11-22", "door", 5)
        part.write_bytes(content)
        archive.to_salvage(part)
    assert sorted(path.read_bytes() for path in (archive.folder / "salvage").iterdir()) == [b"one", b"two"]
    assert archive.scan().highest == 5
    archive.close()


def test_a_corrupt_ledger_says_what_to_do(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"this is no database " * 500)
    with pytest.raises(RecordError, match=r"move it .* aside"):
        Ledger(tmp_path / "ledger.sqlite")


def test_a_damaged_page_of_the_ledger_is_found_at_the_start(tmp_path):
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    data = bytearray(path.read_bytes())
    data[4096:12288] = b"\xa5" * 8192
    path.write_bytes(data)
    with pytest.raises(RecordError, match="ledger"):
        Ledger(path)


def test_a_newer_ledger_is_left_alone(tmp_path):
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(RecordError, match="version 99"):
        Ledger(path)


def test_a_folder_that_is_a_file_says_so(tmp_path):
    (tmp_path / "data").write_text("x")
    with pytest.raises(RecordError, match="cannot be written"):
        Archive(tmp_path / "data", "demo")


def test_a_file_moved_away_by_hand_is_told_not_forgotten(tmp_path):
    process = child(tmp_path, 2)
    process.communicate(timeout=60)
    first = sorted(tmp_path.rglob("*.mcap"))[0]
    shutil.move(first, tmp_path / "elsewhere.mcap")
    put = put_in_order(tmp_path)
    assert put.missing == (1,)
    assert put.next_number == 3
