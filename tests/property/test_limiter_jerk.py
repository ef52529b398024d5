"""The limiter with a jerk limit over whole random sequences, judged from its output stream alone; and that judge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.control.jerk import stopping
from station.control.limit import Limiter
from tests.bench.limiter_jerk import (
    BAD,
    JerkInputs,
    jerk_caps,
    jerk_limits,
    random_jerk_inputs,
    random_jerk_limits,
    run_bad,
    run_shipped,
)
from tests.property.limiter_judge import KINDS, Array, Bounds, judge

PERIODS = (0.001, 0.002, 0.004, 0.01)


def violations(sent: Array, bounds: Bounds, asked: JerkInputs, period_s: float) -> dict[str, int]:
    inputs = asked.inputs
    found = judge(inputs.start_rad, sent, jerk_caps(bounds, asked), inputs.restarted, bounds, period_s)
    return {kind: count for kind, count in found.items() if count}


@pytest.mark.parametrize("period_s", PERIODS)
def test_no_random_sequence_breaks_a_limit_jerk_included(period_s):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        bounds = random_jerk_limits(rng, 16, period_s)
        asked = random_jerk_inputs(rng, bounds, 1000)
        assert violations(run_shipped(bounds, asked, period_s), bounds, asked, period_s) == {}, f"seed {seed}"


class Arbitrary:
    """Holds back by arbitrary shares, each joint its own."""

    event = None

    def __init__(self, rng: np.random.Generator, joints: int) -> None:
        self.rng, self.joints = rng, joints

    def know(self, smooth):
        assert len(smooth) == self.joints

    def start(self, position_rad): ...

    def allows(self, position_rad, steps):
        return self.rng.random() < 0.5

    def shares(self, position_rad, braking, wished, is_slow=False):
        return self.rng.choice([0.0, 1.0, 0.5, self.rng.random()], self.joints).tolist()


@pytest.mark.parametrize("period_s", PERIODS)
def test_whatever_holds_joints_back_no_share_of_the_wish_breaks_a_limit(period_s):
    rng = np.random.default_rng(11)
    bounds = random_jerk_limits(rng, 16, period_s)
    asked = random_jerk_inputs(rng, bounds, 1000)
    sent = run_shipped(bounds, asked, period_s, Arbitrary(rng, 16))
    assert violations(sent, bounds, asked, period_s) == {}
    assert (sent != run_shipped(bounds, asked, period_s)).any()


@pytest.mark.parametrize(("form", "kinds"), [("none", {"jerk"}), ("clip", {"position", "acceleration"})])
def test_the_known_bad_forms_fail_the_same_judge(form, kinds):
    assert form in BAD
    rng = np.random.default_rng(7)
    bounds = random_jerk_limits(rng, 200, 0.002)
    asked = random_jerk_inputs(rng, bounds, 500)
    found = violations(run_bad(form, bounds, asked.inputs, 0.002), bounds, asked, 0.002)
    assert kinds <= found.keys(), found
    assert all(found[kind] > 100 for kind in kinds)


# -- the judge

T = 0.01
J = 100.0 * T**3  # rad a tick, a tick, a tick; A T^2 is 10 of them, D T^2 20


def one_joint(**changes: float) -> Bounds:
    values = {
        "lower_rad": -1.0,
        "upper_rad": 1.0,
        "speed_rad_s": 2.0,
        "accel_rad_s2": 10.0,
        "decel_rad_s2": 20.0,
        "recovery_rad_s": 0.5,
        "jerk_rad_s3": 100.0,
    } | changes
    return Bounds(**{name: np.array([value]) for name, value in values.items()})


def judged(bends: list[float], cap: float | list[float] = 2.0, restarted: tuple[int, ...] = ()) -> dict[str, int]:
    """A stream by its second differences, in J; a restart begins at rest."""
    position, step = 0.0, 0.0
    stream = []
    for k, bend in enumerate(bends):
        step = bend * J if k in restarted else step + bend * J
        position += step
        stream.append(position)
    sent = np.array(stream)[:, None]
    held = np.array([k in restarted for k in range(len(bends))])
    caps = np.broadcast_to(np.array(cap), (len(bends),))[:, None]
    found = judge(np.array([0.0]), sent, caps, held, one_joint(), T)
    assert set(found) == set(KINDS)
    return {kind: count for kind, count in found.items() if count}


def test_the_judge_passes_the_hardest_legal_jerk_and_not_a_millionth_more():
    legal = [1, 2, 3, 4, 3, 2, 1, 0, -1, -2, -3, -4, -3, -2, -1, 0]
    assert judged(legal) == {}
    more = 1 + 1e-6
    assert judged([more]) == {"jerk": 1}
    assert judged([1, 2, 3, 2 - 1e-6]) == {"jerk": 1}
    assert judged([1, 2, 3, 4.000001, 3.5]) == {"jerk": 1}


def test_the_judge_knows_that_after_missed_slots_speed_and_acceleration_are_zero():
    assert judged([1, 2, 3, 1], restarted=(3,)) == {}
    assert judged([1, 2, 3, 4], restarted=(3,)) == {"jerk": 1}


def test_above_a_lowered_speed_the_judge_wants_braking_as_hard_as_the_jerk_allows():
    up = [1, 2, 3, 4, 3, 2, 1, 0]  # 16 J a tick
    lowered = [2.0] * 8 + [4 * J / T] * 20
    assert judged([*up, -1, -2, -3, -3, -2, -1, 0], lowered[:15]) == {}
    assert judged([*up, -1, -2, -3, -4, -2.5, -1.5, -0.5], lowered[:15])["jerk"] == 1
    assert judged([*up, -0.9, -1.9, -2.9, -3, -2, -1.3, -0.3], lowered[:15])["speed"] > 0
    assert judged([*up, -1, -2, -2, -2, -2, -2, -1], lowered[:15])["speed"] > 0
    assert judged([*up, 0, 0], lowered[:10]) == {"speed": 2}


# -- one joint, any target at any time

TARGETS = st.one_of(
    st.floats(-2, 2),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([1.0, -1.0, 1.5, -1.5, math.nan, math.inf, -math.inf, 1e308, -1e308]),
)


@settings(max_examples=100, deadline=None)
@given(
    start=st.floats(-1.3, 1.3),
    jerk=st.sampled_from([60.0, 200.0, 3000.0, 1e6]),
    moves=st.lists(
        st.tuples(TARGETS, st.integers(1, 60), st.sampled_from([1.0, 1.0, 0.5, 0.01]), st.booleans()),
        min_size=1,
        max_size=10,
    ),
)
def test_any_target_at_any_time_keeps_every_limit_and_braking_always_ends_at_rest_inside(start, jerk, moves):
    bounds = one_joint(jerk_rad_s3=jerk)
    limiter = Limiter([jerk_limits(bounds, 0)], T)
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
    seconds, _ = stopping(2.0, 10.0, 20.0, jerk)
    assert braking <= seconds / T + 4
    found = judge(np.array([start]), np.array(sent), np.array(cap), np.array(restarted), bounds, T)
    assert not any(found.values()), found
