"""The error of this room: a plug that does not do what it should."""

from __future__ import annotations

from collections.abc import Sequence


class DriverError(Exception):
    """A device or bus failed. The message names the thing, its value, what was expected and what to do."""


class BusFullError(DriverError):
    """A bus took no frame in time: its transmit queue is full because nobody on the wire acknowledges."""

    untold: tuple[int, ...] = ()
    """Of a command: the joints (numbers in the arm's order) that were not told it."""


class DifferingError(DriverError):
    """A device is not set as it should be: what differs, one line each, and what to do. As text: all in one line."""

    def __init__(self, what: str, differences: Sequence[str], remedy: str) -> None:
        super().__init__(f"{what}: {'; '.join(differences)}; {remedy}")
        self.lines = (f"{what}:", *(f"  {difference}" for difference in differences), f"  {remedy}")
