"""Where an arm that was off begins: by two answers of each of its motors that agree."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from station.control.links import Links
from station.control.pace import Pace
from tests.unit.test_links import MS, Clock, Line, pose

Rig = tuple[Links, Line, Line, Clock]


@pytest.fixture
def rig() -> Iterator[Rig]:
    clock = Clock()
    leader, gate = Line(clock, None), Line(clock, pose(clock(), 0.1, 0.2))
    yield Links(leader, gate, Pace(500.0, 1000.0, clock, clock.sleep)), leader, gate, clock  # type: ignore[arg-type]
    leader.close()
    gate.close()


def answer(rig: Rig, *position: float, again: tuple[int, ...] = ()) -> Links:
    """A whole answer, a millisecond later; `again`: motors that have not answered anew."""
    links, _, gate, clock = rig
    clock.now_ns += MS
    at = [links.feedback.t_ns[i] if i in again else clock.now_ns for i in range(len(position))]
    gate.answers = [pose(0, *position)._replace(t_ns=tuple(at))]
    links.read_arm()
    return links


def test_a_pose_is_sure_once_two_answers_agree(rig: Rig):
    links, _, gate, _ = rig
    assert not answer(rig, 0.1, 0.25).is_pose_sure
    assert links.feedback is gate.answers[0]
    links.read_arm()
    assert not links.is_pose_sure, "the same answer read twice is no second one"
    assert answer(rig, 0.1, 0.25).is_pose_sure


def test_a_wrong_answer_between_two_right_ones_is_never_sure(rig: Rig):
    answer(rig, 0.1, 0.2)
    for position, expected in ((0.1, True), (0.9, False), (0.1, False), (0.1, True), (math.nan, False)):
        assert answer(rig, position, 0.2).is_pose_sure == expected


@pytest.mark.parametrize("late", [0, 1])
def test_an_answer_that_comes_in_two_reads_is_not_two_answers(rig: Rig, late: int):
    """One motor is late: the other one's single wrong answer stands in two poses, and does not agree with itself."""
    early = 1 - late
    for _ in range(2):
        answer(rig, 0.1, 0.2)
    wrong = (0.9, 0.2) if early == 0 else (0.1, 0.9)
    assert not answer(rig, *wrong, again=(late,)).is_pose_sure
    for _ in range(5):
        assert not answer(rig, *wrong, again=(early,)).is_pose_sure
    assert not answer(rig, 0.1, 0.2).is_pose_sure
    assert answer(rig, 0.1, 0.2, again=(late,)).is_pose_sure
