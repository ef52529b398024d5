"""The shift's summary: totals, reasons, and no claim that is not known."""

from __future__ import annotations

import msgspec
import pytest
from rich.cells import cell_len

from station.session.reasons import WORDS
from station.signals import Verdict
from station.tui.language import Language, Words
from station.tui.summary import Ending, Tally, summary_text
from station.tui.widgets.recent import hours
from tests.tui.scenes import view


def rejected(number: int, reason: str) -> Verdict:
    return Verdict(number=number, accepted=False, reason=reason)


def test_reasons_are_counted_once_each_even_when_seen_again_or_changed():
    tally = Tally()
    for verdict in (
        rejected(1, "too_slow"),
        rejected(1, "too_slow"),
        Verdict(number=2, accepted=True),
        rejected(2, "rejected_by_worker"),
        rejected(3, "too_slow"),
        None,
    ):
        tally.see(verdict)
    assert tally.reasons() == [("too_slow", 2), ("rejected_by_worker", 1)]


def test_rejections_of_before_this_screen_are_said_to_be_so():
    tally = Tally()
    tally.see(rejected(1, "too_slow"))
    text = summary_text(view(rejected=5, finished=True), Ending.FINISHED, tally, Words("en"))
    assert "1 × too slow" in text
    assert "4 × before this screen began" in text


def test_files_are_called_complete_only_when_the_session_says_so():
    aborted = summary_text(view(finished=False), Ending.ABORTED, Tally(), Words("en"))
    assert "not yet confirmed when this screen closed" in aborted
    assert "complete\n" not in aborted
    assert "complete\n" in summary_text(view(finished=True), Ending.FINISHED, Tally(), Words("en"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_summary_fits_80_cells_with_every_reason_in_words(language: Language):
    tally = Tally()
    for number, reason in enumerate(WORDS):
        tally.see(rejected(number, reason))
    shown = msgspec.structs.replace(view(rejected=99, records_lost=3), worker="王小明")
    for ending in Ending:
        text = summary_text(shown, ending, tally, Words(language))
        assert all(cell_len(line) <= 80 for line in text.splitlines())
        assert not [reason for reason in WORDS if reason in text]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 min 00 s"), (3599.9, "59 min 59 s"), (3600.0, "1 h 00 min"), (36_060.0, "10 h 01 min")],
)
def test_durations_are_said_in_two_units(seconds: float, text: str):
    assert hours(seconds, Words("en")) == text


def test_a_shift_without_a_view_or_without_time_has_a_summary():
    assert summary_text(None, Ending.ABORTED, Tally(), Words("en"))
    assert "0 an hour" in summary_text(view(shift_s=0.0), Ending.ABORTED, Tally(), Words("en"))
