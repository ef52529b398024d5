"""The Damiao codec's numbers and bytes, written out: registers, ranges, codes, every bound and every clamp."""

from __future__ import annotations

import math
import struct

import pytest

from firmware_bridge import damiao
from firmware_bridge.damiao import Ranges
from firmware_bridge.errors import WireError

R = Ranges(12.5, 30.0, 10.0)


def test_the_numbers_of_the_makers_manual():
    assert damiao.REGISTER_ID == 0x7FF
    assert (damiao.ENABLE[7], damiao.DISABLE[7], damiao.SET_ZERO[7], damiao.CLEAR_ERROR[7]) == (0xFC, 0xFD, 0xFE, 0xFB)
    for frame in (damiao.ENABLE, damiao.DISABLE, damiao.SET_ZERO, damiao.CLEAR_ERROR):
        assert frame[:7] == b"\xff" * 7 and len(frame) == 8
    assert (damiao.KP_MAX, damiao.KD_MAX) == (500.0, 5.0)
    assert sorted(damiao.STATUS_WORDS) == [0, 1, 8, 9, 10, 11, 12, 13, 14]
    assert [damiao.status_words(code) for code in (0, 1, 8, 9, 10, 11, 12, 14)] == [
        "off",
        "on",
        "supply voltage too high",
        "supply voltage too low",
        "current too high",
        "power stage too hot",
        "rotor too hot",
        "overload",
    ]
    assert damiao.status_words(13).startswith("lost communication")
    assert damiao.status_words(7) == "unknown status 0x7"
    assert set(range(8, 15)) == damiao.FAULT_STATUSES
    assert {name: getattr(damiao, name) for name in vars(damiao) if name.startswith("RID_")} == {
        "RID_UNDER_VOLTAGE": 0,
        "RID_OVER_TEMPERATURE": 2,
        "RID_MASTER_ID": 7,
        "RID_MOTOR_ID": 8,
        "RID_TIMEOUT": 9,
        "RID_CONTROL_MODE": 10,
        "RID_HARDWARE_VERSION": 13,
        "RID_SOFTWARE_VERSION": 14,
        "RID_SERIAL_NUMBER": 15,
        "RID_PMAX": 21,
        "RID_VMAX": 22,
        "RID_TMAX": 23,
        "RID_BAUD_CODE": 35,
        "RID_SUB_VERSION": 36,
    }
    assert {7, 8, 9, 10, 13, 14, 15, 16, 35, 36} == damiao.UINT_REGISTERS
    fixed = [*range(11, 21), 36, *range(50, 57), *range(59, 66), 80, 81]
    assert sorted(damiao.READ_ONLY_REGISTERS) == fixed
    assert (damiao.CONTROL_MODE_MIT, damiao.TIMEOUT_UNIT_S) == (1, 50e-6)
    assert damiao.CONTROL_MODE_WORDS == {1: "MIT", 2: "position-velocity", 3: "velocity", 4: "force-position"}
    assert (damiao.OP_READ, damiao.OP_WRITE, damiao.OP_STORE, damiao.OP_REFRESH) == (0x33, 0x55, 0xAA, 0xCC)
    assert damiao.register_name(21) == "21 (PMAX)" and damiao.register_name(0) == "0 (UV_Value)"
    assert damiao.register_name(77) == "77"


def test_the_ranges_as_shipped():
    assert damiao.RANGES == {
        "3507": (12.5, 50.0, 5.0),
        "4310": (12.5, 30.0, 10.0),
        "4340": (12.5, 10.0, 28.0),
        "6006": (12.5, 45.0, 20.0),
        "8006": (12.5, 45.0, 40.0),
        "8009": (12.5, 45.0, 54.0),
    }


def code(position=0, velocity=0, kp=0, kd=0, torque=0) -> bytes:
    return (position << 48 | velocity << 36 | kp << 24 | kd << 12 | torque).to_bytes(8, "big")


LOW = {"position_rad": -12.5, "velocity_rad_s": -30.0, "kp": 0.0, "kd": 0.0, "torque_nm": -10.0}


@pytest.mark.parametrize(
    ("field", "name", "full", "most", "low"),
    [
        ("position_rad", "position", 65535, 12.5, -12.5),
        ("velocity_rad_s", "velocity", 4095, 30.0, -30.0),
        ("kp", "kp", 4095, 500.0, 0.0),
        ("kd", "kd", 4095, 5.0, 0.0),
        ("torque_nm", "torque", 4095, 10.0, -10.0),
    ],
)
def test_each_field_from_end_to_end_and_beyond(field, name, full, most, low):
    span = most - low
    for value, expected in (
        (low, 0),
        (most, full),
        (low - 1e9, 0),
        (most + 1e9, full),
        (math.nextafter(most, math.inf), full),
        (low + span * 0.25, int(full * 0.25)),
        (low + span * 0.75, int(full * 0.75)),
        (low + span / full * 7.5, 7),
    ):
        data = damiao.encode_mit(R, **{**LOW, field: value})
        assert data == code(**{name: expected}), value
        told = damiao.decode_mit(R, data)
        assert getattr(told, field) == pytest.approx(low + span * expected / full, abs=span * 1e-12)
        if name in ("position", "velocity"):
            gains = damiao.encode_gains(R, 0.0, 0.0, -10.0)
            row = damiao.motion_row(R, gains)
            ask = {"position_rad": [-12.5], "velocity_rad_s": [-30.0], field: [value]}
            assert damiao.encode_motions([row], **ask) == [data]
            assert damiao.decode_motions([row], [data]) == ([told.position_rad], [told.velocity_rad_s], [gains])
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(WireError, match=f"{name} is {bad}"):
            damiao.encode_mit(R, **{**LOW, field: bad})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_encoded_for_no_motor_of_an_arm(bad):
    row = damiao.motion_row(R, 0)
    with pytest.raises(WireError, match=f"position is {bad}"):
        damiao.encode_motions([row], [bad], [0.0])
    with pytest.raises(WireError, match=f"velocity is {bad}"):
        damiao.encode_motions([row], [0.0], [bad])


def test_all_motors_or_none():
    row = damiao.motion_row(R, 0)
    for positions, velocities in (([0.0], [0.0, 0.0]), ([0.0, 0.0], [0.0]), ([0.0] * 3, [0.0] * 3)):
        with pytest.raises(ValueError, match="zip"):
            damiao.encode_motions([row, row], positions, velocities)
    with pytest.raises(ValueError, match="zip"):
        damiao.decode_motions([row, row], [bytes(8)])


@pytest.mark.parametrize("size", [0, 7, 9])
def test_frames_of_other_sizes_are_refused(size):
    row = damiao.motion_row(R, 0)
    for decode in (
        lambda data: damiao.decode_mit(R, data),
        lambda data: damiao.decode_motions([row], [data]),
        lambda data: damiao.decode_feedback(R, data),
        damiao.decode_register,
    ):
        with pytest.raises(WireError, match=f"of {size} bytes; expected 8"):
            decode(bytes(size))


def answer(**changes) -> bytes:
    still = {
        "motor_id": 0,
        "status": 0,
        "position_rad": -12.5,
        "velocity_rad_s": -30.0,
        "torque_nm": -10.0,
        "mosfet_c": 0,
        "rotor_c": 0,
    }
    return damiao.encode_feedback(R, **{**still, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "00 0000 00 0000 00 00"),
        ({"motor_id": 5, "status": 0xE}, "E5 0000 00 0000 00 00"),
        ({"motor_id": 0x2F}, "0F 0000 00 0000 00 00"),
        ({"position_rad": 12.5}, "00 FFFF 00 0000 00 00"),
        ({"position_rad": 99.0}, "00 FFFF 00 0000 00 00"),
        ({"position_rad": -99.0}, "00 0000 00 0000 00 00"),
        ({"position_rad": -6.25}, "00 3FFF 00 0000 00 00"),
        ({"velocity_rad_s": 30.0}, "00 0000 FF F000 00 00"),
        ({"velocity_rad_s": 99.0}, "00 0000 FF F000 00 00"),
        ({"velocity_rad_s": -99.0}, "00 0000 00 0000 00 00"),
        ({"velocity_rad_s": 15.0}, "00 0000 BF F000 00 00"),
        ({"velocity_rad_s": -30.0 + 60.0 * 0x7A5 / 4095 + 1e-6}, "00 0000 7A 5000 00 00"),
        ({"torque_nm": 10.0}, "00 0000 00 0FFF 00 00"),
        ({"torque_nm": 99.0}, "00 0000 00 0FFF 00 00"),
        ({"torque_nm": -99.0}, "00 0000 00 0000 00 00"),
        ({"torque_nm": 5.0}, "00 0000 00 0BFF 00 00"),
        ({"mosfet_c": 61.9, "rotor_c": 62.9}, "00 0000 00 0000 3D 3E"),
        ({"mosfet_c": -1, "rotor_c": -0.5}, "00 0000 00 0000 00 00"),
        ({"mosfet_c": 0.5, "rotor_c": 1.5}, "00 0000 00 0000 00 01"),
        ({"mosfet_c": 1.5, "rotor_c": 0.5}, "00 0000 00 0000 01 00"),
        ({"mosfet_c": 255, "rotor_c": 256}, "00 0000 00 0000 FF FF"),
        ({"mosfet_c": 256, "rotor_c": 255}, "00 0000 00 0000 FF FF"),
        ({"mosfet_c": 254.5, "rotor_c": 254.5}, "00 0000 00 0000 FE FE"),
    ],
)
def test_an_answer_byte_for_byte(changes, expected):
    assert answer(**changes) == bytes.fromhex(expected)


def test_an_answer_read_back():
    found = damiao.decode_feedback(R, bytes.fromhex("B5 BFFF 7A 5BFF 3D 3E"))
    assert found[:2] == (5, 0xB) and found[5:] == (0x3D, 0x3E)
    assert found.position_rad == pytest.approx(0xBFFF * 25 / 65535 - 12.5, abs=1e-12)
    assert found.velocity_rad_s == pytest.approx(0x7A5 * 60 / 4095 - 30, abs=1e-12)
    assert found.torque_nm == pytest.approx(0xBFF * 20 / 4095 - 10, abs=1e-12)


@pytest.mark.parametrize("field", ["position_rad", "velocity_rad_s", "torque_nm"])
def test_a_measurement_that_is_no_number_is_not_answered(field):
    with pytest.raises(WireError, match="measured"):
        answer(**{field: math.nan})


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (damiao.encode_register_read(0x123, 21), "23 01 33 15 00000000"),
        (damiao.encode_register_write(0x123, 9, 2000), "23 01 55 09 D0070000"),
        (damiao.encode_register_write(1, 21, 12.5), "01 00 55 15 00004841"),
        (damiao.encode_register_answer(2, damiao.OP_READ, 10, 1), "02 00 33 0A 01000000"),
        (damiao.encode_store(0x7FE), "FE 07 AA 01 00000000"),
        (damiao.encode_refresh(3), "03 00 CC 00 00000000"),
    ],
)
def test_register_frames_byte_for_byte(made, expected):
    assert made == bytes.fromhex(expected)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("23 01 33 09 D0070000", (0x123, 0x33, 9, 2000)),
        ("01 00 55 15 00004841", (1, 0x55, 21, 12.5)),
        ("01 00 AA 01 05060708", (1, 0xAA, 1, 0)),
        ("01 00 CC 09 05060708", (1, 0xCC, 9, 0)),
    ],
)
def test_register_frames_read_back(data, expected):
    assert damiao.decode_register(bytes.fromhex(data)) == expected


@pytest.mark.parametrize("operation", [op for op in range(256) if op not in (0x33, 0x55, 0xAA, 0xCC)])
def test_other_operations_are_none(operation):
    with pytest.raises(WireError, match=f"operation 0x{operation:02x}"):
        damiao.decode_register(bytes((1, 0, operation, 0, 0, 0, 0, 0)))
    assert not damiao.is_register_answer(1, bytes((1, 0, operation, 0, 0, 0, 0, 0)))


def test_an_answer_of_another_motor_or_a_refresh_is_no_register_answer():
    for operation, expected in ((0x33, True), (0x55, True), (0xAA, True), (0xCC, False)):
        assert damiao.is_register_answer(0x123, bytes((0x23, 1, operation, 0, 0, 0, 0, 0))) == expected
    for first, second in ((0x22, 1), (0x23, 0), (0x23, 9), (0xA3, 1)):
        assert not damiao.is_register_answer(0x123, bytes((first, second, 0x33, 0, 0, 0, 0, 0)))
    assert damiao.is_register_answer(0x10123, bytes((0x23, 1, 0x33, 0, 0, 0, 0, 0)))


@pytest.mark.parametrize(
    ("rid", "value", "words"),
    [
        (9, -1, "9 (TIMEOUT): -1 does not fit; expected a whole number"),
        (9, 1 << 32, "expected a whole number"),
        (9, math.nan, "expected a whole number"),
        (9, math.inf, "expected a whole number"),
        (21, 1e39, "expected a float32"),
    ],
)
def test_a_value_that_does_not_fit_its_register_is_refused(rid, value, words):
    with pytest.raises(WireError) as error:
        damiao.encode_register_write(1, rid, value)
    assert words in str(error.value)
    assert damiao.encode_register_value(9, (1 << 32) - 1) == b"\xff" * 4
    assert damiao.encode_register_value(21, 1.5) == struct.pack("<f", 1.5)


def test_the_motors_own_time_out_in_its_units():
    assert damiao.timeout_units(50e-6) == 1
    assert damiao.timeout_units(0.1) == 2000
    assert damiao.timeout_units(0xFFFFFFFF * 50e-6) == 0xFFFFFFFF
    for seconds in (0.0, 20e-6, -1.0, 0x100000000 * 50e-6):
        with pytest.raises(WireError):
            damiao.timeout_units(seconds)
