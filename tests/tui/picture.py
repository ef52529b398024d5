"""The screen as a picture that looks the same everywhere: lines and blocks as shapes, words placed on the cell grid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Final

from rich.cells import cell_len
from rich.style import Style
from textual.app import App

_W: Final = 10.0
_H: Final = 20.0
_EDGE: Final = 12.0
_FONT: Final = (
    "'DejaVu Sans Mono','Noto Sans Mono',Menlo,Consolas,'Noto Sans Mono CJK SC','Noto Sans CJK SC',"
    "'PingFang SC','Microsoft YaHei',monospace"
)
_GROUND: Final = "#161616"
# Which of the four half-lines (left, right, up, down) a box-drawing character has, and how thick.
_LINES: Final = {
    "─": ("lr", 1.2), "│": ("ud", 1.2), "╭": ("rd", 1.2), "╮": ("ld", 1.2), "╰": ("ru", 1.2), "╯": ("lu", 1.2),
    "├": ("rud", 1.2), "┤": ("lud", 1.2),
    "━": ("lr", 3.0), "┃": ("ud", 3.0), "┏": ("rd", 3.0), "┓": ("ld", 3.0), "┗": ("ru", 3.0), "┛": ("lu", 3.0),
}  # fmt: skip


def screen_lines(app: App[object]) -> list[str]:
    """The text of each row of the screen, trailing spaces kept."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


def svg(app: App[object]) -> str:
    """The screen as SVG. Each row of text also stands in a `data-line` attribute, which is what a test compares."""
    strips = app.screen._compositor.render_strips()
    width, height = app.size
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width * _W + 2 * _EDGE:g} {height * _H + 2 * _EDGE:g}" '
        f'font-family="{_FONT}" font-size="16.6">',
        f'<rect width="100%" height="100%" rx="8" fill="{_GROUND}"/>',
    ]
    for y, strip in enumerate(strips):
        text = "".join(segment.text for segment in strip).rstrip()
        out.append(f'<g data-line="{escape(text, quote=True)}">')
        x = 0
        for segment in strip:
            style = segment.style or Style()
            out += _background(x, y, cell_len(segment.text), style)
            for start, run in _runs(segment.text):
                out.append(_glyphs(x + start, y, run, style))
            x += cell_len(segment.text)
        out.append("</g>")
    out.append("</svg>")
    return "\n".join(line for line in out if line) + "\n"


def svg_lines(picture: str) -> list[str]:
    """The rows of text of a picture made by `svg`."""
    return [unescape(found) for found in re.findall(r'data-line="([^"]*)"', picture)]


def _runs(text: str) -> Iterator[tuple[int, str]]:
    """(cell, run): words, repeated shapes, and single wide characters."""
    cell = 0
    for match in re.finditer(r" +|([─━█▀▄])\1*|[!-~°]+|.", text):
        run = match[0]
        if run.strip():
            yield cell, run
        cell += cell_len(run)


def _colour(style: Style, is_ground: bool = False) -> str:
    found = style.bgcolor if is_ground else style.color
    return found.get_truecolor().hex if found is not None else (_GROUND if is_ground else "#b4b4b4")


def _background(x: int, y: int, cells: int, style: Style) -> list[str]:
    colour = _colour(style, is_ground=True)
    if colour == _GROUND:
        return []
    return [
        f'<rect x="{_EDGE + x * _W:g}" y="{_EDGE + y * _H:g}" width="{cells * _W:g}" height="{_H + 0.3:g}" '
        f'fill="{colour}"/>'
    ]


def _glyphs(x: int, y: int, run: str, style: Style) -> str:
    left, top = _EDGE + x * _W, _EDGE + y * _H
    colour = _colour(style)
    cells = cell_len(run)
    first = run[0]
    if first in _LINES:
        return _box(left, top, cells, *_LINES[first], colour)
    if first in "█▀▄":
        upper = _H / 2 if first == "▄" else 0.0
        tall = _H if first == "█" else _H / 2
        return (
            f'<rect x="{left:g}" y="{top + upper:g}" width="{cells * _W:g}" height="{tall:g}" fill="{colour}" '
            'shape-rendering="crispEdges"/>'
        )
    if first in "●○":
        fill = colour if first == "●" else "none"
        return (
            f'<circle cx="{left + _W / 2:g}" cy="{top + _H / 2:g}" r="3.9" fill="{fill}" stroke="{colour}" '
            'stroke-width="1.3"/>'
        )
    bold = ' font-weight="bold"' if style.bold else ""
    length = f' textLength="{cells * _W:g}" lengthAdjust="spacingAndGlyphs"' if len(run) > 1 else ""
    return f'<text x="{left:g}" y="{top + 15.3:g}" fill="{colour}"{bold}{length}>{escape(run)}</text>'


def _box(left: float, top: float, cells: int, ways: str, thick: float, colour: str) -> str:
    middle_x, middle_y = left + _W / 2, top + _H / 2
    ends = {
        "l": (left, middle_y),
        "r": (left + cells * _W, middle_y),
        "u": (middle_x, top),
        "d": (middle_x, top + _H),
    }
    if ways == "lr":
        path = f"M{left:g} {middle_y:g}H{left + cells * _W:g}"
    elif len(ways) == 2 and thick < 2 and ways != "ud":
        (x1, y1), (x2, y2) = ends[ways[0]], ends[ways[1]]
        path = f"M{x1:g} {y1:g}Q{middle_x:g} {middle_y:g} {x2:g} {y2:g}"
    else:
        path = "".join(f"M{middle_x:g} {middle_y:g}L{ends[way][0]:g} {ends[way][1]:g}" for way in ways)
    cap = ' stroke-linecap="square"' if thick > 2 and len(ways) == 2 and ways not in ("lr", "ud") else ""
    return f'<path d="{path}" stroke="{colour}" stroke-width="{thick:g}" fill="none"{cap}/>'
