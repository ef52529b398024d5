"""The kinds of field a message of the exo wire is made of; each message's class carries them in its annotations.

The Python codec, the C codec, the DBC file and the tables of WIRE.md are all made from these annotations, so that
a byte is described in one place only.
"""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple


class Scalar(NamedTuple):
    """A little-endian whole number: its struct code, C type and inclusive bounds (outside them: refused)."""

    code: str
    c_type: str
    size: int
    lower: int
    upper: int

    def within(self, lower: int, upper: int) -> Scalar:
        return self._replace(lower=lower, upper=upper)

    @property
    def natural(self) -> tuple[int, int]:
        """What the bytes can hold, whatever the bounds."""
        bits = 8 * self.size
        return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if self.code.islower() else (0, (1 << bits) - 1)


class Text(NamedTuple):
    """Printable ASCII, padded with NUL to `size` bytes; after the first NUL only NULs may stand."""

    size: int


class Blob(NamedTuple):
    """Exactly `size` bytes of no stated meaning here."""

    size: int


class TextTail(NamedTuple):
    """Printable ASCII up to the end of the message, at most `limit` bytes."""

    limit: int


class BlobTail(NamedTuple):
    """Bytes up to the end of the message, at most `limit`."""

    limit: int


FieldKind = Scalar | Text | Blob | TextTail | BlobTail

_U8: Final = Scalar("B", "uint8_t", 1, 0, 0xFF)

U8 = Annotated[int, _U8]
U16 = Annotated[int, Scalar("H", "uint16_t", 2, 0, 0xFFFF)]
U32 = Annotated[int, Scalar("I", "uint32_t", 4, 0, 0xFFFF_FFFF)]
I32 = Annotated[int, Scalar("i", "int32_t", 4, -0x8000_0000, 0x7FFF_FFFF)]
Sign = Annotated[int, Scalar("b", "int8_t", 1, -1, 1)]
Flag = Annotated[int, _U8.within(0, 1)]
Text8 = Annotated[str, Text(8)]
Text16 = Annotated[str, Text(16)]


class Field(NamedTuple):
    """One field of one message."""

    name: str
    kind: FieldKind
