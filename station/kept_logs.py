"""What the processes of a run said on their standard error, kept beside the records: a traceback is worth most of all
after the run whose folder it lay in is gone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from station.children import Child


def keep_logs(children: Iterable[Child], folder: Path) -> list[str]:
    """Copies every log that is not empty into `folder`. A sentence for each: who, its last line, where the log is."""
    told = []
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for child in children:
        words = child.last_words()
        if not words:
            continue
        kept = folder / f"{stamp}-{child.log.name}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(child.log, kept)
            where = f"its log: {kept}"
        except OSError as error:
            where = f"its log could not be kept: {error.strerror}"
        code = child.poll()
        how = "" if code in (0, None) else f" (ended with {code})"
        told.append(f"{child.name}{how}: {words}; {where}")
    return told
