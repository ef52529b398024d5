"""Faults of the emulated motors themselves, on demand, seen on the wire by a plain client."""

from __future__ import annotations

import pytest

from firmware_bridge import damiao
from tests.emulated_follower import FollowerThread, eventually
from tests.unit.follower_wire import REFRESH, Wire, status

pytestmark = pytest.mark.process


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
