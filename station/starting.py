"""The line that stands in the terminal while the station starts: there before anything heavy is imported, replaced by
each step, gone before the screen or any other line. Where the standard error is no terminal, nothing is said.

Imports nothing but the standard library's smallest: it is there to be quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final, Literal

Language = Literal["zh", "en"]

_WORDS: Final[dict[str, dict[Language, str]]] = {
    "run": {"en": "starting …", "zh": "正在启动 …"},
    "attach": {"en": "starting a screen for the run …", "zh": "正在为运行中的工作站打开屏幕 …"},
    "settings": {"en": "starting 1/5: reading the settings …", "zh": "正在启动 1/5：读取设置 …"},
    "emulators": {
        "en": "starting 2/5: emulated exoskeleton and robot …",
        "zh": "正在启动 2/5：模拟外骨骼和机器人 …",
    },
    "control": {"en": "starting 3/5: looking for exoskeleton and robot …", "zh": "正在启动 3/5：连接外骨骼和机器人 …"},
    "session": {"en": "starting 4/5: opening the records …", "zh": "正在启动 4/5：打开记录 …"},
    "screen": {"en": "starting 5/5: the screen …", "zh": "正在启动 5/5：打开屏幕 …"},
}
_CLEAR: Final = "\r\x1b[K"


def spoken_language() -> Language:
    """Of the terminal's locale."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if spoken.startswith("zh") else "en"


def asked_language(arguments: Sequence[str]) -> Language:
    """`--lang zh` or `--lang=zh`, before the arguments are parsed; else the terminal's."""
    for word, after in zip(arguments, [*arguments[1:], ""]):
        found = after if word == "--lang" else word.removeprefix("--lang=")
        if found in ("zh", "en"):
            return "zh" if found == "zh" else "en"
    return spoken_language()


class Line:
    """The one line. Steps before `begin` say nothing: who starts a run otherwise has no line."""

    def __init__(self) -> None:
        self._language: Language | None = None
        self._stands = False

    def begin(self, verb: str, arguments: Sequence[str]) -> None:
        if sys.stderr.isatty() and not {"-h", "--help"} & set(arguments):
            self._language = asked_language(arguments)
            self.step(verb)

    def step(self, name: str) -> None:
        """Replace the line by the step's words."""
        if self._language is not None:
            self._stands = True
            sys.stderr.write(f"{_CLEAR}station: {_WORDS[name][self._language]}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Before anything else is written."""
        if self._stands:
            self._stands = False
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def hand_over(self) -> None:
        """To the screen's process, which clears it when it is about to draw."""
        self._stands = False


def clear_left_line() -> None:
    """In the screen's process: what its launcher left standing."""
    if sys.stderr.isatty():
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()


LINE: Final = Line()
