"""Lines and branches of one module that its tests take."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutation.targets import TARGETS


def covered(name: str) -> dict[str, Any]:
    target = TARGETS[name]
    file = str(Path(*target.module.split(".")).with_suffix(".py"))
    watch = coverage.Coverage(data_file=None, branch=True, include=[file], config_file=False)
    watch.exclude(r"if TYPE_CHECKING:|if __name__ == .__main__.:")
    watch.start()
    code = pytest.main(target.arguments)
    watch.stop()
    if code:
        return {}
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        watch.json_report(outfile=out.name)
        found = json.loads(Path(out.name).read_text())["files"][file]
    summary = found["summary"]
    missing = [f"line {line}" for line in found["missing_lines"]]
    missing += [f"{start} to {'the end' if end < 0 else end}" for start, end in found["missing_branches"]]
    return {
        "percent": summary["percent_covered"],
        "taken": summary["covered_lines"] + summary["covered_branches"],
        "all": summary["num_statements"] + summary["num_branches"],
        "missing": missing,
        "good": not missing,
    }
