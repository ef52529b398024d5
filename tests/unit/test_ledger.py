"""The ledger: counts come from rows, rows are never overwritten, changes leave a trace."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import replace

import pytest

from station.session.errors import RecordError
from station.session.ledger import SHIFT_LASTS_S, Ledger, RepRow, day_of

NOON_NS = 1_795_000_000_000_000_000
ROW = RepRow(
    number=1,
    file="2026-11-18/door/rep-000001-accepted.mcap",
    size=1234,
    sha256="ab" * 32,
    rig="demo",
    rig_digest="0123",
    task="door",
    task_version=3,
    task_digest="4567",
    worker="w07",
    calibration="demo 89ab",
    device="KER 2.1.0",
    accepted=True,
    reason="",
    detail={"joint": "right_j4", "value": "14°"},
    tags=("slower",),
    figures={"smoothness_sparc": -2.5},
    baseline_rad=(0.0, 0.01),
    start_wall_ns=NOON_NS,
    end_wall_ns=NOON_NS + 3_000_000_000,
    start_ns=5_000_000_000,
    end_ns=8_000_000_000,
    duration_s=3.0,
    station_version="0.1.0",
)


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def shift(ledger):
    return ledger.open_shift("w07", "door", 3, NOON_NS)[0]


def rejected(number: int, reason: str = "reach_short") -> RepRow:
    return replace(ROW, number=number, accepted=False, reason=reason)


def test_a_row_comes_back_as_it_was(ledger, shift):
    ledger.add(ROW, shift)
    assert ledger.row(1) == ROW
    assert ledger.last(shift, 5) == [ROW]
    assert ledger.last_accepted(shift) == ROW
    assert ledger.row(2) is None


def test_rows_are_durable_by_the_databases_own_settings(ledger):
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_number_is_never_used_twice(ledger, shift):
    ledger.add(ROW, shift)
    with pytest.raises(RecordError, match="UNIQUE"):
        ledger.add(replace(ROW, file="other"), shift)
    assert ledger.row(1) == ROW


@pytest.mark.parametrize("row", [replace(ROW, reason="too_slow"), replace(ROW, accepted=False)])
def test_a_verdict_and_its_reason_can_not_disagree(ledger, shift, row):
    with pytest.raises(RecordError, match="CHECK"):
        ledger.add(row, shift)


def test_counts_are_of_the_shift_and_of_the_day(ledger, shift):
    today = day_of(ROW.end_wall_ns)
    for number in range(1, 4):
        ledger.add(replace(ROW, number=number), shift)
    ledger.add(rejected(4), shift)
    ledger.add(rejected(5), shift)
    ledger.add(rejected(6, "too_slow"), shift)
    other, _ = ledger.open_shift("w08", "door", 3, NOON_NS)
    ledger.add(replace(ROW, number=7, worker="w08"), other)
    another_task, _ = ledger.open_shift("w07", "drawer", 1, NOON_NS)
    ledger.add(replace(ROW, number=8, task="drawer"), another_task)
    yesterday = replace(ROW, number=9, end_wall_ns=NOON_NS - 30 * 3600 * 10**9)
    ledger.add(yesterday, another_task)
    assert ledger.counts(shift, "w07", today) == (3, 3, 4, {"reach_short": 2, "too_slow": 1})
    assert ledger.counts(other, "w08", today) == (1, 0, 1, {})


def test_a_shift_goes_on_until_it_is_ended_or_too_old(ledger, shift):
    later_ns = NOON_NS + 3600 * 10**9
    assert ledger.open_shift("w07", "door", 3, later_ns) == (shift, NOON_NS)
    assert ledger.open_shift("w07", "door", 4, later_ns)[0] != shift
    fresh, _ = ledger.open_shift("w07", "door", 3, later_ns, is_new=True)
    assert fresh != shift
    assert ledger.open_shift("w07", "door", 3, later_ns + 5) == (fresh, later_ns)
    ledger.end_shift(fresh, later_ns + 6)
    after, _ = ledger.open_shift("w07", "door", 3, later_ns + 7)
    assert after not in (shift, fresh)
    too_late_ns = later_ns + 7 + SHIFT_LASTS_S * 10**9
    assert ledger.open_shift("w07", "door", 3, too_late_ns)[0] != after


def test_an_adopted_repetition_finds_the_shift_of_its_time(ledger, shift):
    hour_ns = 3600 * 10**9
    ledger.end_shift(shift, NOON_NS + hour_ns)
    second, _ = ledger.open_shift("w07", "door", 3, NOON_NS + 2 * hour_ns)
    assert ledger.shift_at("w07", "door", 3, NOON_NS + hour_ns // 2) == shift
    assert ledger.shift_at("w07", "door", 3, NOON_NS + 3 * hour_ns) == second
    assert ledger.shift_at("w07", "door", 3, NOON_NS - hour_ns) not in (shift, second)


def test_a_rejection_keeps_what_was_before(ledger, shift):
    ledger.add(ROW, shift)
    ledger.reject(1, "rejected_by_worker", "new name", NOON_NS + 5)
    row = ledger.row(1)
    assert row == replace(ROW, accepted=False, reason="rejected_by_worker", file="new name")
    assert ledger.audit(1) == [
        {
            "wall_ns": NOON_NS + 5,
            "action": "rejected_by_worker",
            "before": {"accepted": True, "file": ROW.file, "reason": ""},
            "after": {"accepted": False, "file": "new name", "reason": "rejected_by_worker"},
        }
    ]
    with pytest.raises(RecordError, match="not an accepted one"):
        ledger.reject(1, "rejected_by_worker", "again", NOON_NS + 6)
    assert len(ledger.audit(1)) == 1


def test_a_rejection_is_whole_or_not_at_all(ledger, shift):
    ledger.add(ROW, shift)
    ledger._db.execute("CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(RecordError, match="no"):
        ledger.reject(1, "rejected_by_worker", "new name", NOON_NS)
    assert ledger.row(1) == ROW


def test_rows_are_there_for_another_reader_at_once(ledger, shift, tmp_path):
    ledger.add(ROW, shift)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as other:
        assert other.execute("SELECT number FROM reps").fetchall() == [(1,)]


def test_a_ledger_that_vanishes_under_it_says_what_to_do(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger._db.execute("DROP TABLE reps")
    with pytest.raises(RecordError, match="cannot write it"):
        ledger.add(ROW, None)
    ledger.close()


def test_a_folder_that_is_not_there_says_so(tmp_path):
    with pytest.raises(RecordError, match="folder exists"):
        Ledger(tmp_path / "no" / "ledger.sqlite")


@pytest.mark.parametrize(("zone", "day"), [("UTC", "2026-11-22"), ("Asia/Shanghai", "2026-11-23")])
def test_a_day_is_the_local_one(monkeypatch, zone, day):
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert day_of(1_795_390_200 * 10**9) == day  # 2026-11-22 23:30 UTC
    finally:
        monkeypatch.undo()
        assert os.environ.get("TZ") == before
        time.tzset()
