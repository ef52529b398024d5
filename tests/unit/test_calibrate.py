"""Counts become leader angles, leader angles become arm targets."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from firmware_bridge.samples import RawCounts
from station.control.calibrate import Calibrator
from station.control.inputs import Trust
from station.control.retarget import Retargeter
from station.settings.load import load_rig

RIG, CALIBRATION = load_rig("demo")
JOINTS = RIG.leader.joints


def readings(angles_deg, counts_per_turn):
    """What the encoders read when the joints stand at these angles (leader joint order), by channel."""
    counts = [0] * len(JOINTS)
    for joint, angle in zip(JOINTS, angles_deg):
        fit = CALIBRATION.joints[joint.name]
        counts[joint.channel] = round((fit.sign * angle + fit.zero_deg) * counts_per_turn / 360)
    return tuple(counts)


def sample(counts, number=1):
    return RawCounts(number * 1_000_000, number, number * 1000, counts, (0,) * len(counts))


@pytest.mark.parametrize("counts_per_turn", [2**21, 36_000, 32_768])
def test_the_joints_angles_come_out_to_half_a_count(counts_per_turn):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    calibrator = Calibrator(RIG.leader, CALIBRATION, counts_per_turn)
    for _ in range(200):
        angles = [rng.uniform(joint.lower_deg, joint.upper_deg) for joint in JOINTS]
        found = calibrator.calibrate(sample(readings(angles, counts_per_turn)), (0,) * len(JOINTS))
        for angle, radians in zip(angles, found.angle_rad):
            assert abs(math.degrees(radians) - angle) <= 180 / counts_per_turn + 1e-9


@pytest.mark.parametrize("turns", [-2, -1, 1, 3])
def test_a_lost_turn_count_is_put_right_from_the_travel_band(turns):
    cpt = 36_000
    angles = [(joint.lower_deg + joint.upper_deg) / 2 + 7 for joint in JOINTS]
    counts = tuple(count + turns * cpt for count in readings(angles, cpt))
    judged = Trust(RIG, CALIBRATION, cpt).judge(sample(counts), 1_000_000)
    found = Calibrator(RIG.leader, CALIBRATION, cpt).calibrate(judged.sample, judged.age_ns)
    for angle, radians in zip(angles, found.angle_rad):
        assert abs(math.degrees(radians) - angle) < 0.02


def test_every_arm_joint_copies_its_own_leader_joint():
    changed = msgspec.structs.replace(
        RIG,
        arm=msgspec.structs.replace(
            RIG.arm,
            joints=tuple(
                msgspec.structs.replace(joint, scale=1.0 + index / 10, offset_deg=float(index))
                for index, joint in enumerate(reversed(RIG.arm.joints))
            ),
        ),
    )
    angles_deg = [10.0 + index for index in range(len(JOINTS))]
    calibrator = Calibrator(RIG.leader, CALIBRATION, 2**21)
    angles = calibrator.calibrate(sample(readings(angles_deg, 2**21), 7), (0,) * len(JOINTS))
    target = Retargeter(changed).retarget(angles)
    assert target.t_ns == 7_000_000
    order = [joint.name for joint in JOINTS]
    for index, joint in enumerate(changed.arm.joints):
        expected = (1.0 + index / 10) * angles_deg[order.index(joint.leader)] + index
        assert math.degrees(target.position_rad[index]) == pytest.approx(expected, abs=1e-3)
