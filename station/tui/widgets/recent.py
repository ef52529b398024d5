"""The last 20 verdicts (● accepted, ○ rejected), the pace and, where there is room, the expected finish."""

from __future__ import annotations

from datetime import datetime, timedelta

from station.signals import SessionView
from station.tui.language import Words
from station.tui.rows import EMPTY, Row, Span
from station.tui.scene import Scene
from station.tui.widgets.panel import Panel

_SLOTS = 20


class Recent(Panel):
    def title(self, scene: Scene) -> str:
        return scene.words("Last {count}", count=_SLOTS)

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        view, words = scene.view, scene.words
        if view is None:
            return []
        marks = "".join("●" if accepted else "○" for accepted in view.recent[-_SLOTS:])
        verdicts: Row = (Span(" "), Span(marks, "strong"), Span("·" * (_SLOTS - len(marks)), "dim"))
        if view.pace_per_h:
            pace: Row = (
                Span(f"   {words('Pace')} ", "dim"),
                Span(words("{pace:.0f} an hour", pace=view.pace_per_h)),
                Span(f"   {words('Expected finish')} ", "dim"),
                Span(expected_finish(view, scene.wall)),
            )
        else:
            pace = (Span(f"   {words('Pace and expected finish: after a few repetitions')}", "dim"),)
        if height < 3:
            return [(*verdicts, *pace)]
        good = sum(view.recent[-_SLOTS:])
        shift: Row = (Span(f"   {words('Shift')} ", "dim"), Span(hours(view.shift_s, words)))
        return [
            EMPTY,
            (*verdicts, Span(f"   ● {good}  ○ {len(marks) - good}")),
            (Span(pace[0].text[2:], "dim"), *pace[1:], *shift),
        ]


def expected_finish(view: SessionView, wall: datetime) -> str:
    """The wall clock when the target is reached at the present pace; '—' where there is none."""
    left = view.target - view.accepted
    if left <= 0 or view.pace_per_h <= 0:
        return "—"
    due = wall + timedelta(hours=left / view.pace_per_h)
    days = (due.date() - wall.date()).days
    return f"{due:%H:%M}" + (f" +{days}d" if days else "")


def hours(seconds: float, words: Words) -> str:
    if seconds < 3600:
        return words("{m} min {s:02d} s", m=int(seconds) // 60, s=int(seconds) % 60)
    minutes = int(seconds) // 60
    return words("{h} h {m:02d} min", h=minutes // 60, m=minutes % 60)
