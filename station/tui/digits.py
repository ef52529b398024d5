"""Numbers large enough to be read at three metres: a 3 x 5 pixel font as half blocks (3 rows) or blocks (5 rows)."""

from __future__ import annotations

from typing import Final

_FONT: Final = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": ("## ", " # ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", "###", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", "  #", "  #"),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
    "/": ("  #", "  #", " # ", "#  ", "#  "),
}
_HALVES: Final = {"  ": " ", "# ": "▀", " #": "▄", "##": "█"}


def small_digits(text: str) -> tuple[str, ...]:
    """Three rows; a digit is 3 cells wide, one cell apart."""
    rows = []
    for upper in (0, 2, 4):
        glyphs = []
        for character in text:
            top = _FONT[character][upper]
            bottom = _FONT[character][upper + 1] if upper < 4 else "   "
            glyphs.append("".join(_HALVES[a + b] for a, b in zip(top, bottom)))
        rows.append(" ".join(glyphs))
    return tuple(rows)


def large_digits(text: str) -> tuple[str, ...]:
    """Five rows; a digit is 6 cells wide, two cells apart."""
    return tuple("  ".join(_FONT[c][y].replace("#", "██").replace(" ", "  ") for c in text) for y in range(5))
