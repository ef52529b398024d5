"""The base of every widget of the station: rows in, strips out; only rows that changed are drawn again."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from station.tui.language import Words
from station.tui.rows import EMPTY, Row, fit, row, width_of, wrap
from station.tui.scene import Scene


def technical_rows(text: str, words: Words, width: int) -> list[Row]:
    """A technical detail, as the machine says it: headed, grey, apart from what a worker needs."""
    if not text:
        return []
    return [row(f"   {line}", "dim") for line in wrap(words("Technical: {detail}", detail=text), width - 4)]


class Panel(Widget):
    """Subclasses say in `draw` what stands on each row; looks (border, tones) live in station.tcss."""

    ALLOW_SELECT = False
    can_focus = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"tone--{tone}" for tone in ("plain", "dim", "strong", "warn", "bad", "action", "band")
    }

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._scene: Scene | None = None
        self._rows: list[Row] = []
        self._title = ""

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        """At most `height` rows of at most `width` cells."""
        raise NotImplementedError

    def title(self, scene: Scene) -> str:
        """Stands in the border."""
        return ""

    def look(self, scene: Scene) -> str:
        """A class of the stylesheet for the whole panel ('-bad', '-action'), or ''."""
        return ""

    def show(self, scene: Scene) -> None:
        """Draw the scene; costs nothing on the terminal where nothing changed."""
        self._scene = scene
        width, height = self.size
        if not self.display or width <= 0 or height <= 0:
            return
        title = self.title(scene)
        if title != self._title:
            self._title = title
            self.border_title = title
        look = self.look(scene)
        for name in ("-bad", "-warn", "-action"):
            self.set_class(name == look, name)
        rows = self.draw(scene, width, height)[:height]
        rows = [fit(line, width) for line in rows] + [EMPTY] * (height - len(rows))
        if len(rows) != len(self._rows):
            self._rows = rows
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(self._rows, rows)) if old != new]
        if changed:
            self._rows = rows
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def on_resize(self, event: events.Resize) -> None:
        self._rows = []
        if self._scene is not None:
            self.show(self._scene)

    def on_show(self, event: events.Show) -> None:
        if self._scene is not None:
            self.show(self._scene)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        line = self._rows[y] if y < len(self._rows) else EMPTY
        segments = [Segment(span.text, self.get_component_rich_style(f"tone--{span.tone}")) for span in line]
        used = width_of(line)
        if used < width:
            segments.append(Segment(" " * (width - used), self.rich_style))
        return Strip(segments, width)
