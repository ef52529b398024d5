"""Reduced speed and workspace over whole random sequences, judged from the output stream by MuJoCo."""

from __future__ import annotations

import copy
import math

import msgspec
import numpy as np
import pytest

from station.control.restraint import Restraint
from station.settings.kinematics import KeepOut
from tests.bench.reach_inputs import (
    MODEL,
    JacobianScaling,
    ReachInputs,
    bounds_of,
    limiter_of,
    random_reach,
    rig_with,
    run,
    with_jerk,
    with_kinematics,
)
from tests.property import limiter_judge
from tests.property.reach_judge import ReachJudge

REDUCED = rig_with(reduced=True, tight=False)
TIGHT = rig_with(reduced=False, tight=True)
BOTH = rig_with(reduced=True, tight=True)


def violations(rig, inputs, sent, limiter, every=3):
    found, worst = ReachJudge(rig, MODEL).judge(inputs.start_rad, sent, every)
    bounds = bounds_of(limiter)
    caps = np.broadcast_to(bounds.speed_rad_s, sent.shape)
    joints = limiter_judge.judge(inputs.start_rad, sent, caps, inputs.missed, bounds, limiter.period_s)
    return {kind: count for kind, count in {**found, **joints}.items() if count}, worst


@pytest.mark.parametrize("rig", [REDUCED, TIGHT, BOTH], ids=["reduced", "bounds", "both"])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_random_sequence_is_too_fast_or_too_far(rig, seed):
    """Jumps, swings with cancelling joints, NaN, sudden holds at any tick, missed slots; the joints' limits too."""
    inputs = random_reach(np.random.default_rng(seed), rig, 1500)
    limiter = limiter_of(rig)
    sent = run(limiter, inputs)
    found, worst = violations(rig, inputs, sent, limiter)
    assert found == {}
    assert np.abs(np.diff(sent, axis=0)).sum() > 1.0  # it moves
    if rig is REDUCED:
        assert worst["tool_speed"] > 230  # and uses what it may


def test_without_lowered_joint_speeds_the_tools_are_as_slow():
    inputs = random_reach(np.random.default_rng(3), REDUCED, 1500)
    limiter = limiter_of(REDUCED, uncapped=True)
    assert limiter.limits[0].speed_rad_s > 4 * limiter_of(REDUCED).limits[0].speed_rad_s
    assert violations(REDUCED, inputs, run(limiter, inputs), limiter)[0] == {}


@pytest.mark.parametrize("rig", [REDUCED, TIGHT], ids=["reduced", "bounds"])
def test_a_stop_at_any_tick_is_slow_and_inside_to_its_end(rig):
    """From each of many moments of one sequence a copy of the limiter brakes to rest."""
    inputs = random_reach(np.random.default_rng(5), rig, 900)
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
    assert stops > 20


def test_jacobian_scaling_fails_the_same_judge():
    inputs = random_reach(np.random.default_rng(20), REDUCED, 1500)
    limiter = limiter_of(REDUCED, bad=True, uncapped=True)
    found, worst = violations(REDUCED, inputs, run(limiter, inputs), limiter)
    assert found["tool_speed"] > 20
    assert worst["tool_speed"] > 300
    assert issubclass(JacobianScaling, Restraint)


def test_the_full_speed_arm_fails_the_judge_of_the_reduced_one():
    inputs = random_reach(np.random.default_rng(1), REDUCED, 500)
    full = limiter_of(with_kinematics(REDUCED, None))
    found, worst = violations(REDUCED, inputs, run(full, inputs), full)
    assert found["tool_speed"] > 100 and worst["tool_speed"] > 1000
    unbounded = run(full, random_reach(np.random.default_rng(2), TIGHT, 1500))
    assert ReachJudge(TIGHT, MODEL).judge(inputs.start_rad, unbounded, 3)[0]["workspace"] > 10


def test_the_judge_sees_a_millionth_too_fast():
    """One joint alone, arm stretched: 0.62 m from the tool to the shoulder's axis."""
    start = np.zeros(16)
    sent = np.zeros((1, 16))
    for factor, expected in ((1 - 1e-6, 0), (1 + 2e-5, 1)):
        sent[0, 0] = 2 * math.asin(0.25 * 0.002 / 2 / 0.62) * factor
        assert ReachJudge(REDUCED, MODEL).judge(start, sent)[0]["tool_speed"] == expected


def swing(rig, ticks, **joints_deg):
    """Everybody at rest but the joints named, which are asked to go there at once."""
    names = [joint.name for joint in rig.arm.joints]
    start = np.clip(np.zeros(len(names)), [math.radians(j.lower_deg) for j in rig.arm.joints], None)
    for side in ("right", "left"):
        start[names.index(f"{side}_j4")] = math.radians(70)
    target = start.copy()
    for name, deg in joints_deg.items():
        target[names.index(name)] = math.radians(deg)
    none = np.zeros(ticks, dtype=bool)
    return ReachInputs(start, np.tile(target, (ticks, 1)), none, none)


@pytest.mark.parametrize(
    ("joints", "event", "words"),
    [
        ({"right_j1": 120}, "workspace_limit", "right_tool: box x upper"),
        ({"right_j2": 150}, "workspace_limit", "right_"),
        ({"right_j3": 80, "left_j3": -80}, "arms_too_near", "right_tool, left_"),
    ],
)
def test_an_arm_comes_to_the_bound_slows_down_rests_and_says_which(joints, event, words):
    inputs = swing(TIGHT, 800, **joints)
    limiter = limiter_of(TIGHT)
    sent = run(limiter, inputs)
    found, worst = violations(TIGHT, inputs, sent, limiter)
    assert found == {}
    assert np.abs(sent[-1] - sent[-2]).max() < 1e-4
    assert limiter.obstacle is not None
    assert limiter.obstacle[0] == event and words in limiter.obstacle[1]
    near = -worst["workspace"] if event == "workspace_limit" else worst["apart"] - TIGHT.arm.kinematics.apart_mm
    assert 0 <= near < 5, "it should come within a few millimetres"


@pytest.mark.parametrize("rig", [TIGHT, with_jerk(TIGHT)], ids=["straight", "jerk"])
def test_the_other_arm_goes_on_and_a_new_start_leads_away(rig):
    inputs = swing(rig, 800, right_j1=120, left_j1=20)
    limiter = limiter_of(rig)
    sent = run(limiter, inputs)
    names = [joint.name for joint in rig.arm.joints]
    assert sent[-1][names.index("left_j1")] == pytest.approx(math.radians(20), abs=1e-3)
    assert limiter.obstacle is not None
    limiter.start(sent[-1].tolist())
    assert limiter.obstacle is None
    back = inputs.start_rad.tolist()
    for tick in range(800):
        limiter.follow(back, 2, tick)
    assert limiter.position_rad == pytest.approx(back, abs=1e-3)
    assert limiter.obstacle is None


@pytest.mark.parametrize("tight", [TIGHT, with_jerk(TIGHT)], ids=["straight", "jerk"])
def test_a_start_outside_may_only_come_in(tight):
    kinematics = tight.arm.kinematics
    side = KeepOut(name="table", normal=(0.0, 0.0, -1.0), offset_mm=-850.0)  # elbows are lower than that
    rig = with_kinematics(tight, msgspec.structs.replace(kinematics, keep_out=(side,), box_mm=None, apart_mm=None))
    judge = ReachJudge(rig, MODEL)
    limiter = limiter_of(rig)
    inputs = swing(rig, 600, right_j4=10, left_j4=10)  # down
    outside = judge.outside_m(judge.places(inputs.start_rad))
    assert outside > 0.0
    sent = run(limiter, inputs)
    assert max(judge.outside_m(judge.places(row)) for row in sent[::5]) <= outside + 0.005 + 1e-9
    assert limiter.obstacle is not None
    limiter.start(inputs.start_rad.tolist())
    up = swing(rig, 1, right_j4=140, left_j4=140, right_j1=60, left_j1=-60).target_rad[0].tolist()
    for tick in range(1000):
        limiter.follow(up, 1, tick)
    assert judge.outside_m(judge.places(np.array(limiter.position_rad))) < outside


def test_nothing_asked_costs_nothing_and_changes_nothing():
    plain = with_kinematics(REDUCED, None)
    bare = msgspec.structs.replace(REDUCED.arm.kinematics, reduced_speed=False, box_mm=None, apart_mm=None, keep_out=())
    inputs = random_reach(np.random.default_rng(9), REDUCED, 300)
    assert limiter_of(with_kinematics(REDUCED, bare))._restraint is None
    assert run(limiter_of(with_kinematics(REDUCED, bare)), inputs).tobytes() == run(limiter_of(plain), inputs).tobytes()
