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
from typing import Any, Final

_MOST_RUNS: Final = 40


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


def one_run(reps: int, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """A headless run up to `reps` accepted: its verdicts, the worker's truth, what it measured."""
    with tempfile.TemporaryDirectory(prefix="counting-") as folder:
        command = [sys.executable, "-m", "station", "run", "demo", "--headless", "--jsonl", "--data", folder]
        run = subprocess.run([*command, "--reps", str(reps), "--seed", str(seed)], capture_output=True, text=True)
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        if not lines or lines[-1]["event"] != "end":
            raise SystemExit(run.stderr)
        end = lines[-1]
        truth = [json.loads(line) for line in Path(end["truth"]).read_text().splitlines()]
    kept = ("accepted", "rejected", "ticks", "ticks_lost", "samples_lost", "records_lost", "stop")
    return [line for line in lines if line["event"] == "rep"], truth, {"seed": seed, **{key: end[key] for key in kept}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=10, help="repetitions to judge (10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    verdicts: list[dict[str, Any]] = []
    truth: list[dict[str, Any]] = []
    runs: list[dict[str, Any]] = []
    seed = options.seed
    while len(verdicts) < options.reps:  # a run that a pause of the machine stopped is followed by another worker's
        more, real, run = one_run(options.reps - len(verdicts), seed)
        count = min(len(more), len(real))
        verdicts += more[:count]
        truth += real[:count]
        runs.append(run)
        seed += 1
        if len(runs) >= _MOST_RUNS:
            break
    document = compare(verdicts, truth)
    document["runs"] = runs
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        for row in document["table"]:
            print(f"{row['count']:5} x truth {row['truth']:14} said {row['said']}")
        print(f"{document['right']} of {document['repetitions']} right in {len(runs)} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
