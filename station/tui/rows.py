"""Rows of cells: what a widget draws, before it has colours. A row is spans of (text, tone); a tone is a CSS class."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

Tone = Literal["plain", "dim", "strong", "warn", "bad", "action", "band"]
"""plain and dim and strong are greys; warn and bad are abnormal; action is blue: the person's turn."""


class Span(NamedTuple):
    text: str
    tone: Tone = "plain"


Row = tuple[Span, ...]
EMPTY: Row = ()


def row(text: str, tone: Tone = "plain") -> Row:
    return (Span(text, tone),)


def width_of(line: Row) -> int:
    """Cells that the row takes; a Chinese character takes two."""
    return sum(cell_len(span.text) for span in line)


def text_of(line: Row) -> str:
    return "".join(span.text for span in line)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` cells; what had to go is marked with …"""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """`text` in exactly `width` cells, left-aligned."""
    text = cut(text, width)
    return text + " " * (width - cell_len(text))


def fit(line: Row, width: int) -> Row:
    """The row in at most `width` cells; what had to go is marked with …"""
    if width_of(line) <= width:
        return line
    kept: list[Span] = []
    left = width - 1
    for span in line:
        size = cell_len(span.text)
        if size > left:
            if width > 0:
                kept.append(Span(set_cell_size(span.text, left).rstrip() + "…", span.tone))
            break
        kept.append(span)
        left -= size
    return tuple(kept)


def spread(left: Row, right: Row, width: int, gap: int = 1) -> Row:
    """`left` at the left edge, `right` at the right one; where both do not fit, `left` gives way."""
    room = width - width_of(right) - gap
    left = fit(left, max(0, room))
    return (*left, Span(" " * max(gap, width - width_of(left) - width_of(right))), *right)


def band(text: str, width: int, tone: Tone) -> Row:
    """A full-width bar of one tone."""
    return row(pad(f" {text}", width), tone)


@lru_cache(maxsize=256)
def wrap(text: str, width: int) -> tuple[str, ...]:
    """`text` in lines of at most `width` cells: broken at spaces, and between Chinese characters.

    A line does not begin with closing punctuation.
    """
    if width < 2:
        return (cut(text, width),)
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        if cell_len(line) + cell_len(piece.rstrip()) <= width:
            line += piece
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = piece.lstrip()
        while cell_len(line) > width:
            head = set_cell_size(line, width)
            head = head.rstrip() if head.rstrip() and not line.startswith(head) else head
            lines.append(head)
            line = line[len(head) :]
    if line.strip():
        lines.append(line.rstrip())
    return tuple(lines)


_CLOSING = "，。；：！？、）》」』】”’…%°"
_OPENING = "（《「『【“‘"


def _pieces(text: str) -> list[str]:
    """Unbreakable runs, each with the spaces that follow it."""
    pieces: list[str] = []
    for character in text:
        if (
            not pieces
            or (pieces[-1][-1] == " " and character != " ")
            or (
                character != " "
                and character not in _CLOSING
                and pieces[-1][-1] not in _OPENING
                and (cell_len(character) == 2 or cell_len(pieces[-1][-1]) == 2)
            )
        ):
            pieces.append(character)
        else:
            pieces[-1] += character
    return pieces
