"""The serial port over a real pty: exclusive, never blocking, one error for every way of being unplugged."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import pty
import subprocess
import sys
import termios
import time
import tty
from pathlib import Path

import pytest

from drivers.errors import DriverError
from drivers.serial_port import SerialPort, holders_of

pytestmark = pytest.mark.process


class Device:
    """The far end of a pty; nobody else has its port open."""

    def __init__(self):
        self.fd, slave = pty.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        os.close(slave)

    def unplug(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def waiting_bytes(fd):
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


@pytest.fixture
def device():
    made = Device()
    yield made
    made.unplug()


def test_bytes_go_both_ways_unchanged(device):
    every = bytes(range(256))
    with SerialPort(device.name, 2_000_000) as port:
        assert port.read() == b""
        os.write(device.fd, every)
        assert port.wait(2.0)
        assert port.read() == every
        assert port.read() == b""
        port.write(every)
        assert os.read(device.fd, 999) == every


def test_one_read_takes_all_that_has_arrived(device):
    with SerialPort(device.name, 115_200) as port:
        os.set_blocking(device.fd, False)
        sent = 0
        for _ in range(40):
            sent += os.write(device.fd, bytes(250))
        deadline = time.monotonic() + 5
        while waiting_bytes(port.fileno()) < 4000 and time.monotonic() < deadline:
            time.sleep(0.001)  # a kernel thread carries them over
        first = len(port.read())
        got = first
        while got < sent and time.monotonic() < deadline:
            got += len(port.read())
        assert first >= 4000 and got == sent


def test_what_came_before_opening_is_not_read(device):
    os.write(device.fd, b"stale")
    with SerialPort(device.name, 115_200) as port:
        assert port.read() == b""


def test_an_unplugged_port_is_one_error_that_names_it(device):
    with SerialPort(device.name, 115_200) as port:
        device.unplug()
        for act in (port.read, lambda: port.write(b"x"), port.discard):
            with pytest.raises(DriverError, match=f"port {device.name}: gone .*plug it in again"):
                act()


def test_bytes_sent_before_the_unplugging_do_not_hide_it(device):
    with SerialPort(device.name, 115_200) as port:
        os.write(device.fd, b"last words")
        device.unplug()
        with pytest.raises(DriverError, match="gone"):
            for _ in range(3):
                port.read()


def test_bytes_read_before_the_unplugging_was_found_are_given_first(device, monkeypatch):
    """More than one read takes: the stop contact may be in the first of them, the cable's end in the second."""
    answers = [bytes(4096), OSError(errno.EIO, "gone"), OSError(errno.EIO, "gone")]

    def read(fd, size):
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with SerialPort(device.name, 115_200) as port:
        monkeypatch.setattr("drivers.serial_port.os.read", read)
        assert port.read() == bytes(4096)
        with pytest.raises(DriverError, match="gone"):
            port.read()


def test_a_write_that_is_not_taken_ends_in_time(device):
    with SerialPort(device.name, 115_200) as port:
        began = time.monotonic()
        with pytest.raises(DriverError, match=r"took \d+ of 1000000 bytes in 0.05 s; expected all"):
            port.write(bytes(1_000_000), within_s=0.05)
        assert time.monotonic() - began < 5  # it ends; 0.05 s on an idle machine
        began = time.monotonic()
    assert time.monotonic() - began < 5  # closing throws the rest away


def test_a_missing_port_says_where_to_look():
    with (
        pytest.raises(DriverError, match=r"port /dev/exo_none: no such device.*ls -l /dev/exo"),
        SerialPort("/dev/exo_none", 115_200),
    ):
        pass


def test_something_else_than_a_port_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with (
        pytest.raises(DriverError, match=r"cannot be opened at 115200 baud.*expected a serial device"),
        SerialPort(str(path), 115_200),
    ):
        pass


def test_a_second_opening_is_refused_and_names_the_holder(device):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from drivers.serial_port import SerialPort\n"
            f"with SerialPort({device.name!r}, 115200): print('held', flush=True); sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        assert [pid for pid, _ in holders_of(device.name)] == [holder.pid]
        with (
            pytest.raises(DriverError, match=rf"held by process {holder.pid} \(.*\).*kill {holder.pid}"),
            SerialPort(device.name, 115_200),
        ):
            pass
    finally:
        holder.communicate("", timeout=5)
    with SerialPort(device.name, 115_200) as port:  # free again
        assert port.read() == b""


def test_the_port_is_locked_for_programs_that_ask_nobody(device):
    with SerialPort(device.name, 115_200) as port:
        # TIOCGEXCL (asm-generic/ioctls.h): the kernel's own exclusive mode, over and above the advisory lock.
        flag = bytearray(4)
        fcntl.ioctl(port.fileno(), 0x80045440, flag)
        assert flag[0] == 1
        assert termios.tcgetattr(port.fileno())[6][termios.VMIN] in (1, b"\x01")


def test_closing_twice_and_using_a_closed_port():
    port = SerialPort("/dev/none", 9600)
    port.close()
    with pytest.raises(DriverError, match="not open"):
        port.fileno()


def test_a_port_without_rights_says_whose_and_what_to_do(tmp_path: Path) -> None:
    port = tmp_path / "tty"
    port.touch()
    port.chmod(0)
    user = os.geteuid()
    if user == 0:  # root may open anything
        os.seteuid(65534)
    try:
        with pytest.raises(DriverError, match=r"permission denied for user .*dialout"), SerialPort(str(port), 115200):
            pass
    finally:
        os.seteuid(user)
