"""The screen's words in two languages: gettext catalogues (.po) under station/locale, read as they are.

English is the source: a message without a translation shows itself. Reading the .po at start (about 1 ms) spares a
build step: an editable install and a wheel behave alike, and a translator's edit is seen at the next start.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Final, Literal

Language = Literal["zh", "en"]
_FOLDERS: Final[dict[Language, str]] = {"zh": "zh_CN", "en": "en"}


class CatalogueError(Exception):
    """A .po file is not one."""


class Words:
    """Messages of one language: `words("{count} left", count=3)`."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._messages = _catalogue(language)

    def __call__(self, message: str, **values: object) -> str:
        text = self._messages.get(message) or message
        return text.format(**values) if values else text

    def pick(self, texts: dict[str, str]) -> str:
        """Of words that come in both languages (task titles, phases): ours, else any."""
        return texts.get(self.language) or next(iter(texts.values()), "")

    @property
    def other(self) -> Language:
        return "en" if self.language == "zh" else "zh"


@cache
def _catalogue(language: Language) -> dict[str, str]:
    path = resources.files("station") / "locale" / _FOLDERS[language] / "LC_MESSAGES" / "station.po"
    return read_po(path.read_text(encoding="utf-8").splitlines(), str(path))


def read_po(lines: Iterable[str], name: str = "po") -> dict[str, str]:
    """msgid → msgstr of a gettext .po file (GNU gettext manual, 'The Format of PO Files'); fuzzy entries are skipped.

    Contexts and plurals are not used here: they raise CatalogueError, as does any other line that is not of the format.
    """
    messages: dict[str, str] = {}
    parts = {"msgid": "", "msgstr": ""}
    field = ""
    is_fuzzy = False

    def keep() -> None:
        if field == "msgstr" and parts["msgid"] and not is_fuzzy:
            messages[parts["msgid"]] = parts["msgstr"]

    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if line.startswith("#") or not line:
            if field == "msgstr":
                keep()
                field, is_fuzzy = "", False
            is_fuzzy = is_fuzzy or (line.startswith("#,") and "fuzzy" in line)
            continue
        keyword, _, text = line.partition(" ")
        if line.startswith('"'):
            text = line
        elif keyword in parts:
            if keyword == "msgid" and field == "msgstr":
                keep()
                is_fuzzy = False
            field = keyword
            parts[field] = ""
        else:
            raise CatalogueError(f"{name}:{number}: {line!r}; expected msgid, msgstr, a quoted line or a comment")
        if not field:
            raise CatalogueError(f"{name}:{number}: {line!r} stands before any msgid")
        try:
            parts[field] += str(ast.literal_eval(text))
        except (SyntaxError, ValueError):
            raise CatalogueError(f"{name}:{number}: {text!r}; expected a quoted string") from None
    keep()
    return messages
