"""The Damiao arm against the emulated follower over the hub's real sockets."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.arms.damiao import DamiaoArm, DamiaoBus, DamiaoJoint
from drivers.can_bus import open_bus
from drivers.errors import BusFullError, DriverError
from drivers.ports import MOTOR_OFF, MOTOR_ON, FramedArm
from firmware_bridge.damiao import encode_register_answer
from firmware_bridge.errors import WireError
from tests.emulated_follower import FollowerThread, arm_of, command_of, config_of, drive, eventually

pytestmark = pytest.mark.process


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[FollowerThread]:
    with FollowerThread(config_of(tmp_path)) as follower:
        yield follower


def all_on(feedback) -> bool:
    return all(status == MOTOR_ON for status in feedback.status)


def pose(feedback) -> tuple[float, ...]:
    return feedback.position_rad


def read_pose(arm: DamiaoArm) -> tuple[float, ...]:
    return eventually(lambda: all((f := arm.read(time.monotonic_ns())).t_ns) and f.position_rad)


def enabled(arm: DamiaoArm) -> tuple[float, ...]:
    """Switch on where the arm stands; its pose."""
    start = read_pose(arm)
    while True:
        arm.enable()
        # A stalled machine may let the motors' time-out strike in between: then once more.
        if all_on(drive(arm, start, lambda f: all_on(f) or 0xD in f.status)):
            return start


def test_the_arm_is_an_arm_that_shows_its_frames(tmp_path: Path) -> None:
    def takes(arm: FramedArm) -> None: ...

    takes(arm_of(config_of(tmp_path)))


def test_after_entering_every_motor_is_known_off_and_has_its_time_out(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        motors = follower.ask("status")["motors"]
        assert [motor["timeout_units"] for motor in motors] == [6000] * 16
        assert not any(motor["enabled"] for motor in motors)
        assert read_pose(arm) == pytest.approx([0.1 * n for n in range(8)] * 2, abs=1e-3)
        assert arm.read(0).status == (MOTOR_OFF,) * 16
        assert "16 motors" in arm.identity and "5013" in arm.identity
        assert all(20 < t < 40 for t in arm.read(0).temperature_c)


def test_enabling_moves_nothing_and_shows_in_the_status(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        start = enabled(arm)
        assert pose(arm.read(time.monotonic_ns())) == pytest.approx(start, abs=2e-3)


def test_the_motors_follow_and_the_feedback_tells(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        start = enabled(arm)
        goal = [p + 0.3 for p in start]
        reached = drive(arm, goal, lambda f: all(abs(p - g) < 0.02 for p, g in zip(f.position_rad, goal)))
        assert all(abs(t) < 20 for t in reached.torque_nm)
        truth = [motor["position_rad"] for motor in follower.ask("status")["motors"]]
        assert truth == pytest.approx(goal, abs=0.05)


def test_no_command_within_the_time_out_stops_the_motors_and_they_say_why(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        start = enabled(arm)
        arm.send(command_of(arm, [p + 0.5 for p in start]))
        eventually(lambda: set(arm.read(time.monotonic_ns()).status) == {0xD})
        assert "lost communication" in arm.fault_words(0xD)
        eventually(lambda: all(m["velocity_rad_s"] == 0 for m in follower.ask("status")["motors"]))
        # On again only after a clear, which `enable` sends.
        enabled(arm)


def test_stop_switches_every_motor_off(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        enabled(arm)
        arm.stop()
        eventually(lambda: not any(motor["enabled"] for motor in follower.ask("status")["motors"]))
        eventually(lambda: set(arm.read(time.monotonic_ns()).status) == {MOTOR_OFF})


def test_leaving_switches_off_and_frees_the_buses(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        enabled(arm)
    eventually(lambda: {motor["status"] for motor in follower.ask("status")["motors"]} == {MOTOR_OFF})
    with arm_of(follower.config) as arm:
        read_pose(arm)


def test_leaving_by_an_error_switches_off_too(follower: FollowerThread) -> None:
    with pytest.raises(ZeroDivisionError), arm_of(follower.config) as arm:
        enabled(arm)
        _ = 1 / 0
    eventually(lambda: {motor["status"] for motor in follower.ask("status")["motors"]} == {MOTOR_OFF})


def test_can_fd_works_the_same(tmp_path: Path) -> None:
    with FollowerThread(config_of(tmp_path, 2, fd=True)) as follower, arm_of(follower.config) as arm:
        start = enabled(arm)
        goal = [p + 0.1 for p in start]
        drive(arm, goal, lambda f: all(abs(p - g) < 0.02 for p, g in zip(f.position_rad, goal)))


# -- refusals at the start


def refuses(follower: FollowerThread, pattern: str, **changes) -> None:
    with pytest.raises(DriverError, match=pattern), arm_of(follower.config, **changes):
        pass
    assert not any(motor["enabled"] for motor in follower.ask("status")["motors"])
    eventually(lambda: all(bus["clients"] == 0 for bus in follower.ask("status")["buses"]))


@pytest.mark.parametrize(
    ("register", "value", "words"),
    [
        (
            21,
            12.566,
            r"motor right_j3 \(id 3, bus can_right\): register 21 \(PMAX\) is 12\.566; expected 12\.5 for a 4340",
        ),
        (22, 8, r"register 22 \(VMAX\) is 8; expected 10 for a 4340.*correct the model"),
        (23, 54, r"register 23 \(TMAX\) is 54; expected 28"),
        (10, 2, r"register 10 \(CTRL_MODE\) is 2 \(position-velocity\); expected 1 \(MIT\)"),
    ],
)
def test_a_motor_that_differs_is_refused_by_name(
    follower: FollowerThread, register: int, value: float, words: str
) -> None:
    follower.ask("fault", kind="registers", bus="can_right", motor=3, registers={str(register): value})
    refuses(follower, words)
    follower.ask("clear")
    with arm_of(follower.config):
        pass


def test_a_wrong_model_in_the_rig_is_refused(follower: FollowerThread) -> None:
    refuses(follower, r"and \d+ more", model="6006")


def test_a_missing_motor_is_named(follower: FollowerThread) -> None:
    follower.ask("fault", kind="silent", bus="can_left", motor=5)
    refuses(follower, r"motor left_j5 \(id 5, bus can_left\): no answer on id 0x15")


def test_a_dead_bus_is_said_once(follower: FollowerThread) -> None:
    follower.ask("fault", kind="silent", bus="can_left")
    with pytest.raises(DriverError, match=r"bus can_left.*no motor answers") as caught, arm_of(follower.config):
        pass
    assert "left_j5 (id" not in str(caught.value)


def test_a_bus_that_is_not_there_is_an_error_and_closes_the_others(follower: FollowerThread) -> None:
    follower.ask("fault", kind="unplug", bus="can_left")
    refuses(follower, "bus can_left: station_hub .*does not open")


def test_the_start_bears_lost_doubled_and_late_answers(follower: FollowerThread) -> None:
    follower.ask("fault", kind="drop", probability=0.2)
    follower.ask("fault", kind="duplicate", probability=0.3)
    follower.ask("fault", kind="delay", probability=0.3, delay_ms=3)
    with arm_of(follower.config) as arm:
        assert read_pose(arm) == pytest.approx([0.1 * n for n in range(8)] * 2, abs=1e-3)
        follower.ask("clear")


def test_two_stations_cannot_share_an_arm(follower: FollowerThread) -> None:
    with arm_of(follower.config), pytest.raises(DriverError, match=r"process \d+ uses it"), arm_of(follower.config):
        pass


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "9999"}, "model '9999'; expected one of 3507"),
        ({"bus": 2}, "bus 2; expected an index below 1"),
        ({"reply_id": 1}, "reply id 0x1 of motor j is also the id of motor j"),
        ({"motor_id": 0x7FF}, "also the register id"),
        ({"kp": math.nan}, "kp is nan"),
    ],
)
def test_impossible_settings_are_refused_before_anything_opens(changes: dict, words: str) -> None:
    joint = {"name": "j", "bus": 0, "motor_id": 1, "reply_id": 17, "model": "4310", "kp": 1, "kd": 1, **changes}
    with pytest.raises(DriverError, match=words):
        DamiaoArm([DamiaoBus("b", "station_hub", "/nowhere")], [DamiaoJoint(**joint)], 0.05)


@pytest.mark.parametrize("watchdog_s", [0, -1, math.nan, math.inf])
def test_an_arm_without_a_time_out_is_refused(tmp_path: Path, watchdog_s: float) -> None:
    with pytest.raises(DriverError, match="switch the watchdog off"):
        arm_of(config_of(tmp_path), watchdog_s=watchdog_s)


# -- a motor that lost its supply


def test_a_motor_that_lost_its_supply_has_its_time_out_again_before_it_is_on(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        start = enabled(arm)
        follower.ask("fault", kind="power_off", bus="can_right", motor=4)
        follower.ask("clear")
        assert follower.motor(4)["timeout_units"] == 0
        drive(arm, start, lambda f: f.status[3] == MOTOR_OFF)
        enabled(arm)
        assert follower.motor(4)["timeout_units"] == 6000


def test_a_motor_that_does_not_confirm_its_time_out_is_never_switched_on(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        start = read_pose(arm)
        follower.ask("fault", kind="drop_commands", bus="can_right", motor=4)
        arm.enable()
        drive(arm, start, lambda f: sum(f.status) == 15)
        follower.ask("clear")
        for _ in range(20):
            drive(arm, start, lambda f: True)
        assert not follower.motor(4)["enabled"]


def test_a_wrong_confirmation_is_an_error_and_the_motor_stays_off(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        read_pose(arm)
        follower.ask("fault", kind="drop", bus="can_right", motor=1)
        arm.enable()
        path = follower.config["follower"]["buses"][0]["socket"]
        other = open_bus("station_hub", path, name="other", is_exclusive=False)
        other.send(0x11, encode_register_answer(1, 0x55, 9, 0))
        with pytest.raises(
            DriverError, match=r"motor right_j1 .*time-out reads back 0; expected 6000; it may not be on"
        ):
            eventually(lambda: arm.read(time.monotonic_ns()) and False)
        other.close()
        assert not follower.motor(1)["enabled"]


def test_a_stop_between_asking_and_confirming_keeps_the_motors_off(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        read_pose(arm)
        arm.enable()
        arm.stop()
        for _ in range(20):
            arm.read(time.monotonic_ns())
            time.sleep(0.002)
        assert not any(motor["enabled"] for motor in follower.ask("status")["motors"])


# -- frames


def test_what_is_encoded_decodes_to_the_command_within_a_count(tmp_path: Path) -> None:
    arm = arm_of(config_of(tmp_path))
    command = command_of(arm, [0.1 * n - 0.8 for n in range(16)])._replace(
        velocity_rad_s=tuple(n / 16 for n in range(16))
    )
    frames = arm.encode(command)
    assert len(frames) == 16
    told = arm.decode(frames)
    for was, now, step in zip(command.position_rad, told.position_rad, arm.position_step_rad, strict=True):
        assert 0 <= was - now < step
    for was, now, step in zip(command.velocity_rad_s, told.velocity_rad_s, arm.velocity_step_rad_s, strict=True):
        assert 0 <= was - now < step
    assert arm.decode(frames[1:]).position_rad[1:] == told.position_rad[1:]
    assert math.isnan(arm.decode(frames[1:]).position_rad[0])
    with pytest.raises(WireError, match="0x9"):
        arm.decode([frames[0]._replace(can_id=9)])


def test_a_command_that_is_not_finite_is_never_encoded(tmp_path: Path) -> None:
    arm = arm_of(config_of(tmp_path))
    with pytest.raises(WireError):
        arm.encode(command_of(arm, [math.nan] * 16))


def test_frames_that_are_no_answer_of_a_motor_change_nothing(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        read_pose(arm)
        bus = arm.counters[0].bad
        sockets = follower.config["follower"]["buses"][0]["socket"]
        other = open_bus("station_hub", sockets, name="other", is_exclusive=False)
        before = arm.read(0).position_rad
        other.send(0x01, b"\xff\xff\x00\x00\x00\x00\x00\x00")  # a command's echo
        other.send(0x7F, b"\x11\xff\x00\x00\x00\x00\x00\x00")  # a stranger
        other.send(0x11, b"\x11\xff")  # too short
        other.send(0x11, b"\x12\xff\xff\x00\x00\x00\x00\x00")  # another motor's number inside
        other.send(0x11, encode_register_answer(1, 0x33, 21, 12.5))  # late from the start
        eventually(lambda: (arm.read(0), arm.counters[0].bad)[1] == bus + 2)
        for _ in range(5):
            after = arm.read(0).position_rad
            assert after == pytest.approx(before, abs=1e-3)
        other.close()


def test_a_motor_that_never_answered_reads_as_not_a_number(tmp_path: Path) -> None:
    arm = arm_of(config_of(tmp_path))
    assert all(map(math.isnan, arm._feedback.position_rad))
    assert arm._feedback.t_ns == (0,) * 16


def test_feedback_is_the_same_object_while_nothing_arrives(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        read_pose(arm)
        time.sleep(0.02)
        first = arm.read(1)
        assert arm.read(1) is first


def test_an_arm_that_is_not_open_says_so(tmp_path: Path) -> None:
    arm = arm_of(config_of(tmp_path))
    for call in (lambda: arm.send(command_of(arm, [0.0] * 16)), arm.enable, lambda: arm.read(10**12)):
        with pytest.raises(DriverError, match="not open"):
            call()
    arm.stop()


# -- buses that fail while the arm is open


def test_an_unplugged_bus_is_an_error_on_reading_and_sending_and_stop_never_raises(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        start = enabled(arm)
        follower.ask("fault", kind="unplug", bus="can_left")
        with pytest.raises(DriverError, match="bus can_left"):
            arm.read(time.monotonic_ns())
        with pytest.raises(DriverError, match="bus can_left"):
            arm.send(command_of(arm, start))
        arm.stop()
        eventually(lambda: not follower.motor(1, "can_right")["enabled"])
        eventually(lambda: follower.motor(1, "can_left")["status"] == 0xD)


def test_a_full_queue_is_an_error_of_its_own_and_stop_is_bounded(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        start = enabled(arm)
        follower.ask("fault", kind="full_queue", bus="can_right")
        with pytest.raises(BusFullError, match=r"can_right.*transmit queue full"):
            for _ in range(10_000):
                arm.send(command_of(arm, start))
        arm.stop()
        eventually(lambda: not follower.motor(1, "can_left")["enabled"])
        eventually(lambda: follower.motor(1, "can_right")["status"] == 0xD)
        follower.ask("clear")


def test_a_bus_off_is_counted_and_the_motors_stop_by_themselves(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        start = enabled(arm)
        follower.ask("fault", kind="bus_off", bus="can_right")
        drive(arm, start, lambda f: arm.counters[0].bus_off == 1)
        drive(arm, start, lambda f: follower.motor(1, "can_right")["status"] == 0xD)
        assert follower.motor(1, "can_left")["enabled"]
        assert arm.counters[1].bus_off == 0
        follower.ask("clear")
        drive(arm, start, lambda f: f.status[0] == 0xD)


def test_error_frames_are_counted_and_stall_nothing(follower: FollowerThread) -> None:
    with arm_of(follower.config) as arm:
        start = enabled(arm)
        follower.ask("fault", kind="error_frames", bus="can_left", rate_hz=500)
        drive(arm, start, lambda f: arm.counters[1].error_frames > 20)
        assert arm.counters[0].error_frames == 0
        last = arm.read(time.monotonic_ns()).t_ns
        drive(arm, start, lambda f: all(now > before for now, before in zip(f.t_ns, last)))
