"""The main job as its users start it: real processes, real bytes over real descriptors."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time

import pytest
from mcap.reader import make_reader

from station.signals import IntentKind, Mode
from tests.sim.conftest import Driver, ours, station

pytestmark = pytest.mark.process


def test_a_headless_run_reports_what_it_kept(runtime, tmp_path):
    run = station("run", "demo", "--headless", "--reps", "2", "--json", "--data", str(tmp_path))
    out, err = run.communicate(timeout=90)
    assert run.returncode == 0, err
    document = json.loads(out)
    assert document["accepted"] == 2
    for key in ("ticks", "ticks_lost", "samples_lost", "rejected", "records_lost", "stop", "exit_code"):
        assert key in document
    for key in ("lateness_us", "latency_us"):
        assert set(document[key]) == {"p50", "p90", "p99", "p99_9", "max"}
        assert 0 < document[key]["p50"] <= document[key]["p99"] <= document[key]["max"]
    assert document["records_lost"] == 0
    assert document["samples_lost"] == 0
    assert len(document["files"]) == 2 + sum(document["rejected"].values())
    for name in document["files"]:
        with (tmp_path / "demo" / name).open("rb") as file:
            summary = make_reader(file, validate_crcs=True).get_summary()
            assert summary is not None
            assert summary.statistics is not None
            assert summary.statistics.message_count > 100
    assert not list(runtime.rglob("*.sock"))


def test_numbering_goes_on_after_a_restart(runtime, tmp_path):
    numbers = []
    for _ in range(2):
        run = station("run", "demo", "--headless", "--reps", "1", "--jsonl", "--data", str(tmp_path))
        out, err = run.communicate(timeout=90)
        lines = [json.loads(line) for line in out.splitlines()]
        if not numbers:
            assert run.returncode == 0, err
        numbers.append([line["number"] for line in lines if line["event"] == "rep"])
    with sqlite3.connect(tmp_path / "demo" / "ledger.sqlite") as ledger:
        rows = [row[0] for row in ledger.execute("select number from reps order by number")]
    assert rows == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_makes_the_arm_safe_then_finishes_the_files(runtime, tmp_path, number):
    run = station("run", "demo", "--headless", "--reps", "50", "--json", "--data", str(tmp_path))
    end = time.monotonic() + 60
    while not list(tmp_path.rglob("*.mcap*")) and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    document = json.loads(out)
    assert document["stop"] == ""
    assert not list(tmp_path.rglob("*.part"))
    for name in document["files"]:
        assert (tmp_path / "demo" / name).is_file()


def test_a_second_station_on_the_same_rig_is_refused_by_name(runtime, tmp_path):
    with Driver(tmp_path):
        second = station("run", "demo", "--headless", "--data", str(tmp_path))
        _, err = second.communicate(timeout=60)
        assert second.returncode == 3
        assert err.startswith("station: error: rig 'demo' is driven by another station (process ")
        assert str(os.getpid()) in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "demmo"], 2, "no rig named 'demmo'; did you mean 'demo'?"),
        (["run", "demo", "--task", "nothing"], 2, "no task named 'nothing'"),
        (["run", "openarm_ker"], 3, "bus can_right: socketcan 'can_right' does not open"),
        (["run", "openarm_ker", "--leader", "ker"], 2, "its leader is named in its file"),
        (["run", "demo", "--leader", "gello"], 2, "--leader is 'gello'; expected one of ker"),
        (["attach"], 3, "no rig is running"),
        (["fault", "leader", "freeze"], 3, "no rig is running"),
    ],
)
def test_what_cannot_start_says_why_in_one_line_and_leaves_nothing(runtime, tmp_path, arguments, code, words):
    more = ["--headless", "--data", str(tmp_path)] if arguments[0] == "run" else []
    run = station(*arguments, *more)
    _, err = run.communicate(timeout=60)
    assert run.returncode == code, err
    assert words in err
    assert err.count("\n") == 1
    assert err.startswith("station: error: ")
    assert ours(runtime) == []


def test_a_screen_that_dies_leads_to_a_hold_and_a_new_one_goes_on(runtime, tmp_path):
    with Driver(tmp_path) as rig:
        rig.until_mode(Mode.FOLLOWING)
        person, rig.person = rig.person, None
        held = rig.until_mode(Mode.HOLD)
        assert held.cause == "screen_lost"
        for _ in range(10):  # coming back resumes nothing by itself
            rig.run.ask(IntentKind.LEASE)
            assert rig.step().mode == Mode.HOLD
        rig.person = person
        rig.until_mode(Mode.FOLLOWING)


def test_a_session_that_is_killed_leads_to_a_hold_and_is_started_again(runtime, tmp_path):
    with Driver(tmp_path) as rig:
        rig.until_mode(Mode.FOLLOWING)
        first = rig.run.session.pid
        os.kill(first, signal.SIGKILL)
        held = rig.until(lambda tick: tick.mode == Mode.HOLD)
        assert held.cause == "session_lost"
        rig.until_mode(Mode.FOLLOWING)
        assert rig.run.session.pid != first


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_motors_stop_by_themselves_when_the_control_process_dies_or_freezes(runtime, tmp_path, number):
    from drivers.emulators.control_socket import ControlClient
    from station.emulated import FOLLOWER_CONTROL

    with Driver(tmp_path) as rig:
        rig.until_mode(Mode.FOLLOWING)
        rig.until(lambda tick: max(map(abs, tick.arm_rad_s)) > 0.5)
        arm = ControlClient(str(rig.run.runtime.folder / FOLLOWER_CONTROL))
        os.kill(rig.run.control.pid, number)
        time.sleep(0.5)
        motors = arm.ask("status")["motors"]
        arm.close()
        assert len(motors) == 16
        assert not any(motor["enabled"] for motor in motors)
        assert max(abs(motor["velocity_rad_s"]) for motor in motors) < 0.01
        if number == signal.SIGSTOP:
            assert rig.run.control.wait(5) == -signal.SIGKILL, "the supervisor ends a loop that froze"
