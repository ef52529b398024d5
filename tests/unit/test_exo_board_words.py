"""What a board must be, and a parameter may be: each bound and each sentence of the handshake."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest

from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import Channel, Hello, Param
from firmware_bridge.exo_terms import ChannelKind, ParamKind
from firmware_bridge.exo_wire import encode
from firmware_bridge.handshake import Board, Expected, check_board, check_dictionary, dictionary_crc32
from firmware_bridge.params import bits_of, bounds_of, default_of, value_of

CHANNELS = tuple(Channel(n, ChannelKind.ROTARY, 1, 0, 32768, -9000, 9000, f"j{n}") for n in range(4))


def board(channels: tuple[Channel, ...] = CHANNELS, **changes: int | str) -> Board:
    crc = dictionary_crc32(channels)
    hello = Hello(1, "EMU-1", "make", "type", "1.2.3", 4, 2, 0, 3, 1000, 0, 0, crc, 1)
    return Board(hello._replace(**changes), channels)  # type: ignore[arg-type]


def test_the_dictionarys_crc_is_that_of_all_its_payloads_in_order():
    assert dictionary_crc32(CHANNELS) == crc32(b"".join(encode(channel)[1:] for channel in CHANNELS))
    assert dictionary_crc32(()) == 0


@pytest.mark.parametrize(("count_bytes", "good"), [(2, True), (3, False), (4, True), (5, False)])
def test_counts_have_2_or_4_bytes(count_bytes, good):
    if good:
        check_dictionary(board(count_bytes=count_bytes))
        return
    with pytest.raises(WireError, match=f"counts of {count_bytes} bytes; expected 2 or 4"):
        check_dictionary(board(count_bytes=count_bytes))


def test_channels_come_all_and_in_order():
    check_dictionary(board())
    with pytest.raises(WireError, match="dictionary of 4 channels"):
        check_dictionary(board((CHANNELS[1], CHANNELS[0], *CHANNELS[2:])))


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Expected({0: "j0"}, 1000, "EMU-1"), ""),
        (Expected({0: "j0"}, 1000, ""), ""),
        (Expected({0: "j0"}, 1000, "EMU-2"), "the calibration was made on board EMU-2"),
        (Expected({0: "j0"}, 1001, "EMU-1"), "streams at most 1000 Hz; expected 1001"),
        (Expected({3: "j3"}, 10), ""),
        (Expected({4: "j4"}, 10), "has 4 channels; expected channel 4 for joint j4"),
        (Expected({9: "j9"}, 10), "has 4 channels; expected channel 9 for joint j9"),
        (Expected({3: "j2"}, 10), "channel 3 is 'j3'; expected 'j2'"),
    ],
)
def test_a_board_that_is_not_the_rig_files_is_refused_in_words(expected, words):
    if not words:
        check_board(board(), expected)
        return
    with pytest.raises(WireError) as error:
        check_board(board(), expected)
    assert words in str(error.value) and "board EMU-1 (type, firmware 1.2.3)" in str(error.value)


def test_a_board_says_who_it_is_in_one_line_and_nothing_is_required_unless_told():
    assert board().words == "make type, firmware 1.2.3, serial number EMU-1"
    assert Expected({}, 1).inputs == 0


@pytest.mark.parametrize(
    ("kind", "letter", "lower", "upper"),
    [
        (ParamKind.F32, "f", -1.5, 1.5),
        (ParamKind.I32, "i", -10, 10),
        (ParamKind.U32, "I", 5, 4_000_000_000),
        (ParamKind.BOOL, "I", 0, 1),
    ],
)
def test_a_parameter_may_be_its_bounds_themselves(kind, letter, lower, upper):
    def bits(value):
        return struct.unpack("<I", struct.pack("<" + letter, value))[0]

    param = Param(0, kind, 1, 0, bits(upper), bits(lower), bits(upper), bits(lower), "gain", "N")
    assert bits_of(param, lower) == bits(lower) and bits_of(param, upper) == bits(upper)
    assert bounds_of(param) == (lower, upper)
    assert (value_of(param), default_of(param)) in ((upper, lower), (lower, upper))
    for value in (lower - 1, upper + 1):
        with pytest.raises(WireError, match=f"parameter gain: {value}; expected"):
            bits_of(param, value)


def test_a_parameter_of_an_unknown_kind_is_refused():
    param = Param(0, ParamKind.U32, 1, 0, 1, 0, 2, 1, "gain", "N")._replace(kind=9)
    with pytest.raises(WireError, match="gain"):
        value_of(param)
