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


def pressed_ms(arm: Looked, torque_nm: float, event: str = "motor_overloaded") -> int:
    """How long from now on it presses until that is told; looked at every millisecond."""
    for ms in range(1000):
        events: list[tuple[str, str]] = []
        arm.watch.look(events, pressing(torque_nm), arm.now_ns)
        if event in [name for name, _ in events]:
            return ms
        arm.now_ns += MS
    return -1


def lets_up(arm: Looked, for_ms: int, torque_nm: float = 1.0) -> None:
    """Looked at every millisecond, the last time one before it presses again."""
    for _ in range(for_ms):
        arm.watch.look([], pressing(torque_nm), arm.now_ns)
        arm.now_ns += MS


def test_a_dip_is_no_letting_up():
    """What shakes is there all the while: also each level by itself, from the highest down to the next."""
    for dip_ms, rest_ms in ((1, 50), (30, 21)):
        arm = Looked()
        assert arm.press(9.6, 200) == []
        arm.now_ns += MS
        lets_up(arm, dip_ms, 8.0)
        assert pressed_ms(arm, 9.6) == rest_ms - 1


@pytest.mark.parametrize(("away_ms", "remembered_ms"), [(31, 169), (100, 100), (199, 1), (200, 0), (250, 0), (900, 0)])
def test_what_let_up_is_forgotten_at_the_pace_at_which_it_was_noted(away_ms, remembered_ms):
    """Each level by itself: below the highest it was at the lowest all the while."""
    arm = Looked()
    assert arm.press(9.6, 200) == []
    arm.now_ns += MS
    lets_up(arm, away_ms, 8.0)
    assert pressed_ms(arm, 9.6) == 251 - remembered_ms
    arm = Looked()
    assert arm.press(9.6, 200) == []
    arm.now_ns += MS
    lets_up(arm, away_ms, 8.0)
    assert pressed_ms(arm, 9.6, "motor_loaded") == (0 if away_ms >= 50 else 50 - away_ms)


def test_who_pressed_for_long_has_let_up_after_a_quarter_of_a_second():
    """Told on, and no longer than that: what was a minute ago is no reason to slow down."""
    for away_ms, told_after_ms in ((31, 32), (150, 151), (249, 250), (250, 251), (300, 251)):
        arm = Looked()
        assert arm.press(9.6, 2000) != []
        arm.now_ns += MS
        lets_up(arm, away_ms)
        assert pressed_ms(arm, 9.6) == told_after_ms


@pytest.mark.parametrize(
    ("over_ms", "below_ms", "is_found"),
    [(100, 80, True), (130, 100, True), (200, 190, True), (100, 101, False), (100, 300, False), (200, 1800, False)],
)
def test_to_and_fro_against_what_is_in_the_way_is_pressing(over_ms, below_ms, is_found):
    """Longer at the level than below it: found in the end. Longer below: the work of an arm that moves."""
    arm, names = Looked(), set()
    for _ in range(30):
        for ms in range(over_ms + below_ms):
            events: list[tuple[str, str]] = []
            arm.watch.look(events, pressing(9.6 if ms < over_ms else 1.0), arm.now_ns)
            names |= {name for name, _ in events}
            arm.now_ns += MS
    assert names == ({"motor_overloaded"} if is_found else set())


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


@pytest.mark.parametrize(
    ("torque_nm", "event"), [(2.5, "motor_loaded"), (5.0, "motor_loaded_slow"), (7.5, "motor_overloaded")]
)
def test_a_level_is_reached_at_itself(torque_nm, event):
    arm = msgspec.structs.replace(RIG.arm, torque_warn=0.25, torque_slow=0.5, torque_stop=0.75)
    pressed = Looked(msgspec.structs.replace(RIG, arm=arm))
    assert torque_nm * (1.0 / MOST[ELBOW].torque_nm) in (0.25, 0.5, 0.75)  # not a double beside it
    assert [name for name, _ in pressed.press(torque_nm, 260)] == [event]
