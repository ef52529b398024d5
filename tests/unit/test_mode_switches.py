"""The emergency stop and the enable switch in the mode machine."""

from __future__ import annotations

import pytest

from firmware_bridge.samples import INPUT_ENABLE, INPUT_ESTOP, INPUT_HAS_ENABLE, INPUT_HAS_ESTOP
from station.control.events import Effect
from station.control.mode import Rules, Seen, advance
from station.signals import Mode
from tests.unit.mode_run import CALM, ENGAGE, EVENT_OF, MS, RESET, Run, reached

PRESSED = INPUT_HAS_ESTOP | INPUT_ESTOP
MIDDLE = INPUT_HAS_ENABLE | INPUT_ENABLE


@pytest.mark.parametrize("mode", list(Mode))
def test_the_emergency_stop_latches_in_every_mode(mode):
    run = reached(mode)
    run.tick(CALM._replace(inputs=PRESSED))
    assert run.state.mode is Mode.STOPPED and run.state.off
    if mode not in (Mode.STOPPING, Mode.STOPPED):
        assert run.state.cause == "estop"
    assert run.tick(CALM._replace(inputs=PRESSED, asked=RESET.asked), times=3) is Mode.STOPPED
    assert run.tick(CALM._replace(inputs=INPUT_HAS_ESTOP), times=3) is Mode.STOPPED
    assert run.tick(RESET._replace(inputs=INPUT_HAS_ESTOP)) is Mode.READY


def test_an_emergency_stop_that_is_no_longer_reported_counts_as_pressed():
    run = reached(Mode.READY)
    run.tick(CALM._replace(inputs=INPUT_HAS_ESTOP))
    assert run.tick(CALM._replace(inputs=0)) is Mode.STOPPED
    assert run.state.cause == "estop"


def test_bits_of_switches_that_the_device_does_not_have_mean_nothing():
    run = reached(Mode.FOLLOWING)
    assert run.tick(CALM._replace(inputs=INPUT_ESTOP | INPUT_ENABLE), times=5) is Mode.FOLLOWING


LET_GO = 26
"""Ticks after which a released switch counts as let go: 50 ms of 2."""


def with_switch(inputs: int) -> Run:
    run = Run()
    run.tick(CALM._replace(inputs=inputs), times=LET_GO)
    return run


def engage_with(run: Run, inputs: int) -> Mode:
    run.tick(CALM._replace(inputs=inputs), times=200)
    return run.tick(ENGAGE._replace(inputs=inputs))


def test_an_enable_switch_held_from_the_beginning_does_nothing():
    run = with_switch(MIDDLE)
    assert engage_with(run, MIDDLE) is Mode.READY
    run.tick(CALM._replace(inputs=INPUT_HAS_ENABLE), times=LET_GO)
    assert engage_with(run, MIDDLE) is Mode.ALIGNING


def test_an_enable_switch_that_is_not_held_does_not_engage():
    run = with_switch(INPUT_HAS_ENABLE)
    assert engage_with(run, INPUT_HAS_ENABLE) is Mode.READY


def test_the_enable_switch_is_debounced_on_enabling_up_to_the_limit_itself():
    for slots, expected in ((24, Mode.READY), (25, Mode.ALIGNING)):
        run = with_switch(INPUT_HAS_ENABLE)
        run.tick(CALM._replace(inputs=MIDDLE), times=slots)
        assert run.tick(ENGAGE._replace(inputs=MIDDLE)) is expected


@pytest.mark.parametrize(
    ("inputs", "fresh", "cause"),
    [
        (INPUT_HAS_ENABLE, True, "enable_released"),
        (0, True, "enable_released"),
        (INPUT_ENABLE, True, "enable_released"),
        (MIDDLE, False, "enable_stale"),
    ],
)
@pytest.mark.parametrize("mode", [Mode.ALIGNING, Mode.FOLLOWING])
def test_a_released_or_stale_enable_switch_stops_at_once(mode, inputs, fresh, cause):
    run = with_switch(INPUT_HAS_ENABLE)
    assert engage_with(run, MIDDLE) is Mode.ALIGNING
    if mode is Mode.FOLLOWING:
        assert run.tick(ENGAGE._replace(inputs=MIDDLE, aligned=True)) is Mode.FOLLOWING
        assert run.tick(CALM._replace(inputs=MIDDLE), times=300) is Mode.FOLLOWING
    seen = CALM._replace(inputs=inputs, inputs_fresh=fresh, still=False, asked=ENGAGE.asked)
    assert run.tick(seen) is Mode.STOPPING
    assert run.state.cause == cause and not run.state.off


@pytest.mark.parametrize(
    ("required", "cause"),
    [(INPUT_HAS_ENABLE, ""), (INPUT_HAS_ESTOP, "estop"), (INPUT_HAS_ENABLE | INPUT_HAS_ESTOP, "estop")],
)
def test_a_required_switch_that_is_not_reported_lets_nothing_move(required, cause):
    run, rules = Run(), Rules(required_inputs=required)

    def tick(seen: Seen) -> Mode:
        run.now_ns += 2 * MS
        run.state = advance(run.state, seen, rules, run.now_ns)
        return run.state.mode

    assert tick(CALM._replace(connected=False)) is Mode.DISCONNECTED, "nothing is known of the switches yet"
    for _ in range(300):
        tick(CALM)
    assert tick(ENGAGE) is (Mode.STOPPED if cause else Mode.READY)
    assert run.state.cause == cause


def test_a_required_switch_that_is_reported_is_obeyed_as_any_other():
    run, rules = Run(), Rules(required_inputs=INPUT_HAS_ENABLE)
    for seen in (CALM._replace(inputs=INPUT_HAS_ENABLE),) * LET_GO + (CALM._replace(inputs=MIDDLE),) * 100:
        run.now_ns += 2 * MS
        run.state = advance(run.state, seen, rules, run.now_ns)
    run.now_ns += 2 * MS
    assert advance(run.state, ENGAGE._replace(inputs=MIDDLE), rules, run.now_ns).mode is Mode.ALIGNING


def test_after_a_stop_the_enable_switch_must_be_let_go_once_more():
    run = with_switch(INPUT_HAS_ENABLE)
    engage_with(run, MIDDLE)
    run.tick(CALM._replace(inputs=MIDDLE, events=(EVENT_OF[Effect.STOP],)))
    assert run.tick(RESET._replace(inputs=MIDDLE)) is Mode.READY
    assert engage_with(run, MIDDLE) is Mode.READY
    run.tick(CALM._replace(inputs=INPUT_HAS_ENABLE), times=LET_GO)
    assert engage_with(run, MIDDLE) is Mode.ALIGNING


def test_after_a_hold_the_enable_switch_may_stay_held():
    run = with_switch(INPUT_HAS_ENABLE)
    assert engage_with(run, MIDDLE) is Mode.ALIGNING
    run.tick(CALM._replace(inputs=MIDDLE, events=(EVENT_OF[Effect.HOLD],)))
    assert run.state.mode is Mode.HOLD
    assert engage_with(run, MIDDLE) is Mode.ALIGNING


def test_an_engage_that_came_before_the_enable_switch_must_be_asked_again():
    run = with_switch(INPUT_HAS_ENABLE)
    run.tick(CALM._replace(inputs=INPUT_HAS_ENABLE), times=200)
    run.tick(ENGAGE._replace(inputs=INPUT_HAS_ENABLE), times=5)
    assert run.tick(ENGAGE._replace(inputs=MIDDLE), times=200) is Mode.READY
    assert engage_with(run, MIDDLE) is Mode.ALIGNING


def test_an_engage_that_waits_for_rest_must_be_asked_again_where_the_switch_was_not_held_yet():
    run = with_switch(INPUT_HAS_ENABLE)
    run.tick(CALM._replace(inputs=INPUT_HAS_ENABLE), times=200)
    run.tick(ENGAGE._replace(inputs=INPUT_HAS_ENABLE, is_on=False), times=5)
    assert run.tick(ENGAGE._replace(inputs=MIDDLE), times=200) is Mode.READY
