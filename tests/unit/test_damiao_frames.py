"""The Damiao arm's frames one by one: what it says to its motors, what it makes of each answer. Buses in memory."""

from __future__ import annotations

import math

import pytest

from drivers.arms import damiao
from drivers.arms.damiao import DamiaoArm, DamiaoBus, DamiaoJoint
from drivers.errors import BusFullError, DriverError
from drivers.ports import ArmCommand, MotorMost, Pull, WireFrame
from firmware_bridge.damiao import (
    DISABLE,
    OP_READ,
    RANGES,
    decode_mit,
    encode_mit,
    encode_refresh,
    encode_register_answer,
    status_words,
)
from firmware_bridge.damiao_models import SHEETS
from firmware_bridge.errors import WireError
from tests.unit.damiao_buses import BUSES, JOINTS, MOTORS, UNITS, Rig, feedback_data

REFRESH_NS = 10_000_000


# -- opening


def test_what_a_motor_can_be_told_and_how_finely(monkeypatch):
    arm = Rig(monkeypatch).arm
    ranges = [RANGES[joint.model] for joint in JOINTS]
    assert arm.joints == ("r1", "r2", "l1", "l2", "l3") and arm.identity == "Damiao, 5 motors, not met yet"
    assert arm.name == "damiao" and len(arm.counters) == 2
    assert arm.most == tuple(MotorMost(*SHEETS[joint.model]) for joint in JOINTS)
    assert arm.position_step_rad == tuple(2 * r.p_max_rad / 65535 for r in ranges)
    assert arm.velocity_step_rad_s == tuple(2 * r.v_max_rad_s / 4095 for r in ranges)
    assert arm.pull_step == tuple(Pull(500 / 4095, 5 / 4095, 2 * r.t_max_nm / 4095) for r in ranges)
    assert arm.fault_words(0xB) == status_words(0xB)


def test_opening_meets_every_motor_and_asks_each_for_its_state(monkeypatch):
    rig = Rig(monkeypatch)
    with rig.arm as arm:
        assert rig.opened == [("station_hub", "/right", False, "right"), ("station_hub", "/left", True, "left")]
        assert [(m.name, m.bus, m.motor_id, m.reply_id, m.model, m.ranges, m.timeout_units) for m in rig.meetings] == [
            (j.name, j.bus, j.motor_id, j.reply_id, j.model, RANGES[j.model], UNITS) for j in JOINTS
        ]
        assert arm.identity == "Damiao, 5 motors on right, left, firmware 5012, 5013"
        assert rig.said() == [(bus, 0x7FF, encode_refresh(motor)) for bus, motor in MOTORS]
        assert arm.filenos() == (40, 41)
        assert all(counters is bus.counters for counters, bus in zip(arm.counters, rig.buses, strict=True))
    assert rig.said() == [(bus, motor, DISABLE) for bus, motor in MOTORS]
    assert not any(bus.is_open for bus in rig.buses)
    assert arm.filenos() == ()
    rig.arm.stop()
    assert rig.said() == []


def test_where_one_bus_does_not_open_the_other_is_closed_with_its_motors_off(monkeypatch):
    rig = Rig(monkeypatch)
    rig.missing = "left"
    with pytest.raises(DriverError, match="bus left does not open"), rig.arm:
        pass
    assert rig.said() == [(0, 1, DISABLE), (0, 2, DISABLE)]
    assert not rig.buses[0].is_open


def test_what_was_known_of_the_motors_is_forgotten_with_the_next_opening(monkeypatch):
    rig = Rig(monkeypatch)
    with rig.arm as arm:
        arm.enable()
        rig.buses[0].arrived = [(0x11, feedback_data(40000, 2048, 2048, status=1))]
        assert arm.read(5).t_ns == (5, 0, 0, 0, 0)
    with rig.arm as arm:
        feedback = arm.read(6)
        assert feedback.t_ns == (0,) * 5 and feedback.status == (0,) * 5
        for numbers in feedback[:4]:
            assert all(map(math.isnan, numbers))
        assert arm.read(REFRESH_NS + 7) is feedback
        rig.confirm(0)
        rig.said()
        arm.read(8)
        assert rig.said() == []  # nobody asked to be on since


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bus": -1}, r"motor x: bus -1; expected an index below 2"),
        ({"bus": 2}, r"motor x: bus 2; expected an index below 2"),
        ({"motor_id": 0x11}, r"bus right: id 0x11 of motor x is also the reply id of motor r1"),
        ({"reply_id": 0x12}, r"bus right: reply id 0x12 of motor x is also the reply id of motor r2"),
        ({"bus": 1, "motor_id": 2}, r"bus left: id 0x2 of motor x is also the id of motor l2"),
        ({"reply_id": 0x7FF}, r"also the register id"),
        ({"model": ""}, r"motor x: model ''; expected one of .*3507"),
    ],
)
def test_what_can_not_be_is_refused(changes, words):
    joint = {"name": "x", "bus": 0, "motor_id": 7, "reply_id": 0x17, "model": "4310", "kp": 1.0, "kd": 1.0}
    with pytest.raises(DriverError, match=words):
        DamiaoArm(BUSES, [*JOINTS, DamiaoJoint(**{**joint, **changes})], 0.05)
    DamiaoArm(BUSES, [*JOINTS, DamiaoJoint(**joint)], 0.05)
    with pytest.raises(DriverError, match="arm has no joints"):
        DamiaoArm(BUSES, [], 0.05)


@pytest.mark.parametrize("watchdog_s", [0.0, -1.0, math.nan, 1e9])
def test_a_time_out_that_would_switch_the_motors_watchdog_off_is_refused(watchdog_s):
    with pytest.raises(DriverError, match=r"arm damiao: Damiao time-out: .*; expected a positive time"):
        DamiaoArm(BUSES, JOINTS, watchdog_s)


# -- commands


COMMAND = ArmCommand((0.1, -0.2, 0.3, -0.4, 0.5), (0.5, 0.4, -0.3, 0.2, -0.1), epoch=0, slot_ns=0)


def test_each_motor_is_told_its_own_command_with_its_own_gains_and_no_torque(damiao_rig):
    damiao_rig.said()
    frames = damiao_rig.arm.encode(COMMAND)
    assert frames == [
        WireFrame(joint.bus, joint.motor_id, encode_mit(RANGES[joint.model], p, v, joint.kp, joint.kd, 0.0))
        for joint, p, v in zip(JOINTS, COMMAND.position_rad, COMMAND.velocity_rad_s)
    ]
    assert all(isinstance(frame, WireFrame) for frame in frames)
    damiao_rig.arm.send(COMMAND)
    assert damiao_rig.said() == [tuple(frame) for frame in frames]
    told = damiao_rig.arm.decode(frames)
    for index, (frame, joint) in enumerate(zip(frames, JOINTS)):
        mit = decode_mit(RANGES[joint.model], frame.data)
        assert (told.position_rad[index], told.velocity_rad_s[index]) == (mit.position_rad, mit.velocity_rad_s)
        pull = damiao_rig.arm.pull(index, told.rest[index])
        assert pull == Pull(mit.kp, mit.kd, mit.torque_nm)
        assert pull.kp == pytest.approx(joint.kp, abs=0.2) and pull.kd == pytest.approx(joint.kd, abs=0.01)


def test_frames_in_any_order_are_told_by_their_motor_and_what_is_missing_is_no_number(damiao_rig):
    frames = damiao_rig.arm.encode(COMMAND)
    told = damiao_rig.arm.decode(frames)
    assert damiao_rig.arm.decode(frames[::-1]) == told
    some = damiao_rig.arm.decode([frames[3], frames[1]])
    assert (some.position_rad[3], some.velocity_rad_s[1], some.rest[3]) == (
        told.position_rad[3],
        told.velocity_rad_s[1],
        told.rest[3],
    )
    assert [math.isnan(number) for number in some.position_rad] == [True, False, True, False, True]
    assert [math.isnan(number) for number in some.velocity_rad_s] == [True, False, True, False, True]
    assert [rest == -1 for rest in some.rest] == [True, False, True, False, True]
    for bus, can_id in ((0, 0x73), (0, 0x11), (1, 9)):
        with pytest.raises(WireError, match=f"frame to id 0x{can_id:x} on bus {bus}; expected a motor of the arm"):
            damiao_rig.arm.decode([WireFrame(bus, can_id, bytes(8))])


def test_stopping_tells_every_motor_and_shares_its_time(damiao_rig, monkeypatch):
    """A bus that takes nothing costs its half of 40 ms, a frame a quarter of that."""
    now_s = [100.0]
    monkeypatch.setattr(damiao.time, "monotonic", lambda: now_s[0])

    def full(raw: bytes, bound_s: float) -> None:
        damiao_rig.buses[1].bounds_s.append(bound_s)
        now_s[0] += bound_s + 0.004
        raise BusFullError("full")

    for bus in damiao_rig.buses:
        bus.bounds_s.clear()
    damiao_rig.said()
    damiao_rig.buses[0].deaf = {1}
    monkeypatch.setattr(damiao_rig.buses[1], "send_packed", full)
    damiao_rig.arm.stop()
    assert damiao_rig.said() == [(0, 2, DISABLE)]
    assert damiao_rig.buses[0].bounds_s == [0.005, 0.005]
    assert damiao_rig.buses[1].bounds_s == pytest.approx([0.005, 0.005, 0.002])
    damiao_rig.buses[1].bounds_s.clear()
    now_s[0] = 0.0
    monkeypatch.setattr(damiao, "STOP_BOUND_S", 0.02)
    damiao_rig.arm.stop()
    assert damiao_rig.buses[1].bounds_s == pytest.approx([0.0025, 0.0025, 0.0])


@pytest.mark.parametrize(("full", "untold"), [((0,), (0, 1)), ((1,), (2, 3, 4)), ((0, 1), (0, 1, 2, 3, 4))])
def test_where_a_bus_takes_no_frame_the_other_is_told_and_who_was_not_is_said(damiao_rig, full, untold):
    damiao_rig.said()
    for bus in full:
        damiao_rig.buses[bus].error = BusFullError(f"{bus} is full")
        damiao_rig.buses[bus].bounds_s.clear()
    with pytest.raises(BusFullError, match=f"{full[0]} is full") as error:
        damiao_rig.arm.send(COMMAND)
    assert error.value.untold == untold
    assert [(bus, motor) for bus, motor, _ in damiao_rig.said()] == [m for m in MOTORS if m[0] not in full]
    assert all(len(damiao_rig.buses[bus].bounds_s) == 1 for bus in full), "one wait for each"


def test_of_a_bus_that_fills_up_only_the_rest_is_untold(damiao_rig):
    damiao_rig.said()
    damiao_rig.buses[1].deaf = {2}
    with pytest.raises(BusFullError) as error:
        damiao_rig.arm.send(COMMAND)
    assert error.value.untold == (3, 4)
    assert [(bus, motor) for bus, motor, _ in damiao_rig.said()] == [(0, 1), (0, 2), (1, 1)]


def test_an_arm_that_is_closed_takes_nothing(monkeypatch):
    arm = Rig(monkeypatch).arm
    with pytest.raises(DriverError, match="arm damiao is not open"):
        arm.transmit([])
    with pytest.raises(DriverError, match="arm damiao is not open"):
        arm.enable()
    with pytest.raises(DriverError, match="arm damiao is not open"):
        arm.read(10**12)
    arm.stop()


def test_a_bus_is_a_classic_one_unless_it_is_said_to_be_can_fd():
    assert not DamiaoBus("a", "socketcan", "can0").fd


def test_a_motor_that_does_not_tell_its_version_is_of_firmware_0(monkeypatch):
    rig = Rig(monkeypatch)
    monkeypatch.setattr(damiao, "check_in", lambda buses, meetings: None)
    with rig.arm as arm:
        assert arm.identity.endswith("firmware 0")


# -- answers


def test_each_answer_is_read_by_its_motors_own_ranges(damiao_rig):
    arm = damiao_rig.arm
    damiao_rig.buses[0].arrived = [(0x12, feedback_data(40000, 0x9AB, 0x7CD, 2, 1, t=(41, 40)))]
    damiao_rig.buses[1].arrived = [(0x12, feedback_data(65535, 0xFFF, 0, 2, 0xB, t=(0, 255)))]
    feedback = arm.read(77)
    small, middle = RANGES["4310"], RANGES["4340"]
    assert feedback.position_rad[1] == pytest.approx(40000 * 2 * small.p_max_rad / 65535 - small.p_max_rad)
    assert feedback.velocity_rad_s[1] == pytest.approx(0x9AB * 2 * small.v_max_rad_s / 4095 - small.v_max_rad_s)
    assert feedback.torque_nm[1] == pytest.approx(0x7CD * 2 * small.t_max_nm / 4095 - small.t_max_nm)
    assert feedback.position_rad[3] == pytest.approx(middle.p_max_rad)
    assert feedback.velocity_rad_s[3] == pytest.approx(middle.v_max_rad_s)
    assert feedback.torque_nm[3] == pytest.approx(-middle.t_max_nm)
    assert feedback.temperature_c[1] == 41.0 and feedback.temperature_c[3] == 255.0
    assert feedback.status == (0, 1, 0, 0xB, 0)
    assert feedback.t_ns == (0, 77, 0, 77, 0)
    assert math.isnan(feedback.position_rad[0])
    assert arm.read(78) is feedback


def test_the_lowest_positions_are_positions_unless_the_frame_is_a_register_answer(damiao_rig):
    for position in (0, 0x32, 0xFF, 0x100, 0x133):
        damiao_rig.buses[0].arrived = [(0x11, feedback_data(position, 0, 0))]
        assert damiao_rig.arm.read(1).position_rad[0] == pytest.approx(position * 25 / 65535 - 12.5)
    before = damiao_rig.arm.read(2)
    damiao_rig.buses[0].arrived = [(0x11, encode_register_answer(1, OP_READ, 21, 12.5))]
    assert damiao_rig.arm.read(3) is before
    assert damiao_rig.buses[0].counters.bad == 0


@pytest.mark.parametrize(
    ("can_id", "data", "is_bad"),
    [
        (0x11, feedback_data(40000, 0, 0)[:7], True),
        (0x11, feedback_data(40000, 0, 0) + b"\0", True),
        (0x11, b"", True),
        (0x11, feedback_data(40000, 0, 0, 2), True),  # another motor's number inside
        (0x01, feedback_data(40000, 0, 0), False),  # a command's echo
        (0x14, feedback_data(40000, 0, 0, 4), False),  # a stranger
    ],
)
def test_what_is_no_answer_of_a_motor_changes_nothing_and_what_follows_counts(damiao_rig, can_id, data, is_bad):
    damiao_rig.buses[0].arrived = [(can_id, data), (0x12, feedback_data(40000, 0, 0, 2))]
    feedback = damiao_rig.arm.read(9)
    assert feedback.t_ns == (0, 9, 0, 0, 0)
    assert damiao_rig.buses[0].counters.bad == is_bad and damiao_rig.buses[1].counters.bad == 0


def test_of_a_long_id_an_answer_carries_the_lowest_four_bits(damiao_rig):
    damiao_rig.buses[1].arrived = [(0x13, feedback_data(40000, 0, 0, 0x73))]
    assert damiao_rig.arm.read(9).t_ns == (0, 0, 0, 0, 9)
    assert damiao_rig.buses[1].counters.bad == 0


# -- silence


def test_motors_that_were_told_nothing_for_10_ms_are_asked(damiao_rig):
    damiao_rig.said()
    begin = 1_000_000_000
    damiao_rig.arm.send(COMMAND)
    damiao_rig.arm.read(begin)  # when it was said
    damiao_rig.said()
    damiao_rig.arm.read(begin + REFRESH_NS)
    assert damiao_rig.said() == []
    damiao_rig.arm.read(begin + REFRESH_NS + 1)
    asked = [(bus, 0x7FF, encode_refresh(motor)) for bus, motor in MOTORS]
    assert damiao_rig.said() == asked
    damiao_rig.arm.read(begin + 3 * REFRESH_NS)  # the asking was said here
    damiao_rig.arm.read(begin + 4 * REFRESH_NS)
    assert damiao_rig.said() == []
    damiao_rig.buses[0].error = BusFullError("full")
    damiao_rig.arm.read(begin + 4 * REFRESH_NS + 1)
    damiao_rig.buses[0].error = DriverError("gone")
    with pytest.raises(DriverError, match="gone"):
        damiao_rig.arm.read(begin + 4 * REFRESH_NS + 2)


def test_being_asked_to_be_on_is_being_spoken_to(damiao_rig):
    damiao_rig.arm.enable()
    damiao_rig.said()
    damiao_rig.arm.read(REFRESH_NS * 5)
    damiao_rig.arm.read(REFRESH_NS * 6)
    assert damiao_rig.said() == []
