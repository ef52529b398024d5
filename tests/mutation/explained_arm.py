"""As `explained.py`: of the jerk limit and of what holds tools and elbows back."""

from __future__ import annotations

from typing import Final

_DOUBLE: Final = "one double of a way that is bounded from above: far below a nanometre"
_SLOW: Final = "the quick way is not taken: the full one judges the same, and is dearer"

ARM: Final[dict[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
    "arm_bounds": (
        (
            "self.share = 0.5",
            ("0.5 to 0.625",),
            "where the first search begins: from any share it finds one that passes",
        ),
        (
            "if not self.planes or sum([reach * travel for reach, travel in zip(self.reach, travels)]) <= self.room_m:",
            ("<= to <", "condition always false", "or to and"),
            "then no point's own way is beyond its room: " + _SLOW,
        ),
        ("if way <= room:", ("<= to <",), _DOUBLE),
        ("if highest_m(slopes, steps, self.downs, room - bend) > room - bend:", ("> to >=",), _DOUBLE),
    ),
}
