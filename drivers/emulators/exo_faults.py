"""Faults of the emulated exo board, its cable and its encoders, on demand and for a while.

{"cmd": "fault", "kind": K, ..., "for_s": seconds or null}; KINDS says what each does and which parameters it takes: p
(0.2) share of frames hit, ms (10), jitter_ms (0), deg (45), off_s (0.3), name (the same); channel by number or name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from drivers.emulators.exo_board import ExoBoard
from drivers.emulators.leader_fault_requests import channel_of, in_words, kind_of, number, until_ns
from firmware_bridge.exo_terms import SampleStatus
from firmware_bridge.samples import INPUT_ENABLE, INPUT_ESTOP

_SHARES: Final = {
    "drop": "drop",
    "duplicate": "duplicate",
    "reorder": "reorder",
    "bit_flip": "flip",
    "wrong_length": "cut",
}
_CHANNEL_KINDS: Final = ("freeze", "offset", "silent_encoder", "device_error")
KINDS: Final[dict[str, str]] = {
    "drop": "frames are lost (p)",
    "duplicate": "frames come twice (p)",
    "reorder": "a frame comes after the next one (p)",
    "bit_flip": "one bit of a frame is wrong (p)",
    "wrong_length": "frames are cut (p)",
    "delay": "every frame is late (ms, jitter_ms)",
    "freeze": "a reading stays bit-identical with status OK (channel)",
    "offset": "a reading is off (channel, deg)",
    "silent_encoder": "it and all after it on the chain do not answer (channel)",
    "device_error": "the encoder says that its reading is not valid (channel)",
    "estop": "the emergency-stop contact is open",
    "enable_off": "the enable switch is released",
    "enable_through": "the enable switch is pressed through",
    "stop": "nothing reaches the host",
    "reboot": "power off and on again (off_s)",
    "unplug": "the port vanishes, and the board's power with it",
    "replug": "the port comes back (name)",
    "other_board": "another board is plugged in instead, its encoders mounted otherwise (serial_number)",
}
_RAW_PER_DEG: Final = (1 << 15) / 360.0
_OTHER_DEG: Final = 25.0
"""How much further round the other board's encoders are mounted."""


class _Fault(NamedTuple):
    kind: str
    until_ns: int | None
    share: float = 0.0
    channel: int = -1
    amount: float = 0.0
    jitter: float = 0.0


class BoardFaults:
    """Keeps the standing faults and puts them into the board."""

    def __init__(self, board: ExoBoard, names: Sequence[str], raw: Callable[[], list[int]]) -> None:
        """`raw`: the encoders' readings now."""
        self._board = board
        self._names = list(names)
        self._raw = raw
        self._faults: list[_Fault] = []
        self._power_on_ns: int | None = None
        self._serial_number = board.serial_number
        self.frozen: dict[int, int] = {}
        """Channels whose reading stands still -> that reading."""
        self.offset: dict[int, int] = {}
        """Channels whose reading is off -> by how many counts."""

    def active(self) -> list[dict[str, Any]]:
        """The standing faults, as words for a status."""
        return in_words(self._faults, self._names)

    def add(self, request: dict[str, Any], now_ns: int) -> None:
        """Raises ValueError, in words, for a fault that does not exist or parameters out of range."""
        kind = kind_of(request, KINDS)
        fault = _Fault(kind, until_ns(request, now_ns))
        if kind in _SHARES:
            fault = fault._replace(share=number(request, "p", 0.2, 0, 1))
        elif kind == "delay":
            amount, jitter = number(request, "ms", 10, 0, 10_000), number(request, "jitter_ms", 0, 0, 10_000)
            fault = fault._replace(amount=amount, jitter=jitter)
        elif kind in _CHANNEL_KINDS:
            fault = fault._replace(
                channel=channel_of(request, self._names), amount=number(request, "deg", 45, -3600, 3600)
            )
            if kind == "freeze":
                self.frozen[fault.channel] = self._raw()[fault.channel]
        elif kind == "reboot":
            self._board.kill()
            self._power_on_ns = now_ns + round(number(request, "off_s", 0.3, 0, 60) * 1e9)
            return
        elif kind == "unplug":
            self._board.kill()
        elif kind == "other_board":
            self._board.kill()
            self._board.serial_number = str(request.get("serial_number", "EMU-0002"))
            self._power_on_ns = now_ns
        elif kind == "replug":
            self._faults = [other for other in self._faults if other.kind != "unplug"]
            self._board.kill()
            self._board.link = str(request.get("name", "")) or self._board.link
            self._power_on_ns = now_ns
            return
        self._faults = [other for other in self._faults if (other.kind, other.channel) != (kind, fault.channel)]
        self._faults.append(fault)  # in the place of one of its kind on the same channel
        self._apply()

    def poll(self, now_ns: int) -> None:
        """End what was to last until now; give power back."""
        over = [fault for fault in self._faults if fault.until_ns is not None and fault.until_ns <= now_ns]
        if over:
            self._end(over, now_ns)
        if self._power_on_ns is not None and now_ns >= self._power_on_ns:
            self._power_on_ns = None
            if not self._board.is_on:
                self._board.start()

    def clear(self, now_ns: int) -> None:
        """End all faults; an unplugged board comes back."""
        self._end(list(self._faults), now_ns)

    def _end(self, over: list[_Fault], now_ns: int) -> None:
        self._faults = [fault for fault in self._faults if fault not in over]
        if any(fault.kind == "unplug" for fault in over):
            self._power_on_ns = now_ns
        if any(fault.kind == "other_board" for fault in over):
            self._board.kill()
            self._board.serial_number = self._serial_number
            self._power_on_ns = now_ns
        self._apply()

    def _apply(self) -> None:
        board, faults = self._board, self._faults
        for kind, word in _SHARES.items():
            share = max((fault.share for fault in faults if fault.kind == kind), default=0.0)
            board.set_word(word, min(65535, round(share * 65536)))
        delays = [fault for fault in faults if fault.kind == "delay"]
        board.set_word("delay_us", round(1000 * max((fault.amount for fault in delays), default=0.0)))
        board.set_word("jitter_us", round(1000 * max((fault.jitter for fault in delays), default=0.0)))
        kinds = {fault.kind for fault in faults}
        board.set_word("mute", int("stop" in kinds))
        enable = 0 if kinds & {"enable_off", "enable_through"} else INPUT_ENABLE
        board.set_word("inputs", enable | (INPUT_ESTOP if "estop" in kinds else 0))
        frozen = {fault.channel for fault in faults if fault.kind == "freeze"}
        self.frozen = {n: reading for n, reading in self.frozen.items() if n in frozen}
        other = round(_OTHER_DEG * _RAW_PER_DEG) if "other_board" in kinds else 0
        self.offset = dict.fromkeys(range(len(self._names)), other) if other else {}
        for fault in faults:
            if fault.kind == "offset":
                self.offset[fault.channel] = other + round(fault.amount * _RAW_PER_DEG)
        silent = min((f.channel for f in faults if f.kind == "silent_encoder"), default=len(self._names))
        failed = {f.channel for f in faults if f.kind == "device_error"}
        for n in range(len(self._names)):
            status = SampleStatus.DEVICE_ERROR if n in failed else SampleStatus.OK
            board.set_status(n, SampleStatus.MISSING if n >= silent else status)
