"""Rows of cells: widths, cuts and line breaks with Chinese characters of two cells."""

from __future__ import annotations

import random

import pytest
from rich.cells import cell_len

from station.tui.digits import large_digits, small_digits
from station.tui.rows import Span, cut, fit, pad, row, spread, text_of, width_of, wrap


@pytest.mark.parametrize("width", range(12))
def test_cut_and_pad_and_fit_never_exceed_the_width(width: int):
    text = "ab打开cd微波"
    assert cell_len(cut(text, width)) <= width
    assert cell_len(pad(text, width)) == width
    assert width_of(fit((Span("ab打"), Span("开cd微波")), width)) <= width


def test_what_fits_is_not_touched():
    assert cut("打开", 4) == "打开"
    assert fit(row("打开"), 4) == row("打开")
    assert cut("打开", 3) == "打…"


def test_spread_puts_the_right_part_at_the_edge_and_cuts_the_left():
    line = spread(row("左边的文字很长"), row("14:32"), 12)
    assert width_of(line) == 12
    assert text_of(line).endswith("14:32")
    assert "…" in text_of(line)


def test_wrapped_lines_fit_keep_every_character_and_begin_with_no_closing_mark():
    seed = random.randrange(10**9)
    rng = random.Random(seed)
    for _ in range(300):
        text = "".join(rng.choice("ab c打开，。（）°→ 门") for _ in range(rng.randrange(1, 60))).strip()
        width = rng.randrange(6, 30)
        lines = wrap(text, width)
        assert all(cell_len(line) <= width for line in lines), (seed, text, width)
        assert "".join(lines).replace(" ", "") == text.replace(" ", ""), (seed, text, width)


def test_english_breaks_at_spaces_and_chinese_before_no_comma():
    assert wrap("bring the arm back", 9) == ("bring the", "arm back")
    assert wrap("一二三，四五", 6) == ("一二", "三，四", "五")


@pytest.mark.parametrize("text", ["0123456789", "7", "12/200"])
def test_digits_have_one_width_and_all_differ(text: str):
    for rows, cells, gap in ((small_digits(text), 3, 1), (large_digits(text), 6, 2)):
        assert {cell_len(line) for line in rows} == {len(text) * cells + (len(text) - 1) * gap}
    glyphs = {small_digits(digit) for digit in "0123456789/"}
    assert len(glyphs) == 11
