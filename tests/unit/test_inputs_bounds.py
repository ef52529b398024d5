"""Trust in readings at its bounds themselves: the last reading that passes, the first that does not, and when."""

from __future__ import annotations

import math

import msgspec
import pytest

from firmware_bridge.samples import HEALTH_MISSING, INPUT_HAS_ENABLE, INPUT_HAS_ESTOP, RawCounts
from station.control.inputs import Judged, Trust, required_inputs
from station.settings.calibration import JointCalibration
from station.settings.load import load_rig

TURN = 1 << 21
PER_DEG = TURN / 360
MS = 1_000_000
DEMO, DEMO_CALIBRATION = load_rig("demo")
COUNT = len(DEMO.leader.joints)
HALF_TRAVEL_DEG = 270.0  # more than a turn, and a whole number of counts
EDGE = round(HALF_TRAVEL_DEG * PER_DEG)
SPEED_DEG_S = 900.0
RIG = msgspec.structs.replace(
    DEMO,
    leader=msgspec.structs.replace(
        DEMO.leader,
        hold_after_ms=30.0,
        stop_after_ms=200.0,
        joints=tuple(
            msgspec.structs.replace(
                joint, lower_deg=-HALF_TRAVEL_DEG, upper_deg=HALF_TRAVEL_DEG, max_speed_deg_s=SPEED_DEG_S
            )
            for joint in DEMO.leader.joints
        ),
    ),
)
CALIBRATION = msgspec.structs.replace(
    DEMO_CALIBRATION, joints={joint.name: JointCalibration(sign=1, zero_deg=0.0) for joint in DEMO.leader.joints}
)
NAMES = [joint.name for joint in RIG.leader.joints]
assert [joint.channel for joint in RIG.leader.joints] == list(range(COUNT))


def fastest(us: float) -> int:
    """Whole counts that a joint can have moved in so long, noise included."""
    return math.floor(SPEED_DEG_S * PER_DEG * 1e-6 * us + 0.5 * PER_DEG)


class Bench:
    """Counts joint by joint; a sample every 2 ms. All start at 0."""

    def __init__(self, turn: float = TURN, device_us: int = 0) -> None:
        self.trust = Trust(RIG, CALIBRATION, turn)
        self.counts = [0] * COUNT
        self.health = [0] * COUNT
        self.device_us = device_us
        self.seq = 0

    def next(self, us: int = 2000) -> Judged:
        judged = self.trust.judge(self.sample(), 10**12 + self.device_us * 1000)
        self.device_us += us
        self.seq += 1
        return judged

    def sample(self) -> RawCounts:
        at_ns = 10**12 + self.device_us * 1000
        return RawCounts(at_ns, self.seq, self.device_us, tuple(self.counts), tuple(self.health))


@pytest.mark.parametrize(("seq", "device_us"), [(0, 0), (0, 5), (7, 0), (1, 1)])
def test_the_first_sample_of_a_device_is_good_whatever_its_numbers(seq, device_us):
    bench = Bench(device_us=device_us)
    bench.seq = seq
    judged = bench.next()
    assert judged.events == () and judged.age_ns == (0,) * COUNT


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("is_healthy", [True, False])
def test_a_travel_of_more_than_a_turn_is_believed_to_its_ends_and_no_further(sign, is_healthy):
    """`is_healthy`: another joint's trouble must not change what is believed of this one."""
    bench = Bench()
    bench.counts[3] = sign * EDGE
    bench.health[9] = 0 if is_healthy else HEALTH_MISSING
    for _ in range(3):
        judged = bench.next()
        assert judged.sample.counts[3] == sign * EDGE
        assert "joint_rejected" not in [name for name, words in judged.events if words.startswith(NAMES[3])]
        bench.counts[3] += sign
        judged = bench.next()  # a count beyond: the other turn, where it is no step that a joint can make
        assert ("joint_rejected", f"{NAMES[3]}: impossible step") in judged.events
        assert judged.sample.counts[3] == sign * EDGE
        bench.counts[3] -= sign


@pytest.mark.parametrize("step", [fastest(2000) + 1, -fastest(2000) - 1, TURN // 2])
def test_when_all_joints_jump_at_once_none_is_believed(step):
    bench = Bench()
    bench.next()
    bench.counts = [step] * COUNT
    judged = bench.next()
    assert judged.events == tuple(("joint_rejected", f"{name}: impossible step") for name in NAMES)
    assert judged.sample.counts == (0,) * COUNT


@pytest.mark.parametrize("sign", [1, -1])
def test_when_all_joints_leave_their_travel_at_once_none_is_believed(sign):
    narrow = msgspec.structs.replace(
        RIG,
        leader=msgspec.structs.replace(
            RIG.leader,
            joints=tuple(
                msgspec.structs.replace(joint, lower_deg=-90.0, upper_deg=90.0) for joint in RIG.leader.joints
            ),
        ),
    )
    bench = Bench()
    bench.trust = Trust(narrow, CALIBRATION, TURN)
    edge = round(90 * PER_DEG)
    bench.counts = [sign * edge] * COUNT
    assert bench.next().events == ()
    assert bench.next().events == ()
    bench.counts = [sign * (edge + 1)] * COUNT
    judged = bench.next()
    assert judged.events == tuple(("joint_rejected", f"{name}: out of range") for name in NAMES)
    assert judged.sample.counts == (sign * edge,) * COUNT


def test_a_reading_that_changed_its_sign_is_a_step_of_twice_its_size():
    bench = Bench()
    bench.counts[5] = 100_000
    bench.next()
    bench.next()
    bench.counts[5] = -100_000
    assert bench.next().events == (("joint_rejected", f"{NAMES[5]}: impossible step"),)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("more", [0, 1])
def test_the_fastest_step_itself_passes_one_count_more_does_not(sign, more):
    bench = Bench()
    bench.next()
    bench.counts[3] = sign * (fastest(2000) + more)
    assert bench.next().events == ((("joint_rejected", f"{NAMES[3]}: impossible step"),) if more else ())


@pytest.mark.parametrize("health", [0, HEALTH_MISSING])
@pytest.mark.parametrize("step", [-230, 230])
def test_the_fastest_step_passes_where_it_is_a_whole_number_of_counts(step, health):
    """900 deg/s for 2 ms and half a degree; beside a joint that is missing all are looked at one by one."""
    bench = Bench(turn=36_000.0)
    bench.health[9] = health
    bench.next()
    bench.counts[3] = step
    judged = bench.next()
    assert judged.sample.counts[3] == step


@pytest.mark.parametrize("more", [0, 1])
def test_a_joint_that_was_not_seen_may_have_moved_all_the_time(more):
    bench = Bench()
    bench.next()
    bench.health[3] = HEALTH_MISSING
    for _ in range(10):
        bench.next()
    bench.health[3] = 0
    bench.counts[3] = fastest(22_000) + more
    judged = bench.next()
    assert judged.sample.counts[3] == (0 if more else bench.counts[3])


def test_a_jump_is_given_5_ms_to_have_been_a_movement_not_more():
    for reading, believed_at in ((fastest(2000), 0), (fastest(4000), 1), (fastest(5000), 2), (fastest(5000) + 1, None)):
        bench = Bench()
        bench.next()
        bench.counts[3] = reading
        found = [bench.next().sample.counts[3] == reading for _ in range(30)]
        assert found == [believed_at is not None and n >= believed_at for n in range(30)]


def test_in_the_first_5_ms_a_jump_is_given_the_time_that_passed():
    bench = Bench()
    bench.next()
    bench.counts[3] = fastest(4500)
    assert [bench.next().sample.counts[3] for _ in range(3)] == [0, 0, fastest(4500)]


def test_after_a_time_unseen_a_jump_is_given_that_time():
    bench = Bench()
    bench.next()
    bench.health[3] = HEALTH_MISSING
    for _ in range(49):
        bench.next()
    bench.health[3] = 0
    bench.counts[3] = fastest(100_000) + 1
    assert bench.next().sample.counts[3] == 0
    bench.counts[3] = fastest(100_000)
    assert bench.next().sample.counts[3] == fastest(100_000)


def looked_at(bench: Bench, changes: dict[int, int], jumps: dict[int, float]) -> int | None:
    """Runs 2 s of samples: joint 3 changes at the samples of `changes`, the joints 0 and 1 move by degrees at those of
    `jumps`; all others flicker. The device's time in ms when joint 3 is first called frozen."""
    for _ in range(1000):
        at_ms = bench.device_us // 1000
        for joint in (*range(3), *range(4, COUNT)):
            bench.counts[joint] ^= 64 if bench.trust._turn > 10_000 else 1
        bench.counts[3] += changes.get(at_ms, 0)
        for joint in (0, 1):
            bench.counts[joint] += round(jumps.get(at_ms, 0.0) * bench.trust._turn / 360)
        events = [event for event in bench.next().events if event[0] == "joint_frozen"]
        if events:
            assert events == [("joint_frozen", NAMES[3])]
            return at_ms
    return None


MOVE = {302 + 2 * n: 0.4 for n in range(9)}  # 3.6 deg in 18 ms


def test_a_joint_is_frozen_when_half_a_second_passed_in_which_its_neighbours_moved():
    """Looks are at 100, 200 ... ms; the joint changes last at the look at 300 ms."""
    assert looked_at(Bench(), {300: 7}, MOVE) == 800


def test_a_movement_of_neighbours_before_that_half_second_does_not_count():
    assert looked_at(Bench(), {400: 7}, MOVE) is None


def test_a_joint_that_changed_a_sample_later_is_frozen_a_look_later():
    assert looked_at(Bench(), {302: 7}, {ms + 200: deg for ms, deg in MOVE.items()}) == 900


@pytest.mark.parametrize(("deg", "expected"), [(2.9, None), (3.1, 800)])
def test_neighbours_have_moved_by_more_than_3_degrees(deg, expected):
    assert looked_at(Bench(), {300: 7}, {302 + 2 * n: deg / 9 for n in range(9)}) == expected


@pytest.mark.parametrize(("more", "expected"), [(0.0, None), (0.01, 800)])
def test_3_degrees_of_neighbours_where_they_are_whole_counts_are_not_more_than_3(more, expected):
    assert looked_at(Bench(turn=36_000.0), {300: 7}, {302: 1.5, 304: 1.5 + more}) == expected


def test_an_encoder_of_8192_counts_is_fine_enough():
    bench = Bench(turn=8192.0)
    assert looked_at(bench, {300: 7}, MOVE) == 800
    assert looked_at(Bench(turn=8191.0), {300: 7}, MOVE) is None


def test_a_joint_freezes_beside_one_that_is_missing():
    bench = Bench()
    bench.health[9] = HEALTH_MISSING
    assert looked_at(bench, {300: 7}, MOVE) == 800


def test_a_device_clock_slower_than_allowed_makes_readings_old():
    trust = Trust(RIG, CALIBRATION, TURN)
    for n in range(5001):
        at_ns = 10**12 + n * (2 * MS + 1200)  # 600 ppm slow; 500 are allowed
        sample = RawCounts(at_ns, n, 2000 * n, (0,) * COUNT, (0,) * COUNT)
        judged = trust.judge(sample, at_ns)
    assert judged.age_ns == pytest.approx((1 * MS,) * COUNT, abs=1000)


def test_of_two_joints_lost_one_after_the_other_the_second_counts_beyond_its_limit_only():
    bench = Bench()
    bench.next()
    bench.health[14] = HEALTH_MISSING
    bench.next()
    bench.health[15] = HEALTH_MISSING
    for past_ns, words in ((0, f"{NAMES[14]}: no answer, 32 ms"), (1, f"{NAMES[14]} and 1 after it")):
        judged = bench.trust.judge(bench.sample(), 10**12 + 2 * MS + 30 * MS + past_ns)
        assert ("joint_stale", words) in judged.events


@pytest.mark.parametrize(
    ("enable", "estop", "expected"),
    [
        ("required", "required", INPUT_HAS_ENABLE | INPUT_HAS_ESTOP),
        ("required", None, INPUT_HAS_ENABLE),
        (None, "required", INPUT_HAS_ESTOP),
        (None, None, 0),
    ],
)
def test_the_switches_that_the_rig_file_requires(enable, estop, expected):
    leader = msgspec.structs.replace(
        RIG.leader,
        enable_switch=enable or DEMO.leader.enable_switch,
        emergency_stop=estop or DEMO.leader.emergency_stop,
    )
    assert required_inputs(leader) == expected
