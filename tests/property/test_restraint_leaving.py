"""An arm that was held at a bound comes away from it, wherever its joints lead first; judged by MuJoCo as ever."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.bench.reach_inputs import MODEL, limiter_of, random_reach, rig_with
from tests.property.reach_judge import ReachJudge
from tests.property.test_restraint import swing

RIG = rig_with(reduced=False, tight=True)
SLOWLY_RAD_S = math.radians(40)


def held_at_a_bound(rng: np.random.Generator):
    """A limiter whose arm was led to a bound and rests there, and the pose that it came from."""
    lower = np.radians([joint.lower_deg for joint in RIG.arm.joints])
    upper = np.radians([joint.upper_deg for joint in RIG.arm.joints])
    while True:
        home = random_reach(rng, RIG, 1).start_rad.tolist()
        limiter = limiter_of(RIG)
        limiter.start(home)
        goal = rng.uniform(lower, upper).tolist()
        for tick in range(1500):
            limiter.follow(goal, 1, tick)
            if limiter.obstacle is not None:
                break
        if limiter.obstacle is not None:
            break
    while not limiter.is_still:
        limiter.brake(1, 0)
    limiter.start(list(limiter.position_rad))
    return limiter, home


@pytest.mark.parametrize("seed", range(8))
def test_an_arm_held_at_a_bound_comes_home_and_passes_none(seed):
    limiter, home = held_at_a_bound(np.random.default_rng(seed))
    start, sent = np.array(limiter.position_rad), []
    for tick in range(6000):
        sent.append(limiter.follow_slowly(home, SLOWLY_RAD_S, 2, tick).position_rad)
        if max(abs(a - b) for a, b in zip(sent[-1], home)) < 1e-3:
            break
    else:
        pytest.fail(f"stuck: {limiter.obstacle}")
    found, _ = ReachJudge(RIG, MODEL).judge(start, np.array(sent), 5)
    assert not any(found.values()), found


def stuck_together():
    """All joints together lead the tool further out at first: one alone must begin."""
    names = [joint.name for joint in rig_with(reduced=False, tight=False).arm.joints]
    home = [0.0] * 16
    for name, deg in {"right_j1": 0.1, "right_j2": 3.7, "right_j4": 15.1, "right_j7": -3.1, "left_j4": 15.0}.items():
        home[names.index(name)] = math.radians(deg)
    limiter = limiter_of(rig_with(reduced=False, tight=False))
    limiter.start(home)
    target = list(home)
    target[names.index("right_j2")], target[names.index("right_j4")] = math.radians(12.2), math.radians(54.5)
    for tick in range(2000):
        limiter.follow(target, 1, tick)
    for tick in range(3000):
        target[names.index("right_j1")] = math.radians(-95 * min(1.0, tick / 1250))
        limiter.follow(target, 1, tick)
    assert limiter.obstacle == ("workspace_limit", "right_tool: worker")
    while not limiter.is_still:
        limiter.brake(1, 0)
    limiter.start(list(limiter.position_rad))
    return limiter, home


def test_where_all_joints_together_lead_out_one_begins():
    limiter, home = stuck_together()
    for tick in range(3000):
        limiter.follow_slowly(home, SLOWLY_RAD_S, 2, tick)
    assert limiter.position_rad == pytest.approx(home, abs=1e-3)
    assert limiter.obstacle is None


def test_an_arm_that_follows_and_leans_on_a_bound_rests_there_and_says_so():
    """Not brought to its leader, but led: there one joint alone is none that a person asked for."""
    limiter, home = stuck_together()
    begin = limiter.position_rad
    for tick in range(300):
        limiter.follow(home, 2, tick)
    assert limiter.position_rad == begin
    assert limiter.obstacle == ("workspace_limit", "right_tool: worker")


def test_one_joint_that_leads_further_out_never_begins():
    limiter, _ = stuck_together()
    begin = limiter.position_rad
    names = [joint.name for joint in RIG.arm.joints]
    target = list(begin)
    target[names.index("right_j1")] -= 0.3
    for tick in range(300):
        limiter.follow_slowly(target, SLOWLY_RAD_S, 2, tick)
    assert limiter.position_rad == begin
    assert limiter.obstacle == ("workspace_limit", "right_tool: worker")


def test_two_joints_of_which_one_leads_out_let_the_other_go_alone():
    limiter, home = stuck_together()
    begin = limiter.position_rad
    names = [joint.name for joint in RIG.arm.joints]
    inward, outward = names.index("right_j1"), names.index("right_j4")
    target = list(begin)
    target[inward], target[outward] = begin[inward] + 1e-4, home[outward]
    for tick in range(40):
        limiter.follow_slowly(target, SLOWLY_RAD_S, 2, tick)
    assert limiter.position_rad[inward] == pytest.approx(target[inward], abs=1e-6)


@pytest.mark.parametrize("joints", [{"right_j1": 120}, {"right_j3": 80, "left_j3": -80}], ids=["box", "apart"])
def test_who_begins_again_and_again_beyond_a_bound_does_not_walk_out(joints):
    """Once a little beyond (a measured pose that sagged), then held there and begun anew, led outwards each time."""
    judge, inputs = ReachJudge(RIG, MODEL), swing(RIG, 1, **joints)
    limiter = limiter_of(RIG)
    target = inputs.target_rad[0].tolist()

    def beyond_m() -> float:
        places = judge.places(np.array(limiter.position_rad))
        return max(judge.outside_m(places), RIG.arm.kinematics.apart_mm * 1e-3 - judge.gap(places))

    def lead(start) -> float:
        limiter.start(list(start))
        for tick in range(500):
            limiter.follow(target, 1, tick)
        while not limiter.is_still:
            limiter.brake(1, 0)
        return beyond_m()

    for _ in range(3):
        lead(inputs.start_rad if not limiter.position_rad else limiter.position_rad)
    held = np.array(limiter.position_rad)
    first = lead(held + (np.array(target) - held) * 5e-4)
    assert 0.0 < first < 0.006
    for _ in range(5):
        assert lead(limiter.position_rad) <= first + 1e-6
