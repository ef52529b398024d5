"""Results of mutants in a folder: a run may be interrupted, and what did not change since is not run again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple


class Result(NamedTuple):
    killer: str | None
    """A test's name, or why there was none to ask; None: the mutant survives."""
    seconds: float


class Kept:
    """NAME.jsonl in `folder`: a line for what was looked at, then one for each mutant; without a folder: in memory."""

    def __init__(self, folder: Path | None, name: str, files: Iterable[Path]) -> None:
        looked_at = hashlib.sha256()
        for file in files:
            looked_at.update(file.read_bytes())
        self.results: dict[int, Result] = {}
        self._file = None
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.jsonl"
        head = json.dumps({"files": looked_at.hexdigest()})
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []  # the last may be a half
        if lines[:1] == [head]:
            self.results = {number: Result(*result) for number, *result in map(_line, lines[1:])}
        else:
            lines = [head]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def keep(self, number: int, result: Result) -> None:
        self.results[number] = result
        if self._file is not None:
            self._file.write(json.dumps([number, *result]) + "\n")
            self._file.flush()


def _line(words: str) -> Any:
    return json.loads(words)
