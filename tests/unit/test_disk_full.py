"""Disks that take no more: a real size limit of the kernel, and a real file system that is full."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest

from station.session import reasons
from station.session.archive import Archive
from station.session.clocks import ClockPair
from station.session.ledger import Ledger
from station.session.record_file import RecordFile
from station.session.recorder import Provenance, Recorder, RepEnd
from station.session.recorder_thread import RecorderThread
from tests.gestures import RIG, SyntheticWorker, TickMaker

LEADER = tuple(joint.name for joint in RIG.leader.joints)
ARM = tuple(joint.name for joint in RIG.arm.joints)
START = ClockPair(1_000_000_000, 1_795_000_000_000_000_000)
END = RepEnd(
    accepted=True,
    reason="",
    detail={},
    tags=(),
    figures={},
    baseline_rad=(),
    start_ns=1_000_000_000,
    end_ns=4_000_000_000,
)


def recorder_in(folder: Path, floor_bytes: int = 0) -> tuple[Archive, Ledger, Recorder]:
    archive = Archive(folder, "demo")
    ledger = Ledger(archive.folder / "ledger.sqlite")
    shift, _ = ledger.open_shift("w07", "door", 1, START.wall_ns)
    words = dict.fromkeys(
        ("rig", "rig_digest", "task_digest", "worker", "calibration", "device", "station_version", "software"), "x"
    )
    provenance = Provenance(
        **{**words, "worker": "w07"},
        task="door",
        task_version=1,
        leader_joints=LEADER,
        arm_joints=ARM,
        joints_json="{}",
    )
    return archive, ledger, Recorder(archive, ledger, shift, provenance, lambda: START, floor_bytes)


@pytest.fixture(scope="module")
def ticks():
    worker = SyntheticWorker(1)
    return list(TickMaker().ticks(worker.rep()))


@pytest.fixture
def size_limit():
    """Files of this process may not grow beyond 100 kB (RLIMIT_FSIZE; the write fails with EFBIG)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("room", [0, 1000, 150_000, 400_000])
def test_a_disk_that_fills_at_any_moment_leaves_nothing_half_written(tmp_path, ticks, size_limit, room):
    archive, ledger, recorder = recorder_in(tmp_path)
    size_limit(room)
    recorder.begin(1, START)
    for i in range(0, len(ticks), 64):
        recorder.write(ticks[i : i + 64])
    size_limit(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    outcome = recorder.end(END)
    assert outcome.row is not None
    assert (outcome.row.accepted, outcome.row.reason) == (False, reasons.RECORD_INCOMPLETE)
    assert "disk is full" in outcome.row.detail["value"]
    assert outcome.alarm == "disk_full"
    assert outcome.counts.accepted == 0
    assert not list(tmp_path.rglob("*.mcap*"))
    recorder.begin(2, START)  # room again: the next one is kept
    recorder.write(ticks)
    outcome = recorder.end(END)
    assert outcome.row is not None and outcome.row.accepted and not outcome.alarm
    assert outcome.counts.accepted == 1
    ledger.close()
    archive.close()


def test_a_disk_that_fills_while_finishing_leaves_nothing_half_written(tmp_path, ticks, size_limit):
    archive, ledger, recorder = recorder_in(tmp_path)
    recorder.begin(1, START)
    recorder.write(ticks)
    part = next(tmp_path.rglob("*.part"))
    size_limit(part.stat().st_size + 100)
    outcome = recorder.end(END)
    assert outcome.row is not None and outcome.row.reason == reasons.RECORD_INCOMPLETE
    assert not list(tmp_path.rglob("*.mcap*"))
    ledger.close()
    archive.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_file_system_is_told_even_where_the_ledger_has_no_room_either(tmp_path, ticks):
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)], capture_output=True)
    if mount.returncode != 0:
        pytest.skip(f"no mounting here: {mount.stderr!r}")
    try:
        archive, ledger, recorder = recorder_in(tmp_path)
        (tmp_path / "ballast").write_bytes(b"x" * (1_400_000))
        recorder.begin(1, START)
        for _ in range(4):
            recorder.write(ticks)
        with (tmp_path / "more").open("wb", buffering=0) as more, pytest.raises(OSError, match="No space"):
            while True:
                more.write(b"x" * 4096)
        outcome = recorder.end(END)
        assert outcome.row is not None and outcome.row.reason == reasons.RECORD_INCOMPLETE
        assert outcome.alarm
        assert not list(tmp_path.rglob("*.mcap*"))
        (tmp_path / "ballast").unlink()
        recorder.begin(2, START)
        recorder.write(ticks)
        outcome = recorder.end(END)
        assert outcome.row is not None and outcome.row.accepted and outcome.is_durable
        ledger.close()
        archive.close()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_the_floor_is_checked_before_each_repetition(tmp_path, ticks):
    archive, ledger, recorder = recorder_in(tmp_path, floor_bytes=1 << 62)
    recorder.begin(1, START)
    recorder.write(ticks)
    outcome = recorder.end(END)
    assert outcome.row is not None and outcome.row.reason == reasons.RECORD_INCOMPLETE
    assert "are needed" in outcome.row.detail["value"]
    assert ledger.row(1) is not None and not list(tmp_path.rglob("*.mcap*"))
    ledger.close()
    archive.close()


def test_a_ledger_that_takes_no_row_never_lets_the_file_count_later(tmp_path, ticks):
    archive, ledger, recorder = recorder_in(tmp_path)
    recorder.begin(1, START)
    recorder.write(ticks)
    other = sqlite3.connect(tmp_path / "demo" / "ledger.sqlite", isolation_level=None)
    ledger._db.execute("PRAGMA busy_timeout=50")
    other.execute("BEGIN IMMEDIATE")  # somebody holds the ledger
    outcome = recorder.end(END)
    other.execute("ROLLBACK")
    assert outcome.row is not None and not outcome.row.accepted and not outcome.is_durable
    assert "locked" in outcome.row.detail["value"]
    assert outcome.alarm == "records_lost"
    assert [path.parent.name for path in tmp_path.rglob("*.mcap")] == ["salvage"]
    assert archive.scan().highest == 1
    other.close()
    ledger.close()
    archive.close()


def test_a_disk_too_slow_for_the_ticks_makes_the_record_incomplete_and_never_waits(tmp_path, ticks):
    archive, ledger, recorder = recorder_in(tmp_path)
    thread = RecorderThread(recorder, limit=500)
    thread.begin(1, START)
    gate = RecordFile.write
    blocked = threading.Event()
    recorder.write = lambda rows: (blocked.wait(20), gate(recorder._file, rows))  # type: ignore[method-assign]
    for tick in ticks:
        thread.write(tick)
    assert thread.waiting <= 500
    blocked.set()
    thread.end(END)
    thread.close()
    outcome = thread.poll()
    assert outcome is not None and outcome.row is not None
    assert outcome.row.reason == reasons.RECORD_INCOMPLETE
    assert "too slow" in outcome.row.detail["value"]
    assert outcome.row.file.endswith("-rejected.mcap")
    ledger.close()
    archive.close()


def test_the_row_comes_last_and_everything_before_it_is_synced(tmp_path, ticks, monkeypatch):
    archive, ledger, recorder = recorder_in(tmp_path)
    recorder.begin(1, START)
    recorder.write(ticks)
    steps: list[str] = []
    fsync, rename, add = os.fsync, Path.rename, ledger.add

    def note_fsync(fd: int) -> None:
        steps.append(f"fsync {Path(f'/proc/self/fd/{fd}').readlink().name}")
        fsync(fd)

    def note_rename(self: Path, target: Path) -> Path:
        steps.append(f"rename {self.name}")
        return rename(self, target)

    def note_add(row, shift) -> None:
        steps.append(f"row {Path(row.file).name}")
        add(row, shift)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "rename", note_rename)
    monkeypatch.setattr(ledger, "add", note_add)
    outcome = recorder.end(END)
    day = Path(outcome.row.file).parts[0]
    assert day and steps == [
        "fsync .rep-000001.mcap.part",
        "rename .rep-000001.mcap.part",
        "fsync door",
        "row rep-000001-accepted.mcap",
    ]
    ledger.close()
    archive.close()
