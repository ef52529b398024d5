"""Runs of the demo rig, each in a runtime folder of its own, so that tests neither meet each other nor a real run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from station.launch import Run
from station.link.ring import RingReader
from station.person import EmulatedPerson
from station.settings.load import load_rig, load_task
from station.signals import Mode, Tick


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short folder (a socket's name is limited), and nothing of ours may be left in it or running afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="st", dir="/tmp"))
    monkeypatch.setenv("STATION_RUNTIME", str(folder))
    yield folder
    left = ours(folder)
    for pid in left:
        os.kill(pid, 9)
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"processes left behind: {left}"


def ours(runtime: Path) -> list[int]:
    """Living processes that have the runtime folder on their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes()
                if str(runtime).encode() in line and (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


class Driver:
    """A running demo rig with its emulated person, for tests that look inside."""

    def __init__(self, data: Path, seed: int = 1, change: Callable[[Any], Any] = lambda rig: rig) -> None:
        rig, calibration = load_rig("demo")
        rig = change(rig)
        self.run = Run(rig, calibration, load_task(rig.task, rig), data=data, worker="w001", seed=seed)
        self.person: EmulatedPerson | None = EmulatedPerson()
        self.ticks: list[Tick] = []
        self._decoder = msgspec.msgpack.Decoder(Tick)
        self._ring: RingReader | None = None

    def __enter__(self) -> Driver:
        try:
            self.run.start()
        except BaseException:
            self.run.close()
            raise
        self._ring = RingReader(self.run.ring_fd)
        return self

    def __exit__(self, *_: object) -> None:
        if self._ring is not None:
            self._ring.close()
        self.run.close()

    def step(self) -> Tick | None:
        """50 ms of life; the newest tick."""
        assert self._ring is not None
        view = self.run.view()
        if view is not None and self.person is not None:
            for kind in self.person.ask(Mode(view.mode), time.monotonic()):
                self.run.ask(kind)
        time.sleep(0.05)
        self.ticks.extend(self._decoder.decode(entry) for entry in self._ring.read(self._ring.slots))
        return self.ticks[-1] if self.ticks else None

    def until(self, wanted: Callable[[Tick], bool], timeout_s: float = 60.0) -> Tick:
        """The first tick from now on that is wanted."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            seen = len(self.ticks)
            self.step()
            for tick in self.ticks[seen:]:
                if wanted(tick):
                    return tick
        raise AssertionError(f"not seen within {timeout_s} s; {self.story()}")

    def story(self) -> str:
        """What a person would look at first: the modes there were, who has ended, the last words of each log."""
        modes = [
            (tick.index, Mode(tick.mode).name, tick.cause, tick.events)
            for before, tick in zip(self.ticks, self.ticks[1:])
            if tick.mode != before.mode or tick.cause != before.cause
        ]
        ended = {
            child.name: child.poll() for child in (self.run.control, self.run.session, self.run.supervisor) if child
        }
        logs = {path.name: path.read_text()[-600:] for path in self.run.runtime.folder.glob("*.log")}
        return f"ticks to {self.ticks[-1].index if self.ticks else None}, changes {modes}, ended {ended}, logs {logs}"

    def until_mode(self, mode: Mode, timeout_s: float = 60.0) -> Tick:
        return self.until(lambda tick: tick.mode == mode, timeout_s)


def station(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command itself, as a user calls it."""
    return subprocess.Popen(
        [sys.executable, "-m", "station", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
