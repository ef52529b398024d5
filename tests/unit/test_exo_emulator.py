"""The emulated exo board as the launcher starts it: a process, its worker, its faults, seen through the driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drivers.errors import DriverError
from drivers.leaders.exo_wire import ExoWireLeader
from firmware_bridge.errors import WireError
from firmware_bridge.samples import HEALTH_MISSING, INPUT_ENABLE, INPUT_ENABLE_THROUGH, INPUT_ESTOP, RawCounts
from tests.unit.exo_process import NAMES, Rig

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("exo"))
    yield rig
    rig.close()


@pytest.fixture(autouse=True)
def _no_faults(rig: Rig) -> Iterator[None]:
    yield
    rig.mend()


def test_a_second_of_samples_is_whole_and_its_clock_passes_the_edge_of_32_bits(rig: Rig) -> None:
    for _ in range(5):  # a busy machine may take longer to open the port than the clock to pass its edge
        with rig.leader:
            first = rig.until(lambda sample: True)
            edge_us = first.device_us | 0xFFFF_FFFF
            if edge_us - first.device_us < 0x8000_0000:
                look_at_a_second(rig, first, edge_us)
                return
        rig.control.ask("fault", kind="reboot", off_s=0)
        deadline = time.monotonic() + 10
        while rig.control.ask("status")["state"] != "standby" and time.monotonic() < deadline:
            time.sleep(0.01)
    raise AssertionError("the board's clock was past its edge at each start")


def look_at_a_second(rig: Rig, first: RawCounts, edge_us: int) -> None:
    leader, reboots = rig.leader, rig.leader.clock.reboots
    assert "EMU-0001" in leader.identity
    assert leader.channels == tuple(NAMES)
    assert leader.counts_per_turn == 32768
    last = rig.until(lambda sample: sample.seq > first.seq + 1000 and sample.device_us > edge_us)
    assert last.device_us - first.device_us == pytest.approx((last.seq - first.seq) * 1000, rel=0.02)
    assert last.health == (0,) * 16
    assert last.inputs & INPUT_ENABLE and not last.inputs & INPUT_ESTOP
    assert leader.counters.bad == 0
    assert leader.clock.reboots == reboots
    age_ns = last.t_ns - leader.clock.to_host_ns(last.device_us)
    assert abs(age_ns) < 1e9, "the sample was taken about when it was read"
    assert leader.tend(time.monotonic_ns()) <= last.t_ns
    assert leader.clock.bound_us is not None, "the board has answered a clock question"


def test_the_worker_moves_the_counts_once_he_follows(rig: Rig) -> None:
    with rig.leader:
        start = rig.until(lambda sample: True).counts[0]
        rig.control.ask("worker", following=True)
        turn_30_deg = 32768 * 30 // 360
        moved = rig.until(lambda sample: abs(sample.counts[0] - start) > turn_30_deg)
        assert moved.counts[0] > start, "channel 0 counts in the joint's own sense"
        rig.control.ask("worker", following=False)


def test_a_silent_encoder_is_missing_and_all_after_it(rig: Rig) -> None:
    with rig.leader as leader:
        rig.control.ask("fault", kind="silent_encoder", channel="right_j3", for_s=None)
        sample = rig.until(lambda sample: any(sample.health))
        assert sample.health == (0, 0) + (HEALTH_MISSING,) * 14
        rig.control.ask("clear")
        rig.until(lambda sample: not any(sample.health))
        assert any(type(news).__name__ == "Fault" for news in leader.news)


def test_the_stop_contact_and_the_enable_switch_ride_on_the_sample(rig: Rig) -> None:
    with rig.leader:
        rig.control.ask("fault", kind="estop", for_s=None)
        rig.until(lambda sample: bool(sample.inputs & INPUT_ESTOP))
        rig.control.ask("fault", kind="enable_off", for_s=None)
        rig.until(lambda sample: not sample.inputs & INPUT_ENABLE)
        rig.control.ask("clear")
        rig.until(lambda sample: not sample.inputs & INPUT_ESTOP and bool(sample.inputs & INPUT_ENABLE))


def _positions(rig: Rig, end: Callable[[list[int]], bool]) -> list[int]:
    """1, 2, 3 of the switch as the samples tell them, each once as long as it lasts, until `end` says so."""
    seen: list[int] = []

    def look(sample: RawCounts) -> bool:
        contacts = sample.inputs & (INPUT_ENABLE | INPUT_ENABLE_THROUGH)
        position = {0: 1, INPUT_ENABLE: 2, INPUT_ENABLE_THROUGH: 3}[contacts]
        if seen[-1:] != [position]:
            seen.append(position)
        return end(seen)

    rig.until(look)
    return seen


def test_the_worker_clenches_relaxes_and_bounces(rig: Rig) -> None:
    """However few of the positions in between come through on a busy machine, their order does."""
    with rig.leader:
        rig.control.ask("fault", kind="enable_back", for_s=None)
        back = _positions(rig, lambda seen: 3 in seen and seen[-1] == 2)
        assert back[-4:] in ([1, 3, 1, 2], [2, 3, 1, 2], [1, 3, 2], [2, 3, 2])
        rig.control.ask("clear")
        assert _positions(rig, lambda seen: seen[-2:] == [1, 2])[-2:] == [1, 2], "let go, gripped again"
        rig.control.ask("fault", kind="enable_bounce", for_s=None)
        assert set(_positions(rig, lambda seen: len(seen) > 8)) == {1, 2}
        rig.control.ask("fault", kind="enable_through", for_s=None)
        _positions(rig, lambda seen: seen[-1] == 3)


@pytest.mark.parametrize(("kind", "counter"), [("drop", "lost"), ("bit_flip", "bad"), ("wrong_length", "bad")])
def test_damage_on_the_cable_is_counted_and_never_believed(rig: Rig, kind: str, counter: str) -> None:
    with rig.leader as leader:
        before = getattr(leader.counters, counter)
        first = rig.until(lambda sample: True)
        rig.control.ask("fault", kind=kind, p=0.3, for_s=None)
        seqs = []

        def look(sample: RawCounts) -> bool:
            seqs.append(sample.seq)
            assert max(abs(a - b) for a, b in zip(sample.counts, first.counts)) < 8000
            return len(seqs) > 150

        rig.until(look)
        assert seqs == sorted(set(seqs))
        assert getattr(leader.counters, counter) > before + 10


@pytest.mark.parametrize(
    "fault", [{"kind": "reorder", "p": 0.3}, {"kind": "duplicate", "p": 0.3}, {"kind": "delay", "jitter_ms": 3}]
)
def test_late_and_doubled_frames_never_step_back(rig: Rig, fault: dict[str, Any]) -> None:
    with rig.leader:
        rig.control.ask("fault", **fault)
        seqs: list[int] = []
        rig.until(lambda sample: seqs.append(sample.seq) or len(seqs) > 100)  # type: ignore[func-returns-value]
        assert seqs == sorted(set(seqs))


def test_a_reboot_is_an_error_and_the_board_streams_only_when_asked_again(rig: Rig) -> None:
    with rig.leader as leader:
        last = rig.until(lambda sample: True)
        rig.control.ask("fault", kind="reboot", off_s=0.05)
        with pytest.raises(DriverError, match=r"gone|restarted|stopped"):
            rig.until(lambda sample: False)
    deadline = time.monotonic() + 5
    while rig.control.ask("status")["state"] == "off" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert rig.control.ask("status")["state"] == "standby"
    with leader:
        after = rig.until(lambda sample: True)
        assert after.seq > last.seq
        assert after.device_us > last.device_us


def test_silence_of_the_board_is_silence_of_the_driver(rig: Rig) -> None:
    with rig.leader as leader:
        rig.until(lambda sample: True)
        rig.control.ask("fault", kind="stop", for_s=None)
        time.sleep(0.05)
        while leader.read(time.monotonic_ns()) is not None:
            pass
        time.sleep(0.05)
        assert leader.read(time.monotonic_ns()) is None
        rig.control.ask("clear")
        rig.until(lambda sample: True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"board_serial": "EMU-0002"}, "calibration was made on board EMU-0002"),
        ({"channels": {0: "left_j1"}}, "expected 'left_j1'; change leader.joints"),
        ({"channels": {16: "head"}}, "has 16 channels"),
        ({"rate_hz": 5000}, "streams at most 4000 Hz"),
        ({"parameters": {"stale_ms": 20}}, "stale_ms: 10 ms on the board, 20 ms in the rig file"),
        ({"parameters": {"stale": 20}}, "did you mean 'stale_ms'"),
    ],
)
def test_another_board_than_the_rig_file_means_is_refused(rig: Rig, settings: dict[str, Any], words: str) -> None:
    given = {"rate_hz": 1000, "channels": dict(enumerate(NAMES)), **settings}
    port = rig.leader._link.port
    with (
        pytest.raises((DriverError, WireError), match=words),
        ExoWireLeader(port, 2_000_000, given.pop("rate_hz"), given.pop("channels"), **given),
    ):
        pass
