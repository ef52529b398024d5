"""One station a bus: the name that both must agree on, and what the second is told."""

from __future__ import annotations

import errno
import hashlib
import os
import socket

import pytest

from drivers import bus_lock
from drivers.bus_lock import BusLock, lock_name
from drivers.errors import DriverError


@pytest.fixture
def channel(tmp_path):
    return str(tmp_path)


def name_of(words: str) -> str:
    """Two versions of the station that made different names would command one arm."""
    return "\0station-can-" + hashlib.sha256(words.encode()).hexdigest()[:32]


def test_a_network_interface_is_known_by_its_number():
    number = socket.if_nametoindex("lo")
    assert lock_name("socketcan", "lo") == lock_name("socketcan_native", "lo") == name_of(f"network interface {number}")
    assert lock_name("socketcan", "none-such") == name_of("socketcan\0none-such")
    assert lock_name("other", "lo") == name_of("other\0lo")


def test_a_path_is_known_by_where_it_leads(tmp_path, monkeypatch):
    (tmp_path / "bus").touch()
    (tmp_path / "link").symlink_to("bus")
    monkeypatch.chdir(tmp_path)
    for spelled in ("bus", "link", "./link", f"{tmp_path}/bus"):
        assert lock_name("station_hub", spelled) == name_of(f"path {tmp_path.resolve()}/bus")
    assert lock_name("station_hub", "./none/../none@9") == name_of(f"path {tmp_path.resolve()}/none")
    assert lock_name("station_hub", "none") == name_of(f"path {tmp_path.resolve()}/none")


def test_a_handler_before_a_port_is_no_other_port(tmp_path):
    (tmp_path / "port").touch()
    assert lock_name("slcan", f"spy://{tmp_path}/port") == lock_name("slcan", f"{tmp_path}/port@115200")


def test_a_makes_own_name_is_no_file_and_no_other_interface(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = lock_name("pcan", "PCAN_USBBUS1")
    (tmp_path / "PCAN_USBBUS1").touch()
    assert lock_name("pcan", "PCAN_USBBUS1") == before == lock_name("pcan", "pcan_usbbus1")
    assert lock_name("kvaser", "0") == lock_name("kvaser", "00") != lock_name("kvaser", "1")
    assert lock_name("socketcand", "lo") != lock_name("socketcan", "lo")


def test_a_device_is_known_by_its_numbers_whatever_stands_behind_its_name(tmp_path):
    (tmp_path / "port").symlink_to("/dev/null")
    (tmp_path / "port@2").symlink_to("/dev/zero")
    assert lock_name("slcan", f"{tmp_path}/port@115200") == lock_name("other", "/dev/null") == name_of("device 1:3")
    assert lock_name("slcan", f"{tmp_path}/port@2") == name_of("device 1:5")


def test_the_second_is_told_who_has_it_and_the_third_too(channel):
    lock = BusLock("socketcan", channel)
    for _ in range(2):
        with pytest.raises(DriverError, match=f"process {os.getpid()} uses it.*end process {os.getpid()} first"):
            BusLock("socketcan", channel)
    lock.release()
    lock.release()
    BusLock("socketcan", channel).release()


def test_a_holder_that_does_not_say_who_it_is_still_has_it(channel):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(lock_name("socketcan", channel))  # and does not listen
        with pytest.raises(DriverError, match="process unknown uses it"):
            BusLock("socketcan", channel)


def test_a_holder_that_answers_nobody_is_not_waited_for_long(channel):
    """Its queue is full: a program that stands still."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(lock_name("socketcan", channel))
        other.listen(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first:
            first.connect(lock_name("socketcan", channel))
            with pytest.raises(DriverError, match="process unknown uses it"):
                BusLock("socketcan", channel)


def test_what_the_kernel_refuses_is_told_and_nothing_stays_open(channel, monkeypatch):
    made = []

    class Socket(socket.socket):
        def bind(self, address):
            made.append(self)
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(bus_lock.socket, "socket", Socket)
    with pytest.raises(DriverError, match=r"bus socketcan '.*': lock: Permission denied; expected a name"):
        BusLock("socketcan", channel)
    assert made[0].fileno() == -1
