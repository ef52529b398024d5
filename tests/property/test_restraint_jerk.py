"""Reduced speed and workspace of joints with jerk limits, over whole random sequences; judged from the output stream by
MuJoCo and by the joints' judge with its third difference."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from station import resolve
from station.control.limit import Limiter
from station.control.restraint import Restraint
from tests.bench.reach_inputs import (
    MODEL,
    limiter_of,
    random_reach,
    rig_with,
    run,
    with_jerk,
)
from tests.property.reach_judge import ReachJudge
from tests.property.test_restraint import swing, violations

REDUCED = with_jerk(rig_with(reduced=True, tight=False))
TIGHT = with_jerk(rig_with(reduced=False, tight=True))
BOTH = with_jerk(rig_with(reduced=True, tight=True), build_up_s=0.1, only="_j")
MIXED = with_jerk(rig_with(reduced=True, tight=True), only="j2")
"""One joint of each arm has a jerk limit, the others none."""
RIGS = {"reduced": REDUCED, "bounds": TIGHT, "both": BOTH, "mixed": MIXED}


@pytest.mark.parametrize("kind", RIGS)
def test_no_random_sequence_is_too_fast_or_too_far(kind):
    """Jumps, swings with cancelling joints, NaN, sudden holds at any tick, missed slots; the joints' limits too."""
    rig = RIGS[kind]
    inputs = random_reach(np.random.default_rng(1), rig, 1200)
    limiter = limiter_of(rig)
    sent = run(limiter, inputs)
    found, worst = violations(rig, inputs, sent, limiter)
    assert found == {}
    assert np.abs(np.diff(sent, axis=0)).sum() > 1.0  # it moves
    if rig is REDUCED:
        assert worst["tool_speed"] > 235  # and uses what it may


def test_without_lowered_joint_speeds_the_tools_are_as_slow():
    inputs = random_reach(np.random.default_rng(3), REDUCED, 1000)
    limiter = limiter_of(REDUCED, uncapped=True)
    assert violations(REDUCED, inputs, run(limiter, inputs), limiter)[0] == {}


@pytest.mark.parametrize("kind", ["reduced", "bounds", "mixed"])
def test_a_stop_at_any_tick_is_slow_and_inside_to_its_end(kind):
    """From each of many moments of one sequence a copy of the limiter brakes to rest."""
    rig = RIGS[kind]
    inputs = random_reach(np.random.default_rng(5), rig, 700)
    limiter = limiter_of(rig)
    limiter.start(inputs.start_rad.tolist())
    judge = ReachJudge(rig, MODEL)
    stops = 0
    for tick, target in enumerate(inputs.target_rad.tolist()):
        limiter.follow(target, 1, tick)
        if tick % 25 == 24 and not limiter.is_still:
            begin = np.array(limiter.position_rad)
            braking = copy.deepcopy(limiter)
            sent = []
            while not braking.is_still:
                sent.append(braking.brake(1, 0).position_rad)
            stops += 1
            found, _ = judge.judge(begin, np.array(sent))
            assert not any(found.values()), (tick, found)
    assert stops > 15


class Forgetful(Restraint):
    """Known-bad: judges the braking of joints with jerk limits as if they had none."""

    def know(self, smooth):
        pass


@pytest.mark.parametrize(("kind", "broken"), [("reduced", "tool_speed"), ("bounds", "workspace"), ("bounds", "apart")])
def test_a_straight_braking_taken_for_the_smooth_one_fails_the_same_judge(kind, broken):
    rig = RIGS[kind]
    inputs = random_reach(np.random.default_rng(1), rig, 800)
    if broken == "apart":
        inputs = swing(rig, 300, right_j3=80, left_j3=-80)
    limits = resolve.make_limiter(rig).limits
    restraint = resolve.make_restraint(rig)
    restraint.__class__ = Forgetful
    limiter = Limiter(limits, 1.0 / rig.arm.rate_hz, restraint)
    found, _ = violations(rig, inputs, run(limiter, inputs), limiter)
    assert found.get(broken, 0) > 5, found


@pytest.mark.parametrize(
    ("joints", "event", "words"),
    [
        ({"right_j1": 120}, "workspace_limit", "right_tool: box x upper"),
        ({"right_j3": 80, "left_j3": -80}, "arms_too_near", "right_tool, left_"),
    ],
)
def test_an_arm_comes_to_the_bound_rests_there_without_chatter_and_says_which(joints, event, words):
    inputs = swing(TIGHT, 700, **joints)
    limiter = limiter_of(TIGHT)
    sent = run(limiter, inputs)
    found, worst = violations(TIGHT, inputs, sent, limiter)
    assert found == {}
    assert limiter.obstacle is not None
    assert limiter.obstacle[0] == event and words in limiter.obstacle[1]
    near = -worst["workspace"] if event == "workspace_limit" else worst["apart"] - TIGHT.arm.kinematics.apart_mm
    assert 0 <= near < 1, "it should come within a millimetre"
    # From where it was first near: the jerk turns round seldom, and at the bound nothing moves.
    jerk = np.diff(np.vstack([inputs.start_rad, sent]), n=3, axis=0)
    most = limiter_jerks(limiter)
    turns = (np.abs(jerk[1:]) > 0.3 * most) & (np.abs(jerk[:-1]) > 0.3 * most) & (jerk[1:] * jerk[:-1] < 0)
    assert turns.sum(axis=0).max() <= 8
    assert np.abs(np.diff(sent[-300:], axis=0)).max() == 0.0


def limiter_jerks(limiter):
    return np.array([joint.jerk_rad_s3 for joint in limiter.limits]) * limiter.period_s**3


def test_lowered_and_slow_speeds_keep_every_bound():
    """What narrows the wish only: the braking is the same."""
    inputs = random_reach(np.random.default_rng(8), BOTH, 900)
    limiter = limiter_of(BOTH)
    limiter.start(inputs.start_rad.tolist())
    sent = []
    rng = np.random.default_rng(2)
    for tick, target in enumerate(inputs.target_rad.tolist()):
        if tick % 60 == 0:
            limiter.set_speed_scale(float(rng.choice([1.0, 0.5, 0.05])))
            slow = float(rng.choice([math.inf, 0.2, 0.02]))
        if inputs.missed[tick]:
            limiter.missed()
        command = limiter.follow(target, 1, tick) if slow == math.inf else limiter.follow_slowly(target, slow, 1, tick)
        sent.append(command.position_rad)
    found, _ = violations(BOTH, inputs, np.array(sent), limiter)
    assert found == {}
