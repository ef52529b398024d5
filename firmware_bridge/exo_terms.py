"""The numbers of the exo wire that are not bytes of one message: version, named limits, codes."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

SAMPLE_TYPE: Final = 0x83
"""Type byte of SAMPLE."""
WIRE_VERSION: Final = 1
"""Any change of a byte's meaning raises it."""

# Named limits: whatever asks for more is refused, by both ends.
MAX_CHANNELS: Final = 64
MAX_PARAMS: Final = 64
MAX_RATE_HZ: Final = 4000
MAX_NODE: Final = 15
MAX_LOG_TEXT: Final = 96
MAX_UPDATE_DATA: Final = 256
MAX_PAYLOAD: Final = 384
"""Longest payload of any message (64 channels of 32 bits: 330 bytes)."""
MAX_BODY: Final = 1 + MAX_PAYLOAD + 4
"""Type, payload, CRC-32."""
MAX_FRAME: Final = MAX_BODY + MAX_BODY // 254 + 1
"""COBS-encoded body without its closing zero."""
IMAGE_HEADER_SIZE: Final = 80
CONSENT: Final = 0x4F4B_2121
"""Sent with what changes the board only after a person has said yes on this very occasion."""
HOST_SILENT_MS: Final = 1000
"""A streaming board that has not heard HOST_BEAT for so long stops streaming."""
BEAT_MS: Final = 100
"""Either end sends its beat so often."""


class ChannelKind(IntEnum):
    """What a channel's counts measure."""

    ROTARY = 0
    """Absolute angle within one turn."""
    ROTARY_MULTI = 1
    """Angle over several turns, two's complement in the count's width."""
    LINEAR = 2
    """Counts per turn is then counts per metre."""
    TRIGGER = 3
    """A rotary channel that a finger moves."""


class SampleStatus(IntEnum):
    """Low four bits of a channel's state byte in SAMPLE."""

    OK = 0
    DEVICE_ERROR = 1
    """The encoder answered and says that its reading is not valid."""
    CHECKSUM = 2
    """The encoder's answer was damaged."""
    MISSING = 3
    """The encoder did not answer."""
    NEVER = 4
    """The encoder has not answered since the board started; the count is 0."""


class ParamKind(IntEnum):
    """How the 32 bits of a parameter are read."""

    U32 = 0
    I32 = 1
    F32 = 2
    BOOL = 3


class Result(IntEnum):
    """Why an ACK says no (0: yes)."""

    OK = 0
    UNKNOWN = 1
    """Message type not known or not for a board."""
    BAD_LENGTH = 2
    BAD_VALUE = 3
    """Outside the bounds."""
    NO_SUCH = 4
    """No channel, parameter or log line of that index."""
    STREAMING = 5
    """Refused while streaming: send STREAM 0 first."""
    ARM_ENABLED = 6
    """The host's beat does not say, within the last second, that the arm is disabled."""
    NO_CONSENT = 7
    """The consent word is missing: a person has to ask for this."""
    BAD_IMAGE = 8
    """Header, size, board name, CRC or hash of the image is wrong."""
    BAD_STATE = 9
    """Not now: e.g. UPDATE_DATA without UPDATE_BEGIN."""
    FLASH = 10
    """The flash did not take what was written."""
    BAD_OFFSET = 11
    """UPDATE_DATA is not at the offset that the board waits for; `detail` is that offset."""


class FaultCode(IntEnum):
    """What FAULT reports."""

    NONE = 0
    ENCODER = 1
    """Encoder `channel` is not OK; `detail` is its SampleStatus."""
    ESTOP = 2
    HOST_SILENT = 3
    """No HOST_BEAT for HOST_SILENT_MS: streaming has stopped."""
    OVERRUN = 4
    """The sample loop missed its time; `detail` counts."""
    FLASH = 5
    PARAMS_LOST = 6
    """The stored parameters could not be read: defaults are in force."""
    ROLLED_BACK = 7
    """An unconfirmed update was taken back."""


class LogLevel(IntEnum):
    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


class BoardState(IntEnum):
    IDLE = 0
    STREAMING = 1
    UPDATING = 2


class UpdateState(IntEnum):
    IDLE = 0
    """Nothing begun; the running image is confirmed."""
    RECEIVING = 1
    """An image is coming in; `next_offset` says how far."""
    READY = 2
    """Whole and its hash is right: the next REBOOT tries it once."""
    TESTING = 3
    """The new image runs, not yet confirmed: a reset now goes back to the old one."""
    ROLLED_BACK = 4
    """The last try was not confirmed; the old image runs again."""


ENUMS: Final = (ChannelKind, SampleStatus, ParamKind, Result, FaultCode, LogLevel, BoardState, UpdateState)
