"""The model file read into chains: equal to MuJoCo's kinematics; every mistake of a rig file has its words."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from importlib import resources

import mujoco
import numpy as np
import pytest

from station.control.chain import ArmChain
from station.control.workspace import between, highest_m
from station.settings.errors import ConfigError
from station.settings.kinematics import ArmFrames, Kinematics
from station.settings.load import load_rig
from station.settings.model import make_chains, open_model

RIGS = resources.files("station") / "rigs"
DEMO = (RIGS / "demo.toml").read_text()
MODEL = (RIGS / "demo.arms.xml").read_text()
NAMES = [joint.name for joint in load_rig("demo")[0].arm.joints]

URDF = """<robot name="crooked">
  <link name="base"/>
  <joint name="a" type="revolute"><parent link="base"/><child link="upper"/>
    <origin xyz="0.1 -0.2 0.3" rpy="0.4 -0.7 1.1"/><axis xyz="0.6 0 0.8"/>
    <limit lower="-3" upper="3" effort="1" velocity="1"/></joint>
  <link name="upper"><visual><geometry><mesh filename="nowhere.stl"/></geometry></visual></link>
  <joint name="b" type="revolute"><parent link="upper"/><child link="fore"/>
    <origin xyz="0 0.05 -0.25" rpy="-0.3 0.2 0.9"/><axis xyz="0 1 0"/>
    <limit lower="-3" upper="3" effort="1" velocity="1"/></joint>
  <link name="fore"/>
  <joint name="c" type="continuous"><parent link="fore"/><child link="hand"/>
    <origin xyz="0.02 0 -0.2" rpy="0 0 0.5"/><axis xyz="0 1 0"/></joint>
  <link name="hand"/>
  <joint name="fixed" type="fixed"><parent link="hand"/><child link="tip"/><origin xyz="0 0.03 -0.1"/></joint>
  <link name="tip"/>
</robot>
"""


def reference(model, angles, name):
    data = mujoco.MjData(model)
    for joint, angle in angles.items():
        data.qpos[model.joint(joint).qposadr[0]] = angle
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, name)
    place = np.array(data.site_xpos[site] if site >= 0 else data.body(name).xpos)
    columns = np.zeros((3, model.nv))
    mujoco.mj_jac(model, data, columns, None, place, model.site_bodyid[site] if site >= 0 else model.body(name).id)
    return place, columns


def compare(chains, model, mapping, poses=60):
    """Places, columns and reaches at random poses, far beyond any limit."""
    choose = random.Random(1)
    worst = 0.0
    for _ in range(poses):
        position = [choose.uniform(-7, 7) for _ in mapping]
        angles = {
            joint.removeprefix("-"): -angle if joint.startswith("-") else angle
            for joint, angle in zip(mapping.values(), position)
            if joint
        }
        for chain in chains:
            chain.look(position)
            for point, place, columns in zip(chain.points, chain.places, chain.columns):
                expected, jacobian = reference(model, angles, point.name)
                assert len(columns) == point.joints
                worst = max(worst, float(np.abs(expected - place).max()))
                for index, column in enumerate(columns):
                    name = list(mapping.values())[chain.arm_joints[index]]
                    sign = -1.0 if name.startswith("-") else 1.0
                    theirs = sign * jacobian[:, model.joint(name.removeprefix("-")).dofadr[0]]
                    worst = max(worst, float(np.abs(theirs - column).max()))
                    assert np.linalg.norm(column) <= point.reach_m[index] + 1e-12
    return worst


def test_the_demo_arms_are_where_mujoco_says():
    kinematics = load_rig("demo")[0].arm.kinematics
    chains = [ArmChain(chain) for chain in kinematics.chains]
    model = mujoco.MjModel.from_xml_string(MODEL)
    assert compare(chains, model, {name: name if "gripper" not in name else "" for name in NAMES}) < 1e-9
    assert [point.name for point in chains[0].points] == ["right_yoke", "right_elbow", "right_wrist", "right_tool"]
    assert [point.joints for point in chains[0].points] == [0, 2, 4, 7]
    assert [chain.radius_m for chain in chains] == [0.05, 0.05]


@pytest.mark.parametrize("turned", ["b", "-b"])
def test_a_urdf_with_odd_axes_a_fixed_tip_and_no_meshes_is_where_mujoco_says(tmp_path, turned):
    (tmp_path / "arm.urdf").write_text(URDF)
    model = open_model(tmp_path / "arm.urdf")
    mapping = {"j1": "a", "j2": turned, "j3": "c"}
    arm = ArmFrames(name="arm", joints=mapping, shoulder="base", elbow="fore", tool="tip")
    limits = [(name, -90.0, 90.0) for name in mapping]
    chains = [ArmChain(chain) for chain in make_chains(Kinematics(model="arm.urdf", arms=(arm,)), model, limits)]
    assert [point.joints for point in chains[0].points] == [0, 1, 3]  # the elbow lies on its own axis
    assert compare(chains, model, mapping) < 1e-9


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('model = "demo.arms.xml"', 'model = "demo.arm.xml"', "'demo.arm.xml', which is not beside the rig file"),
        (
            'tool = "right_tool"',
            'tool = "right_tol"',
            "arm right: tool: the model has no body, link or site 'right_tol'",
        ),
        ('elbow = "right_elbow"', 'elbow = "left_elbow"', "elbow 'left_elbow' is not on the way from the base to tool"),
        (
            'elbow = "right_elbow", wrist = "right_wrist"',
            'elbow = "right_wrist", wrist = "right_elbow"',
            "does not come after",
        ),
        ('right_j1 = "right_j1"', 'right_j1 = "right_j11"', "no joint 'right_j11'; did you mean 'right_j1'?"),
        ('right_j5 = "right_j5"', 'right_j5 = "right_j3"', "joint 'right_j3' of the model stands twice"),
        ('right_j1 = "right_j1", ', "", "joint 'right_j1' of the model moves 'right_tool' but no arm joint"),
        (
            'right_j1 = "right_j1"',
            'right_j1 = "-right_j1"',
            "right_j1 may go from -80 to 200 deg, but joint 'right_j1'",
        ),
        ('right_j1 = "right_j1"', 'right_jj = "right_j1"', "'right_jj' is not in arm.joints; did you mean"),
        ("lower = [-400,", "lower = [800,", "box_mm: x: lower 800 is not below upper 750"),
        ("normal = [-1, 0, 0]", "normal = [0, 0, 0]", "keep_out worker: normal is 0, 0, 0"),
        (
            "reduced_speed_mm_s = 250",
            "reduced_speed_mm_s = 2500",
            "arm.kinematics.reduced_speed_mm_s = 2500: expected",
        ),
        ("apart_mm = 30", "chains = []\napart = 30", "unknown key 'apart' in arm.kinematics; did you mean 'apart_mm'?"),
        ('name = "left", shoulder', 'name = "right", shoulder', "arm.kinematics.arms: name 'right' stands twice"),
    ],
)
def test_every_mistake_has_its_words(tmp_path, old, new, words):
    assert old in DEMO
    (tmp_path / "demo.arms.xml").write_text(MODEL)
    (tmp_path / "rig.toml").write_text(DEMO.replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        load_rig(str(tmp_path / "rig.toml"))
    assert words in str(error.value) and str(error.value).startswith(str(tmp_path / "rig.toml"))


@pytest.mark.parametrize("text", ["<mujoco><worldbody><bod/></worldbody></mujoco>", "no model", ""])
def test_a_model_that_mujoco_does_not_read_is_refused_in_its_words(tmp_path, text):
    (tmp_path / "demo.arms.xml").write_text(text)
    (tmp_path / "rig.toml").write_text(DEMO)
    with pytest.raises(ConfigError, match=r"demo\.arms\.xml' cannot be read: "):
        load_rig(str(tmp_path / "rig.toml"))


def test_chains_are_no_key_of_a_rig_file(tmp_path):
    (tmp_path / "demo.arms.xml").write_text(MODEL)
    chain = (
        '[[arm.kinematics.chains]]\nname = "x"\nbase = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\njoints = []\npoints = []\n'
    )
    chain += "radius_m = 0\n"
    (tmp_path / "rig.toml").write_text(DEMO.replace("[loop]\n", chain + "\n[loop]\n", 1))
    with pytest.raises(ConfigError, match="chains is no key of a rig file"):
        load_rig(str(tmp_path / "rig.toml"))


def test_the_control_process_imports_neither_the_library_nor_numpy():
    code = (
        "import sys, station.control.restraint, station.resolve;"
        "sys.exit(any(name in sys.modules for name in ('mujoco', 'numpy', 'station.settings.model')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_highest_point_of_a_braking_is_that_of_its_ticks():
    choose = random.Random(2)
    for _ in range(2000):
        downs = [choose.uniform(1e-5, 1e-4) for _ in range(7)]
        steps = [choose.choice([0, 1, 1]) * choose.uniform(-5e-3, 5e-3) * choose.choice([1, 1e-2]) for _ in downs]
        slopes = [choose.uniform(-1, 1) for _ in downs]
        left, value, most = list(steps), 0.0, -math.inf
        while any(left) or most == -math.inf:
            value += sum(slope * step for slope, step in zip(slopes, left))
            most = max(most, value)
            left = [math.copysign(max(0.0, abs(step) - down), step) for step, down in zip(left, downs)]
        found = highest_m(slopes, steps, downs, -math.inf)
        assert most - 1e-12 <= found <= most + 7e-5  # between two ticks it may be higher by an eighth of a deceleration
        assert highest_m(slopes, steps, downs, math.inf) >= most - 1e-12


def test_the_distance_of_two_segments_is_that_of_their_nearest_points():
    choose = np.random.default_rng(3)
    shares = np.linspace(0, 1, 101)
    for _ in range(200):
        a, b, c, d = choose.uniform(-1, 1, (4, 3))
        distance, *normal = between(tuple(a), tuple(b), tuple(c), tuple(d))
        first = a + shares[:, None] * (b - a)
        second = c + shares[:, None] * (d - c)
        sampled = np.linalg.norm(first[:, None] - second[None], axis=2).min()
        assert sampled - 0.05 <= distance <= sampled + 1e-9
        # The normal separates by the whole distance.
        assert min(a @ normal, b @ normal) - max(c @ normal, d @ normal) == pytest.approx(distance, abs=1e-9)
    assert between((0, 0, 0), (1, 0, 0), (0, 0.5, 0), (1, 0.5, 0))[0] == pytest.approx(0.5)
    assert between((0, 0, 0), (1, 0, 0), (0.5, -1, 0), (0.5, 1, 0)) == (0.0, 0.0, 0.0, 0.0)
