"""Fuzzes the C reference's whole board: python -m tests.fuzz.board [--inputs N] [--seed S].

gcc with address and undefined-behaviour sanitizers and the mutating driver of exo_fuzz.c; where clang is present, its
libFuzzer runs the same target for `--seconds` instead.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mcu import MCU, SANITIZE, compile_c

HERE = Path(__file__).parent
SOURCES = [HERE / "exo_fuzz.c", *sorted(MCU.glob("*.c"))]


def build(folder: Path) -> Path:
    return compile_c(folder / "exo_fuzz", SOURCES, "-std=c99", *SANITIZE, "-O2", "-DEXO_FUZZ_MAIN")


def run(program: Path, seed: int, inputs: int) -> dict[str, int]:
    """Raises AssertionError with the sanitizer's words when an input breaks the board."""
    done = subprocess.run([str(program), str(seed), str(inputs)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stderr[-4000:]}"
    found: dict[str, int] = json.loads(done.stdout)
    return found


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.board")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=60, help="with clang: how long libFuzzer runs")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        clang = shutil.which("clang")
        if clang is not None:
            program = Path(name) / "libfuzzer"
            flags = ["-std=c99", "-g", "-O1", "-fsanitize=fuzzer,address,undefined", f"-I{MCU}"]
            subprocess.run([clang, *flags, "-o", str(program), *map(str, SOURCES)], check=True)
            return subprocess.run([str(program), f"-max_total_time={options.seconds}"], check=False).returncode
        began = time.monotonic()
        document = run(build(Path(name)), options.seed, options.inputs)
        print(json.dumps({**document, "seconds": round(time.monotonic() - began, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
