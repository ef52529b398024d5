"""What the fault requests of all emulated leaders have in common: {"cmd": "fault", "kind": K, ..., "for_s": s or null}.

Everything here raises ValueError in words: thing, value, expected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
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
REPLUG_WORDS: Final = "the port comes back (name: another one, in the rig's runtime folder; none: its own)"
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


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


def link_of(request: Mapping[str, Any], own: str, now: str) -> str:
    """Where a port that is plugged in again appears: under its own name where none is given, a name without a folder
    beside its own, an absolute path as it stands. `now`: where it is at present, or was until it was unplugged."""
    name = str(request.get("name") or "")
    if not name:
        return own
    path = Path(own).parent / name
    is_whole = "/" not in name or Path(name).is_absolute()
    is_there = path.parent.is_dir() and os.access(path.parent, os.W_OK)
    if not (is_whole and is_there and _NAME.fullmatch(path.name)):
        raise ValueError(
            f"name {name!r}; expected one without a folder, e.g. other.tty, which then lies beside {own}, or an "
            "absolute path in a folder that can be written to"
        )
    if os.path.lexists(path) and str(path) not in (own, now):
        raise ValueError(f"name {name!r}; expected one that nothing has yet: {path} is there already")
    return str(path)


def in_words(faults: Sequence[StandingFault], names: Sequence[str]) -> list[dict[str, Any]]:
    """The standing faults, for a status."""
    return [
        {"kind": fault.kind, **({"channel": names[fault.channel]} if fault.channel >= 0 else {})} for fault in faults
    ]
