"""Whatever is put into a Damiao frame comes out within one count of its field; no bytes make the decoder fail."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import can_frame, damiao
from firmware_bridge.errors import WireError

MODELS = st.sampled_from(sorted(damiao.RANGES))
UNIT = st.floats(-1, 1)
ROUNDING = 1e-9
ANY_FLOAT = st.floats()


@settings(max_examples=500)
@given(MODELS, UNIT, UNIT, st.floats(0, 500), st.floats(0, 5), UNIT)
def test_a_command_comes_back_within_one_count(model: str, p: float, v: float, kp: float, kd: float, t: float) -> None:
    ranges = damiao.RANGES[model]
    sent = (p * ranges.p_max_rad, v * ranges.v_max_rad_s, kp, kd, t * ranges.t_max_nm)
    read = damiao.decode_mit(ranges, damiao.encode_mit(ranges, *sent))
    counts = (
        2 * ranges.p_max_rad / 65535,
        2 * ranges.v_max_rad_s / 4095,
        500 / 4095,
        5 / 4095,
        2 * ranges.t_max_nm / 4095,
    )
    for was, now, count in zip(sent, read, counts, strict=True):
        assert -ROUNDING <= was - now < count + ROUNDING  # truncated towards the lower end, as the maker does


@settings(max_examples=500)
@given(MODELS, st.integers(1, 15), st.integers(0, 15), UNIT, UNIT, UNIT, st.integers(0, 255), st.integers(0, 255))
def test_feedback_comes_back_within_one_count(
    model: str, motor_id: int, status: int, p: float, v: float, t: float, mosfet_c: int, rotor_c: int
) -> None:
    ranges = damiao.RANGES[model]
    sent = (p * ranges.p_max_rad, v * ranges.v_max_rad_s, t * ranges.t_max_nm)
    read = damiao.decode_feedback(ranges, damiao.encode_feedback(ranges, motor_id, status, *sent, mosfet_c, rotor_c))
    assert (read.motor_id, read.status, read.mosfet_c, read.rotor_c) == (motor_id, status, mosfet_c, rotor_c)
    assert abs(read.position_rad - sent[0]) < 2 * ranges.p_max_rad / 65535 + ROUNDING
    assert abs(read.velocity_rad_s - sent[1]) < 2 * ranges.v_max_rad_s / 4095 + ROUNDING
    assert abs(read.torque_nm - sent[2]) < 2 * ranges.t_max_nm / 4095 + ROUNDING


@given(MODELS, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT)
def test_any_numbers_make_a_whole_command_or_a_wire_error(
    model: str, p: float, v: float, kp: float, kd: float, t: float
) -> None:
    ranges = damiao.RANGES[model]
    if all(map(math.isfinite, (p, v, kp, kd, t))):
        assert len(damiao.encode_mit(ranges, p, v, kp, kd, t)) == 8
    else:
        with pytest.raises(WireError):
            damiao.encode_mit(ranges, p, v, kp, kd, t)


@given(MODELS, st.binary(min_size=8, max_size=8))
def test_any_eight_bytes_decode_inside_the_ranges(model: str, data: bytes) -> None:
    ranges = damiao.RANGES[model]
    for read in (damiao.decode_mit(ranges, data), damiao.decode_feedback(ranges, data)[2:]):
        assert abs(read[0]) <= ranges.p_max_rad + ROUNDING
        assert abs(read[1]) <= ranges.v_max_rad_s + ROUNDING


@given(st.integers(0, 0x7FF), st.binary(max_size=8), st.booleans())
def test_a_can_frame_comes_back_as_it_went(can_id: int, data: bytes, fd: bool) -> None:
    raw = can_frame.encode_frame(can_id, data, fd=fd)
    assert len(raw) == (can_frame.FD_SIZE if fd else can_frame.CLASSIC_SIZE)
    assert can_frame.decode_frame(raw) == (can_id, data)
    assert raw == (can_frame.header(can_id, len(data), fd=fd) + data).ljust(len(raw), b"\0")


@given(st.binary(max_size=80))
def test_any_bytes_are_a_can_frame_or_a_wire_error(raw: bytes) -> None:
    try:
        _, data = can_frame.decode_frame(raw)
    except WireError:
        return
    assert len(data) <= len(raw) - 8


def test_all_motors_at_once_are_encoded_and_decoded_as_one_by_one():
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    models = sorted(damiao.RANGES)
    for _ in range(300):
        ranges = [damiao.RANGES[rng.choice(models)] for _ in range(rng.randrange(1, 20))]
        gains = [damiao.encode_gains(r, rng.uniform(0, 500), rng.uniform(0, 5), 0.0) for r in ranges]
        positions = [rng.uniform(-1.2, 1.2) * r.p_max_rad for r in ranges]
        velocities = [rng.uniform(-1.2, 1.2) * r.v_max_rad_s for r in ranges]
        rows = [damiao.motion_row(r, g) for r, g in zip(ranges, gains)]
        frames = damiao.encode_motions(rows, positions, velocities)
        assert frames == [damiao.encode_motion(r, p, v, g) for r, p, v, g in zip(ranges, positions, velocities, gains)]
        decoded = damiao.decode_motions(rows, frames)
        told = [damiao.decode_mit(r, frame) for r, frame in zip(ranges, frames)]
        assert decoded == ([t.position_rad for t in told], [t.velocity_rad_s for t in told], gains)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_motor_of_many_takes_a_number_that_is_none(bad):
    rows = [damiao.motion_row(damiao.RANGES["4310"], 0)] * 3
    for position, velocity in (((0.0, bad, 0.0), (0.0,) * 3), ((0.0,) * 3, (bad, 0.0, 0.0))):
        with pytest.raises(WireError, match="expected a finite number"):
            damiao.encode_motions(rows, position, velocity)
    with pytest.raises(WireError, match="of 7 bytes"):
        damiao.decode_motions(rows[:1], [bytes(7)])
