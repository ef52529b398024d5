"""The top line: rig │ worker │ task and version │ robot state │ clock."""

from __future__ import annotations

from station.tui.rows import Row, Span, row, spread, width_of
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
        title = Span(f"{words.pick(view.title) or view.task} v{view.version}")
        worker = (bar, Span(view.worker)) if view.worker else ()
        slow = (Span(f" ≤ {view.reduced_speed_mm_s:g} mm/s", "warn"),) if view.reduced_speed_mm_s else ()
        for labels in ((words("Rig") + " ", words("Robot") + " "), ("", "")):
            left = (Span(f" {labels[0]}", "dim"), Span(view.rig), *slow, *worker, bar, title)
            right = (bar, Span(labels[1], "dim"), state, bar, *clock, Span(" "))
            if width_of(left) + width_of(right) <= width:
                break
        return [spread(left, right, width, gap=0)]
