"""The CAN side of the exo wire as a DBC file, for ordinary CAN tools; made from the message classes."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from firmware_bridge.exo_can import OWN_IDENTIFIER, Function, identifier
from firmware_bridge.exo_fields import Scalar
from firmware_bridge.exo_messages import TYPE_OF, fields_of, wire_name
from firmware_bridge.exo_terms import MAX_CHANNELS, BoardState, FaultCode, SampleStatus

NARROW_PER_PART: Final = 4
STATES_PER_PART: Final = 8
WHOLE_CHANNELS: Final = 16
"""SAMPLE_WHOLE is described for the usual board of 16 channels of 2 bytes."""
_INPUTS: Final = ("enable", "estop", "has_enable", "has_estop", "trigger", "has_trigger", "enable_through")
_VALUES: Final[dict[tuple[str, str], type[IntEnum]]] = {
    ("FAULT", "code"): FaultCode,
    ("BOARD_BEAT", "state"): BoardState,
}
_UNITS: Final = {"_us": "us", "_ms": "ms", "_hz": "Hz"}


class _Signal(NamedTuple):
    name: str
    start_bit: int
    bits: int
    is_signed: bool = False
    values: type[IntEnum] | None = None


class _Frame(NamedTuple):
    name: str
    function: int
    size: int
    is_from_board: bool
    signals: list[_Signal]


def dbc(node: int = 1) -> str:
    """The text of the DBC file for one node."""
    frames = sorted(_frames(), key=lambda frame: frame.function)
    lines = ['VERSION "exo wire 1"', "", "NS_ :", "", "BS_:", "", "BU_: HOST BOARD", ""]
    for frame in frames:
        sender, receiver = ("BOARD", "HOST") if frame.is_from_board else ("HOST", "BOARD")
        lines.append(f"BO_ {identifier(frame.function, node)} {frame.name}: {frame.size} {sender}")
        for signal in frame.signals:
            lower, upper = _range(signal)
            sign = "-" if signal.is_signed else "+"
            lines.append(
                f" SG_ {signal.name} : {signal.start_bit}|{signal.bits}@1{sign} (1,0) [{lower}|{upper}]"
                f' "{_unit(signal.name)}" {receiver}'
            )
        lines.append("")
    lines += ['BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","StandardCAN_FD","ExtendedCAN_FD";']
    lines += ['BA_DEF_DEF_ "VFrameFormat" "StandardCAN";']
    lines += [f'BA_ "VFrameFormat" BO_ {identifier(Function.SAMPLE_WHOLE, node)} 2;']
    for frame in frames:
        for signal in frame.signals:
            if signal.values is not None:
                words = " ".join(f'{item.value} "{item.name}"' for item in reversed(signal.values))
                lines.append(f"VAL_ {identifier(frame.function, node)} {signal.name} {words} ;")
    return "\n".join([*lines, ""])


def _frames() -> list[_Frame]:
    frames = []
    for cls, function in OWN_IDENTIFIER.items():
        at, signals, name = 0, [], wire_name(cls)
        for field in fields_of(cls):
            assert isinstance(field.kind, Scalar)
            bits = 8 * field.kind.size
            values = _VALUES.get((name, field.name))
            signals.append(_Signal(field.name, at, bits, field.kind.code.islower(), values))
            at += bits
        frames.append(_Frame(name, function, at // 8, TYPE_OF[cls] >= 0x80, signals))
    for part in range(MAX_CHANNELS // NARROW_PER_PART):
        counts = [_Signal(f"count_{part * NARROW_PER_PART + i}", 16 * i, 16) for i in range(NARROW_PER_PART)]
        frames.append(_Frame(f"SAMPLE_COUNTS_{part}", Function.SAMPLE_COUNTS + part, 8, True, counts))
    for part in range(MAX_CHANNELS // STATES_PER_PART):
        states = [s for i in range(STATES_PER_PART) for s in _state(part * STATES_PER_PART + i, 8 * i)]
        frames.append(_Frame(f"SAMPLE_STATES_{part}", Function.SAMPLE_STATES + part, 8, True, states))
    tail = [_Signal("device_us", 0, 32), _Signal("seq", 32, 8), *_inputs(40), _Signal("states_sent", 47, 1)]
    frames.append(_Frame("SAMPLE_TAIL", Function.SAMPLE_TAIL, 8, True, [*tail, _Signal("crc16", 48, 16)]))
    whole = [_Signal("seq", 0, 32), _Signal("device_us", 32, 32), *_inputs(64), _Signal("channels", 72, 7)]
    whole += [_Signal("is_wide", 79, 1)]
    whole += [_Signal(f"count_{i}", 80 + 16 * i, 16) for i in range(WHOLE_CHANNELS)]
    whole += [s for i in range(WHOLE_CHANNELS) for s in _state(i, 80 + 16 * WHOLE_CHANNELS + 8 * i)]
    frames.append(_Frame("SAMPLE_WHOLE", Function.SAMPLE_WHOLE, 64, True, whole))
    segment = [_Signal("low_nibble", 0, 4), _Signal("kind", 4, 4), _Signal("rest", 8, 56)]
    frames.append(_Frame("TO_BOARD", Function.TO_BOARD, 8, False, segment))
    frames.append(_Frame("TO_HOST", Function.TO_HOST, 8, True, segment))
    return frames


def _state(channel: int, start_bit: int) -> list[_Signal]:
    return [
        _Signal(f"status_{channel}", start_bit, 4, values=SampleStatus),
        _Signal(f"age_{channel}_ms", start_bit + 4, 4),
    ]


def _inputs(start_bit: int) -> list[_Signal]:
    return [_Signal(name, start_bit + i, 1) for i, name in enumerate(_INPUTS)]


def _range(signal: _Signal) -> tuple[int, int]:
    if signal.is_signed:
        return -(1 << (signal.bits - 1)), (1 << (signal.bits - 1)) - 1
    return 0, (1 << signal.bits) - 1


def _unit(name: str) -> str:
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
