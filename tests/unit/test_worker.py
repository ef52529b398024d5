"""The emulated worker: his truth against the station's own counter, over hundreds of repetitions."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import msgspec
import pytest

from drivers.emulators.worker import GOOD, INTERRUPTED, Rep, Waypoint, Worker
from drivers.emulators.worker_body import Channel
from station.session.gesture import shape
from station.session.reps import EdgeKind, RepCounter
from station.settings.load import load_rig, load_task
from station.settings.task import Task

RIG, _ = load_rig("demo")
TASK = load_task("microwave_door", RIG)
JOINTS = sorted(RIG.leader.joints, key=lambda joint: joint.channel)
CHANNELS = [Channel(joint.name, joint.lower_deg, joint.upper_deg) for joint in JOINTS]
WAYPOINTS = [Waypoint(p.name, p.pose_deg, p.dwell_s, p.tolerance_deg) for p in TASK.phases]
STEP_NS = 10_000_000
START_NS = 77_000_000_000_000


def make_worker(seed, bad_every, told):
    return Worker(CHANNELS, WAYPOINTS, 3.2, TASK.rep_max_s, bad_every, seed, told.append)


def run(worker, counter, told, reps, following=lambda now_ns: True):
    """Both on the same angles until `reps` attempts are told; the counter's endings."""
    ends = []
    now_ns = START_NS
    while len(told) < reps:
        is_following = following(now_ns)
        deg = worker.step(now_ns, is_following)
        edges = counter.update(now_ns, tuple(map(math.radians, deg)), is_following)
        ends += [edge for edge in edges if edge.kind is EdgeKind.ENDED]
        now_ns += STEP_NS
        assert now_ns - START_NS < reps * 20 * 10**9, "the worker does not go on"
    return ends


@pytest.mark.parametrize("seed", [1, 2])
def test_the_counter_and_the_truth_agree_over_200_repetitions(seed):
    told: list[Rep] = []
    counter = RepCounter(shape(TASK, tuple(joint.name for joint in JOINTS)))
    ends = run(make_worker(seed, 4, told), counter, told, 200)
    truth = [(rep.kind if rep.kind != GOOD else "") for rep in told]
    seen = [edge.reason for edge in ends]
    for n, (wanted, got) in enumerate(zip(truth, seen)):
        assert wanted == got, f"attempt {n + 1}: {told[n]} counted as {ends[n]}"
    assert abs(len(seen) - len(truth)) <= 1  # the last one may end a moment apart
    kinds = Counter(rep.kind for rep in told)
    assert set(kinds) == {GOOD, "reach_short", "no_return", "wrong_order", "too_slow"}, kinds
    assert 0.15 < 1 - kinds[GOOD] / 200 < 0.35


def test_bad_every_0_is_always_good():
    told: list[Rep] = []
    counter = RepCounter(shape(TASK, tuple(joint.name for joint in JOINTS)))
    ends = run(make_worker(5, 0, told), counter, told, 40)
    assert {rep.kind for rep in told} == {GOOD}
    assert {edge.reason for edge in ends} == {""}
    assert all((rep.end_ns - rep.start_ns) * 1e-9 < 0.8 * TASK.rep_max_s for rep in told)


def test_the_truth_tells_attempts_in_order_and_without_overlap():
    told: list[Rep] = []
    run(make_worker(6, 3, told), RepCounter(shape(TASK, tuple(joint.name for joint in JOINTS))), told, 40)
    assert [rep.rep for rep in told] == list(range(1, len(told) + 1))
    assert all(a.end_ns <= b.start_ns for a, b in itertools.pairwise(told))
    names = {"", *(waypoint.name for waypoint in WAYPOINTS)}
    assert all(rep.phase in names and (rep.phase == "") == (rep.kind in (GOOD, "too_slow")) for rep in told)


def test_he_stands_still_at_home_while_the_robot_does_not_follow():
    told: list[Rep] = []
    worker = make_worker(1, 0, told)
    rows = [worker.step(START_NS + n * STEP_NS, False) for n in range(1000)]
    for column in zip(*rows):
        assert max(column) - min(column) < 2.0
        speed_deg_s = max(abs(b - a) for a, b in itertools.pairwise(column)) / (STEP_NS * 1e-9)
        assert speed_deg_s < 15.0  # the aligning rig wants a slow leader
    assert worker.state == "waiting" and not told


def test_losing_the_robot_mid_way_sends_him_home_and_is_told_as_interrupted():
    told: list[Rep] = []
    counter = RepCounter(shape(TASK, tuple(joint.name for joint in JOINTS)))
    worker = make_worker(2, 0, told)
    # Followed for 3 s of every 9: he is always out when it ends.
    ends = run(worker, counter, told, 12, following=lambda now_ns: (now_ns - START_NS) % 9_000_000_000 < 3_000_000_000)
    assert {rep.kind for rep in told} == {INTERRUPTED}
    assert {edge.reason for edge in ends} == {"interrupted"}


def test_the_same_seed_moves_the_same_way_and_another_does_not():
    a, b, c = (make_worker(seed, 4, []) for seed in (9, 9, 10))
    rows = [[w.step(START_NS + n * STEP_NS, True) for n in range(800)] for w in (a, b, c)]
    assert rows[0] == rows[1] != rows[2]


def test_no_joint_jumps_or_leaves_its_travel():
    worker = make_worker(11, 2, [])
    before = None
    for n in range(8_000):
        deg = worker.step(START_NS + n * STEP_NS, n % 1500 < 1200)
        for channel, value in zip(CHANNELS, deg):
            assert channel.lower_deg <= value <= channel.upper_deg
        if before is not None:
            assert max(abs(b - a) for a, b in zip(before, deg)) < 5.0  # 500 deg/s
        before = deg


def test_no_channel_ever_freezes_as_a_dead_encoder_would():
    worker = make_worker(12, 0, [])
    rows = [worker.step(START_NS + n * STEP_NS, True) for n in range(2000)]
    for column in zip(*rows):
        assert all(a != b for a, b in itertools.pairwise(column))


def test_a_waypoint_of_an_unknown_joint_is_named():
    with pytest.raises(ValueError, match="joint knee"):
        Worker(CHANNELS, [Waypoint("home", {"knee": 1.0}, 0.1, 9.0)], 3.0, 7.0, 0, 1, lambda rep: None)


@pytest.mark.parametrize(
    "poses",
    [
        [{"right_j1": 0, "left_j1": 0}, {"right_j1": 60, "left_j1": -60}],
        [{"left_j2": -10}, {"left_j2": -70}, {"left_j2": -70, "left_trigger": 50}],
        [{"right_j4": 20}, {"right_j4": 60}, {"right_j4": 100}, {"right_j4": 140}],
        [{"right_j1": 0}, {"right_j1": 50, "right_j3": 0}, {"right_j1": 50, "right_j3": 60}, {"right_j1": 90}],
    ],
)
def test_other_tasks_are_judged_alike(poses):
    task = msgspec.convert(
        {
            "name": "other",
            "version": 1,
            "title": {"zh": "x", "en": "x"},
            "target": 5,
            "rep_target_s": 3.0,
            "rep_max_s": 8.0,
            "phases": [
                {
                    "name": f"p{n}",
                    "say": {"zh": "x", "en": "x"},
                    "pose_deg": pose,
                    "tolerance_deg": 9,
                    "dwell_s": 0.1,
                    "timeout_s": 4.0,
                }
                for n, pose in enumerate(poses)
            ],
        },
        Task,
    )
    waypoints = [Waypoint(p.name, p.pose_deg, p.dwell_s, p.tolerance_deg) for p in task.phases]
    told: list[Rep] = []
    worker = Worker(CHANNELS, waypoints, 3.0, 8.0, 3, 7, told.append)
    ends = run(worker, RepCounter(shape(task, tuple(joint.name for joint in JOINTS))), told, 40)
    truth = [(rep.kind if rep.kind != GOOD else "") for rep in told]
    for n, (wanted, end) in enumerate(zip(truth, ends)):
        assert wanted == end.reason, f"attempt {n + 1}: {told[n]} counted as {end}"
    assert len(set(truth)) >= 3
