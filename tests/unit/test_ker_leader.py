"""KerLeader against the emulated hub: handshake, stream, loss, unplugging; and the maker's own client against it."""

from __future__ import annotations

import itertools
import os
import pty
import random
import threading
import time
import tty

import openarm_ker
import pytest

from drivers.errors import DriverError
from drivers.leaders.ker import KerLeader
from drivers.usb_serial import usb_serial_number
from firmware_bridge import ker
from firmware_bridge.ker_stream import KerStream
from tests.unit.ker_process import NAMES, EmulatedLeader, samples, silence

pytestmark = pytest.mark.process


@pytest.fixture(params=["2.0.0", "2.1.0"])
def firmware(request):
    return request.param


def test_a_leader_streams_what_the_worker_does(tmp_path, firmware):
    with EmulatedLeader(tmp_path, firmware) as emulated, emulated.leader() as leader:
        got = samples(leader, 300)
        assert leader.identity.startswith(f"OpenArm KER hub, firmware {firmware}, hardware ")
        assert leader.channels == tuple(NAMES) and leader.name == "ker"
        assert leader.counts_per_turn == (2**21 if firmware == "2.0.0" else 36000)
        assert leader.is_numbered is (firmware != "2.0.0")
        assert all(later.seq > sample.seq for sample, later in itertools.pairwise(got))
        assert all(
            later.device_us - sample.device_us == 1000 * (later.seq - sample.seq)
            for sample, later in itertools.pairwise(got)
        )
        assert all(sample.health == (0,) * 16 for sample in got)
        # The worker stands at home: right_j1 at 0, right_j4 at 15 deg, behind their signs and zeros.
        per_deg = leader.counts_per_turn / 360
        assert abs(got[-1].counts[0] / per_deg - (-1 * 0 - 30)) < 6
        assert abs(got[-1].counts[3] / per_deg - (-1 * 15 - 18)) < 6
        assert leader.counters.received >= 300 and leader.counters.bad == 0


def test_the_makers_client_reads_the_emulated_hub(tmp_path, firmware):
    with EmulatedLeader(tmp_path, firmware) as emulated:
        with openarm_ker.KERStream(transport="serial", port=emulated.port, baud=2_000_000) as stream:
            assert stream.metadata["fw"] == firmware
            assert stream.packet_size == {"2.0.0": 87, "2.1.0": 50}[firmware]
            stream.send_command(ker.STREAM)
            deadline = time.monotonic() + 10
            while stream.stats()["received"] < 200 and time.monotonic() < deadline:
                time.sleep(0.01)
            data = stream.latest()
            stats = stream.stats()
        assert stats["received"] >= 200 and stats["checksum_errors"] == 0 and stats["lost"] == 0
        angles = data["angles"] if firmware == "2.0.0" else [value / 100 for value in data["angles_cd"]]
        assert len(angles) == 16 and abs(angles[3] - (-33)) < 6
        with emulated.leader() as leader:  # both read the same angles
            ours = samples(leader, 5)[-1]
        assert abs(ours.counts[3] / leader.counts_per_turn * 360 - angles[3]) < 2


def test_entering_again_goes_on_where_it_was(tmp_path):
    with EmulatedLeader(tmp_path) as emulated:
        leader = emulated.leader()
        with leader:
            first = samples(leader, 50)
        assert silence_of_hub(emulated)
        time.sleep(0.05)
        with leader:
            second = samples(leader, 50)
        assert second[0].seq > first[-1].seq
        assert second[0].device_us > first[-1].device_us
        assert leader.counters.received >= 100 and leader.reboots == 0
        assert leader.counters.lost < 40  # the pause is no loss


def silence_of_hub(emulated):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if emulated.control.ask("status")["state"] == "standby":
            return True
    return False


def test_unplugging_is_an_error_and_replugging_works(tmp_path):
    with EmulatedLeader(tmp_path, start_us=60_000_000) as emulated:
        leader = emulated.leader()
        with leader:
            samples(leader, 20)
            emulated.fault("unplug")
            with pytest.raises(DriverError, match=r"leader.tty: gone.*plug it in again"):
                samples(leader, 10_000)
        with pytest.raises(DriverError, match="no such device"), leader:
            pass
        emulated.fault("replug")
        with leader:
            assert len(samples(leader, 20)) == 20
        assert leader.reboots == 1  # the cable was its power


def test_replugged_under_another_name(tmp_path):
    with EmulatedLeader(tmp_path) as emulated:
        other = str(tmp_path / "leader2.tty")
        emulated.fault("replug", name=other)
        with pytest.raises(DriverError, match="no such device"), emulated.leader():
            pass
        with KerLeader(other, 2_000_000, 1000, {0: "right_j1"}) as leader:
            assert len(samples(leader, 5)) == 5
            assert leader.channels[:2] == ("right_j1", "channel_1")


def test_a_name_without_a_folder_lies_beside_the_hubs_own_which_comes_back(tmp_path):
    own, other = tmp_path / "leader.tty", tmp_path / "other.tty"

    def names():
        return {path.name for path in tmp_path.iterdir() if ".tty" in path.name}

    with EmulatedLeader(tmp_path) as emulated:
        for back in ("clear", "replug", "unplug, replug", "unplug, clear"):
            emulated.fault("replug", name="other.tty")
            assert emulated.control.ask("status")["port"] == str(other)
            assert names() == {"other.tty", "other.tty.serial"}, back
            for word in back.split(", "):
                if word == "clear":
                    emulated.control.ask("clear")
                else:
                    emulated.fault(word)
            assert emulated.control.ask("status")["port"] == str(own), back
            assert names() == {"leader.tty", "leader.tty.serial"}, back
            with emulated.leader() as leader:
                assert len(samples(leader, 5)) >= 5
        for name in ("leader.ctl", "sub/other.tty", "/nowhere/other.tty", "..", "a b", "x" * 300):
            with pytest.raises(DriverError, match=r"name '.*; expected one"):
                emulated.fault("replug", name=name)
        assert names() == {"leader.tty", "leader.tty.serial"}


def test_a_rebooted_hub_stays_silent_until_it_is_asked_again(tmp_path):
    with EmulatedLeader(tmp_path, start_us=60_000_000) as emulated:
        leader = emulated.leader()
        with leader:
            before = samples(leader, 50)
            emulated.fault("reboot", off_s=0.05)
            assert silence(leader)
        with leader:
            after = samples(leader, 50)
        assert leader.reboots == 1 and after[0].device_us < before[0].device_us
        assert after[0].seq > before[-1].seq


class FakeHub:
    """A pty whose far end does as the test says: answers each PING with these bytes."""

    def __init__(self, reply, noise=b""):
        self.fd, slave = pty.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        self._slave = slave
        self._reply = reply
        self._noise = noise
        self.heard = b""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._slave, b"Q")
        self._thread.join(5)
        os.close(self._slave)
        os.close(self.fd)

    def _run(self):
        while True:
            data = os.read(self.fd, 100)
            if b"Q" in data:
                return
            self.heard += data
            for byte in data:
                if byte == 0:
                    os.write(self.fd, self._noise + self._reply)


def open_leader(hub):
    return KerLeader(hub.name, 2_000_000, 1000, dict(enumerate(NAMES)))


def test_a_silent_port_says_what_to_check():
    with FakeHub(b"") as hub, pytest.raises(DriverError, match=r"silence within 1.5 s; expected the PING reply"):
        open_leader(hub).__enter__()
    assert hub.heard[:1] == ker.STANDBY and 4 <= hub.heard.count(0) <= 8


def test_another_device_says_what_came():
    with FakeHub(b"hello\r\n") as hub, pytest.raises(DriverError, match=r"\d+ bytes but no PING reply"):
        open_leader(hub).__enter__()


def test_leftovers_of_a_stream_and_false_replies_are_passed_over():
    codec = ker.FrameCodec(ker.SCHEMA_2_1_0)
    frame = codec.encode_frame((1, 2, 0, *[0x50A5] * 16, 0, False))  # header bytes of a PING reply inside
    reply = ker.encode_ping_reply(ker.SCHEMA_2_1_0, [0.0] * 16, [True] * 16)
    with FakeHub(reply, noise=frame[13:] + frame) as hub, pytest.raises(DriverError, match=r"no frame within 0.4 s"):
        open_leader(hub).__enter__()  # schema understood; this hub then never streams
    assert hub.heard.endswith(ker.STREAM)


def test_too_few_channels_say_what_was_expected():
    fields = (ker.Field("timestamp", ker.U32, 1), ker.Field("angles", ker.F32, 8))
    reply = ker.encode_ping_reply(ker.Schema("1.0.0", "KER", "", fields))
    with (
        FakeHub(reply) as hub,
        pytest.raises(
            DriverError, match=r"firmware '1.0.0' has 8 channels \(timestamp u32, angles f32\[8\]\); expected 16; flash"
        ),
    ):
        open_leader(hub).__enter__()


def test_an_impossible_schema_is_refused_by_its_limit():
    fields = (ker.Field("timestamp", ker.U32, 1), ker.Field("angles", ker.F32, 16), ker.Field("x", 9, 1))
    reply = ker.encode_ping_reply(ker.Schema("1.0.0", "KER", "", fields))
    with FakeHub(reply) as hub, pytest.raises(DriverError, match=r"field x: type 9; expected 0 to 6"):
        open_leader(hub).__enter__()


def test_a_channel_outside_the_hub_is_the_rig_files_fault():
    with pytest.raises(DriverError, match="joint elbow: channel 16; expected 0 to 15; mend the rig file"):
        KerLeader("/dev/none", 2_000_000, 1000, {16: "elbow"})


def test_another_hub_than_the_calibrated_one_is_refused(tmp_path):
    with EmulatedLeader(tmp_path, serial_number="EMU-0007") as emulated:
        with emulated.leader(board_serial="EMU-0007") as leader:
            assert samples(leader, 5)
            assert leader.identity.endswith(", serial number EMU-0007")
        refused = r"hub EMU-0007; expected hub EMU-0001, on which the calibration was made; plug that one in"
        with pytest.raises(DriverError, match=refused), emulated.leader(board_serial="EMU-0001"):
            pass


def test_a_hub_without_a_serial_number_is_not_the_calibrated_one(tmp_path):
    with (
        EmulatedLeader(tmp_path, serial_number="") as emulated,
        pytest.raises(DriverError, match="hub without a serial number; expected hub EMU-0001"),
        emulated.leader(board_serial="EMU-0001"),
    ):
        pass


def test_another_hub_in_the_place_of_the_first_is_refused_and_the_first_goes_on(tmp_path, firmware):
    with EmulatedLeader(tmp_path, firmware) as emulated:
        leader = emulated.leader()
        with leader:
            before = samples(leader, 20)[-1]
            emulated.fault("other_board")
            with pytest.raises(DriverError, match="gone"):
                samples(leader, 10_000)
        with pytest.raises(DriverError, match="hub EMU-0002; expected hub EMU-0001, as before; plug that one in"):
            leader.__enter__()
        with emulated.leader() as other:  # whoever has met no other takes it; its zeros are others
            readings = samples(other, 20)[-1].counts
        assert abs(readings[0] - before.counts[0]) / leader.counts_per_turn * 360 > 10
        emulated.control.ask("clear")
        with leader:
            after = samples(leader, 20)[-1]
        assert abs(after.counts[0] - before.counts[0]) / leader.counts_per_turn * 360 < 6


def test_a_hub_with_other_firmware_in_the_place_of_the_first_is_refused(tmp_path):
    """Where nothing else tells two hubs apart."""
    link = tmp_path / "ker"
    newer = ker.Schema("2.1.0", "KER-v1.1.0", "2026-08-11", ker.SCHEMA_2_1_0.fields)
    with EmulatedLeader(tmp_path, serial_number="") as emulated, FakeHub(ker.encode_ping_reply(newer)) as other:
        link.symlink_to(emulated.port)
        leader = KerLeader(str(link), 2_000_000, 1000, dict(enumerate(NAMES)))
        with leader:
            assert samples(leader, 5)
        link.unlink()
        link.symlink_to(other.name)
        with pytest.raises(
            DriverError, match=r"hardware KER-v1\.1\.0 .*; expected '2\.1\.0' of 2026-08-11, KER-v1\.0\.0"
        ):
            leader.__enter__()


def test_a_jump_of_the_hubs_clock_is_a_restart(tmp_path):
    with EmulatedLeader(tmp_path) as emulated, emulated.leader() as leader:
        assert samples(leader, 20)
        emulated.fault("clock_step", s=-3600)
        deadline = time.monotonic() + 20
        while leader.reboots == 0 and time.monotonic() < deadline:
            samples(leader, 5)
        assert leader.reboots == 1


def usb_tree(tmp_path, *, numbered=True):
    """A hub with a number of its own, a device on it, its interface with a tty; as sysfs shows them."""
    hub = tmp_path / "devices" / "usb1" / "1-2"
    device = hub / "1-2.3"
    interface = device / "1-2.3:1.0" / "tty" / "ttyACM3"
    interface.mkdir(parents=True)
    for folder, number in ((hub, "HUB"), (device, "34:85:18:AC:00:01")):
        (folder / "idVendor").write_text("303a\n")
        if numbered or folder is hub:
            (folder / "serial").write_text(f"{number}\n")
    ttys = tmp_path / "tty" / "ttyACM3"
    ttys.mkdir(parents=True)
    (ttys / "device").symlink_to(device / "1-2.3:1.0")
    (tmp_path / "ker").symlink_to("/dev/ttyACM3")
    return tmp_path / "tty"


def test_a_ports_serial_number_is_that_of_its_usb_device(tmp_path):
    assert usb_serial_number(str(tmp_path / "ker"), usb_tree(tmp_path)) == "34:85:18:AC:00:01"


def test_a_device_without_a_number_does_not_get_its_hubs(tmp_path):
    assert usb_serial_number(str(tmp_path / "ker"), usb_tree(tmp_path, numbered=False)) == ""


def test_what_is_no_usb_device_has_no_serial_number(tmp_path):
    assert usb_serial_number(str(tmp_path / "nothing")) == ""
    assert usb_serial_number("/dev/null") == ""


class _Wire:
    """A port of which only the bytes are left, so that time can be made up."""

    port = "wire"

    def __init__(self) -> None:
        self.data = b""

    def read(self) -> bytes:
        data, self.data = self.data, b""
        return data


def test_the_hubs_clock_is_mapped_to_the_hosts_sample_by_sample():
    """Two frames a read, 80 ppm, up to 2 ms under way, and a wrap: when each newest one was taken."""
    leader = KerLeader("wire", 0, 1000, dict(enumerate(NAMES)))
    leader._serial = wire = _Wire()
    leader._stream = stream = KerStream(ker.SCHEMA_2_1_0, 1000)
    rng = random.Random(4)
    before_us = 2**32 - 3_000_000
    assert leader.tend(10**15) == 0
    for n in range(0, 12_000, 2):
        for k in (n, n + 1):
            stamp = (before_us + 1000 * k) % 2**32
            wire.data += stream.codec.encode_frame((stamp, k, 0, *range(16), 0, False))
        truth_ns = 10**15 + round((n + 1) * 1e6 * (1 + 80e-6))
        arrival_ns = truth_ns + rng.randrange(2_000_000)
        sample = leader.read(arrival_ns)
        assert sample is not None and sample.seq == n + 1 and sample.t_ns == arrival_ns
        taken_ns = leader.tend(arrival_ns + 20_000)
        assert taken_ns <= arrival_ns
        if n > 8_000:
            assert abs(taken_ns - truth_ns) < 100_000
    assert leader.tend(arrival_ns + 500_000) == taken_ns, "no newer sample, no other time"
    assert leader.counters.lost == leader.counters.bad == 0
