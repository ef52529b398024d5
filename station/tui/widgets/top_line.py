"""The top line: rig │ worker │ task and version │ robot state │ clock."""

from __future__ import annotations

from station.tui.rows import Row, Span, row, spread
from station.tui.scene import Cover, Scene
from station.tui.widgets.panel import Panel
from station.tui.words import mode_words


class TopLine(Panel):
    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        words, view = scene.words, scene.view
        clock = row(scene.wall.strftime("%H:%M:%S"), "strong")
        if view is None:
            return [spread(row(f" {words('Station')}", "dim"), clock, width)]
        mode = mode_words(view.mode, words)
        state = Span(f"{mode.sign} {mode.text}", mode.tone if mode.tone != "plain" else "strong")
        if scene.cover is Cover.LOST:
            state = Span(f"? {words('unknown')}", "bad")
        bar = Span(" │ ", "dim")
        right = (bar, Span(f"{words('Robot')} ", "dim"), state, bar, *clock, Span(" "))
        left = (
            Span(f" {words('Rig')} ", "dim"),
            Span(view.rig),
            *((bar, Span(view.worker)) if view.worker else ()),
            bar,
            Span(f"{words.pick(view.title) or view.task} v{view.version}"),
        )
        return [spread(left, right, width)]
