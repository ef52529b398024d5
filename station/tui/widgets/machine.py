"""The right column at 120 x 40: the station's own figures, grey until one is abnormal."""

from __future__ import annotations

from station.tui.rows import EMPTY, Row, Span, row, spread
from station.tui.scene import Scene
from station.tui.widgets.panel import Panel
from station.tui.words import bus_words

_LATENCY_WARN_US = 5_000.0
"""The loop's own flag for a gap, 5 ms."""
_TICKS_LOST_WARN = 0.01
"""A share; a single gap that matters is an alarm of its own."""
_DISK_WARN_MB = 2_000.0
"""About half an hour of records is left at 1 MB a second."""


class Machine(Panel):
    def title(self, scene: Scene) -> str:
        return scene.words("Station")

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        view, words = scene.view, scene.words
        if view is None:
            return []
        late = view.ticks_lost / view.ticks if view.ticks else 0.0
        disk = f"{view.disk_free_mb / 1000:.0f} GB" if view.disk_free_mb >= 10_000 else f"{view.disk_free_mb:.0f} MB"
        figures = [
            (words("Control rate"), f"{view.rate_hz:.0f} Hz", False),
            (words("Latency, median"), f"{view.latency_us / 1000:.2f} ms", view.latency_us > _LATENCY_WARN_US),
            (words("Late ticks"), f"{view.ticks_lost}", late > _TICKS_LOST_WARN),
            (words("Lost samples"), f"{view.samples_lost}", False),
            (words("Lost records"), f"{view.records_lost}", view.records_lost > 0),
            (words("Disk free"), disk, view.disk_free_mb < _DISK_WARN_MB),
        ]
        troubled = {name: said for name, bus in view.buses.items() if (said := bus_words(bus, words))}
        figures.append((words("Robot buses"), words("see below") if troubled else words("no errors"), bool(troubled)))
        rows: list[Row] = []
        for name, value, is_abnormal in figures:
            sign = "▲" if is_abnormal else " "
            rows.append(
                spread(
                    (Span(f"{sign}{name}", "warn" if is_abnormal else "dim"),),
                    row(f"{value} ", "warn" if is_abnormal else "plain"),
                    width,
                )
            )
            if height >= 2 * len(figures) and not troubled:
                rows.append(EMPTY)
        for name, said in troubled.items():
            rows.append(row(f" {name}:", "dim"))
            rows += [row(f"  {line}", "warn") for line in said.split(", ")]
        return rows
