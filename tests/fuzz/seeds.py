"""Where fuzzing begins: whole, right inputs of every kind, as the real encoders make them. They are the small corpus in
`corpus/`, together with what fuzzing found: python -m tests.fuzz.seeds writes them anew and leaves the rest alone.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from pathlib import Path
from typing import Final

from firmware_bridge import damiao, ker
from firmware_bridge.can_frame import encode_error, encode_frame
from firmware_bridge.exo_can import CanWire
from firmware_bridge.exo_messages import (
    Hello,
    HelloGet,
    HostBeat,
    Log,
    LogGet,
    Message,
    Param,
    ParamGet,
    ParamSave,
    ParamSet,
    Reboot,
    StatsGet,
    Stream,
    TimeGet,
    UpdateAbort,
    UpdateBegin,
    UpdateConfirm,
    UpdateData,
    UpdateEnd,
    UpdateGet,
    ZeroGet,
    ZeroRecord,
)
from firmware_bridge.exo_terms import CONSENT
from firmware_bridge.exo_wire import Sample, encode, encode_sample
from firmware_bridge.framing import encode_frame as encode_serial
from firmware_bridge.update import Image, make_image
from tests.fuzz import targets

CORPUS: Final = Path(__file__).parent / "corpus"
SERIAL, CAN, CAN_FD = range(3)
RAW, BODY, PAUSE, ENCODERS, POWER, FLASH_FAILS, LINE_FULL = range(7)


def decoder_seeds() -> dict[str, bytes]:
    """Inputs of `targets.run` by name."""
    hello = Hello(1, "EMU-1", "make", "board", "1.0.0", 2, 2, 4, 1, 1000, 0, 0, 0, 1)
    messages = (
        hello,
        targets.CHANNELS[0],
        Param(0, 2, 0, 0, 0, 0xC1200000, 0x41200000, 0, "f", "ms"),
        Log(1, 2, 1, "x"),
    )
    samples = [
        Sample(n, 1000 * n, 0, tuple(range(30000 * n % 50000, 30000 * n % 50000 + 8)), bytes(8)) for n in (0, 1, 2)
    ]
    sample_bodies = [encode_sample(sample) for sample in samples]
    board = CanWire(1, is_board=True)
    can = [frame for body in (*sample_bodies[:2], encode(hello)) for frame in board.send(body, 0)]
    can += board.poll(0)
    ping = ker.encode_ping_reply(ker.SCHEMA_2_1_0, (1.0,), (True,))
    codec = ker.FrameCodec(ker.SCHEMA_2_1_0)
    frames = b"".join(codec.encode_frame([1000 * n, n, 0, *range(16), 0, 0]) for n in (1, 2, 3, 70, 71))
    return {
        **{
            f"exo_message_{type(message).__name__.lower()}": _for(targets.exo_message, encode(message))
            for message in messages
        },
        "exo_message_sample": _for(targets.exo_message, sample_bodies[1]),
        "exo_serial": _for(targets.exo_serial, b"\x06" + b"".join(encode_serial(encode(m)) for m in messages)),
        "exo_can": _for(targets.exo_can, b"\0" + b"".join(_scripted(can_id >> 4, 0, data) for can_id, data in can)),
        "exo_sample": _for(targets.exo_sample, b"".join(_scripted(1, 1, body[1:]) for body in sample_bodies)),
        "exo_image": _for(targets.exo_image, make_image("b", "1", b"x" * 40).encode()),
        "mcuboot_image": _for(targets.mcuboot_image, mcuboot_image(b"firmware")),
        "ker_ping": _for(targets.ker_ping, ping),
        "ker_stream": _for(targets.ker_stream, b"\x01\x20" + frames),
        "damiao_feedback": _for(
            targets.damiao_frame, b"\0" + damiao.encode_feedback(targets.RANGES[0], 1, 1, 0.5, 1.0, 2.0, 30, 31)
        ),
        "damiao_register": _for(targets.damiao_frame, b"\x01" + damiao.encode_register_answer(1, 0x33, 21, 12.5)),
        "linux_can": _for(targets.linux_can, encode_frame(0x123, b"12345678")),
        "linux_can_error": _for(targets.linux_can, encode_error(4)),
    }


def mcuboot_image(payload: bytes) -> bytes:
    """The smallest image with a hash that MCUboot would take for whole."""
    header = struct.pack("<IIHHIIBBHIxxxx", 0x96F3B83D, 0, 32, 0, len(payload), 0, 1, 0, 0, 0)
    digest = hashlib.sha256(header + payload).digest()
    return header + payload + struct.pack("<HHHH", 0x6907, 40, 0x10, 32) + digest


def board_seeds() -> dict[str, bytes]:
    """Scripts for exo_fuzz.c by name: what hosts do to a board, whole, on each kind of link."""
    image = make_image("fuzz", "2", b"0123456789abcdef" * 3)
    beat = _body(HostBeat(1, 0))
    everything: list[Message] = [HelloGet(), LogGet(0), ParamGet(1), ParamSet(0, 50), ParamSave(), ZeroRecord(1)]
    everything += [ZeroGet(1), StatsGet(), TimeGet(3), UpdateGet(), UpdateAbort()]
    asked = beat + b"".join(_body(message) for message in everything)
    stream = beat + _body(Stream(1000)) + _op(PAUSE, b"\x0a") * 4 + _op(ENCODERS, b"\x03") + _op(PAUSE, b"\xff") * 8
    stream += b"".join(_op(ENCODERS, bytes((switch,))) + _op(PAUSE, b"\x0a") for switch in (0x40, 0x60, 0x20, 0))
    update = _upload(image) + _body(Reboot(CONSENT)) + _op(PAUSE, b"\x1e") * 2
    confirmed = update + beat + _body(UpdateConfirm(CONSENT)) + _body(UpdateGet())
    rolled_back = update + _op(POWER, b"") + _body(UpdateGet())
    wrong = _upload(Image(image.header._replace(image_crc32=1), image.payload))
    broken = beat + _op(FLASH_FAILS, b"\x03") + _upload(image) + _upload(image)
    scripts = {
        "asked": asked,
        "stream": stream,
        "confirmed": confirmed,
        "rolled_back": rolled_back,
        "wrong_image": wrong,
        "flash_fails": broken,
        "line_full": _op(LINE_FULL, b"\x05") + asked,
    }
    found = {f"serial_{name}": bytes((SERIAL,)) + script for name, script in scripts.items()}
    for name, link in (("can", CAN), ("canfd", CAN_FD)):
        found[f"{name}_confirmed"] = bytes((link,)) + confirmed
        found[f"{name}_stream"] = bytes((link,)) + stream + asked
    found["loader_confirmed"] = bytes((0x81,)) + confirmed  # 0x81 % 3: serial
    found["loader_rolled_back"] = bytes((0x81,)) + rolled_back
    return found


def _upload(image: Image) -> bytes:
    begin = UpdateBegin(CONSENT, image.encode()[:80])
    pieces = [UpdateData(at, image.payload[at : at + 16]) for at in range(0, len(image.payload), 16)]
    steps: list[Message] = [HostBeat(1, 0), begin, *pieces, UpdateEnd()]
    return b"".join(_body(message) for message in steps)


def _body(message: Message) -> bytes:
    return _op(BODY, encode(message))


def _op(number: int, data: bytes) -> bytes:
    return bytes((number, len(data))) + data


def _scripted(function: int, pause: int, data: bytes) -> bytes:
    return bytes((function, pause, len(data))) + data


def _for(target: targets.Target, data: bytes) -> bytes:
    return bytes((targets.TARGETS.index(target),)) + data


def main() -> int:
    for folder, seeds in (("decoders", decoder_seeds()), ("board", board_seeds())):
        (CORPUS / folder).mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (CORPUS / folder / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
