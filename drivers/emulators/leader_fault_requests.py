"""What the fault requests of all emulated leaders have in common: {"cmd": "fault", "kind": K, ..., "for_s": s or null}.

Everything here raises ValueError in words: thing, value, expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

FIELDS: Final[dict[str, frozenset[str]]] = {
    "offset": frozenset({"channel", "deg"}),
    "drift": frozenset({"channel", "deg", "s"}),
    "delay": frozenset({"ms", "jitter_ms"}),
    "replug": frozenset({"name"}),
    "reboot": frozenset({"off_s"}),
    "other_board": frozenset({"serial_number"}),
    "clock_step": frozenset({"s"}),
    "clock_drift": frozenset({"ppm"}),
}
"""What the kinds take that every make of leader knows."""


class StandingFault(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def channel(self) -> int:
        """-1 where it hits no single one."""


def kind_of(request: dict[str, Any], kinds: Mapping[str, str]) -> str:
    kind = request.get("kind")
    if kind not in kinds:
        raise ValueError(f"fault kind {kind!r}; expected one of: {', '.join(kinds)}")
    return str(kind)


def refuse_unknown(request: Mapping[str, Any], kind: str, fields: Mapping[str, frozenset[str]]) -> None:
    """`fields`: what each kind takes."""
    takes = fields.get(kind, frozenset())
    if unknown := sorted(request.keys() - takes - {"cmd", "kind", "for_s"}):
        raise ValueError(f"fault {kind}: unknown {unknown[0]!r}; it takes {', '.join(sorted(takes)) or 'nothing'}")


def until_ns(request: dict[str, Any], now_ns: int) -> int | None:
    """When the fault ends by itself; None: when it is cleared."""
    if request.get("for_s") is None:
        return None
    return now_ns + round(number(request, "for_s", 0, 0, 86400) * 1e9)


def number(request: dict[str, Any], key: str, default: float, least: float, most: float) -> float:
    value = request.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ValueError(f"{key} {value!r}; expected a number from {least:g} to {most:g}")
    return float(value)


def channel_of(request: dict[str, Any], names: Sequence[str]) -> int:
    """Given by number or name; the first where none is given."""
    channel = request.get("channel", 0)
    if isinstance(channel, str) and channel in names:
        return list(names).index(channel)
    if isinstance(channel, int) and not isinstance(channel, bool) and 0 <= channel < len(names):
        return channel
    raise ValueError(f"channel {channel!r}; expected 0 to {len(names) - 1} or one of {', '.join(names)}")


def in_words(faults: Sequence[StandingFault], names: Sequence[str]) -> list[dict[str, Any]]:
    """The standing faults, for a status."""
    return [
        {"kind": fault.kind, **({"channel": names[fault.channel]} if fault.channel >= 0 else {})} for fault in faults
    ]
