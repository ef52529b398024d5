"""What a whole board of the C reference does, seen over its serial line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.emulators.exo_board import POWER_FAILED, ExoBoard
from drivers.emulators.exo_build import board_program
from drivers.errors import DriverError
from drivers.exo_link import ExoLink, make_link
from drivers.exo_talk import ExoTalk
from firmware_bridge.exo_messages import Ack, BoardBeat, Channel, Fault, HostBeat, Log, Stream, Time, TimeGet
from firmware_bridge.exo_terms import SAMPLE_TYPE, BoardState, FaultCode, LogLevel, Result, SampleStatus
from firmware_bridge.exo_wire import Sample, decode, encode
from firmware_bridge.params import bits_of, find, value_of
from firmware_bridge.samples import (
    INPUT_ENABLE,
    INPUT_ENABLE_THROUGH,
    INPUT_ESTOP,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
)
from tests.mcu import SANITIZE, STRICT, gcc

pytestmark = pytest.mark.process

CHANNELS = tuple(Channel(n, 0, 1, 0, 32768, -9000, 9000, f"j{n}") for n in range(3))
FLASH_OPERATIONS_AT_START = 5


@pytest.fixture(scope="module")
def program() -> Path:
    gcc()
    return board_program((*STRICT, *SANITIZE))


@pytest.fixture
def board(tmp_path: Path, program: Path) -> Iterator[ExoBoard]:
    board = ExoBoard(tmp_path, CHANNELS, pty_link=str(tmp_path / "tty"), program=program)
    board.start()
    yield board
    board.stop()


@pytest.fixture
def link(board: ExoBoard) -> Iterator[ExoLink]:
    with make_link(board.link, 2_000_000) as link:
        yield link


def listen(link: ExoLink, is_it: Callable[[object], bool], within_s: float = 4.0) -> list[object]:
    """Everything heard until `is_it` (the last one)."""
    heard: list[object] = []
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        link.wait(0.05)
        for body in link.receive(time.monotonic_ns()):
            heard.append(decode(body))
            if is_it(heard[-1]):
                return heard
    raise AssertionError(f"not heard within {within_s} s; heard {heard[-5:]}")


def test_a_board_that_hears_no_host_for_a_second_falls_silent(link: ExoLink) -> None:
    talk = ExoTalk(link)
    assert talk.ask(Stream(200), Ack).result == Result.OK
    began = time.monotonic()
    heard = listen(link, lambda m: isinstance(m, Fault) and m.code == FaultCode.HOST_SILENT)
    assert time.monotonic() - began > 0.8
    assert sum(isinstance(m, Sample) for m in heard) > 100
    link.wait(0.2)
    link.receive(0)
    link.wait(0.2)
    assert [b for b in link.receive(0) if b[0] == SAMPLE_TYPE] == []
    assert any("host silent" in line.text for line in talk.log())


def test_a_beat_is_answered_with_its_token_and_the_state(link: ExoLink) -> None:
    ExoTalk(link).ask(Stream(50), Ack)
    link.send(encode(HostBeat(77, 0)))
    heard = listen(link, lambda m: isinstance(m, BoardBeat) and m.token == 77)
    beat = heard[-1]
    assert isinstance(beat, BoardBeat) and beat.state == BoardState.STREAMING


def test_the_clock_is_told_with_the_token(link: ExoLink, board: ExoBoard) -> None:
    talk = ExoTalk(link)
    first = talk.ask(TimeGet(5), Time)
    time.sleep(0.05)
    second = talk.ask(TimeGet(6), Time, lambda m: m.token == 6)
    assert first.token == 5
    assert 50_000 <= (second.receive_us - first.receive_us) & 0xFFFF_FFFF < 5_000_000


def test_an_encoder_that_dies_keeps_its_count_but_never_its_good_name(link: ExoLink, board: ExoBoard) -> None:
    board.set_counts([100, 200, 300])
    board.set_status(2, SampleStatus.MISSING)
    talk = ExoTalk(link)
    talk.ask(Stream(500), Ack)
    first = listen(link, lambda m: isinstance(m, Sample))[-1]
    assert isinstance(first, Sample)
    assert first.counts == (100, 200, 0) and first.states[2] == SampleStatus.NEVER | 15 << 4
    board.set_status(1, SampleStatus.CHECKSUM)
    board.set_counts([111, 222, 333])
    heard = listen(link, lambda m: isinstance(m, Sample) and m.states[1] == SampleStatus.CHECKSUM | 15 << 4)
    last = heard[-1]
    assert isinstance(last, Sample) and last.counts == (111, 200, 0)
    faults = [m for m in heard if isinstance(m, Fault)]
    assert (FaultCode.ENCODER, 1, 1) in [(m.code, m.channel, m.is_active) for m in faults]
    board.set_status(1, SampleStatus.OK)
    heard = listen(link, lambda m: isinstance(m, Fault) and m.channel == 1 and not m.is_active)
    assert any(isinstance(m, Sample) and m.counts[1] == 222 and m.states[1] == 0 for m in heard)


def test_an_enable_switch_pressed_through_is_never_in_its_middle(link: ExoLink, board: ExoBoard) -> None:
    """Also for a host that knows no third position: where both contacts say yes, the middle is taken back, and said."""
    has = INPUT_HAS_ENABLE | INPUT_HAS_ESTOP
    both = INPUT_ENABLE | INPUT_ENABLE_THROUGH

    def set_until(inputs: int, expected: int) -> list[Log]:
        board.set_word("inputs", inputs)
        heard = listen(link, lambda m: isinstance(m, Sample) and m.inputs == has | expected)
        assert not any(isinstance(m, Sample) and m.inputs & both == both for m in heard)
        return [m for m in heard if isinstance(m, Log)]

    talk = ExoTalk(link)
    talk.ask(Stream(500), Ack)
    link.send(encode(HostBeat(1, 0)))
    for bits in (INPUT_ENABLE, INPUT_ENABLE_THROUGH, 0, INPUT_ESTOP | INPUT_ENABLE_THROUGH, 0):
        assert not set_until(bits, bits)
    lines = [set_until(both, INPUT_ENABLE_THROUGH)]
    set_until(INPUT_ENABLE, INPUT_ENABLE)
    lines += [set_until(both | INPUT_ESTOP, INPUT_ENABLE_THROUGH | INPUT_ESTOP)]
    set_until(0, 0)
    lines += [set_until(both, INPUT_ENABLE_THROUGH)]
    assert [len(found) for found in lines] == [1, 0, 1], "told once, until it was released"
    assert lines[0][0].level == LogLevel.ERROR and "pressed through at once" in lines[0][0].text
    assert sum("enable switch" in line.text for line in talk.log()) == 2


def test_what_a_board_does_not_know_is_refused_by_name(link: ExoLink) -> None:
    link.send(b"\x7e123")
    ack = listen(link, lambda m: isinstance(m, Ack))[-1]
    assert ack == Ack(0x7E, Result.UNKNOWN, 1)
    link.send(b"\x03\x01")
    ack = listen(link, lambda m: isinstance(m, Ack))[-1]
    assert ack == Ack(0x03, Result.BAD_LENGTH, 2)
    talk = ExoTalk(link)
    with pytest.raises(DriverError, match="result 4"):
        talk.zero(3)
    with pytest.raises(DriverError, match="result 4"):
        talk.param(63)
    assert talk.stats().rx_bad == 2


def test_parameters_are_not_changed_under_a_running_stream(link: ExoLink) -> None:
    talk = ExoTalk(link)
    talk.ask(Stream(100), Ack)
    with pytest.raises(DriverError, match="it is streaming"):
        talk.set_param(0, 20)
    with pytest.raises(DriverError, match="it is streaming"):
        talk.save_params()


def test_the_log_keeps_the_newest_lines(link: ExoLink, board: ExoBoard) -> None:
    talk = ExoTalk(link)
    lines = talk.log()
    assert [line.text for line in lines] == ["started"]
    assert isinstance(lines[0], Log) and lines[0].number == 0


def test_zeros_of_other_channels_and_values_of_other_parameters_are_not_taken(
    tmp_path: Path, board: ExoBoard, program: Path
) -> None:
    board.set_counts([100, 200, 300])
    with make_link(board.link, 2_000_000) as link:
        talk = ExoTalk(link)
        talk.zero(1, record=True)
        talk.save_params()
    board.kill()
    other = ExoBoard(
        tmp_path, (*CHANNELS[:2], CHANNELS[2]._replace(name="other")), pty_link=board.link, program=program
    )
    other.start()
    try:
        with make_link(other.link, 2_000_000) as link:
            talk = ExoTalk(link)
            assert talk.zero(1).is_recorded == 0
            assert any("of other firmware" in line.text for line in talk.log())
            link.send(encode(HostBeat(1, 0)))
    finally:
        other.stop()


def test_power_lost_while_saving_leaves_the_old_parameters_or_the_new(tmp_path: Path) -> None:
    gcc()
    lost = 0
    for at in range(FLASH_OPERATIONS_AT_START, 400):
        folder = tmp_path / str(at)
        board = ExoBoard(folder, CHANNELS, pty_link=str(folder / "tty"))
        board.start()
        with make_link(board.link, 2_000_000) as link:
            talk = ExoTalk(link)
            stale = find(talk.params(talk.board().hello.params), "stale_ms")
            talk.set_param(stale.param, bits_of(stale, 20))
            talk.save_params()
        board.kill()
        board.start(power_fails_at=at)
        is_cut = False
        with make_link(board.link, 2_000_000) as link:
            talk = ExoTalk(link)
            talk.set_param(stale.param, bits_of(stale, 30))
            try:
                talk.save_params()
            except DriverError:
                is_cut = True
                assert board.wait(5.0) == POWER_FAILED
        board.kill()
        board.start()
        with make_link(board.link, 2_000_000) as link:
            value = value_of(ExoTalk(link).param(stale.param))
        board.stop()
        assert value == 30 if not is_cut else value in (20, 30), at
        lost += is_cut
        if not is_cut:
            break
    assert lost > 60
