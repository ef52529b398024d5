"""The loop judged as a whole, with an arm of emulated motors: whom it obeys, and what it does when its parts fail."""

from __future__ import annotations

import itertools
import math
from typing import Any

import msgspec
import pytest

from drivers.errors import BusFullError, DriverError
from drivers.ports import MOTOR_OFF, MOTOR_ON
from firmware_bridge.can_frame import decode_frame
from firmware_bridge.damiao import DISABLE, ENABLE, REGISTER_ID
from firmware_bridge.errors import WireError
from station.link.intents import Asked
from station.signals import IntentKind, Mode, Role, Tick
from tests.replay.tape import Machine, Tape, TapedBus
from tests.replay.world import MS, RIG, World

DECODER = msgspec.msgpack.Decoder(Tick)
SCREEN, OTHER = 2, 5


class Rig:
    """A machine in a world of its own, gone round as far as a test needs it."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World(seed=11)
        self.machine = Machine(Tape(self.world))
        self.loop = self.machine.loop
        self.ticks: list[Tick] = []

    def go(self, ticks: int) -> Tick:
        for _ in range(ticks):
            self.loop._tick()
        self.ticks += [DECODER.decode(entry) for entry in self.machine.ticks()]
        return self.ticks[-1]

    def until(self, mode: Mode, most: int = 3000) -> Tick:
        for _ in range(most):
            if self.go(1).mode == mode:
                return self.ticks[-1]
        raise AssertionError(f"{mode.name} was not reached: {self.ticks[-1]}")

    def told(self, since: int = 0) -> set[str]:
        """Events of the ticks from number `since` on."""
        return {name for tick in self.ticks[since:] for name, _ in tick.events}

    def frames(self, word: bytes, since: int = 0) -> int:
        return sum(raw[8:16] == word for _, raw in self.machine.sent[since:])


class People(World):
    """Says what a test wants said: `asks` (and `asks_once`) beside the leases of session and screens."""

    def __init__(self, seed: int = 11, **more: Any) -> None:
        super().__init__(seed, **more)
        self.asks: list[Asked] = []
        self.asks_once: list[Asked] = []

    def intents(self) -> list[Asked]:
        if self.ms - self._asked_ms < 50:
            return []
        self._asked_ms = self.ms
        screens = [Asked(IntentKind.LEASE, Role.SCREEN, pid) for pid in (SCREEN, OTHER)]
        asks = [*self.asks, *self.asks_once]
        self.asks_once.clear()
        return [Asked(IntentKind.LEASE, Role.SESSION, 1), *screens, *asks]


def engage(pid: int) -> Asked:
    return Asked(IntentKind.ENGAGE, Role.SCREEN, pid)


@pytest.fixture
def rig() -> Rig:
    return Rig(People())


def people(rig: Rig) -> People:
    assert isinstance(rig.world, People)
    return rig.world


def following(rig: Rig) -> Rig:
    rig.until(Mode.READY)
    rig.go(200)
    people(rig).asks = [engage(SCREEN)]
    rig.until(Mode.FOLLOWING)
    people(rig).asks = []
    rig.go(200)
    return rig


# -- who watches, who leads


def test_nothing_moves_before_the_supervisor_has_begun(rig, monkeypatch):
    monkeypatch.setattr(type(rig.machine.ring), "supervisor_ns", 0)
    people(rig).asks = []
    rig.until(Mode.READY)
    rig.go(200)
    people(rig).asks = [engage(SCREEN)]
    assert rig.go(500).mode == Mode.READY
    assert "no_supervisor" in rig.told() and not any(map(any, (tick.sent_rad_s for tick in rig.ticks)))


def test_a_supervisor_that_began_late_is_waited_for(rig, monkeypatch):
    ring = type(rig.machine.ring)
    with monkeypatch.context() as patch:
        patch.setattr(ring, "supervisor_ns", 0)
        rig.until(Mode.READY)
        rig.go(100)
    following(rig)


def test_another_screen_neither_carries_it_into_following_nor_keeps_it_there(rig):
    rig.until(Mode.READY)
    rig.go(200)
    people(rig).asks = [engage(SCREEN)]
    rig.until(Mode.ALIGNING)
    people(rig).asks = [engage(OTHER)]
    assert rig.until(Mode.HOLD, 300).cause == "engage_released"
    assert "engage_elsewhere" in rig.told()
    assert rig.go(500).mode == Mode.HOLD, "the other one has asked since before the hold"


def test_the_screen_that_led_is_missed_whatever_the_other_one_says(rig):
    following(rig)
    world = people(rig)
    world.intents = lambda: [  # type: ignore[method-assign]
        Asked(IntentKind.LEASE, Role.SESSION, 1),
        Asked(IntentKind.LEASE, Role.SCREEN, OTHER),
        engage(OTHER),
    ]
    assert rig.until(Mode.HOLD, 500).cause == "screen_lost"


def test_a_pedal_leads_with_any_screens_lease(rig):
    rig.until(Mode.READY)
    rig.go(200)
    people(rig).asks = [Asked(IntentKind.ENGAGE, Role.PEDAL, 77)]
    rig.until(Mode.FOLLOWING)
    people(rig).asks = []
    assert rig.go(500).mode == Mode.FOLLOWING


# -- motors on and off


def test_a_stop_that_comes_before_the_motors_are_on_leaves_them_off(rig, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("station.control.links.agree", lambda pose, before: False)
        rig.until(Mode.READY)
        rig.go(100)
        people(rig).asks = [Asked(IntentKind.STOP, Role.SCREEN, SCREEN)]
        rig.until(Mode.STOPPED, 100)
    people(rig).asks = []
    assert rig.go(300).cause == "operator_stop"
    assert rig.frames(ENABLE) == 0 and set(rig.ticks[-1].arm_status) == {MOTOR_OFF}
    assert rig.frames(DISABLE) >= 16 * 6, "and they are told so again and again"
    people(rig).asks = [Asked(IntentKind.RESET, Role.SCREEN, SCREEN)]
    rig.until(Mode.READY, 100)
    assert set(rig.go(300).arm_status) == {MOTOR_ON}


def test_motors_that_were_switched_on_half_way_are_switched_off_at_once(rig, monkeypatch):
    arm = rig.loop._gate._arm
    enable = arm.enable

    def fails_at_the_end() -> None:
        enable()
        raise BusFullError("can_left: full")

    monkeypatch.setattr(arm, "enable", fails_at_the_end)
    rig.until(Mode.READY)
    assert rig.machine.sent[-1][1][8:16] == DISABLE
    tick = rig.go(1)
    assert (tick.mode, tick.cause) == (Mode.STOPPED, "send_queue_full")
    rig.go(200)
    assert rig.frames(ENABLE) == 0


@pytest.mark.parametrize("error", [DriverError("can_left: gone"), BusFullError("can_left: full")])
def test_a_bus_that_fails_switches_the_arm_off(rig, monkeypatch, error):
    following(rig)
    arm, sent = rig.loop._gate._arm, len(rig.machine.sent)

    def fails(frames: object) -> None:
        raise error

    monkeypatch.setattr(arm, "transmit", fails)
    rig.go(1)
    if not isinstance(error, BusFullError):
        assert rig.frames(DISABLE, sent) == 16, "in the very tick"
    tick = rig.until(Mode.STOPPED, 600)
    assert tick.cause == ("send_queue_full" if isinstance(error, BusFullError) else "arm_error")
    rig.go(2)
    assert rig.frames(DISABLE, sent) >= 16


@pytest.mark.parametrize("full_bus", [0, 1])
@pytest.mark.parametrize("slots", [2, 9, 24])
def test_after_a_bus_took_no_frames_for_a_while_no_motor_jumps_and_the_other_arm_brakes(
    rig, monkeypatch, full_bus, slots
):
    following(rig)
    while max(map(abs, rig.go(1).sent_rad_s)) < 0.7:
        pass
    before = len(rig.machine.sent) - 16
    with monkeypatch.context() as patch:
        send = TapedBus.send_packed

        def full(bus: TapedBus, raw: bytes, bound_s: float = 0.0) -> None:
            if bus._index == full_bus:
                raise BusFullError("full")
            send(bus, raw, bound_s)

        patch.setattr(TapedBus, "send_packed", full)
        rig.go(slots)
    assert len(rig.machine.sent) - before >= 16 + 2 * 8, "the other arm is told all the same"
    rig.go(150)
    assert (rig.ticks[-1].mode, rig.ticks[-1].cause) == (Mode.STOPPED, "send_queue_full")
    told: dict[tuple[int, int], list[float]] = {}
    for number, raw in rig.machine.sent[before:]:
        can_id, data = decode_frame(raw)[:2]
        if can_id != REGISTER_ID and data[:7] != DISABLE[:7]:
            told.setdefault((number, can_id), []).append(int.from_bytes(data[:2], "big") * 25 / 65535 - 12.5)
    joints = {(number, joint.id): joint for joint in RIG.arm.joints for number in (int("left" in joint.bus),)}
    assert told.keys() == joints.keys()
    for place, positions in told.items():
        slot_rad = math.radians(joints[place].speed_deg_s) / RIG.arm.rate_hz
        assert max((abs(b - a) for a, b in itertools.pairwise(positions)), default=0.0) < slot_rad + 25 / 65535
    if full_bus == 1:
        assert max(len(set(positions)) for positions in told.values()) > 8, "it brakes, and is not simply held"


def test_answers_that_can_not_be_read_are_an_arm_that_failed(rig, monkeypatch):
    following(rig)
    sent = len(rig.machine.sent)

    def fails(now_ns: int) -> None:
        raise WireError("register answer of 3 bytes")

    monkeypatch.setattr(rig.loop._gate._arm, "read", fails)
    tick = rig.go(1)
    assert (tick.mode, tick.cause, tick.cause_detail) == (Mode.STOPPED, "arm_error", "register answer of 3 bytes")
    assert rig.frames(DISABLE, sent) == 16


@pytest.mark.parametrize("place", ["_ask", "_rehearse", "_take", "_watch", "_advance", "_command", "_publish"])
def test_whatever_ends_the_loop_switches_the_motors_off_first(rig, monkeypatch, place):
    following(rig)
    sent = len(rig.machine.sent)

    def fails(*_: object) -> None:
        raise ZeroDivisionError(place)

    monkeypatch.setattr(rig.loop, place, fails)
    with pytest.raises(ZeroDivisionError, match=place):
        rig.loop.run()
    assert rig.frames(DISABLE, sent) >= 16


def test_motors_that_are_off_are_told_so_again_though_slots_are_missed(rig):
    rig.until(Mode.READY)
    people(rig).asks = [Asked(IntentKind.SHUTDOWN, Role.SCREEN, SCREEN)]
    rig.until(Mode.STOPPED, 100)
    rig.go(2)
    pace, sent = rig.loop._pace, len(rig.machine.sent)
    pace.index += pace.index % 2
    for _ in range(150):
        pace.index += 1  # every other slot is missed: no number of a slot is even
        rig.go(1)
    assert 5 * 16 <= rig.frames(DISABLE, sent) <= 7 * 16


def test_the_arm_is_watched_even_where_every_tick_is_far_too_long(rig, monkeypatch):
    following(rig)
    command, feedback = rig.loop._command, rig.loop._gate._arm.read

    def slow() -> tuple[int, int]:
        rig.world._pass(70 * MS)
        return command()

    def hot(now_ns: int) -> Any:
        told = feedback(now_ns)
        return told._replace(temperature_c=(99.0,) * len(told.temperature_c))

    monkeypatch.setattr(rig.loop, "_command", slow)
    assert rig.until(Mode.STOPPED, 20).cause == "loop_gap_stop"
    monkeypatch.setattr(rig.loop._gate._arm, "read", hot)
    tick = rig.go(6)
    assert "motor_hot" in rig.told(len(rig.ticks) - 6) and tick.cause == "loop_gap_stop"
    assert rig.loop._state.off


def test_what_waited_in_the_leaders_port_is_dropped_before_the_first_tick(rig, monkeypatch):
    order = []
    drop = rig.loop._links.drop_waiting
    tick = rig.loop._tick
    monkeypatch.setattr(rig.loop._links, "drop_waiting", lambda: (order.append("drop"), drop()))
    monkeypatch.setattr(rig.loop, "_tick", lambda: (order.append("tick"), tick()))
    rig.loop.ask_shutdown()
    assert rig.loop.run()
    assert order[:2] == ["drop", "tick"] and order.count("drop") == 1


# -- the way back


def test_a_joint_found_outside_its_travel_stops_with_that_word_and_nothing_is_switched_on(rig):
    motor = people(rig)._motors[0][1]
    motor.position_rad = math.radians(250)
    tick = rig.until(Mode.STOPPED, 500)
    assert tick.cause == "outside_travel" and "stands at 250 deg, travel" in tick.cause_detail
    people(rig).asks = [Asked(IntentKind.RESET, Role.SCREEN, SCREEN)]
    rig.go(300)
    assert rig.frames(ENABLE) == 0, "each reset finds it there again"
    motor.position_rad = 0.0  # a person moved it
    rig.until(Mode.READY, 300)
    people(rig).asks = []
    assert set(rig.go(300).arm_status) == {MOTOR_ON}


@pytest.mark.parametrize("tries", [1, 30])
def test_one_reset_opens_a_line_that_is_down_and_counts_when_it_is_up(rig, monkeypatch, tries):
    following(rig)
    links = rig.loop._links
    links.leader_down = "unplugged"
    assert rig.until(Mode.STOPPED, 600).cause == "leader_error"
    rig.go(100)
    asked = []

    def open_again() -> None:
        asked.append(rig.world.ms)
        if len(asked) == tries:
            links.leader_down, links._is_new_leader = "", True

    monkeypatch.setattr(links, "open_again", open_again)
    assert rig.go(100).mode == Mode.STOPPED and not asked, "never by itself"
    people(rig).asks_once = [Asked(IntentKind.RESET, Role.SCREEN, SCREEN)]
    tick = rig.until(Mode.READY, 200)
    assert len(asked) == tries and not tick.cause_detail


def test_a_reset_that_waits_for_a_line_is_forgotten_after_a_while_and_by_who_thinks_better_of_it(rig, monkeypatch):
    following(rig)
    links = rig.loop._links
    links.leader_down = "unplugged"
    rig.until(Mode.STOPPED, 600)
    asked: list[float] = []
    monkeypatch.setattr(links, "open_again", lambda: asked.append(rig.world.ms))
    for taken_back in (False, True):
        asked.clear()
        people(rig).asks = [Asked(IntentKind.RESET, Role.SCREEN, SCREEN)]
        rig.go(60)
        people(rig).asks = [Asked(IntentKind.HOLD, Role.SCREEN, SCREEN)] if taken_back else []
        rig.go(60)
        since = len(asked)
        rig.go(1300)
        assert (len(asked) > since) is not taken_back
        assert rig.ticks[-1].mode == Mode.STOPPED
        people(rig).asks = []
        rig.go(1500)
        over = len(asked)
        rig.go(100)
        assert len(asked) == over


# -- words


def test_words_that_are_too_long_for_the_ring_are_left_out_and_the_arm_goes_on(rig):
    following(rig)
    rig.loop._found = [("bus_errors", "线" * 200)] * 20
    rig.loop._state = rig.loop._state._replace(detail="线" * 300)
    tick = rig.go(1)
    assert tick.mode == Mode.FOLLOWING
    assert tick.events == (("bus_errors", ""),) * 12 and tick.cause_detail == ""
    rig.loop._found = [("bus_errors", "can_left: 7 in 1 s")]
    assert rig.go(1).events == (("bus_errors", "can_left: 7 in 1 s"),)
