"""Counts of a whole run against what the emulated worker really did: python -m tests.bench.counting [--reps N] [--json]

Runs `station run demo --headless` and compares each repetition of the ledger, in order, with the emulated worker's own
list: every good one accepted, every bad one rejected for the reason it was made bad.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any


def compare(verdicts: list[dict[str, Any]], truth: list[dict[str, Any]]) -> dict[str, Any]:
    """`verdicts`: {'accepted', 'reason'} in order; `truth`: {'kind'} in order."""
    table: Counter[tuple[str, str]] = Counter()
    wrong = []
    for number, (verdict, real) in enumerate(zip(verdicts, truth), 1):
        said = "good" if verdict["accepted"] else verdict["reason"]
        table[real["kind"], said] += 1
        if said != real["kind"]:
            wrong.append({"repetition": number, "truth": real["kind"], "said": said, "detail": verdict.get("detail")})
    return {
        "repetitions": min(len(verdicts), len(truth)),
        "right": sum(count for (real, said), count in table.items() if real == said),
        "wrong": wrong,
        "table": [{"truth": real, "said": said, "count": count} for (real, said), count in sorted(table.items())],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=10, help="accepted repetitions to reach (10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="counting-") as folder:
        command = [sys.executable, "-m", "station", "run", "demo", "--headless", "--jsonl", "--data", folder]
        command += ["--reps", str(options.reps), "--seed", str(options.seed)]
        run = subprocess.run(command, capture_output=True, text=True)
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        if not lines or lines[-1]["event"] != "end":
            sys.stderr.write(run.stderr)
            return run.returncode or 1
        verdicts = [line for line in lines if line["event"] == "rep"]
        truth = [json.loads(line) for line in Path(lines[-1]["truth"]).read_text().splitlines()]
    document = compare(verdicts, truth)
    document["run"] = {
        key: lines[-1][key]
        for key in ("accepted", "rejected", "ticks", "ticks_lost", "samples_lost", "records_lost", "stop")
    }
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        for row in document["table"]:
            print(f"{row['count']:5} x truth {row['truth']:14} said {row['said']}")
        print(f"{document['right']} of {document['repetitions']} right; {document['run']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
