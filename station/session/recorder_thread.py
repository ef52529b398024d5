"""The recorder in a thread of its own: disk and database never hold up whoever reads the ring."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from station.session.clocks import ClockPair
from station.session.errors import RecordError
from station.session.record_file import Event
from station.session.recorder import Outcome, Recorder, RepEnd
from station.signals import Tick

MOST_WAITING_TICKS: Final = 20_000
"""Ticks that may wait for a slow disk (40 s at 500 Hz, about 60 MB); beyond, the running repetition is incomplete."""
_BATCH: Final = 64


class RecorderThread:
    """The same calls as Recorder, none of which waits; outcomes are fetched with `poll`."""

    def __init__(self, recorder: Recorder, limit: int = MOST_WAITING_TICKS) -> None:
        self._recorder = recorder
        self._limit = limit
        self._orders: SimpleQueue[Callable[[], Outcome | None] | None] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome | RecordError] = SimpleQueue()
        self._batch: list[Tick] = []
        self._given = 0
        self._taken = 0
        self._ordered = 0
        self._answered = 0
        self._crash: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Ticks not written yet."""
        return self._given - self._taken

    @property
    def is_idle(self) -> bool:
        """Every outcome that was ordered has been polled."""
        return self._ordered == self._answered

    def begin(self, number: int, start: ClockPair) -> None:
        self._orders.put(lambda: self._recorder.begin(number, start))

    def write(self, tick: Tick) -> None:
        self._batch.append(tick)
        if len(self._batch) >= _BATCH:
            self._hand_over()

    def write_event(self, event: Event) -> None:
        self._hand_over()
        self._orders.put(lambda: self._recorder.write_event(event))

    def fail(self, words: str) -> None:
        self._orders.put(lambda: self._recorder.fail(words))

    def end(self, end: RepEnd) -> None:
        self._hand_over()
        self._order(lambda: self._recorder.end(end))

    def reject_last(self) -> None:
        self._order(self._recorder.reject_last)

    def end_shift(self) -> None:
        self._orders.put(self._recorder.end_shift)

    def poll(self) -> Outcome | None:
        """The next outcome, or None. Raises what the thread died of: the session must not go on without records."""
        try:
            found = self._outcomes.get_nowait()
        except Empty:
            if self._crash is not None:
                raise RecordError(f"the recorder ended: {self._crash!r}; its records so far are safe") from self._crash
            return None
        self._answered += 1
        if isinstance(found, RecordError):
            raise found
        return found

    def close(self, timeout_s: float = 15.0) -> None:
        """Write everything that waits and end the thread. Raises RecordError when the disk does not come to an end."""
        self._hand_over()
        self._orders.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise RecordError(
                f"the disk has not taken the last record within {timeout_s:g} s; it is salvaged at the next start"
            )

    def _order(self, work: Callable[[], Outcome]) -> None:
        self._ordered += 1
        self._orders.put(work)

    def _hand_over(self) -> None:
        if not self._batch:
            return
        batch, self._batch = self._batch, []
        if self.waiting + len(batch) > self._limit:
            lost = len(batch)
            self._orders.put(lambda: self._recorder.fail(f"the disk was too slow for {lost} ticks"))
            return
        self._given += len(batch)
        self._orders.put(lambda: self._write(batch))

    def _write(self, batch: list[Tick]) -> None:
        self._recorder.write(batch)
        self._taken += len(batch)

    def _run(self) -> None:
        try:
            while (work := self._orders.get()) is not None:
                try:
                    outcome = work()
                except RecordError as error:
                    self._outcomes.put(error)
                else:
                    if outcome is not None:
                        self._outcomes.put(outcome)
        except BaseException as error:  # the edge of the thread: the session hears of it at the next poll
            self._crash = error
            raise
