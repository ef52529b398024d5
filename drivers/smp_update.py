"""Firmware updates of boards that run Zephyr and MCUboot: SMP over a serial port, through the `smpclient` package.

Optional: pip install "station[smp]". The steps are those of our own wire: upload, try, restart, look, confirm; what is
not confirmed is taken back by MCUboot at the next start.
"""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from drivers.errors import DriverError

if TYPE_CHECKING:
    from smpclient import SMPClient

Say = Callable[[str, int, int], None]
"""(step in words, done, of how many)."""

# MCUboot's image format: docs.mcuboot.com/design.html, "Image format".
_HEADER: Final = struct.Struct("<IIHHIIBBHIxxxx")
_MAGIC: Final = 0x96F3B83D
_TLV_INFO: Final = struct.Struct("<HH")
_TLV_MAGIC: Final = 0x6907
_TLV_SHA256: Final = 0x10
_BOOT_S: Final = 20.0
_STEP_S: Final = 5.0
_FIRST_S: Final = 40.0
"""The board erases the slot before it answers the first piece."""
_PAUSE_S: Final = 0.2


def mcuboot_hash(image: bytes) -> bytes:
    """The SHA-256 that MCUboot knows an image by, checked. Raises DriverError for what is no whole image."""
    if len(image) < _HEADER.size or _HEADER.unpack_from(image)[0] != _MAGIC:
        raise DriverError("image: no MCUboot header; expected the signed image (zephyr.signed.bin)")
    _, _, header_size, protected_size, size, *_ = _HEADER.unpack_from(image)
    hashed = header_size + size + protected_size
    at = hashed + _TLV_INFO.size
    if len(image) < at or _TLV_INFO.unpack_from(image, hashed)[0] != _TLV_MAGIC:
        raise DriverError("image: cut before its trailer; expected a whole MCUboot image; build it again")
    end = min(len(image), hashed + _TLV_INFO.unpack_from(image, hashed)[1])
    while at + _TLV_INFO.size <= end:
        kind, length = _TLV_INFO.unpack_from(image, at)
        at += _TLV_INFO.size
        if kind == _TLV_SHA256:
            digest = image[at : at + length]
            if digest != hashlib.sha256(image[:hashed]).digest():
                raise DriverError("image: its SHA-256 is wrong; the file is damaged: build or fetch it again")
            return digest
        at += length
    raise DriverError("image: no SHA-256 in its trailer; expected an MCUboot image signed with one")


def update_smp(port: str, baud: int, image: bytes, say: Say) -> str:
    """Upload, try, confirm; the version that then runs. The caller has asked the person and rests the arm.

    Raises DriverError in words; the board then runs what it ran before, or goes back to it at its next start.
    """
    digest = mcuboot_hash(image)
    try:
        from smpclient.transport.serial import SMPSerialTransport
    except ImportError as error:
        raise DriverError("SMP needs the package smpclient; install it: pip install 'station[smp]'") from error
    transport = SMPSerialTransport(baudrate=baud, exclusive=True)
    try:
        return asyncio.run(_update(transport, port, image, digest, say))
    except DriverError:
        raise
    except (OSError, TimeoutError, _library_errors()) as error:
        raise DriverError(
            f"port {port}: SMP: {error or type(error).__name__}; expected an answer of the board's SMP server; check "
            "the port, the baud rate and that the firmware has MCUmgr over this line"
        ) from error


def _library_errors() -> type[Exception]:
    from smpclient.exceptions import SMPClientException

    return SMPClientException


async def _update(transport: Any, port: str, image: bytes, digest: bytes, say: Say) -> str:
    from smpclient import SMPClient
    from smpclient.requests.image_management import ImageStatesWrite
    from smpclient.requests.os_management import ResetWrite

    async with SMPClient(transport, port, _STEP_S) as client:
        async for offset in client.upload(image, first_timeout_s=_FIRST_S):
            say("upload", offset, len(image))
        await _ask(client, ImageStatesWrite(hash=digest, confirm=False), "to try the image")
        say("restart", len(image), len(image))
        await _ask(client, ResetWrite(), "to restart")
    state = await _after_restart(transport, port, digest)
    say("confirm", len(image), len(image))
    async with SMPClient(transport, port, _STEP_S) as client:
        await _ask(client, ImageStatesWrite(hash=digest, confirm=True), "to confirm the image")
    return state


async def _after_restart(transport: Any, port: str, digest: bytes) -> str:
    """The running image's version, once the board answers again and it is the new one."""
    from smpclient import SMPClient
    from smpclient.requests.image_management import ImageStatesRead

    loop = asyncio.get_running_loop()
    deadline = loop.time() + _BOOT_S
    while True:
        await asyncio.sleep(_PAUSE_S)
        try:
            async with SMPClient(transport, port, 1.0) as client:
                images = (await _ask(client, ImageStatesRead(), "for its images")).images
                break
        except (OSError, TimeoutError, _library_errors()) as error:
            if loop.time() > deadline:
                raise DriverError(
                    f"port {port}: not back {_BOOT_S:g} s after its restart; expected its SMP server; switch the board "
                    "off and on: MCUboot then goes back to the image before"
                ) from error
    running = next((image for image in images if image.active), None)
    if running is None or bytes(running.hash or b"") != digest:
        version = running.version if running else "nothing it tells of"
        raise DriverError(
            f"port {port}: runs {version} after the restart; expected the new image; MCUboot did not take it (its "
            "signature?) or it did not start"
        )
    return str(running.version)


async def _ask(client: SMPClient, request: Any, what: str) -> Any:
    from smpclient.generics import success

    reply = await client.request(request)
    if not success(reply):
        raise DriverError(f"SMP: the board refused {what}: {reply}; expected success")
    return reply
