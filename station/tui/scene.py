"""Everything that one drawing of the screen depends on; the widgets are functions of it."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

from station.signals import SessionView
from station.tui.language import Words


class Cover(Enum):
    """What covers the whole work screen, if anything; the first that holds, in this order."""

    NONE = auto()
    TOO_SMALL = auto()
    LOST = auto()
    WAITING = auto()
    """No view has come yet."""
    ENDING = auto()
    """The shift ends in order: target reached, or a person asked."""
    STOPPED = auto()
    KEYS = auto()
    ALARMS = auto()
    """All alarms: asked for by a key, like KEYS."""


class Scene(NamedTuple):
    view: SessionView | None
    words: Words
    now_ns: int
    wall: datetime
    cover: Cover
    is_large: bool
    """At least 120 x 40."""
    is_engaging: bool
    asks_finish: bool
    """q was pressed once."""
    is_finishing: bool
    silent_s: float
    """Since the last view."""
    remark: str = ""
    """An answer to the last key, for a few seconds: a message of the catalogue."""
