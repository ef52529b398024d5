"""The target's motion, as the jerk limit follows it."""

from __future__ import annotations

import math

import pytest

from station.control.target_motion import TargetMotion


def test_the_targets_motion_is_found_by_the_critically_damped_filter_of_third_order():
    """Its error dies away as theta^n (b + c n + d n^2), whatever the target did before: three equal poles."""
    for up in (0.5, 6.0, 25.0):
        motion = TargetMotion(up, 1e9, 1e-9)
        theta = 1.0 - 2.0 / (up + 2.0)
        target = 0.0
        errors = []
        for k in range(60):
            target = 0.3 * math.sin(0.3 * k) if k < 20 else target + 0.02
            motion.see(target)
            if k >= 24:
                errors.append(target - motion.place)
        scale = max(abs(error) for error in errors)
        for one, two, three, four in zip(errors, errors[1:], errors[2:], errors[3:]):
            left = four - 3 * theta * three + 3 * theta**2 * two - theta**3 * one
            assert left == pytest.approx(0.0, abs=1e-9 * scale)


def test_a_target_that_accelerates_evenly_is_told_without_lag():
    motion = TargetMotion(5.0, 1e9, 1e-9)
    for k in range(400):
        motion.see(0.001 * k * k)
    assert motion.place == pytest.approx(0.001 * 399**2, rel=1e-12)
    assert motion.bend == pytest.approx(0.002, rel=1e-9)
    assert motion.step == pytest.approx(0.001 * 2 * 399, rel=2e-3)


def test_a_target_that_jumps_takes_its_step_along_and_no_bend():
    motion = TargetMotion(5.0, 100.0, 1e-3)  # no joint goes further than 0.1 a tick
    for k in range(300):
        motion.see(0.01 * k)
    assert motion.step == pytest.approx(0.01, rel=1e-9)
    motion.see(2.99 + 0.1000001)
    assert (motion.place, motion.bend) == (2.99 + 0.1000001, 0.0)
    assert motion.step == pytest.approx(0.01, rel=1e-9)
    motion.see(2.99 - 0.1)
    assert motion.place == 2.99 - 0.1
    motion.see(2.99 - 0.19)
    assert motion.place != 2.99 - 0.19  # 0.09 is no jump


def test_a_target_that_stands_is_told_to_stand_and_is_believed_its_first_move_only_when_it_goes_on():
    motion = TargetMotion(5.0, 1e9, 1e-3)
    motion.see(0.5)
    assert (motion.place, motion.step, motion.bend) == (0.5, 0.0, 0.0)
    for k in range(40):
        motion.see(0.5 + 0.002 * k)
    ticks = 0
    while motion.step or motion.bend:
        before = max(abs(motion.step), abs(motion.bend))
        motion.see(0.578)
        ticks += 1
        assert ticks < 200
    assert ticks > 3 and before < 2e-4  # of 1e-3 that the jerk changes in a tick
    assert motion.place == 0.578
    motion.see(0.6)  # a step: it does not move
    assert (motion.place, motion.step, motion.bend) == (0.6, 0.0, 0.0)
    motion.see(0.7)
    assert motion.step > 0.0 and motion.bend > 0.0
    motion.forget()
    motion.see(0.2)
    assert (motion.place, motion.step, motion.bend) == (0.2, 0.0, 0.0)
    motion.see(0.3)
    assert motion.step > 0.0 and motion.place < 0.3
