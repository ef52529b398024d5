"""Results of mutants in a folder: a run may be interrupted, and what did not change since is not run again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Result(NamedTuple):
    killer: str | None
    """A test's name, or why there was none to ask; None: the mutant survives."""
    seconds: float


class Kept:
    """NAME.HASH.jsonl in `folder`, a line for each mutant; the hash is that of `files`. Without a folder: in memory."""

    def __init__(self, folder: Path | None, name: str, files: Iterable[Path]) -> None:
        self.results: dict[int, Result] = {}
        self._path: Path | None = None
        if folder is None:
            return
        looked_at = hashlib.sha256()
        for file in files:
            looked_at.update(file.read_bytes())
        self._path = folder / f"{name}.{looked_at.hexdigest()[:12]}.jsonl"
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").split("\n"):
                if line.endswith("]"):  # not the half of one that was being written
                    number, *result = json.loads(line)
                    self.results[number] = Result(*result)

    def keep(self, number: int, result: Result) -> None:
        self.results[number] = result
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps([number, *result]))
