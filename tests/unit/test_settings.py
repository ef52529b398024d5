"""Rig, task and calibration files: strict, and every error names file, key, value, what was expected."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from station.resolve import resolve, with_leader, with_reduced_speed
from station.settings.errors import ConfigError
from station.settings.load import digest, load_rig, load_task, shipped

DEMO = (resources.files("station") / "rigs" / "demo.toml").read_text()
MODEL = (resources.files("station") / "rigs" / "demo.arms.xml").read_text()
CALIBRATION = (resources.files("station") / "rigs" / "demo.calibration.toml").read_text()
TASK = (resources.files("station") / "tasks" / "microwave_door.toml").read_text()


def write_rig(folder, text=DEMO, calibration=CALIBRATION):
    (folder / "demo.calibration.toml").write_text(calibration)
    (folder / "demo.arms.xml").write_text(MODEL)
    path = folder / "rig.toml"
    path.write_text(text)
    return str(path)


def changed(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize("name", shipped("rigs"))
def test_every_shipped_rig_and_task_loads(name):
    rig, _ = load_rig(name)
    for task in shipped("tasks"):
        load_task(task, rig)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rate_hz = 1000", "rate_hzz = 1000", "unknown key 'rate_hzz' in leader; did you mean 'rate_hz'?"),
        ("kp = 70, kd = 2.75", "kp = 0.1, kd = 2.75", "kp 0.1: on the wire this is 0; expected at least 0.122"),
        ("kp = 70, kd = 2.75", "kp = 70, kd = 0.001", "kd 0.001: on the wire this is 0; expected at least 0.00122"),
        ("rate_hz = 1000", "rate_hz = 5", "leader.rate_hz = 5: expected a number >= 10.0"),
        ("rate_hz = 1000", 'rate_hz = "fast"', "leader.rate_hz = 'fast': expected a number, got a text"),
        ("rate_hz = 1000", "rate_hz = 400", "arm.rate_hz is 500; expected at most leader.rate_hz (400)"),
        ("emulated = true", "emulated = false", "[emulator] stands in a rig that is not emulated"),
        ("hold_after_ms = 80", "hold_after_ms = 300", "leader.hold_after_ms = 300: expected a number <= 100.0"),
        ("stop_after_ms = 200", "stop_after_ms = 50\nhold_after_ms = 60", "not valid TOML"),
        ('leader = "right_j1"', 'leader = "right_j11"', "leader 'right_j11' is not in leader.joints; did you mean"),
        (
            'name = "right_j2", bus = "can_right"',
            'name = "right_j2", bus = "can_up"',
            "bus 'can_up' is not in arm.buses",
        ),
        (
            'model = "4340", leader = "right_j3", lower_deg = -90, upper_deg = 90, speed_deg_s = 189',
            'model = "4340", leader = "right_j3", lower_deg = -90, upper_deg = 90, speed_deg_s = 400',
            "arm joint right_j3: speed_deg_s 400: motor 4340 turns at most 315 deg/s; lower speed_deg_s",
        ),
        (
            "lower_deg = -80, upper_deg = 200",
            "lower_deg = -80, upper_deg = 800",
            "arm joint right_j1: upper_deg 800: motor 8009 can be told -716 to 716 deg",
        ),
        ('model = "8009"', 'model = "8099"', "model '8099'; expected one of 3507, 4310, 4340, 6006, 8006, 8009; did"),
        (
            "temperature_stop_c = 85",
            "temperature_stop_c = 85\ntemperature_slow_c = 86",
            "arm.temperature_warn_c 70, temperature_slow_c 86, temperature_stop_c 85; expected them in rising order",
        ),
        ("temperature_stop_c = 85", "temperature_stop_c = 69", "expected them in rising order"),
        ("channel = 1,", "channel = 0,", "leader.joints: channel 0 stands twice"),
        ("id = 2, reply_id = 0x12", "id = 1, reply_id = 0x12", "bus and id ('can_right', 1) stands twice"),
        (
            "lower_deg = -80, upper_deg = 200",
            "lower_deg = 200, upper_deg = -80",
            "lower_deg 200 is not below upper_deg",
        ),
        (
            "accel_deg_s2 = 900",
            "accel_deg_s2 = 90000",
            "arm joint right_j1: accel_deg_s2 90000 reaches speed_deg_s 115",
        ),
        (
            "accel_deg_s2 = 900",
            "accel_deg_s2 = 900, scale = 0.0",
            "scale is 0.0; expected a finite number other than 0",
        ),
        (
            "kp = 70",
            "kp = 70, start_deg = 400",
            "arm joint right_j1: start_deg 400 is outside its travel; expected -80 to 200 (absent: 0)",
        ),
        ("kp = 70", "kp = 70, start_deg = -80.1", "start_deg -80.1 is outside its travel; expected -80 to 200"),
        (
            "lower_deg = -80, upper_deg = 200",
            "lower_deg = 1, upper_deg = 200",
            "start_deg 0 is outside its travel; exp",
        ),
        ("speed_deg_s = 115", "speed_deg_s = inf", "speed_deg_s"),
        ("kp = 70", "kp = 501", "arm.joints[0] (right_j1): kp = 501: expected a number <= 500.0"),
        ("demo.calibration.toml", "other.toml", "leader.calibration names 'other.toml', which is not beside it"),
        (
            "rate_hz = 1000",
            'rate_hz = 1000\nenable_switch = "yes"',
            "leader.enable_switch = 'yes': expected one of 'used', 'required'",
        ),
        (
            "kp = 70",
            'kp = 70, jerk_deg_s3 = "18000"',
            "arm.joints[0] (right_j1): jerk_deg_s3 = '18000': expected a number, got a text",
        ),
        (
            "kp = 70",
            "kp = 70, jerk_deg_s3 = -5",
            "arm.joints[0] (right_j1): jerk_deg_s3 = -5: expected a number > 0.0",
        ),
        ("kp = 70", "kpp = 70", "unknown key 'kpp' in arm.joints[0] (right_j1); did you mean 'kp'?"),
        (', model = "8009"', "", "[arm.joints[0] (right_j1)] missing required field `model`"),
        ("arms = [", "armz = [", "unknown key 'armz' in arm.kinematics; did you mean 'arms'?"),
        ("apart_mm = 30", "port = 3", "unknown key 'port' in arm.kinematics"),
        ('firmware = "2.1.0"', 'firmware = "3.0.0"', "emulator.firmware = '3.0.0': expected one of '2.0.0', '2.1.0'"),
        (
            "gap_stop_ms = 60",
            "gap_stop_ms = 116.1",
            "loop.gap_stop_ms is 116.1; expected at most 116, two periods of arm.rate_hz below arm.feedback_stop_ms",
        ),
        ("feedback_stop_ms = 120", "feedback_stop_ms = 63", "loop.gap_stop_ms is 60; expected at most 59"),
        ('name = "demo"', 'name = "demo"\nfile = "x"', "unknown key 'file'"),
        ('name = "demo"', "", "the file missing required field `name`"),
        ('name = "demo"', 'name = "De mo"', "name = 'De mo': expected a text matching regex"),
    ],
)
def test_a_wrong_rig_file_says_what_is_wrong_and_what_was_expected(tmp_path, old, new, words):
    path = write_rig(tmp_path, changed(DEMO, old, new))
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        load_rig(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[joints.right_j3]", "[joints.right_j33]", "joint right_j3 is missing"),
        ("sign = 1", "sign = 0", "sign 0"),
        ("sign = 1", "sign = 2", "joints.right_j2.sign = 2: expected a whole number <= 1"),
        ("zero_deg =", "zero = 1\nzero_deg =", "unknown key 'zero'"),
        ("zero_deg =", "zero_deg = nan #", "nan"),
    ],
)
def test_a_wrong_calibration_file_says_so(tmp_path, old, new, words):
    path = write_rig(tmp_path, calibration=changed(CALIBRATION, old, new))
    with pytest.raises(ConfigError, match=re.escape(words)):
        load_rig(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("right_j1 = 55", "right_j9 = 55", "joint 'right_j9', which rig 'demo' does not have; did you mean"),
        ("rep_max_s = 7.0", "rep_max_s = 2.0", "rep_max_s is 2.0; expected more than rep_target_s (3.2)"),
        ("tolerance_deg = 9", "tolerance = 9", "key 'tolerance' in phases[0] (home); did you mean 'tolerance_deg'?"),
        ("target = 200", "target = 0", "target = 0: expected a whole number >= 1"),
        ("timeout_s = 3.0", "timeout_s = -3.0", "phases[0] (home): timeout_s = -3.0: expected"),
    ],
)
def test_a_wrong_task_file_says_so(tmp_path, old, new, words):
    rig, _ = load_rig("demo")
    path = tmp_path / "task.toml"
    path.write_text(changed(TASK, old, new))
    with pytest.raises(ConfigError, match=re.escape(words)):
        load_task(str(path), rig)


def test_a_gap_stop_may_come_two_periods_before_a_silent_motor(tmp_path):
    rig, _ = load_rig(write_rig(tmp_path, changed(DEMO, "gap_stop_ms = 60", "gap_stop_ms = 116")))
    assert rig.loop.gap_stop_ms == 116


@pytest.mark.parametrize("start", ["-80", "200"])
def test_an_arm_may_start_at_the_ends_of_its_travel(tmp_path, start):
    load_rig(write_rig(tmp_path, changed(DEMO, "kp = 70", f"kp = 70, start_deg = {start}")))


def test_a_real_rig_that_judges_no_pose_needs_none_inside(tmp_path):
    text = (resources.files("station") / "rigs" / "openarm_ker.toml").read_text()
    (tmp_path / "openarm_ker.calibration.toml").write_text(CALIBRATION)
    path = tmp_path / "rig.toml"
    assert "emulated = true" not in text and "[arm.kinematics]" not in text
    joint = re.search(r"\{ name = \"right_j1\", bus.*?\}", text, re.DOTALL)
    assert joint is not None
    moved = re.sub(r"lower_deg = -?\d+", "lower_deg = 5", joint[0])
    path.write_text(text.replace(joint[0], moved))
    assert load_rig(str(path))[0].arm.joints[0].lower_deg == 5
    path.write_text(text.replace(joint[0], moved.replace("lower_deg", "start_deg = 4, lower_deg")))
    with pytest.raises(ConfigError, match="right_j1: start_deg 4 is outside its travel; expected 5 to "):
        load_rig(str(path))


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(ConfigError, match=r"no rig named 'demmo'; did you mean 'demo'"):
        load_rig("demmo")
    with pytest.raises(ConfigError, match=r"no file '\./nowhere\.toml'"):
        load_rig("./nowhere.toml")


def test_not_a_number_and_infinity_are_refused_wherever_a_number_stands(tmp_path):
    for key in ("speed_deg_s = 115", "accel_deg_s2 = 900", "kp = 70", "lower_deg = -80", "watchdog_ms = 100"):
        for value in ("nan", "inf", "-inf"):
            path = write_rig(tmp_path, changed(DEMO, key, f"{key.split(' =')[0]} = {value}"))
            with pytest.raises(ConfigError):
                load_rig(path)


def test_the_digest_follows_the_content_not_the_file(tmp_path):
    rig, _ = load_rig("demo")
    same, _ = load_rig(write_rig(tmp_path, "# a comment\n" + DEMO))
    other, _ = load_rig(write_rig(tmp_path, changed(DEMO, "kp = 70", "kp = 69")))
    assert digest(rig) == digest(same) != digest(other)


@pytest.mark.parametrize("key", ["enable_switch", "emergency_stop"])
def test_a_switch_that_the_leader_can_not_have_is_refused_in_one_line(tmp_path, key):
    needed = changed(DEMO, "rate_hz = 1000", f'rate_hz = 1000\n{key} = "required"')
    rig, _ = load_rig(write_rig(tmp_path, needed))
    with pytest.raises(
        ConfigError,
        match=rf"^{re.escape(rig.file)}: leader\.{key} is 'required', and a ker leader has none; expected 'used'",
    ):
        resolve(rig, tmp_path)
    assert resolve(with_leader(rig, "exo-wire"), tmp_path)


def test_what_only_the_whole_rig_shows_begins_with_its_file_too(tmp_path):
    for old, new in (('driver = "ker"', 'driver = "kerr"'), ('driver = "damiao"', 'driver = "damiaoo"')):
        path = write_rig(tmp_path, changed(DEMO, old, new))
        with pytest.raises(ConfigError) as caught:
            resolve(load_rig(path)[0], tmp_path)
        assert str(caught.value).startswith(f"{path}: ")
    bare = write_rig(tmp_path, DEMO[: DEMO.index("[arm.kinematics]")])
    with pytest.raises(ConfigError, match=rf"^{re.escape(bare)}: no \[arm.kinematics\]"):
        with_reduced_speed(load_rig(bare)[0])


def test_a_text_for_a_number_is_said_in_plain_words_in_a_table_of_tables(tmp_path):
    path = write_rig(tmp_path, calibration=changed(CALIBRATION, "sign = 1", 'sign = "left"'))
    with pytest.raises(ConfigError, match=r"joints\.right_j\d\.sign = 'left': expected a whole number, got a text"):
        load_rig(path)
