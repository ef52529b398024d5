"""Framing, numbers and time of a KER stream: nothing is lost in silence, nothing is invented."""

from __future__ import annotations

import random

import pytest

from firmware_bridge import ker
from firmware_bridge.ker_stream import STALE_FRAMES, KerStream

OLD = ker.FrameCodec(ker.SCHEMA_2_0_0)
NEW = ker.FrameCodec(ker.SCHEMA_2_1_0)
WRAP = 1 << 32
MS = 1_000_000


def new_frame(n, us=None, first=0):
    """Frame number n, angle n hundredths on every channel."""
    return NEW.encode_frame(
        ((n * 1000 if us is None else us) % WRAP, (first + n) % WRAP, 0, *[n % 30000] * 16, 0, False)
    )


def old_frame(n, us=None, start_us=0):
    return OLD.encode_frame(((start_us + n * 1000 if us is None else us) % WRAP, *[n * 0.01] * 16, *[False] * 16))


def make(schema=ker.SCHEMA_2_1_0):
    return KerStream(schema, 1000)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 49, 50, 51, 64, 512])
@pytest.mark.parametrize("codec", [OLD, NEW])
def test_any_chunks_give_all_samples(size, codec):
    frame = old_frame if codec is OLD else new_frame
    data = b"".join(frame(n) for n in range(40))
    stream = make(codec.schema)
    got = []
    for at in range(0, len(data), size):
        got += stream.feed_all(data[at : at + size], at)
    assert [sample.seq for sample in got] == list(range(40))
    assert [sample.device_us for sample in got] == [n * 1000 for n in range(40)]
    assert (stream.received, stream.lost, stream.bad, stream.skipped_bytes) == (40, 0, 0, 0)


def test_one_read_gives_the_newest_and_counts_the_rest():
    stream = make()
    sample = stream.feed(b"".join(new_frame(n) for n in range(9)) + new_frame(9)[:20], 77)
    assert sample is not None
    assert (sample.seq, sample.counts[0], sample.t_ns) == (8, 8, 77)
    assert stream.received == 9 and stream.lost == 0
    again = stream.feed(new_frame(9)[20:], 78)
    assert again is not None and again.seq == 9
    assert stream.feed(b"", 79) is None


def test_a_header_inside_the_payload_costs_no_frame():
    inside, after = (
        NEW.encode_frame((n * 1000, n, 0, *[0x5AA5, 17, 0x5AA5, 0x5AA5, *range(12)], 0x5AA5, False)) for n in (0, 1)
    )
    assert inside.count(ker.STREAM_HEADER) == 5
    stream = make()
    # Entered in the middle: false headers must not swallow the whole frames that follow.
    got = stream.feed_all(inside[2:] + after + new_frame(2) + new_frame(3), 0)
    assert [sample.device_us for sample in got] == [1000, 2000, 3000]
    assert stream.lost == 0 and stream.bad == 4 and stream.skipped_bytes == 48


def test_a_first_frame_that_no_other_follows_is_not_believed():
    false = b"\xa5\x5a" + bytes(47) + b"\0"  # a right checksum
    stream = make()
    got = stream.feed_all(false + b"\x01" * 7 + new_frame(5) + new_frame(6), 0)
    assert [sample.device_us for sample in got] == [5000, 6000] and stream.reboots == 0


def test_a_broken_frame_is_one_bad_and_one_lost():
    frames = [bytearray(new_frame(n)) for n in range(10)]
    frames[4][20] ^= 0x10
    stream = make()
    got = stream.feed_all(b"".join(frames), 0)
    assert [sample.seq for sample in got] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert (stream.received, stream.lost, stream.bad, stream.skipped_bytes) == (9, 1, 1, 50)


def test_a_short_frame_takes_no_other_with_it():
    stream = make()
    got = stream.feed_all(new_frame(0) + new_frame(1)[:31] + new_frame(2) + b"\xa5" + new_frame(3) + new_frame(4), 0)
    assert [sample.seq for sample in got] == [0, 2, 3, 4]
    assert stream.lost == 1


def test_noise_is_not_kept():
    stream = make()
    rng = random.Random(5)
    for _ in range(200):
        assert stream.feed(rng.randbytes(4096).replace(b"\xa5\x5a", b"\0\0"), 0) is None
        assert len(stream._rest) < NEW.frame_bytes
    assert stream.feed(new_frame(3), 1) is not None


def test_lost_frames_are_counted_by_the_hubs_numbers_across_their_wrap():
    stream = make()
    for n in (0, 1, 2, 6, 7, 20):
        stream.feed(new_frame(n, first=WRAP - 5), n * MS)
    assert stream.lost == 3 + 12 and stream._seq == 20


def test_time_and_numbers_are_unwrapped_after_71_minutes():
    for schema, frame in ((ker.SCHEMA_2_0_0, old_frame), (ker.SCHEMA_2_1_0, new_frame)):
        stream = make(schema)
        samples = [stream.feed(frame(n, us=WRAP - 2500 + n * 1000), n * MS) for n in range(6)]
        assert [sample.device_us for sample in samples] == [WRAP - 2500 + n * 1000 for n in range(6)]
        assert [sample.seq for sample in samples] == list(range(6))
        assert stream.reboots == stream.lost == stream.bad == 0


def test_2_0_0_counts_losses_by_its_clock_and_bears_jitter():
    rng = random.Random(1)
    stream = make(ker.SCHEMA_2_0_0)
    kept = [n for n in range(3000) if n not in range(1000, 1007) and n != 2000]
    for n in kept:
        sample = stream.feed(old_frame(n, us=1_000_000 + n * 1000 + rng.randrange(-200, 200)), n * MS)
    assert stream.lost == 8 and sample.seq == 2999


def test_repeated_and_late_frames_are_no_samples():
    stream = make()
    got = stream.feed_all(b"".join(new_frame(n) for n in (0, 1, 1, 2, 4, 3, 5, 5)), 0)
    assert [sample.seq for sample in got] == [0, 1, 2, 4, 5]
    assert stream.stale == 3 and stream.lost == 1 and stream.reboots == 0
    # The newest of one read is the newest by number, not by place.
    newest = stream.feed(new_frame(7) + new_frame(6), 0)
    assert newest is not None and newest.counts[0] == 7


@pytest.mark.parametrize("schema", [ker.SCHEMA_2_0_0, ker.SCHEMA_2_1_0])
def test_a_restarted_hub_is_one_reboot_and_no_losses(schema):
    frame = old_frame if schema is ker.SCHEMA_2_0_0 else new_frame
    stream = make(schema)
    for n in range(200):
        stream.feed(frame(n, us=3_900_000_000 + n * 1000), n * MS)
    got = []
    for n in range(5):
        got += stream.feed_all(frame(n, us=1_500_000 + n * 1000), (900 + n) * MS)
    assert stream.reboots == 1 and stream.lost == 0 and stream.bad == 0
    assert [sample.device_us for sample in got] == [1_501_000, 1_502_000, 1_503_000, 1_504_000]
    assert [sample.seq for sample in got] == [200, 201, 202, 203]


def test_a_hub_that_restarts_again_and_again_is_counted_each_time():
    stream = make()
    now = 0
    for _ in range(4):
        for n in range(100):
            now += MS
            stream.feed(new_frame(n, us=1_500_000 + n * 1000), now)
        now += 500 * MS
    assert stream.reboots == 3 and stream.lost == 0


def test_a_hub_that_restarts_in_its_first_moments_is_noticed():
    stream = make()
    for n in range(30):
        stream.feed(new_frame(n), n * MS)
    got = []
    for n in range(STALE_FRAMES + 2):
        got += stream.feed_all(new_frame(n), (100 + n) * MS)
    assert stream.reboots == 1 and [sample.seq for sample in got] == [30, 31, 32]


def test_one_wrong_number_is_bad_and_moves_nothing():
    stream = make()
    for n in range(50):
        if n == 20:
            stream.feed(NEW.encode_frame((n * 1000, 0xDEADBEEF, 0, *[0] * 16, 0, False)), n * MS)
        elif n == 30:
            stream.feed(NEW.encode_frame((0x77777777, n, 0, *[0] * 16, 0, False)), n * MS)
        else:
            sample = stream.feed(new_frame(n), n * MS)
    assert sample is not None and sample.seq == 49 and sample.device_us == 49_000
    assert (stream.bad, stream.lost, stream.reboots) == (2, 2, 0)


def test_an_outage_on_purpose_is_no_loss_but_a_restart_in_it_shows():
    stream = make()
    for n in range(10):
        stream.feed(new_frame(n), n * MS)
    stream.restart()
    sample = stream.feed(new_frame(5000), 5000 * MS)
    assert sample is not None and sample.seq == 10 and sample.device_us == 5_000_000
    assert stream.lost == stream.reboots == 0
    stream.restart()
    sample = stream.feed(new_frame(0, us=1_500_000), 9000 * MS)
    assert sample is not None and sample.seq == 11 and sample.device_us == 1_500_000
    assert stream.lost == 0 and stream.reboots == 1


def test_an_outage_longer_than_the_clocks_wrap_keeps_time():
    stream = make()
    stream.feed(new_frame(0, us=4_000_000_000), 0)
    stream.restart()
    hours = 3 * 3600 * 10**6
    sample = stream.feed(new_frame(9, us=4_000_000_000 + hours), hours * 1000)
    assert sample is not None and sample.device_us == 4_000_000_000 + hours and stream.reboots == 0
