"""How a Damiao arm switches its motors on: none without its time-out. Buses in memory."""

from __future__ import annotations

import pytest

from drivers.errors import BusFullError, DriverError
from firmware_bridge.damiao import (
    CLEAR_ERROR,
    DISABLE,
    ENABLE,
    OP_READ,
    OP_STORE,
    RID_TIMEOUT,
    encode_register_read,
    encode_register_write,
)
from tests.unit.damiao_buses import MOTORS, UNITS, feedback_data


def switched_on(bus: int, motor: int) -> list[tuple[int, int, bytes]]:
    return [(bus, motor, ENABLE), (bus, 0x7FF, encode_register_read(motor, RID_TIMEOUT))]


def test_each_motor_is_on_only_when_it_has_confirmed_its_time_out(damiao_rig):
    damiao_rig.said()
    damiao_rig.arm.enable()
    asked = [(bus, 0x7FF, encode_register_write(motor, RID_TIMEOUT, UNITS)) for bus, motor in MOTORS]
    assert damiao_rig.said() == asked
    damiao_rig.arm.read(1)
    assert damiao_rig.said() == []
    damiao_rig.confirm(1)
    damiao_rig.arm.read(2)
    assert damiao_rig.said() == switched_on(1, 1)
    damiao_rig.confirm(1, operation=OP_READ)  # the time-out told once more
    damiao_rig.confirm(1)  # once more: late, or twice on the bus
    damiao_rig.confirm(0, 2, operation=OP_READ)
    damiao_rig.confirm(0, 2, rid=21)
    damiao_rig.arm.read(3)
    assert damiao_rig.said() == []
    damiao_rig.confirm(0, 2)
    damiao_rig.arm.read(4)
    assert damiao_rig.said() == switched_on(0, 2)


@pytest.mark.parametrize(
    ("status", "is_cleared"), [(0, False), (1, False), (7, False), (8, True), (0xD, True), (0xE, True)]
)
def test_a_fault_is_cleared_before_the_motor_is_switched_on(damiao_rig, status, is_cleared):
    damiao_rig.buses[0].arrived = [(0x11, feedback_data(40000, 0, 0, 1, status))]
    damiao_rig.arm.read(1)
    damiao_rig.arm.enable()
    damiao_rig.said()
    damiao_rig.confirm(0)
    damiao_rig.arm.read(2)
    assert damiao_rig.said() == [*([(0, 1, CLEAR_ERROR)] if is_cleared else []), *switched_on(0, 1)]


def test_a_wrong_confirmation_is_an_error_that_names_the_motor(damiao_rig):
    damiao_rig.arm.enable()
    damiao_rig.said()
    damiao_rig.confirm(1, 2, units=UNITS + 1)
    with pytest.raises(DriverError, match=r"motor l2 \(id 2, bus left\): its time-out reads back 6001; expected 6000;"):
        damiao_rig.arm.read(1)
    assert damiao_rig.said() == []


def test_a_motor_that_has_forgotten_its_time_out_while_it_was_switched_on_is_an_error(damiao_rig):
    """Its supply failed for a moment, between its confirmation and the command that switched it on."""
    damiao_rig.arm.enable()
    damiao_rig.confirm(0, 2)
    damiao_rig.confirm(1, 2)
    damiao_rig.arm.read(1)
    damiao_rig.confirm(0, 2, operation=OP_READ)
    damiao_rig.confirm(0, 2, units=0, operation=OP_READ)  # twice on the bus: the first has counted
    damiao_rig.confirm(1, 2, units=0, operation=OP_STORE)  # answers another question
    damiao_rig.confirm(1, 2, units=0, operation=OP_READ, rid=21)
    damiao_rig.arm.read(2)
    damiao_rig.confirm(1, 2, units=0, operation=OP_READ)
    with pytest.raises(DriverError, match=r"motor l2 .* reads back 0; expected 6000; it may not be on"):
        damiao_rig.arm.read(3)


@pytest.mark.parametrize("has_confirmed", [False, True])
def test_what_a_motor_tells_after_a_stop_switches_nothing_on_and_is_no_error(damiao_rig, has_confirmed):
    damiao_rig.arm.enable()
    if has_confirmed:
        damiao_rig.confirm(0)
        damiao_rig.arm.read(1)
    damiao_rig.said()
    damiao_rig.arm.stop()
    assert damiao_rig.said() == [(bus, motor, DISABLE) for bus, motor in MOTORS]
    damiao_rig.confirm(0)
    damiao_rig.confirm(0, units=0, operation=OP_READ)
    damiao_rig.arm.read(2)
    assert damiao_rig.said() == []


def test_a_motor_that_was_switched_on_is_asked_until_it_has_told_its_time_out_ten_times_at_most(damiao_rig):
    """A question or its answer may be lost."""
    ms = 1_000_000
    question = (1, 0x7FF, encode_register_read(2, RID_TIMEOUT))
    damiao_rig.arm.enable()
    damiao_rig.confirm(0, 2)
    damiao_rig.confirm(1, 2)
    damiao_rig.arm.read(0)
    damiao_rig.confirm(0, 2, operation=OP_READ)
    damiao_rig.said()
    asked = []
    for now_ms in range(1, 300):
        damiao_rig.arm._has_spoken = True  # commands go on: the motors need no other question
        damiao_rig.arm.read(now_ms * ms)
        said = damiao_rig.said()
        assert said in ([], [question])
        asked += [now_ms] * len(said)
    assert asked == [11 * time for time in range(1, 10)]
    damiao_rig.confirm(1, 2, units=0, operation=OP_READ)
    with pytest.raises(DriverError, match="reads back 0"):
        damiao_rig.arm.read(400 * ms)


def test_a_full_bus_is_no_reason_not_to_read_on(damiao_rig):
    damiao_rig.arm.enable()
    damiao_rig.confirm(0, 2)
    damiao_rig.arm.read(0)
    damiao_rig.buses[0].error = BusFullError("full")
    damiao_rig.arm._has_spoken = True
    damiao_rig.arm.read(20_000_000)
    damiao_rig.buses[0].error = None
    damiao_rig.said()
    damiao_rig.arm._has_spoken = True
    damiao_rig.arm.read(40_000_000)
    assert damiao_rig.said() == [(0, 0x7FF, encode_register_read(2, RID_TIMEOUT))]
