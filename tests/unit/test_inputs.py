"""Trust in readings: what is wrong with a joint is held and named; what can not be is not believed."""

from __future__ import annotations

import math

import pytest

from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_MISSING, HEALTH_NOT_A_NUMBER
from station.control.calibrate import Calibrator
from tests.unit.inputs_feed import CALIBRATION, COUNT, MS, NAMES, PER_DEG, RIG, TURN, Feed, names


def test_a_good_sample_passes_as_it_is_with_its_age():
    feed = Feed()
    for _ in range(50):
        sample = feed.sample()
        judged = feed.trust.judge(sample, sample.t_ns + 70_000)
        assert judged.sample is sample
        assert judged.age_ns == (70_000,) * COUNT
        assert judged.events == ()


@pytest.mark.parametrize("turns", [-2, -1, 1, 3])
def test_a_lost_turn_is_found_again_from_the_travel_band(turns):
    feed = Feed()
    wanted = feed.counts()
    feed.flicker = False
    for _ in range(3):
        judged = feed.next([count + turns * int(TURN) for count in feed.counts()])
    angles = Calibrator(RIG.leader, CALIBRATION, TURN).calibrate(judged.sample, judged.age_ns).angle_rad
    for angle_rad, angle_deg in zip(angles, feed.angle_deg):
        assert math.degrees(angle_rad) == pytest.approx(angle_deg, abs=0.001)
    assert judged.events == () and len(wanted) == COUNT


def test_the_encoders_wrap_inside_the_travel_is_no_step():
    feed = Feed()
    feed.many(5)
    for _ in range(5):
        counts = [count % int(TURN) for count in feed.counts()]
        assert feed.next(counts).events == ()
        assert feed.next().events == ()


def edge_counts(edge: str) -> list[int]:
    """The outermost count inside the travel band, of every channel."""
    found = [0] * COUNT
    for joint in RIG.leader.joints:
        bound = CALIBRATION.joints[joint.name]
        exact = (bound.zero_deg + bound.sign * (joint.lower_deg if edge == "lower" else joint.upper_deg)) * PER_DEG
        found[joint.channel] = math.floor(exact) if outward(edge, joint.name) > 0 else math.ceil(exact)
    return found


def outward(edge: str, name: str) -> int:
    return 1 if (edge == "upper") == (CALIBRATION.joints[name].sign > 0) else -1


@pytest.mark.parametrize("edge", ["lower", "upper"])
@pytest.mark.parametrize("joint", range(COUNT))
def test_the_travel_band_includes_its_bounds(edge, joint):
    feed = Feed()
    counts = edge_counts(edge)
    assert feed.next(list(counts)).events == ()
    counts[RIG.leader.joints[joint].channel] += outward(edge, NAMES[joint])
    assert feed.next(counts).events == (("joint_rejected", f"{NAMES[joint]}: out of range"),)


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (HEALTH_DEVICE_ERROR, "device error"),
        (HEALTH_NOT_A_NUMBER, "not a number"),
        (HEALTH_MISSING, "no answer"),
        (HEALTH_MISSING | HEALTH_DEVICE_ERROR, "no answer"),
        (HEALTH_NOT_A_NUMBER | HEALTH_DEVICE_ERROR, "not a number"),
    ],
)
@pytest.mark.parametrize("joint", [0, 7, 15])
def test_a_bad_reading_is_held_for_that_sample_and_told_once(health, words, joint):
    feed = Feed()
    feed.many(5)
    before = feed.next().sample.counts
    channel = RIG.leader.joints[joint].channel
    feed.health[channel] = health
    counts = feed.counts()
    counts[channel] = 0
    judged = feed.next(list(counts))
    assert judged.events == (("joint_rejected", f"{NAMES[joint]}: {words}"),)
    assert judged.sample.counts[channel] == before[channel]
    assert [a for c, a in enumerate(judged.sample.counts) if c != channel] == [
        a for c, a in enumerate(counts) if c != channel
    ]
    assert judged.age_ns[joint] == 2 * MS + 50_000
    assert feed.next(counts).events == ()
    feed.health[channel] = 0
    judged = feed.next()
    assert judged.events == () and judged.age_ns[joint] == 50_000


def test_an_impossible_step_is_held_and_the_fastest_possible_one_passes():
    for factor, passes in ((0.99, True), (1.01, False)):
        feed = Feed()
        feed.flicker = False
        feed.many(5)
        joint = RIG.leader.joints[3]
        feed.angle_deg[3] += factor * (joint.max_speed_deg_s * 0.002 + 0.5)
        judged = feed.next()
        assert (judged.events == ()) == passes
        if not passes:
            assert judged.events == (("joint_rejected", f"{joint.name}: impossible step"),)


def test_a_joint_that_really_moved_while_it_was_not_seen_is_believed_again():
    feed = Feed()
    feed.many(5)
    feed.health[2] = HEALTH_MISSING
    feed.many(10)
    feed.health[2] = 0
    feed.angle_deg[2] += 25
    assert feed.next().events == ()


def test_a_reading_that_jumped_is_not_believed_however_long_it_stays():
    feed = Feed()
    feed.flicker = False
    feed.many(5)
    feed.angle_deg[3] += 30
    first = feed.next()
    assert names(first.events) == ["joint_rejected"]
    told = set()
    channel = RIG.leader.joints[3].channel
    for n in range(400):
        if n in (10, 60):  # a gap makes it no more likely
            feed.device_us += 40_000
            feed.t_ns += 40 * MS
        judged = feed.next()
        told.update(names(judged.events))
        assert judged.sample.counts[channel] == first.sample.counts[channel]
    assert told == {"joint_stale", "joint_lost"}
    feed.angle_deg[3] -= 30
    assert feed.next().events == ()


def test_a_glitch_of_a_half_turn_in_one_sample_moves_nothing():
    feed = Feed()
    feed.many(5)
    counts = feed.counts()
    held = feed.next(list(counts)).sample.counts[4]
    counts[4] += int(TURN) // 2
    judged = feed.next(counts)
    assert judged.sample.counts[4] == held
    assert names(judged.events) == ["joint_rejected"]
    assert feed.next().events == ()
