"""A bounded share of the fuzzing, and all that it ever found; the long runs: `make fuzz` (tests/fuzz)."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from tests.fuzz import board, decoders, seeds, targets
from tests.mcu import gcc


def test_no_input_breaks_the_c_board(tmp_path: Path) -> None:
    """Every script of the corpus, then scripts damaged at random: sanitizers and the board's promises watch."""
    gcc()
    found = board.run(board.build(tmp_path), ["--random", "7", "3000"])
    assert found["inputs"] == 3000 and found["files"] == len(board.corpus())
    assert found["bytes_sent"] > 300_000, "the scripts get far enough to be answered"
    assert found["confirmed"] > 50, "and as far as a new firmware that is confirmed"


@pytest.mark.parametrize("path", sorted((seeds.CORPUS / "decoders").iterdir()), ids=lambda path: str(path.name))
def test_the_corpus_breaks_no_decoder(path: Path) -> None:
    decoders.judge(path.read_bytes())


def test_no_input_breaks_the_python_decoders() -> None:
    found = decoders.fuzz_randomly(25_000, 7)
    assert 5_000 < found["taken"] < 22_000, "some are taken, some refused"


def test_what_is_read_leaves_no_memory_behind() -> None:
    decoders.fuzz_randomly(3_000, 3)
    tracemalloc.start()
    try:
        decoders.fuzz_randomly(1_000, 3)
        before, _ = tracemalloc.get_traced_memory()
        decoders.fuzz_randomly(6_000, 3)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000


def test_right_inputs_are_taken() -> None:
    """The seeds as the encoders make them now; the committed files are these."""
    for name, data in seeds.decoder_seeds().items():
        assert decoders.judge(data), name
        assert (seeds.CORPUS / "decoders" / name).read_bytes() == data, "python -m tests.fuzz.seeds writes it anew"
    for name, data in seeds.board_seeds().items():
        assert (seeds.CORPUS / "board" / name).read_bytes() == data, "python -m tests.fuzz.seeds writes it anew"


def test_an_input_that_never_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(data: bytes) -> None:
        while True:
            pass

    monkeypatch.setattr(targets, "TARGETS", (endless,))
    monkeypatch.setattr(decoders, "HANG_S", 0.05)
    with pytest.raises(decoders.HungError):
        decoders.judge(b"\0")
