"""The follower as a process: what the launcher counts on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.emulators.control_socket import ControlClient
from tests.emulated_follower import arm_of, config_of, eventually, start_process

pytestmark = pytest.mark.process


def test_ready_means_ready_and_sigterm_removes_every_socket(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    process = start_process(config, tmp_path)
    with arm_of(config) as arm, ControlClient(config["follower"]["control"]) as control:
        assert len(control.ask("status")["motors"]) == 16
        assert "16 motors" in arm.identity
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert list(tmp_path.glob("*.sock")) == [] and not Path(config["follower"]["control"]).exists()


def test_the_follower_imports_no_python_can_and_no_numpy(tmp_path: Path) -> None:
    code = (
        "import sys, drivers.emulators.follower; "
        "sys.exit(', '.join(m for m in ('can', 'numpy', 'asyncio', 'msgspec', 'textual') if m in sys.modules) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_ends_by_itself_when_its_parent_is_gone(tmp_path: Path) -> None:
    config = config_of(tmp_path, 1)
    path = tmp_path / "config.json"
    start_process(config, tmp_path).terminate()  # writes config.json
    eventually(lambda: not Path(config["follower"]["control"]).exists())
    # A parent in between, killed as hard as can be.
    code = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-m', 'drivers.emulators.follower', {str(path)!r}],"
        " stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert Path(f"/proc/{pid}").exists()
    eventually(lambda: not _lives(pid), timeout_s=20)
    assert list(tmp_path.glob("*.sock")) == []


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "JSONDecodeError"),
        ("{}", "follower"),
        (
            '{"follower": {"control": "x", "buses": [{"socket": "SOCK", "motors": '
            '[{"id": 1, "reply_id": 17, "model": "9"}]}]}}',
            "model '9'; expected one of 3507",
        ),
        ('{"follower": {"control": "/nonexistent/x", "buses": []}}', "/nonexistent/x"),
    ],
)
def test_a_wrong_configuration_ends_with_words_and_status_2(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text.replace("SOCK", str(tmp_path / "s")))
    done = subprocess.run(
        [sys.executable, "-m", "drivers.emulators.follower", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_no_configuration_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drivers.emulators.follower"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "usage" in done.stderr
