"""Trust in readings: what is old, frozen or of a chain that broke is an event."""

from __future__ import annotations

import math
import random

import pytest

from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_MISSING
from station.control.calibrate import Calibrator
from station.control.inputs import FROZEN_US, NEVER_NS
from tests.unit.inputs_feed import CALIBRATION, COUNT, MS, NAMES, RIG, TURN, Feed, names


@pytest.mark.parametrize("joint", [0, 5, 15])
def test_a_joint_without_good_readings_holds_then_stops_at_the_limits_themselves(joint):
    feed = Feed()
    feed.many(5)
    feed.health[RIG.leader.joints[joint].channel] = HEALTH_DEVICE_ERROR
    hold_ns, stop_ns = RIG.leader.hold_after_ms * MS, RIG.leader.stop_after_ms * MS
    for _ in range(150):
        judged = feed.next()
        age_ns = judged.age_ns[joint]
        found = [event for event in judged.events if event[0] != "joint_rejected"]
        words = f"{NAMES[joint]}: device error, {age_ns // MS} ms"
        if age_ns > stop_ns:
            assert found == [("joint_lost", words)]
        elif age_ns > hold_ns:
            assert found == [("joint_stale", words)]
        else:
            assert found == []
    assert judged.age_ns[joint] > stop_ns


def test_the_limits_of_age_are_inclusive():
    for limit_ms, below, above in (
        (RIG.leader.hold_after_ms, "", "joint_stale"),
        (RIG.leader.stop_after_ms, "joint_stale", "joint_lost"),
    ):
        for past_ns, expected in ((0, below), (1, above)):
            feed = Feed()
            feed.many(3)
            feed.health[0] = HEALTH_MISSING
            good_ns = feed.t_ns
            sample = feed.sample()
            judged = feed.trust.judge(sample, good_ns + round(limit_ms * MS) + past_ns)
            assert [name for name in names(judged.events) if name != "joint_rejected"] == (
                [expected] if expected else []
            )


def test_a_reading_that_stays_out_of_range_says_so():
    feed = Feed()
    feed.many(5)
    for _ in range(400):
        feed.angle_deg[0] = min(feed.angle_deg[0] + 2, RIG.leader.joints[0].upper_deg + 5)
        events = feed.next().events
    assert names(events) == ["joint_out_of_range"] and events[0][1].startswith("right_j1: out of range, ")


def test_a_joint_that_was_never_read_is_lost_and_stands_in_the_middle():
    feed = Feed()
    feed.health[6] = HEALTH_MISSING
    judged = feed.next()
    assert ("joint_lost", "right_j7: no answer, never read") in judged.events
    assert judged.age_ns[6] >= NEVER_NS
    angles = Calibrator(RIG.leader, CALIBRATION, TURN).calibrate(judged.sample, judged.age_ns).angle_rad
    middle = (RIG.leader.joints[6].lower_deg + RIG.leader.joints[6].upper_deg) / 2
    assert math.degrees(angles[6]) == pytest.approx(middle, abs=0.001)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (range(3, 8), "right_j4 and 4 after it"),
        (range(14, 16), "left_j7 and 1 after it"),
        (range(10, 16), "left_j3 and 5 after it"),
        (range(3, 16), "right_j4 and 12 after it"),
    ],
)
def test_of_a_broken_chain_the_first_missing_module_is_named(missing, words):
    feed = Feed()
    feed.many(5)
    for channel in missing:
        feed.health[channel] = HEALTH_MISSING
    events = feed.many(50)
    assert ("joint_stale", words) in events and "chain_broken" not in names(events)
    assert ("chain_broken", words) in feed.many(100)


@pytest.mark.parametrize("missing", [(3,), (3, 5), (3, 4), (3, 4, 6, 7), (15,), (3, 4, 5, 6, 7, 9)])
def test_joints_that_are_no_tail_of_a_chain_are_single_faults(missing):
    feed = Feed()
    feed.many(5)
    for channel in missing:
        feed.health[channel] = HEALTH_MISSING
    events = feed.many(150)
    assert "chain_broken" not in names(events)
    assert events[-1][0] == "joint_lost" and events[-1][1].startswith(f"{NAMES[missing[0]]}: no answer, ")


def test_a_repeated_sample_makes_nothing_young():
    feed = Feed()
    feed.many(5)
    sample = feed.sample()
    feed.trust.judge(sample, sample.t_ns)
    again = sample._replace(t_ns=sample.t_ns + 20 * MS)
    assert feed.trust.judge(again, again.t_ns).age_ns == (20 * MS,) * COUNT
    for same in (again._replace(seq=again.seq + 1), again._replace(device_us=again.device_us + 1)):
        assert feed.trust.judge(same, same.t_ns).age_ns == (20 * MS,) * COUNT


def test_samples_that_were_long_under_way_are_old():
    feed = Feed()
    feed.many(20)
    feed.under_way_ns = 20 * MS
    judged = feed.next()
    assert judged.age_ns == pytest.approx((20 * MS + 50_000,) * COUNT, abs=2_000)
    assert judged.events == ()
    feed.under_way_ns = 40 * MS
    events = feed.next().events
    assert events == (("leader_stale", "40 ms under way"),)
    feed.under_way_ns = 250 * MS
    events = feed.next().events
    assert events == (("leader_silent", "250 ms under way"),)


def test_a_device_clock_that_drifts_makes_nothing_old():
    feed = Feed()
    for _ in range(5000):
        feed.under_way_ns += 400  # the device's clock runs 200 ppm slow
        judged = feed.next()
    assert max(judged.age_ns) < 1 * MS and judged.events == ()


@pytest.mark.parametrize("what", ["seq", "device_us"])
def test_a_leader_whose_numbers_run_backwards_has_restarted(what):
    feed = Feed()
    feed.many(5)
    setattr(feed, what, 0)
    judged = feed.next()
    assert names(judged.events) == ["leader_restarted"]
    assert judged.age_ns == (50_000,) * COUNT
    assert feed.next().events == ()


def test_a_frozen_joint_is_found_while_its_neighbours_move():
    feed = Feed()
    feed.many(300)
    frozen = feed.counts()[3]
    seen = []
    for step in range(600):
        for joint in (0, 1):
            feed.angle_deg[joint] += 0.02
        counts = feed.counts()
        counts[3] = frozen
        for event in feed.next(counts).events:
            seen.append((step, event))
    assert {event for _, event in seen} == {("joint_frozen", "right_j4")}
    assert FROZEN_US / 2000 - 1 <= seen[0][0] <= FROZEN_US / 2000 + 120
    assert seen[-1][0] == 599
    counts = feed.counts()
    for _ in range(60):
        counts[3] = frozen + 64
        events = feed.next(counts).events
    assert events == ()


@pytest.mark.parametrize("movers", [(), (0,), (8, 9, 10)])
def test_a_joint_at_rest_is_not_frozen_unless_two_neighbours_of_its_arm_move(movers):
    feed = Feed()
    feed.many(300)
    frozen = feed.counts()[3]
    for _ in range(600):
        for joint in movers:
            feed.angle_deg[joint] += 0.02
        counts = feed.counts()
        counts[3] = frozen
        assert feed.next(counts).events == ()


def test_a_joint_whose_last_bit_flickers_is_not_frozen():
    feed = Feed()
    for _ in range(600):
        for joint in (0, 1, 2):
            feed.angle_deg[joint] += 0.02
        assert feed.next().events == ()


def test_a_coarse_encoder_may_rest_bit_identical():
    feed = Feed(turn=4096.0)
    feed.flicker = False
    for _ in range(600):
        for joint in (0, 1, 2):
            feed.angle_deg[joint] += 0.02
        assert feed.next().events == ()


def test_a_joint_that_is_lost_is_not_called_frozen_too():
    feed = Feed()
    feed.many(300)
    feed.health[3] = HEALTH_DEVICE_ERROR
    events = []
    for _ in range(600):
        for joint in (0, 1):
            feed.angle_deg[joint] += 0.02
        events.extend(feed.next().events)
    assert set(names(events)) == {"joint_rejected", "joint_stale", "joint_lost"}


def test_after_restart_everything_is_new():
    feed = Feed()
    feed.many(5)
    feed.trust.restart()
    feed.seq = feed.device_us = 0
    feed.angle_deg[0] += 60
    assert feed.next().events == ()


def test_random_samples_never_raise_and_never_move_a_held_joint_out_of_its_band():
    seed = 20
    chance = random.Random(seed)
    feed = Feed()
    calibrator = Calibrator(RIG.leader, CALIBRATION, TURN)
    for _ in range(3000):
        counts = feed.counts()
        for channel in range(COUNT):
            if chance.random() < 0.1:
                counts[channel] = chance.choice((0, -(1 << 31), (1 << 31) - 1, 1 << 62, chance.randrange(1 << 21)))
            feed.health[channel] = chance.choice((0, 0, 0, 0, 1, 2, 4, 7))
        if chance.random() < 0.01:
            feed.seq = chance.randrange(100_000)
        judged = feed.next(counts)
        angles = calibrator.calibrate(judged.sample, judged.age_ns).angle_rad
        for joint, angle_rad in zip(RIG.leader.joints, angles):
            assert joint.lower_deg - 0.001 <= math.degrees(angle_rad) <= joint.upper_deg + 0.001, f"seed {seed}"
