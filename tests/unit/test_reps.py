"""The counter against synthetic workers whose every movement is known."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest

from station.session import reasons
from station.session.gesture import shape
from station.session.reps import Edge, EdgeKind, RepCounter
from tests.gestures import GRIP, HOME, NAMES, PULL, REACH, TASK, SyntheticWorker, blend, pose

GESTURE = shape(TASK, NAMES)


def feed(counter: RepCounter, samples: Iterable[tuple[int, tuple[float, ...]]], following: bool = True) -> list[Edge]:
    edges: list[Edge] = []
    for t_ns, angles in samples:
        edges.extend(counter.update(t_ns, angles, following))
    return edges


def ends(edges: list[Edge]) -> list[Edge]:
    return [edge for edge in edges if edge.kind is EdgeKind.ENDED]


def reasons_of(edges: list[Edge]) -> list[str]:
    return [edge.reason for edge in ends(edges)]


def started(worker: SyntheticWorker) -> RepCounter:
    counter = RepCounter(GESTURE)
    assert feed(counter, worker.stay(0.5)) == []
    return counter


@pytest.mark.parametrize("pace_s", [1.6, 2.4, 3.2, 5.0, 6.2])
@pytest.mark.parametrize("seed", range(3))
def test_every_good_repetition_is_counted_at_any_pace(pace_s, seed):
    worker = SyntheticWorker(seed)
    counter = started(worker)
    for _ in range(8):
        edges = feed(counter, worker.rep(pace_s=pace_s))
        assert [(e.kind.value, e.phase, e.reason) for e in edges] == [
            ("begun", 1, ""), ("reached", REACH, ""), ("reached", GRIP, ""), ("reached", PULL, ""), ("ended", 0, "")
        ]  # fmt: skip
        assert 0.5 * pace_s < edges[-1].duration_ns / 1e9 < pace_s + 0.5


@pytest.mark.parametrize("noise_deg", [0.0, 0.3, 0.8])
def test_noise_neither_adds_nor_loses_a_repetition(noise_deg):
    worker = SyntheticWorker(5, noise_deg=noise_deg)
    counter = started(worker)
    edges = [edge for _ in range(12) for edge in feed(counter, worker.rep())]
    assert reasons_of(edges) == [""] * 12


def test_noise_at_the_edge_of_home_begins_nothing():
    worker = SyntheticWorker(6, noise_deg=1.0)
    counter = started(worker)
    edge = {name: deg + TASK.phases[0].tolerance_deg for name, deg in pose(HOME).items()}
    assert feed(counter, worker.move(edge, 1.0)) == []
    assert feed(counter, worker.stay(5.0)) == []


def test_a_small_movement_at_home_is_no_repetition():
    worker = SyntheticWorker(7)
    counter = started(worker)
    for _ in range(20):
        assert feed(counter, worker.move({"right_j1": 13.5, "right_j4": 3}, 0.3)) == []
        assert feed(counter, worker.move(pose(HOME), 0.3)) == []


@pytest.mark.parametrize("where", [0.3, 0.6])
@pytest.mark.parametrize("k", [REACH, GRIP, PULL])
def test_a_pause_midway_loses_nothing(k, where):
    worker = SyntheticWorker(8)
    counter = started(worker)
    edges: list[Edge] = []
    for phase in (REACH, GRIP, PULL, HOME):
        if phase == k:
            edges += feed(counter, worker.move(blend(worker.at_deg, pose(phase), where), 0.5))
            edges += feed(counter, worker.stay(1.6))
        edges += feed(counter, worker.move(pose(phase), 0.6))
        edges += feed(counter, worker.stay(0.1))
    edges += feed(counter, worker.stay(0.3))
    assert reasons_of(edges) == [""]


@pytest.mark.parametrize("where", [0.25, 0.5])
def test_a_pause_on_the_way_home_is_not_a_missing_return(where):
    worker = SyntheticWorker(9)
    counter = started(worker)
    edges: list[Edge] = []
    for phase in (REACH, GRIP, PULL):
        edges += feed(counter, worker.move(pose(phase), 0.6))
        edges += feed(counter, worker.stay(0.1))
    edges += feed(counter, worker.move(blend(worker.at_deg, pose(HOME), where), 0.5))
    edges += feed(counter, worker.stay(1.5))
    edges += feed(counter, worker.move(pose(HOME), 0.5))
    edges += feed(counter, worker.stay(0.5))
    assert reasons_of(edges) == [""]


@pytest.mark.parametrize("share", [0.45, 0.6, 0.75])
def test_a_short_reach_says_which_joint_and_by_how_much(share):
    worker = SyntheticWorker(10)
    counter = started(worker)
    short = blend(pose(HOME), pose(REACH), share)
    edges = feed(counter, worker.move(short, 0.8))
    edges += feed(counter, worker.stay(0.2))
    edges += feed(counter, worker.move(pose(HOME), 0.8))
    edges += feed(counter, worker.stay(0.5))
    assert reasons_of(edges) == [reasons.REACH_SHORT]
    detail = ends(edges)[0].detail
    missing = {name: abs(TASK.phases[REACH].pose_deg[name] - short[name]) for name in TASK.phases[REACH].pose_deg}
    worst = max(missing.values())
    assert detail["phase"] == "reach"
    assert missing[detail["joint"]] == pytest.approx(worst, abs=0.5)
    assert float(detail["value"].rstrip("°")) == pytest.approx(worst, abs=1.0)
    assert detail["limit"] == "9°"


@pytest.mark.parametrize("seed", range(4))
def test_a_short_reach_stays_short_when_the_rest_of_the_gesture_is_done(seed):
    worker = SyntheticWorker(seed)
    counter = started(worker)
    edges: list[Edge] = []
    for target in (blend(pose(HOME), pose(REACH), 0.7), {"right_trigger": -45}, pose(PULL), pose(HOME)):
        edges += feed(counter, worker.move(worker.wander(target, 1.0), 0.7))
        edges += feed(counter, worker.stay(0.15))
    edges += feed(counter, worker.stay(0.5))
    assert reasons_of(edges) == [reasons.REACH_SHORT]
    assert ends(edges)[0].detail["phase"] == "reach"


def test_a_half_closed_hand_is_a_short_grip():
    worker = SyntheticWorker(12)
    counter = started(worker)
    edges: list[Edge] = []
    for target in (pose(REACH), {"right_trigger": -25}, {**pose(PULL), "right_trigger": -25}, pose(HOME)):
        edges += feed(counter, worker.move(target, 0.7))
        edges += feed(counter, worker.stay(0.15))
    edges += feed(counter, worker.stay(0.5))
    assert reasons_of(edges) == [reasons.REACH_SHORT]
    assert ends(edges)[0].detail == {"phase": "grip", "joint": "right_trigger", "value": "20°", "limit": "12°"}


@pytest.mark.parametrize("off_deg", [13.0, 20.0, 30.0])
def test_settling_outside_home_is_no_return(off_deg):
    worker = SyntheticWorker(13)
    counter = started(worker)
    edges = feed(counter, worker.rep(order=(REACH, GRIP, PULL)))
    assert reasons_of(edges) == []
    edges += feed(counter, worker.move({**pose(HOME), "right_j4": 15 + off_deg}, 0.8))
    edges += feed(counter, worker.stay(1.4))
    assert reasons_of(edges) == [reasons.NO_RETURN]
    detail = ends(edges)[0].detail
    assert detail["joint"] == "right_j4"
    assert float(detail["value"].rstrip("°")) == pytest.approx(off_deg, abs=1.0)
    # Going home after all is no repetition; the next one counts.
    assert feed(counter, worker.move(pose(HOME), 0.6)) == []
    assert feed(counter, worker.stay(0.5)) == []
    assert reasons_of(feed(counter, worker.rep())) == [""]


@pytest.mark.parametrize("rest_s", [0.0, 0.4, 1.5])
def test_the_repetition_after_a_missing_return_is_not_lost(rest_s):
    worker = SyntheticWorker(14)
    counter = started(worker)
    edges = feed(counter, worker.rep(order=(REACH, GRIP, PULL)))
    edges += feed(counter, worker.move({**pose(HOME), "right_j4": 32}, 0.8))
    edges += feed(counter, worker.stay(rest_s))
    edges += feed(counter, worker.rep())
    assert reasons_of(edges) == [reasons.NO_RETURN, ""]


@pytest.mark.parametrize("order", [(PULL, REACH, GRIP), (REACH, PULL, GRIP), (PULL, GRIP, REACH)])
def test_swapped_phases_are_a_wrong_order(order):
    worker = SyntheticWorker(15)
    counter = started(worker)
    edges = feed(counter, worker.rep(order=(*order, HOME), pace_s=4.0))
    assert reasons_of(edges) == [reasons.WRONG_ORDER]
    assert ends(edges)[0].detail["before"] == "pull"


def test_coming_with_the_hand_closed_is_the_same_gesture():
    """This task's grip is its reach with the trigger pulled: on the way there, so not a wrong order."""
    worker = SyntheticWorker(15)
    counter = started(worker)
    assert reasons_of(feed(counter, worker.rep(order=(GRIP, REACH, PULL, HOME), pace_s=4.0))) == [""]


def test_doing_a_skipped_phase_afterwards_and_going_on_in_order_is_still_a_wrong_order():
    worker = SyntheticWorker(16)
    counter = started(worker)
    edges = feed(counter, worker.rep(order=(REACH, PULL, GRIP, PULL, HOME), pace_s=4.5))
    assert reasons_of(edges) == [reasons.WRONG_ORDER]


def test_a_skipped_phase_is_a_wrong_order():
    worker = SyntheticWorker(17)
    counter = started(worker)
    edges = feed(counter, worker.move({**pose(PULL)}, 1.0))
    edges += feed(counter, worker.stay(0.2))
    edges += feed(counter, worker.move(pose(HOME), 1.0))
    edges += feed(counter, worker.stay(0.5))
    assert reasons_of(edges) in ([reasons.WRONG_ORDER], [reasons.REACH_SHORT])


def test_a_phase_beyond_its_timeout_is_too_slow():
    worker = SyntheticWorker(18)
    counter = started(worker)
    edges = feed(counter, worker.move(pose(REACH), 0.7))
    edges += feed(counter, worker.stay(3.4))
    edges += feed(counter, worker.rep(order=(GRIP, PULL, HOME), pace_s=2.0))
    assert reasons_of(edges) == [reasons.TOO_SLOW]
    assert ends(edges)[0].detail["phase"] == "grip"
    assert ends(edges)[0].detail["limit"] == "3.0 s"


@pytest.mark.parametrize("pace_s", [8.5, 10.0])
def test_a_repetition_beyond_its_longest_time_is_too_slow(pace_s):
    worker = SyntheticWorker(19)
    counter = started(worker)
    assert reasons_of(feed(counter, worker.rep(pace_s=pace_s))) == [reasons.TOO_SLOW]
    assert reasons_of(feed(counter, worker.rep())) == [""]


def test_a_worker_who_walks_off_midway_is_ended_by_the_hard_bound():
    worker = SyntheticWorker(20)
    counter = started(worker)
    edges = feed(counter, worker.move(pose(REACH), 0.7))
    edges += feed(counter, worker.stay(2.2 * TASK.rep_max_s))
    assert reasons_of(edges) == [reasons.TOO_SLOW]
    assert not counter.in_rep
    assert feed(counter, worker.move(pose(HOME), 0.7)) == []
    assert feed(counter, worker.stay(0.3)) == []
    assert reasons_of(feed(counter, worker.rep())) == [""]


@pytest.mark.parametrize("when_s", [0.4, 1.2, 2.0])
def test_a_robot_that_stops_following_interrupts(when_s):
    worker = SyntheticWorker(21)
    counter = started(worker)
    samples = list(worker.rep())
    cut = round(when_s * 500)
    edges = feed(counter, samples[:cut])
    edges += feed(counter, samples[cut : cut + 200], following=False)
    edges += feed(counter, samples[cut + 200 :])
    assert reasons_of(edges) == [reasons.INTERRUPTED]
    assert reasons_of(feed(counter, worker.rep())) == [""]


def test_movement_while_the_robot_does_not_follow_is_no_repetition():
    worker = SyntheticWorker(22)
    counter = started(worker)
    assert feed(counter, worker.rep(), following=False) == []


def test_following_that_begins_away_from_home_waits_for_home():
    worker = SyntheticWorker(23, at_deg=pose(GRIP, pose(HOME)))
    counter = RepCounter(GESTURE)
    edges = feed(counter, worker.rep(order=(PULL, HOME)))
    assert edges == []
    assert counter.phase == 1
    assert reasons_of(feed(counter, worker.rep())) == [""]


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_drift_of_0_3_rad_over_an_hour_loses_nothing(sign):
    """The rest position may wander at a bounded rate only, so the hour is a whole one, thinly sampled."""
    worker = SyntheticWorker(24, drift_deg_per_s=sign * math.degrees(0.3) / 3600)
    counter = started(worker)
    counted = 0
    for _ in range(120):  # one repetition each 30 s
        edges = feed(counter, list(worker.rep(spread_deg=2.0))[::4])
        assert reasons_of(edges) == [""], math.degrees(counter.baseline_rad[0])
        counted += 1
        worker.t_ns += round((30 - 3.8) * 1e9)
        feed(counter, list(worker.stay(0.6))[::4])
    assert counted == 120
    assert abs(counter.baseline_rad[0]) > 0.15
    assert counter.baseline_rad[NAMES.index("left_j1")] == 0.0


def test_the_baseline_is_bounded_and_goes_on_after_a_restart():
    worker = SyntheticWorker(25, at_deg={name: deg + 17 for name, deg in pose(HOME).items()})
    lost = RepCounter(GESTURE)
    feed(lost, worker.stay(1.0))
    assert lost.phase == 0
    kept = RepCounter(GESTURE, tuple(math.radians(12) for _ in NAMES))
    feed(kept, worker.stay(1.0))
    assert kept.phase == 1
    far = RepCounter(GESTURE, tuple(9.0 for _ in NAMES))
    assert max(far.baseline_rad) < 0.5


def test_lost_ticks_do_not_lose_the_count():
    worker = SyntheticWorker(26)
    counter = started(worker)
    dice = random.Random(3)
    edges: list[Edge] = []
    for _ in range(15):
        edges += feed(counter, [sample for sample in worker.rep() if dice.random() > 0.3])
    assert reasons_of(edges) == [""] * 15


def test_a_reading_that_is_not_a_number_neither_begins_nor_reaches_anything():
    worker = SyntheticWorker(27)
    counter = started(worker)
    bad = [(t, (math.nan,) * 16) for t, _ in worker.stay(0.5)]
    assert feed(counter, bad) == []
    samples = list(worker.rep())
    for i in range(300, 330):
        samples[i] = (samples[i][0], (math.nan, *samples[i][1][1:]))
    assert reasons_of(feed(counter, samples)) == [""]


def test_time_that_does_not_go_on_is_ignored():
    worker = SyntheticWorker(28)
    counter = started(worker)
    samples = [sample for sample in worker.rep() for _ in range(2)]
    assert reasons_of(feed(counter, samples)) == [""]


@pytest.mark.parametrize("seed", range(6))
def test_a_long_mixed_shift_is_counted_exactly(seed):
    worker = SyntheticWorker(100 + seed, noise_deg=0.1)
    counter = started(worker)
    dice = random.Random(seed)
    truth: list[str] = []
    edges: list[Edge] = []
    for _ in range(25):
        kind = dice.choice(["", "", "", reasons.REACH_SHORT, reasons.NO_RETURN, reasons.WRONG_ORDER, reasons.TOO_SLOW])
        truth.append(kind)
        pace_s = dice.uniform(2.2, 4.5)
        if kind == reasons.REACH_SHORT:
            short = blend(worker.at_deg, pose(REACH), dice.uniform(0.4, 0.75))
            for target in (short, pose(HOME)):
                edges += feed(counter, worker.move(target, 0.4 * pace_s))
                edges += feed(counter, worker.stay(0.4))
        elif kind == reasons.NO_RETURN:
            edges += feed(counter, worker.rep(order=(REACH, GRIP, PULL), pace_s=0.7 * pace_s))
            off = {**pose(HOME), "right_j1": dice.choice([-1, 1]) * dice.uniform(13, 25)}
            edges += feed(counter, worker.move(off, 0.8))
            edges += feed(counter, worker.stay(dice.uniform(1.2, 2.0)))
            edges += feed(counter, worker.move(pose(HOME), 0.5))
            edges += feed(counter, worker.stay(0.4))
        elif kind == reasons.WRONG_ORDER:
            edges += feed(counter, worker.rep(order=(PULL, REACH, GRIP, HOME), pace_s=4.0))
        elif kind == reasons.TOO_SLOW:
            edges += feed(counter, worker.rep(pace_s=dice.uniform(8.2, 10)))
        else:
            edges += feed(counter, worker.rep(pace_s=pace_s))
    assert reasons_of(edges) == truth
