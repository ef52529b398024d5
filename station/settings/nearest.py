"""The likeliest meaning of a misspelt name, for an error's last words."""

from __future__ import annotations

import difflib


def nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
