"""Firmware updates of the C reference: the right way, every refusal, and power lost anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.emulators.exo_board import BOARD_TYPE, POWER_FAILED, ExoBoard
from drivers.emulators.exo_build import board_program
from drivers.errors import DriverError
from drivers.exo_link import make_link
from drivers.exo_talk import ExoTalk
from drivers.exo_update import update_board, upload
from firmware_bridge import make_image as image_tool
from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import (
    Ack,
    Channel,
    Hello,
    HelloGet,
    HostBeat,
    Message,
    Reboot,
    Stream,
    UpdateAbort,
    UpdateBegin,
    UpdateConfirm,
    UpdateData,
    UpdateStatus,
)
from firmware_bridge.exo_terms import CONSENT, Result, UpdateState
from firmware_bridge.exo_wire import encode, encode_image_header
from firmware_bridge.update import Image, make_image, read_image
from tests.mcu import SANITIZE, STRICT, gcc

pytestmark = pytest.mark.process

CHANNELS = (Channel(0, 0, 1, 0, 4096, -9000, 9000, "elbow"),)
PAGE = 256
NEW = make_image(BOARD_TYPE, "2.0.0", bytes(range(256)) * 2 + b"the end")
HANGING = make_image(BOARD_TYPE, "2.1.0", b"HANG" + bytes(300))


def quiet(step: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def program() -> Path:
    gcc()
    return board_program((*STRICT, *SANITIZE))


@pytest.fixture(params=[False, True], ids=["one program", "boot loader and application"])
def board(tmp_path: Path, program: Path, request: pytest.FixtureRequest) -> Iterator[ExoBoard]:
    board = ExoBoard(
        tmp_path,
        CHANNELS,
        pty_link=str(tmp_path / "tty"),
        page_size=PAGE,
        program=program,
        has_boot_loader=request.param,
    )
    yield board
    board.stop()


class Talk:
    def __init__(self, board: ExoBoard) -> None:
        self.link = make_link(board.link, 2_000_000)

    def __enter__(self) -> ExoTalk:
        self.link.__enter__()
        return ExoTalk(self.link)

    def __exit__(self, *_: Any) -> None:
        self.link.__exit__(None, None, None)


def running(board: ExoBoard) -> str:
    """What the board, powered on again, says it runs."""
    if not board.is_on:
        board.start()
    with Talk(board) as talk:
        return talk.ask(HelloGet(), Hello).firmware


def ack(talk: ExoTalk, request: Message) -> Result:
    reply = talk.ask_plainly(request, (UpdateStatus,), within_s=2.0)
    assert isinstance(reply, Ack), reply
    return Result(reply.result)


def test_an_update_is_uploaded_tried_and_confirmed(board: ExoBoard) -> None:
    board.start()
    seen = []
    with Talk(board) as talk:
        hello = update_board(talk, NEW, lambda step, done, total: seen.append((step, done)))
        assert hello.firmware == "2.0.0" and hello.slot == 1
        status = talk.update_status()
        assert status.state == UpdateState.IDLE
        assert (status.running_version, status.other_version) == ("2.0.0", "1.0.0")
    assert [step for step, _ in seen][-2:] == ["restart", "confirm"]
    board.kill()
    assert running(board) == "2.0.0"


def test_an_unconfirmed_image_is_taken_back_at_the_next_start(board: ExoBoard) -> None:
    board.start()
    with Talk(board) as talk:
        upload(talk, NEW, quiet)
    board.kill()
    assert running(board) == "2.0.0"
    with Talk(board) as talk:
        assert talk.ask(HelloGet(), Hello).update_state == UpdateState.TESTING
        assert ack(talk, UpdateBegin(CONSENT, encode_image_header(NEW.header))) == Result.BAD_STATE
        assert ack(talk, UpdateAbort()) == Result.BAD_STATE
    board.kill()
    assert running(board) == "1.0.0"
    with Talk(board) as talk:
        assert talk.ask(HelloGet(), Hello).update_state == UpdateState.ROLLED_BACK
        assert any("not confirmed" in line.text for line in talk.log())
        assert ack(talk, UpdateConfirm(CONSENT)) == Result.BAD_STATE
        # The image is still there, whole: trying again needs no upload.
        update_board(talk, NEW, quiet)
    assert running(board) == "2.0.0"


def test_an_image_that_hangs_is_taken_back_by_the_watchdog(board: ExoBoard) -> None:
    board.start()
    with Talk(board) as talk:
        with pytest.raises(WireError, match=r"runs firmware 1\.0\.0 after the restart; expected 2\.1\.0"):
            update_board(talk, HANGING, quiet)
        assert talk.ask(HelloGet(), Hello).firmware == "1.0.0"


def test_an_update_needs_a_yes_a_resting_arm_and_a_silent_stream(board: ExoBoard) -> None:
    board.start()
    header = encode_image_header(NEW.header)
    with Talk(board) as talk:
        for request in (UpdateBegin(0, header), UpdateConfirm(1), Reboot(CONSENT + 1)):
            assert ack(talk, request) == Result.NO_CONSENT
        assert talk.ask(Stream(100), Ack).result == Result.OK
        assert ack(talk, UpdateBegin(CONSENT, header)) == Result.STREAMING
        assert ack(talk, Reboot(CONSENT)) == Result.STREAMING
        assert talk.ask(Stream(0), Ack).result == Result.OK
        talk.ask_plainly(UpdateBegin(CONSENT, header), (UpdateStatus,))
        talk.beat = lambda *, is_due=False: talk._link.send(encode(HostBeat(1, 1)))  # type: ignore[method-assign]
        assert ack(talk, UpdateBegin(CONSENT, header)) == Result.ARM_ENABLED
        assert ack(talk, UpdateData(0, NEW.payload[:64])) == Result.ARM_ENABLED
        assert ack(talk, Reboot(CONSENT)) == Result.ARM_ENABLED
    assert running(board) == "1.0.0"


def test_images_for_others_or_with_a_wrong_hash_are_refused(board: ExoBoard) -> None:
    board.start()
    with Talk(board) as talk:
        other = make_image("otherboard", "3.0.0", b"x" * 100)
        assert ack(talk, UpdateBegin(CONSENT, encode_image_header(other.header))) == Result.BAD_IMAGE
        huge = NEW.header._replace(image_size=1 << 20)
        assert ack(talk, UpdateBegin(CONSENT, encode_image_header(huge))) == Result.BAD_IMAGE
        assert ack(talk, UpdateData(0, b"12345678")) == Result.BAD_STATE
        lying = Image(NEW.header._replace(sha256=bytes(32)), NEW.payload)
        with pytest.raises(WireError, match="not whole, not for this board"):
            upload(talk, lying, quiet)
        with pytest.raises(WireError, match=f"for boards 'otherboard', not for this board, '{BOARD_TYPE}'"):
            update_board(talk, other, quiet)
        update_board(talk, NEW, quiet)


def test_pieces_out_of_order_are_refused_with_the_offset_that_is_wanted(board: ExoBoard) -> None:
    board.start()
    with Talk(board) as talk:
        talk.ask(UpdateBegin(CONSENT, encode_image_header(NEW.header)), UpdateStatus)
        for offset, data, result, wanted in (
            (8, b"x" * 8, Result.BAD_OFFSET, 0),
            (0, b"x" * 7, Result.BAD_LENGTH, 0),
            (0, NEW.payload[:64], Result.OK, 64),
            (0, NEW.payload[:64], Result.BAD_OFFSET, 64),
        ):
            reply = talk.ask(UpdateData(offset, data), Ack, lambda answer: answer.request == 0x0E)
            assert (reply.result, reply.detail) == (result, wanted)


class PowerLostError(Exception):
    pass


class Cut:
    """A link that loses the board's power before or after its n-th frame of the update."""

    def __init__(self, board: ExoBoard, link: Any, at: int, *, before: bool) -> None:
        self.board, self.link, self.at, self.before, self.sent = board, link, at, before, 0
        self.port = link.port

    def send(self, body: bytes, within_s: float = 0.1) -> None:
        if body[0] != 0x04:  # beats are not of the update
            self.sent += 1
            if self.sent == self.at and self.before:
                self.board.kill()
                raise PowerLostError
        self.link.send(body, within_s)
        if self.sent == self.at and not self.before and body[0] != 0x04:
            self.link.wait(1.0)
            self.board.kill()
            raise PowerLostError

    def __getattr__(self, name: str) -> Any:
        return getattr(self.link, name)


@pytest.mark.parametrize("before", [True, False])
def test_power_lost_at_any_frame_leaves_a_board_that_answers_and_can_be_updated(
    tmp_path: Path, program: Path, before: bool
) -> None:
    at = 0
    while True:
        at += 1
        folder = tmp_path / f"{at}"
        board = ExoBoard(folder, CHANNELS, pty_link=str(folder / "tty"), page_size=PAGE, program=program)
        board.start()
        talk = Talk(board)
        try:
            with talk:
                update_board(ExoTalk(Cut(board, talk.link, at, before=before)), NEW, quiet)  # type: ignore[arg-type]
            is_cut = False
        except PowerLostError:
            is_cut = True
        version = running(board)
        assert version in ("1.0.0", "2.0.0")
        with Talk(board) as again:
            if version == "2.0.0" and again.update_status().state == UpdateState.IDLE:
                pass  # confirmed before the lights went out
            elif again.update_status().state == UpdateState.TESTING:
                again.ask(UpdateConfirm(CONSENT), UpdateStatus)
            else:
                update_board(again, NEW, quiet)
        board.kill()
        assert running(board) == "2.0.0", f"power lost at frame {at}"
        board.stop()
        if not is_cut:
            break
    assert at > 8


def test_power_lost_within_any_write_or_erase_of_the_flash(tmp_path: Path) -> None:
    """Half a unit written, half a page erased: never a dead board, never a wrong image confirmed."""
    gcc()
    program = board_program()  # without sanitizers: it is started some 400 times
    at, lost = 0, 0
    image = make_image(BOARD_TYPE, "2.0.0", bytes(range(1, 256)) + b"two pages, the second one short")
    while True:
        at += 1
        folder = tmp_path / f"{at}"
        board = ExoBoard(folder, CHANNELS, pty_link=str(folder / "tty"), page_size=PAGE, program=program)
        try:
            board.start(power_fails_at=at)
            with Talk(board) as talk:
                upload(talk, image, quiet)
                talk.ask(Reboot(CONSENT), Ack)
                while talk.ask(HelloGet(), Hello, tries=20).boots == 1:
                    pass
                talk.ask(UpdateConfirm(CONSENT), UpdateStatus, within_s=2.0)
            assert board.is_on
            board.kill()
            is_cut = False
        except DriverError:
            if board.is_on:
                assert board.wait(5.0) == POWER_FAILED
            is_cut = True
            lost += 1
        version = running(board)  # raises where the board is dead
        assert version in ("1.0.0", "2.0.0")
        board.kill()
        # Whatever was on trial or half there: the next start is the confirmed image, and an update goes through.
        if running(board) != "2.0.0":
            with Talk(board) as talk:
                update_board(talk, image, quiet)
        board.kill()
        assert running(board) == "2.0.0", f"power lost in flash operation {at}"
        board.stop()
        if not is_cut:
            break
    assert lost > 60


def test_the_file_of_an_image_is_checked_whole() -> None:
    data = NEW.encode()
    assert read_image(data) == NEW
    for wrong in (b"", data[:79], data[:-1], data + b"x", data[:100] + b"!" + data[101:], b"EXOX" + data[4:]):
        with pytest.raises(WireError):
            read_image(wrong)


def test_a_new_board_starts_from_what_a_programmer_wrote(tmp_path: Path, program: Path) -> None:
    """The flash of a board that was never updated: all erased but slot 0, as `make_image --flash` makes it."""
    (tmp_path / "app.bin").write_bytes(NEW.payload)
    slot = tmp_path / "slot0.bin"
    assert image_tool.main([BOARD_TYPE, "2.0.0", str(tmp_path / "app.bin"), str(slot), "--flash", str(PAGE)]) == 0
    flash = (b"\xff" * 4 * PAGE + slot.read_bytes()).ljust((4 + 2 * 130) * PAGE, b"\xff")
    folder = tmp_path / "board"
    board = ExoBoard(folder, CHANNELS, pty_link=str(tmp_path / "tty"), page_size=PAGE, program=program)
    (folder / "exo_board.flash").write_bytes(flash)
    try:
        assert running(board) == "2.0.0"
    finally:
        board.stop()
    assert image_tool.main([BOARD_TYPE, "2", str(tmp_path / "app.bin"), str(slot), "--flash", "100"]) == 2
    assert image_tool.main([BOARD_TYPE]) == 2
