"""Bodies of the exo wire (type byte and payload) to messages and back; the bytes are specified in WIRE.md.

The same bodies travel in serial frames (`framing`) and over CAN (`exo_can`).
"""

from __future__ import annotations

from typing import Final

from firmware_bridge.errors import WireError
from firmware_bridge.exo_codec import MessageCodec
from firmware_bridge.exo_messages import TYPE_OF, TYPES, Hello, ImageHeader, Message
from firmware_bridge.exo_sample import Sample, decode_sample, encode_sample
from firmware_bridge.exo_terms import SAMPLE_TYPE, WIRE_VERSION

__all__ = [
    "ForeignWireError",
    "Sample",
    "decode",
    "decode_image_header",
    "encode",
    "encode_image_header",
    "encode_sample",
]

_CODECS: Final = {number: MessageCodec(number, cls) for number, cls in TYPES.items()}
_IMAGE_HEADER: Final = MessageCodec(0, ImageHeader)
_HELLO: Final = TYPE_OF[Hello]


def encode(message: Message) -> bytes:
    """The body of a message. Raises WireError when a field is outside its bounds."""
    return _CODECS[TYPE_OF[type(message)]].encode(message)


class ForeignWireError(WireError):
    """A board answered in another version of the wire."""


def decode(body: bytes) -> Message | Sample:
    """The message of a body. Raises WireError for an unknown type, a wrong length, a field outside its bounds, and
    ForeignWireError for the HELLO of another wire version."""
    if not body:
        raise WireError("empty message; expected a type byte")
    if body[0] == SAMPLE_TYPE:
        return decode_sample(body)
    if body[0] == _HELLO and len(body) > 1 and body[1] != WIRE_VERSION:
        raise _foreign(body)
    codec = _CODECS.get(body[0])
    if codec is None:
        raise WireError(f"message type 0x{body[0]:02X} is not of this wire; is the board's firmware newer?")
    message: Message = codec.decode(body)
    return message


def encode_image_header(header: ImageHeader) -> bytes:
    """The 80 bytes at the start of an image file. Raises WireError."""
    return _IMAGE_HEADER.encode(header)[1:]


def decode_image_header(data: bytes) -> ImageHeader:
    """Raises WireError when the magic, version or a text is wrong."""
    header: ImageHeader = _IMAGE_HEADER.decode(b"\0" + data)
    return header


def _foreign(body: bytes) -> ForeignWireError:
    """HELLO's version byte and four texts keep their place in every version: enough to say which board to flash."""
    texts = [body[at : at + 16].split(b"\0")[0].decode("ascii", "replace") for at in range(2, 66, 16)]
    serial_number, make, board, firmware = texts
    version = body[1]
    remedy = f"flash firmware of wire version {WIRE_VERSION}, or update the station"
    return ForeignWireError(
        f"board {make} {board} {serial_number} (firmware {firmware}) speaks wire version {version}; expected "
        f"{WIRE_VERSION}; {remedy}"
    )
