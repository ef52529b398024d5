"""Parameters of a board: their 32 bits as values, and what differs from the rig file."""

from __future__ import annotations

import difflib
import math
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import Param
from firmware_bridge.exo_terms import ParamKind

Value = float | int | bool
_LETTER = {ParamKind.U32: "I", ParamKind.I32: "i", ParamKind.F32: "f", ParamKind.BOOL: "I"}


class Difference(NamedTuple):
    """One parameter that is not as the rig file says."""

    param: Param
    found: Value
    wanted: Value

    @property
    def words(self) -> str:
        unit = f" {self.param.unit}" if self.param.unit else ""
        return f"parameter {self.param.name}: {self.found:g}{unit} on the board, {self.wanted:g}{unit} in the rig file"


def value_of(param: Param) -> Value:
    """The parameter's value. Raises WireError for a kind that this wire does not have."""
    return _from_bits(param, param.value)


def bounds_of(param: Param) -> tuple[Value, Value]:
    return _from_bits(param, param.lower), _from_bits(param, param.upper)


def default_of(param: Param) -> Value:
    return _from_bits(param, param.default_value)


def bits_of(param: Param, value: Value) -> int:
    """The 32 bits to send for `value`. Raises WireError outside the parameter's bounds or not of its kind."""
    lower, upper = bounds_of(param)
    if not math.isfinite(value) or not lower <= value <= upper:
        raise WireError(f"parameter {param.name}: {value}; expected {lower:g} to {upper:g} {param.unit}".rstrip())
    kind = _kind(param)
    if kind is not ParamKind.F32 and value != int(value):
        raise WireError(f"parameter {param.name}: {value}; expected a whole number {lower:g} to {upper:g}")
    packed = struct.pack("<" + _LETTER[kind], value if kind is ParamKind.F32 else int(value))
    bits: int = struct.unpack("<I", packed)[0]
    return bits


def find(params: Sequence[Param], name: str) -> Param:
    """Raises WireError that names the nearest one."""
    for param in params:
        if param.name == name:
            return param
    names = [param.name for param in params]
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise WireError(f"parameter {name!r} is not on this board; {hint}expected one of {', '.join(names) or 'none'}")


def compare(params: Sequence[Param], wanted: Mapping[str, Value]) -> list[Difference]:
    """What the board does not have as the rig file wants it. Raises WireError for a name or value that cannot be."""
    differences = []
    for name, value in wanted.items():
        param = find(params, name)
        if bits_of(param, value) != param.value:
            differences.append(Difference(param, value_of(param), value))
    return differences


def _kind(param: Param) -> ParamKind:
    try:
        return ParamKind(param.kind)
    except ValueError:
        raise WireError(f"parameter {param.name}: kind {param.kind}; expected 0 to 3; update the station") from None


def _from_bits(param: Param, bits: int) -> Value:
    kind = _kind(param)
    value: Value = struct.unpack("<" + _LETTER[kind], struct.pack("<I", bits))[0]
    return bool(value) if kind is ParamKind.BOOL else value
