"""The catalogues: complete, with the same placeholders, read like gettext reads them."""

from __future__ import annotations

import ast
import re
import string
import subprocess
from pathlib import Path
from shutil import which

import pytest

import station
from firmware_bridge.damiao import FAULT_STATUSES, STATUS_WORDS
from station.signals import Mode
from station.tui import words as station_words
from station.tui.language import CatalogueError, Words, read_po
from station.tui.widgets.banner import BLOCKED, HELD_DOWN, NOT_ACCEPTED, NOTHING_YET
from station.tui.widgets.notice import OTHER_CAUSE, STILL_DOUBTED, STILL_STOPPED

ROOT = Path(station.__file__).parent
CATALOGUES = {"zh": ROOT / "locale/zh_CN/LC_MESSAGES/station.po", "en": ROOT / "locale/en/LC_MESSAGES/station.po"}


def messages_in_the_source() -> set[str]:
    """Every literal in a call of `words(...)`, and the messages that stand in tables and constants."""
    found = {text for text, _, _ in station_words._MODES.values()} | set(station_words._PHRASES.values())
    found |= {*station_words._BACK.values(), NOTHING_YET, NOT_ACCEPTED, HELD_DOWN, BLOCKED}
    found |= {STILL_STOPPED, STILL_DOUBTED, OTHER_CAUSE}
    for path in (ROOT / "tui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name == "words":
                found |= {
                    part.value
                    for part in ast.walk(node.args[0])
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return found


def entries(language: str) -> dict[str, str]:
    return read_po(CATALOGUES[language].read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_catalogue_holds_exactly_the_messages_of_the_source(language: str):
    assert set(entries(language)) == messages_in_the_source()


def test_every_message_is_translated_into_chinese_with_the_same_placeholders():
    for message, text in entries("zh").items():
        assert text, message
        assert fields(text) == fields(message), message


def fields(text: str) -> set[tuple[str, str]]:
    return {(name, spec or "") for _, name, spec, _ in string.Formatter().parse(text) if name is not None}


def test_every_mode_has_words():
    for language in ("zh", "en"):
        texts = {station_words.mode_words(mode, Words(language)).text for mode in Mode}
        assert len(texts) == len(Mode)
        assert Words(language)("unknown") not in texts


@pytest.mark.parametrize(
    ("detail", "english", "chinese"),
    [
        ("right_j4: no answer, 41 ms", "right elbow: no answer, 41 ms", "右肘: 无应答, 41 ms"),
        ("left_j4 and 3 after it", "left elbow and 3 after it", "左肘 及其后 3 个"),
        ("right_j4: asked -12 deg", "right elbow: asked -12 deg", "右肘: 目标 -12°"),
        ("can_right x2", "can_right x2", "can_right x2"),
        ("right_j4: 76 C", "right elbow: 76 °C", "右肘: 76 °C"),
        ("", "", ""),
    ],
)
def test_details_of_the_control_process_are_put_into_words(detail: str, english: str, chinese: str):
    assert station_words.detail_words(detail, Words("en")) == english
    assert station_words.detail_words(detail, Words("zh")) == chinese


@pytest.mark.parametrize(
    ("detail", "english", "chinese"),
    [
        ("right_j4: no answer, 41 ms", ("right elbow: no answer, 41 ms", ""), ("右肘: 无应答, 41 ms", "")),
        ("can_right x2", ("can_right x2", ""), ("can_right x2", "")),
        ("can_right: 12 in 1 s", ("can_right: 12 in 1 s", ""), ("can_right: 1 秒内 12 次", "")),
        ("right_j4: overload", ("right elbow: overload", ""), ("右肘: 过载", "")),
        ("gate: joint right_j4: too fast", ("right elbow: too fast", ""), ("右肘", "too fast")),
        ("port /dev/x/y: gone", ("", "port /dev/x/y: gone"), ("", "port /dev/x/y: gone")),
        (
            "right_j4: impossible step, 200 ms; then arm_stale right_j1: 120 ms",
            ("right elbow: impossible step, 200 ms; then: motor does not answer (right shoulder swing: 120 ms)", ""),
            ("右肘: 读数跳变, 200 ms；随后：电机无应答（右肩前后: 120 ms）", ""),
        ),
        (
            "left_j4: not a number, 200 ms; then motor_fault right_j2: lost communication: no command within the "
            "motor's own time-out",
            (
                "left elbow: not a number, 200 ms; then: motor reports a fault (right shoulder lift: no command within "
                "the motor's own time-out)",
                "",
            ),
            ("左肘: 读数无效, 200 ms；随后：电机报告故障（右肩外展: 电机在超时内没有收到指令）", ""),
        ),
        (
            "right_j4: no answer, 41 ms; then arm_error bus can_right (/dev/ttyACM0): No such device while reading",
            (
                "right elbow: no answer, 41 ms; then: robot link failed",
                "bus can_right (/dev/ttyACM0): No such device while reading",
            ),
            ("右肘: 无应答, 41 ms；随后：机器人通信故障", "bus can_right (/dev/ttyACM0): No such device while reading"),
        ),
        ("101 ms; then estop ", ("101 ms; then: emergency stop pressed", ""), ("101 ms；随后：急停已按下", "")),
        ("then arm_error x", ("then: robot link failed (x)", ""), ("随后：机器人通信故障（x）", "")),
        ("", ("", ""), ("", "")),
    ],
)
def test_what_a_person_understands_is_parted_from_what_is_technical(detail: str, english, chinese):
    assert station_words.detail_parts(detail, Words("en")) == english
    assert station_words.detail_parts(detail, Words("zh")) == chinese


def test_every_fault_of_a_motor_is_in_the_persons_language():
    for status, said in STATUS_WORDS.items():
        if status in FAULT_STATUSES:
            clear, technical = station_words.detail_parts(f"right_j4: {said}", Words("zh"))
            assert technical == ""
            assert not re.search("[A-Za-z]{2,}", clear), clear


def test_fuzzy_and_empty_translations_show_the_source():
    lines = [
        "#, fuzzy",
        'msgid "a"',
        'msgstr "x"',
        "",
        'msgid "b"',
        'msgstr ""',
        "",
        'msgid "c"',
        'msgstr ""',
        '"1\\n"',
        '"2"',
    ]
    assert read_po(lines) == {"b": "", "c": "1\n2"}


@pytest.mark.parametrize("line", ['msgctxt "menu"', 'msgid_plural "s"', "what", 'msgid "open', '"text"'])
def test_what_is_not_understood_is_an_error_that_names_the_line(line: str):
    with pytest.raises(CatalogueError, match="po:1"):
        read_po([line])


@pytest.mark.skipif(which("msgfmt") is None, reason="gettext is not installed")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_gettext_itself_accepts_the_catalogue(language: str, tmp_path: Path):
    subprocess.run(["msgfmt", "--check", "-o", str(tmp_path / "x.mo"), str(CATALOGUES[language])], check=True)
