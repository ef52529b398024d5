"""The supervisor's patience: with the loop none, with a machine that stood still as a whole all of it. What it does."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from drivers.errors import DriverError
from station import supervisor
from station.settings.load import load_rig
from station.supervisor import Silence


def test_a_loop_that_goes_round_is_never_silent():
    silence = Silence(0.065, 0.0)
    assert not any(silence.look(beat, beat * 0.01) for beat in range(1, 500))


def test_a_loop_that_stops_is_silent_after_the_limit():
    silence = Silence(0.065, 0.0)
    silence.look(7, 0.01)
    looks = [round(0.01 * n, 2) for n in range(2, 20)]
    assert next(at for at in looks if silence.look(7, at)) == 0.08


def test_a_loop_that_has_not_begun_is_waited_for():
    silence = Silence(0.065, 0.0)
    assert not any(silence.look(0, 0.01 * n) for n in range(500))


def test_time_in_which_nobody_ran_does_not_count_but_the_rest_does():
    silence = Silence(0.065, 0.0)
    silence.look(7, 0.01)
    assert not silence.look(7, 0.51)  # half a second: the machine stood still
    assert not silence.look(7, 0.54)
    assert next(n for n in range(10) if silence.look(7, 0.55 + n * 0.01)) == 2


def test_the_limit_itself_is_no_silence_and_two_looks_late_is_nobody_away():
    silence = Silence(0.5, 0.0)
    silence.look(7, 0.25)
    for at_s in (0.265625, 0.28125):
        assert not silence.look(7, at_s)
    for step in range(19, 49):
        assert not silence.look(7, step / 64)
    assert silence.look(7, 49 / 64)


class Stopper:
    """The supervisor's end of the ring, and a control process whose heart stops or which ends, by this script."""

    def __init__(self, monkeypatch, beats: int = 10**9, lives: int = 10**9) -> None:
        self.said: list[str] = []
        self.now_ns = 10**9
        self.beaten_ns: list[int] = []
        self._beats, self._lives, self._looks = beats, lives, 0
        monkeypatch.setattr(supervisor.time, "sleep", self.sleep)
        monkeypatch.setattr(supervisor.time, "monotonic_ns", lambda: self.now_ns)
        monkeypatch.setattr(supervisor.time, "monotonic", lambda: self.now_ns * 1e-9)
        monkeypatch.setattr(supervisor, "_is_alive", lambda pid: pid == 4711 and self._looks < self._lives)

    def sleep(self, seconds):
        assert seconds == 0.01
        self.now_ns += 10_000_000
        self._looks += 1
        assert self._looks < 1000, "it watches for ever"

    def beat(self, now_ns):
        self.beaten_ns.append(now_ns)

    @property
    def heartbeat_ns(self):
        return min(self._looks, self._beats)

    def raise_stop(self):
        self.said.append("flag")


def test_a_heart_that_stops_is_told_and_the_supervisors_own_is_shown_meanwhile(monkeypatch):
    stopper = Stopper(monkeypatch, beats=20)
    assert supervisor.watch(stopper, 4711, 0.065)
    assert stopper.beaten_ns == [10**9 + 10_000_000 * look for look in range(1, 28)]


def test_a_control_process_that_ends_by_itself_is_no_silence(monkeypatch):
    stopper = Stopper(monkeypatch, lives=20)
    assert not supervisor.watch(stopper, 4711, 0.065)
    assert len(stopper.beaten_ns) == 20


def test_a_control_process_that_ended_before_its_silence_was_seen_needs_no_killing(monkeypatch):
    stopper = Stopper(monkeypatch, beats=20, lives=27)
    assert not supervisor.watch(stopper, 4711, 0.065)


def test_a_zombie_and_nobody_are_not_alive():
    assert supervisor._is_alive(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert supervisor._is_alive(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not supervisor._is_alive(child.pid)
    child.communicate()
    assert not supervisor._is_alive(child.pid)


class Shift:
    """`main` with everything outside of it written down in order."""

    def __init__(self, monkeypatch, tmp_path) -> None:
        self.said: list[str] = []
        self.limits: list[float] = []
        self.is_silent = False
        self.fails: Exception | None = None
        self.stop_fails: Exception | None = None
        rig, _ = load_rig("demo")
        self.gap_stop_s = rig.loop.gap_stop_ms * 1e-3
        settings = SimpleNamespace(rig=rig)
        say = self.said.append
        monkeypatch.setattr(
            sys, "argv", ["supervisor", "--runtime", str(tmp_path), "--ring", "9", "--control-pid", "4711"]
        )
        monkeypatch.setattr(
            supervisor.RunSettings, "load", lambda runtime: settings if runtime == tmp_path else None, raising=True
        )
        monkeypatch.setattr(supervisor, "Stopper", lambda ring: SimpleNamespace(raise_stop=lambda: say(f"flag {ring}")))
        monkeypatch.setattr(supervisor.wiring, "make_stop_line", self.brake)
        monkeypatch.setattr(supervisor, "go_realtime", lambda priority, core: SimpleNamespace(notes=[f"at {priority}"]))
        monkeypatch.setattr(supervisor, "say_note", lambda note: say(f"note {note}"))
        monkeypatch.setattr(supervisor, "say_ready", lambda: say("ready"))
        monkeypatch.setattr(supervisor, "say_error", lambda code, words: say(f"error {code} {words}"))
        monkeypatch.setattr(supervisor.signal, "signal", lambda *of: say(f"deaf to {of[0].name}: {of[1].name}"))
        monkeypatch.setattr(supervisor.os, "kill", lambda pid, number: say(f"kill {pid} {number.name}"))
        monkeypatch.setattr(supervisor.sys.stderr, "write", lambda words: say(words.strip()))
        monkeypatch.setattr(supervisor, "watch", self.watch)

    def brake(self, rig):
        if self.fails:
            raise self.fails
        return SimpleNamespace(stop=self.stop)

    def stop(self):
        self.said.append("motors off")
        if self.stop_fails:
            raise self.stop_fails

    def watch(self, stopper, pid, limit_s):
        self.limits.append(limit_s)
        self.said.append(f"watch {pid}")
        self.stopper = stopper
        return self.is_silent


@pytest.fixture
def shift(monkeypatch, tmp_path):
    return Shift(monkeypatch, tmp_path)


BEGIN = ["deaf to SIGTERM: SIG_IGN", "note at 85", "ready", "watch 4711"]


def test_a_silent_loop_may_not_command_its_motors_are_off_and_it_is_killed(shift):
    shift.is_silent = True
    assert supervisor.main() == 0
    assert shift.said == [
        *BEGIN,
        "flag 9",
        "motors off",
        "kill 4711 SIGKILL",
        "motors off",
        "supervisor: the control loop went silent; motors disabled, control process killed",
    ]
    assert shift.limits == [pytest.approx(3 * shift.gap_stop_s)]


def test_a_loop_that_ended_while_its_motors_were_switched_off_needs_no_killing(shift, monkeypatch):
    shift.is_silent = True

    def gone(pid, number):
        raise ProcessLookupError

    monkeypatch.setattr(supervisor.os, "kill", gone)
    assert supervisor.main() == 0
    assert shift.said[len(BEGIN) : -1] == ["flag 9", "motors off", "motors off"]


def test_a_silent_loop_is_killed_though_its_motors_could_not_be_told(shift):
    shift.is_silent = True
    shift.stop_fails = RuntimeError("no such line")
    with pytest.raises(RuntimeError):
        supervisor.main()
    assert shift.said[len(BEGIN) :] == ["flag 9", "motors off", "kill 4711 SIGKILL"]


def test_after_a_control_process_that_ended_the_motors_are_switched_off_too(shift):
    assert supervisor.main() == 0
    assert shift.said == [*BEGIN, "motors off"]


def test_without_its_line_to_the_motors_it_says_so_and_is_not_ready(shift):
    shift.fails = DriverError("can_right: no such device")
    assert supervisor.main() == 3
    assert shift.said == ["deaf to SIGTERM: SIG_IGN", "error 3 can_right: no such device"]


@pytest.mark.parametrize("missing", ["--runtime", "--ring", "--control-pid"])
def test_it_begins_with_all_it_needs_or_not_at_all(shift, capsys, missing):
    at = sys.argv.index(missing)
    del sys.argv[at : at + 2]
    with pytest.raises(SystemExit):
        supervisor.main()
    assert missing in capsys.readouterr().err and shift.said == []
