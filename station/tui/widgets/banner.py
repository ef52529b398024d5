"""The verdict of the last repetition with its reason and what to do; loud until the next repetition begins."""

from __future__ import annotations

from typing import Final

from station.signals import PhaseView, Verdict
from station.tui.language import Words
from station.tui.rows import Row, Span, band, row, wrap
from station.tui.scene import Scene
from station.tui.widgets.panel import Panel, technical_rows
from station.tui.words import verdict_words

NOTHING_YET: Final = "Nothing to reject yet: no repetition of this shift is finished."
HELD_DOWN: Final = "To start: let go of SPACE / pedal for a second, then press it once."
BLOCKED: Final = "SPACE / pedal does nothing yet: first do what stands at the arrow above (or call the technician)."
NOT_ACCEPTED: Final = "Nothing to reject: the last repetition is rejected already; earlier ones stay as they are."


class Banner(Panel):
    def title(self, scene: Scene) -> str:
        view = scene.view
        if scene.asks_finish or scene.is_finishing:
            return scene.words("End of shift")
        if view is not None and view.last is not None and view.in_rep:
            return scene.words("Previous repetition")
        return scene.words("Last repetition")

    def look(self, scene: Scene) -> str:
        if scene.asks_finish:
            return "-action"
        if scene.is_finishing:
            return ""
        view = scene.view
        if scene.remark:
            return ""
        is_loud = view is not None and view.last is not None and not view.in_rep and not view.last.accepted
        return "-bad" if is_loud else ""

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        view, words = scene.view, scene.words
        if scene.is_finishing:
            return _plain(words("Ending the shift: the arm is made safe, then the files are completed …"), width)
        if scene.asks_finish:
            text = words("Press q again to end the shift. Any other key: go on working.")
            return [band(line, width, "action") for line in wrap(text, width - 2)]
        if view is None:
            return []
        if scene.remark:
            return [row(f" {line}", "strong") for line in wrap(words(scene.remark), width - 2)]
        if view.last is None:
            later = words("The verdict of the next repetition will stand here.")
            first = words("No repetition yet. The verdict of each will stand here.")
            return [row(f" {later if view.recent else first}", "dim")]
        return _verdict(view.last, view.phases, words, width, is_quiet=view.in_rep)


def _plain(text: str, width: int) -> list[Row]:
    return [row(f" {line}") for line in wrap(text, width - 2)]


def _verdict(verdict: Verdict, phases: tuple[PhaseView, ...], words: Words, width: int, is_quiet: bool) -> list[Row]:
    if verdict.accepted:
        took = words("{seconds:.1f} s", seconds=verdict.duration_s) if verdict.duration_s else ""
        record = words("record {number}", number=verdict.number)
        return [
            (Span(f" ✓ {words('Accepted')}", "dim" if is_quiet else "strong"), Span(f"   {took}   {record}", "dim"))
        ]
    what, fix, technical = verdict_words(verdict, phases, words)
    head = words("Rejected: {what}", what=what)
    rows = [
        row(f" ✗ {line}" if index == 0 else f"   {line}", "dim" if is_quiet else "bad")
        for index, line in enumerate(wrap(head, width - 4))
    ]
    rows += [
        row(f" → {line}" if index == 0 else f"   {line}", "dim" if is_quiet else "strong")
        for index, line in enumerate(wrap(fix, width - 4))
    ]
    return rows + technical_rows(technical, words, width)
