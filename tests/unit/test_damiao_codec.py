"""The Damiao codec against the maker's-format library `damiao-motor` (both ways) and against fixed bytes."""

from __future__ import annotations

import math
import random
import struct

import pytest
from damiao_motor import DaMiaoMotor
from damiao_motor.core import motor as judge_module

from firmware_bridge import damiao
from firmware_bridge.errors import WireError

SEEDS = (1, 20240229)


class NoBus:
    """The judge wants a bus to hold; its codec never touches it."""


def judge_of(model: str, motor_id: int = 1) -> DaMiaoMotor:
    p, v, t = damiao.RANGES[model]
    return DaMiaoMotor(
        motor_id,
        motor_id + 0x10,
        NoBus(),
        motor_type=model,
        p_min=-p,
        p_max=p,
        v_min=-v,
        v_max=v,
        t_min=-t,
        t_max=t,
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("model", damiao.RANGES)
def test_commands_are_the_judges_bytes_also_outside_the_ranges(model: str, seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    ranges = damiao.RANGES[model]
    judge = judge_of(model)
    for _ in range(2000):
        p = rng.uniform(-1.2, 1.2) * ranges.p_max_rad
        v = rng.uniform(-1.2, 1.2) * ranges.v_max_rad_s
        t = rng.uniform(-1.2, 1.2) * ranges.t_max_nm
        kp = rng.uniform(-20, 520)
        kd = rng.uniform(-0.5, 5.5)
        assert damiao.encode_mit(ranges, p, v, kp, kd, t) == judge.encode_cmd_msg(p, v, t, kp, kd)


@pytest.mark.parametrize("model", damiao.RANGES)
def test_the_bounds_themselves_are_the_judges_bytes(model: str) -> None:
    ranges = damiao.RANGES[model]
    judge = judge_of(model)
    p, v, t = ranges
    for sign in (-1, 0, 1):
        for kp, kd in ((0, 0), (500, 5), (250, 2.5)):
            assert damiao.encode_mit(ranges, sign * p, sign * v, kp, kd, sign * t) == judge.encode_cmd_msg(
                sign * p, sign * v, sign * t, kp, kd
            )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("model", damiao.RANGES)
def test_feedback_is_read_as_the_judge_reads_it(model: str, seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    ranges = damiao.RANGES[model]
    judge = judge_of(model)
    for _ in range(2000):
        data = rng.randbytes(8)
        theirs = judge.decode_sensor_feedback(data)
        ours = damiao.decode_feedback(ranges, data)
        assert ours.motor_id == theirs["can_id"]
        assert ours.status == theirs["status_code"]
        assert ours.position_rad == pytest.approx(theirs["pos"], abs=1e-9)
        assert ours.velocity_rad_s == pytest.approx(theirs["vel"], abs=1e-9)
        assert ours.torque_nm == pytest.approx(theirs["torq"], abs=1e-9)
        assert (ours.mosfet_c, ours.rotor_c) == (theirs["t_mos"], theirs["t_rotor"])


def test_the_judge_reads_the_feedback_that_we_encode() -> None:
    rng = random.Random(7)
    ranges = damiao.RANGES["8009"]
    judge = judge_of("8009", 3)
    for _ in range(500):
        p, v, t = rng.uniform(-12, 12), rng.uniform(-44, 44), rng.uniform(-53, 53)
        read = judge.decode_sensor_feedback(damiao.encode_feedback(ranges, 3, 1, p, v, t, 31.7, 40))
        assert (read["can_id"], read["status"], read["t_mos"], read["t_rotor"]) == (3, "ENABLED", 31.0, 40.0)
        assert abs(read["pos"] - p) <= 25 / 65535
        assert abs(read["vel"] - v) <= 90 / 4095
        assert abs(read["torq"] - t) <= 108 / 4095


def test_special_frames_are_the_judges() -> None:
    assert DaMiaoMotor.encode_enable_msg() == damiao.ENABLE
    assert DaMiaoMotor.encode_disable_msg() == damiao.DISABLE
    assert DaMiaoMotor.encode_save_position_zero_msg() == damiao.SET_ZERO
    assert DaMiaoMotor.encode_clear_error_msg() == damiao.CLEAR_ERROR


def test_register_frames_are_the_judges() -> None:
    sent: list[tuple[int, bytes]] = []
    judge = judge_of("4310", 5)
    judge.send_raw = lambda data, arbitration_id=None: sent.append((arbitration_id, data))
    judge.request_register_reading(21)
    judge.write_register(9, 1000)
    judge.write_register(21, 12.5)
    judge.store_parameters()
    judge.request_motor_feedback()
    assert sent == [
        (damiao.REGISTER_ID, damiao.encode_register_read(5, 21)),
        (damiao.REGISTER_ID, damiao.encode_register_write(5, 9, 1000)),
        (damiao.REGISTER_ID, damiao.encode_register_write(5, 21, 12.5)),
        (damiao.REGISTER_ID, damiao.encode_store(5)),
        (damiao.REGISTER_ID, damiao.encode_refresh(5)),
    ]


def test_the_judge_reads_the_register_answers_that_we_encode() -> None:
    judge = judge_of("4310", 5)
    for rid, value in ((9, 1000), (10, 1), (21, 12.5), (22, 30.0), (35, 4)):
        data = damiao.encode_register_answer(5, damiao.OP_READ, rid, value)
        assert judge_module.is_register_reply(data)
        judge.process_feedback_frame(data)
        assert judge.registers[rid] == value


def test_the_types_of_the_registers_are_the_judges() -> None:
    for rid, info in judge_module.REGISTER_TABLE.items():
        assert (rid in damiao.UINT_REGISTERS) == (info.data_type == "uint32"), rid
        assert (rid in damiao.READ_ONLY_REGISTERS) == (info.access == "RO"), rid


def test_register_frames_come_back_as_they_went() -> None:
    for motor_id in (1, 0x7F, 0x123):
        frame = damiao.decode_register(damiao.encode_register_write(motor_id, 9, 4_000_000_000))
        assert frame == (motor_id, damiao.OP_WRITE, 9, 4_000_000_000)
        assert damiao.decode_register(damiao.encode_register_read(motor_id, 23)) == (motor_id, damiao.OP_READ, 23, 0)
        assert damiao.decode_register(damiao.encode_refresh(motor_id)).operation == damiao.OP_REFRESH


def test_feedback_and_register_answers_are_told_apart() -> None:
    ranges = damiao.RANGES["4310"]
    answer = damiao.encode_register_answer(5, damiao.OP_READ, 21, 12.5)
    assert damiao.is_register_answer(5, answer)
    assert not damiao.is_register_answer(6, answer)
    for status in (0, 1, 13):
        for p in (-6.28, -1.0, 0.0, 0.0153, 3.14):
            assert not damiao.is_register_answer(5, damiao.encode_feedback(ranges, 5, status, p, 0, 0, 25, 25))


@pytest.mark.parametrize("field", range(5))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_never_becomes_a_command(field: int, value: float) -> None:
    values = [0.0, 0.0, 10.0, 1.0, 0.0]
    values[field] = value
    with pytest.raises(WireError, match="must not be sent"):
        damiao.encode_mit(damiao.RANGES["4310"], *values)


@pytest.mark.parametrize("length", [0, 7, 9, 64])
def test_a_wrong_length_is_refused(length: int) -> None:
    for decode in (damiao.decode_mit, damiao.decode_feedback):
        with pytest.raises(WireError, match=f"{length} bytes; expected 8"):
            decode(damiao.RANGES["4310"], bytes(length))
    with pytest.raises(WireError, match="expected 8"):
        damiao.decode_register(bytes(length))


def test_an_unknown_register_operation_is_refused() -> None:
    with pytest.raises(WireError, match="0x12"):
        damiao.decode_register(bytes((1, 0, 0x12, 9, 0, 0, 0, 0)))


@pytest.mark.parametrize(("rid", "value"), [(9, -1), (9, 2**32), (9, math.nan), (21, 1e39)])
def test_a_register_value_that_does_not_fit_is_refused(rid: int, value: float) -> None:
    with pytest.raises(WireError, match="does not fit"):
        damiao.encode_register_write(1, rid, value)


def test_a_fixed_command_has_these_bytes() -> None:
    # position 13.5 * 65535 / 25 -> 0x8A3C; velocity 0 -> 0x7FF; kp 70 -> 573; kd 2.75 -> 2252; torque 0 -> 0x7FF
    assert damiao.encode_mit(damiao.RANGES["8009"], 1.0, 0.0, 70, 2.75, 0.0).hex() == "8a3c7ff23d8cc7ff"


def test_the_time_out_is_counted_in_units_of_50_us() -> None:
    assert damiao.timeout_units(0.05) == 1000
    assert struct.unpack("<I", damiao.encode_register_write(1, 9, damiao.timeout_units(0.05))[4:])[0] == 1000
    for value in (0.0, -1.0, math.nan, math.inf, 1e9):
        with pytest.raises(WireError):
            damiao.timeout_units(value)


def test_every_status_has_words() -> None:
    assert damiao.status_words(0xC) == "rotor too hot"
    assert all(damiao.status_words(code) for code in range(16))
    assert "0x7" in damiao.status_words(7)
