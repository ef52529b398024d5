"""`station firmware` on the emulated rig's own board."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from drivers.emulators.exo_board import ExoBoard
from firmware_bridge import make_image as image_tool
from firmware_bridge.exo_messages import Channel
from firmware_bridge.update import make_image
from station import cli
from station.cli import firmware
from station.cli.firmware_words import Progress
from tests.mcu import gcc

EXO = ("demo", "--leader", "exo-wire")


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    gcc()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("STATION_RUNTIME", str(tmp_path_factory.mktemp("r")))  # short: sockets' names are limited


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    parser = argparse.ArgumentParser()
    firmware.add_arguments(parser)
    code = firmware.main(parser.parse_args([*words, "--json"]))
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def test_show_tells_who_the_board_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, board, _ = run(capsys, "show", *EXO)
    assert code == cli.OK
    assert (board["serial_number"], board["firmware"], board["wire_version"]) == ("EMU-0001", "1.0.0", 1)
    assert [channel["name"] for channel in board["channels"]][:2] == ["right_j1", "right_j2"]
    assert board["update"]["state"] == "idle"
    code, listed, _ = run(capsys, "list", *EXO)
    assert code == cli.OK and listed["board"]["boots"] == 2


def test_parameters_are_set_saved_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def value(document: Any) -> Any:
        return {param["name"]: param["value"] for param in document["parameters"]}["stale_ms"]

    assert value(run(capsys, "param", *EXO, "--set", "stale_ms=20")[1]) == 20
    assert value(run(capsys, "param", *EXO)[1]) == 10, "not saved: gone with the power"
    assert value(run(capsys, "param", *EXO, "--set", "stale_ms=30", "--save")[1]) == 30
    assert value(run(capsys, "param", *EXO)[1]) == 30
    code, document, words = run(capsys, "param", *EXO, "--set", "led=0", "--set", "stale_ms=1000")
    assert code == cli.HARDWARE and document is None and "expected 1 to 100 ms" in words
    assert run(capsys, "param", *EXO)[1]["parameters"][4]["value"] is True, "nothing is set when one is wrong"
    assert run(capsys, "param", *EXO, "--set", "stale_ms=x")[0] == cli.USAGE


def test_an_update_needs_a_yes_and_an_image_for_this_board(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "app.bin").write_bytes(bytes(range(200)) * 20)
    image = tmp_path / "app.exo"
    assert image_tool.main(["posix", "2.0.0", str(tmp_path / "app.bin"), str(image)]) == 0
    code, _, words = run(capsys, "update", *EXO, "--image", str(image))
    assert code == cli.USAGE and "a person's yes" in words
    code, document, _ = run(capsys, "update", *EXO, "--image", str(image), "--yes")
    assert code == cli.OK
    assert document == {"serial_number": "EMU-0001", "from": "1.0.0", "to": "2.0.0"}
    assert run(capsys, "show", *EXO)[1]["firmware"] == "2.0.0"
    other = tmp_path / "other.exo"
    assert image_tool.main(["other", "3.0.0", str(tmp_path / "app.bin"), str(other)]) == 0
    code, _, words = run(capsys, "update", *EXO, "--image", str(other), "--yes")
    assert code == cli.HARDWARE and "not for this board" in words
    image.write_bytes(image.read_bytes()[:-1])
    code, _, words = run(capsys, "update", *EXO, "--image", str(image), "--yes")
    assert code == cli.DATA and "the file is cut" in words
    code, lines, _ = run(capsys, "log", *EXO)
    assert code == cli.OK and lines[0]["text"] == "started"


def test_a_port_where_nobody_answers_is_an_error_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, words = run(capsys, "show", "--port", "/dev/nothing-here")
    assert code == cli.HARDWARE and "no such device" in words
    code, _, words = run(capsys, "show", "--port", "can:socketcan:can0:99")
    assert code == cli.HARDWARE and "node 1 to 15" in words


def test_a_rig_whose_leader_has_no_such_firmware_says_so_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in (["show"], ["param"], ["log"], ["update", "--image", "any"]):
        code, document, words = run(capsys, verb[0], "openarm_ker", *verb[1:])
        assert code == cli.USAGE and document is None
        assert "a ker hub, whose wire has no parameters" in words and 'leader.driver = "exo_wire"' in words
    code, document, _ = run(capsys, "list", "openarm_ker")
    assert code == cli.OK and document["board"] is None and "ker hub" in document["note"]


def test_an_emulated_board_is_told_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, words = run(capsys, "show", *EXO)
    assert words.count("\n") == 1 and "rig demo is emulated:" in words
    assert run(capsys, "show", "--leader", "nothing")[0] == cli.USAGE


def test_no_board_is_invented_for_an_emulated_rig_with_a_hub(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in (["show"], ["param"], ["log"], ["update", "--image", "any"]):
        code, document, words = run(capsys, *verb)
        assert code == cli.USAGE and document is None
        assert "a ker hub, whose wire has no parameters" in words and "add --leader exo-wire" in words
    code, document, words = run(capsys, "list")
    assert code == cli.OK and document["board"] is None and "add --leader exo-wire" in document["note"] and not words


def rig_with(tmp_path: Path, parameters: str, serial_number: str = "EMU-0001") -> str:
    rigs = Path(str(resources.files("station"))) / "rigs"
    text = (rigs / "demo.toml").read_text().replace('driver = "ker"', f'driver = "exo_wire"\n{parameters}')
    (tmp_path / "demo.arms.xml").write_text((rigs / "demo.arms.xml").read_text())
    calibration = (rigs / "demo.calibration.toml").read_text().replace("EMU-0001", serial_number)
    (tmp_path / "demo.calibration.toml").write_text(calibration)
    (tmp_path / "rig.toml").write_text(text)
    return str(tmp_path / "rig.toml")


def test_parameters_are_compared_with_the_rig_and_set_from_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rig = rig_with(tmp_path, "parameters = { stale_ms = 20, led = 0 }")
    code, document, _ = run(capsys, "param", rig)
    assert code == cli.FAILED
    assert document["differences"] == [
        "parameter stale_ms: 10 ms on the board, 20 ms in the rig file",
        "parameter led: 1 on the board, 0 in the rig file",
    ]
    assert run(capsys, "show", rig)[1]["differences"] == document["differences"]
    assert run(capsys, "param", rig, "--from-rig", "--save")[0] == cli.OK
    assert run(capsys, "param", rig)[0] == cli.OK
    code, _, words = run(capsys, "param", *EXO, "--from-rig")
    assert code == cli.USAGE and "no leader.parameters" in words


@pytest.mark.process
def test_a_run_with_other_parameters_ends_before_work_a_line_each(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, "parameters = { stale_ms = 20, led = 0 }")
    command = [sys.executable, "-m", "station", "run", rig, "--headless", "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == cli.HARDWARE
    lines = done.stderr.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("station: error: "))
    assert "board EMU-0001 is not set as the rig file says:" in lines[at]
    assert lines[at + 1 : at + 3] == [
        "  parameter stale_ms: 10 ms on the board, 20 ms in the rig file",
        "  parameter led: 1 on the board, 0 in the rig file",
    ]
    assert "station firmware param RIG --from-rig --save" in lines[at + 3]


@pytest.mark.process
def test_a_run_with_another_board_than_the_calibrated_names_the_file(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, "", "EMU-0007")
    command = [sys.executable, "-m", "station", "run", rig, "--headless", "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == cli.HARDWARE
    assert "made on board EMU-0007" in done.stderr and 'board = "EMU-0001" into demo.calibration.toml' in done.stderr


class Board:
    """A board on a serial port of its own, as `--port` finds it."""

    def __init__(self, folder: Path) -> None:
        channels = [Channel(n, 0, 1, 0, 32768, -9000, 9000, f"j{n}") for n in range(4)]
        self.port = str(folder / "tty")
        self.board = ExoBoard(folder, channels, pty_link=self.port, serial_number="ACME-1")

    def __enter__(self) -> Board:
        self.board.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.board.stop()


def test_another_board_is_shown_with_why_the_rig_refuses_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Board(tmp_path / "board") as board:
        code, document, words = run(capsys, "show", "--port", board.port)
        assert code == cli.OK and words == "" and document["refused_by_rig"] == ""
        assert [channel["name"] for channel in document["channels"]] == ["j0", "j1", "j2", "j3"]
        code, document, _ = run(capsys, "show", "demo", "--leader", "exo_wire", "--port", board.port)
        assert code == cli.OK and "made on board EMU-0001" in document["refused_by_rig"]


def test_an_interrupted_update_goes_on_and_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "app.exo"
    image.write_bytes(make_image("posix", "2.0.0", bytes(20_000)).encode())
    say = Progress.say

    def ctrl_c(self: Progress, step: str, done: int, total: int) -> None:
        say(self, step, done, total)
        if done > 10_000:
            raise KeyboardInterrupt

    with Board(tmp_path / "board") as board:
        words = ["update", "--port", board.port, "--image", str(image), "--yes"]
        parser = argparse.ArgumentParser()
        firmware.add_arguments(parser)
        with monkeypatch.context() as patch:
            patch.setattr(Progress, "say", ctrl_c)
            assert firmware.main(parser.parse_args(words)) == cli.INTERRUPTED
        out, err = capsys.readouterr()
        assert out == "" and "the board runs firmware 1.0.0 as before" in err and "upload: 25 %" in err
        assert firmware.main(parser.parse_args(words)) == cli.OK
        out, err = capsys.readouterr()
        assert "goes on where it stopped: " in err and "from firmware 1.0.0 to 2.0.0, which is confirmed" in out
        assert "board ACME-1: firmware 1.0.0 -> 2.0.0\n" in err, "also where nobody is asked"
        assert firmware.main(parser.parse_args(["log", "--port", board.port])) == cli.OK
        out, _ = capsys.readouterr()
        assert "firmware 2.0.0 in slot 1" in out and "update: idle, other slot 1.0.0" in out
        assert "new image on trial" in out and out.rstrip().endswith("new image confirmed")


def test_a_file_that_is_no_image_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = tmp_path / "app.bin"
    other.write_bytes(b"\x7fELF" + bytes(200))
    code, _, words = run(capsys, "update", *EXO, "--image", str(other), "--yes")
    assert code == cli.DATA and "7f 45 4c 46" in words and "firmware_bridge.make_image" in words
