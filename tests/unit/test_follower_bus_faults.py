"""Faults of the emulated arm's buses; how faults add up and end; what is refused; what can be seen."""

from __future__ import annotations

import random
import time
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
)
from tests.emulated_follower import FollowerThread, eventually
from tests.unit.follower_wire import RANGES, Wire, status

pytestmark = pytest.mark.process


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
