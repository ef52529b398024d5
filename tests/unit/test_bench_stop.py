"""What `station bench stop` allows: by the speed seen, the deceleration and the time to notice."""

from __future__ import annotations

import math
import re
from pathlib import Path

import msgspec
import pytest

from station.bench.changed import at_full_speed, refusing
from station.bench.driven import Look, Motion, motion
from station.bench.stop import CAUSES, _plan, _row, brake_ms, expected_s, judge, observed_s
from station.bench.stop_table import table
from station.resolve import make_limiter, with_leader
from station.settings.errors import ConfigError
from station.settings.load import load_rig
from station.settings.motors import check_motors

RIG, _ = load_rig("demo")
COUNT = len(RIG.arm.joints)
MS = 1_000_000


def seen(joint: int, speed_rad_s: float, travelled_rad: float, still_ms: float | None = 100.0) -> Motion:
    speeds, ways = [0.0] * COUNT, [0.0] * COUNT
    speeds[joint], ways[joint] = speed_rad_s, travelled_rad
    return Motion(still_ms, tuple(speeds), speed_rad_s, 0.0, tuple(ways))


def test_the_way_allowed_is_that_of_noticing_and_braking():
    decel = math.radians(RIG.arm.joints[0].accel_deg_s2)
    allowed = 2.0 * 0.160 + 2.0**2 / (2 * decel) + math.radians(0.2)  # 60 ms to notice, 100 ms behind the commands
    stop = judge(RIG, seen(0, 2.0, allowed * 0.99), 60.0, "operator_hold")
    assert stop.ok and stop.joint == "right_j1"
    assert stop.allowed_deg == pytest.approx(math.degrees(allowed))
    assert not judge(RIG, seen(0, 2.0, allowed * 1.01), 60.0, "operator_hold").ok


def test_the_time_allowed_is_that_of_noticing_braking_and_settling():
    decel = math.radians(RIG.arm.joints[0].accel_deg_s2)
    allowed_ms = 60.0 + 2.0 / decel * 1e3 + 250.0
    assert judge(RIG, seen(0, 2.0, 0.1, allowed_ms - 1), 60.0, "").ok
    assert not judge(RIG, seen(0, 2.0, 0.1, allowed_ms + 1), 60.0, "").ok
    assert not judge(RIG, seen(0, 2.0, 0.1, None), 60.0, "").ok


def test_a_joint_with_a_jerk_limit_is_allowed_the_longer_stop():
    joint = msgspec.structs.replace(RIG.arm.joints[0], jerk_deg_s3=9000.0)  # 900 deg/s2: 0.1 s each way
    arm = msgspec.structs.replace(RIG.arm, joints=(joint, *RIG.arm.joints[1:]))
    stop = judge(msgspec.structs.replace(RIG, arm=arm), seen(0, 2.0, 0.3), 60.0, "")
    decel, jerk = math.radians(900.0), math.radians(9000.0)
    seconds = 0.1 + (2.0 / decel + decel / jerk)
    assert stop.allowed_ms == pytest.approx(60.0 + seconds * 1e3 + 250.0)
    assert stop.allowed_deg == pytest.approx(math.degrees(2.0 * (0.160 + (seconds + 0.1) / 2)) + 0.2)


@pytest.mark.parametrize("jerk", [None, 18000.0, 3000.0])
def test_the_arm_is_looked_at_for_longer_than_any_stop_may_take(jerk):
    joints = tuple(msgspec.structs.replace(joint, jerk_deg_s3=jerk) for joint in RIG.arm.joints)
    rig = msgspec.structs.replace(RIG, arm=msgspec.structs.replace(RIG.arm, joints=joints))
    for joint, at_most in enumerate(joints):
        allowed_ms = judge(rig, seen(joint, math.radians(at_most.speed_deg_s), 0.1), 60.0, "").allowed_ms
        assert allowed_ms <= 60.0 + brake_ms(rig) + 250.0 + 1e-6
        assert observed_s(rig, 60.0) * 1e3 >= allowed_ms + 250.0


def test_braking_takes_as_long_as_its_slowest_joint():
    assert brake_ms(RIG) == pytest.approx(max(1e3 * j.speed_deg_s / j.accel_deg_s2 for j in RIG.arm.joints))
    slow = msgspec.structs.replace(RIG.arm.joints[3], decel_deg_s2=RIG.arm.joints[3].speed_deg_s / 0.5)
    joints = (*RIG.arm.joints[:3], slow, *RIG.arm.joints[4:])
    arm = msgspec.structs.replace(RIG.arm, joints=joints)
    assert brake_ms(msgspec.structs.replace(RIG, arm=arm)) == pytest.approx(500.0)


def test_any_joint_that_went_too_far_counts_not_only_the_furthest():
    both = seen(0, 2.0, 0.2)
    ways = list(both.travelled_rad)
    ways[9] = 0.1  # it was never seen moving
    stop = judge(RIG, both._replace(travelled_rad=tuple(ways)), 60.0, "")
    assert not stop.ok
    assert (stop.joint, stop.worst_joint) == ("right_j1", RIG.arm.joints[9].name)
    assert stop.worst_ratio > 1.0 > stop.travelled_deg / stop.allowed_deg


def test_standstill_is_for_good():
    speeds = [1.0, 1.0, 0.0, 0.5, 0.0, 0.0]
    looks = [Look(n * 10 * MS, (n * 0.1,), (speed,)) for n, speed in enumerate(speeds)]
    found = motion(looks, 10 * MS)
    assert found.still_ms == 30.0
    assert found.peak_rad_s == 1.0
    assert found.travelled_rad == (pytest.approx(0.4),)
    assert motion(looks[:4], 0).still_ms is None
    assert motion(looks[4:], 0).still_ms == 0.0


def test_no_file_can_say_what_makes_the_gate_refuse_in_the_bench():
    changed = refusing(RIG)
    make_limiter(changed)
    with pytest.raises(ConfigError, match="joint right_j4: speed_deg_s 550: motor 4340 turns at most 315 deg/s"):
        check_motors(changed.arm, Path("rig.toml"))


def test_an_arm_at_full_speed_keeps_the_rigs_limits():
    hurried = at_full_speed(RIG)
    check_motors(hurried.arm, Path("rig.toml"))
    for was, now in zip(RIG.arm.joints, hurried.arm.joints, strict=True):
        assert now == msgspec.structs.replace(was, scale=was.scale * 2.5)


def test_a_person_hears_how_much_there_is_to_measure_and_how_long_it_takes():
    causes = list(CAUSES)
    assert re.fullmatch(r"10 causes x 3 stops; about \d+ min; Ctrl-C ends it", _plan(RIG, causes, 3))
    assert "10 causes x 1 stop;" in _plan(RIG, causes, 1)
    assert expected_s(causes, 6) > 1.5 * expected_s(causes, 3)
    real = msgspec.structs.replace(RIG, emulated=False)
    assert "as long as you need to engage and move" in _plan(real, causes[:2], 3)


def document_of(rig, stop, *names, skipped=()):
    causes = {cause.name: cause for cause in CAUSES}
    return {
        "rig": "demo",
        "leader": RIG.leader.driver,
        "measured_at": "emulated motors",
        "rounds": 1,
        "causes": [_row(causes[name], rig, [(stop, True)]) for name in names],
        "skipped": list(skipped),
        "ok": True,
    }


def test_the_table_tells_measured_from_commanded_and_what_a_lease_adds():
    stop = judge(RIG, seen(0, 2.0, 0.1), 60.0, "screen_lost")
    document = document_of(RIG, stop, "hold key", "screen lost")
    assert [row["lease_ms"] for row in document["causes"]] == [0.0, RIG.loop.screen_lease_ms]
    told = table(document)
    assert "measured at the emulated motors. allowed: from the limits that the COMMANDS keep" in told
    assert "a little over 100 % is possible while every command keeps the limit" in told
    assert f"screen lost: ms and deg count from when it falls silent: the {RIG.loop.screen_lease_ms:.0f} ms" in told
    assert told.count("ms and deg count from") == 1
    assert "each cause at the share of full speed shown" in told
    assert "no real motor was measured" in told
    assert "leader; the rig's own" not in told and "gate refusal" not in told and "real rig" not in told
    assert told.endswith("within what the limits allow")


def test_the_ratio_is_that_of_the_joint_shown_and_the_worst_joint_is_named():
    ways = [0.3] + [0.0] * (COUNT - 1)
    ways[9] = 0.003  # of the 0.2 deg that a joint at rest may move
    stop = judge(RIG, seen(0, 2.0, 0.3)._replace(travelled_rad=tuple(ways)), 60.0, "operator_hold")
    (row,) = document_of(RIG, stop, "hold key")["causes"]
    assert (row["joint"], row["worst_joint"]) == ("right_j1", "left_j2")
    assert row["ratio"] == pytest.approx(row["travelled_deg"] / row["allowed_deg"], abs=1e-3)
    assert row["ratio"] < row["worst_ratio"]
    told = table(document_of(RIG, stop, "hold key"))
    assert f"the nearest to it: hold key left_j2 {row['worst_ratio']:.2f}" in told
    assert next(line for line in told.splitlines() if line.startswith("hold key")).endswith(f"{row['ratio']:.2f}")


def test_the_table_says_at_which_speed_on_which_leader_and_what_a_real_rig_leaves_out():
    stop = judge(RIG, seen(0, 2.0, 0.1), 60.0, "gate_refused")
    told = table(document_of(with_leader(RIG, "exo-wire"), stop, "emergency stop", "gate refusal", "control killed"))
    assert "speed: control killed at full speed (one joint at 90 % of its limit at least), the others at" in told
    assert "emergency stop: measured with an emulated exo_wire leader; the rig's own, ker, does not report it" in told
    assert "gate refusal: on this rig with one joint's limits raised" in told
    told = table(document_of(RIG, stop, "hold key", skipped=["leader silent", "control killed"]))
    assert "only what a person asks for is measured" in told and "Not measured: leader silent, control killed." in told
