"""A jerk limit in a rig file: what it cannot stand beside, and how far its stops may go."""

from __future__ import annotations

import math
import re

import msgspec
import pytest

from station import resolve
from station.bench.driven import Motion
from station.bench.stop import judge
from station.jerk_check import check_jerks
from station.settings.errors import ConfigError
from station.settings.load import load_rig


def test_a_rig_whose_bounds_are_proven_without_jerk_refuses_it_for_the_joints_they_hold():
    rig, _ = load_rig("demo")

    def with_jerk(name: str):
        joints = [msgspec.structs.replace(j, jerk_deg_s3=60_000) if j.name == name else j for j in rig.arm.joints]
        return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, joints=tuple(joints)))

    with pytest.raises(ConfigError, match=r"joint left_j2 has jerk_deg_s3, and arm left bounds in \[arm.kinematics\]"):
        resolve.make_limiter(with_jerk("left_j2"))
    limits = resolve.make_limiter(with_jerk("left_gripper")).limits
    assert [joint.name for joint in limits if joint.jerk_rad_s3] == ["left_gripper"]
    bare = with_jerk("left_j2")
    bare = msgspec.structs.replace(bare, arm=msgspec.structs.replace(bare.arm, kinematics=None))
    assert resolve.make_limiter(bare).limits[9].jerk_rad_s3 == pytest.approx(math.radians(60_000))


def test_the_stop_bench_allows_the_longer_stop():
    rig, _ = load_rig("demo")
    joints = (msgspec.structs.replace(rig.arm.joints[0], jerk_deg_s3=9000.0), *rig.arm.joints[1:])  # 900 deg/s2: 0.1 s
    rig = msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, joints=joints))
    none = (0.0,) * (len(joints) - 1)
    stop = judge(rig, Motion(100.0, (2.0, *none), 2.0, 0.0, (0.3, *none)), 60.0, "")
    decel, jerk = math.radians(900.0), math.radians(9000.0)
    seconds = 0.1 + (2.0 / decel + decel / jerk)
    assert stop.allowed_ms == pytest.approx(60.0 + seconds * 1e3 + 250.0)
    assert stop.allowed_deg == pytest.approx(math.degrees(2.0 * (0.160 + (seconds + 0.1) / 2)) + 0.2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"jerk_deg_s3": 2000.0}, "a stop from speed_deg_s 361 takes 1.45 s; expected at most 0.8 s; raise"),
        ({"jerk_deg_s3": 9000.0, "lower_deg": 0.0}, "deg; expected at most the joint's travel, 62; "),
        ({"jerk_deg_s3": 9000.0, "lower_deg": 55.0}, "no jerk_deg_s3 is enough, or lower speed_deg_s to "),
        ({"jerk_deg_s3": 0.1}, "below 0.716, the rounding of positions would count; raise jerk_deg_s3 to "),
    ],
)
def test_a_jerk_too_small_is_refused_in_the_files_key_and_unit_with_values_that_pass(changes, words):
    rig, _ = load_rig("demo")

    def with_gripper(**changes: float):
        last = msgspec.structs.replace(rig.arm.joints[-1], **changes)
        arm = msgspec.structs.replace(rig.arm, joints=(*rig.arm.joints[:-1], last))
        return msgspec.structs.replace(rig, arm=arm)

    with pytest.raises(ConfigError) as refusal:
        check_jerks(with_gripper(**changes))
    told = str(refusal.value)
    assert told.startswith(f"{rig.file}: arm joint left_gripper: jerk_deg_s3 {changes['jerk_deg_s3']:g}: ")
    assert words in told and "rad" not in told.removeprefix(rig.file)
    proposed = re.findall(r"(?:raise|lower) (\w+) to ([\d.e+]+)", told)
    assert proposed
    for key, value in proposed:
        mended = with_gripper(**{**changes, key: float(value)})
        check_jerks(mended)
        resolve.make_limiter(mended)
