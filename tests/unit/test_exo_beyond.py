"""Readings that an encoder of the exo wire can not give, whatever status stands beside them: not a number."""

from __future__ import annotations

import pytest

from firmware_bridge.exo_messages import Channel
from firmware_bridge.exo_sample import SampleReader
from firmware_bridge.exo_terms import ChannelKind, SampleStatus
from firmware_bridge.exo_wire import Sample, encode_sample
from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_NOT_A_NUMBER, RawCounts

NAN = HEALTH_NOT_A_NUMBER


def reader_of(*turns: int, kind: ChannelKind = ChannelKind.ROTARY, count_bytes: int = 2) -> SampleReader:
    return SampleReader(
        [Channel(n, kind, 1, 0, turn, 0, 0, f"j{n}") for n, turn in enumerate(turns)], count_bytes=count_bytes
    )


def read(reader: SampleReader, seq: int, *counts: int, states: bytes = b"", is_wide: bool = False) -> RawCounts:
    got = reader.read(encode_sample(Sample(seq, seq, 0, counts, states or bytes(len(counts)), is_wide)), 0)
    assert got is not None
    return got


@pytest.mark.parametrize("kind", [ChannelKind.ROTARY, ChannelKind.TRIGGER])
@pytest.mark.parametrize("turn", [32768, 16384, 4096, 1024, 20000, 1000])
@pytest.mark.parametrize("over", [0, 1, 5000])
def test_more_than_a_turn_has_is_not_a_number_and_the_reading_before_stands(
    kind: ChannelKind, turn: int, over: int
) -> None:
    reader = reader_of(turn, turn, kind=kind)
    assert read(reader, 0, 5, turn - 1).health == (0, 0)
    good = read(reader, 1, 5, turn - 1).counts
    for seq in (2, 3):  # as often as it comes
        got = read(reader, seq, 5, turn + over)
        assert (got.counts, got.health) == (good, (0, NAN))
    got = read(reader, 4, 7, turn - 2)
    assert (got.counts, got.health) == ((good[0] + 2, good[1] - 1), (0, 0))
    assert read(reader, 5, 7, turn - 2).health == (0, 0)


def test_what_moves_beside_it_is_followed_through_its_edge() -> None:
    reader = reader_of(32768, 32768)
    read(reader, 0, 32000, 9)
    assert read(reader, 1, 32700, 0xFFFF).health == (0, NAN)
    first = read(reader, 2, 32760, 0xFFFF).counts
    got = read(reader, 3, 20, 0xFFFF)
    assert (got.counts, got.health) == ((first[0] + 28, first[1]), (0, NAN))
    assert read(reader, 4, 30, 11).counts == (first[0] + 38, first[1] + 2)


def test_a_first_reading_beyond_is_not_a_number_either() -> None:
    reader = reader_of(32768)
    assert read(reader, 0, 0xFFFF).health == (NAN,)
    assert read(reader, 1, 40).health == (0,)


def test_a_finer_encoder_may_read_what_is_beyond_a_coarser_one_beside_it() -> None:
    reader = reader_of(16384, 65536, 32768)
    assert read(reader, 0, 16383, 65535, 32767).health == (0, 0, 0)
    assert read(reader, 1, 16384, 65535, 32767).health == (NAN, 0, 0)
    assert read(reader, 2, 16383, 65535, 32768).health == (0, 0, NAN)
    assert read(reader, 3, 16383, 65535, 32767).health == (0, 0, 0)


def test_turns_that_end_within_a_step_of_the_upper_byte_are_exact() -> None:
    for turn, finer in ((20000, 40000), (1000, 32000)):
        reader = reader_of(turn, finer)
        for seq, (over, finer_over) in enumerate(((-1, -1), (0, -1), (-1, 0), (-2, -2), (20, 20))):
            health = read(reader, seq, turn + over, finer + finer_over).health
            assert health == (NAN * (over >= 0), NAN * (finer_over >= 0)), (turn, seq)


def test_a_status_beside_it_stands_too() -> None:
    reader = reader_of(32768, 32768)
    read(reader, 0, 1, 2)
    states = bytes((SampleStatus.OK, SampleStatus.CHECKSUM))
    assert read(reader, 1, 40000, 40000, states=states).health == (NAN, NAN | HEALTH_DEVICE_ERROR)
    assert read(reader, 2, 1, 40000, states=bytes((SampleStatus.CHECKSUM, 0))).health == (HEALTH_DEVICE_ERROR, NAN)


@pytest.mark.parametrize(("turn", "last"), [(1 << 20, (1 << 20) - 1), (1 << 31, (1 << 31) - 1)])
def test_of_four_bytes_too(turn: int, last: int) -> None:
    reader = reader_of(turn, count_bytes=4)
    assert read(reader, 0, last, is_wide=True).health == (0,)
    assert read(reader, 1, last + 1, is_wide=True).health == (NAN,)
    assert read(reader, 2, last, is_wide=True).health == (0,)


@pytest.mark.parametrize("kind", [ChannelKind.ROTARY_MULTI, ChannelKind.LINEAR])
def test_a_channel_of_many_turns_may_read_anything(kind: ChannelKind) -> None:
    reader = reader_of(1024, kind=kind)
    for seq, count in enumerate((0, 1024, 0x7FFF, 0xFFFF)):
        assert read(reader, seq, count).health == (0,)
