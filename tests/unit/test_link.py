"""The door between processes: the ring, the intents, the views."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import msgspec
import pytest

from station.link.intents import IntentReceiver, IntentSender, lane_path
from station.link.ring import RingReader, RingWriter, Stopper, create_ring
from station.link.views import ViewClient, ViewServer
from station.signals import Intent, IntentKind, RequestKind, Role
from tests.views import some_view

pytestmark = pytest.mark.process


@pytest.fixture
def ring_fd():
    fd = create_ring(slots=64, slot_bytes=256)
    yield fd
    os.close(fd)


def test_a_reader_gets_every_entry_in_order(ring_fd):
    writer, reader = RingWriter(ring_fd), RingReader(ring_fd)
    for number in range(50):
        writer.write(b"%d" % number)
    assert reader.read() == [b"%d" % number for number in range(50)]
    assert reader.read() == []
    assert reader.lost == 0


def test_a_reader_that_falls_behind_knows_how_many_it_lost(ring_fd):
    writer, reader = RingWriter(ring_fd), RingReader(ring_fd)
    for number in range(1000):
        writer.write(b"%d" % number)
    found = reader.read()
    assert reader.lost + len(found) == 1000
    assert found[-1] == b"999"
    assert found == [b"%d" % number for number in range(1000 - len(found), 1000)]


def test_a_reader_starts_with_the_next_entry(ring_fd):
    writer = RingWriter(ring_fd)
    writer.write(b"before")
    reader = RingReader(ring_fd)
    writer.write(b"after")
    assert reader.read() == [b"after"]


def test_an_entry_too_large_is_refused_and_says_so(ring_fd):
    writer = RingWriter(ring_fd)
    writer.write(b"x" * 240)
    with pytest.raises(ValueError, match="241 bytes; expected at most 240"):
        writer.write(b"x" * 241)


def test_a_reader_in_another_process_never_sees_a_torn_entry(ring_fd):
    count = 20_000
    script = (
        "import sys, time; from station.link.ring import RingReader\n"
        "r = RingReader(int(sys.argv[1])); print('go', flush=True); n = bad = 0; end = time.time() + 20; last = b''\n"
        "while last != b'end' and time.time() < end:\n"
        "    for e in r.read():\n"
        "        n += 1; bad += e != b'end' and len(set(e)) != 1; last = e\n"
        "print(n, r.lost, bad, r.written)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(ring_fd)], stdout=subprocess.PIPE, pass_fds=[ring_fd], text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    writer = RingWriter(ring_fd)
    for number in range(count):
        writer.write(bytes([number % 256]) * 200)
    writer.write(b"end")
    read, lost, bad, written = map(int, child.stdout.read().split())
    child.wait()
    assert bad == 0
    assert read + lost == written == count + 1


def test_the_stop_flag_and_the_heartbeat_cross(ring_fd):
    writer, stopper = RingWriter(ring_fd), Stopper(ring_fd)
    writer.beat(123)
    assert stopper.heartbeat_ns == 123
    assert not writer.stop_flag
    stopper.raise_stop()
    assert writer.stop_flag


def test_a_descriptor_that_is_no_ring_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(8192))
    with path.open("r+b") as file, pytest.raises(ValueError, match="is not a station ring"):
        RingReader(file.fileno())


def test_an_intent_arrives_with_its_senders_process(tmp_path):
    receiver = IntentReceiver(tmp_path / "i")
    sender = IntentSender(tmp_path / "i", Role.SCREEN)
    assert sender.send(IntentKind.ENGAGE, 5)
    asked = receiver.receive()
    assert [(a.kind, a.role, a.pid) for a in asked] == [(IntentKind.ENGAGE, Role.SCREEN, os.getpid())]
    assert receiver.receive() == []


def test_what_is_no_intent_is_refused_and_counted(tmp_path):
    receiver = IntentReceiver(tmp_path / "i")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as anyone:
        for junk in (b"", b"\xff" * 300, b"\x93\xa4jump\xa6screen\x01", b"hello"):
            anyone.sendto(junk, str(lane_path(tmp_path / "i", Role.SCREEN)))
    assert receiver.receive() == []
    assert receiver.refused == 4


def test_an_intent_on_another_roles_lane_is_refused(tmp_path):
    receiver = IntentReceiver(tmp_path / "i")
    engage = msgspec.msgpack.encode(Intent(IntentKind.ENGAGE, Role.SCREEN, 1))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as session:
        session.sendto(engage, str(lane_path(tmp_path / "i", Role.SESSION)))
    assert receiver.receive() == []
    assert receiver.refused == 1


def test_what_can_not_be_read_where_stops_come_in_is_a_stop(tmp_path):
    receiver = IntentReceiver(tmp_path / "i")
    engage = msgspec.msgpack.encode(Intent(IntentKind.ENGAGE, Role.SCREEN, 1))
    for datagram in (b"\xff\xff", engage):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as anyone:
            anyone.sendto(datagram, str(lane_path(tmp_path / "i", "stop")))
        assert [asked.kind for asked in receiver.receive()] == [IntentKind.STOP]


@pytest.mark.parametrize("role", [Role.SCREEN, Role.PEDAL])
@pytest.mark.parametrize("kind", [IntentKind.STOP, IntentKind.HOLD, IntentKind.SHUTDOWN])
def test_what_a_person_asks_to_restrain_comes_before_everything_else(tmp_path, role, kind):
    receiver = IntentReceiver(tmp_path / "i")
    for early in Role:
        IntentSender(tmp_path / "i", early).send(IntentKind.LEASE, 0)
    assert IntentSender(tmp_path / "i", role).send(kind, 0)
    assert receiver.receive()[0][:2] == (kind, role)


@pytest.mark.parametrize("flooder", list(Role))
def test_a_stop_gets_through_a_flood_within_one_look(tmp_path, flooder):
    """Three senders in threads of their own never pause; what the kernel's queue does not take is asked again."""
    receiver = IntentReceiver(tmp_path / "i")
    is_over = threading.Event()

    def flood(kind):
        sender = IntentSender(tmp_path / "i", flooder)
        while not is_over.is_set():
            sender.send(kind, 0)

    kinds = (IntentKind.LEASE, IntentKind.ENGAGE, IntentKind.RESET)
    threads = [threading.Thread(target=flood, args=(kind,), daemon=True) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        screen = IntentSender(tmp_path / "i", Role.SCREEN)
        blocked = IntentSender(tmp_path / "i", flooder)
        deadline = time.monotonic() + 20
        while blocked.send(IntentKind.LEASE, 0) and time.monotonic() < deadline:
            pass  # until the flooded queue takes no more
        assert time.monotonic() < deadline
        for _ in range(50):
            assert IntentKind.STOP not in [asked.kind for asked in receiver.receive()]
            assert screen.send(IntentKind.STOP, 0), "the queue of the stop lane is not the flooded one"
            asked = receiver.receive()
            assert asked[0].kind is IntentKind.STOP
            assert len(asked) <= 33
    finally:
        is_over.set()
        for thread in threads:
            thread.join(20)


def test_a_flood_of_the_stop_lane_is_a_stop(tmp_path):
    receiver = IntentReceiver(tmp_path / "i")
    sender = IntentSender(tmp_path / "i", Role.PEDAL)
    sent = sum(sender.send(IntentKind.HOLD, 0) for _ in range(8))  # the kernel's queue takes 10 (max_dgram_qlen)
    assert sent == 8
    kinds = [asked.kind for asked in receiver.receive()]
    assert kinds == [IntentKind.HOLD] * 8 + [IntentKind.STOP]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become another user")
def test_another_users_intent_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if str(parent) in ("/", "/tmp"):
            break
        parent.chmod(0o755)
    receiver = IntentReceiver(tmp_path / "i")
    lane = lane_path(tmp_path / "i", Role.SCREEN)
    lane.chmod(0o666)
    script = (
        "import os, socket, sys, msgspec\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); os.setuid(65534)\n"
        "s.sendto(bytes.fromhex(sys.argv[2]), sys.argv[1])\n"
    )
    datagram = msgspec.msgpack.encode(Intent(IntentKind.ENGAGE, Role.SCREEN, 1)).hex()
    subprocess.run([sys.executable, "-c", script, str(lane), datagram], check=True)
    assert receiver.receive() == []
    assert receiver.refused == 1


def test_a_flood_of_intents_cannot_starve_a_tick(tmp_path):
    receiver = IntentReceiver(tmp_path / "i")
    sender = IntentSender(tmp_path / "i", Role.SCREEN)
    sent = sum(sender.send(IntentKind.LEASE, 0) for _ in range(5000))
    got = len(receiver.receive())
    assert got <= 8
    assert sent < 5000 or got == 8


@pytest.mark.parametrize("role", [Role.SCREEN, Role.PEDAL])
@pytest.mark.parametrize("kind", [IntentKind.STOP, IntentKind.HOLD, IntentKind.SHUTDOWN])
def test_without_the_stop_lane_a_restraint_goes_by_the_roles_own(tmp_path, role, kind):
    receiver = IntentReceiver(tmp_path / "i")
    sender = IntentSender(tmp_path / "i", role)
    lane_path(tmp_path / "i", "stop").unlink()
    assert sender.send(kind, 0)
    assert [asked[:2] for asked in receiver.receive()] == [(kind, role)]
    lane_path(tmp_path / "i", role).unlink()
    assert not sender.send(kind, 0), "told where no lane takes it"


def test_sending_where_nobody_listens_says_so(tmp_path):
    assert not IntentSender(tmp_path / "none", Role.PEDAL).send(IntentKind.STOP, 0)


def test_every_watcher_gets_the_newest_view_and_can_ask(tmp_path):
    server = ViewServer(tmp_path / "v")
    first, second = ViewClient(tmp_path / "v"), ViewClient(tmp_path / "v")
    server.requests(0.0)
    server.requests(0.0)
    server.publish(some_view(accepted=7))
    for watcher in (first, second):
        view = watcher.latest()
        assert view is not None
        assert view.accepted == 7
    assert first.request(RequestKind.REJECT_LAST)
    assert server.requests(1.0) == [RequestKind.REJECT_LAST]
    second.close()
    server.requests(0.0)
    server.publish(some_view(accepted=8))
    newest = first.latest()
    assert newest is not None
    assert newest.accepted == 8
    server.close()
    assert first.latest() is newest or first.is_lost
    assert first.is_lost


def test_a_watcher_that_does_not_read_cannot_hold_up_the_session(tmp_path):
    server = ViewServer(tmp_path / "v")
    sleeper = ViewClient(tmp_path / "v")
    server.requests(0.0)
    done = threading.Event()

    def flood():
        for number in range(3000):
            server.publish(some_view(accepted=number))
        done.set()

    threading.Thread(target=flood, daemon=True).start()
    assert done.wait(30)
    sleeper.close()


def test_a_screen_that_comes_late_gets_the_last_view_at_once(tmp_path):
    server = ViewServer(tmp_path / "v")
    server.publish(some_view(accepted=3))
    client = ViewClient(tmp_path / "v")
    server.requests(0.0)
    deadline = time.monotonic() + 5
    while client.latest() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    view = client.latest()
    assert view is not None
    assert view.accepted == 3
