"""Gestures whose poses lie near each other: passing one on the way is not visiting it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from station.session import reasons
from station.session.gesture import shape
from station.session.reps import EdgeKind, RepCounter
from station.settings.task import Phase, Task, Words

W = Words(zh="x", en="x")
STEP_NS = 2_000_000


def task(*poses_deg: tuple[float, float], tolerance_deg: float = 6.0) -> Task:
    """Two joints; the first pose is home."""
    phases = tuple(
        Phase(
            name=f"p{i}",
            say=W,
            pose_deg={"right_j1": a, "right_j4": b},
            tolerance_deg=tolerance_deg,
            dwell_s=0.1 if i == 0 else 0.0,
            timeout_s=4.0,
        )
        for i, (a, b) in enumerate(poses_deg)
    )
    return Task(name="test", version=1, title=W, target=9, rep_target_s=3, rep_max_s=9, leave_deg=4, phases=phases)


def run(a_task: Task, way_deg: list[tuple[float, float]], leg_s: float = 0.7, stop_s: float = 0.1) -> list[str]:
    """Reasons of the repetitions of a walk along straight minimum-jerk legs, from home."""
    counter = RepCounter(shape(a_task, ("right_j1", "right_j4")))
    t_ns, found = 0, []

    def at(a: float, b: float) -> None:
        nonlocal t_ns
        t_ns += STEP_NS
        for edge in counter.update(t_ns, (math.radians(a), math.radians(b)), True):
            if edge.kind is EdgeKind.ENDED:
                found.append(edge.reason)

    home = tuple(a_task.phases[0].pose_deg.values())
    for _ in range(200):
        at(*home)
    for (a, b), (c, d) in pairwise([home, *way_deg]):
        steps = round(leg_s * 500)
        for i in range(1, steps + 1):
            s = i / steps
            share = s * s * s * (10 - 15 * s + 6 * s * s)
            at(a + (c - a) * share, b + (d - b) * share)
        for _ in range(round(stop_s * 500)):
            at(c, d)
    for _ in range(200):
        at(*home)
    return found


@pytest.mark.parametrize("leg_s", [0.4, 0.8, 1.6])
@pytest.mark.parametrize(
    "poses",
    [
        [(0, 0), (90, 0), (45, 0), (20, 0)],  # every later pose lies on the way to the first
        [(0, 0), (30, 0), (60, 0), (90, 0)],  # beads on a string
        [(0, 0), (60, 60), (30, 30), (60, 0)],
        [(0, 0), (40, 0), (48, 0), (40, 8)],  # neighbours that overlap
        [(0, 0), (50, 50), (0, 50), (50, 50)],  # the same pose twice
    ],
)
def test_a_good_repetition_counts_however_near_the_poses_lie(poses, leg_s):
    assert run(task(*poses), [*poses[1:], poses[0]], leg_s) == [""]


@pytest.mark.parametrize("leg_s", [0.4, 0.8, 1.6])
def test_poses_apart_visited_in_another_order_are_wrong(leg_s):
    poses = [(0, 0), (50, 0), (50, 50), (0, 50)]
    assert run(task(*poses), [poses[3], poses[2], poses[1], poses[0]], leg_s) == [reasons.WRONG_ORDER]
    assert run(task(*poses), [poses[2], poses[1], poses[3], poses[0]], leg_s) == [reasons.WRONG_ORDER]


def test_skipping_a_pose_far_off_the_way_is_a_wrong_order():
    poses = [(0, 0), (50, 0), (50, 90), (60, 0)]
    assert run(task(*poses), [poses[1], poses[3], poses[0]]) == [reasons.WRONG_ORDER]


def test_turning_back_before_the_last_pose_is_a_short_reach():
    poses = [(0, 0), (50, 0), (50, 90)]
    assert run(task(*poses), [poses[1], (50, 60), poses[0]]) == [reasons.REACH_SHORT]
    assert run(task(*poses), [poses[1], (50, 10), poses[0]]) == [reasons.REACH_SHORT]


def test_going_out_and_back_the_same_way_is_one_repetition():
    poses = [(0, 0), (40, 0), (80, 0)]
    assert run(task(*poses), [poses[1], poses[2], poses[1], poses[0]]) == [""]


def test_stopping_at_a_later_pose_that_is_not_on_the_way_is_a_wrong_order_though_all_follow():
    poses = [(0, 0), (60, 0), (60, 60), (30, 30)]
    detour = [(30, 30), (60, 0), (60, 60), (30, 30), (0, 0)]
    assert run(task(*poses), detour, leg_s=0.8, stop_s=0.2) == [reasons.WRONG_ORDER]


def test_joints_that_a_phase_does_not_name_keep_their_place_on_the_way():
    shaped = shape(task((0, 0), (90, 0), (45, 0)), ("right_j1", "right_j4"))
    assert shaped.phases[1].passes == {2}
    assert shaped.phases[2].passes == frozenset()
    assert shaped.phases[1].distance_rad == pytest.approx(math.radians(90))
    assert shaped.phases[0].distance_rad == pytest.approx(math.radians(45))
    assert shaped.task_joints == (0, 1)
