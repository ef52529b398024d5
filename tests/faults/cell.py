"""One field of the fault matrix, and when it is worth another try: only where the machine itself stood still."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

PAUSE_MS: Final = 10.0
"""A machine that stood still for so long may have spoilt a cell that is not as expected."""
ALIKE_MS: Final = 40.0
"""One that stood still for so long may have made a cell as expected, where what it does looks like the fault."""
TRIES: Final = 3

ALIKE: Final = frozenset(
    {
        "loop_gap_stop",
        "leader_stale",
        "leader_silent",
        "enable_stale",
        "arm_stale",
        "bus_silent",
        "engage_released",
        "screen_lost",
        "session_lost",
        "supervisor_lost",
        "supervisor_stop",
    }
)
"""Reasons that a machine that stands still gives as well."""
NOT_REACHED: Final = "?"
SKIPPED: Final = "skipped"


class Pause(NamedTuple):
    """The longest that something of the machine was kept from running."""

    ms: float = 0.0
    by: str = ""
    """Who measured it."""

    def __str__(self) -> str:
        return f"the machine stood still {self.ms:.0f} ms ({self.by})"


class Cell(NamedTuple):
    """`reason_seen`: `name`, `(event)`, `-`, `?` (the state was not reached) or `skipped`."""

    fault: str
    state: str
    reason_seen: str
    reason_expected: str
    ms_to_standstill: float | None
    """From the fault to standstill, at the emulated motors; None where the arm may go on and does."""
    peak_rad_s: float
    """Of any motor, after standstill was due (after the fault, where the arm goes on)."""
    ok: bool
    note: str = ""
    leader: str = "ker"
    allowed_ms: float | None = None
    """What `ms_to_standstill` may be; None where the arm may go on."""
    paused_ms: float = 0.0
    paused_by: str = ""
    """How long the machine stood still while the cell was looked at, and who measured it."""
    seconds: float = 0.0
    tries: int = 1
    tried_again: tuple[str, ...] = ()
    """Why, once for each try but the last."""

    @property
    def pause(self) -> Pause:
        return Pause(self.paused_ms, self.paused_by)


def is_worth_another(cell: Cell) -> bool:
    """Whether what the machine did stands between the cell and the truth. A wrong cell on a machine that did not stand
    still is wrong."""
    if cell.reason_seen in (NOT_REACHED, SKIPPED):
        return False
    return cell.paused_ms >= (ALIKE_MS if cell.ok else PAUSE_MS) and (not cell.ok or cell.reason_seen in ALIKE)


def again(cell: Cell, before: Cell) -> Cell:
    """`cell`, tried because of what stood in the way of `before`."""
    why = f"{before.reason_seen}: {before.note}" if before.note else before.reason_seen
    if before.reason_seen != NOT_REACHED or before.paused_ms >= PAUSE_MS:
        why = f"{before.pause}; it gave {why}"
    return cell._replace(
        tries=before.tries + cell.tries,
        tried_again=(*before.tried_again, why, *cell.tried_again),
        seconds=before.seconds + cell.seconds,
    )


def tried(make: Callable[[], Cell], *, or_not_reached: bool = False) -> Cell:
    """`make` it, again only where that is worth it. `or_not_reached`: once more where it did not get into the state."""
    before: Cell | None = None
    for left in reversed(range(TRIES)):
        begun_s = time.monotonic()
        cell = make()
        cell = cell._replace(seconds=time.monotonic() - begun_s)
        has_more = is_worth_another(cell) or (or_not_reached and cell.reason_seen == NOT_REACHED)
        or_not_reached = or_not_reached and cell.reason_seen != NOT_REACHED
        before = cell if before is None else again(cell, before)
        if not left or not has_more:
            break
    assert before is not None
    return before
