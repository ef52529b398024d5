"""Fuzzes the C reference's whole board: python -m tests.fuzz.board [--engine libfuzzer|random] [--seconds S]

libfuzzer is guided by coverage and needs clang with its runtime (Debian: apt install clang libclang-rt-14-dev); random
damages the corpus and needs gcc. Both watch with address and undefined-behaviour sanitizers, and exo_fuzz.c itself
watches the board's promises. An input that breaks one is written to `--found`; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.fuzz.seeds import CORPUS
from tests.mcu import MCU, SANITIZE, compile_c

HERE: Final = Path(__file__).parent
SOURCES: Final = [HERE / "exo_fuzz.c", *sorted(MCU.glob("*.c"))]
HANG_S: Final = 10
MOST_MB: Final = 512
LONGEST: Final = 2048
NEEDS: Final = "libfuzzer needs clang and its runtime: apt install clang libclang-rt-14-dev; or take --engine random"


def corpus() -> list[Path]:
    return sorted((CORPUS / "board").iterdir())


def build(folder: Path) -> Path:
    """The random driver, by gcc."""
    return compile_c(folder / "exo_fuzz", SOURCES, "-std=c99", *SANITIZE, "-O2", "-DEXO_FUZZ_MAIN")


def run(program: Path, words: Sequence[str]) -> dict[str, int]:
    """Raises AssertionError with the sanitizer's words when an input breaks the board."""
    command = [str(program), *words, *map(str, corpus())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr[-4000:]}"
    found: dict[str, int] = json.loads(done.stdout)
    return found


def clang() -> str | None:
    """A clang of any version, by its name or by the name with its number."""
    named = [shutil.which("clang"), *(shutil.which(f"clang-{number}") for number in range(30, 10, -1))]
    return next((path for path in named if path), None)


def build_libfuzzer(folder: Path) -> Path | None:
    """None, with the compiler's words printed, where this machine has no libFuzzer."""
    compiler = clang()
    if compiler is None:
        print(f"fuzz: no clang here; {NEEDS}")
        return None
    program = folder / "libfuzzer"
    flags = ["-std=c99", "-g", "-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", f"-I{MCU}"]
    done = subprocess.run(
        [compiler, *flags, "-o", str(program), *map(str, SOURCES)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"fuzz: {compiler} builds no fuzzer: {done.stderr.strip()[-400:]}; {NEEDS}")
        return None
    return program


def fuzz_guided(program: Path, seconds: int, found: Path, keep: Path) -> int:
    """libFuzzer, its words on the standard error; a document of what it did. The exit code."""
    command = [
        str(program),
        str(keep),
        str(CORPUS / "board"),
        f"-max_total_time={seconds}",
        f"-timeout={HANG_S}",
        f"-rss_limit_mb={MOST_MB}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={found}{os.sep}",
        "-use_value_profile=1",
        "-print_final_stats=1",
    ]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    print(done.stderr[-6000:] if done.returncode else "", file=sys.stderr, end="")
    coverage = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", done.stderr)
    inputs = re.search(r"number_of_executed_units:\s+(\d+)", done.stderr)
    memory = re.search(r"peak_rss_mb:\s+(\d+)", done.stderr)
    document = {
        "engine": "libfuzzer",
        "inputs": int(inputs[1]) if inputs else 0,
        "edges": int(coverage[-1][0]) if coverage else 0,
        "edges_at_start": int(coverage[0][0]) if coverage else 0,
        "corpus": int(coverage[-1][2]) if coverage else 0,
        "peak_mb": int(memory[1]) if memory else 0,
        "broken": bool(done.returncode),
    }
    print(json.dumps(document))
    return int(done.returncode != 0)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.board", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--engine", choices=("libfuzzer", "random"), help="libfuzzer where clang is, else random")
    parser.add_argument("--seconds", type=int, default=60, help="of libfuzzer (60)")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of random (1000000)")
    parser.add_argument("--seed", type=int, default=1, help="of random (1)")
    parser.add_argument("--found", type=Path, default=Path("build/fuzz"), help="where breaking inputs go (build/fuzz)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="libfuzzer: a corpus that grows from run to run")
    options = parser.parse_args(words)
    options.found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.engine != "random" and (options.engine or clang()):
            program = build_libfuzzer(folder)
            if program is None:
                return 2
            keep = options.keep or folder / "corpus"
            keep.mkdir(parents=True, exist_ok=True)
            return fuzz_guided(program, options.seconds, options.found, keep)
        began = time.monotonic()
        try:
            document = run(build(folder), ["--random", str(options.seed), str(options.inputs)])
        except AssertionError as error:
            print(f"fuzz: {error}", file=sys.stderr)
            return 1
        print(json.dumps({"engine": "random", **document, "seconds": round(time.monotonic() - began, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
