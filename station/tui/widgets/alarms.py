"""The exceptions that stand now: the worst one whole, the others in a line each, in turn; and the rig's switches."""

from __future__ import annotations

from station.signals import AlarmView
from station.tui.language import Words
from station.tui.rows import Row, row, text_of, wrap
from station.tui.scene import Scene
from station.tui.widgets.panel import Panel, technical_rows
from station.tui.words import event_words, switch_words

_TURN_NS = 4_000_000_000


class Alarms(Panel):
    def title(self, scene: Scene) -> str:
        words, view = scene.words, scene.view
        count = len(view.alarms) if view is not None else 0
        if count > 1:
            alarms = words("Alarms: 1 +{more} (a: all)", more=count - 1)
        else:
            alarms = words("Alarms: {count}", count=count) if count else words("Alarms: none")
        switches = switch_words(view.inputs, words) if view is not None else []
        return " │ ".join([alarms, *switches])

    def look(self, scene: Scene) -> str:
        return "-warn" if scene.view is not None and scene.view.alarms else ""

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        view, words = scene.view, scene.words
        if view is None:
            return []
        if not view.alarms:
            return [row(" " + words("Nothing abnormal."), "dim")]
        blocks = [alarm_rows(alarm, words, width, is_arm_off=view.is_arm_off) for alarm in view.alarms]
        if sum(len(block) for block in blocks) <= height:
            return [line for block in blocks for line in block]
        rows = blocks[0][:height]
        others = [row(text_of(block[0]), "warn") for block in blocks[1:]]
        if others:
            first = (scene.now_ns // _TURN_NS) % len(others)
            rows += (others[first:] + others[:first])[: height - len(rows)]
        return rows


def alarm_rows(alarm: AlarmView, words: Words, width: int, *, is_arm_off: bool = False) -> list[Row]:
    """Cause and consequence, then the action, then what is only technical."""
    event = event_words(alarm.event, alarm.detail, words, is_arm_off=is_arm_off)
    head = event.cause
    if event.consequence:
        head = words("{cause}. {consequence}.", cause=event.cause, consequence=event.consequence)
    rows = [row(f" {'▲' if i == 0 else ' '} {line}", "warn") for i, line in enumerate(wrap(head, width - 4))]
    rows += [row(f" {'→' if i == 0 else ' '} {line}") for i, line in enumerate(wrap(event.action, width - 4))]
    return rows + technical_rows(event.technical, words, width)
