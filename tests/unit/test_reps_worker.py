"""The counter against the emulated worker's own truth: every attempt, every reason."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from drivers.emulators.worker import Channel, Rep, Waypoint, Worker
from station.session.gesture import shape
from station.session.reps import EdgeKind, RepCounter
from tests.gestures import NAMES, RIG, TASK

GESTURE = shape(TASK, NAMES)
STEP_NS = 10_000_000


def play(seed: int, attempts: int, bad_every: int, pace_s: float = 3.2, hold_every_s: float = 0.0):
    """Truth and verdicts of a shift; `hold_every_s`: the robot stops following for 4 s so often."""
    truth: list[Rep] = []
    channels = [Channel(j.name, j.lower_deg, j.upper_deg) for j in RIG.leader.joints]
    points = [Waypoint(p.name, p.pose_deg, p.dwell_s, p.tolerance_deg) for p in TASK.phases]
    worker = Worker(channels, points, pace_s, TASK.rep_max_s, bad_every, seed, truth.append)
    counter = RepCounter(GESTURE)
    verdicts: list[tuple[int, str, dict[str, str]]] = []
    now_ns = 1_000_000_000
    while len(truth) < attempts:
        now_ns += STEP_NS
        follows = hold_every_s == 0 or (now_ns / 1e9) % hold_every_s > 4.0
        angles = tuple(math.radians(deg) for deg in worker.step(now_ns, follows))
        for edge in counter.update(now_ns, angles, follows):
            if edge.kind is EdgeKind.ENDED:
                verdicts.append((edge.t_ns, edge.reason or "good", edge.detail))
    for _ in range(300):  # the last one may end on the counter's side a moment later
        now_ns += STEP_NS
        for edge in counter.update(now_ns, tuple(math.radians(deg) for deg in worker.step(now_ns, True)), True):
            if edge.kind is EdgeKind.ENDED:
                verdicts.append((edge.t_ns, edge.reason or "good", edge.detail))
    return truth, verdicts[: len(truth)]


@pytest.mark.parametrize("seed", range(4))
def test_200_emulated_repetitions_are_counted_exactly_with_their_reasons(seed):
    truth, verdicts = play(seed, 200, bad_every=4)
    for rep, (t_ns, reason, detail) in zip(truth, verdicts, strict=True):
        assert reason == rep.kind, (rep, reason, detail)
        assert rep.start_ns < t_ns < rep.end_ns + 2_000_000_000
        if rep.kind in ("reach_short", "no_return"):
            assert detail["phase"] == rep.phase
        if rep.kind == "wrong_order":
            assert detail["before"] == rep.phase
    assert set(Counter(rep.kind for rep in truth)) >= {"good", "reach_short", "no_return", "wrong_order", "too_slow"}


@pytest.mark.parametrize(("pace_s", "seed"), [(1.8, 10), (2.5, 11), (4.5, 12), (5.2, 13)])
def test_any_pace_is_counted_exactly(pace_s, seed):
    truth, verdicts = play(seed, 60, bad_every=4, pace_s=pace_s)
    assert [reason for _, reason, _ in verdicts] == [rep.kind for rep in truth]


@pytest.mark.parametrize("seed", range(20, 23))
def test_a_robot_that_stops_following_now_and_then_loses_no_count(seed):
    truth, verdicts = play(seed, 80, bad_every=6, hold_every_s=17.3)
    for rep, (t_ns, reason, _) in zip(truth, verdicts, strict=True):
        if rep.kind == "interrupted" and reason in ("good", "no_return"):
            # Home for its dwell while still slowing down, or settled outside it: judged before the robot stopped.
            assert rep.end_ns - 1_500_000_000 < t_ns <= rep.end_ns
        else:
            assert reason == rep.kind, rep
    assert any(rep.kind == "interrupted" for rep in truth)
