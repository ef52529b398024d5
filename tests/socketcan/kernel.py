"""The User Mode Linux kernel of Debian's package: found, or downloaded once into the user's cache, never installed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.socketcan import bounded

PACKAGE: Final = "user-mode-linux"
FETCH_S: Final = 15.0
"""For each of at most three steps: download, or lists and download again."""


class CannotRunError(Exception):
    """Why there is no kernel with CAN here."""


def find_kernel() -> Path:
    """The folder of the unpacked package. Raises CannotRunError; takes at most 4 x FETCH_S."""
    if os.uname().machine != "x86_64" or sys.platform != "linux":
        raise CannotRunError(f"User Mode Linux runs on Linux x86_64, this is {sys.platform} {os.uname().machine}")
    given = os.environ.get("STATION_UML")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "station" / PACKAGE
    for folder in ([Path(given)] if given else []) + [cache]:
        if program_of(folder).exists():
            return folder
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise CannotRunError(
                f"no {tool} here to fetch {PACKAGE}; unpack the package and name its folder in STATION_UML"
            )
    try:
        _fetch(cache)
    except OSError as error:
        raise CannotRunError(f"{cache}: {error.strerror or error}") from error
    return cache


def program_of(folder: Path) -> Path:
    return folder / "usr/bin/linux.uml"


def _fetch(cache: Path) -> None:
    cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as name:
        folder = Path(name)
        # A fresh machine has no lists, or old ones: then lists of our own, which need no rights and change nothing.
        (folder / "lists/partial").mkdir(parents=True)
        own = ["-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder}", "-o", "APT::Sandbox::User="]
        why = _apt(folder, "download", PACKAGE)
        if why:
            why = _apt(folder, *own, "update") or _apt(folder, *own, "download", PACKAGE)
        packages = list(folder.glob("*.deb"))
        if why or not packages:
            raise CannotRunError(f"{PACKAGE} does not download: {why or 'no such package'}")
        done = bounded.run(["dpkg-deb", "-x", str(packages[0]), str(folder / "x")], FETCH_S)
        if done.code or not program_of(folder / "x").exists():
            raise CannotRunError(f"{packages[0].name} does not unpack: {_last_line(done.text)}")
        if not program_of(cache).exists():  # another run may have been quicker
            shutil.rmtree(cache, ignore_errors=True)
            (folder / "x").rename(cache)


def _apt(folder: Path, *words: str) -> str:
    """Why it did not do it, '' where it did."""
    done = bounded.run(["apt-get", "-q", "-o", "Acquire::Retries=1", *words], FETCH_S, cwd=folder)
    if done.code is None:
        return f"apt-get {words[-1]} was not done in {FETCH_S:g} s"
    return _last_line(done.text) if done.code else ""


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][-200:] if lines else "no words"
