"""Reads a fault request of the follower's control socket: JSON fields in, checked `Fault`s out, one a bus it hits.

`kind` is one of FAULT_KINDS; `bus` a name or index (absent: all buses); `motor` an id (absent: all motors of the bus);
`for_s` its duration (absent or null: until `clear`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from drivers.emulators.follower_bus import Fault, FollowerBus
from firmware_bridge.damiao import FAULT_STATUSES

FAULT_KINDS: Final[dict[str, str]] = {
    "drop": "answers are lost (probability)",
    "drop_commands": "frames to the motor are lost (probability)",
    "duplicate": "answers come twice (probability)",
    "reorder": "an answer comes after the motor's next one (probability)",
    "delay": "answers come late (delay_ms, probability)",
    "freeze": "position, velocity and torque of the answers stand still",
    "bit_flip": "one bit of an answer is wrong (probability)",
    "wrong_length": "answers are too short or too long (probability)",
    "silent": "the motor's wire is cut: it neither hears nor answers",
    "power_off": "the motor has no supply; when it is back, it has forgotten what was not stored",
    "status": "the motor finds a fault in itself (status, 8 to 14) and does so again when cleared",
    "temperature": "the motor is as hot as said (mosfet_c, rotor_c)",
    "load": "something presses against the joint (torque_nm)",
    "registers": "registers hold something else (registers, NUMBER:VALUE,..)",
    "bus_off": "the controllers leave the bus: an error frame, then nothing passes",
    "error_frames": "error frames arrive (rate_hz)",
    "full_queue": "nothing takes frames off the senders",
    "unplug": "the adapter is gone until the fault ends",
}
_WHOLE_BUS: Final = frozenset({"bus_off", "error_frames", "full_queue", "unplug"})
_COMMON: Final = frozenset({"cmd", "kind", "bus", "motor", "for_s"})
_FIELDS: Final[dict[str, frozenset[str]]] = {
    **{
        kind: frozenset({"probability"})
        for kind in ("drop", "drop_commands", "duplicate", "reorder", "freeze", "bit_flip", "wrong_length")
    },
    "delay": frozenset({"delay_ms", "probability"}),
    "status": frozenset({"status"}),
    "temperature": frozenset({"mosfet_c", "rotor_c"}),
    "load": frozenset({"torque_nm"}),
    "registers": frozenset({"registers"}),
    "error_frames": frozenset({"rate_hz"}),
}


def read_fault(request: dict[str, Any], buses: Sequence[FollowerBus], now_ns: int) -> list[Fault]:
    """Raises ValueError, in words, on an unknown kind, bus, motor or field, or a value outside its bounds."""
    kind = request.get("kind")
    if kind not in FAULT_KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(FAULT_KINDS)}")
    unknown = request.keys() - _COMMON - _FIELDS.get(kind, frozenset())
    if unknown:
        raise ValueError(f"fault {kind} has no field {', '.join(sorted(unknown))}")
    motor = request.get("motor")
    if motor is not None and kind in _WHOLE_BUS:
        raise ValueError(f"fault {kind} hits a whole bus; leave out motor {motor!r}")
    for_s = request.get("for_s")
    ends_ns = None if for_s is None else now_ns + int(_number(request, "for_s", 0.001, 3600) * 1e9)
    mosfet_c, rotor_c = _temperatures(request, kind)
    return [
        Fault(
            kind=kind,
            bus=bus.index,
            motor=_motor(motor, bus),
            probability=_number(request, "probability", 0, 1, 1.0),
            delay_ns=int(_number(request, "delay_ms", 0, 10_000, 0.0 if kind != "delay" else None) * 1e6),
            rate_hz=_number(request, "rate_hz", 0.1, 1000, 100.0),
            status=_status(request) if kind == "status" else 0,
            mosfet_c=mosfet_c,
            rotor_c=rotor_c,
            load_nm=_number(request, "torque_nm", -100, 100) if kind == "load" else 0.0,
            registers=_registers(request, kind),
            ends_ns=ends_ns,
        )
        for bus in _buses(request.get("bus"), buses)
    ]


def _buses(wanted: object, buses: Sequence[FollowerBus]) -> list[FollowerBus]:
    found = [
        bus for bus in buses if wanted is None or wanted == bus.name or (wanted == bus.index and wanted is not True)
    ]
    if not found:
        raise ValueError(f"bus is {wanted!r}; expected one of {', '.join(bus.name for bus in buses)} or an index")
    return found


def _motor(wanted: object, bus: FollowerBus) -> int | None:
    if wanted is None:
        return None
    if not isinstance(wanted, int) or wanted not in bus.motors:
        raise ValueError(f"motor is {wanted!r}; expected an id of bus {bus.name}: {', '.join(map(str, bus.motors))}")
    return wanted


def _number(request: dict[str, Any], key: str, lower: float, upper: float, default: float | None = None) -> float:
    value = request.get(key, default)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not lower <= value <= upper:
        raise ValueError(f"{key} is {value!r}; expected a number {lower:g} to {upper:g}")
    return float(value)


def _status(request: dict[str, Any]) -> int:
    status = request.get("status")
    if not isinstance(status, int) or status not in FAULT_STATUSES:
        raise ValueError(f"status is {status!r}; expected a fault code of the motor, 8 to 14")
    return status


def _temperatures(request: dict[str, Any], kind: str) -> tuple[float | None, float | None]:
    mosfet_c, rotor_c = (_number(request, key, -40, 255) if key in request else None for key in ("mosfet_c", "rotor_c"))
    if kind == "temperature" and mosfet_c is None and rotor_c is None:
        raise ValueError("fault temperature: expected mosfet_c or rotor_c")
    return mosfet_c, rotor_c


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # refused with its name


def _registers(request: dict[str, Any], kind: str) -> dict[int, float]:
    if kind != "registers":
        return {}
    given = request.get("registers")
    if isinstance(given, str):  # as a person types it
        given = {rid.strip(): _value(text) for rid, _, text in (part.partition(":") for part in given.split(","))}
    if not isinstance(given, dict) or not given:
        raise ValueError(f"registers is {given!r}; expected register numbers with their values, e.g. '21:6.25,10:2'")
    found: dict[int, float] = {}
    for rid, value in given.items():
        if not str(rid).isdigit() or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
            raise ValueError(f"registers: {rid!r} = {value!r}; expected a register number and a value from 0")
        if int(rid) in (21, 22, 23) and value == 0:
            raise ValueError(f"registers: {rid} = 0; expected a range above 0")
        found[int(rid)] = value
    return found
