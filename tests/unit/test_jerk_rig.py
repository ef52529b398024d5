"""A jerk limit in a rig file: what it stands beside, what is refused, and how far its stops may go."""

from __future__ import annotations

import math
import re

import msgspec
import pytest

from station import resolve
from station.bench.driven import Motion
from station.bench.stop import judge
from station.settings.errors import ConfigError
from station.settings.load import load_rig
from station.stop_check import check_stops


def test_a_jerk_limit_stands_beside_bounds_of_tools_and_arms():
    """Of some joints or all; the joint's own, or those of an arm."""
    rig, _ = load_rig("demo")

    def with_jerk(*names: str):
        joints = [msgspec.structs.replace(j, jerk_deg_s3=60_000) if j.name in names else j for j in rig.arm.joints]
        return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, joints=tuple(joints)))

    for names in (["left_j2"], ["left_gripper"], [joint.name for joint in rig.arm.joints]):
        limiter = resolve.make_limiter(with_jerk(*names))
        assert [joint.name for joint in limiter.limits if joint.jerk_rad_s3] == names
        for arm, side in zip(limiter._restraint._arms, ("right", "left")):
            known = [joint for joint, smooth in zip(arm.joints, arm.smooth) if smooth is not None]
            assert known == [i for i, joint in enumerate(rig.arm.joints) if joint.name in names and i in arm.joints]
            assert arm.is_smooth == any(name.startswith(f"{side}_j") for name in names)
    slow = resolve.with_reduced_speed(with_jerk(*[joint.name for joint in rig.arm.joints]))
    check_stops(slow)
    assert resolve.make_limiter(slow).limits[0].speed_rad_s < 0.5


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
        ({"jerk_deg_s3": 9000.0, "lower_deg": 55.0}, "no jerk_deg_s3 is enough: lower speed_deg_s to "),
        (
            {"decel_deg_s2": 30.0, "accel_deg_s2": 30.0},
            "a stop from speed_deg_s 361 takes 12 s; expected at most 0.8 s; ",
        ),
        ({"accel_deg_s2": 451.0}, "a stop from speed_deg_s 361 takes 0.8 s; expected at most 0.8 s; "),
        (
            {"accel_deg_s2": 460.0, "upper_deg": 60.0},
            "takes 142 deg; expected at most the joint's travel, 62; raise decel_deg_s2 to ",
        ),
        ({"jerk_deg_s3": 0.1}, "below 0.716, the rounding of positions would count; raise jerk_deg_s3 to "),
    ],
)
def test_a_joint_that_stops_too_slowly_is_refused_in_the_files_key_and_unit_with_values_that_pass(changes, words):
    rig, _ = load_rig("demo")

    def with_gripper(**changes: float):
        last = msgspec.structs.replace(rig.arm.joints[-1], **changes)
        arm = msgspec.structs.replace(rig.arm, joints=(*rig.arm.joints[:-1], last))
        return msgspec.structs.replace(rig, arm=arm)

    with pytest.raises(ConfigError) as refusal:
        check_stops(with_gripper(**changes))
    told = str(refusal.value)
    key = "jerk_deg_s3" if "jerk_deg_s3" in changes else "decel_deg_s2"
    value = changes[key] if key in changes else changes["accel_deg_s2"]
    assert told.startswith(f"{rig.file}: arm joint left_gripper: {key} {value:g}: ")
    assert words in told and "rad" not in told.removeprefix(rig.file)
    proposed = re.findall(r"(?:raise|lower) (\w+) to ([\d.e+]+)", told)
    assert proposed
    for key, value in proposed:
        mended = with_gripper(**{**changes, key: float(value)})
        check_stops(mended)
        resolve.make_limiter(mended)


@pytest.mark.parametrize(
    ("decel", "words"),
    [
        (50.0, "raise decel_deg_s2 to 900"),  # a stop with 50 deg/s2 would itself be refused
        (450.0, "raise decel_deg_s2 to 900, or lower accel_deg_s2 to 450"),
    ],
)
def test_a_deceleration_below_the_acceleration_is_refused_with_values_that_pass(decel, words):
    rig, _ = load_rig("demo")

    def with_first(**changes: float):
        first = msgspec.structs.replace(rig.arm.joints[0], **changes)
        return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, joints=(first, *rig.arm.joints[1:])))

    with pytest.raises(ConfigError) as refusal:
        check_stops(with_first(decel_deg_s2=decel))
    told = str(refusal.value)
    assert told == f"{rig.file}: arm joint right_j1: decel_deg_s2 {decel:g} is below accel_deg_s2 900; {words}"
    for key, value in re.findall(r"(?:raise|lower) (\w+) to ([\d.]+)", told):
        resolve.make_limiter(mended := with_first(**{"decel_deg_s2": decel, key: float(value)}))
        check_stops(mended)


def test_a_jerk_that_limits_nothing_is_refused_and_the_most_that_is_told_passes():
    rig, _ = load_rig("demo")

    def with_first(jerk: float):
        first = msgspec.structs.replace(rig.arm.joints[0], jerk_deg_s3=jerk)
        return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, joints=(first, *rig.arm.joints[1:])))

    most = 2e4 * 900 * rig.arm.rate_hz
    for jerk in (1e308, most * 1.001):
        with pytest.raises(ConfigError) as refusal:
            check_stops(with_first(jerk))
        told = str(refusal.value)
        assert told.startswith(f"{rig.file}: arm joint right_j1: jerk_deg_s3 {jerk:g} limits nothing; leave it out (")
    passes = float(re.findall(r"expected at most ([\d.e+]+)\)$", told)[0])
    assert 0.8 * most <= passes <= most
    check_stops(with_first(passes))
    limiter = resolve.make_limiter(with_first(passes))
    limiter.start(start := [math.radians(joint.start_deg) for joint in rig.arm.joints])
    aims = [start[0] + 0.3, *start[1:]]
    for tick in range(2000):
        limiter.follow(aims, 1, tick)
    assert limiter.position_rad[0] == pytest.approx(aims[0], abs=1e-9) and limiter.is_still
