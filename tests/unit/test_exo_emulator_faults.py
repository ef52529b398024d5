"""Faults of the emulated exo board itself: readings that are none, wrong numbers, a clock that jumps or drifts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import DriverError
from firmware_bridge.exo_messages import Fault
from firmware_bridge.exo_terms import FaultCode
from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_NOT_A_NUMBER, RawCounts
from tests.unit.exo_process import NAMES, Rig

pytestmark = pytest.mark.process

AT = NAMES.index("right_j4")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("exo"))
    yield rig
    rig.close()


@pytest.fixture(autouse=True)
def _no_faults(rig: Rig) -> Iterator[None]:
    yield
    rig.mend()


@pytest.mark.parametrize(
    ("kind", "health"),
    [("nan", HEALTH_NOT_A_NUMBER), ("checksum", HEALTH_DEVICE_ERROR), ("device_error", HEALTH_DEVICE_ERROR)],
)
def test_a_reading_that_is_none_is_told_and_the_one_before_it_stands(rig: Rig, kind: str, health: int) -> None:
    with rig.leader:
        before = rig.until(lambda sample: True).counts[AT]
        rig.control.ask("fault", kind=kind, channel="right_j4")
        sample = rig.until(lambda sample: any(sample.health))
        assert sample.health == tuple(health * (n == AT) for n in range(16))
        assert abs(sample.counts[AT] - before) < 100
        rig.control.ask("clear")
        rig.until(lambda sample: not any(sample.health))


def test_a_drift_goes_off_and_comes_back(rig: Rig) -> None:
    with rig.leader:
        before = rig.until(lambda sample: True).counts[AT]
        rig.control.ask("fault", kind="drift", channel="right_j4", deg=60, s=1.0)
        rig.until(lambda sample: sample.counts[AT] - before > 5000)
        rig.until(lambda sample: abs(sample.counts[AT] - before) < 50)


def test_samples_with_another_number_make_no_sample_step_back(rig: Rig) -> None:
    with rig.leader as leader:
        start = rig.until(lambda sample: True)
        lost, bad = leader.counters.lost, leader.counters.bad
        rig.control.ask("fault", kind="wrong_seq", p=0.5)
        seqs: list[int] = []
        clocks: list[int] = []

        def look(sample: RawCounts) -> bool:
            seqs.append(sample.seq)
            clocks.append(sample.device_us)
            return len(seqs) > 50

        rig.until(look, 30)
        assert seqs == sorted(set(seqs)) and clocks == sorted(set(clocks))
        assert seqs[-1] - start.seq < 2_000_000
        rig.until(lambda sample: leader.counters.bad > bad + 10 and leader.counters.lost > lost + 10)


def test_a_clock_that_jumps_by_less_than_a_beats_silence_goes_on_with_its_numbers(rig: Rig) -> None:
    """The firmware skips the sample times that its clock has passed; nothing is made up."""
    with rig.leader:
        before = rig.until(lambda sample: True)
        rig.control.ask("fault", kind="clock_step", s=0.5)
        after = rig.until(lambda sample: sample.seq - before.seq > 450)
        host_us = (after.t_ns - before.t_ns) / 1000
        assert after.device_us - before.device_us - host_us > 300_000
        assert after.seq - before.seq == pytest.approx((after.device_us - before.device_us) / 1000, abs=50)


@pytest.mark.parametrize("s", [60, -60, -3600])
def test_a_clock_that_jumps_far_ends_the_stream_as_the_firmware_takes_its_host_for_gone(rig: Rig, s: float) -> None:
    with rig.leader as leader:
        rig.until(lambda sample: True)
        rig.control.ask("fault", kind="clock_step", s=s)
        with pytest.raises(DriverError, match=r"has (stopped streaming|restarted)"):
            rig.until(lambda sample: False, 20)
        assert any(isinstance(news, Fault) and news.code == FaultCode.HOST_SILENT for news in leader.news)
    with rig.leader as leader:
        rig.until(lambda sample: True)


def test_a_clock_that_drifts_takes_its_samples_with_it_and_comes_back(rig: Rig) -> None:
    def rate(seconds: float) -> float:
        first = rig.until(lambda sample: True)
        last = rig.until(lambda sample: sample.t_ns - first.t_ns > seconds * 1e9)
        assert last.seq - first.seq == pytest.approx((last.device_us - first.device_us) / 1000, abs=20)
        return (last.device_us - first.device_us) * 1000 / (last.t_ns - first.t_ns)

    with rig.leader:
        rig.control.ask("fault", kind="clock_drift", ppm=-200_000)
        time.sleep(0.1)
        assert 0.7 < rate(2.0) < 0.9
        rig.control.ask("clear")
        time.sleep(0.1)
        assert rate(2.0) > 0.93


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"kind": "clock_step", "ppm": 3}, "fault clock_step: unknown 'ppm'; it takes s"),
        ({"kind": "estop", "channel": 3}, "fault estop: unknown 'channel'; it takes nothing"),
        ({"kind": "clock_drift", "ppm": 1e6}, "ppm 1000000.0; expected a number from -200000 to 200000"),
        ({"kind": "checksum", "channel": "head"}, "channel 'head'; expected 0 to 15 or one of"),
        ({"kind": "wrong_seq", "p": 2}, "p 2; expected a number from 0 to 1"),
    ],
)
def test_what_a_fault_does_not_take_is_refused(rig: Rig, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(DriverError, match=words):
        rig.control.ask("fault", **request_)


@pytest.mark.parametrize("who", ["emulator", "board"])
def test_a_pause_of_the_emulation_is_told_once(rig: Rig, who: str) -> None:
    emulator = rig.process.pid
    board = int(Path(f"/proc/{emulator}/task/{emulator}/children").read_text().split()[0])
    pid = emulator if who == "emulator" else board
    with rig.leader:
        rig.until(lambda sample: True)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(pid, signal.SIGCONT)
        first = rig.until(lambda sample: True)
        rig.until(lambda sample: sample.t_ns - first.t_ns > 100_000_000)
        assert rig.control.ask("status")["late_ms"] > 250
        assert rig.control.ask("status")["late_ms"] < 250


@pytest.mark.parametrize("back", ["clear", "replug", "unplug, replug", "unplug, clear"])
def test_a_name_without_a_folder_lies_beside_the_boards_own_which_comes_back(rig: Rig, back: str) -> None:
    own = Path(rig.control.path).with_name("leader.tty")
    other = own.with_name("other.tty")

    def port_is(link: Path, not_link: Path) -> bool:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if rig.control.ask("status")["port"] == str(link):
                return link.is_symlink() and not os.path.lexists(not_link)
            time.sleep(0.01)
        return False

    rig.control.ask("fault", kind="replug", name="other.tty")
    assert port_is(other, own)
    with pytest.raises(DriverError, match="expected one that nothing has yet"):
        rig.control.ask("fault", kind="replug", name="leader.ctl")
    for word in back.split(", "):
        if word == "clear":
            rig.control.ask("clear")
        else:
            rig.control.ask("fault", kind=word)
    assert port_is(own, other)
    with rig.leader:
        rig.until(lambda sample: True)
