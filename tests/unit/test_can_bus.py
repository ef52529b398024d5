"""The loop's CAN bus: the quick way over the hub, the slow way over another python-can interface, locks and errors."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import can
import pytest

from drivers.bus_lock import BusLock, lock_name
from drivers.can_bus import CanBus, open_bus
from drivers.errors import BusFullError, DriverError
from drivers.hub_bus import HubServer
from firmware_bridge.can_frame import (
    CONTROLLER_RX_OVERFLOW,
    ERROR_BUS_OFF,
    ERROR_CONTROLLER,
    ERROR_PROTOCOL,
    ERROR_RESTARTED,
    EXTENDED_FLAG,
    REMOTE_FLAG,
    encode_error,
    encode_frame,
)
from firmware_bridge.errors import WireError

pytestmark = pytest.mark.process


class Far:
    """The far end of a bus: this test takes the hub's turns itself, so nothing is left to timing."""

    def __init__(self, path: str) -> None:
        self.hub = HubServer(path)
        self.bus = open_bus("station_hub", path, name="can_test")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(5)
        self.socket.connect(path)
        self.hub.poll()

    def say(self, raw: bytes) -> None:
        self.socket.send(raw)
        self.hub.poll()

    def close(self) -> None:
        self.bus.close()
        self.socket.close()
        self.hub.close()


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    far = Far(str(tmp_path / "bus.sock"))
    yield far
    far.close()


def test_all_that_has_arrived_comes_in_order_and_counted(far: Far) -> None:
    assert far.bus.receive_all() == []
    for n in range(100):
        far.say(encode_frame(n, bytes([n])))
    assert far.bus.receive_all() == [(n, bytes([n])) for n in range(100)]
    assert far.bus.receive_all() == []
    assert far.bus.counters.received == 100


def test_sent_frames_are_the_kernels_own_layout(far: Far) -> None:
    far.bus.send(0x123, b"abc")
    far.bus.send_packed(far.bus.header(0x124, 8) + b"12345678")
    far.hub.poll()
    assert far.socket.recv(100) == encode_frame(0x123, b"abc")
    assert far.socket.recv(100) == encode_frame(0x124, b"12345678")
    with pytest.raises(WireError, match="9 bytes"):
        far.bus.send(1, bytes(9))


def test_fd_frames_switch_the_bit_rate_every_time(tmp_path: Path) -> None:
    path = str(tmp_path / "fd.sock")
    hub = HubServer(path)
    bus = open_bus("station_hub", path, fd=True)
    with can.Bus(interface="station_hub", channel=path, fd=True, ignore_config=True) as other:
        hub.poll()
        bus.send(1, b"12345678")
        bus.send_packed(bus.header(2, 8) + b"12345678" + bytes(56))
        hub.poll()
        for _ in range(2):
            message = other.recv(5)
            assert message is not None and message.is_fd and message.bitrate_switch and message.data == b"12345678"
    bus.close()
    hub.close()


def test_error_frames_are_counted_and_the_frames_behind_them_arrive(far: Far) -> None:
    far.say(encode_error(ERROR_PROTOCOL))
    far.say(encode_frame(1, b"a"))
    far.say(encode_error(ERROR_CONTROLLER, bytes((0, CONTROLLER_RX_OVERFLOW, 0, 0, 0, 0, 0, 0))))
    far.say(encode_error(ERROR_BUS_OFF))
    far.say(encode_frame(2, b"b"))
    assert far.bus.receive_all() == [(1, b"a"), (2, b"b")]
    counters = far.bus.counters
    assert (counters.error_frames, counters.overflowed, counters.bus_off) == (3, 1, 1)
    assert far.bus.is_bus_off
    far.say(encode_error(ERROR_RESTARTED))
    assert far.bus.receive_all() == []
    assert not far.bus.is_bus_off


def test_remote_frames_are_counted_as_bad_and_extended_ids_keep_their_mark(far: Far) -> None:
    far.say(encode_frame(0x10 | REMOTE_FLAG, b""))
    far.say(encode_frame(0x10 | EXTENDED_FLAG, b"x"))
    assert far.bus.receive_all() == [(0x10 | EXTENDED_FLAG, b"x")]
    assert far.bus.counters.bad == 1


def test_a_flood_is_taken_in_bounded_portions(far: Far, monkeypatch) -> None:
    monkeypatch.setattr("drivers.can_bus.MAX_FRAMES", 10)
    for n in range(25):
        far.say(encode_frame(n, b""))
    assert [len(far.bus.receive_all()) for _ in range(4)] == [10, 10, 5, 0]


def test_a_full_queue_is_retried_for_a_bounded_time_and_then_an_error(far: Far) -> None:
    with pytest.raises(BusFullError, match=r"can_test.*transmit queue full.*termination"):
        for _ in range(100_000):
            far.bus.send(1, bytes(8))
    far.hub.poll()
    far.bus.send(2, b"")


def test_room_that_comes_within_the_bound_is_used(far: Far, monkeypatch) -> None:
    with pytest.raises(BusFullError):
        for _ in range(100_000):
            far.bus.send(1, bytes(8))
    monkeypatch.setattr("drivers.can_bus.time.sleep", lambda _s: far.hub.poll())
    far.bus.send(2, b"")


def test_a_bus_that_goes_away_is_an_error_on_both_ways(far: Far) -> None:
    far.hub.unplug()
    with pytest.raises(DriverError, match=r"bus can_test .*while reading.*check the adapter"):
        far.bus.receive_all()
    with pytest.raises(DriverError, match="while sending"):
        far.bus.send(1, b"")


def test_what_came_before_a_bus_went_away_is_given_first(far: Far) -> None:
    far.say(encode_frame(1, b"last words"[:8]))
    far.hub.unplug()
    assert far.bus.receive_all() == [(1, b"last wor")]
    for _ in range(3):
        with pytest.raises(DriverError, match="while reading"):
            far.bus.receive_all()
    assert far.bus.counters.received == 1


@pytest.mark.parametrize("interface", ["station_hub", "no_such_interface"])
def test_a_bus_that_does_not_open_is_an_error_and_leaves_no_lock(tmp_path: Path, interface: str) -> None:
    path = str(tmp_path / "none")
    with pytest.raises(DriverError, match=f"bus arm_bus: {interface} .*does not open"):
        open_bus(interface, path, name="arm_bus")
    BusLock(interface, path).release()


def test_no_setting_outside_the_arguments_plays_a_part(far: Far, monkeypatch) -> None:
    monkeypatch.setenv("CAN_INTERFACE", "virtual")
    monkeypatch.setenv("CAN_CHANNEL", "elsewhere")
    bus = open_bus("station_hub", far.bus.channel, is_exclusive=False)
    bus.close()


# -- any other python-can interface


@pytest.fixture
def virtual() -> Iterator[tuple[CanBus, can.BusABC]]:
    bus = open_bus("virtual", "test_can_bus", name="v")
    with can.Bus(interface="virtual", channel="test_can_bus", ignore_config=True) as other:
        yield bus, other
    bus.close()


def test_other_interfaces_carry_the_same_frames(virtual: tuple[CanBus, can.BusABC]) -> None:
    bus, other = virtual
    bus.send(0x12, b"\1\2")
    bus.send_packed(bus.header(0x13 | EXTENDED_FLAG, 8) + b"12345678")
    for can_id, data, is_extended in ((0x12, b"\1\2", False), (0x13, b"12345678", True)):
        message = other.recv(5)
        assert message is not None
        assert (message.arbitration_id, message.data, message.is_extended_id) == (can_id, data, is_extended)
    other.send(can.Message(arbitration_id=0x21, data=b"x", is_extended_id=False))
    other.send(can.Message(arbitration_id=0x22, data=b"y", is_extended_id=True))
    other.send(can.Message(arbitration_id=0x23, is_remote_frame=True, is_extended_id=False))
    other.send(can.Message(arbitration_id=ERROR_BUS_OFF, data=bytes(8), is_error_frame=True, is_extended_id=False))
    assert bus.receive_all() == [(0x21, b"x"), (0x22 | EXTENDED_FLAG, b"y")]
    assert (bus.counters.received, bus.counters.bad, bus.counters.bus_off) == (2, 1, 1)
    bus.wait(0.001)


def test_other_interfaces_that_fail_are_driver_errors(virtual: tuple[CanBus, can.BusABC]) -> None:
    bus, _ = virtual
    bus.close()
    with pytest.raises(DriverError):
        bus.receive_all()
    with pytest.raises(DriverError):
        bus.send(1, b"")


# -- one station a bus


def test_a_bus_in_use_is_refused_with_the_other_process_named(tmp_path: Path) -> None:
    channel = str(tmp_path / "x")
    code = (
        "import time; from drivers.bus_lock import BusLock; "
        f"lock = BusLock('socketcan', {channel!r}); print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"held\n"
    with pytest.raises(DriverError, match=f"process {child.pid} uses it.*end process {child.pid}"):
        BusLock("socketcan", channel)
    child.kill()
    child.communicate()
    lock = BusLock("socketcan", channel)  # the kernel freed it, however the child ended
    with pytest.raises(DriverError, match=f"process {os.getpid()} uses it"):
        BusLock("socketcan", channel)
    lock.release()
    lock.release()
    BusLock("socketcan", channel).release()


def test_another_temporary_folder_does_not_get_round_the_lock(tmp_path: Path) -> None:
    lock = BusLock("socketcan", str(tmp_path))
    code = f"from drivers.bus_lock import BusLock; BusLock('socketcan', {str(tmp_path)!r})"
    other = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True
    )
    lock.release()
    assert b"uses it" in other.stderr


def test_a_path_is_one_bus_however_it_is_spelled(tmp_path: Path, monkeypatch) -> None:
    socket_path = tmp_path / "can_right.sock"
    hub = HubServer(str(socket_path))
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "other.sock").symlink_to("can_right.sock")
    monkeypatch.chdir(tmp_path)
    spelled = [str(socket_path), "can_right.sock", "./can_right.sock", f"{tmp_path}//can_right.sock"]
    spelled += ["link/can_right.sock", "other.sock"]
    assert len({lock_name("station_hub", channel) for channel in spelled}) == 1
    bus = open_bus("station_hub", str(socket_path))
    for channel in spelled:
        with pytest.raises(DriverError, match=f"process {os.getpid()} uses it"):
            open_bus("station_hub", channel)
    bus.close()
    hub.close()


def test_a_serial_device_is_one_bus_by_every_name(tmp_path: Path) -> None:
    ends = [os.openpty() for _ in range(2)]
    port, other = (os.ttyname(slave) for _, slave in ends)
    (tmp_path / "by-id").symlink_to(port)
    names = {lock_name("slcan", port), lock_name("slcan", f"{tmp_path}/by-id@115200"), lock_name("seeedstudio", port)}
    assert len(names) == 1 and lock_name("slcan", other) not in names
    for end in (end for pair in ends for end in pair):
        os.close(end)


def test_a_can_interface_is_one_bus_by_its_other_names_too(monkeypatch) -> None:
    index_of = {"can0": 3, "left_arm": 3, "can1": 4}
    monkeypatch.setattr("drivers.bus_lock.socket.if_nametoindex", lambda name: index_of[name])
    assert lock_name("socketcan", "can0") == lock_name("socketcan", "left_arm") != lock_name("socketcan", "can1")


def test_the_kernel_knows_an_interface_by_its_other_names() -> None:
    """In a network of its own, where this system allows one."""
    code = "from drivers.bus_lock import BusLock\nkept = BusLock('socketcan', 'lo')\nBusLock('socketcan', 'left_arm')"
    rename = "ip link property add dev lo altname left_arm"
    made = subprocess.run(
        ["unshare", "-rn", "sh", "-c", f'{rename} && exec {sys.executable} -c "$0"', code],
        capture_output=True,
        text=True,
    )
    if "DriverError" not in made.stderr and "Traceback" not in made.stderr and made.returncode:
        pytest.skip(f"no network of one's own here: {made.stderr.strip()}")
    assert "uses it; expected to be alone on it" in made.stderr


def test_locks_of_different_buses_do_not_meet() -> None:
    names = {
        lock_name("socketcan", "no_such_can0"),
        lock_name("socketcan", "no_such_can1"),
        lock_name("slcan", "no_such_can0"),
        lock_name("station_hub", "/run/a/" + "x" * 80 + "/can_right.sock"),
        lock_name("station_hub", "/run/b/" + "x" * 80 + "/can_right.sock"),
    }
    assert len(names) == 5
    assert all(len(name) < 108 for name in names)
