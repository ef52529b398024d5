"""The limiter over whole random sequences, judged from its output stream alone; and the judge itself judged."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.control.limit import Limiter
from tests.bench.limiter_forms import BAD, GOOD, Inputs, caps, joint_limits, random_inputs, random_limits, run
from tests.property.limiter_judge import KINDS, Array, Bounds, judge

PERIODS = (0.001, 0.002, 0.004, 0.01)


def shipped(bounds: Bounds, inputs: Inputs, period_s: float) -> Array:
    """The same as `run("g", ...)`, by the limiter that the station ships."""
    limiter = Limiter([joint_limits(bounds, joint) for joint in range(len(bounds.lower_rad))], period_s)
    limiter.start(inputs.start_rad.tolist())
    sent = np.empty_like(inputs.target_rad)
    scale = 1.0
    for k, target in enumerate(inputs.target_rad.tolist()):
        if inputs.scale[k] != scale:
            scale = float(inputs.scale[k])
            limiter.set_speed_scale(scale)
        if inputs.restarted[k]:
            limiter.missed()
        command = limiter.follow(target, epoch=3, slot_ns=k)
        sent[k] = command.position_rad
        before = inputs.start_rad if k == 0 else sent[k - 1]
        assert np.allclose(np.array(command.velocity_rad_s) * period_s, sent[k] - before, rtol=1e-12, atol=1e-18)
        assert (command.epoch, command.slot_ns) == (3, k)
    return sent


def violations(sent: Array, bounds: Bounds, inputs: Inputs, period_s: float) -> dict[str, int]:
    found = judge(inputs.start_rad, sent, caps(bounds, inputs), inputs.restarted, bounds, period_s)
    return {kind: count for kind, count in found.items() if count}


@pytest.mark.parametrize("period_s", PERIODS)
def test_no_random_sequence_breaks_a_limit(period_s):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        bounds = random_limits(rng, 16, period_s)
        inputs = random_inputs(rng, bounds, 500)
        assert violations(shipped(bounds, inputs, period_s), bounds, inputs, period_s) == {}, f"seed {seed}"


def test_the_vectorised_form_is_the_shipped_one_bit_for_bit():
    for seed in range(6):
        period_s = PERIODS[seed % len(PERIODS)]
        rng = np.random.default_rng(100 + seed)
        bounds = random_limits(rng, 16, period_s)
        inputs = random_inputs(rng, bounds, 400)
        mine, theirs = shipped(bounds, inputs, period_s), run("g", bounds, inputs, period_s)
        assert mine.tobytes() == theirs.tobytes(), f"seed {100 + seed}"


@pytest.mark.parametrize("form", GOOD)
def test_the_safe_forms_pass_a_larger_search(form):
    for seed in range(3):
        rng = np.random.default_rng(200 + seed)
        bounds = random_limits(rng, 1000, 0.002)
        inputs = random_inputs(rng, bounds, 300)
        assert violations(run(form, bounds, inputs, 0.002), bounds, inputs, 0.002) == {}, f"seed {200 + seed}"


@pytest.mark.parametrize(
    ("form", "kinds"),
    [("usual", {"position", "acceleration"}), ("sequence", {"position"}), ("gap", {"position", "acceleration"})],
)
def test_the_known_bad_forms_fail_the_same_judge(form, kinds):
    assert form in BAD
    rng = np.random.default_rng(7)
    bounds = random_limits(rng, 400, 0.002)
    inputs = random_inputs(rng, bounds, 300)
    found = violations(run(form, bounds, inputs, 0.002), bounds, inputs, 0.002)
    assert found.keys() & kinds, found
    assert sum(found.values()) > 100


# -- the judge: a stream that is just legal passes, one that is just not fails


def one_joint(**changes: float) -> Bounds:
    values = {
        "lower_rad": -1.0,
        "upper_rad": 1.0,
        "speed_rad_s": 2.0,
        "accel_rad_s2": 10.0,
        "decel_rad_s2": 20.0,
        "recovery_rad_s": 0.5,
    } | changes
    return Bounds(**{name: np.array([value]) for name, value in values.items()})


def judged(stream: list[float], start: float = 0.0, cap: float = 2.0, **changes: float) -> dict[str, int]:
    bounds = one_joint(**changes)
    sent = np.array(stream)[:, None]
    none = np.zeros(len(stream), dtype=bool)
    found = judge(np.array([start]), sent, np.full_like(sent, cap), none, bounds, 0.01)
    assert set(found) == set(KINDS)
    return {kind: count for kind, count in found.items() if count}


def steps(*values: float, start: float = 0.0) -> list[float]:
    return (start + np.cumsum(values)).tolist()


UP, DOWN = 10 * 0.01**2, 20 * 0.01**2


def test_the_judge_passes_the_hardest_legal_stream():
    assert judged(steps(UP, 2 * UP, 3 * UP, UP, 0, -UP, -2 * UP, 0, UP)) == {}
    assert judged(steps(UP, 0)) == {}
    assert judged(steps(UP, -UP / 2)) == {}  # through rest: half of the tick at D, half at A
    assert judged([1.0], start=1.0) == {}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_judge_sees_what_is_no_number(bad):
    assert judged([bad])["not_finite"] == 1


def test_the_judge_sees_each_limit_broken_by_a_millionth():
    more = 1 + 1e-6
    assert judged(steps(UP * more)) == {"acceleration": 1}
    assert judged(steps(UP, 2 * UP, -1e-9 * UP + 2 * UP - DOWN * more)) == {"acceleration": 1}
    assert judged(steps(UP, -UP / 2 * more)) == {"acceleration": 1}
    fast = [UP * k for k in range(1, 21)]
    assert judged(steps(*fast)) == {}
    assert judged(steps(*fast, 20 * UP * more)) == {"speed": 1}
    assert judged(steps(*fast, 18.0001 * UP), cap=1.0)["speed"] > 0
    assert judged([1.0 + 1e-9], start=1.0)["position"] == 1
    assert judged([-1.0 - 1e-9], start=-1.0)["position"] == 1
    assert judged([1.5 + 1e-9], start=1.5) == {"outside": 1}
    assert judged([-1.5 - 1e-9], start=-1.5) == {"outside": 1}
    assert judged(steps(-UP, -2 * UP, -3 * UP, -4 * UP, -5 * UP, start=1.5), start=1.5) == {}
    assert judged(steps(-UP, -2 * UP, -3 * UP, -4 * UP, -5 * UP, -5.001 * UP, start=1.5), start=1.5) == {"speed": 1}


def test_the_judge_knows_that_a_receiver_that_held_stands_still():
    bounds = one_joint()
    sent = np.array(steps(UP, 2 * UP, 3 * UP))[:, None]
    cap = np.full_like(sent, 2.0)
    for restarted, expected in (([False, False, False], 0), ([False, False, True], 1)):
        found = judge(np.array([0.0]), sent, cap, np.array(restarted), bounds, 0.01)
        assert found["acceleration"] == expected


# -- one joint, any target at any time

TARGETS = st.one_of(
    st.floats(-2, 2),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([1.0, -1.0, 1.5, -1.5, math.nan, math.inf, -math.inf, 1e308, -1e308]),
)


@settings(max_examples=150, deadline=None)
@given(
    start=st.floats(-1.3, 1.3),
    moves=st.lists(
        st.tuples(TARGETS, st.integers(1, 40), st.sampled_from([1.0, 1.0, 0.5, 0.01]), st.booleans()),
        min_size=1,
        max_size=12,
    ),
)
def test_any_target_at_any_time_keeps_every_limit_and_braking_always_ends_at_rest_inside(start, moves):
    bounds = one_joint()
    limiter = Limiter([joint_limits(bounds, 0)], 0.01)
    limiter.start([start])
    sent, cap, restarted = [], [], []
    for target, ticks, scale, missed in moves:
        limiter.set_speed_scale(scale)
        if missed:
            limiter.missed()
        for tick in range(ticks):
            sent.append(limiter.follow([target], 1, 0).position_rad)
            cap.append([2.0 * scale])
            restarted.append(missed and tick == 0)
    braking = 0
    while not limiter.is_still:
        sent.append(limiter.brake(1, 0).position_rad)
        cap.append([2.0 * scale])
        restarted.append(False)
        braking += 1
    assert braking <= math.ceil(2.0 / (20.0 * 0.01)) + 1
    found = judge(np.array([start]), np.array(sent), np.array(cap), np.array(restarted), bounds, 0.01)
    assert not any(found.values()), found
