"""KerLeader on a port in memory and a clock of its own: every byte it says and every answer it takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import pytest

from drivers.errors import DriverError
from drivers.leaders import ker as ker_leader
from drivers.leaders.ker import KerLeader
from firmware_bridge import ker

SCHEMA = ker.SCHEMA_2_1_0
CODEC = ker.FrameCodec(SCHEMA)
REPLY = ker.encode_ping_reply(SCHEMA)


def frame(n: int) -> bytes:
    return CODEC.encode_frame((n * 1000, n, 0, *[n] * 16, 0, False))


class Port:
    """Answers each word that is written by what `answers` holds for it, one chunk a read."""

    port = "/dev/hub"

    def __init__(self, *_: object) -> None:
        self.now_s = 50.0
        self.answers: dict[bytes, list[bytes]] = {ker.PING: [REPLY], ker.STREAM: [frame(1)]}
        self.said: list[tuple[float, bytes]] = []
        self.waits: list[float] = []
        self.waiting: list[bytes] = []
        self.is_open = self.is_gone = False

    def __enter__(self) -> Self:
        self.is_open = True
        return self

    def close(self) -> None:
        self.is_open = False

    def write(self, data: bytes) -> None:
        if self.is_gone:
            raise DriverError("gone")
        self.said.append((round(self.now_s - 50, 6), data))
        self.waiting += self.answers.get(data, [])

    def wait(self, seconds: float) -> bool:
        assert seconds >= 0.0
        self.waits.append(round(seconds, 6))
        if not self.waiting:
            self.now_s += seconds
        return bool(self.waiting)

    def read(self) -> bytes:
        return self.waiting.pop(0) if self.waiting else b""

    def fileno(self) -> int:
        return 9


@pytest.fixture
def port(monkeypatch):
    port = Port()
    monkeypatch.setattr(ker_leader, "SerialPort", lambda *_: port)
    monkeypatch.setattr(ker_leader.time, "monotonic", lambda: port.now_s)
    return port


def leader_of(serial: str = "", **settings: object) -> KerLeader:
    return KerLeader("/dev/hub", 2_000_000, 1000.0, {0: "a", 15: "p"}, serial_number_of=lambda port: serial, **settings)  # type: ignore[arg-type]


def test_opening_stops_the_hub_asks_who_it_is_and_starts_it(port):
    leader = leader_of("S1")
    port.waiting = [b"x"]
    assert leader.fileno() == 9 and leader.read(1) is None and leader.tend(2) == 0
    assert (leader.counts_per_turn, leader.is_numbered, leader.reboots) == (2.0**21, True, 0)
    assert leader.identity == ""
    with leader:
        assert [word for _, word in port.said] == [ker.STANDBY, ker.PING, ker.STREAM]
        assert port.waits[-2:] == [0.004, 0.4]
        assert leader.channels == ("a", *(f"channel_{n}" for n in range(1, 15)), "p")
        assert leader.counts_per_turn == 36_000.0
        assert leader.identity == (
            f"OpenArm KER hub, firmware {SCHEMA.firmware}, hardware {SCHEMA.hardware}, {SCHEMA.updated}, "
            "serial number S1"
        )
        sample = leader.read(7)
        assert sample is not None and (sample.device_us, sample.t_ns, sample.counts) == (1000, 7, (1,) * 16)
        assert leader.read(8) is None
        port.waiting = [frame(2) + frame(4)]
        assert (leader.read(9) or sample).device_us == 4000
        counters = leader.counters
        assert (counters.received, counters.lost, counters.bad, leader.reboots) == (3, 1, 0, 0)
        assert port.is_open
    assert port.said[-1][1] == ker.STANDBY and not port.is_open
    with leader_of() as leader:
        assert "serial" not in leader.identity


def test_a_hub_of_the_old_firmware_has_no_numbers_of_its_own(port):
    port.answers[ker.PING] = [ker.encode_ping_reply(ker.SCHEMA_2_0_0)]
    with leader_of() as leader:
        assert (leader.counts_per_turn, leader.is_numbered) == (2.0**21, False)


def test_what_is_damaged_and_a_restart_are_counted(port):
    with leader_of() as leader:
        damaged = bytearray(frame(2))
        damaged[-3] ^= 1
        port.waiting = [frame(3000), bytes(damaged) + frame(3001) + frame(3002)]
        leader.read(1)
        leader.read(2)
        assert leader.counters.bad == 1 and leader.reboots == 0
        port.waiting = [b"".join(frame(n) for n in range(60))]
        leader.read(3)
        assert leader.reboots == 1


def test_a_sample_is_taken_when_it_was_read_at_the_latest_and_each_is_looked_at_once(port):
    leader = leader_of()
    with leader:
        leader.read(10**12)
        assert leader.tend(10**12 + 500) == 10**12
        updates = []
        leader.clock.update = lambda device_us, now_ns: updates.append((device_us, now_ns)) or 77  # type: ignore[method-assign,func-returns-value]
        assert leader.tend(10**12 + 600) == 10**12
        port.waiting = [frame(2), frame(3)[:9]]
        leader.read(10**12 + 10**6)
        assert leader.read(10**12 + 10**6 + 1) is None
        assert leader.tend(10**12 + 10**6 + 5) == 77
        assert updates == [(2000, 10**12 + 10**6 + 5)]


def test_a_hub_that_says_nothing_is_asked_every_quarter_of_a_second_for_one_and_a_half(port):
    port.answers = {}
    with pytest.raises(DriverError, match=r"leader ker: port /dev/hub: silence within 1.5 s; expected"), leader_of():
        pass
    assert [at for at, word in port.said if word == ker.PING] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert port.said[0] == (0.0, ker.STANDBY) and not port.is_open
    assert port.now_s == pytest.approx(51.5)


@pytest.mark.parametrize("noise", [[b"\xff" * 5], []])
def test_a_reply_may_come_in_pieces_behind_noise(port, noise):
    port.answers[ker.PING] = [*noise, ker.PING_HEADER[:1], ker.PING_HEADER[1:] + REPLY[2:9], REPLY[9:]]
    assert REPLY.startswith(ker.PING_HEADER) and len(ker.PING_HEADER) == 2
    with leader_of() as leader:
        assert leader.counts_per_turn == 36_000.0
    assert [word for _, word in port.said].count(ker.PING) == 1


def test_what_looks_like_a_reply_and_is_none_is_skipped(port, monkeypatch):
    wrong = ker.PING_HEADER + b"\xff" * 60
    port.answers[ker.PING] = [wrong + REPLY]
    with leader_of() as leader:
        assert leader.identity
    port.said.clear()
    port.answers[ker.PING] = [ker.PING_HEADER + REPLY]  # half of one, then a whole one
    with leader_of():
        assert [word for _, word in port.said].count(ker.PING) == 1
    port.answers[ker.PING] = [wrong]
    with pytest.raises(DriverError, match=r"port /dev/hub: (?!silence)(?!\d+ bytes).* within 1.5 s"), leader_of():
        pass


def test_noise_is_told_with_its_length_and_heard_for_64_kib_at_most(port):
    port.answers[ker.PING] = [b"x" * 100]
    with pytest.raises(DriverError, match="600 bytes but no PING reply within"), leader_of():
        pass
    port.answers[ker.PING] = [b"x" * 4096] * 40
    with pytest.raises(DriverError, match="65536 bytes but no PING reply within"), leader_of():
        pass


def test_what_follows_the_reply_passes_before_the_stream_begins(port):
    port.answers[ker.PING] = [REPLY, *[b"boot angles"] * 60]
    with leader_of():
        assert len(port.waiting) == 10 + 1  # 50 reads are enough; the first frame is behind what is left
    assert port.waits.count(0.004) == 50


def test_a_hub_that_does_not_begin_is_told(port):
    del port.answers[ker.STREAM]
    with pytest.raises(DriverError, match=r"no frame within 0.4 s of STREAM"), leader_of():
        pass
    assert not port.is_open


def test_an_unplugged_hub_is_closed_all_the_same(port):
    with leader_of():
        port.is_gone = True
    assert not port.is_open


def test_the_same_hub_may_come_back_and_its_numbers_go_on(port):
    leader = leader_of("S1")
    with leader:
        leader.read(1)
    with leader:
        port.waiting = [frame(5)]
        assert leader.read(2) is not None
        assert (leader.counters.received, leader.counters.lost) == (2, 0)


@pytest.mark.parametrize(
    "changes", [{"firmware": "9"}, {"hardware": "9"}, {"updated": "9"}, {"fields": SCHEMA.fields[:-1]}]
)
def test_another_hub_in_its_place_is_refused(port, changes):
    leader = leader_of()
    with leader:
        pass
    port.answers[ker.PING] = [ker.encode_ping_reply(replace(SCHEMA, **changes))]
    with pytest.raises(DriverError, match=r"the hub came back as firmware .*; expected .* as before"), leader:
        pass


def test_a_hub_of_another_serial_number_is_refused(port):
    with pytest.raises(DriverError, match=r"hub S1; expected hub S2, on which the calibration was made"):
        leader_of("S1", board_serial="S2").__enter__()
    with pytest.raises(DriverError, match=r"hub without a serial number; expected hub S2, on which"):
        leader_of("", board_serial="S2").__enter__()
    serials = ["S1", ""]
    leader = KerLeader("/dev/hub", 2_000_000, 1000.0, {}, serial_number_of=lambda port: serials.pop(0))
    with leader:
        pass
    with pytest.raises(DriverError, match=r"hub without a serial number; expected hub S1, as before"), leader:
        pass


def test_a_hub_or_a_rig_of_other_channels_is_refused(port):
    half = KerLeader("/dev/hub", 2_000_000, 1000.0, {}, 8, serial_number_of=lambda port: "")
    with pytest.raises(DriverError, match=r"has 16 channels .*; expected 8; flash"), half:
        pass
    for number in (-1, 16):
        with pytest.raises(DriverError, match=f"joint x: channel {number}; expected 0 to 15"):
            KerLeader("/dev/hub", 2_000_000, 1000.0, {number: "x"})
    KerLeader("/dev/hub", 2_000_000, 1000.0, {0: "x", 15: "y"})
