"""Faults of the emulated KER hub, its cables and its encoders, on demand and for a while.

{"cmd": "fault", "kind": K, ..., "for_s": seconds or null}. Kinds and their parameters (default):
    drop, duplicate, reorder, bit_flip, wrong_seq, wrong_length   p (0.2): share of frames hit
    delay            ms (10), jitter_ms (0): every frame is late by so much
    freeze           channel: its reading stays bit-identical with error = false, as real firmware 2.0.0 does
    offset           channel, deg (45): its reading is off
    drift            channel, deg (45), s (3): its reading drifts off by so much and comes back, in so many seconds
    nan              channel: NaN (firmware 2.1.0 has none: it sends -327.68 deg)
    silent_encoder   channel: it and all after it on the chain are missing: error bits on 2.1.0, frozen on 2.0.0
    stop             silence: samples are neither taken nor sent
    reboot           off_s (0.3): clock and numbers restart, STANDBY
    unplug           the port vanishes; after for_s, or by a "replug", it is there again
    replug           name (its own): the port comes back, in STANDBY
    other_board      serial_number (EMU-0002): another exoskeleton is plugged in instead, its encoders mounted otherwise
    clock_step       s (-3600): the hub's clock jumps, its numbers go on
    clock_drift      ppm (-50000): the hub's clock, and with it its schedule, runs slower (below 0) or quicker
Channels are given by number or by name.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drivers.emulators.ker_hub import KerHub
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
from drivers.emulators.pty_port import PtyPort

_FRAME_KINDS: Final = ("drop", "duplicate", "reorder", "bit_flip", "wrong_seq", "wrong_length")
_CHANNEL_KINDS: Final = ("freeze", "offset", "drift", "nan", "silent_encoder")
KINDS: Final[dict[str, str]] = {
    "drop": "frames are lost (p: share of frames, 0.2)",
    "duplicate": "frames come twice (p)",
    "reorder": "a frame comes after the next one (p)",
    "bit_flip": "one bit of a frame is wrong (p)",
    "wrong_seq": "a frame carries another number (p)",
    "wrong_length": "a frame is too short or too long (p)",
    "freeze": "an encoder's reading stays bit-identical (channel)",
    "offset": "an encoder's reading is off (channel, deg)",
    "drift": "an encoder's reading drifts off and comes back (channel, deg, s)",
    "nan": "an encoder's reading is no number (channel; KER firmware 2.1.0 cannot say so: -327.68 deg)",
    "silent_encoder": "an encoder and all after it on the chain are missing (channel)",
    "delay": "frames come late (ms, jitter_ms)",
    "stop": "silence",
    "unplug": "the port vanishes, until a replug",
    "replug": REPLUG_WORDS,
    "reboot": "clock and numbers restart, the hub stands by (off_s)",
    "other_board": "another exoskeleton is plugged in instead, with other zeros (serial_number)",
    "clock_step": "the hub's or board's clock jumps (s)",
    "clock_drift": "the hub's or board's clock runs slower (below 0) or quicker than it should (ppm)",
}
_FIELDS: Final[dict[str, frozenset[str]]] = {
    **{kind: frozenset({"p"}) for kind in _FRAME_KINDS},
    **{kind: frozenset({"channel"}) for kind in _CHANNEL_KINDS},
    **FIELDS,
}
_RAW_PER_DEG: Final = (1 << 15) / 360.0
_OTHER_DEG: Final = tuple([(37 * n + 20) % 70 - 35.0 for n in range(64)])
"""How much further round the other exoskeleton's encoders are mounted."""


@dataclass(slots=True)
class _Fault:
    kind: str
    until_ns: int | None
    p: float = 0.2
    channel: int = -1
    amount: float = 0.0
    jitter: float = 0.0
    since_ns: int = 0
    lasts_s: float = 0.0
    held: dict[int, int] = field(default_factory=dict)
    """Readings that stand still, by channel."""


class HubFaults:
    """Stands between the hub and its port while any fault is active."""

    def __init__(self, hub: KerHub, port: PtyPort, names: Sequence[str], seed: int) -> None:
        self._hub = hub
        self._port = port
        self._names = list(names)
        self._random = random.Random(seed + 1)
        self._faults: list[_Fault] = []
        self._behind: deque[tuple[int, bytes]] = deque()  # delayed: due, frame
        self._kept: bytes | None = None  # to be overtaken by the next one
        self._off_ns = 0
        self._serial_number = port.serial_number
        self._own_link = port.link
        self.clock_step_us = 0
        """How far the hub's clock has jumped; whoever keeps its clock adds it."""
        self.restarted = False
        """Set when the hub has lost power; whoever keeps its clock clears it."""

    @property
    def is_active(self) -> bool:
        return bool(self._faults or self._behind or self._kept)

    @property
    def drift_ppm(self) -> float | None:
        """How much quicker its clock runs than it should; None: as it always does."""
        return next((fault.amount for fault in reversed(self._faults) if fault.kind == "clock_drift"), None)

    def is_off(self, now_ns: int) -> bool:
        """Whether the hub is without power, or hung: it obeys nothing."""
        return now_ns < self._off_ns

    def active(self) -> list[dict[str, Any]]:
        """The standing faults, as words for a status."""
        return in_words(self._faults, self._names)

    def add(self, request: dict[str, Any], now_ns: int) -> None:
        """Raises ValueError, in words, for a fault that does not exist or parameters out of range."""
        kind = kind_of(request, KINDS)
        refuse_unknown(request, kind, _FIELDS)
        fault = _Fault(kind, until_ns(request, now_ns))
        if kind in _FRAME_KINDS:
            fault.p = number(request, "p", 0.2, 0, 1)
        elif kind == "delay":
            fault.amount = number(request, "ms", 10, 0, 10_000)
            fault.jitter = number(request, "jitter_ms", 0, 0, 10_000)
        elif kind in _CHANNEL_KINDS:
            fault.channel = channel_of(request, self._names)
            fault.amount = number(request, "deg", 45, -3600, 3600) * _RAW_PER_DEG
            fault.since_ns, fault.lasts_s = now_ns, number(request, "s", 3, 0.1, 3600)
            reading = self._hub.raw(0)
            last = len(reading) if kind == "silent_encoder" else fault.channel + 1
            if kind in ("freeze", "silent_encoder"):
                fault.held = {n: reading[n] for n in range(fault.channel, last)}
        elif kind == "reboot":
            self._hub.reboot()
            self._off_ns = now_ns + round(number(request, "off_s", 0.3, 0, 60) * 1e9)
            self.restarted = True
            return
        elif kind == "unplug":
            self._port.unplug()
            self._hub.reboot()  # the cable carries its power, too
            self.restarted = True
        elif kind == "replug":
            self._replug(link_of(request, self._own_link, self._port.link))
            return
        elif kind == "clock_step":
            self.clock_step_us += round(number(request, "s", -3600, -4000, 4000) * 1e6)
            return
        elif kind == "clock_drift":
            fault.amount = number(request, "ppm", -50_000, -200_000, 200_000)
        elif kind == "other_board":
            is_swapped = any(other.kind == kind for other in self._faults)
            self._swap(str(request.get("serial_number", "EMU-0002")), 0 if is_swapped else 1)
        self._faults = [other for other in self._faults if (other.kind, other.channel) != (kind, fault.channel)]
        self._faults.append(fault)  # in the place of one of its kind on the same channel
        self._mark()

    def expire(self, now_ns: int) -> None:
        """End what was to last until now."""
        if not any(fault.until_ns is not None and fault.until_ns <= now_ns for fault in self._faults):
            return
        over = [fault for fault in self._faults if fault.until_ns is not None and fault.until_ns <= now_ns]
        self._faults = [fault for fault in self._faults if fault not in over]
        self._end(over)

    def clear(self) -> None:
        """End all faults; the port comes back where it is unplugged or has another name than its own."""
        over, self._faults = self._faults, []
        self._end(over)
        if self._port.link != self._own_link:
            self._replug(self._own_link)
        self._port.plug()

    def _end(self, over: Sequence[_Fault]) -> None:
        kinds = {fault.kind for fault in over}
        if "unplug" in kinds:
            self._port.plug()
        if "other_board" in kinds and self._port.serial_number != self._serial_number:
            self._swap(self._serial_number, -1)
        self._mark()

    def _swap(self, serial_number: str, sign: int) -> None:
        """Out with one exoskeleton, in with another."""
        self._port.unplug()
        self._port.serial_number = serial_number
        self._hub.swap([sign * shift for shift in _OTHER_DEG[: self._hub.codec.channel_count]])
        self._hub.reboot()
        self.restarted = True
        self._port.plug()

    def frames(self, timestamp_us: int, k: int, now_ns: int) -> list[bytes]:
        """What goes out instead of the one frame of this sample (see KerHub.frame)."""
        hub = self._hub
        rng = self._random
        kinds = {fault.kind: fault for fault in self._faults}
        if "stop" in kinds:
            return self._due(now_ns)
        raw = hub.raw(k)
        for fault in self._faults:
            if fault.kind == "offset":
                raw[fault.channel] += round(fault.amount)
            elif fault.kind == "drift":
                share = min(1.0, (now_ns - fault.since_ns) * 1e-9 / fault.lasts_s)
                raw[fault.channel] += round(fault.amount * (1 - math.cos(math.tau * share)) / 2)
        nan = [fault.channel for fault in self._faults if fault.kind == "nan"]
        seq = hub.number()
        hit = {kind for kind, fault in kinds.items() if kind in _FRAME_KINDS and rng.random() < fault.p}
        if "wrong_seq" in hit:
            if hub.codec.has_seq:
                frame = hub.encode(timestamp_us, rng.getrandbits(32), raw, nan)
            else:
                frame = hub.encode(rng.getrandbits(32), seq, raw, nan)
        else:
            frame = hub.encode(timestamp_us, seq, raw, nan)
        if "bit_flip" in hit:
            at = rng.randrange(2, len(frame))
            frame = frame[:at] + bytes([frame[at] ^ 1 << rng.randrange(8)]) + frame[at + 1 :]
        if "wrong_length" in hit:
            frame = frame[: rng.randrange(1, len(frame))] if rng.random() < 0.5 else frame + rng.randbytes(5)
        out = [] if "drop" in hit else [frame]
        if "duplicate" in hit:
            out = out * 2
        if self._kept is not None:
            out.append(self._kept)
            self._kept = None
        elif "reorder" in hit and out:
            self._kept = out.pop()
        delay = kinds.get("delay")
        if delay is None and not self._behind:
            return out
        late_ns = round((delay.amount + delay.jitter * rng.random()) * 1e6) if delay is not None else 0
        for frame in out:
            # One cable: nothing overtakes.
            due_ns = max(now_ns + late_ns, self._behind[-1][0] if self._behind else 0)
            self._behind.append((due_ns, frame))
        return self._due(now_ns)

    def _due(self, now_ns: int) -> list[bytes]:
        out = []
        while self._behind and self._behind[0][0] <= now_ns:
            out.append(self._behind.popleft()[1])
        return out

    def _replug(self, link: str) -> None:
        self._faults = [fault for fault in self._faults if fault.kind != "unplug"]
        self._port.unplug()
        self._port.plug(link)
        self._hub.reboot()
        self.restarted = True

    def _mark(self) -> None:
        """Put the standing faults into the hub."""
        hub = self._hub
        hub.frozen = {}
        hub.error_mask = 0
        for fault in self._faults:
            hub.frozen.update(fault.held)
            if fault.kind == "silent_encoder" and hub.codec.has_seq:
                for n in fault.held:
                    hub.error_mask |= 1 << n
