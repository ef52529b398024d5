"""The ring's words and the intents' lanes at their edges, within one process."""

from __future__ import annotations

import gc
import os
import socket
import stat
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from station.link import intents
from station.link.intents import Asked, IntentReceiver, IntentSender, lane_path
from station.link.ring import RingReader, RingWriter, Stopper, create_ring
from station.signals import Intent, IntentKind, Role

SLOTS = 16


@pytest.fixture
def ring_fd():
    fd = create_ring(slots=SLOTS, slot_bytes=64)
    yield fd
    os.close(fd)


def descriptors() -> int:
    gc.collect()  # what earlier tests left to it is not to be closed between two counts
    return len(list(Path("/proc/self/fd").iterdir()))


# -- the ring


def wrote(writer: RingWriter, first: int, count: int) -> list[bytes]:
    entries = [b"%d" % number for number in range(first, first + count)]
    for entry in entries:
        writer.write(entry)
    return entries


def test_all_but_two_slots_may_wait_and_one_more_makes_the_reader_jump_to_the_middle(ring_fd):
    writer, reader = RingWriter(ring_fd), RingReader(ring_fd)
    assert wrote(writer, 0, SLOTS - 2) == reader.read()
    assert reader.lost == 0
    entries = wrote(writer, SLOTS - 2, SLOTS - 1)
    assert reader.read() == entries[-SLOTS // 2 :]
    assert reader.lost == len(entries) - SLOTS // 2


class LateReader(RingReader):
    """The writer went on after this one asked how far it was."""

    known = 0

    @property
    def written(self) -> int:
        return self.known


def test_an_entry_that_was_overwritten_before_it_was_copied_is_lost_and_not_shown(ring_fd):
    writer, reader = RingWriter(ring_fd), LateReader(ring_fd)
    wrote(writer, 0, SLOTS + 2)
    reader.known = 4
    assert reader.read() == [b"2", b"3"]
    assert reader.lost == 2


def test_an_entry_that_is_overwritten_while_it_is_copied_is_lost_and_not_shown(ring_fd):
    writer, reader = RingWriter(ring_fd), RingReader(ring_fd)
    wrote(writer, 0, 2)
    words, entry_bytes = reader._words, 4096

    class Overtaken:
        """Between the first look at the entry's number and the second, the writer comes round."""

        looks = 0

        def __getitem__(self, word: int) -> int:
            if word == entry_bytes >> 3:
                self.looks += 1
                if self.looks == 2:
                    wrote(writer, 2, SLOTS - 1)
            return words[word]

    reader._words = Overtaken()  # type: ignore[assignment]
    assert reader.read(1) == [b"9"]
    assert reader.lost == 9
    reader._words = words


def test_at_most_so_many_entries_are_read_as_asked_and_a_thousand_unasked():
    fd = create_ring()
    writer, reader = RingWriter(fd), RingReader(fd)
    entries = wrote(writer, 0, 1500)
    assert reader.read(2) == entries[:2]
    assert reader.read() == entries[2:1002]
    assert reader.read() == entries[1002:]
    os.close(fd)


def test_the_largest_entries_of_the_usual_ring_stand_side_by_side():
    fd = create_ring()
    writer, reader = RingWriter(fd), RingReader(fd)
    entries = [bytes([number]) * writer.most_bytes for number in (255, 254, 253)]
    for entry in entries:
        writer.write(entry)
    assert reader.read() == entries
    os.close(fd)


def test_a_child_inherits_the_ring_and_a_closed_end_maps_nothing(ring_fd):
    assert os.get_inheritable(ring_fd)

    def mapped() -> int:
        return Path("/proc/self/maps").read_text(encoding="utf-8").count("station-ring")

    before = mapped()
    writer, stopper = RingWriter(ring_fd), Stopper(ring_fd)
    assert mapped() == before + 2
    writer.close()
    stopper.close()
    assert mapped() == before
    with pytest.raises(ValueError, match="released"):
        writer.beat(1)


def test_each_end_tells_the_other_when_it_last_looked(ring_fd):
    writer, stopper = RingWriter(ring_fd), Stopper(ring_fd)
    assert writer.supervisor_ns == stopper.heartbeat_ns == 0, "not begun yet"
    stopper.beat(71 * 10**15)
    writer.beat(72 * 10**15)
    assert (writer.supervisor_ns, stopper.heartbeat_ns) == (71 * 10**15, 72 * 10**15)
    assert not writer.stop_flag
    writer.close()
    stopper.close()


# -- intents


@pytest.fixture
def receiver(tmp_path):
    receiver = IntentReceiver(tmp_path / "i")
    yield receiver
    receiver.close()


def test_only_the_stations_own_user_may_open_a_lane(receiver, tmp_path):
    for lane in ("stop", *Role):
        assert stat.S_IMODE(lane_path(tmp_path / "i", lane).stat().st_mode) == 0o600


def test_what_a_killed_receiver_left_is_replaced_and_the_end_leaves_nothing(tmp_path):
    lane_path(tmp_path / "i", "stop").write_text("")
    before = descriptors()
    receiver = IntentReceiver(tmp_path / "i")
    sender = IntentSender(tmp_path / "i", Role.SCREEN)
    assert sender.send(IntentKind.STOP, 0)
    assert [asked.kind for asked in receiver.receive()] == [IntentKind.STOP]
    receiver.close()
    sender.close()
    assert list(tmp_path.iterdir()) == []
    assert descriptors() == before


def test_the_next_receivers_lanes_are_left_alone_at_a_late_end(tmp_path):
    late, following = IntentReceiver(tmp_path / "i"), IntentReceiver(tmp_path / "i")
    late.close()
    assert len(list(tmp_path.iterdir())) == 1 + len(Role)
    following.close()


def test_the_tick_is_not_kept_waiting_where_nothing_was_asked(tmp_path, monkeypatch):
    waited = []

    class Poll:
        def register(self, fd: int, events: int) -> None: ...

        def poll(self, timeout_s: float) -> list[tuple[int, int]]:
            waited.append(timeout_s)
            return []

        def close(self) -> None: ...

    monkeypatch.setattr(intents.select, "epoll", Poll)
    receiver = IntentReceiver(tmp_path / "i")
    assert receiver.receive() == []
    assert waited == [0]
    receiver.close()


def credentials(pid: int, uid: int) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_CREDENTIALS, intents._CREDENTIALS.pack(pid, uid, uid)


OTHER_THING = socket.SOL_SOCKET, socket.SCM_RIGHTS, intents._CREDENTIALS.pack(5, 1, 1)
OTHER_LEVEL = socket.IPPROTO_IP, socket.SCM_CREDENTIALS, intents._CREDENTIALS.pack(5, 1, 1)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([credentials(5, 1)], 5),
        ([credentials(6, 0)], 6),  # root may anyway
        ([OTHER_THING, credentials(5, 1)], 5),
        ([credentials(5, 1), OTHER_THING], 5),
        ([credentials(5, 2)], None),
        ([OTHER_THING], None),
        ([OTHER_LEVEL], None),
        ([], None),
    ],
)
def test_who_sent_it_is_the_kernels_word_and_nobody_elses(tmp_path, monkeypatch, told, expected):
    monkeypatch.setattr(os, "getuid", lambda: 1)
    receiver = IntentReceiver(tmp_path / "i")
    arrived = [(msgspec.msgpack.encode(Intent(IntentKind.HOLD, Role.SCREEN, 1)), told, 0, None)]

    def recvmsg(*_: int) -> object:
        if not arrived:
            raise BlockingIOError
        return arrived.pop()

    found: list[Asked] = []
    receiver._drain(
        SimpleNamespace(socket=SimpleNamespace(recvmsg=recvmsg), roles=(Role.SCREEN,), is_stop=False), found
    )
    assert found == ([] if expected is None else [Asked(IntentKind.HOLD, Role.SCREEN, expected)])
    assert receiver.refused == (expected is None)
    receiver.close()


def test_the_stop_that_stands_for_a_flood_is_of_no_process(receiver, tmp_path):
    sender = IntentSender(tmp_path / "i", Role.PEDAL)
    for _ in range(8):
        assert sender.send(IntentKind.HOLD, 0)
    assert receiver.receive()[-1] == Asked(IntentKind.STOP, Role.SCREEN, -1)
    sender.close()
