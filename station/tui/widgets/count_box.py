"""The count against the target, as large as the size allows; remaining, today, rejected."""

from __future__ import annotations

from station.tui.digits import large_digits, small_digits
from station.tui.rows import EMPTY, Row, Span, row, width_of
from station.tui.scene import Scene
from station.tui.widgets.panel import Panel


class CountBox(Panel):
    def title(self, scene: Scene) -> str:
        return scene.words("Accepted / target")

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        view, words = scene.view, scene.words
        if view is None:
            return []
        digits = _count(view.accepted, view.target, width - 2, scene.is_large)
        totals: list[Row] = [
            _totals((words("remaining"), max(0, view.target - view.accepted)), (words("today"), view.today)),
            _totals((words("rejected"), view.rejected)),
        ]
        if scene.is_large:
            totals = [(*totals[0], *totals[1])]
        lead = [EMPTY] * ((height - len(digits) - len(totals)) // 2)
        body = [*lead, *((Span("  "), *line) for line in digits)]
        return [*body, *[EMPTY] * (height - len(body) - len(totals)), *totals]


def _totals(*fields: tuple[str, int]) -> Row:
    return tuple(span for name, number in fields for span in (Span(f"  {name} ", "dim"), Span(str(number), "strong")))


def _count(accepted: int, target: int, width: int, is_large: bool) -> list[Row]:
    """The largest form that fits: large and small digits, small digits, plain text for the target."""
    if is_large:
        rows: list[Row] = [row(text, "strong") for text in large_digits(str(accepted))]
        goal: list[Row] = [row(f"   {text}", "dim") for text in small_digits(f"/{target}")]
        if width_of(rows[0]) + width_of(goal[0]) > width:
            goal = [EMPTY, EMPTY, row(f"  / {target}", "dim")]
        return [*rows[:2], *((*a, *b) for a, b in zip(rows[2:], goal))]
    rows = [row(text, "strong") for text in small_digits(str(accepted))]
    goal = [row(f"  {text}", "dim") for text in small_digits(f"/{target}")]
    if width_of(rows[0]) + width_of(goal[0]) > width:
        goal = [EMPTY, EMPTY, row(f"  / {target}", "dim")]
    return [(*a, *b) for a, b in zip(rows, goal)]
