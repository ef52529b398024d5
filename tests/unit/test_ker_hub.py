"""The emulated hub: its protocol, its encoders, and each fault as the leader sees it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from drivers.emulators.ker_faults import KINDS, HubFaults
from drivers.emulators.ker_hub import KNOT_SAMPLES, HubChannel, KerHub
from drivers.errors import DriverError
from firmware_bridge import ker
from firmware_bridge.ker_stream import KerStream
from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_NOT_A_NUMBER
from tests.unit.ker_process import NAMES, EmulatedLeader, samples, silence

MOUNTS = [HubChannel(-1 if n % 2 else 1, 3.0 * n) for n in range(16)]


def make(firmware="2.0.0", joint_deg=(0.0,) * 16):
    hub = KerHub(firmware, MOUNTS)
    hub.set_knot(joint_deg)
    return hub


def degrees(hub, frame):
    decoded = hub.codec.decode_frame(frame)
    return [count / hub.codec.counts_per_turn * 360 for count in decoded.counts]


@pytest.mark.parametrize("firmware", ["2.0.0", "2.1.0"])
def test_an_encoder_reads_sign_times_joint_plus_zero_in_15_bits(firmware):
    joints = [-170 + 20.0 * n for n in range(16)]
    hub = make(firmware, joints)
    read = degrees(hub, hub.frame(0, 0))
    for n, (got, joint) in enumerate(zip(read, joints)):
        assert abs(got - ((-1 if n % 2 else 1) * joint + 3.0 * n)) < 0.03
    if firmware == "2.0.0":
        for count in hub.codec.decode_frame(hub.frame(0, 0)).counts:
            assert count & 0x3F == count >> 15 & 0x3F  # 15 bits, filled up by their own top bits


def test_between_knots_the_joints_go_straight():
    hub = make("2.1.0")
    hub.set_knot((10.0,) * 16)
    read = [degrees(hub, hub.frame(0, k))[0] for k in range(KNOT_SAMPLES)]
    assert all(abs(value - k) < 0.03 for k, value in enumerate(read))


def test_commands_in_any_pieces():
    hub = make()
    assert hub.take(b"") == b"" and not hub.is_streaming
    assert hub.take(ker.STREAM + ker.DIAG + b"\x99") == b"" and hub.is_streaming
    reply = hub.take(ker.PING)
    assert not hub.is_streaming
    decoded = ker.decode_ping_reply(reply)
    assert decoded is not None and decoded[0] == ker.SCHEMA_2_0_0 and len(reply) == decoded[1] + 80
    hub.take(ker.STREAM)
    hub.take(ker.STANDBY)
    assert not hub.is_streaming
    # ZERO_MASK of channels 1 and 8 (big-endian), cut; its bytes are not commands.
    assert hub.take(ker.ZERO_MASK + b"\x01") == b"" and hub.take(b"\x02" + ker.STREAM) == b""
    read = degrees(hub, hub.frame(0, 0))
    assert [n for n in range(1, 16) if abs(read[n]) < 0.05] == [1, 8] and hub.is_streaming
    hub.set_knot((0.0,) * 16)
    assert abs(degrees(hub, hub.frame(0, 5))[1]) < 0.05  # and stays so
    hub.take(ker.ZERO_ALL)
    assert max(map(abs, degrees(hub, hub.frame(0, 0)))) < 0.05


def test_what_is_not_emulated_is_refused():
    with pytest.raises(ValueError, match=r"firmware '3.0'; expected one of 2.0.0, 2.1.0"):
        KerHub("3.0", MOUNTS)
    with pytest.raises(ValueError, match="15 channels; expected 16"):
        KerHub("2.0.0", MOUNTS[:-1])


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with EmulatedLeader(tmp_path_factory.mktemp("ker")) as emulated:
        yield emulated


@pytest.fixture
def leader(rig):
    rig.control.ask("clear")
    with rig.leader() as opened:
        samples(opened, 5)
        yield opened
    rig.control.ask("clear")


pytestmark = pytest.mark.process


def test_drop_shows_as_lost(rig, leader):
    rig.fault("drop", p=0.3)
    samples(leader, 200)
    assert leader.counters.lost > 10 and leader.counters.bad == 0


def test_duplicates_and_reordering_make_no_false_samples(rig, leader):
    rig.fault("duplicate", p=0.5)
    rig.fault("reorder", p=0.3)
    got = samples(leader, 300)
    assert all(later.seq > sample.seq for sample, later in itertools.pairwise(got))
    assert leader._stream.stale > 20 and leader.counters.bad == 0 and leader.reboots == 0


def test_bit_flips_and_wrong_lengths_show_as_bad(rig, leader):
    for kind in ("bit_flip", "wrong_length"):
        before = leader.counters.bad
        rig.fault(kind, p=0.3)
        got = samples(leader, 200)
        rig.control.ask("clear")
        assert leader.counters.bad > before + 10, kind
        assert all(abs(sample.counts[0] - got[0].counts[0]) < 300 for sample in got)  # never a broken angle


def test_wrong_numbers_show_as_bad(rig, leader):
    rig.fault("wrong_seq", p=0.1)
    got = samples(leader, 300)
    assert leader.counters.bad > 5 and got[-1].seq - got[0].seq < 5000 and leader.reboots == 0


def test_a_frozen_encoder_stands_bit_identical_without_an_error(rig, leader):
    rig.fault("freeze", channel="right_j4")
    samples(leader, 50)
    got = samples(leader, 200)
    assert len({sample.counts[3] for sample in got}) == 1 and {sample.health[3] for sample in got} == {0}
    assert len({sample.counts[4] for sample in got}) > 3


def test_a_silent_encoder_takes_the_rest_of_the_chain_with_it(rig, leader):
    rig.fault("silent_encoder", channel=11)
    samples(leader, 50)
    health = samples(leader, 5)[-1].health
    assert health == (0,) * 11 + (HEALTH_DEVICE_ERROR,) * 5
    rig.control.ask("clear")
    samples(leader, 50)
    assert samples(leader, 5)[-1].health == (0,) * 16


def test_a_fault_comes_in_the_place_of_one_of_its_kind_on_the_same_channel():
    hub, port = make("2.1.0"), FakePort()
    faults = HubFaults(hub, port, NAMES, 1)  # type: ignore[arg-type]
    calm = hub.raw(0)
    for channel, deg in ((2, 30), (5, 30), (2, 10)):
        faults.add({"kind": "offset", "channel": channel, "deg": deg}, 0)
    assert len(faults.active()) == 2
    moved = [degrees(hub, frame) for frame in faults.frames(0, 0, 0)]
    at_rest = degrees(hub, hub.encode(0, 0, calm, []))
    assert [round(a - b) for a, b in zip(moved[0], at_rest)] == [
        10 if n == 2 else 30 if n == 5 else 0 for n in range(16)
    ]
    for serial_number in ("EMU-0002", "EMU-0003"):
        faults.add({"kind": "other_board", "serial_number": serial_number}, 0)
    assert port.serial_number == "EMU-0003"
    faults.clear()
    hub.set_knot((0.0,) * 16)
    assert port.serial_number == "EMU-0001"
    assert max(abs(a - b) for a, b in zip(hub.raw(0), calm)) < 4  # the last bit is noise


class FakePort:
    serial_number, link = "EMU-0001", "leader.tty"

    def plug(self):
        pass

    def unplug(self):
        pass


def test_an_offset_moves_one_channel(rig, leader):
    before = samples(leader, 5)[-1].counts
    rig.fault("offset", channel=2, deg=30)
    samples(leader, 50)
    after = samples(leader, 5)[-1].counts
    moved = [n for n in range(16) if abs(after[n] - before[n]) > 1500]
    assert moved == [2] and abs(after[2] - before[2] - 3000) < 300


def test_delay_makes_samples_old_by_their_own_clock(rig, leader):
    def age_us(sample):
        return sample.t_ns // 1000 - sample.device_us

    usual_us = min(map(age_us, samples(leader, 200)))
    rig.fault("delay", ms=80)
    samples(leader, 100)
    late_us = min(map(age_us, samples(leader, 200)))
    assert 60_000 < late_us - usual_us < 200_000
    assert leader.counters.lost == 0 and leader.counters.bad == 0


def test_silence_ends_by_itself(rig, leader):
    rig.fault("stop", for_s=0.4)
    assert silence(leader)
    assert len(samples(leader, 20)) == 20
    assert rig.control.ask("status")["faults"] == []


def test_nan_is_told_by_the_old_firmware(tmp_path):
    with EmulatedLeader(tmp_path, "2.0.0") as emulated, emulated.leader() as leader:
        emulated.fault("nan", channel="left_j1")
        samples(leader, 50)
        sample = samples(leader, 5)[-1]
        assert sample.health[8] == HEALTH_NOT_A_NUMBER and sample.counts[8] == 0 and sum(sample.health) == 2
        # ... and its known fault: a silent encoder freezes with error = false.
        emulated.control.ask("clear")
        emulated.fault("silent_encoder", channel=14)
        samples(leader, 50)
        got = samples(leader, 100)
        assert {sample.health for sample in got} == {(0,) * 16}
        assert len({sample.counts[14:] for sample in got}) == 1 < len({sample.counts[13] for sample in got})


def test_status_and_refusals(rig, leader):
    rig.fault("freeze", channel=3)
    status = rig.control.ask("status")
    assert status["state"] == "stream" and status["firmware"] == "2.1.0" and status["host_open"]
    assert status["frames_sent"] > 5 and status["faults"] == [{"kind": "freeze", "channel": NAMES[3]}]
    assert status["worker"] == {"state": "waiting", "reps": 0, "following": False}
    for request, words in (
        ({"kind": "magic"}, next(iter(KINDS))),
        ({"kind": "freeze", "channel": 16}, "expected 0 to 15"),
        ({"kind": "freeze", "channel": "knee"}, "right_j1"),
        ({"kind": "drop", "p": 2}, "from 0 to 1"),
        ({"kind": "drop", "for_s": "long"}, "for_s 'long'"),
    ):
        with pytest.raises(DriverError, match=words):
            rig.control.ask("fault", **request)
    with pytest.raises(DriverError, match="expected status, faults, worker"):
        rig.control.ask("dance")


def test_the_trace_tells_when_each_frame_left(rig, leader):
    rig.control.ask("trace", on=True)
    got = samples(leader, 100)
    rig.control.ask("trace", on=False)
    rows = rig.control.take_trace()
    assert len(rows) >= 100
    assert all(b[0] == a[0] + 1 and b[1] >= a[1] for a, b in itertools.pairwise(rows))
    assert rows[0][1] <= got[-1].t_ns  # one clock for both processes


def test_nobody_reading_blocks_nothing(rig, leader):
    deadline = time.monotonic() + 20
    while rig.control.ask("status")["frames_dropped"] == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert rig.control.ask("status")["frames_dropped"] > 0
    got = samples(leader, 300)
    assert got[-1].seq > 300 and leader.counters.lost > 0 and leader.counters.bad == 0


def test_the_worker_moves_when_he_is_followed_and_writes_the_truth(tmp_path):
    with EmulatedLeader(tmp_path) as emulated, emulated.leader() as leader:
        emulated.control.ask("worker", following=True)
        lowest, highest = 0.0, -99.0
        deadline = time.monotonic() + 20
        truth = tmp_path / "truth.jsonl"
        while time.monotonic() < deadline and not truth.read_text():
            for sample in samples(leader, 100):
                lowest = min(lowest, sample.counts[3] / 100)
                highest = max(highest, sample.counts[3] / 100)
        row = json.loads(truth.read_text().splitlines()[0])
        assert row["rep"] == 1 and row["kind"] == "good" and row["phase"] == ""
        assert 1e9 < row["end_ns"] - row["start_ns"] < 4e9
        assert row["end_ns"] <= time.monotonic_ns() + 20_000_000
        assert highest - lowest > 70  # right_j4 from 15 to 110 deg and back
        emulated.control.ask("worker", following=False)


def test_the_device_clock_wraps_in_the_stream(tmp_path):
    for before_s in (1, 6, 30):  # a busy machine may take longer to open the port than the clock to wrap
        start_us = 2**32 - before_s * 1_000_000
        with EmulatedLeader(tmp_path, "2.0.0", start_us=start_us) as emulated, emulated.leader() as leader:
            got = samples(leader, 1)
            if got[0].device_us < start_us:
                continue
            while got[-1].device_us <= 2**32 + 100_000 and (more := samples(leader, 50)):
                got += more
            break
    assert got[-1].device_us > 2**32 > got[0].device_us
    assert all(later.device_us > sample.device_us for sample, later in itertools.pairwise(got))
    assert leader.reboots == 0


def test_it_ends_on_sigterm_and_leaves_nothing(tmp_path):
    with EmulatedLeader(tmp_path) as emulated:
        emulated.process.send_signal(signal.SIGINT)  # of the terminal's group: not for it
        assert emulated.control.ask("status")["ok"]
        emulated.process.terminate()
        assert emulated.process.wait(5) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leader.json", "truth.jsonl"]


def test_it_ends_when_its_launcher_is_gone(tmp_path):
    with EmulatedLeader(tmp_path) as emulated:
        emulated.process.stdin.close()
        emulated.process.stdin = None
        assert emulated.process.wait(15) == 0


def test_a_wrong_configuration_is_said_in_words(tmp_path):
    for text, words in (
        ('{"leader": {}}', "missing 'channels'"),
        ("{", "leader.json: "),
        ('{"leader": {"kind": "x"}}', "'ker'"),
    ):
        path = tmp_path / "leader.json"
        path.write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "drivers.emulators.leader", str(path)], capture_output=True, text=True, timeout=20
        )
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_the_codec_and_the_hub_agree_sample_for_sample():
    hub = make("2.1.0")
    stream = KerStream(hub.schema, 1000)
    got = stream.feed_all(b"".join(hub.frame(n * 1000, n % 10) for n in range(100)), 0)
    assert [sample.seq for sample in got] == list(range(100)) and stream.lost == 0


def test_a_clock_that_drifts_takes_its_samples_with_it_and_comes_back(rig, leader):
    def rate(seconds):
        first = last = samples(leader, 1)[0]
        while last.t_ns - first.t_ns < seconds * 1e9:
            last = samples(leader, 1)[0]
        assert last.seq - first.seq == pytest.approx((last.device_us - first.device_us) / 1000, abs=20)
        return (last.device_us - first.device_us) * 1000 / (last.t_ns - first.t_ns)

    rig.fault("clock_drift", ppm=-200_000)
    time.sleep(0.1)
    assert 0.7 < rate(2.0) < 0.9
    rig.control.ask("clear")
    time.sleep(0.1)
    assert rate(2.0) > 0.93


def test_a_drift_goes_off_and_comes_back(rig, leader):
    before = samples(leader, 5)[-1].counts
    rig.fault("drift", channel=2, deg=30, s=0.6)
    during = [sample.counts[2] - before[2] for sample in samples(leader, 900)]
    assert max(during) > 2500  # 30 degrees are 3000 counts
    assert abs(during[-1]) < 300
    assert max(abs(b - a) for a, b in itertools.pairwise(during)) < 1500, "no jump that a joint could not make"


def test_a_pause_of_the_emulation_is_told_once(rig, leader):
    rig.control.ask("status")
    os.kill(rig.process.pid, signal.SIGSTOP)
    time.sleep(0.3)
    os.kill(rig.process.pid, signal.SIGCONT)
    samples(leader, 20)
    assert rig.control.ask("status")["late_ms"] > 250
    assert rig.control.ask("status")["late_ms"] < 250
