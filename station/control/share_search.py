"""Searches how much of the way from braking to a wish may be gone: near the largest share that passes, in few looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from station.control.arm_bounds import NOTHING, Found

FINE: Final = 1 / 32
COARSE: Final = 1 / 8
"""With a jerk limit a tick decides about the bend only."""


def largest_share(
    judge: Callable[[float], Found], found: Found, guess: float, tries: int, fine: float = FINE
) -> tuple[float, Found]:
    """A share below 1 that passes, near the largest (0, the braking, always does), and what stands in the way of more.

    Looks round the last answer first: from tick to tick it changes little. Gives up, careful, after so many tries.
    """
    low, high, step = 0.0, 1.0, fine
    middle = min(max(guess, fine), 1.0 - fine)
    while high - low > 1.5 * fine and tries:
        tries -= 1
        why = judge(middle)
        if why is NOTHING:
            low = middle
            middle = min(low + step, (low + high) / 2)
        else:
            high = middle
            if why[0]:
                found = why
            middle = max(high - step, (low + high) / 2)
        step *= 2
    return low, found
