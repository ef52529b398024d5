"""Faults of the emulated arm's answers, on demand over its control socket, seen on the wire by a plain client."""

from __future__ import annotations

import time

import pytest

from firmware_bridge import damiao
from tests.emulated_follower import FollowerThread, eventually
from tests.unit.follower_wire import RANGES, REFRESH, Wire, position, status

pytestmark = pytest.mark.process


def test_without_a_fault_each_command_gets_one_answer_on_the_reply_id(follower: FollowerThread, wire: Wire) -> None:
    for n in range(200):
        frame = wire.ask(can_id=1 + n % 3)
        assert frame is not None and frame[0] == 0x11 + n % 3
    assert wire.take(0.01) is None


def test_drop_loses_answers_and_the_motor_still_hears(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="drop", bus="can_right", motor=1)
    assert wire.ask(damiao.ENABLE, timeout_s=0.05) is None
    assert wire.ask(can_id=2) is not None
    assert follower.motor(1)["enabled"]
    follower.ask("clear")
    assert status(wire.ask(REFRESH, 0x7FF)) == damiao.STATUS_ENABLED


def test_drop_commands_loses_what_the_motor_should_hear(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="drop_commands", bus="can_right", motor=1)
    assert wire.ask(damiao.ENABLE, timeout_s=0.05) is None
    assert not follower.motor(1)["enabled"]


def test_a_probability_of_a_half_loses_about_a_half(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="drop", probability=0.5)
    for _ in range(400):
        wire.send(1, damiao.DISABLE)
    follower.ask("clear")
    wire.send(2, damiao.DISABLE)
    got = 0
    while (frame := wire.take()) is not None and frame[0] != 0x12:
        got += 1
    assert 130 < got < 270


def test_answers_of_a_wrong_length(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="wrong_length", bus="can_right", motor=1)
    for _ in range(20):
        frame = wire.ask()
        assert frame is not None and len(frame[1]) != 8
    follower.ask("clear")
    frame = wire.ask()
    assert frame is not None and len(frame[1]) == 8


def test_duplicate_answers_twice(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="duplicate")
    assert wire.ask() == wire.take()
    assert wire.take(0.01) is None


def test_reorder_lets_the_newest_come_before_the_older(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="reorder", motor=1, bus="can_right")
    wire.send(1, damiao.DISABLE)
    assert wire.take(0.03) is None
    wire.send(1, damiao.ENABLE)
    assert [status(wire.take()), status(wire.take())] == [1, 0]
    wire.send(1, damiao.DISABLE)
    assert wire.take(0.03) is None
    follower.ask("clear")
    assert status(wire.take()) == 0  # what was held back is not lost


def test_delay_answers_late(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="delay", delay_ms=60)
    before = time.monotonic()
    assert wire.ask() is not None
    assert time.monotonic() - before >= 0.059


def test_freeze_stills_the_position_and_not_the_status(follower: FollowerThread, wire: Wire) -> None:
    follower.ask("fault", kind="freeze", motor=1, bus="can_right")
    start = position(wire.ask(damiao.ENABLE))
    command = damiao.encode_mit(RANGES, 1.0, 0, 70, 2.75, 0)

    def moved() -> bool:
        frame = wire.ask(command)
        assert position(frame) == start
        assert status(frame) == damiao.STATUS_ENABLED
        return follower.motor(1)["position_rad"] > 0.5

    eventually(moved)
    follower.ask("clear")
    assert position(wire.ask(command)) > 0.4


def test_bit_flip_changes_one_bit_of_an_answer(follower: FollowerThread, wire: Wire) -> None:
    good = wire.ask()
    assert good is not None
    follower.ask("fault", kind="bit_flip")
    for _ in range(50):
        bad = wire.ask()
        assert bad is not None
        assert (int.from_bytes(good[1], "big") ^ int.from_bytes(bad[1], "big")).bit_count() == 1
