"""Fuzzes the decoders of targets.py: python -m tests.fuzz.decoders [--engine atheris|hypothesis|random] [--seconds S]

atheris is guided by coverage (pip install "station[fuzz]"), hypothesis by its own shrinking search, random by nothing
but the corpus. Nothing but a refusal may come out, no input may take longer than HANG_S of computing time, and memory
stays flat. An input that breaks a promise is written to `--found`, and its name printed; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.fuzz import targets
from tests.fuzz.seeds import CORPUS

HANG_S: Final = 5.0
MOST_GROWN_KB: Final = 20_000
LONGEST: Final = 1024
ENGINES: Final = ("atheris", "hypothesis", "random")


class HungError(Exception):
    """An input took longer than HANG_S of this process's computing time."""


def judge(data: bytes) -> bool:
    """`targets.run` that cannot hang: it raises HungError. By computing time, so a busy machine plays no part."""
    signal.signal(signal.SIGVTALRM, _hung)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S)
    try:
        return targets.run(data)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _hung(*_: object) -> None:
    raise HungError(f"not done after {HANG_S:g} s of computing time")


def known() -> list[bytes]:
    """The committed corpus."""
    return [path.read_bytes() for path in sorted((CORPUS / "decoders").iterdir())]


def mutated(rng: random.Random, corpus: Sequence[bytes]) -> bytes:
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.randrange(4)):
        data = data or bytearray(1)
        at = rng.randrange(1, len(data)) if len(data) > 1 else 0
        kind = rng.randrange(5)
        if kind == 0:
            data[at] = rng.getrandbits(8)
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            other = rng.choice(corpus)
            data[at:] = other[rng.randrange(len(other)) :]
    return bytes(data[:LONGEST]) or b"\0"


def fuzz_randomly(inputs: int, seed: int, seconds: float | None = None) -> dict[str, int]:
    """Mutations of the corpus. Raises what an input broke, with the input as a note."""
    rng = random.Random(seed)
    corpus = known()
    taken = done = 0
    deadline = None if seconds is None else time.monotonic() + seconds
    while done < inputs and (deadline is None or done % 1024 or time.monotonic() < deadline):
        data = mutated(rng, corpus)
        done += 1
        try:
            taken += judge(data)
        except BaseException as error:
            error.add_note(data.hex())
            raise
    return {"inputs": done, "taken": taken}


def fuzz_by_hypothesis(inputs: int, seconds: float) -> dict[str, int]:
    """Raises what an input broke, shrunk."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    corpus = known()
    deadline = time.monotonic() + seconds
    done = 0
    share = min(inputs, 2000)

    @st.composite
    def near_the_corpus(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(corpus))
        at, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        return data[:at] + draw(st.binary(max_size=32)) + data[end:]

    @settings(
        max_examples=share,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(near_the_corpus(), st.binary(max_size=200)))
    def one(data: bytes) -> None:
        nonlocal done
        done += 1
        try:
            judge(data)
        except BaseException as error:
            error.add_note(data.hex())
            raise

    while done < inputs and time.monotonic() < deadline:
        one()
    return {"inputs": done}


def fuzz_by_atheris(seconds: int, found: Path, keep: Path | None) -> int:
    """Guided by coverage, in a process of its own: libFuzzer ends it. The exit code."""
    if importlib.util.find_spec("atheris") is None:
        print("fuzz: atheris is not installed; pip install 'station[fuzz]', or take --engine hypothesis or random")
        return 2
    with tempfile.TemporaryDirectory() as name:
        working = keep or Path(name)
        words = [
            str(working),
            str(CORPUS / "decoders"),
            f"-max_total_time={seconds}",
            f"-artifact_prefix={found}{os.sep}",
            f"-max_len={LONGEST}",
            f"-timeout={HANG_S:g}",
            "-rss_limit_mb=1024",
            "-use_value_profile=1",
            "-print_final_stats=1",
        ]
        return subprocess.run([sys.executable, "-m", "tests.fuzz.under_atheris", *words], check=False).returncode


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.decoders", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--engine", choices=ENGINES, help="atheris where it is installed, else random")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--inputs", type=int, default=1 << 40, help="at most so many (hypothesis, random)")
    parser.add_argument("--seed", type=int, default=1, help="of random")
    parser.add_argument("--found", type=Path, default=Path("build/fuzz"), help="where breaking inputs go (build/fuzz)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="atheris: a corpus that grows from run to run")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="only run these inputs")
    options = parser.parse_args(words)
    options.found.mkdir(parents=True, exist_ok=True)
    if options.files:
        for path in options.files:
            print(f"{path}: {'taken' if judge(path.read_bytes()) else 'refused'}")
        return 0
    engine = options.engine or ("atheris" if importlib.util.find_spec("atheris") else "random")
    if engine == "atheris":
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
        return fuzz_by_atheris(options.seconds, options.found, options.keep)
    fuzz_randomly(20_000, options.seed)  # whatever is built once is built now
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    try:
        if engine == "random":
            document = fuzz_randomly(options.inputs, options.seed, options.seconds)
        else:
            document = fuzz_by_hypothesis(options.inputs, options.seconds)
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises is what is looked for
        data = bytes.fromhex(getattr(error, "__notes__", [""])[0])
        path = options.found / f"broken-{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        print(f"fuzz: {type(error).__name__}: {error}; again: python -m tests.fuzz.decoders {path}", file=sys.stderr)
        return 1
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"engine": engine, **document, "seconds": seconds, "memory_grown_kb": grown_kb}))
    if engine == "random" and grown_kb > MOST_GROWN_KB:  # hypothesis keeps what it has seen
        print(f"fuzz: memory grew by {grown_kb} kB; expected at most {MOST_GROWN_KB}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
