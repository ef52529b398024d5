"""`station firmware` on the emulated rig's own board."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge import make_image as image_tool
from station import cli
from station.cli import firmware
from tests.mcu import gcc


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gcc()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    parser = argparse.ArgumentParser()
    firmware.add_arguments(parser)
    code = firmware.main(parser.parse_args([*words, "--json"]))
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def test_show_tells_who_the_board_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, board, _ = run(capsys, "show")
    assert code == cli.OK
    assert (board["serial_number"], board["firmware"], board["wire_version"]) == ("EMU-0001", "1.0.0", 1)
    assert [channel["name"] for channel in board["channels"]][:2] == ["right_j1", "right_j2"]
    assert board["update"]["state"] == "idle"
    code, listed, _ = run(capsys, "list")
    assert code == cli.OK and listed["board"]["boots"] == 2


def test_parameters_are_set_saved_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def value(document: Any) -> Any:
        return {param["name"]: param["value"] for param in document["parameters"]}["stale_ms"]

    assert value(run(capsys, "param", "--set", "stale_ms=20")[1]) == 20
    assert value(run(capsys, "param")[1]) == 10, "not saved: gone with the power"
    assert value(run(capsys, "param", "--set", "stale_ms=30", "--save")[1]) == 30
    assert value(run(capsys, "param")[1]) == 30
    code, document, words = run(capsys, "param", "--set", "led=0", "--set", "stale_ms=1000")
    assert code == cli.HARDWARE and document is None and "expected 1 to 100 ms" in words
    assert run(capsys, "param")[1]["parameters"][4]["value"] is True, "nothing is set when one is wrong"
    assert run(capsys, "param", "--set", "stale_ms=x")[0] == cli.USAGE


def test_an_update_needs_a_yes_and_an_image_for_this_board(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "app.bin").write_bytes(bytes(range(200)) * 20)
    image = tmp_path / "app.exo"
    assert image_tool.main(["posix", "2.0.0", str(tmp_path / "app.bin"), str(image)]) == 0
    code, _, words = run(capsys, "update", "--image", str(image))
    assert code == cli.USAGE and "a person's yes" in words
    code, document, _ = run(capsys, "update", "--image", str(image), "--yes")
    assert code == cli.OK
    assert document == {"serial_number": "EMU-0001", "from": "1.0.0", "to": "2.0.0"}
    assert run(capsys, "show")[1]["firmware"] == "2.0.0"
    other = tmp_path / "other.exo"
    assert image_tool.main(["other", "3.0.0", str(tmp_path / "app.bin"), str(other)]) == 0
    code, _, words = run(capsys, "update", "--image", str(other), "--yes")
    assert code == cli.HARDWARE and "not for this board" in words
    image.write_bytes(image.read_bytes()[:-1])
    code, _, words = run(capsys, "update", "--image", str(image), "--yes")
    assert code == cli.HARDWARE and "the file is cut" in words
    code, lines, _ = run(capsys, "log")
    assert code == cli.OK and lines[0]["text"] == "started"


def test_a_port_where_nobody_answers_is_an_error_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, words = run(capsys, "show", "--port", "/dev/nothing-here")
    assert code == cli.HARDWARE and "no such device" in words
    code, _, words = run(capsys, "show", "--port", "can:socketcan:can0:99")
    assert code == cli.HARDWARE and "node 1 to 15" in words
