"""What a process said on its standard error outlives the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.children import Child
from station.kept_logs import keep_logs

CRASHES = "import sys; sys.stderr.write('Traceback ...\\nValueError: angle is nan\\n'); sys.exit(1)"


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Starts a module of the text given, and waits for its end."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def start(name: str, text: str) -> Child:
        (tmp_path / f"{name}_module.py").write_text(text)
        started = Child(f"{name} process", f"{name}_module", [], tmp_path / f"{name}.log")
        assert started.wait(30.0) is not None
        return started

    return start


def test_a_traceback_is_kept_and_told_with_its_place(child, tmp_path: Path):
    folder = tmp_path / "data" / "logs"
    children = [child("control", CRASHES), child("session", "pass")]
    (told,) = keep_logs(children, folder)
    (kept,) = folder.iterdir()
    assert kept.read_text().splitlines() == ["Traceback ...", "ValueError: angle is nan"]
    assert kept.name.endswith("-control.log")
    assert told == f"control process (ended with 1): ValueError: angle is nan; its log: {kept}"


def test_a_process_that_ended_well_may_have_had_something_to_say(child, tmp_path: Path):
    (told,) = keep_logs([child("supervisor", "import sys; sys.stderr.write('motors disabled')")], tmp_path / "logs")
    assert told.startswith("supervisor process: motors disabled; its log: ")


def test_where_it_can_not_be_kept_the_last_words_are_told_all_the_same(child, tmp_path: Path):
    (tmp_path / "data").write_text("a file, not a folder")
    (told,) = keep_logs([child("control", CRASHES)], tmp_path / "data" / "logs")
    assert told == (
        "control process (ended with 1): ValueError: angle is nan; its log could not be kept: Not a directory"
    )


def test_nothing_said_leaves_nothing(child, tmp_path: Path):
    assert keep_logs([child("session", "pass")], tmp_path / "logs") == []
    assert not (tmp_path / "logs").exists()
