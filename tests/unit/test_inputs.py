"""Trust in readings: what is wrong with a joint is held and named; what is old or frozen is an event."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from firmware_bridge.samples import HEALTH_DEVICE_ERROR, HEALTH_MISSING, HEALTH_NOT_A_NUMBER, RawCounts
from station.control.calibrate import Calibrator
from station.control.inputs import FROZEN_US, NEVER_NS, Judged, Trust
from station.settings.load import load_rig

TURN = float(1 << 21)
PER_DEG = TURN / 360
MS = 1_000_000
DEMO, CALIBRATION = load_rig("demo")
RIG = msgspec.structs.replace(
    DEMO, leader=msgspec.structs.replace(DEMO.leader, hold_after_ms=30.0, stop_after_ms=200.0)
)
NAMES = [joint.name for joint in RIG.leader.joints]
COUNT = len(NAMES)


class Feed:
    """A leader whose every reading can be bent; one sample every 2 ms, the last bit flickering."""

    def __init__(self, turn: float = TURN) -> None:
        self.trust = Trust(RIG, CALIBRATION, turn)
        self.turn = turn
        self.random = random.Random(4)
        self.t_ns = 10**12
        self.seq = 0
        self.device_us = 5_000
        self.angle_deg = [(joint.lower_deg + joint.upper_deg) / 2 for joint in RIG.leader.joints]
        self.health = [0] * COUNT
        self.flicker = True
        self.under_way_ns = 0
        self.now_ns = 0

    def counts(self) -> list[int]:
        per_deg = self.turn / 360
        found = [0] * COUNT
        for joint, angle_deg in zip(RIG.leader.joints, self.angle_deg):
            bound = CALIBRATION.joints[joint.name]
            noise = self.random.choice((0, 64)) if self.flicker else 0
            found[joint.channel] = round((bound.zero_deg + bound.sign * angle_deg) * per_deg) + noise
        return found

    def sample(self, counts: list[int] | None = None) -> RawCounts:
        self.t_ns += 2 * MS
        self.seq += 2
        self.device_us += 2_000
        return RawCounts(
            self.t_ns + self.under_way_ns,
            self.seq,
            self.device_us,
            tuple(self.counts() if counts is None else counts),
            tuple(self.health),
        )

    def next(self, counts: list[int] | None = None) -> Judged:
        sample = self.sample(counts)
        self.now_ns = sample.t_ns + 50_000
        return self.trust.judge(sample, self.now_ns)

    def many(self, times: int) -> list[tuple[str, str]]:
        return [event for _ in range(times) for event in self.next().events]


def names(events) -> list[str]:
    return [name for name, _ in events]


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
