"""What `station firmware` says: a board, a parameter, how far an update has come; as words and as documents."""

from __future__ import annotations

import sys
from typing import Any, Final

from firmware_bridge import params
from firmware_bridge.exo_messages import Param, Stats
from firmware_bridge.handshake import Board

_BAR: Final = 30
_NO_SENSOR: Final = -32768
_EVERY_PERCENT: Final = 25
"""Where no terminal stands: a line each so many percent."""


class Progress:
    """How far an update has come, on the standard error: one bar on a terminal, a few lines elsewhere."""

    def __init__(self, *, is_quiet: bool) -> None:
        self.step = ""
        self.done = 0
        self.total = 0
        self._is_quiet = is_quiet
        self._is_terminal = sys.stderr.isatty()
        self._told = -1
        self._calls = 0

    def say(self, step: str, done: int, total: int) -> None:
        is_new = step != self.step
        self._calls += 1
        self.step, self.done, self.total = step, done, total
        if self._is_quiet:
            return
        percent = 100 * done // total if total else 100
        if self._calls == 2 and step == "upload" and done:  # the first answer of the board
            self.line(f"goes on where it stopped: {done} of {total} bytes are on the board")
        if self._is_terminal:
            bar = "#" * (_BAR * percent // 100)
            sys.stderr.write(f"\r{step:8} [{bar:{_BAR}}] {percent:3} %  {done} of {total} bytes")
            sys.stderr.flush()
        elif is_new or percent // _EVERY_PERCENT > self._told // _EVERY_PERCENT:
            sys.stderr.write(f"{step}: {percent} %, {done} of {total} bytes\n")
        self._told = percent

    def line(self, text: str) -> None:
        """A line of its own beside the bar."""
        if not self._is_quiet:
            sys.stderr.write(f"\r\x1b[K{text}\n" if self._is_terminal else f"{text}\n")

    def end(self) -> None:
        if self._is_terminal and not self._is_quiet and self.step:
            sys.stderr.write("\n")

    def interrupted(self, before: str) -> str:
        """Ctrl-C: where the board stands, and what to do."""
        if self.step in ("", "upload"):
            return (
                f"interrupted after {self.done} of {self.total} bytes; the board runs firmware {before} as before; the "
                "same command goes on there"
            )
        return (
            f"interrupted in '{self.step}'; the new firmware is on trial at most: unless it is confirmed, the board's "
            f"next start goes back to {before}; the same command tries again"
        )


def identity(board: Board) -> dict[str, Any]:
    hello = board.hello
    keys = ("make", "board", "serial_number", "firmware", "wire_version", "slot", "boots", "max_rate_hz")
    return {key: getattr(hello, key) for key in keys}


def words(identity: dict[str, Any]) -> str:
    return (
        f"{identity['make']} {identity['board']}, serial number {identity['serial_number']}, firmware "
        f"{identity['firmware']} in slot {identity['slot']}, wire {identity['wire_version']}, started "
        f"{identity['boots']} times"
    )


def param_document(param: Param) -> dict[str, Any]:
    lower, upper = params.bounds_of(param)
    return {
        "name": param.name,
        "value": params.value_of(param),
        "lower": lower,
        "upper": upper,
        "default": params.default_of(param),
        "unit": param.unit,
        "saved": bool(param.is_saved),
    }


def param_words(param: Param) -> str:
    lower, upper = params.bounds_of(param)
    saved = "" if param.is_saved else "  (not saved)"
    return f"{param.name:16} {params.value_of(param):g} {param.unit}  [{lower:g} .. {upper:g}]{saved}"


def counter_words(stats: Stats) -> str:
    """What the board has counted; a sensor that it does not have is left out."""
    sensors = ("temperature_cdeg", "supply_mv")
    found = [f"{name} {value}" for name, value in stats._asdict().items() if name not in sensors]
    if stats.temperature_cdeg != _NO_SENSOR:
        found.append(f"temperature {stats.temperature_cdeg / 100:g} C")
    if stats.supply_mv:
        found.append(f"supply {stats.supply_mv / 1000:g} V")
    return ", ".join(found)


def name_of(enum: Any, value: int) -> str:
    try:
        return str(enum(value).name).lower()
    except ValueError:
        return str(value)


def usb(vendor: int | None, product: int | None) -> str:
    return f"{vendor:04x}:{product:04x}" if vendor is not None and product is not None else ""
