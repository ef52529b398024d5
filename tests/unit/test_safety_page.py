"""docs/safety.md as a person uses it: what it names as a proof can be run."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from station import __main__ as station_main
from station.settings.rig import Arm, Leader, Loop
from tests.bench.faults import LEADERS, STATES, jobs
from tests.recordings import child

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", PAGE)
COMMANDS = [text for text in CODE if re.match(r"python -m |station [a-z]", text)]


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def missing(named: list[str]) -> list[str]:
    """Those of `path::test` that there are not."""
    files = {name: functions_of(ROOT / name) if (ROOT / name).is_file() else set() for name, _, _ in map(parts, named)}
    return [name for name in named if parts(name)[2] not in files[parts(name)[0]]]


def parts(named: str) -> tuple[str, str, str]:
    return named.partition("::")


def test_every_test_that_the_page_names_exists():
    named = [text for text in CODE if "::" in text]
    assert len(named) > 80
    assert missing(named) == []
    assert missing(["tests/unit/test_gate.py::test_no_such", "tests/unit/no_such.py::test_x"]) != []


def test_every_test_is_named_in_full():
    """No name that is cut off, no bare folder or file, which nobody can run or read within minutes."""
    for text in CODE:
        assert "…" not in text
        assert not text.startswith("::"), text
        assert not text.startswith("tests/") or "::" in text, text


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_every_command_of_the_page_is_one(command):
    words = shlex.split(command)
    if words[0] == "station":
        verb = words[1]
        assert verb in station_main.VERBS
        source = ROOT / "station" / "cli" / f"{verb}.py"
    else:
        spec = find_spec(words[2])
        assert spec is not None and spec.origin is not None
        source = Path(spec.origin)
        if spec.submodule_search_locations:
            source = source.with_name("__main__.py")
    text = source.read_text(encoding="utf-8")
    for option in words:
        assert not option.startswith("--") or f'"{option}"' in text, option
    if words[2:3] == ["tests.bench.faults"]:
        given = dict(zip(words[3::2], words[4::2], strict=True))
        leaders = [given["--leader"].replace("-", "_")] if "--leader" in given else list(LEADERS)
        assert set(leaders) <= set(LEADERS)
        assert jobs(leaders, [given["--fault"]] if "--fault" in given else [], list(STATES), "--leader" not in given)


def test_the_page_says_the_defaults_that_are():
    """Numbers that the promises give, where the rig file says nothing."""

    def default(struct, key):
        return dict(zip(reversed(struct.__struct_fields__), reversed(struct.__struct_defaults__), strict=False))[key]

    said = re.findall(r"`(arm|leader|loop)\.(\w+_(?:ms|deg|c))` ?\((\d+)", PAGE) + re.findall(
        r"`(arm|leader|loop)\.(\w+_(?:ms|deg|c))`, (\d+)", PAGE
    )
    assert {key for _, key, _ in said} >= {"screen_lease_ms", "session_lease_ms", "hold_after_ms", "watchdog_ms"}
    for table, key, value in said:
        assert default({"arm": Arm, "leader": Leader, "loop": Loop}[table], key) == float(value), key


@pytest.mark.process
def test_the_lines_that_measure_the_following_error_work_on_a_record_as_they_stand(tmp_path):
    script = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert len(script) == 1 and script[0].count("\n") == 3
    recorder = child(tmp_path / "data", 1)
    recorder.communicate(timeout=60)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    told = subprocess.run(["sh", "-c", script[0]], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0 and told.stderr == ""
    lines = told.stdout.splitlines()
    assert lines and all(re.fullmatch(r"\w+ +\d+\.\d\d deg", line) for line in lines), told.stdout
