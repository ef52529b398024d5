"""One emulated motor, by bytes and given times: motion, its own time-out, faults, heat, registers."""

from __future__ import annotations

import math
import random

import pytest

from drivers.emulators.damiao_motor import AMBIENT_C, BODIES, DamiaoMotor
from firmware_bridge import damiao
from firmware_bridge.damiao import (
    CLEAR_ERROR,
    DISABLE,
    ENABLE,
    OP_WRITE,
    RANGES,
    SET_ZERO,
    decode_feedback,
    decode_register,
    encode_mit,
    encode_refresh,
    encode_register_read,
    encode_register_write,
    encode_store,
)

MS = 1_000_000
S = 1_000_000_000


class Bench:
    """A motor on a bench, with a clock that only this test moves."""

    def __init__(self, model: str = "8009", start_rad: float = 0.0, **options) -> None:
        self.motor = DamiaoMotor(1, 0x11, model, start_rad, **options)
        self.ranges = RANGES[model]
        self.t_ns = 0

    def frame(self, data: bytes) -> damiao.Feedback:
        answer = self.motor.command(data, self.t_ns)
        assert answer is not None
        return decode_feedback(self.ranges, answer)

    def register(self, data: bytes) -> bytes:
        return self.motor.register(data, self.t_ns)

    def hold(self, p: float, *, v: float = 0.0, kp: float = 70, kd: float = 2.75, tau: float = 0.0, s: float = 1.0):
        for _ in range(round(s * 500)):
            self.t_ns += 2 * MS
            last = self.frame(encode_mit(self.ranges, p, v, kp, kd, tau))
        return last

    def set_timeout(self, timeout_s: float) -> None:
        self.register(encode_register_write(1, 9, damiao.timeout_units(timeout_s)))


@pytest.mark.parametrize(
    ("model", "kp", "kd"), [("8009", 70, 2.75), ("4340", 70, 2.0), ("4310", 10, 0.5), ("3507", 5, 0.3)]
)
def test_a_motor_goes_where_it_is_told_and_stays_there(model: str, kp: float, kd: float) -> None:
    bench = Bench(model, -0.4)
    bench.frame(ENABLE)
    last = bench.hold(0.6, kp=kp, kd=kd, s=1.5)
    assert last.position_rad == pytest.approx(0.6, abs=0.005)
    assert abs(last.velocity_rad_s) < 0.05
    assert last.status == damiao.STATUS_ENABLED


@pytest.mark.parametrize("model", BODIES)
def test_no_gain_and_no_command_rate_makes_a_motor_unstable(model: str) -> None:
    seed = 5
    print(f"seed {seed}")
    rng = random.Random(seed)
    bench = Bench(model)
    bench.frame(ENABLE)
    for _ in range(400):
        bench.t_ns += rng.choice((0, 10_000, 2 * MS, 30 * MS, 5 * S))
        bench.frame(encode_mit(bench.ranges, rng.uniform(-3, 3), 0, rng.uniform(0, 500), rng.uniform(0.5, 5), 0))
        assert abs(bench.motor.position_rad) < 20
        assert abs(bench.motor.velocity_rad_s) < 400


def test_the_torque_never_exceeds_the_models() -> None:
    bench = Bench("4310")
    bench.frame(ENABLE)
    bench.t_ns += MS
    bench.frame(encode_mit(bench.ranges, 12, 0, 500, 0, 10))
    bench.t_ns += MS
    assert bench.frame(encode_mit(bench.ranges, 12, 0, 500, 0, 10)).torque_nm == pytest.approx(10, abs=0.01)
    most = 10 / BODIES["4310"].inertia_kg_m2 * 0.001
    assert 0 < bench.motor.velocity_rad_s <= most


def test_long_gaps_and_short_ones_give_the_same_motion() -> None:
    ends = []
    for looks in (1, 7, 500):
        bench = Bench()
        bench.frame(ENABLE)
        bench.frame(encode_mit(bench.ranges, 0.5, 0, 70, 2.75, 0))
        for look in range(looks):
            bench.motor.advance(100 * MS * (look + 1) // looks)
        ends.append(bench.motor.position_rad)
    assert ends == pytest.approx([ends[0]] * 3, abs=0.01)


def test_the_same_commands_give_the_same_bytes() -> None:
    def run() -> list[damiao.Feedback]:
        bench = Bench()
        bench.frame(ENABLE)
        return [bench.hold(math.sin(n / 20), s=0.01) for n in range(50)]

    assert run() == run()


def test_a_motor_that_is_off_takes_no_command_but_answers() -> None:
    bench = Bench(start_rad=0.2)
    last = bench.hold(1.0)
    assert last.status == damiao.STATUS_DISABLED
    assert last.position_rad == pytest.approx(0.2, abs=1e-3)
    assert bench.motor.commands == 500


def test_a_goal_from_before_does_not_move_a_motor_that_is_switched_on_again() -> None:
    bench = Bench()
    bench.frame(ENABLE)
    bench.hold(0.5)
    bench.frame(encode_mit(bench.ranges, 3.0, 0, 70, 2.75, 0))
    bench.frame(DISABLE)
    bench.t_ns += S
    bench.frame(ENABLE)
    bench.t_ns += S
    assert bench.frame(ENABLE).position_rad == pytest.approx(0.5, abs=0.01)


def test_off_means_a_quick_stop_without_drive() -> None:
    bench = Bench()
    bench.frame(ENABLE)
    bench.hold(2.0, v=5.0, kp=0, kd=5, s=0.3)
    assert bench.motor.velocity_rad_s > 3
    bench.frame(DISABLE)
    there = bench.motor.position_rad
    bench.t_ns += 200 * MS
    bench.motor.advance(bench.t_ns)
    assert bench.motor.velocity_rad_s == 0
    assert 0 < bench.motor.position_rad - there < 0.1


# -- the motor's own time-out


def test_silence_switches_the_motor_off_at_the_moment_its_time_is_over() -> None:
    bench = Bench()
    bench.set_timeout(0.05)
    bench.frame(ENABLE)
    bench.hold(0.5, s=0.02)
    heard_ns = bench.t_ns
    bench.motor.advance(heard_ns + 50 * MS - 1)
    assert bench.motor.status == damiao.STATUS_ENABLED
    bench.motor.advance(heard_ns + 50 * MS)
    assert bench.motor.status == damiao.STATUS_LOST_COMMUNICATION


def test_looking_late_shows_the_same_stop_as_looking_often() -> None:
    ends = []
    for step_ms in (1, 10, 1000):
        bench = Bench()
        bench.set_timeout(0.05)
        bench.frame(ENABLE)
        bench.frame(encode_mit(bench.ranges, 1.0, 0, 70, 2.75, 0))
        for t_ms in range(step_ms, 1001, step_ms):
            bench.motor.advance(t_ms * MS)
        assert (bench.motor.status, bench.motor.velocity_rad_s) == (damiao.STATUS_LOST_COMMUNICATION, 0)
        ends.append(bench.motor.position_rad)
    assert ends == pytest.approx([ends[0]] * 3, abs=0.01)


def test_after_the_time_out_only_a_clear_lets_the_motor_on_again() -> None:
    bench = Bench()
    bench.set_timeout(0.05)
    bench.frame(ENABLE)
    bench.t_ns += 51 * MS
    assert bench.hold(1.0, s=0.1).status == damiao.STATUS_LOST_COMMUNICATION
    assert bench.frame(ENABLE).status == damiao.STATUS_LOST_COMMUNICATION
    assert bench.frame(CLEAR_ERROR).status == damiao.STATUS_DISABLED
    assert bench.frame(ENABLE).status == damiao.STATUS_ENABLED


def test_reading_registers_does_not_feed_the_time_out() -> None:
    bench = Bench()
    bench.set_timeout(0.05)
    bench.frame(ENABLE)
    for _ in range(10):
        bench.t_ns += 10 * MS
        bench.register(encode_refresh(1))
    assert bench.motor.status == damiao.STATUS_LOST_COMMUNICATION


def test_no_time_out_is_the_makers_dangerous_default() -> None:
    bench = Bench()
    bench.frame(ENABLE)
    bench.frame(encode_mit(bench.ranges, 1.0, 0, 70, 2.75, 0))
    bench.motor.advance(3600 * S)
    assert bench.motor.status == damiao.STATUS_ENABLED
    assert bench.motor.position_rad == pytest.approx(1.0, abs=0.01)


# -- faults and heat


@pytest.mark.parametrize("status", sorted(damiao.FAULT_STATUSES))
def test_a_fault_switches_off_and_comes_back_until_its_cause_is_gone(status: int) -> None:
    bench = Bench()
    bench.frame(ENABLE)
    bench.motor.forced_status = status
    bench.motor.check_health()
    assert bench.hold(1.0, s=0.1).status == status
    assert bench.frame(CLEAR_ERROR).status == status
    bench.motor.forced_status = None
    assert bench.frame(ENABLE).status == status
    assert bench.frame(CLEAR_ERROR).status == damiao.STATUS_DISABLED


def test_full_torque_warms_the_rotor_until_it_trips() -> None:
    bench = Bench("4310")
    bench.frame(ENABLE)
    temperatures = []
    for _ in range(400):
        bench.t_ns += 500 * MS
        answer = bench.frame(encode_mit(bench.ranges, bench.motor.position_rad + 12, 0, 500, 5, 10))
        bench.motor.position_rad = bench.motor.velocity_rad_s = 0.0  # it pushes against a wall
        temperatures.append(answer.rotor_c)
        if answer.status != damiao.STATUS_ENABLED:
            break
    assert answer.status == damiao.STATUS_ROTOR_HOT
    assert temperatures == sorted(temperatures)
    assert temperatures[0] < AMBIENT_C + 5


def test_rest_cools_down() -> None:
    bench = Bench()
    bench.motor.rotor_c = 80.0
    bench.motor.advance(60 * S)
    assert AMBIENT_C < bench.motor.rotor_c < 60
    bench.motor.advance(3600 * S)
    assert bench.motor.rotor_c == pytest.approx(AMBIENT_C, abs=0.1)


# -- registers


@pytest.mark.parametrize(
    ("rid", "value"), [(7, 0x11), (8, 1), (9, 0), (10, 1), (21, 12.5), (22, 45), (23, 54), (35, 4), (14, 5013)]
)
def test_registers_read_as_a_real_motors(rid: int, value: float) -> None:
    assert decode_register(Bench().register(encode_register_read(1, rid))) == (1, damiao.OP_READ, rid, value)


def test_a_written_register_counts_at_once_and_only_a_store_keeps_it() -> None:
    bench = Bench()
    assert decode_register(bench.register(encode_register_write(1, 9, 1000))) == (1, OP_WRITE, 9, 1000)
    assert bench.motor.stored[9] == 0
    bench.register(encode_store(1))
    assert bench.motor.stored[9] == 1000


def test_a_motor_that_is_on_does_not_store() -> None:
    bench = Bench()
    bench.register(encode_register_write(1, 9, 1000))
    bench.frame(ENABLE)
    bench.register(encode_store(1))
    assert bench.motor.stored[9] == 0


def test_read_only_registers_stay() -> None:
    bench = Bench()
    assert decode_register(bench.register(encode_register_write(1, 14, 1))).value == 5013
    assert bench.motor.registers[14] == 5013


def test_other_ranges_are_really_used_on_the_wire() -> None:
    bench = Bench(start_rad=1.0)
    bench.register(encode_register_write(1, 21, 25.0))
    answer = bench.motor.command(DISABLE, 0)
    assert answer is not None
    assert decode_feedback(bench.ranges, answer).position_rad == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(ValueError, match="positive"):
        bench.motor.set_register(21, 0)


def test_zero_is_set_only_while_off() -> None:
    bench = Bench(start_rad=1.0)
    bench.frame(ENABLE)
    assert bench.frame(SET_ZERO).position_rad == pytest.approx(1.0, abs=0.01)
    bench.frame(DISABLE)
    assert bench.frame(SET_ZERO).position_rad == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("length", [0, 1, 7, 9])
def test_a_command_of_another_length_is_not_answered(length: int) -> None:
    assert Bench().motor.command(bytes(length), 0) is None


def test_gravity_pulls_a_motor_that_holds_softly() -> None:
    bench = Bench(start_rad=1.0, gravity_nm=2.0)
    bench.frame(ENABLE)
    sag = 1.0 - bench.hold(1.0, kp=20, s=3.0).position_rad
    assert sag == pytest.approx(2.0 * math.sin(1.0 - sag) / 20, abs=0.005)


@pytest.mark.parametrize(("load_nm", "expected_nm"), [(12.0, 12.0), (-30.0, -30.0), (80.0, 54.0)])
def test_what_presses_against_a_joint_is_held_up_to_the_motors_own_torque(load_nm: float, expected_nm: float) -> None:
    bench = Bench()
    bench.frame(ENABLE)
    bench.motor.load_nm = load_nm
    last = bench.hold(0.0, kp=200, kd=5, s=2.0)
    assert last.torque_nm == pytest.approx(expected_nm, abs=0.1)
    if abs(load_nm) <= 54.0:
        assert last.position_rad == pytest.approx(-load_nm / 200, abs=0.01)
    else:
        assert last.position_rad < -1.0, "it gives way"
