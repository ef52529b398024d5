"""The exceptions that stand now: cause, consequence, action. Where there is little room they take turns."""

from __future__ import annotations

from station.signals import AlarmView
from station.tui.language import Words
from station.tui.rows import Row, row, wrap
from station.tui.scene import Scene
from station.tui.widgets.panel import Panel
from station.tui.words import event_words

_TURN_NS = 4_000_000_000


class Alarms(Panel):
    def title(self, scene: Scene) -> str:
        count = len(scene.view.alarms) if scene.view is not None else 0
        return scene.words("Alarms: {count}", count=count) if count else scene.words("Alarms: none")

    def look(self, scene: Scene) -> str:
        return "-warn" if scene.view is not None and scene.view.alarms else ""

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        view, words = scene.view, scene.words
        if view is None:
            return []
        if not view.alarms:
            return [row(" " + words("Nothing abnormal."), "dim")]
        blocks = [_block(alarm, words, width) for alarm in view.alarms]
        if sum(len(block) for block in blocks) > height:
            first = (scene.now_ns // _TURN_NS) % len(blocks)
            blocks = blocks[first:] + blocks[:first]
        rows: list[Row] = []
        for block in blocks:
            if rows and len(rows) + len(block) > height:
                break
            rows += block
        return rows[:height]


def _block(alarm: AlarmView, words: Words, width: int) -> list[Row]:
    event = event_words(alarm.event, alarm.detail, words)
    action = event.action
    head = event.cause
    if event.consequence:
        head = words("{cause}. {consequence}.", cause=event.cause, consequence=event.consequence)
    rows = [row(f" {'▲' if i == 0 else ' '} {line}", "warn") for i, line in enumerate(wrap(head, width - 4))]
    return rows + [row(f" {'→' if i == 0 else ' '} {line}") for i, line in enumerate(wrap(action, width - 4))]
