"""Every message of the exo wire but SAMPLE's arrays: the single source of truth of the bytes (see WIRE.md).

Each class is a message; each annotation says how the field stands on the wire; the string under it says what it is.
`exo_generate` makes the C codec, the DBC file and the tables of WIRE.md from these classes.
"""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple, get_args, get_type_hints

from firmware_bridge.exo_fields import (
    I32,
    U8,
    U16,
    U32,
    Blob,
    BlobTail,
    Field,
    FieldKind,
    Flag,
    Scalar,
    Sign,
    Text8,
    Text16,
    TextTail,
)
from firmware_bridge.exo_terms import (
    IMAGE_HEADER_SIZE,
    MAX_CHANNELS,
    MAX_LOG_TEXT,
    MAX_PARAMS,
    MAX_RATE_HZ,
    MAX_UPDATE_DATA,
    WIRE_VERSION,
)

_CHANNEL: Final = Scalar("B", "uint8_t", 1, 0, MAX_CHANNELS - 1)
Index = Annotated[int, _CHANNEL]
ParamIndex = Annotated[int, _CHANNEL.within(0, MAX_PARAMS - 1)]


class ImageHeader(NamedTuple):
    """First 80 bytes of an image file; carried in UPDATE_BEGIN, kept at the start of a slot."""

    magic: Annotated[int, Scalar("I", "uint32_t", 4, 0x494F5845, 0x494F5845)]
    """'EXOI'."""
    header_version: Annotated[int, Scalar("H", "uint16_t", 2, 1, 1)]
    header_size: Annotated[int, Scalar("H", "uint16_t", 2, 80, 80)]
    board: Text16
    """Board type the image is for; must equal HELLO's `board`."""
    version: Text16
    """Firmware version, e.g. 1.4.0."""
    image_size: U32
    """Bytes after the header."""
    image_crc32: U32
    sha256: Annotated[bytes, Blob(32)]
    """Of the bytes after the header."""


# -- host to board ---------------------------------------------------------------------------------------------------


class HelloGet(NamedTuple):
    """Who are you? -> HELLO."""


class ChannelGet(NamedTuple):
    """Describe one channel -> CHANNEL."""

    channel: Index
    """0 .. HELLO.channels - 1."""


class Stream(NamedTuple):
    """Start SAMPLEs, or stop them -> ACK."""

    rate_hz: Annotated[int, Scalar("H", "uint16_t", 2, 0, MAX_RATE_HZ)]
    """0 stops. A board that restarts never streams before it is asked again."""


class HostBeat(NamedTuple):
    """The host lives; every BEAT_MS. -> BOARD_BEAT (by the board's own clock)."""

    token: U8
    """Any number; comes back in BOARD_BEAT."""
    arm_enabled: Flag
    """1 while any motor of the arm is or may be enabled: the board then refuses to be updated."""


class TimeGet(NamedTuple):
    """What time is it there? -> TIME."""

    token: U8
    """Comes back, so that a late answer is not taken for the next."""


class ParamGet(NamedTuple):
    """Read one parameter -> PARAM."""

    param: ParamIndex
    """0 .. HELLO.params - 1."""


class ParamSet(NamedTuple):
    """Change one parameter in RAM, in force at once -> PARAM as it now stands, or ACK that says why not."""

    param: ParamIndex
    value: U32
    """32 bits, read as the parameter's kind says."""


class ParamSave(NamedTuple):
    """Keep all parameters and recorded zeros over power-off -> ACK."""


class ZeroGet(NamedTuple):
    """Read the recorded zero of one channel -> ZERO."""

    channel: Index


class ZeroRecord(NamedTuple):
    """Record the present count as the channel's zero, in RAM until PARAM_SAVE. SAMPLEs stay raw. -> ZERO."""

    channel: Index


class StatsGet(NamedTuple):
    """Read the counters -> STATS."""


class LogGet(NamedTuple):
    """Read the first kept log line numbered `number` or above -> LOG, or ACK NO_SUCH at the end."""

    number: U32


class UpdateBegin(NamedTuple):
    """Begin an update, or resume the interrupted one of the same header -> UPDATE_STATUS."""

    consent: U32
    """CONSENT."""
    header: Annotated[bytes, Blob(IMAGE_HEADER_SIZE)]
    """The image's header."""


class UpdateData(NamedTuple):
    """The next bytes of the image -> ACK, `detail` = the offset waited for next."""

    offset: U32
    """In the bytes after the header."""
    data: Annotated[bytes, BlobTail(MAX_UPDATE_DATA)]


class UpdateEnd(NamedTuple):
    """All sent: check size, CRC and hash -> UPDATE_STATUS READY, or ACK BAD_IMAGE."""


class UpdateConfirm(NamedTuple):
    """The image under test is good: keep it -> UPDATE_STATUS."""

    consent: U32


class UpdateAbort(NamedTuple):
    """Forget the image in the other slot -> UPDATE_STATUS."""


class UpdateGet(NamedTuple):
    """-> UPDATE_STATUS."""


class Reboot(NamedTuple):
    """Restart the board -> ACK, then silence, then whatever slot is due."""

    consent: U32


# -- board to host ---------------------------------------------------------------------------------------------------


class Hello(NamedTuple):
    """Who the board is. The first 65 bytes keep their place in every version of the wire."""

    wire_version: Annotated[int, Scalar("B", "uint8_t", 1, WIRE_VERSION, WIRE_VERSION)]
    """Changes when the meaning of any byte changes."""
    serial_number: Text16
    """Unique for the make; the calibration is bound to it."""
    make: Text16
    board: Text16
    """Board type; an image must be made for it."""
    firmware: Text16
    """Version of the running image."""
    channels: Annotated[int, Scalar("B", "uint8_t", 1, 1, MAX_CHANNELS)]
    count_bytes: Annotated[int, Scalar("B", "uint8_t", 1, 2, 4)]
    """2 or 4: width of a count in SAMPLE."""
    inputs: U8
    """INPUT_HAS_* bits of SAMPLE.inputs."""
    params: Annotated[int, Scalar("B", "uint8_t", 1, 0, MAX_PARAMS)]
    max_rate_hz: Annotated[int, Scalar("H", "uint16_t", 2, 1, MAX_RATE_HZ)]
    slot: Flag
    """Slot of the running image."""
    update_state: U8
    """UpdateState."""
    dictionary_crc32: U32
    """CRC-32 over all CHANNEL payloads in order: a host that knows it need not ask again."""
    boots: U32
    """Starts since the flash was new."""


class Channel(NamedTuple):
    """One line of the channel dictionary. Never changes while the board runs."""

    channel: Index
    kind: U8
    """ChannelKind."""
    sign: Sign
    """Sense in which the maker counts the joint's positive direction: 1 or -1; 0 = not stated."""
    reserved: Annotated[int, Scalar("B", "uint8_t", 1, 0, 0)]
    counts_per_turn: Annotated[int, Scalar("I", "uint32_t", 4, 2, 0xFFFF_FFFF)]
    lower_cdeg: I32
    """Travel of the joint at the encoder, 0.01 degree."""
    upper_cdeg: I32
    name: Text16


class BoardBeat(NamedTuple):
    """The board lives; every BEAT_MS while it hears HOST_BEAT."""

    token: U8
    """Of the last HOST_BEAT."""
    state: U8
    """BoardState."""
    faults: U16
    """How many faults stand now."""
    uptime_ms: U32
    """Goes back to 0 when the board restarts."""


class Time(NamedTuple):
    """Answer to TIME_GET."""

    token: U8
    receive_us: U32
    """Board clock when TIME_GET's last byte was in."""
    turn_us: U16
    """From then until this message is handed to the line."""


class Param(NamedTuple):
    """One parameter: value, bounds and words."""

    param: ParamIndex
    kind: U8
    """ParamKind."""
    is_saved: Flag
    """1: the value is also the one in flash."""
    reserved: Annotated[int, Scalar("B", "uint8_t", 1, 0, 0)]
    value: U32
    lower: U32
    upper: U32
    default_value: U32
    name: Text16
    unit: Text8


class Ack(NamedTuple):
    """Yes, or no and why."""

    request: U8
    """Type of the message that is answered."""
    result: U8
    """Result."""
    detail: U32
    """What the result says it is, else 0."""


class Log(NamedTuple):
    """One line of the board's log; new lines are also sent unasked while the host's beat is heard."""

    number: U32
    """Counts up from 0 at every start."""
    device_us: U32
    level: U8
    """LogLevel."""
    text: Annotated[str, TextTail(MAX_LOG_TEXT)]


class Fault(NamedTuple):
    """A fault has come or gone."""

    code: U16
    """FaultCode."""
    channel: U8
    """255 where no channel is meant."""
    is_active: Flag
    """1 came, 0 went."""
    detail: U32


class Stats(NamedTuple):
    """Counters since the board started."""

    uptime_ms: U32
    samples: U32
    """SAMPLEs handed to the line."""
    overruns: U32
    """Sample times that were missed and skipped."""
    tx_dropped: U32
    """Messages that the line did not take."""
    rx_frames: U32
    """Good messages from the host."""
    rx_bad: U32
    """Damaged, overlong or unknown ones."""
    encoder_errors: U32
    """Channel readings that were not OK."""
    loop_us: U16
    """Longest time to read, encode and hand over one sample."""
    temperature_cdeg: Annotated[int, Scalar("h", "int16_t", 2, -32768, 32767)]
    """0.01 degree C; -32768 = no sensor."""
    supply_mv: U16
    """0 = not measured."""


class Zero(NamedTuple):
    """The recorded zero of one channel. For the calibration file; the board itself never applies it."""

    channel: Index
    is_recorded: Flag
    is_saved: Flag
    reserved: Annotated[int, Scalar("B", "uint8_t", 1, 0, 0)]
    counts: U32


class UpdateStatus(NamedTuple):
    """Where the update stands."""

    state: U8
    """UpdateState."""
    running_slot: Flag
    attempts: U8
    """Starts of the image under test."""
    reserved: Annotated[int, Scalar("B", "uint8_t", 1, 0, 0)]
    next_offset: U32
    """First byte of the image that the board does not safely hold."""
    image_size: U32
    """0 where no image is begun."""
    running_version: Text16
    other_version: Text16
    """Version in the other slot, where a whole image is there."""


Message = (
    HelloGet | ChannelGet | Stream | HostBeat | TimeGet | ParamGet | ParamSet | ParamSave | ZeroGet | ZeroRecord
    | StatsGet | LogGet | UpdateBegin | UpdateData | UpdateEnd | UpdateConfirm | UpdateAbort | UpdateGet | Reboot
    | Hello | Channel | BoardBeat | Time | Param | Ack | Log | Fault | Stats | Zero | UpdateStatus
)  # fmt: skip

TYPES: Final[dict[int, type[Message]]] = {
    0x01: HelloGet, 0x02: ChannelGet, 0x03: Stream, 0x04: HostBeat, 0x05: TimeGet, 0x06: ParamGet, 0x07: ParamSet,
    0x08: ParamSave, 0x09: ZeroGet, 0x0A: ZeroRecord, 0x0B: StatsGet, 0x0C: LogGet, 0x0D: UpdateBegin,
    0x0E: UpdateData, 0x0F: UpdateEnd, 0x10: UpdateConfirm, 0x11: UpdateAbort, 0x12: UpdateGet, 0x13: Reboot,
    0x81: Hello, 0x82: Channel, 0x84: BoardBeat, 0x85: Time, 0x86: Param, 0x87: Ack, 0x88: Log, 0x89: Fault,
    0x8A: Stats, 0x8B: Zero, 0x8C: UpdateStatus,
}  # fmt: skip
"""Type byte -> message. Bit 7 set: from the board. (0x83 is SAMPLE, see exo_wire.)"""
TYPE_OF: Final[dict[type[Message], int]] = {cls: number for number, cls in TYPES.items()}


def fields_of(cls: type) -> tuple[Field, ...]:
    """The fields of a message class in wire order."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(Field(name, _kind(hint, cls, name)) for name, hint in hints.items())


def wire_name(cls: type) -> str:
    """HelloGet -> HELLO_GET."""
    return "".join(("_" if i and c.isupper() else "") + c.upper() for i, c in enumerate(cls.__name__))


def _kind(hint: object, cls: type, name: str) -> FieldKind:
    for extra in get_args(hint)[1:]:
        if isinstance(extra, FieldKind):
            return extra
    raise TypeError(f"{cls.__name__}.{name}: annotation {hint!r} does not say how it stands on the wire")
