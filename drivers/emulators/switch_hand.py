"""The emulated worker's hand on the enable switch: which contacts it closes, by the faults that stand.

A switch as IEC 60947-5-8 has them, with a contact of its own for the third position. Between the second and the third
position both contacts are open for a moment. A sound one does not close the second contact on the way back; a worn one
may (`enable_back`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from firmware_bridge.samples import INPUT_ENABLE, INPUT_ENABLE_THROUGH

KINDS: Final[Mapping[str, str]] = {
    "enable_through": "the enable switch is pressed through",
    "enable_back": "the enable switch is pressed through, then back in its middle without being let go",
    "enable_bounce": "the enable switch's contact bounces",
    "enable_off": "the enable switch is released",
}
"""What the hand can do but hold the middle; where several are asked, the first is done."""
_CLENCHED: Final = ("enable_through", "enable_back")
_MS: Final = 1_000_000
GAP_NS: Final = 20 * _MS
"""Both contacts are open for so long on the way."""
BACK_NS: Final = 200 * _MS
"""So long after the beginning the hand of `enable_back` relaxes."""
BOUNCE_NS: Final = 10 * _MS
LET_GO_NS: Final = 300 * _MS
"""Whoever has clenched the hand and can relax it lets go for so long, then grips the middle again."""


class SwitchHand:
    __slots__ = ("_does", "_let_go_until_ns", "_since_ns")

    def __init__(self) -> None:
        self._does = ""
        self._since_ns = 0
        self._let_go_until_ns = 0

    def inputs(self, kinds: Collection[str], now_ns: int) -> int:
        """INPUT_* bits of the switch now, `kinds` being the faults that stand."""
        does = next((kind for kind in KINDS if kind in kinds), "")
        if does != self._does:
            if self._does in _CLENCHED:
                self._let_go_until_ns = now_ns + LET_GO_NS
            self._does, self._since_ns = does, now_ns
        for_ns = now_ns - self._since_ns
        if does in _CLENCHED:
            is_back = does == "enable_back" and for_ns >= BACK_NS
            if for_ns < GAP_NS or (is_back and for_ns < BACK_NS + GAP_NS):
                return 0
            return INPUT_ENABLE if is_back else INPUT_ENABLE_THROUGH
        if does == "enable_bounce":
            return INPUT_ENABLE if for_ns // BOUNCE_NS % 2 else 0
        return 0 if does or now_ns < self._let_go_until_ns else INPUT_ENABLE
