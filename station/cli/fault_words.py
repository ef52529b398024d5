"""What `station fault` can do, in words: each fault of each side, its settings, and a line to type."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from drivers.emulators.exo_faults import KINDS as EXO_KINDS
from drivers.emulators.fault_requests import FAULT_KINDS
from drivers.emulators.ker_faults import KINDS as KER_KINDS
from station import process_faults

_EXO: Final = {kind: f"{words}; exo-wire boards only" for kind, words in EXO_KINDS.items() if kind not in KER_KINDS}
_KER: Final = {kind: words if kind in EXO_KINDS else f"{words}; KER hubs only" for kind, words in KER_KINDS.items()}
SIDES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"leader": {**_KER, **_EXO}, "arm": FAULT_KINDS, "station": process_faults.KINDS}
)
_TYPED: Final = {
    "leader": {
        **dict.fromkeys(("drop", "duplicate", "reorder", "bit_flip", "wrong_seq", "wrong_length"), "p=0.2"),
        **dict.fromkeys(("freeze", "nan", "silent_encoder", "device_error", "checksum"), "channel=right_j4"),
        "offset": "channel=right_j4 deg=45",
        "drift": "channel=right_j4 deg=45 s=3",
        "delay": "ms=90 jitter_ms=5",
        "replug": "name=other.tty",
        "reboot": "off_s=0.3",
        "other_board": "serial_number=EMU-0002",
        "clock_step": "s=-3600",
        "clock_drift": "ppm=-50000",
    },
    "arm": {
        **dict.fromkeys(("drop", "drop_commands", "duplicate", "reorder"), "bus=can_right motor=4 probability=0.5"),
        **dict.fromkeys(("bit_flip", "wrong_length"), "bus=can_right motor=4 probability=0.5"),
        **dict.fromkeys(("freeze", "silent", "power_off"), "bus=can_right motor=4"),
        "delay": "bus=can_right motor=4 delay_ms=20",
        "status": "bus=can_right motor=4 status=11",
        "temperature": "bus=can_right motor=4 mosfet_c=90",
        "load": "bus=can_right motor=4 torque_nm=20",
        "registers": "bus=can_right motor=4 registers=21:6.25,10:2",
        "error_frames": "bus=can_right rate_hz=100",
        **dict.fromkeys(("bus_off", "full_queue", "unplug"), "bus=can_right"),
    },
    "station": dict.fromkeys(process_faults.KINDS, "process=session"),
}
_MORE: Final = {
    "leader": "",
    "arm": "every one also takes bus and motor (absent: all of them)",
    "station": "",
}


def example(side: str, kind: str) -> str:
    """A line that a person can type, with every setting that the fault takes."""
    return f"station fault {side} {kind} {_TYPED[side].get(kind, '')}".rstrip()


def listing(sides: Mapping[str, Mapping[str, str]] = SIDES) -> str:
    lines: list[str] = []
    for side, kinds in sides.items():
        lines.append(f"{side}:" + (f"  {_MORE[side]}" if _MORE[side] else ""))
        for kind, words in kinds.items():
            lines += [f"  {kind:16} {words}", f"  {'':16} {example(side, kind)}"]
    lines.append("Each: --for S ends it after S seconds. For leader and arm 'clear' ends all, 'show' tells the state.")
    return "\n".join(lines)


def unknown(side: str, kind: str) -> str:
    """What to say of a fault that this side does not have, with those that may have been meant."""
    kinds = SIDES[side]
    meant = difflib.get_close_matches(kind, kinds, 2)
    meant += [name for name, words in kinds.items() if kind.lower() in re.findall(r"\w+", words) and name not in meant]
    elsewhere = [f"{other} {kind}" for other in SIDES if other != side and kind in SIDES[other]]
    guess = f"; did you mean {' or '.join([*meant, *elsewhere][:3])}?" if meant or elsewhere else ";"
    return f"{side} has no fault {kind!r}{guess} 'station fault {side} list' tells all, with a line to type for each"
