"""A motor that presses: told, slowed down for, stopped; by the share of its peak torque and how long it lasts."""

from __future__ import annotations

import math

import msgspec
import pytest

from drivers.ports import MOTOR_ON, ArmFeedback, MotorMost
from station.control.torque_watch import TorqueWatch
from station.control.watch import ArmWatch
from station.settings.errors import ConfigError
from station.settings.load import load_rig
from station.settings.rig import Rig
from tests.unit.test_settings import DEMO, changed, write_rig

RIG, _ = load_rig("demo")
NAMES = [joint.name for joint in RIG.arm.joints]
COUNT = len(NAMES)
ELBOW = NAMES.index("right_j4")
MOST = tuple(MotorMost(12.5, 5.0, 10.0 if index == ELBOW else 40.0) for index in range(COUNT))
MS = 1_000_000
START_NS = 10**12


def pressing(torque_nm: float, joint: int = ELBOW) -> ArmFeedback:
    zeros = (0.0,) * COUNT
    torque = tuple(torque_nm if index == joint else 0.5 for index in range(COUNT))
    return ArmFeedback(zeros, zeros, torque, (25.0,) * COUNT, (MOTOR_ON,) * COUNT, (START_NS,) * COUNT)


class Looked:
    """A watch that is asked every 10 ms while a joint presses."""

    def __init__(self, rig: Rig = RIG) -> None:
        self.watch = TorqueWatch(rig, MOST)
        self.now_ns = START_NS

    def press(self, torque_nm: float, for_ms: float, joint: int = ELBOW) -> list[tuple[str, str]]:
        """Events of the last look, at the end of that time; the first one at its beginning."""
        end_ns = self.now_ns + round(for_ms * MS)
        while True:
            events: list[tuple[str, str]] = []
            self.watch.look(events, pressing(torque_nm, joint), self.now_ns)
            if self.now_ns == end_ns:
                return events
            self.now_ns = min(end_ns, self.now_ns + 10 * MS)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("torque_nm", "event", "is_slow"),
    [
        (6.99, "", False),
        (7.0, "motor_loaded", False),
        (8.49, "motor_loaded", False),
        (8.5, "motor_loaded_slow", True),
        (9.49, "motor_loaded_slow", True),
        (9.5, "motor_overloaded", True),
        (12.0, "motor_overloaded", True),
    ],
)
def test_how_hard_it_presses_decides_and_for_how_long(torque_nm, event, is_slow, sign):
    arm = Looked()
    assert arm.press(sign * torque_nm, 250) == []
    assert not arm.watch.is_slow
    found = arm.press(sign * torque_nm, 1e-6)
    assert found == ([(event, f"right_j4: {torque_nm:.1f} N m, {torque_nm * 10:.0f} %")] if event else [])
    assert arm.watch.is_slow is is_slow


@pytest.mark.parametrize(("dip_ms", "lets_up"), [(1, False), (30, False), (31, True)])
def test_a_dip_is_no_letting_up(dip_ms, lets_up):
    """Each level has its own: from the highest down to the next."""
    arm = Looked()
    assert arm.press(9.6, 200) == []
    arm.now_ns += MS
    arm.press(8.0, dip_ms - 1)
    arm.now_ns += MS
    found = [name for name, _ in arm.press(9.6, 55)]
    assert found == (["motor_loaded"] if lets_up else ["motor_overloaded"])
    assert [name for name, _ in arm.press(9.6, 180)] == (["motor_loaded"] if lets_up else ["motor_overloaded"])
    assert [name for name, _ in arm.press(9.6, 20)] == ["motor_overloaded"]
    assert arm.press(1.0, 0) == []
    assert not arm.watch.is_slow


def test_what_shakes_round_a_level_is_at_it():
    arm = Looked()
    names = set()
    for _ in range(40):
        names |= {name for name, _ in (*arm.press(9.6, 10), *arm.press(6.0, 10))}
    assert "motor_overloaded" in names


def test_two_joints_press_each_for_its_own_time():
    arm = Looked()
    assert arm.press(9.6, 200) == []
    assert arm.press(39.0, 250, joint=0) == []
    assert arm.press(39.0, 10, joint=0) == [("motor_overloaded", f"{NAMES[0]}: 39.0 N m, 98 %")]


@pytest.mark.parametrize(("blind_ms", "event"), [(100, "motor_overloaded"), (100 + 1e-6, "")])
def test_what_was_before_a_time_without_a_look_does_not_count(blind_ms, event):
    """The arm was off meanwhile."""
    arm = Looked()
    assert arm.press(9.6, 200) == []
    arm.now_ns += round(blind_ms * MS)
    assert [name for name, _ in arm.press(9.6, 0)] == ([event] if event else [])
    assert arm.press(9.6, 250) == [("motor_overloaded", "right_j4: 9.6 N m, 96 %")] * bool(event)
    assert arm.press(9.6, 10) != []


@pytest.mark.parametrize("joint", [name for name in NAMES if name.endswith("gripper")])
def test_a_gripper_may_press(joint):
    assert Looked().press(40.0, 400, joint=NAMES.index(joint)) == []


def test_a_motor_that_never_answered_does_not_press():
    assert Looked().press(math.nan, 400) == []


def test_the_robot_stays_slow_until_it_is_engaged_anew():
    watch = ArmWatch(RIG, str, MOST)
    names = []
    for tick in range(40):
        events: list[tuple[str, str]] = []
        now_ns = START_NS + tick * 10 * MS
        answer = pressing(9.0 if tick < 27 else 0.0)._replace(t_ns=(now_ns,) * COUNT)
        watch.look(events, answer, now_ns, START_NS - 10**9, 0)
        names += [name for name, _ in events]
        assert watch.is_slow is (tick > 25)
    assert names == ["motor_loaded_slow"]


@pytest.mark.parametrize("line", ["torque_warn = 0.9", "torque_slow = 0.96", "torque_stop = 0.8"])
def test_shares_that_do_not_rise_are_refused_at_load(line, tmp_path):
    with pytest.raises(ConfigError, match="expected them in rising order"):
        load_rig(write_rig(tmp_path, changed(DEMO, "watchdog_ms", f"{line}\nwatchdog_ms")))


@pytest.mark.parametrize(
    ("torque_nm", "event"), [(1.1, "motor_loaded"), (2.1, "motor_loaded_slow"), (3.1, "motor_overloaded")]
)
def test_the_levels_are_the_rigs(torque_nm, event):
    arm = msgspec.structs.replace(RIG.arm, torque_warn=0.1, torque_slow=0.2, torque_stop=0.3)
    pressed = Looked(msgspec.structs.replace(RIG, arm=arm))
    assert [name for name, _ in pressed.press(torque_nm, 260)] == [event]
