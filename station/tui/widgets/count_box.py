"""The count against the target, as large as the size allows; remaining, today, rejected."""

from __future__ import annotations

from rich.cells import cell_len

from station.tui.digits import large_digits, small_digits
from station.tui.rows import EMPTY, Row, Span, row
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
    """The largest form that fits: large and small digits, then plain text for the target, then small digits."""
    small = small_digits(str(accepted))
    counts = (large_digits(str(accepted)), small) if is_large else (small,)
    goals = (tuple(f"  {text}" for text in small_digits(f"/{target}")), ("", "", f"  / {target}"))
    for count in counts:
        for goal in goals:
            if cell_len(count[0]) + cell_len(goal[-1]) <= width:
                lead = ("",) * (len(count) - len(goal))
                return [(Span(a, "strong"), Span(b, "dim")) for a, b in zip(count, (*lead, *goal))]
    return [row(f"{accepted} / {target}", "strong")]
