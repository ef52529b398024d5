"""Faults of the emulated exo board, its cable and its encoders, on demand and for a while.

{"cmd": "fault", "kind": K, ..., "for_s": seconds or null}; KINDS says what each does and which parameters it takes: p
(0.2) share of frames hit, ms (10), jitter_ms (0), deg (45), s (3; of clock_step -3600), ppm (-50000), off_s (0.3), name
(its own); channel by number or name. What the board makes of a fault is the C reference's own doing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from drivers.emulators import switch_hand
from drivers.emulators.exo_board import ExoBoard
from drivers.emulators.leader_fault_requests import (
    FIELDS,
    REPLUG_WORDS,
    channel_of,
    in_words,
    kind_of,
    link_of,
    number,
    refuse_unknown,
    until_ns,
)
from firmware_bridge.exo_terms import SampleStatus
from firmware_bridge.samples import INPUT_ESTOP

_SHARES: Final = {
    "drop": "drop",
    "duplicate": "duplicate",
    "reorder": "reorder",
    "bit_flip": "flip",
    "wrong_length": "cut",
    "wrong_seq": "wrong_seq",
}
_CHANNEL_KINDS: Final = ("freeze", "offset", "drift", "nan", "silent_encoder", "device_error", "checksum")
KINDS: Final[dict[str, str]] = {
    "drop": "frames are lost (p)",
    "duplicate": "frames come twice (p)",
    "reorder": "a frame comes after the next one (p)",
    "bit_flip": "one bit of a frame is wrong (p)",
    "wrong_length": "frames are cut (p)",
    "wrong_seq": "samples carry another number (p)",
    "delay": "every frame is late (ms, jitter_ms)",
    "freeze": "a reading stays bit-identical with status OK (channel)",
    "offset": "a reading is off (channel, deg)",
    "drift": "a reading drifts off and comes back (channel, deg, s)",
    "nan": "a reading is no number: all its bits are set, more than a turn has, with status OK (channel)",
    "silent_encoder": "it and all after it on the chain do not answer (channel)",
    "device_error": "the encoder says that its reading is not valid (channel)",
    "checksum": "the encoder's answers are damaged, and the board says so (channel)",
    "estop": "the emergency-stop contact is open",
    **switch_hand.KINDS,
    "stop": "nothing reaches the host",
    "reboot": "power off and on again (off_s)",
    "unplug": "the port vanishes, and the board's power with it",
    "replug": REPLUG_WORDS,
    "other_board": "another board is plugged in instead, its encoders mounted otherwise (serial_number)",
    "clock_step": "the board's clock, and with it its schedule, jumps (s)",
    "clock_drift": "the board's clock runs slower or quicker than it should (ppm; below 0: slower)",
}
_FIELDS: Final[dict[str, frozenset[str]]] = {
    **{kind: frozenset({"p"}) for kind in _SHARES},
    **{kind: frozenset({"channel"}) for kind in _CHANNEL_KINDS},
    **FIELDS,
}
_TURN: Final = 1 << 15
_ALL_BITS: Final = 0xFFFF
"""Of a reading's 16: what a line that hangs at its upper level gives."""
_RAW_PER_DEG: Final = (1 << 15) / 360.0
_STATUS: Final = {"device_error": SampleStatus.DEVICE_ERROR, "checksum": SampleStatus.CHECKSUM}
_OTHER_DEG: Final = 25.0
"""How much further round the other board's encoders are mounted."""


class _Fault(NamedTuple):
    kind: str
    until_ns: int | None
    share: float = 0.0
    channel: int = -1
    amount: float = 0.0
    jitter: float = 0.0
    since_ns: int = 0
    lasts_s: float = 0.0


class BoardFaults:
    """Keeps the standing faults and puts them into the board."""

    def __init__(self, board: ExoBoard, names: Sequence[str], raw: Callable[[], list[int]]) -> None:
        """`raw`: the encoders' readings now. The board's words for its clock stand as it is to begin."""
        self._board = board
        self._names = list(names)
        self._raw = raw
        self._faults: list[_Fault] = []
        self._power_on_ns: int | None = None
        self._serial_number = board.serial_number
        self._own_link = board.link
        self._ppm = board.word("clock_ppm")
        self._frozen: dict[int, int] = {}
        """Channels whose reading stands still -> that reading."""
        self._offset: dict[int, int] = {}
        """Channels whose reading is off -> by how many counts."""
        self._drifts: list[_Fault] = []
        self._no_number: list[int] = []
        self._hand = switch_hand.SwitchHand()

    def active(self) -> list[dict[str, Any]]:
        """The standing faults, as words for a status."""
        return in_words(self._faults, self._names)

    def add(self, request: dict[str, Any], now_ns: int) -> None:
        """Raises ValueError, in words, for a fault that does not exist or parameters out of range."""
        kind = kind_of(request, KINDS)
        refuse_unknown(request, kind, _FIELDS)
        fault = _Fault(kind, until_ns(request, now_ns))
        if kind in _SHARES:
            fault = fault._replace(share=number(request, "p", 0.2, 0, 1))
        elif kind == "delay":
            amount, jitter = number(request, "ms", 10, 0, 10_000), number(request, "jitter_ms", 0, 0, 10_000)
            fault = fault._replace(amount=amount, jitter=jitter)
        elif kind in _CHANNEL_KINDS:
            fault = fault._replace(
                channel=channel_of(request, self._names),
                amount=number(request, "deg", 45, -3600, 3600) * _RAW_PER_DEG,
                since_ns=now_ns,
                lasts_s=number(request, "s", 3, 0.1, 3600),
            )
            if kind == "freeze":
                self._frozen[fault.channel] = self._raw()[fault.channel]
        elif kind == "clock_step":
            start_us = self._board.word("clock_start_us") + round(number(request, "s", -3600, -4000, 4000) * 1e6)
            self._board.set_word("clock_start_us", start_us & 0xFFFF_FFFF)
            return
        elif kind == "clock_drift":
            fault = fault._replace(amount=number(request, "ppm", -50_000, -200_000, 200_000))
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
            link = link_of(request, self._own_link, self._board.link)
            self._faults = [other for other in self._faults if other.kind != "unplug"]
            self._replug(link, now_ns)
            return
        self._faults = [other for other in self._faults if (other.kind, other.channel) != (kind, fault.channel)]
        self._faults.append(fault)  # in the place of one of its kind on the same channel
        self._apply()

    def read(self, raw: list[int], now_ns: int) -> list[int]:
        """What the encoders give the board instead of `raw`."""
        for channel, count in self._offset.items():
            raw[channel] += count
        for fault in self._drifts:
            share = min(1.0, (now_ns - fault.since_ns) * 1e-9 / fault.lasts_s)
            raw[fault.channel] += round(fault.amount * (1 - math.cos(math.tau * share)) / 2)
        for channel, count in self._frozen.items():
            raw[channel] = count
        raw = [count % _TURN for count in raw]
        for channel in self._no_number:
            raw[channel] = _ALL_BITS
        return raw

    def poll(self, now_ns: int) -> None:
        """End what was to last until now; give power back; move the worker's hand."""
        over = [fault for fault in self._faults if fault.until_ns is not None and fault.until_ns <= now_ns]
        if over:
            self._end(over, now_ns)
        if self._power_on_ns is not None and now_ns >= self._power_on_ns:
            self._power_on_ns = None
            if not self._board.is_on:
                self._board.start()
        kinds = {fault.kind for fault in self._faults}
        estop = INPUT_ESTOP if "estop" in kinds else 0
        self._board.set_word("inputs", estop | self._hand.inputs(kinds, now_ns))

    def clear(self, now_ns: int) -> None:
        """End all faults; the board comes back where it is unplugged or its port has another name than its own."""
        self._end(list(self._faults), now_ns)
        if self._board.link != self._own_link:
            self._replug(self._own_link, now_ns)

    def _replug(self, link: str, now_ns: int) -> None:
        self._board.kill()
        self._board.link = link
        self._power_on_ns = now_ns

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
        drift = [fault.amount for fault in faults if fault.kind == "clock_drift"]
        board.set_word("clock_ppm", round(drift[-1]) if drift else self._ppm)
        frozen = {fault.channel for fault in faults if fault.kind == "freeze"}
        self._frozen = {n: reading for n, reading in self._frozen.items() if n in frozen}
        self._drifts = [fault for fault in faults if fault.kind == "drift"]
        self._no_number = [fault.channel for fault in faults if fault.kind == "nan"]
        other = round(_OTHER_DEG * _RAW_PER_DEG) if "other_board" in kinds else 0
        self._offset = dict.fromkeys(range(len(self._names)), other) if other else {}
        for fault in faults:
            if fault.kind == "offset":
                self._offset[fault.channel] = other + round(fault.amount)
        silent = min((f.channel for f in faults if f.kind == "silent_encoder"), default=len(self._names))
        failed = {f.channel: _STATUS[f.kind] for f in faults if f.kind in _STATUS}
        for n in range(len(self._names)):
            board.set_status(n, SampleStatus.MISSING if n >= silent else failed.get(n, SampleStatus.OK))
