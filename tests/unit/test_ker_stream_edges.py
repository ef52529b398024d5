"""The KER hub's stream at its edges: the last number that is believed, the first that is not."""

from __future__ import annotations

import pytest

from firmware_bridge import ker
from firmware_bridge.ker import FrameCodec, Schema
from firmware_bridge.ker_stream import KerStream

OLD, NEW = FrameCodec(ker.SCHEMA_2_0_0), FrameCodec(ker.SCHEMA_2_1_0)
WRAP = 1 << 32
MS = 1_000_000


def new_frame(seq: int, us: int, value: int = 0) -> bytes:
    return NEW.encode_frame((us % WRAP, seq % WRAP, 0, *[value] * 16, 0, False))


def old_frame(us: int) -> bytes:
    return OLD.encode_frame((us % WRAP, *[0.0] * 16, *[False] * 16))


class Run:
    """A stream of 1 kHz; `feed` gives (seq, device_us) or None."""

    def __init__(self, schema: Schema = ker.SCHEMA_2_1_0, start: int = 100) -> None:
        self.stream = KerStream(schema, 1000)
        self.is_new = schema is ker.SCHEMA_2_1_0
        for n in range(3):
            assert self.feed(start + n, (start + n) * 1000, n * MS) == (n, (start + n) * 1000)

    def feed(self, seq: int, us: int, now_ns: int):
        got = self.stream.feed(new_frame(seq, us) if self.is_new else old_frame(us), now_ns)
        return None if got is None else (got.seq, got.device_us)

    @property
    def counted(self) -> tuple[int, int, int, int]:
        stream = self.stream
        return stream.lost, stream.bad, stream.stale, stream.reboots


def test_the_next_frame_is_next_whatever_its_time_within_a_second():
    for ahead_us, host_ms, expected in ((1, 1, True), (1_000_000, 1, True), (1_000_001, 0, False)):
        run = Run()
        assert (run.feed(103, 102_000 + ahead_us, 2 * MS + host_ms * MS) is not None) == expected
        assert run.counted == (0, 0, 0, 0)


def test_a_frame_is_as_far_ahead_as_the_hosts_time_and_a_second_and_a_little_allow():
    """host 64 ms: 64,000 + 1,000,000 + 1,000 us."""
    for ahead_us, expected in ((1_065_000, True), (1_065_001, False)):
        run = Run()
        assert (run.feed(104, 102_000 + ahead_us, 2 * MS + 64 * MS) is not None) == expected


def test_numbers_may_be_skipped_by_half_more_than_the_time_and_fifty():
    for skipped, expected in ((65, True), (66, False)):  # 10 ms: 15 and 50
        run = Run()
        found = run.feed(102 + skipped, 112_000, 12 * MS)
        assert found == ((2 + skipped, 112_000) if expected else None)
        assert run.counted == ((skipped - 1, 0, 0, 0) if expected else (0, 0, 0, 0))


def test_a_newer_number_at_the_same_time_follows_at_an_earlier_one_not():
    run = Run()
    assert run.feed(104, 102_000, 3 * MS) == (4, 102_000)
    run = Run()
    assert run.feed(104, 101_999, 3 * MS) is None
    assert run.counted == (0, 0, 0, 0)


def test_late_frames_are_at_most_64_numbers_and_twice_that_time_back():
    for back, back_us, stale in ((64, 128_000, 1), (65, 65_000, 0), (64, 128_001, 0), (0, 0, 1), (1, -1, 0)):
        run = Run(start=1000)
        assert run.feed(1002 - back, 1_002_000 - back_us, 3 * MS) is None
        assert run.counted == (0, 0, stale, 0)
        assert run.feed(1003, 1_003_000, 4 * MS) == (3, 1_003_000)
        assert run.counted == (0, 1 - stale, stale, 0)


def test_eight_late_frames_in_a_row_are_a_restart():
    run = Run()
    found = [run.feed(60 + n, (60 + n) * 1000, 10 * MS + n * MS) for n in range(8)]
    assert found == [None] * 7 + [(3, 67_000)]
    assert run.counted == (0, 0, 8, 1)
    assert [run.feed(67, 67_000, 20 * MS) for _ in range(7)] == [None] * 7
    assert run.counted == (0, 0, 15, 1)


@pytest.mark.parametrize("between", ["next", "skipped"])
def test_late_frames_that_are_not_in_a_row_are_none(between):
    run = Run()
    at = 102
    for _ in range(3):
        for _ in range(7):
            assert run.feed(at - 30, (at - 30) * 1000, 10 * MS) is None
        at += 1 if between == "next" else 2
        assert run.feed(at, at * 1000, 10 * MS) is not None
    assert run.counted[2:] == (21, 0)


def test_a_restart_on_purpose_counts_late_frames_anew():
    run = Run()
    for n in range(7):
        assert run.feed(90, 90_000, (10 + n) * MS) is None
    run.stream.restart()
    assert run.feed(200, 200_000, 102 * MS) == (3, 200_000)
    assert run.feed(190, 190_000, 103 * MS) is None
    assert run.counted == (0, 0, 8, 0)


@pytest.mark.parametrize(
    ("after", "after_us", "restarted"),
    [
        (1, 1000, True),
        (1, 1, True),
        (50, 1_000_000, True),
        (51, 1000, False),
        (0, 1000, False),
        (1, 0, False),
        (1, 1_000_001, False),
    ],
)
def test_a_strange_frame_is_a_restart_where_the_next_one_continues_it(after, after_us, restarted):
    run = Run(start=4_000_000)
    assert run.feed(7, 70_000, 10 * MS) is None
    found = run.feed(7 + after, 70_000 + after_us, 11 * MS)
    assert found == ((3, 70_000 + after_us) if restarted else None)
    assert run.counted == (0, 0 if restarted else 1, 0, int(restarted))


def test_a_strange_frame_that_nothing_continues_is_bad_and_forgotten():
    run = Run(start=4_000_000)
    assert run.feed(7, 70_000, 10 * MS) is None
    assert run.feed(4_000_003, 4_000_003_000, 11 * MS) == (3, 4_000_003_000)
    assert run.counted == (0, 1, 0, 0)
    assert run.feed(8, 71_000, 12 * MS) is None
    assert run.feed(4_000_004, 4_000_004_000, 13 * MS) == (4, 4_000_004_000)
    assert run.counted == (0, 2, 0, 0)


def test_after_an_outage_the_clocks_differ_by_a_quarter_of_a_second_and_a_thousandth():
    """Host 1,024 ms: 250,000 + 1,000 us to either side; further off it is another power-on."""
    for off_us, reboots in ((251_000, 0), (-251_000, 0), (251_001, 1), (-251_001, 1)):
        run = Run()
        run.stream.restart()
        us = 102_000 + 1_024_000 + off_us
        assert run.feed(9000, us, 2 * MS + 1024 * MS) == (3, us)
        assert run.counted == (0, 0, 0, reboots)


def test_time_goes_on_across_an_outage_and_anew_after_a_restart():
    run = Run(start=4_294_960)  # 7 ms before the clock wraps
    run.stream.restart()
    assert run.feed(1, 4_294_960_000 + 100_000, 100 * MS) == (3, 4_294_960_000 + 100_000)
    assert run.feed(2, 4_294_960_000 + 101_000, 101 * MS) == (4, 4_294_960_000 + 101_000)
    run.stream.restart()
    assert run.feed(3, 2_000_000_000, 200 * MS) == (5, 2_000_000_000)
    assert run.counted == (0, 0, 0, 1)


def test_the_clock_wraps_once_where_a_frame_is_missing_there():
    run = Run(start=4_294_965)
    assert run.feed(4_294_969, 4_294_969_000, 6 * MS) == (4, 4_294_969_000)
    assert run.counted == (1, 0, 0, 0)


# -- without numbers: by the clock


def test_without_numbers_a_frame_of_less_than_one_and_a_half_periods_is_the_next():
    for ahead_us, lost in ((1, 0), (1499, 0), (1500, 1), (1501, 1), (2499, 1), (2501, 2)):
        run = Run(ker.SCHEMA_2_0_0)
        assert run.feed(0, 102_000 + ahead_us, 4 * MS) == (3 + lost, 102_000 + ahead_us)
        assert run.counted == (lost, 0, 0, 0)


def test_without_numbers_a_late_frame_and_an_early_one_after_it_are_no_loss():
    run = Run(ker.SCHEMA_2_0_0)
    at_us = 102_000
    for n, off_us in enumerate((450, -450, 450, -450, 480, -480)):
        at_us += 1000
        assert run.feed(0, at_us + off_us, (3 + n) * MS) is not None
    assert run.counted == (0, 0, 0, 0)


def test_without_numbers_the_phase_is_followed_over_a_loss_too():
    """A frame 400 us late after a loss, then one of 1,200 us more: 1,600 us after its slot begins, the slot after."""
    run = Run(ker.SCHEMA_2_0_0)
    assert run.feed(0, 102_000 + 2400, 5 * MS) is not None
    assert run.counted[0] == 1
    assert run.feed(0, 102_000 + 2400 + 1150, 6 * MS) is not None
    assert run.counted[0] == 2
    run = Run(ker.SCHEMA_2_0_0)
    assert run.feed(0, 102_000 + 1600, 5 * MS) is not None
    assert run.counted[0] == 1
    assert run.feed(0, 102_000 + 1600 + 1850, 6 * MS) is not None
    assert run.counted[0] == 1


def test_without_numbers_the_phase_is_forgotten_slowly():
    run = Run(ker.SCHEMA_2_0_0)
    at_us = 102_000 + 1400
    assert run.feed(0, at_us, 4 * MS) is not None  # 400 us late: 388 are left of it
    for ahead_us, lost in ((1111, 0), (1113, 1)):
        again = Run(ker.SCHEMA_2_0_0)
        again.feed(0, at_us, 4 * MS)
        again.feed(0, at_us + ahead_us, 5 * MS)
        assert again.counted[0] == lost


def test_without_numbers_a_repeated_or_older_frame_is_late():
    run = Run(ker.SCHEMA_2_0_0, start=1000)
    for back_us, stale in ((0, 1), (1000, 2), (64_000, 3), (64_499, 4)):
        assert run.feed(0, 1_002_000 - back_us, 4 * MS) is None
        assert run.counted == (0, 0, stale, 0)
    assert run.feed(0, 1_002_000 - 64_501, 4 * MS) is None
    assert run.counted == (0, 0, 4, 0)
    assert run.feed(0, 1_003_000, 5 * MS) == (3, 1_003_000)
    assert run.counted == (0, 1, 4, 0)


# -- bytes


def test_half_a_header_waits_for_its_other_half():
    stream = KerStream(ker.SCHEMA_2_1_0, 1000)
    assert stream.feed(b"x" * 60 + b"\xa5", 0) is None and stream.skipped_bytes == 60
    assert stream.feed(new_frame(1, 1000)[1:], 0) is not None
    assert (stream.received, stream.bad, stream.skipped_bytes) == (1, 0, 60)
    assert stream.feed(b"y" * 60, 0) is None and stream.skipped_bytes == 120
    assert stream.feed(b"z" + new_frame(2, 2000), 0) is not None
    assert (stream.received, stream.skipped_bytes) == (2, 121)


def test_the_first_frame_needs_no_other_where_no_more_bytes_are_there():
    for more, expected in ((b"", 1), (b"y", 1), (b"\xa5", 1), (b"yy", 0), (b"\xa5y", 0), (b"\xa5\x5a", 1)):
        stream = KerStream(ker.SCHEMA_2_1_0, 1000)
        assert len(stream.feed_all(new_frame(1, 1000) + more, 0)) == expected
        assert (stream.received, stream.bad) == (expected, 1 - expected)


def test_a_restart_on_purpose_forgets_half_a_frame_and_a_strange_one():
    run = Run(start=4_000_000)
    assert run.feed(7, 70_000, 10 * MS) is None
    run.stream.feed(new_frame(4_000_003, 4_000_003_000)[:20], 11 * MS)
    run.stream.restart()
    assert run.feed(4_000_050, 4_000_050_000, 50 * MS) == (3, 4_000_050_000)
    assert run.feed(4_000_051, 4_000_051_000, 51 * MS) == (4, 4_000_051_000)
    assert run.counted == (0, 0, 0, 0) and run.stream.skipped_bytes == 0


def test_a_sample_has_no_inputs_the_hub_has_none():
    got = KerStream(ker.SCHEMA_2_1_0, 1000).feed(new_frame(1, 1000, value=5), 77)
    assert got is not None and (got.inputs, got.t_ns, got.counts) == (0, 77, (5,) * 16)


def test_a_number_back_with_a_later_time_is_doubted():
    stream = KerStream(ker.SCHEMA_2_1_0, 1000)
    assert stream.feed(new_frame(1, 1000), 0) is not None
    assert stream.feed(new_frame(0, 2000), MS) is None and stream.stale == 0


@pytest.mark.parametrize(("seq", "us"), [(102, 102_001), (103, 101_999)])
def test_what_is_late_by_one_of_both_only_is_doubted(seq, us):
    run = Run()
    assert run.feed(seq, us, 3 * MS) is None
    assert run.counted == (0, 0, 0, 0)


@pytest.mark.parametrize("before", ["skipped", "outage", "next"])
def test_the_hosts_time_runs_from_the_last_frame(before):
    run = Run()
    if before == "outage":
        run.stream.restart()
    at = 103 if before == "next" else 104
    assert run.feed(at, 102_000 + 900_000, 902 * MS) is not None
    lost = run.counted[0]
    assert run.feed(at + 1, 102_000 + 900_000 + 1_500_000, 903 * MS) is None
    assert run.counted == (lost, 0, 0, 0)


def test_without_numbers_a_frame_a_microsecond_later_is_the_next_also_after_a_strange_one():
    run = Run(ker.SCHEMA_2_0_0)
    assert run.feed(0, 3_000_000_000, 3 * MS) is None
    assert run.feed(0, 102_001, 4 * MS) == (3, 102_001)
    assert run.counted == (0, 1, 0, 0)


def test_without_numbers_the_phase_after_a_loss_is_forgotten_as_slowly():
    for ahead_us, lost in ((1111, 1), (1113, 2)):
        run = Run(ker.SCHEMA_2_0_0)
        run.feed(0, 102_000 + 2400, 5 * MS)
        run.feed(0, 102_000 + 2400 + ahead_us, 6 * MS)
        assert run.counted[0] == lost


def test_without_numbers_an_outage_begins_a_new_phase():
    run = Run(ker.SCHEMA_2_0_0)
    run.feed(0, 102_000 + 1400, 4 * MS)
    run.stream.restart()
    assert run.feed(0, 203_000, 104 * MS) is not None
    assert run.feed(0, 203_000 + 1490, 105 * MS) is not None
    assert run.counted == (0, 0, 0, 0)
