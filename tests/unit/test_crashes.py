"""Crashes at every step of the commit, on real files of real processes killed by SIGKILL."""

from __future__ import annotations

import random
import signal
import time

import pytest

from station.session import reasons
from tests.recordings import check, child, put_in_order, told

POINTS = [
    ("RecordFile.write", "before", "40"),
    ("RecordFile.finish", "before", "2"),
    ("RecordFile.finish", "after", "2"),
    ("Archive.commit", "after", "2"),
    ("Ledger.add", "before", "2"),
    ("Ledger.add", "after", "2"),
    ("Ledger.reject", "before", "1"),
    ("Ledger.reject", "after", "1"),
    ("Archive.rename", "after", "1"),
]


@pytest.mark.process
@pytest.mark.parametrize("point", POINTS, ids=lambda point: "-".join(point))
def test_a_kill_at_any_step_of_the_commit_loses_nothing_committed(tmp_path, point):
    process = child(tmp_path, 4, *point)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == -signal.SIGKILL
    parts = list(tmp_path.rglob("*.part"))
    sizes = sorted(path.stat().st_size for path in parts)
    put = put_in_order(tmp_path)
    rows = check(tmp_path)
    for number, verdict in told(output).items():
        was_rejected_since = rows[number]["reason"] == reasons.REJECTED_BY_WORKER
        assert rows[number]["accepted"] == (verdict == "accepted") or was_rejected_since
    assert len(put.salvaged) == len(parts)
    assert sorted(path.stat().st_size for path in put.salvaged) == sizes
    if point[0] == "Archive.commit" or point == ("Ledger.add", "before", "2"):
        assert put.adopted == (2,)
        assert rows[2]["adopted"] == 1
    else:
        assert put.adopted == ()
    if point == ("Ledger.reject", "after", "1"):
        assert put.renamed == (3,)
        assert rows[3]["reason"] == reasons.REJECTED_BY_WORKER
    assert put.next_number > max(rows)
    # The next run goes on: no number is used twice.
    again = child(tmp_path, 1)
    output = again.communicate(timeout=60)[0]
    assert output.endswith("closed\n")
    assert set(told(output)).isdisjoint(rows)
    assert check(tmp_path).keys() == rows.keys() | told(output).keys()


@pytest.mark.process
def test_kills_at_random_moments_lose_nothing_committed(tmp_path):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    known: dict[int, str] = {}
    for _ in range(3):
        process = child(tmp_path, 1000)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(dice.uniform(0.0, 0.5))
        process.kill()
        output = first + process.communicate(timeout=60)[0]
        assert set(told(output)).isdisjoint(known)
        known |= told(output)
        put_in_order(tmp_path)
        rows = check(tmp_path)
        assert rows.keys() >= known.keys()
    assert len(known) >= 3
