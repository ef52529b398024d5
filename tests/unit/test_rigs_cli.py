"""`station rigs FILE`: the limits that are on, and a warning where the arm could not work."""

from __future__ import annotations

import argparse
import json
import re

import msgspec
import pytest

from station.cli import rigs
from station.cli.rigs_words import limits_of, outside
from station.resolve import make_limiter
from station.settings.kinematics import Box, KeepOut
from station.settings.load import load_rig

DEMO, _ = load_rig("demo")


def with_bounds(**changes):
    kinematics = msgspec.structs.replace(DEMO.arm.kinematics, **changes)
    return msgspec.structs.replace(DEMO, arm=msgspec.structs.replace(DEMO.arm, kinematics=kinematics))


def with_joints(rig, **changes):
    joints = tuple(msgspec.structs.replace(joint, **changes) for joint in rig.arm.joints)
    return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, joints=joints))


def shown(capsys, name, *, as_json=False):
    assert rigs.main(argparse.Namespace(rig=name, task=None, json=as_json)) == 0
    return capsys.readouterr().out


def test_the_shipped_rigs_show_which_limits_are_on(capsys):
    told = shown(capsys, "demo")
    for words in (
        r"reduced_speed +off; --reduced-speed: 250 mm/s",
        r"box +x -400 to 750, y -900 to 900, z 300 to 1900 mm",
        r"keep_out +worker at 300 mm",
        r"apart +30 mm",
        r"jerk +no joint",
    ):
        assert re.search(rf"^{words}$", told, re.MULTILINE), words
    assert "WARNING" not in told
    assert json.loads(shown(capsys, "demo", as_json=True))["warnings"] == []
    assert "off: no [arm.kinematics]" in shown(capsys, "openarm_ker")


def test_each_limit_is_shown_as_it_stands():
    assert limits_of(with_bounds(reduced_speed=True))["reduced_speed"] == "on, 250 mm/s"
    bare = limits_of(with_bounds(box_mm=None, keep_out=(), apart_mm=None))
    assert (bare["box"], bare["keep_out"], bare["apart"]) == ("off", "off", "off")
    assert limits_of(with_joints(DEMO, jerk_deg_s3=18000.0))["jerk"] == "all joints"
    joints = (msgspec.structs.replace(DEMO.arm.joints[0], jerk_deg_s3=18000.0), *DEMO.arm.joints[1:])
    some = msgspec.structs.replace(DEMO, arm=msgspec.structs.replace(DEMO.arm, joints=joints))
    assert limits_of(some)["jerk"] == "right_j1"


def test_a_tool_outside_is_told_with_point_bound_and_millimetres():
    """The limiter, beginning there, sees the same excess."""
    inside = with_bounds(box_mm=None, keep_out=(), apart_mm=None)
    assert outside(inside) == []
    low = with_bounds(box_mm=Box(lower=(-400, -900, 900), upper=(750, 900, 1900)), keep_out=(), apart_mm=None)
    told = outside(low)
    found = {words.split(" is ")[0]: float(re.search(r"is (\d+) mm", words)[1]) for words in told}
    assert all("outside box z lower, radius_mm 50 included, at the start pose: the robot could only" in w for w in told)
    limiter = make_limiter(low)
    restraint = limiter._restraint
    restraint.start([0.0] * len(low.arm.joints))
    seen = {}
    for arm in restraint._arms:
        for (index, number), offset in arm.offsets.items():
            seen[arm.chain.points[index].name] = (offset - arm.planes[number].offset_m) * 1e3
    assert found and found.keys() == seen.keys()
    for name, out_mm in found.items():
        assert out_mm == pytest.approx(seen[name] - 5.0, abs=0.51)  # the limiter leaves it 5 mm of slack


def test_a_forbidden_side_is_told_by_its_name():
    told = outside(with_bounds(box_mm=None, keep_out=(KeepOut(name="table", normal=(0, 0, -2), offset_mm=-1100),)))
    assert told and all(" mm outside table, " in words for words in told)


def test_arms_too_near_each_other_are_told_by_their_nearest_parts():
    told = outside(with_bounds(apart_mm=400.0))
    assert told == [
        "right_elbow and left_elbow are 160 mm too near (apart_mm 400, between them 240) at the start pose: they could "
        "only part"
    ]
    assert outside(with_bounds(apart_mm=239.0)) == []


def test_arms_without_thickness_beside_a_distance_are_judged_by_their_axes():
    rig = with_bounds(apart_mm=339.0, chains=tuple(msgspec.structs.replace(c, radius_m=0.0) for c in _chains()))
    assert outside(rig) == []
    near = with_bounds(apart_mm=350.0, chains=rig.arm.kinematics.chains)
    assert "10 mm too near (apart_mm 350, between them 340)" in outside(near)[0]


def test_the_pose_judged_is_that_of_start_deg():
    assert outside(DEMO) == []
    told = outside(with_joints(DEMO, start_deg=90.0))
    assert told and "at the start pose" in told[0]


def test_the_warning_stands_in_the_table_and_in_the_document(capsys, monkeypatch):
    rig, calibration = load_rig("demo")
    low = with_bounds(box_mm=Box(lower=(-400, -900, 900), upper=(750, 900, 1900)))
    monkeypatch.setattr(rigs, "load_rig", lambda _: (low, calibration))
    told = shown(capsys, rig.name)
    warnings = json.loads(shown(capsys, rig.name, as_json=True))["warnings"]
    assert warnings == outside(low)
    assert [line.split(maxsplit=1)[1] for line in told.splitlines() if line.startswith("WARNING")] == warnings


def _chains():
    return DEMO.arm.kinematics.chains
