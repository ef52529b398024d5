"""The line that stands while the station starts."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from station import starting
from station.starting import Line, asked_language


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(text: str) -> str:
    """What stands on the line after the control sequences."""
    return text.rpartition("\r\x1b[K")[2]


def test_each_step_replaces_the_line_and_clearing_leaves_nothing(monkeypatch: pytest.MonkeyPatch):
    terminal, line = Terminal(), Line()
    monkeypatch.setattr(sys, "stderr", terminal)
    line.begin("run", ["run", "demo", "--lang", "en"])
    assert shown(terminal.getvalue()) == "station: starting …"
    line.step("control")
    assert shown(terminal.getvalue()) == "station: starting 3/5: looking for exoskeleton and robot …"
    line.clear()
    assert shown(terminal.getvalue()) == ""
    before = terminal.getvalue()
    line.clear()
    assert terminal.getvalue() == before


def test_every_step_has_words_in_both_languages_that_fit_one_line(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for language in ("zh", "en"):
        line = Line()
        line.begin("attach", [f"--lang={language}"])
        for step in starting._WORDS:
            line.step(step)
            assert 0 < len(shown(terminal.getvalue())) < 70


def test_nothing_is_said_without_a_terminal_or_for_help_or_before_the_beginning(monkeypatch: pytest.MonkeyPatch):
    for stream, arguments in ((io.StringIO(), ["run"]), (Terminal(), ["run", "--help"]), (Terminal(), None)):
        monkeypatch.setattr(sys, "stderr", stream)
        line = Line()
        if arguments is not None:
            line.begin("run", arguments)
        line.step("screen")
        line.clear()
        assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("arguments", "spoken", "language"),
    [
        (["run", "--lang", "zh"], "en_US.UTF-8", "zh"),
        (["run", "--lang=en"], "zh_CN.UTF-8", "en"),
        (["run"], "zh_CN.UTF-8", "zh"),
        (["run", "--lang"], "C", "en"),
    ],
)
def test_the_language_is_known_before_the_arguments_are(arguments, spoken, language, monkeypatch: pytest.MonkeyPatch):
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", spoken)
    assert asked_language(arguments) == language


def test_the_line_comes_before_anything_heavy_is_imported():
    heavy = ("msgspec", "textual", "rich", "numpy", "station.launch", "station.settings")
    code = f"import sys, station.__main__; print(*[name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
