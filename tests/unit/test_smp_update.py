"""Updates by SMP, judged by the SMP library's own client over a pty: the far end is a small MCUboot board."""

from __future__ import annotations

import hashlib
import os
import pty
import struct
import threading
import tty
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("smpclient.transport.serial")
import cbor2
from smp import packet

from drivers.errors import DriverError
from drivers.smp_update import mcuboot_hash, update_smp

pytestmark = pytest.mark.process


def image_of(body: bytes, version: tuple[int, int, int] = (2, 0, 0)) -> bytes:
    head = struct.pack("<IIHHIIBBHIxxxx", 0x96F3B83D, 0, 32, 0, len(body), 0, *version, 0)
    digest = hashlib.sha256(head + body).digest()
    tlv = struct.pack("<HH", 0x10, 32) + digest
    return head + body + struct.pack("<HH", 0x6907, 4 + len(tlv)) + tlv


class Board:
    """Two slots as MCUboot has them: test, swap at the reset, back at the next one unless confirmed."""

    def __init__(self, *, starts: bool = True) -> None:
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._starts = starts
        self.running, self.other = image_of(b"old" * 50, (1, 0, 0)), b""
        self.is_pending = self.is_trial = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        os.close(self._slave)
        self._thread.join(5)

    def _serve(self) -> None:
        buffer, decoder = b"", packet.decode()
        next(decoder)
        while True:
            try:
                data = os.read(self.master, 4096)
            except OSError:
                return  # the last end of the pty is closed
            buffer += data
            while b"\n" in buffer:
                line, _, buffer = buffer.partition(b"\n")
                try:
                    decoder.send(line + b"\n")
                except StopIteration as whole:
                    for part in packet.encode(self._answer(whole.value)):
                        os.write(self.master, part)
                    decoder = packet.decode()
                    next(decoder)

    def _answer(self, frame: bytes) -> bytes:
        op, flags, _, group, seq, command = struct.unpack_from("!BBHHBB", frame)
        payload = cbor2.dumps(self._obey(group, command, op & 7, cbor2.loads(frame[8:])))
        return struct.pack("!BBHHBB", op + 1, flags, len(payload), group, seq, command) + payload

    def _obey(self, group: int, command: int, op: int, request: dict[str, Any]) -> dict[str, Any]:
        if (group, command) == (0, 6):
            return {"buf_size": 512, "buf_count": 4}
        if (group, command) == (0, 5):
            if self.is_trial or (self.is_pending and self._starts):
                self.running, self.other = self.other, self.running
            self.is_trial, self.is_pending = self.is_pending and self._starts, False
            return {}
        if (group, command) == (1, 1):
            if request["off"] == 0:
                self.other = b""
            if request["off"] == len(self.other):
                self.other += request["data"]
            return {"off": len(self.other)}
        if op == 2 and not request["confirm"]:
            if mcuboot_hash(self.other) != request["hash"]:
                return {"rc": 8}
            self.is_pending = True
        elif op == 2:
            self.is_trial = False
        return {"images": [self._state(0, self.running), self._state(1, self.other)] if self.other else []}

    def _state(self, slot: int, image: bytes) -> dict[str, Any]:
        version = ".".join(str(n) for n in struct.unpack_from("<BBH", image, 20))
        confirmed = slot == 0 and not self.is_trial
        digest = mcuboot_hash(image)
        return {"slot": slot, "version": version, "hash": digest, "active": slot == 0, "confirmed": confirmed}


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.close()


def test_an_image_is_uploaded_tried_and_confirmed(board: Board) -> None:
    image = image_of(bytes(range(256)) * 8)
    seen = []
    assert update_smp(board.port, 115200, image, lambda step, done, total: seen.append((step, done))) == "2.0.0"
    assert board.running == image
    assert not board.is_trial
    assert [step for step, _ in seen][-2:] == ["restart", "confirm"]


def test_an_image_that_does_not_start_is_told() -> None:
    board = Board(starts=False)
    try:
        with pytest.raises(DriverError, match=r"runs 1\.0\.0 after the restart; expected the new image"):
            update_smp(board.port, 115200, image_of(b"bad" * 100), lambda *_: None)
        assert not board.is_trial
    finally:
        board.close()


def test_what_is_no_whole_image_is_refused_before_anything_is_sent() -> None:
    good = image_of(b"x" * 100)
    for wrong in (b"", b"x" * 200, good[:100], good[:-40], good[:40] + b"y" + good[41:]):
        with pytest.raises(DriverError, match="image: "):
            update_smp("/dev/nothing", 115200, wrong, lambda *_: None)
    with pytest.raises(DriverError, match="/dev/nothing: SMP"):
        update_smp("/dev/nothing", 115200, good, lambda *_: None)
