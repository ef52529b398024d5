"""Firmware images, and the steps of an update as the host takes them: a reply in, the next request out.

Two slots on the board: the image goes into the one that does not run, is checked whole (CRC-32, SHA-256), tried once,
and confirmed by the host or taken back at the next start. The board's side: mcu/exo_update.c.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple
from zlib import crc32

from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import (
    Ack,
    ImageHeader,
    Message,
    UpdateBegin,
    UpdateData,
    UpdateEnd,
    UpdateStatus,
)
from firmware_bridge.exo_terms import CONSENT, IMAGE_HEADER_SIZE, MAX_UPDATE_DATA, Result, UpdateState
from firmware_bridge.exo_wire import decode_image_header, encode_image_header

MAX_IMAGE: Final = 16 << 20
"""No microcontroller of this kind has more flash."""
IMAGE_MAGIC: Final = 0x494F5845
_WORDS: Final = {
    Result.UNKNOWN: "the board does not know this request; is its firmware older?",
    Result.BAD_LENGTH: "it took the request for damaged; try again",
    Result.BAD_VALUE: "a value is outside its bounds",
    Result.NO_SUCH: "there is none of that number",
    Result.STREAMING: "it is streaming; end the station that uses it, then try again",
    Result.ARM_ENABLED: "the arm is not known to be disabled; disable it, then try again",
    Result.NO_CONSENT: "nobody has asked for it; start the update by hand",
    Result.BAD_IMAGE: "the image is not whole, not for this board, or larger than its slot; build or download another",
    Result.BAD_STATE: "not in this state; see 'station firmware show'",
    Result.FLASH: "its flash did not take what was written; try again, then exchange the board",
    Result.BAD_OFFSET: "it waits for other bytes; try again",
}


class Image(NamedTuple):
    """A firmware image, checked whole."""

    header: ImageHeader
    payload: bytes

    def encode(self) -> bytes:
        return encode_image_header(self.header) + self.payload


def make_image(board: str, version: str, payload: bytes) -> Image:
    """An image file for a board type. Raises WireError for texts or sizes that do not fit."""
    if not 1 <= len(payload) <= MAX_IMAGE:
        raise WireError(f"image of {len(payload)} bytes; expected 1 to {MAX_IMAGE}")
    digest = hashlib.sha256(payload).digest()
    header = ImageHeader(IMAGE_MAGIC, 1, IMAGE_HEADER_SIZE, board, version, len(payload), crc32(payload), digest)
    encode_image_header(header)
    return Image(header, payload)


def read_image(data: bytes) -> Image:
    """An image file's bytes, checked. Raises WireError when anything is wrong with them."""
    if len(data) <= IMAGE_HEADER_SIZE or len(data) > MAX_IMAGE + IMAGE_HEADER_SIZE:
        raise WireError(f"image file of {len(data)} bytes; expected {IMAGE_HEADER_SIZE} of header and the image")
    if int.from_bytes(data[:4], "little") != IMAGE_MAGIC:
        raise WireError(
            f"image file begins with {data[:4].hex(' ')}; expected {IMAGE_MAGIC.to_bytes(4, 'little').hex(' ')}, an "
            "image with its header; python -m firmware_bridge.make_image puts it there"
        )
    header = decode_image_header(data[:IMAGE_HEADER_SIZE])
    payload = data[IMAGE_HEADER_SIZE:]
    if len(payload) != header.image_size:
        raise WireError(f"image {header.version}: {len(payload)} bytes; expected {header.image_size}; the file is cut")
    if crc32(payload) != header.image_crc32 or hashlib.sha256(payload).digest() != header.sha256:
        raise WireError(f"image {header.version}: its hash is wrong; the file is damaged: fetch it again")
    return Image(header, payload)


def refusal(ack: Ack) -> str:
    """An ACK's no, in words."""
    try:
        words = _WORDS.get(Result(ack.result), "")
    except ValueError:
        words = "for a reason that this station does not know; update the station"
    return f"the board refused (result {ack.result}, detail {ack.detail}): {words}"


class Upload:
    """Brings an image into the other slot. `request` is what to send next (again, after silence); `take` its reply."""

    def __init__(self, image: Image, piece: int = MAX_UPDATE_DATA) -> None:
        """`piece`: bytes a message, a multiple of 8."""
        if piece % 8 or not 8 <= piece <= MAX_UPDATE_DATA:
            raise WireError(f"update pieces of {piece} bytes; expected a multiple of 8 up to {MAX_UPDATE_DATA}")
        self._image = image
        self._piece = piece
        self._begin = UpdateBegin(CONSENT, encode_image_header(image.header))
        self.request: Message = self._begin
        self.offset = 0
        """Bytes that the board safely holds."""
        self.is_ready = False
        """The board holds the whole image and will try it at its next start."""

    def restart(self) -> None:
        """The board was silent or restarted: begin again; it says how far it had come."""
        self.request = self._begin
        self.is_ready = False

    def take(self, reply: Message) -> None:
        """Raises WireError when the board refuses for good."""
        if isinstance(reply, UpdateStatus):
            self._take_status(reply)
        elif isinstance(reply, Ack) and isinstance(self.request, UpdateData) and reply.result in _GO_ON:
            self._go_on(reply.detail)
        elif isinstance(reply, Ack) and reply.result == Result.BAD_STATE and not isinstance(self.request, UpdateBegin):
            self.restart()  # it has forgotten: a restart, or a stream in between
        elif isinstance(reply, Ack):
            raise WireError(refusal(reply))

    def _take_status(self, status: UpdateStatus) -> None:
        if status.state == UpdateState.READY and status.image_size == self._image.header.image_size:
            self.offset = self._image.header.image_size
            self.is_ready = True
        elif status.state == UpdateState.RECEIVING and status.image_size == self._image.header.image_size:
            self._go_on(status.next_offset)
        else:
            raise WireError(
                f"update: the board is in state {status.state} with an image of {status.image_size} bytes; expected "
                f"{self._image.header.image_size}; another update is under way: try again"
            )

    def _go_on(self, offset: int) -> None:
        size = self._image.header.image_size
        if offset > size:
            raise WireError(f"update: the board waits for byte {offset}; expected at most {size}")
        self.offset = offset
        if offset == size:
            self.request = UpdateEnd()
        else:
            self.request = UpdateData(offset, self._image.payload[offset : offset + self._piece])


_GO_ON: Final = (Result.OK, Result.BAD_OFFSET)
