"""ISO-TP at its edges, frame by frame and to the nanosecond: what arrives, what is bad, who waits how long."""

from __future__ import annotations

import pytest

from firmware_bridge.errors import WireError
from firmware_bridge.exo_terms import MAX_BODY
from firmware_bridge.iso_tp import MAX_QUEUED, MAX_WAITS, TIMEOUT_NS, TpLink

MS = 1_000_000


def transfer(body: bytes, *, fd=False, block=0, limit=MAX_BODY) -> tuple[bytes | None, list[bytes], list[bytes]]:
    """What the other end reads, the frames sent and the flow controls."""
    sender, receiver = TpLink(fd=fd), TpLink(fd=fd, block_size=block, limit=limit)
    sender.send(body)
    sent, flows, whole = [], [], None
    for now_ns in range(10, 100_000, 10):
        for frame in sender.frames(now_ns):
            sent.append(frame)
            whole = receiver.feed(frame, now_ns) or whole
        for frame in receiver.frames(now_ns):
            flows.append(frame)
            sender.feed(frame, now_ns)
        if sender.is_idle:
            break
    assert sender.is_idle and receiver.is_idle and sender.bad == 0 and receiver.bad == 0
    return whole, sent, flows


@pytest.mark.parametrize("fd", [False, True])
@pytest.mark.parametrize("block", [0, 1, 2, 5])
@pytest.mark.parametrize("length", [1, 6, 7, 8, 9, 61, 62, 63, 64, 120, 200, 700])
def test_messages_of_every_kind_of_length_arrive(length, block, fd):
    body = bytes(n * 7 & 0xFF for n in range(min(length, MAX_BODY)))
    whole, sent, flows = transfer(body, fd=fd, block=block)
    assert whole == body
    size = 64 if fd else 8
    if len(body) <= 7:
        assert sent == [bytes((len(body),)) + body] and flows == []
    elif fd and len(body) <= 62:
        assert sent[0][:2] == bytes((0, len(body))) and flows == []
        assert len(sent[0]) in (12, 16, 20, 24, 32, 48, 64) and set(sent[0][2 + len(body) :]) <= {0xCC}
    else:
        assert sent[0] == bytes((0x10 | len(body) >> 8, len(body) & 0xFF)) + body[: size - 2]
        count = -(-(len(body) - size + 2) // (size - 1))
        assert [frame[0] for frame in sent[1:]] == [0x20 | (n + 1) & 15 for n in range(count)]
        assert all(len(frame) <= size for frame in sent)
        assert flows == [bytes((0x30, block, 0))] * (1 + ((count - 1) // block if block else 0))


def test_a_short_fd_frame_is_padded_to_a_length_that_exists():
    _, sent, _ = transfer(bytes(8), fd=True)
    assert sent == [bytes((0, 8)) + bytes(8) + b"\xcc\xcc"]
    _, sent, _ = transfer(bytes(7), fd=True)
    assert sent == [bytes((7,)) + bytes(7)]


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (b"\x01a", b"a"),
        (b"\x01ab", b"a"),
        (b"\x00", None),
        (b"\x02a", None),
        (b"\x07abcdefg", b"abcdefg"),
        (b"\x08" + bytes(15), None),
        (b"\x00\x01abcdefg", b"a"),
        (b"\x00\x07abcdefg", b"abcdefg"),
        (b"\x00\x08abcdefg", None),
        (b"\x00\x00abcdefg", None),
        (b"\x00\x01abcdef", None),
        (b"\x40", None),
        (b"", None),
    ],
)
def test_single_frames_one_by_one(frame, found):
    link = TpLink(fd=True)
    assert link.feed(frame, 0) == found
    assert link.bad == (found is None)
    assert link.frames(0) == []


@pytest.mark.parametrize(("length", "found"), [(20, True), (21, False)])
def test_the_limit_of_a_link_holds_both_ways(length, found):
    link = TpLink(limit=20, fd=True)
    assert (link.feed(bytes((0, length)) + bytes(length), 0) is not None) == found
    link = TpLink(limit=20)
    link.feed(bytes((0x10, length)) + bytes(6), 0)
    assert link.frames(0) == [b"\x30\0\0" if found else b"\x32\0\0"] and link.bad == (not found)
    if found:
        link.send(bytes(length))
    else:
        for body in (bytes(length), b""):
            with pytest.raises(WireError, match="expected 1 to 20"):
                link.send(body)


@pytest.mark.parametrize(
    ("frame", "bad"),
    [(b"\x10\x07" + bytes(6), 0), (b"\x10\x06" + bytes(6), 1), (b"\x10\x14" + bytes(5), 1), (b"\x10", 1)],
)
def test_first_frames_one_by_one(frame, bad):
    link = TpLink()
    assert link.feed(frame, 0) is None
    assert link.bad == bad and len(link.frames(0)) == 1 - bad
    assert link.feed(b"\x21\xee", 0) == (None if bad else bytes(6) + b"\xee")


FIRST = b"\x10\x14" + bytes(range(6))
REST = (b"\x21" + bytes(range(6, 13)), b"\x22" + bytes(range(13, 20)))


@pytest.mark.parametrize("late_ns", [0, 1])
def test_each_segment_may_take_a_second_to_the_nanosecond(late_ns):
    link = TpLink()
    link.feed(FIRST, 5)
    assert link.feed(REST[0], 5 + TIMEOUT_NS) is None
    found = link.feed(REST[1], 5 + 2 * TIMEOUT_NS + late_ns)
    assert (found, link.bad) == ((None, 1) if late_ns else (bytes(range(20)), 0))
    assert link.feed(REST[1], 0) is None and link.bad == 1 + late_ns, "nothing is under way any more"


def test_after_the_last_segment_nothing_is_under_way():
    link = TpLink()
    link.feed(FIRST, 0)
    assert [link.feed(frame, 0) for frame in (*REST, b"\x23" + bytes(7))] == [None, bytes(range(20)), None]
    assert link.bad == 1


def test_the_numbers_of_the_standard_and_of_the_wire():
    assert (TIMEOUT_NS, MAX_WAITS, MAX_QUEUED) == (1_000_000_000, 8, 16)


def test_an_empty_segment_ends_the_transfer():
    link = TpLink()
    link.feed(FIRST, 0)
    assert link.feed(b"\x21", 0) is None and link.bad == 1
    assert link.feed(REST[0], 0) is None and link.bad == 2


@pytest.mark.parametrize(("frame", "bad"), [(b"\x01a", 1), (FIRST, 1), (b"\x10\x06" + bytes(6), 2)])
def test_what_begins_anew_ends_the_transfer_under_way(frame, bad):
    link = TpLink()
    link.feed(FIRST, 0)
    link.feed(REST[0], 0)
    assert link.feed(frame, 0) == (b"a" if frame[0] == 1 else None)
    assert link.bad == bad
    assert link.feed(REST[1], 0) is None
    assert link.bad == bad + 1


def test_an_abort_forgets_everything_half_done():
    link = TpLink()
    link.feed(FIRST, 0)
    link.send(bytes(30))
    link.send(b"x")
    link.frames(0)
    link.send(b"y")
    link.abort()
    assert link.is_idle and link.frames(0) == []
    assert link.feed(REST[0], 0) is None and link.bad == 1
    link.feed(FIRST, 0)
    link.abort()
    link.send(b"z")
    assert link.frames(0) == [b"\x01z"], "no flow control of what was forgotten"


def begun(length=200, now_ns=0, fd=False) -> TpLink:
    link = TpLink(fd=fd)
    link.send(bytes(length))
    assert len(link.frames(now_ns)) == 1
    return link


@pytest.mark.parametrize("late_ns", [0, 1])
def test_flow_control_may_take_a_second_to_the_nanosecond(late_ns):
    link = begun(now_ns=7)
    assert link.frames(7 + TIMEOUT_NS + late_ns) == []
    assert (link.bad, link.is_idle) == (late_ns, bool(late_ns))
    link = begun()
    link.feed(b"\x31\0\0", TIMEOUT_NS)
    link.frames(2 * TIMEOUT_NS + late_ns)
    assert (link.bad, link.is_idle) == (late_ns, bool(late_ns))
    link = begun()
    link.feed(b"\x30\x01\0", 3)
    assert len(link.frames(9)) == 1
    link.frames(9 + TIMEOUT_NS + late_ns)
    assert (link.bad, link.is_idle) == (late_ns, bool(late_ns))


def test_eight_waits_in_a_row_are_heard_the_ninth_gives_up():
    link = begun()
    for _ in range(MAX_WAITS):
        link.feed(b"\x31\0\0", 0)
    assert not link.is_idle and link.bad == 0
    link.feed(b"\x30\x01\0", 0)
    assert len(link.frames(0)) == 1
    for _ in range(MAX_WAITS):
        link.feed(b"\x31\0\0", 0)
    assert not link.is_idle and link.bad == 0
    link.feed(b"\x31\0\0", 0)
    assert link.is_idle and link.bad == 1


def test_a_second_transfer_has_its_eight_waits_too():
    link = begun()
    for _ in range(MAX_WAITS + 1):
        link.feed(b"\x31\0\0", 0)
    assert link.is_idle
    link.send(bytes(200))
    link.frames(0)
    for _ in range(MAX_WAITS):
        link.feed(b"\x31\0\0", 0)
    assert not link.is_idle and link.bad == 1


@pytest.mark.parametrize("frame", [b"\x32\0\0", b"\x33\0\0"])
def test_an_overflow_or_an_unknown_status_ends_the_transfer(frame):
    link = begun()
    link.feed(frame, 0)
    assert link.is_idle and link.bad == 1


def test_frames_of_another_kind_are_no_flow_control():
    for kind in range(4, 16):
        link = begun()
        link.feed(bytes((kind << 4, 0, 0)), 0)
        assert link.bad == 1 and link.frames(0) == [] and not link.is_idle


def test_the_last_segment_of_an_fd_transfer_is_padded_too():
    _, sent, _ = transfer(bytes(62 + 63 + 8), fd=True)
    assert [len(frame) for frame in sent] == [64, 64, 12] and sent[-1][9:] == b"\xcc" * 3


def test_flow_control_that_nobody_waits_for_is_bad():
    link = TpLink()
    link.feed(b"\x30\0\0", 0)
    assert link.bad == 1
    link = begun()
    link.feed(b"\x30\0", 0)
    assert link.bad == 1 and link.frames(0) == []
    link.feed(b"\x30\0\x7f", 0)
    link.frames(0)
    link.feed(b"\x30\0\0", 0)
    assert link.bad == 2 and link.frames(1) == []


@pytest.mark.parametrize(
    ("code", "gap_ns"),
    [
        (0x01, 1 * MS),
        (0x7F, 127 * MS),
        (0x80, 127 * MS),
        (0xF0, 127 * MS),
        (0xF1, 100_000),
        (0xF9, 900_000),
        (0xFA, 127 * MS),
        (0xFF, 127 * MS),
    ],
)
def test_segments_keep_the_gap_that_was_asked(code, gap_ns):
    link = begun()
    link.feed(bytes((0x30, 0, code)), 50)
    assert len(link.frames(49)) == 0
    assert len(link.frames(50)) == 1
    assert link.frames(50 + gap_ns - 1) == []
    assert len(link.frames(50 + gap_ns)) == 1
    assert link.frames(50 + 2 * gap_ns - 1) == []


def test_a_queue_goes_out_in_order_short_ones_at_once():
    link = TpLink()
    for body in (b"a", b"b", bytes(20), b"c"):
        link.send(body)
    assert link.frames(0) == [b"\x01a", b"\x01b", b"\x10\x14" + bytes(6)]
    link.feed(b"\x30\0\0", 0)
    assert len(link.frames(0)) == 2
    assert link.frames(0) == [b"\x01c"] and link.is_idle
