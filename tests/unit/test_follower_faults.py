"""Every fault of the emulated arm, on demand over its control socket, seen on the wire by a plain client."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.emulators.fault_requests import FAULT_KINDS
from drivers.errors import DriverError
from firmware_bridge import damiao
from firmware_bridge.can_frame import (
    ERROR_BUS_OFF,
    ERROR_FLAG,
    ERROR_PROTOCOL,
    ERROR_RESTARTED,
    decode_frame,
    encode_frame,
)
from tests.emulated_follower import FollowerThread, config_of, eventually

pytestmark = pytest.mark.process

RANGES = damiao.RANGES["8009"]
REFRESH = damiao.encode_refresh(1)


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[FollowerThread]:
    with FollowerThread(config_of(tmp_path, 3)) as follower:
        yield follower


class Wire:
    """A plain client on can_right."""

    def __init__(self, follower: FollowerThread) -> None:
        self.path = follower.config["follower"]["buses"][0]["socket"]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(self.path)

    def send(self, can_id: int, data: bytes) -> None:
        self.socket.send(encode_frame(can_id, data))

    def take(self, timeout_s: float = 10) -> tuple[int, bytes] | None:
        """The next frame, or None after `timeout_s`."""
        self.socket.settimeout(timeout_s)
        try:
            return decode_frame(self.socket.recv(100))
        except TimeoutError:
            return None

    def ask(self, data: bytes = damiao.DISABLE, can_id: int = 1, timeout_s: float = 10) -> tuple[int, bytes] | None:
        self.send(can_id, data)
        return self.take(timeout_s)


@pytest.fixture
def wire(follower: FollowerThread) -> Iterator[Wire]:
    wire = Wire(follower)
    assert wire.ask() is not None
    yield wire
    wire.socket.close()


def position(frame: tuple[int, bytes] | None) -> float:
    assert frame is not None
    return damiao.decode_feedback(RANGES, frame[1]).position_rad


def status(frame: tuple[int, bytes] | None) -> int:
    assert frame is not None
    return frame[1][0] >> 4


def test_without_a_fault_each_command_gets_one_answer_on_the_reply_id(follower: FollowerThread, wire: Wire) -> None:
    for n in range(200):
        frame = wire.ask(can_id=1 + n % 3)
        assert frame is not None and frame[0] == 0x11 + n % 3
    assert wire.take(0.01) is None


def test_drop_loses_answers_and_the_motor_still_hears(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="drop", bus="can_right", motor=1)
    assert wire.ask(damiao.ENABLE, timeout_s=0.05) is None
    assert wire.ask(can_id=2) is not None
    assert follower.motor(1)["enabled"]
    follower.ask("clear")
    assert status(wire.ask(REFRESH, 0x7FF)) == damiao.STATUS_ENABLED


def test_drop_commands_loses_what_the_motor_should_hear(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="drop_commands", bus="can_right", motor=1)
    assert wire.ask(damiao.ENABLE, timeout_s=0.05) is None
    assert not follower.motor(1)["enabled"]


def test_a_probability_of_a_half_loses_about_a_half(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="drop", probability=0.5)
    for _ in range(400):
        wire.send(1, damiao.DISABLE)
    follower.ask("clear")
    wire.send(2, damiao.DISABLE)
    got = 0
    while (frame := wire.take()) is not None and frame[0] != 0x12:
        got += 1
    assert 130 < got < 270


def test_answers_of_a_wrong_length(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="wrong_length", bus="can_right", motor=1)
    for _ in range(20):
        frame = wire.ask()
        assert frame is not None and len(frame[1]) != 8
    follower.ask("clear")
    frame = wire.ask()
    assert frame is not None and len(frame[1]) == 8


def test_duplicate_answers_twice(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="duplicate")
    assert wire.ask() == wire.take()
    assert wire.take(0.01) is None


def test_reorder_lets_the_newest_come_before_the_older(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="reorder", motor=1, bus="can_right")
    wire.send(1, damiao.DISABLE)
    assert wire.take(0.03) is None
    wire.send(1, damiao.ENABLE)
    assert [status(wire.take()), status(wire.take())] == [1, 0]
    wire.send(1, damiao.DISABLE)
    assert wire.take(0.03) is None
    follower.ask("clear")
    assert status(wire.take()) == 0  # what was held back is not lost


def test_delay_answers_late(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="delay", delay_ms=60)
    before = time.monotonic()
    assert wire.ask() is not None
    assert time.monotonic() - before >= 0.059


def test_freeze_stills_the_position_and_not_the_status(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="freeze", motor=1, bus="can_right")
    start = position(wire.ask(damiao.ENABLE))
    command = damiao.encode_mit(RANGES, 1.0, 0, 70, 2.75, 0)

    def moved() -> bool:
        frame = wire.ask(command)
        assert position(frame) == start
        assert status(frame) == damiao.STATUS_ENABLED
        return follower.motor(1)["position_rad"] > 0.5

    eventually(moved)
    follower.ask("clear")
    assert position(wire.ask(command)) > 0.4


def test_bit_flip_changes_one_bit_of_an_answer(follower: FollowerThread, wire: Wire) -> None:
    good = wire.ask()
    assert good is not None
    follower.ask("fault", kind="bit_flip")
    for _ in range(50):
        bad = wire.ask()
        assert bad is not None
        assert (int.from_bytes(good[1], "big") ^ int.from_bytes(bad[1], "big")).bit_count() == 1


def test_a_silent_motor_hears_nothing_says_nothing_and_its_time_out_stops_it(
    follower: FollowerThread, wire: Wire
) -> None:
    wire.ask(damiao.encode_register_write(1, 9, damiao.timeout_units(0.1)), 0x7FF)
    wire.ask(damiao.ENABLE)
    follower.ask("fault", kind="silent", motor=1, bus="can_right")
    eventually(lambda: follower.motor(1)["status"] == damiao.STATUS_LOST_COMMUNICATION)
    assert wire.ask(timeout_s=0.02) is None
    assert wire.ask(REFRESH, 0x7FF, timeout_s=0.02) is None
    assert wire.ask(can_id=2) is not None
    follower.ask("clear")
    assert status(wire.ask(REFRESH, 0x7FF)) == damiao.STATUS_LOST_COMMUNICATION


def test_a_motor_that_lost_its_supply_is_off_and_has_forgotten_its_time_out(
    follower: FollowerThread, wire: Wire
) -> None:
    wire.ask(damiao.encode_register_write(1, 9, 60_000), 0x7FF)
    wire.ask(damiao.ENABLE)
    follower.ask("fault", kind="power_off", motor=1, bus="can_right")
    assert wire.ask(damiao.ENABLE, timeout_s=0.02) is None
    follower.ask("clear")
    assert status(wire.ask(REFRESH, 0x7FF)) == damiao.STATUS_DISABLED
    frame = wire.ask(damiao.encode_register_read(1, 9), 0x7FF)
    assert frame is not None and damiao.decode_register(frame[1]).value == 0


@pytest.mark.parametrize("code", sorted(damiao.FAULT_STATUSES))
def test_a_status_fault_switches_the_motor_off_until_cleared_at_its_cause(
    follower: FollowerThread, wire: Wire, code: int
) -> None:
    wire.ask(damiao.ENABLE)
    follower.ask("fault", kind="status", motor=1, bus="can_right", status=code)
    assert status(wire.ask(damiao.ENABLE)) == code
    assert status(wire.ask(damiao.CLEAR_ERROR)) == code
    assert status(wire.ask(damiao.ENABLE, 2)) == damiao.STATUS_ENABLED
    follower.ask("clear")
    assert status(wire.ask(damiao.CLEAR_ERROR)) == damiao.STATUS_DISABLED
    assert status(wire.ask(damiao.ENABLE)) == damiao.STATUS_ENABLED


@pytest.mark.parametrize(
    ("key", "warm", "hot", "code"),
    [("rotor_c", 75, 130, damiao.STATUS_ROTOR_HOT), ("mosfet_c", 80, 140, damiao.STATUS_MOSFET_HOT)],
)
def test_a_set_temperature_is_told_and_too_hot_trips(
    follower: FollowerThread, wire: Wire, key: str, warm: int, hot: int, code: int
) -> None:
    wire.ask(damiao.ENABLE)
    follower.ask("fault", kind="temperature", motor=1, bus="can_right", **{key: warm})
    frame = wire.ask(REFRESH, 0x7FF)
    assert frame is not None and warm in frame[1][6:8]
    assert status(frame) == damiao.STATUS_ENABLED
    follower.ask("clear")
    follower.ask("fault", kind="temperature", motor=1, bus="can_right", **{key: hot})
    assert status(wire.ask(REFRESH, 0x7FF)) == code
    follower.ask("clear")
    assert status(wire.ask(damiao.CLEAR_ERROR)) == damiao.STATUS_DISABLED


@pytest.mark.parametrize("again", [{"bus": "can_right", "motor": 1}, {}])
def test_a_fault_comes_in_the_place_of_one_of_its_kind_on_the_same_motor(
    follower: FollowerThread, wire: Wire, again: dict
) -> None:
    def temperature() -> tuple[int, ...]:
        frame = wire.ask(REFRESH, 0x7FF)
        assert frame is not None
        return tuple(frame[1][6:8])

    reply = follower.ask("fault", kind="temperature", bus="can_right", motor=1, rotor_c=75)
    assert reply["motors"] == [["can_right", 1]]
    other = follower.ask("fault", kind="temperature", bus="can_right", motor=2, rotor_c=60)
    assert other["motors"] == [["can_right", 2]]
    assert 75 in temperature()
    follower.ask("fault", kind="temperature", mosfet_c=90, **again)
    assert 90 in temperature() and 75 not in temperature()
    faults = [bus["faults"] for bus in follower.ask("status")["buses"]]
    assert faults == ([["temperature"] * 2, []] if again else [["temperature"]] * 2)
    follower.ask("clear")
    assert 90 not in temperature()


def test_of_a_whole_bus_and_one_motor_the_newer_fault_counts_and_all_registers_are_as_before_in_the_end(
    follower: FollowerThread, wire: Wire
) -> None:
    def held() -> float:
        frame = wire.ask(damiao.encode_register_read(1, 21), 0x7FF)
        assert frame is not None
        return damiao.decode_register(frame[1]).value

    before = held()
    for registers, motor in (("21:6.25", {}), ("21:5, 10:2", {"motor": 1}), ("21:4", {})):
        follower.ask("fault", kind="registers", bus="can_right", registers=registers, **motor)
        assert held() == float(registers[3:].partition(",")[0])
    follower.ask("clear")
    assert held() == before
    reply = follower.ask("fault", kind="status", bus="can_right", status=10)
    assert [motor for _, motor in reply["motors"]] == [1, 2, 3]
    follower.ask("fault", kind="status", bus="can_right", motor=1, status=12)
    assert status(wire.ask(REFRESH, 0x7FF)) == 12


def test_registers_hold_something_else_until_the_fault_ends(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="registers", motor=1, bus="can_right", registers={"21": 6.25, "10": 2})
    for rid, value in ((21, 6.25), (10, 2)):
        frame = wire.ask(damiao.encode_register_read(1, rid), 0x7FF)
        assert frame is not None and damiao.decode_register(frame[1]).value == value
    follower.ask("clear")
    frame = wire.ask(damiao.encode_register_read(1, 21), 0x7FF)
    assert frame is not None and damiao.decode_register(frame[1]).value == 12.5


def test_bus_off_is_told_by_an_error_frame_and_nothing_passes_until_the_restart(
    follower: FollowerThread, wire: Wire
) -> None:
    assert wire.ask() is not None  # who has an answer is on the bus; a connection alone may still wait to be taken
    listener = Wire(follower)
    assert listener.ask() is not None and wire.take() is not None and wire.take() is not None
    follower.ask("fault", kind="bus_off", bus="can_right")
    for client in (wire, listener):
        frame = client.take()
        assert frame is not None and frame[0] == ERROR_FLAG | ERROR_BUS_OFF
    assert wire.ask(damiao.ENABLE, timeout_s=0.03) is None
    assert listener.take(0.01) is None
    follower.ask("clear")
    frame = wire.take()
    assert frame is not None and frame[0] == ERROR_FLAG | ERROR_RESTARTED
    assert status(wire.ask()) == damiao.STATUS_DISABLED
    listener.socket.close()


def test_error_frames_come_at_their_rate_beside_the_traffic_and_end(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="error_frames", bus="can_right", rate_hz=1000)
    kinds = []
    while kinds.count("error") < 30:
        wire.send(1, damiao.DISABLE)
        frame = wire.take()
        assert frame is not None
        kinds.append("error" if frame[0] & ERROR_FLAG else "answer")
        assert not frame[0] & ERROR_FLAG or frame[0] & ERROR_PROTOCOL
    assert "answer" in kinds
    follower.ask("clear")
    while wire.take(0.05) is not None:
        pass


def test_a_full_queue_stops_the_sender_and_drains_when_it_ends(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="full_queue", bus="can_right")
    wire.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        for _ in range(100_000):
            wire.send(1, damiao.DISABLE)
    follower.ask("clear")
    assert wire.take() is not None


def test_unplug_closes_the_bus_and_clear_plugs_it_in_again(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="unplug", bus="can_right")
    wire.socket.settimeout(10)
    assert wire.socket.recv(100) == b""
    assert not Path(wire.path).exists()
    with pytest.raises(FileNotFoundError):
        Wire(follower)
    follower.ask("clear")
    again = Wire(follower)
    assert again.ask() is not None
    again.socket.close()


def test_a_fault_ends_by_itself_after_its_time(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="drop", for_s=0.05)
    assert follower.ask("status")["buses"][0]["faults"] == ["drop"]
    eventually(lambda: follower.ask("status")["buses"][0]["faults"] == [])
    assert wire.ask() is not None


def test_faults_add_up_and_one_that_ends_leaves_the_others(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="duplicate")
    follower.ask("fault", kind="drop", bus="can_right", motor=2, for_s=0.05)
    assert wire.ask(can_id=1) == wire.take()
    eventually(lambda: follower.ask("status")["buses"][0]["faults"] == ["duplicate"])
    assert wire.ask(can_id=2) == wire.take()


def test_a_fault_hits_only_its_bus(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="unplug", bus="can_left")
    follower.ask("fault", kind="drop", bus=1)
    assert wire.ask() is not None


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"kind": "gremlins"}, "expected one of drop"),
        ({"kind": "drop", "bus": "can_middle"}, "expected one of can_right, can_left"),
        ({"kind": "drop", "motor": 9}, "expected an id of bus can_right: 1, 2, 3"),
        ({"kind": "drop", "probability": 2}, "expected a number 0 to 1"),
        ({"kind": "drop", "rate": 2}, "has no field rate"),
        ({"kind": "delay"}, "delay_ms is None"),
        ({"kind": "status"}, "status is None"),
        ({"kind": "status", "status": 1}, "8 to 14"),
        ({"kind": "temperature"}, "expected mosfet_c or rotor_c"),
        ({"kind": "registers"}, "registers is None"),
        ({"kind": "registers", "registers": {"21": 0}}, "above 0"),
        ({"kind": "registers", "registers": "21=5"}, "'21=5' = ''"),
        ({"kind": "registers", "registers": "21:x"}, "'21' = 'x'"),
        ({"kind": "bus_off", "motor": 1}, "whole bus"),
        ({"kind": "drop", "for_s": -1}, "for_s is -1"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_and_changes_nothing(
    follower: FollowerThread, request_: dict, words: str
) -> None:
    with pytest.raises(DriverError, match=words):
        follower.ask("fault", **request_)
    assert all(bus["faults"] == [] for bus in follower.ask("status")["buses"])


def test_every_kind_of_fault_can_come_and_go_in_any_order_and_leaves_no_trace(
    follower: FollowerThread, wire: Wire
) -> None:
    seed = 11
    print(f"seed {seed}")
    rng = random.Random(seed)
    needs = {
        "status": {"status": 10},
        "temperature": {"rotor_c": 90},
        "registers": {"registers": {"9": 5}},
        "delay": {"delay_ms": 1},
        "load": {"torque_nm": 3},
    }
    before = [(m["id"], m["timeout_units"]) for m in follower.ask("status")["motors"]]
    for _ in range(5):
        for kind in rng.sample(sorted(FAULT_KINDS), len(FAULT_KINDS)):
            follower.ask("fault", kind=kind, **needs.get(kind, {}))
        follower.ask("clear")
        again = Wire(follower)
        again.send(1, damiao.CLEAR_ERROR)
        assert status(again.take()) == damiao.STATUS_DISABLED
        again.socket.close()
    assert [(m["id"], m["timeout_units"]) for m in follower.ask("status")["motors"]] == before


# -- what can be seen


def test_the_trace_holds_each_mit_command_as_it_arrived(follower: FollowerThread, wire: Wire) -> None:
    command = damiao.encode_mit(RANGES, 1.0, 0, 70, 2.75, 0)
    wire.ask(command)
    follower.ask("trace", on=True)
    before = time.monotonic_ns()
    wire.ask(damiao.ENABLE)
    wire.ask(command, can_id=2)
    wire.ask(command, can_id=1)
    rows = follower.control.take_trace()
    assert [(bus, motor, code) for bus, motor, _, code in rows] == [(0, 2, 0x8A3C), (0, 1, 0x8A3C)]
    assert before < rows[0][2] < rows[1][2] < time.monotonic_ns()
    assert follower.control.take_trace() == []
    follower.ask("trace", on=False)
    wire.ask(command)
    assert follower.control.take_trace() == []


def test_a_long_trace_comes_whole_in_pieces(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("trace", on=True)
    command = damiao.encode_mit(RANGES, 0.0, 0, 0, 0, 0)
    for _ in range(5000):
        assert wire.ask(command) is not None
    assert len(follower.control.take_trace()) == 5000


def test_the_status_tells_each_motor(follower: FollowerThread, wire: Wire) -> None:
    wire.ask(damiao.ENABLE)
    wire.ask(damiao.encode_mit(RANGES, 0.0, 0, 0, 0, 0))
    reply = follower.ask("status")
    assert [bus["name"] for bus in reply["buses"]] == ["can_right", "can_left"]
    motor = reply["motors"][0]
    assert (motor["bus"], motor["id"], motor["enabled"], motor["status"], motor["commands"]) == (
        "can_right",
        1,
        True,
        1,
        1,
    )
    assert {"position_rad", "velocity_rad_s", "temperature_c", "timeout_units"} <= motor.keys()


def test_every_kind_of_fault_is_listed_with_its_words(follower: FollowerThread) -> None:
    assert follower.ask("faults")["faults"] == FAULT_KINDS


def test_an_unknown_request_is_refused(follower: FollowerThread) -> None:
    with pytest.raises(DriverError, match="unknown cmd 'dance'"):
        follower.ask("dance")
