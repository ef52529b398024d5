"""The check of a finished repetition: each hard defect rejects with its reason, smoothness and pace only tag."""

from __future__ import annotations

import functools
import math
import random

import msgspec
import numpy as np
import pytest

from station.session import reasons
from station.session.gesture import shape
from station.session.quality import QualityCheck
from station.session.smoothness import spectral_arc_length
from station.signals import Mode
from tests.gestures import HOME, NAMES, PERIOD_NS, RIG, TASK, SyntheticWorker, TickMaker, pose

GESTURE = shape(TASK, NAMES)
ARM = [joint.name for joint in RIG.arm.joints]
ELBOW = NAMES.index("right_j4")
replace = msgspec.structs.replace


def good_ticks(seed: int = 1, pace_s: float = 3.2):
    return list(_made(seed, pace_s))


@functools.cache
def _made(seed: int, pace_s: float):
    return tuple(TickMaker().ticks(SyntheticWorker(seed).rep(pace_s=pace_s)))


@pytest.fixture
def check():
    return QualityCheck(RIG, GESTURE)


def test_a_clean_repetition_passes_without_a_tag(check):
    grade = check.check(good_ticks())
    assert (grade.reason, grade.tags) == ("", ())
    assert grade.figures["slots_missing"] == 0
    assert -8 < grade.figures["smoothness_sparc"] < -1.4


@pytest.mark.parametrize(("lost", "is_rejected"), [(0, False), (1, False), (2, True), (5, True)])
def test_more_than_one_lost_sample_in_a_row_rejects(check, lost, is_rejected):
    ticks = good_ticks()
    late = [
        replace(
            t,
            sample_seq=t.sample_seq + lost,
            sample_device_us=t.sample_device_us + 1000 * lost,
            samples_lost=t.samples_lost + lost,
        )
        for t in ticks[700:]
    ]
    grade = check.check(ticks[:700] + late)
    assert grade.reason == (reasons.SAMPLE_GAP if is_rejected else "")
    if is_rejected:
        assert grade.detail == {"value": f"{lost + 1} ms", "limit": "2 ms"}


def test_single_losses_far_apart_do_not_add_up(check):
    ticks = good_ticks()
    spread = [
        replace(
            t,
            sample_seq=t.sample_seq + i // 100,
            sample_device_us=t.sample_device_us + 1000 * (i // 100),
            samples_lost=i // 100,
        )
        for i, t in enumerate(ticks)
    ]
    assert check.check(spread).reason == ""


@pytest.mark.parametrize(("silent_us", "is_rejected"), [(0, False), (1000, False), (3000, True), (25_000, True)])
def test_a_device_that_paused_without_skipping_a_number_rejects(check, silent_us, is_rejected):
    ticks = good_ticks()
    late = [replace(t, sample_device_us=t.sample_device_us + silent_us) for t in ticks[700:]]
    assert check.check(ticks[:700] + late).reason == (reasons.SAMPLE_GAP if is_rejected else "")


def test_a_device_clock_that_is_off_by_a_few_parts_in_a_thousand_is_no_gap(check):
    ticks = [replace(t, sample_device_us=round(t.sample_device_us * 1.004)) for t in good_ticks()]
    assert check.check(ticks).reason == ""


def test_an_old_sample_used_again_is_no_gap(check):
    ticks = good_ticks()
    for i in range(500, 504):
        before = ticks[499]
        ticks[i] = replace(ticks[i], sample_seq=before.sample_seq, sample_device_us=before.sample_device_us)
    assert check.check(ticks).reason == ""


@pytest.mark.parametrize(("missing", "is_rejected"), [(1, False), (2, False), (29, False), (30, True)])
def test_a_hole_in_the_loops_slots_rejects_beyond_the_rigs_bound(check, missing, is_rejected):
    ticks = good_ticks()
    grade = check.check(ticks[:600] + ticks[600 + missing :])
    assert RIG.loop.gap_stop_ms == 60.0
    # The samples of the hole were not lost by the device: it is the loop that is to blame.
    assert grade.reason == (reasons.TICK_GAP if is_rejected else "")
    assert grade.figures["slots_missing"] == missing


def test_too_many_missing_slots_reject(check):
    ticks = [tick for i, tick in enumerate(good_ticks()) if i % 40 != 7]
    assert check.check(ticks).reason == reasons.TICK_GAP


def test_many_single_missing_slots_only_tag(check):
    ticks = [tick for i, tick in enumerate(good_ticks()) if i % 70 != 7]
    assert check.check(ticks).tags == ("late_ticks",)
    assert check.check(ticks).reason == ""


def test_a_hold_in_the_middle_rejects(check):
    ticks = good_ticks()
    ticks[500] = replace(ticks[500], mode=int(Mode.HOLD))
    assert check.check(ticks).reason == reasons.INTERRUPTED


def test_asking_for_more_than_the_arm_may_do_rejects_and_names_the_joint(check):
    ticks = good_ticks()
    j = ARM.index("right_j6")
    over = math.radians(45 + 12)
    for i in range(400, 460):
        ticks[i] = replace(ticks[i], target_rad=(*ticks[i].target_rad[:j], over, *ticks[i].target_rad[j + 1 :]))
    grade = check.check(ticks)
    assert (grade.reason, grade.detail) == (reasons.LIMIT_HIT, {"joint": "right_j6", "value": "12°"})


def test_brushing_a_limit_for_a_moment_does_not_reject(check):
    ticks = good_ticks()
    j = ARM.index("right_j6")
    for i in range(400, 408):
        ticks[i] = replace(ticks[i], target_rad=(*ticks[i].target_rad[:j], 0.9, *ticks[i].target_rad[j + 1 :]))
    assert check.check(ticks).reason == ""


@pytest.mark.parametrize("value", [0.2, math.nan])
def test_an_arm_joint_that_never_changes_while_its_command_moves_rejects(check, value):
    j = ARM.index("right_j4")
    ticks = [replace(t, arm_rad=(*t.arm_rad[:j], value, *t.arm_rad[j + 1 :])) for t in good_ticks()]
    grade = check.check(ticks)
    assert (grade.reason, grade.detail["joint"]) == (reasons.JOINT_FROZEN, "right_j4")


def test_an_arm_joint_that_is_not_asked_to_move_may_stand_still(check):
    j = ARM.index("left_j3")
    ticks = [replace(t, arm_rad=(*t.arm_rad[:j], 0.125, *t.arm_rad[j + 1 :])) for t in good_ticks()]
    assert check.check(ticks).reason == ""


def test_a_leader_joint_that_freezes_while_the_others_move_rejects(check):
    ticks = good_ticks()
    held = ticks[300].angle_rad[ELBOW]
    for i in range(300, 1100):
        angles = ticks[i].angle_rad
        ticks[i] = replace(ticks[i], angle_rad=(*angles[:ELBOW], held, *angles[ELBOW + 1 :]))
    grade = check.check(ticks)
    assert (grade.reason, grade.detail) == (reasons.JOINT_FROZEN, {"joint": "right_j4", "value": "1.6 s"})


def test_an_arm_that_rests_without_noise_is_not_frozen(check):
    worker = SyntheticWorker(4, noise_deg=0.0)
    samples = [*worker.rep(order=(1, 2, 3)), *worker.stay(1.5), *worker.move(pose(HOME), 0.8), *worker.stay(0.3)]
    assert check.check(list(TickMaker().ticks(samples))).reason == ""


def test_too_few_ticks_are_incomplete(check):
    assert check.check(good_ticks()[:5]).reason == reasons.RECORD_INCOMPLETE
    assert check.check([]).reason == reasons.RECORD_INCOMPLETE


def usual(check: QualityCheck, count: int = 10) -> None:
    for seed in range(count):
        grade = check.check(good_ticks(100 + seed, pace_s=3.1 + 0.01 * seed))
        assert grade.reason == ""
        check.remember(grade.figures["smoothness_sparc"], 3.5 + 0.01 * seed)


@pytest.mark.parametrize(("pace_s", "tag"), [(2.2, "faster"), (4.6, "slower")])
def test_another_pace_only_tags_against_the_workers_own(check, pace_s, tag):
    assert check.check(good_ticks(2, pace_s)).tags == ()
    usual(check)
    grade = check.check(good_ticks(2, pace_s))
    assert tag in grade.tags
    assert grade.reason == ""


def test_tremor_only_tags(check):
    usual(check)
    ticks = good_ticks(3)
    shaken = []
    for i, tick in enumerate(ticks):
        shake = math.radians(3.0) * math.sin(2 * math.pi * 6.0 * i * 0.002)
        angles = tick.angle_rad
        shaken.append(replace(tick, angle_rad=(*angles[:ELBOW], angles[ELBOW] + shake, *angles[ELBOW + 1 :])))
    grade = check.check(shaken)
    assert "less_smooth" in grade.tags
    assert grade.reason == ""


# -- smoothness itself


def minimum_jerk_speed(seconds: float, rate_hz: float = 500.0) -> np.ndarray:
    s = np.arange(0, 1, 1 / (seconds * rate_hz))
    return 30 * s**2 * (1 - s) ** 2


def test_one_minimum_jerk_movement_has_the_published_smoothness():
    """Balasubramanian 2015: about -1.4 for a single bell-shaped movement, whatever its duration and size."""
    values = [spectral_arc_length(minimum_jerk_speed(seconds), 500.0) for seconds in (0.6, 1.0, 2.0)]
    assert values == pytest.approx([-1.41] * 3, abs=0.08)
    assert spectral_arc_length(7.3 * minimum_jerk_speed(1.0), 500.0) == pytest.approx(values[1])


def test_more_stops_are_less_smooth():
    one = minimum_jerk_speed(1.0)
    values = [spectral_arc_length(np.concatenate([one] * n), 500.0) for n in (1, 2, 3, 4)]
    assert values == sorted(values, reverse=True)


def test_smoothness_ignores_small_noise_and_sees_tremor():
    dice = random.Random(1)
    clean = minimum_jerk_speed(1.0)
    noisy = clean + np.array([dice.gauss(0, 0.02) for _ in clean])
    t = np.arange(len(clean)) / 500.0
    shaken = np.abs(clean + 0.4 * np.sin(2 * np.pi * 6 * t))
    smooth = spectral_arc_length(clean, 500.0)
    assert spectral_arc_length(noisy, 500.0) == pytest.approx(smooth, abs=0.05)
    assert spectral_arc_length(shaken, 500.0) < smooth - 0.3


def test_no_movement_has_no_smoothness():
    assert spectral_arc_length(np.zeros(500), 500.0) == 0.0
    assert spectral_arc_length(np.zeros(0), 500.0) == 0.0


def test_the_period_of_the_synthetic_worker_is_the_rigs():
    assert pytest.approx(RIG.arm.rate_hz) == 1e9 / PERIOD_NS
