"""A bounded share of the fuzzing; the long runs: `python -m tests.fuzz.board`, `python -m tests.fuzz.decoders`."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz import board, decoders
from tests.mcu import gcc


def test_no_input_breaks_the_c_board(tmp_path: Path) -> None:
    gcc()
    found = board.run(board.build(tmp_path), 7, 60_000)
    assert found["inputs"] == 60_000
    assert found["bytes_sent"] > 400_000, "the inputs get far enough to be answered"


def test_no_input_breaks_the_python_decoders() -> None:
    found = decoders.fuzz(60_000, 7)
    assert 20_000 < found["refused"] < 55_000
