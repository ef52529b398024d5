"""One run of one rig: its runtime folder, the lock that keeps a second station away, the names of its sockets."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from station.settings.errors import ConfigError


class RigBusyError(Exception):
    """Another station drives this rig."""


def runtime_folder(rig_name: str) -> Path:
    """Where a run of the rig keeps its sockets: $STATION_RUNTIME, else $XDG_RUNTIME_DIR, else the temp folder."""
    root = os.environ.get("STATION_RUNTIME") or os.environ.get("XDG_RUNTIME_DIR")
    base = Path(root) / "station" if root else Path(tempfile.gettempdir()) / f"station-{os.getuid()}"
    return base / rig_name


def running_rigs() -> list[Path]:
    """Runtime folders of the rigs that a station drives now."""
    base = runtime_folder("x").parent
    return [folder for folder in sorted(base.glob("*")) if (folder / "views.sock").exists() and _holder(folder)]


class Runtime:
    """Holds the rig's lock and folder while the run lasts; removes the folder's contents at the end."""

    def __init__(self, rig_name: str) -> None:
        """Raises RigBusyError where the rig is taken, ConfigError where the folder cannot be made or is not ours."""
        self.folder = runtime_folder(rig_name)
        if len(str(self.folder)) > 80:
            raise ConfigError(
                f"runtime folder {str(self.folder)!r} has {len(str(self.folder))} characters; expected at most 80 "
                "(a socket's name is limited to 108): set STATION_RUNTIME to a shorter folder"
            )
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.folder.stat().st_uid != os.getuid():
                raise ConfigError(
                    f"runtime folder {self.folder} belongs to another user; remove it or set STATION_RUNTIME"
                )
            self.folder.chmod(0o700)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"runtime folder {self.folder} cannot be used: {error.strerror}; set STATION_RUNTIME to another folder"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            raise RigBusyError(
                f"rig {rig_name!r} is driven by another station (process {holder}); use 'station attach {rig_name}' to "
                f"see it, or end it with: kill {holder}"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        self._clean()  # whatever a killed run left

    def path(self, name: str) -> Path:
        return self.folder / name

    def close(self) -> None:
        self._clean()
        os.close(self._lock)

    def _clean(self) -> None:
        for item in self.folder.iterdir():
            if item.name == "lock":
                continue
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item, ignore_errors=True)
            else:
                item.unlink(missing_ok=True)


def _holder(folder: Path) -> bool:
    """Whether a living station holds the folder's lock."""
    try:
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
