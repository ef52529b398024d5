"""One codec a message class of the exo wire, driven by the class's own annotations."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from firmware_bridge.errors import WireError
from firmware_bridge.exo_fields import Blob, BlobTail, Field, Scalar, Text, TextTail
from firmware_bridge.exo_messages import ImageHeader, Message, fields_of, wire_name


class MessageCodec:
    """Encodes and decodes one message class, driven by its annotations."""

    def __init__(self, number: int, cls: type[Message] | type[ImageHeader]) -> None:
        self.number = number
        self.cls = cls
        self.fields = fields_of(cls)
        self.name = wire_name(cls)
        self.tail = (
            self.fields[-1].kind if self.fields and isinstance(self.fields[-1].kind, TextTail | BlobTail) else None
        )
        fixed = self.fields[:-1] if self.tail else self.fields
        self.layout = struct.Struct("<" + "".join(_code(field) for field in fixed))
        self.checks: list[Callable[[Any], Any]] = [_reader(self.name, field) for field in self.fields]
        self.packers: list[Callable[[Any], Any]] = [_writer(self.name, field) for field in self.fields]

    def encode(self, message: tuple[Any, ...]) -> bytes:
        values = [pack(value) for pack, value in zip(self.packers, message)]
        tail = values.pop() if self.tail else b""
        return bytes((self.number,)) + self.layout.pack(*values) + tail

    def decode(self, body: bytes) -> Any:
        size = 1 + self.layout.size
        limit = size + (self.tail.limit if self.tail else 0)
        if not size <= len(body) <= limit:
            expected = f"{size}" if size == limit else f"{size} to {limit}"
            raise WireError(
                f"{self.name} of {len(body)} bytes; expected {expected}; is the firmware of another version?"
            )
        values: tuple[Any, ...] = self.layout.unpack_from(body, 1)
        if self.tail:
            values += (body[size:],)
        return self.cls(*[check(value) for check, value in zip(self.checks, values)])


def _code(field: Field) -> str:
    return field.kind.code if isinstance(field.kind, Scalar) else f"{field.kind.size}s"  # type: ignore[union-attr]


def _reader(message: str, field: Field) -> Callable[[Any], Any]:
    kind = field.kind
    if isinstance(kind, Scalar):
        return _bounded(message, field.name, kind)
    if isinstance(kind, Text | TextTail):

        def text(value: bytes) -> str:
            stripped = value.rstrip(b"\0") if isinstance(kind, Text) else value
            if not all(0x20 <= byte < 0x7F for byte in stripped):
                raise WireError(f"{message}.{field.name} is {value!r}; expected printable ASCII")
            return stripped.decode("ascii")

        return text
    return bytes


def _writer(message: str, field: Field) -> Callable[[Any], Any]:
    kind = field.kind
    if isinstance(kind, Scalar):
        return _bounded(message, field.name, kind)
    limit = kind.size if isinstance(kind, Text | Blob) else kind.limit
    is_exact = isinstance(kind, Blob)

    def text(value: str | bytes) -> bytes:
        raw = value.encode("ascii", "replace") if isinstance(value, str) else bytes(value)
        is_text = isinstance(kind, Text | TextTail)
        if len(raw) > limit or (is_exact and len(raw) != limit) or (is_text and not _is_printable(value)):
            what = f"{limit} bytes" if is_exact else f"at most {limit} bytes{' of printable ASCII' if is_text else ''}"
            raise WireError(f"{message}.{field.name} is {value!r}; expected {what}")
        return raw

    return text


def _is_printable(value: str | bytes) -> bool:
    return isinstance(value, str) and all(" " <= letter <= "~" for letter in value)


def _bounded(message: str, name: str, kind: Scalar) -> Callable[[Any], Any]:
    lower, upper = kind.lower, kind.upper

    def check(value: int) -> int:
        if not lower <= value <= upper:
            raise WireError(f"{message}.{name} is {value}; expected {lower} to {upper}")
        return value

    return check
