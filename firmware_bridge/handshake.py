"""Is this the board that the rig file means? Answers of the board in, yes or a sentence of what to change out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import Channel, Hello
from firmware_bridge.exo_wire import encode
from firmware_bridge.samples import INPUT_HAS_ENABLE, INPUT_HAS_ESTOP


class Board(NamedTuple):
    """What a board says of itself."""

    hello: Hello
    channels: tuple[Channel, ...]

    @property
    def words(self) -> str:
        """One line: make, type, firmware, serial number."""
        hello = self.hello
        return f"{hello.make} {hello.board}, firmware {hello.firmware}, serial number {hello.serial_number}"


class Expected(NamedTuple):
    """What the rig file says of the board."""

    channels: Mapping[int, str]
    """Joint name by channel number."""
    rate_hz: float
    serial_number: str = ""
    """Of the calibrated board; '' = any."""
    inputs: int = 0
    """INPUT_HAS_* bits of the switches that it must have."""
    calibration: str = ""
    """Name of the calibration file, for words."""


def dictionary_crc32(channels: Sequence[Channel]) -> int:
    """As HELLO carries it: over all CHANNEL payloads in order."""
    crc = 0
    for channel in channels:
        crc = crc32(encode(channel)[1:], crc)
    return crc


def check_dictionary(board: Board) -> None:
    """The dictionary must be whole and the one that HELLO announced. Raises WireError."""
    hello, channels = board
    if hello.count_bytes not in (2, 4):
        raise WireError(f"board {hello.serial_number}: counts of {hello.count_bytes} bytes; expected 2 or 4")
    if [channel.channel for channel in channels] != list(range(hello.channels)):
        raise WireError(
            f"board {hello.serial_number}: dictionary of {len(channels)} channels, HELLO says {hello.channels}; "
            "expected all, in order; restart the board"
        )
    crc = dictionary_crc32(channels)
    if crc != hello.dictionary_crc32:
        raise WireError(
            f"board {hello.serial_number}: dictionary CRC {crc:08x}; expected {hello.dictionary_crc32:08x} as in its "
            "HELLO; restart the board, and flash it anew if that does not help"
        )


def check_board(board: Board, expected: Expected) -> None:
    """Compares with the rig file. Raises WireError that says which file to change or what to flash."""
    hello = board.hello
    who = f"board {hello.serial_number} ({hello.board}, firmware {hello.firmware})"
    if expected.serial_number and hello.serial_number != expected.serial_number:
        raise WireError(
            f"{who}: the calibration was made on board {expected.serial_number}; expected that serial number; plug in "
            f'the calibrated board, or calibrate this one and write board = "{hello.serial_number}" into '
            f"{expected.calibration or 'the calibration file'}"
        )
    if expected.rate_hz > hello.max_rate_hz:
        raise WireError(
            f"{who}: streams at most {hello.max_rate_hz} Hz; expected {expected.rate_hz:g}; lower leader.rate_hz in "
            "the rig file"
        )
    for bit, switch in ((INPUT_HAS_ENABLE, "enable_switch"), (INPUT_HAS_ESTOP, "emergency_stop")):
        if expected.inputs & bit and not hello.inputs & bit:
            raise WireError(
                f"{who}: has no {switch.replace('_', ' ')}; expected one, as leader.{switch} is 'required' in the rig "
                "file; fit it, or flash the firmware that reports it"
            )
    for number, name in sorted(expected.channels.items()):
        if number >= hello.channels:
            raise WireError(
                f"{who}: has {hello.channels} channels; expected channel {number} for joint {name}; change "
                "leader.joints in the rig file or flash the firmware of the larger board"
            )
        found = board.channels[number].name
        if found != name:
            raise WireError(
                f"{who}: channel {number} is {found!r}; expected {name!r}; change leader.joints in the rig file, or "
                "flash firmware with the right channel dictionary"
            )
