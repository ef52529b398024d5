"""The bottom line: the keys that do something now."""

from __future__ import annotations

from station.signals import Mode
from station.tui.rows import Row, Span
from station.tui.scene import Cover, Scene
from station.tui.widgets.panel import Panel
from station.tui.words import goes_on


class KeyBar(Panel):
    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        words = scene.words
        mode = scene.view.mode if scene.view is not None else None
        if scene.cover is Cover.STOPPED:
            keys = [("r", words("reset"))] if mode == Mode.STOPPED else []
            keys.append(("a", words("alarms")))
        elif scene.cover in (Cover.LOST, Cover.ENDING) or mode in (Mode.STOPPING, Mode.STOPPED):
            keys = []
        elif mode in (Mode.FOLLOWING, Mode.ALIGNING):
            keys = [(words("SPACE"), words("hold")), ("x", words("reject last")), ("s", words("stop request"))]
        elif scene.view is not None and scene.view.blocked:
            keys = [("x", words("reject last")), ("s", words("stop request"))]
        else:
            start = words("go on") if scene.view is not None and goes_on(scene.view) else words("start")
            keys = [(words("SPACE"), start), ("x", words("reject last")), ("s", words("stop request"))]
        keys += [("q", words("end shift")), ("l", "English" if words.language == "zh" else "中文")]
        if scene.cover in (Cover.NONE, Cover.KEYS, Cover.ALARMS, Cover.STOPPED):
            keys.append(("?", words("keys")))
        spans: list[Span] = []
        for key, what in keys:
            spans += [Span(f" {key}", "strong"), Span(f" {what} ", "dim")]
        return [tuple(spans)]
