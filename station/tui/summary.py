"""What is left when the screen closes: why it closed, and the shift's totals in words."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from rich.cells import cell_len

from station.signals import SessionView, Verdict
from station.tui.language import Words
from station.tui.widgets.recent import hours
from station.tui.words import bus_words


class Ending(StrEnum):
    FINISHED = "finished"
    """The session says that the files are complete."""
    ABORTED = "aborted"
    """Ctrl-C twice, or q where the link was lost: a person wants the run to end at once."""
    TERMINATED = "terminated"
    """A signal, or an error of the screen itself: the run goes on."""
    TERMINAL_LOST = "terminal_lost"
    LEFT = "left"
    """Ctrl-C in an attached screen: the run goes on."""


class Outcome(NamedTuple):
    """What `run_screen` returns."""

    ending: Ending
    view: SessionView | None
    """The last one."""
    text: str
    """The summary, lines ended by \\n; '' where the terminal is gone."""


class Tally:
    """Reasons of the rejections that this screen has seen; a verdict that changes (x) is counted once, as it ended."""

    def __init__(self, counted: dict[str, int] | None = None) -> None:
        """`counted`: reasons that are counted already, instead of verdicts to be seen."""
        self._by_number: dict[int, Verdict] = {}
        self._counted = counted or {}

    def see(self, verdict: Verdict | None) -> None:
        if verdict is None:
            return
        if verdict.accepted:
            self._by_number.pop(verdict.number, None)
        else:
            self._by_number[verdict.number] = verdict

    def reasons(self) -> list[tuple[str, int]]:
        """(reason code, count), the most frequent first."""
        counts = dict(self._counted)
        for verdict in self._by_number.values():
            counts[verdict.reason] = counts.get(verdict.reason, 0) + 1
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def summary_text(view: SessionView | None, ending: Ending, tally: Tally, words: Words) -> str:
    """The shift summary, at most 80 cells wide."""
    if view is None:
        return words("The screen closed before the session answered.") + "\n"
    title = (
        f"{words('Shift summary')}  {view.rig} / {view.worker} / {words.pick(view.title) or view.task} v{view.version}"
    )
    done = words("complete") if view.finished else words("not yet confirmed when this screen closed")
    pace = view.accepted / view.shift_s * 3600 if view.shift_s > 0 else 0.0
    fields = [
        (words("Accepted"), f"{view.accepted} / {view.target}"),
        (words("Rejected"), str(view.rejected)),
    ]
    seen = 0
    for reason, count in tally.reasons():
        seen += count
        fields.append(("", f"{count} × {_reason_name(reason, words)}"))
    if 0 < seen < view.rejected:
        fields.append(("", f"{view.rejected - seen} × {words('before this screen began')}"))
    fields += [
        (words("Duration"), hours(view.shift_s, words)),
        (words("Pace, pauses included"), words("{pace:.0f} an hour", pace=pace)),
        (words("Today"), str(view.today)),
        (words("Files"), done),
    ]
    if view.records_lost:
        fields.append((words("Lost records"), str(view.records_lost)))
    for name, bus in view.buses.items():
        if said := bus_words(bus, words):
            fields.append((words("Bus {name}", name=name), said))
    label = max(cell_len(name) for name, _ in fields)
    lines = [title, *(f"  {name}{' ' * (label - cell_len(name))}  {text}" for name, text in fields)]
    if ending is not Ending.FINISHED and ending is not Ending.ABORTED:
        lines.append(words("The screen closed before the shift's end. Where the run goes on, the arm holds."))
    return "\n".join(lines) + "\n"


def _reason_name(reason: str, words: Words) -> str:
    """The reason without the figures of one repetition."""
    return {
        "reach_short": words("a movement not reached"),
        "no_return": words("arm not back home"),
        "wrong_order": words("wrong order"),
        "too_slow": words("too slow"),
        "interrupted": words("the robot stopped following"),
        "sample_gap": words("exoskeleton data missing"),
        "tick_gap": words("control loop paused"),
        "limit_hit": words("robot limit reached"),
        "joint_frozen": words("a frozen reading"),
        "record_incomplete": words("not recorded whole"),
        "rejected_by_worker": words("rejected by the worker"),
    }.get(reason, reason)
