"""How a stop reaches motors that could not be told, and how a reset that waits comes to count; the loop as a whole."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from drivers.errors import BusFullError
from drivers.ports import MOTOR_OFF, MOTOR_ON
from firmware_bridge.samples import INPUT_ESTOP, INPUT_HAS_ESTOP
from station.link.intents import Asked
from station.signals import IntentKind, Mode, Role
from tests.replay.tape import TapedBus
from tests.replay.test_loop import SCREEN, People, Rig, following


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bus takes a frame: neither a command nor that the motors are to be off."""

    def refuses(bus: TapedBus, raw: bytes, bound_s: float = 0.0) -> None:
        raise BusFullError("full")

    monkeypatch.setattr(TapedBus, "send_packed", refuses)


@pytest.mark.parametrize("slots", [1, 2, 3, 20, 45])
def test_motors_that_could_not_be_told_to_be_off_are_told_as_soon_as_a_bus_takes_frames(monkeypatch, slots):
    rig = following(Rig(People()))
    while max(map(abs, rig.go(1).sent_rad_s)) < 0.7:
        pass
    with monkeypatch.context() as patch:
        full(patch)
        rig.go(slots)
    assert MOTOR_ON in {motor.status for bus in rig.world._motors for motor in bus.values()}
    rig.go(5)
    assert (rig.ticks[-1].mode, rig.ticks[-1].cause) == (Mode.STOPPED, "send_queue_full")
    assert {motor.status for bus in rig.world._motors for motor in bus.values()} == {MOTOR_OFF}


def test_motors_that_never_say_that_they_are_off_are_told_often_for_50_slots_only(monkeypatch):
    """A bus that takes no frame costs its time each time."""
    rig = following(Rig(People()))
    asked: list[int] = []
    monkeypatch.setattr(rig.loop._gate, "stop", lambda: asked.append(rig.loop._pace.index))
    full(monkeypatch)
    rig.go(400)
    first = asked[0]
    soon, later = [at - first for at in asked if at < first + 50], [at - first for at in asked if at >= first + 50]
    assert len(soon) >= 10 and max(b - a for a, b in itertools.pairwise(soon)) <= 15
    assert later and min(b - a for a, b in itertools.pairwise(later)) >= 50


class Contact:
    """Of an emergency stop, on a leader that has none: its bits in every sample."""

    def __init__(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inputs = INPUT_HAS_ESTOP
        links = rig.loop._links
        read = links.read_leader

        def with_contact() -> Any:
            sample = read()
            return None if sample is None else sample._replace(inputs=self.inputs)

        monkeypatch.setattr(links, "read_leader", with_contact)


def unplugged(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped, and a person asks for a reset; the next try to open the line succeeds."""
    links = rig.loop._links
    links.leader_down = "unplugged"
    rig.until(Mode.STOPPED, 600)
    rig.go(100)

    def open_again() -> None:
        links.leader_down, links._is_new_leader = "", True

    monkeypatch.setattr(links, "open_again", open_again)
    assert isinstance(rig.world, People)
    rig.world.asks_once = [Asked(IntentKind.RESET, Role.SCREEN, SCREEN)]


def test_a_reset_that_waits_for_a_line_waits_until_the_stop_contact_has_been_open_for_a_while(monkeypatch):
    rig = Rig(People())
    Contact(rig, monkeypatch)
    following(rig)
    unplugged(rig, monkeypatch)
    rig.until(Mode.STOPPED, 1)
    since = len(rig.ticks)
    rig.until(Mode.READY, 200)
    assert 25 <= len(rig.ticks) - since <= 120, "50 ms are 25 slots"


def test_a_button_pressed_while_the_line_was_down_is_not_reset_by_what_waits(monkeypatch):
    rig = Rig(People())
    contact = Contact(rig, monkeypatch)
    following(rig)
    unplugged(rig, monkeypatch)
    contact.inputs = INPUT_HAS_ESTOP | INPUT_ESTOP
    rig.go(100)
    contact.inputs = INPUT_HAS_ESTOP
    assert rig.go(1000).mode == Mode.STOPPED, "turned out later: only a person who asks anew resets"
    assert isinstance(rig.world, People)
    rig.world.asks_once = [Asked(IntentKind.RESET, Role.SCREEN, SCREEN)]
    rig.until(Mode.READY, 200)
