"""What a terminal reads whose screen died: a command for another terminal, in this one's language."""

from __future__ import annotations

import argparse
import shlex
from types import SimpleNamespace
from typing import Any, cast

import pytest

from station.cli import attach
from station.cli.run import _screen_gone
from station.settings.rig import Language


@pytest.mark.parametrize(("language", "elsewhere"), [("en", "in another terminal"), ("zh", "另一个终端")])
def test_the_hint_names_another_terminal_and_a_command_that_works_there(
    language: Language, elsewhere: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STATION_RUNTIME", "some where")
    monkeypatch.setattr("sys.argv", [".venv/bin/station", "run", "demo"])
    run = cast(Any, SimpleNamespace(rig=SimpleNamespace(name="demo")))
    line = next(line for line in _screen_gone(run, 1, language).splitlines() if "attach" in line)
    assert elsewhere in line
    said, command = line[: line.index("STATION_RUNTIME=")], shlex.split(line[line.index("STATION_RUNTIME=") :])
    assert said.rstrip().endswith((":", "："))
    assert command[0].startswith("STATION_RUNTIME=/") and command[1].startswith("/")
    assert command[2] == "attach"
    parser = argparse.ArgumentParser()
    attach.add_arguments(parser)
    assert vars(parser.parse_args(command[3:])) == {"rig": "demo", "lang": language}
