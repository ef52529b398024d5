"""What one run is about: the checked settings, resolved once by the launcher and read by every process of the run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from station.settings.calibration import Calibration
from station.settings.rig import Rig
from station.settings.task import Task

_FILE = "run.json"


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    rig: Rig
    """With the ports of emulated far ends filled in."""
    rig_digest: str
    """Identity of the rig file's content, before anything was filled in."""
    calibration: Calibration
    task: Task
    data: str
    worker: str
    target: int

    def save(self, runtime: Path) -> None:
        (runtime / _FILE).write_bytes(msgspec.json.encode(self))

    @staticmethod
    def load(runtime: Path) -> RunSettings:
        return msgspec.json.decode((runtime / _FILE).read_bytes(), type=RunSettings)
