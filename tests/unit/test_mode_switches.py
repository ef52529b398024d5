"""The emergency stop and the enable switch in the mode machine."""

from __future__ import annotations

from random import Random

import pytest

from firmware_bridge.samples import INPUT_ENABLE, INPUT_ESTOP, INPUT_HAS_ENABLE, INPUT_HAS_ESTOP
from station.control.events import Effect
from station.control.mode import STOPS, Rules, Seen, State, advance, is_reset_early
from station.signals import Mode
from tests.unit.mode_run import CALM, ENGAGE, EVENT_OF, MS, RESET, RULES, Run, reached

PRESSED = INPUT_HAS_ESTOP | INPUT_ESTOP
MIDDLE = INPUT_HAS_ENABLE | INPUT_ENABLE
LET_GO = 26
"""Ticks after which a switch that was let go counts as that, the stop contact too: 50 ms of 2."""


@pytest.mark.parametrize("mode", list(Mode))
def test_the_emergency_stop_latches_in_every_mode(mode):
    run = reached(mode)
    run.tick(CALM._replace(inputs=PRESSED))
    assert run.state.mode is Mode.STOPPED and run.state.off
    if mode not in (Mode.STOPPING, Mode.STOPPED):
        assert run.state.cause == "estop"
    assert run.tick(CALM._replace(inputs=PRESSED, asked=RESET.asked), times=3) is Mode.STOPPED
    assert run.tick(CALM._replace(inputs=INPUT_HAS_ESTOP), times=LET_GO) is Mode.STOPPED
    assert run.tick(RESET._replace(inputs=INPUT_HAS_ESTOP)) is Mode.READY


OPEN = CALM._replace(inputs=INPUT_HAS_ESTOP)
RESET_OPEN = RESET._replace(inputs=INPUT_HAS_ESTOP)
SHUT = CALM._replace(inputs=PRESSED)
OPEN_NS = Rules().estop_debounce_ns


def after_estop(*told: tuple[Seen, int]) -> Run:
    """The contact was pressed, and each of `told` was seen that many ns after the one before."""
    run = reached(Mode.READY)
    run.tick(SHUT)
    for seen, later_ns in told:
        run.now_ns += later_ns
        run.state = advance(run.state, seen, RULES, run.now_ns)
    assert (run.state.mode is Mode.STOPPED) is run.state.off
    return run


def test_an_emergency_stop_counts_as_let_go_after_50_ms_to_the_nanosecond():
    assert OPEN_NS == 50 * MS
    assert after_estop((OPEN, MS), (RESET_OPEN, OPEN_NS - 1)).state.off
    assert not after_estop((OPEN, MS), (RESET_OPEN, OPEN_NS)).state.off
    assert after_estop((RESET_OPEN, OPEN_NS)).state.off, "the time counts from where it is seen open"


@pytest.mark.parametrize("seen", [SHUT, CALM], ids=["pressed", "not reported"])
def test_an_emergency_stop_pressed_again_begins_its_50_ms_anew(seen):
    told = (OPEN, MS), (OPEN, OPEN_NS - 1), (seen, 1), (OPEN, 1)
    assert after_estop(*told, (RESET_OPEN, OPEN_NS - 1)).state.off
    assert not after_estop(*told, (RESET_OPEN, OPEN_NS)).state.off


def test_silence_is_no_sign_of_an_emergency_stop_let_go_nor_that_it_still_is():
    silent = OPEN._replace(inputs_fresh=False)
    told = (OPEN, MS), (silent, OPEN_NS - 1), (OPEN, 1)
    assert after_estop((silent, MS), (RESET_OPEN, OPEN_NS)).state.off
    assert after_estop(*told, (RESET_OPEN, OPEN_NS - 1)).state.off
    assert not after_estop(*told, (RESET_OPEN, OPEN_NS)).state.off
    heard_again = (OPEN, MS), (silent, OPEN_NS), (OPEN, 1)
    assert after_estop(*heard_again, (RESET_OPEN, OPEN_NS - 1)).state.off
    assert not after_estop(*heard_again, (RESET_OPEN, OPEN_NS)).state.off


def test_a_reset_before_an_emergency_stop_counts_as_let_go_is_lost():
    run = after_estop((OPEN, MS), (RESET_OPEN, OPEN_NS - 1))
    assert run.tick(OPEN, times=100) is Mode.STOPPED
    assert run.tick(RESET_OPEN) is Mode.READY


@pytest.mark.parametrize("closed_in_100", [5, 50, 95])
def test_a_contact_that_flutters_while_its_button_is_in_never_switches_the_arm_on(closed_in_100):
    """A person asks in every tick; the contact opens and closes at random, but never for as long as a let-go one."""
    random = Random(closed_in_100)
    run = reached(Mode.FOLLOWING)
    run.tick(SHUT)
    since_ns = run.now_ns
    for _ in range(10_000):
        is_shut = random.randrange(100) < closed_in_100 or run.now_ns + 2 * MS - since_ns >= OPEN_NS
        if is_shut:
            since_ns = run.now_ns + 2 * MS
        assert run.tick(RESET._replace(inputs=PRESSED if is_shut else INPUT_HAS_ESTOP)) is Mode.STOPPED
        assert run.state.off


@pytest.mark.parametrize("inputs", [0, INPUT_ESTOP, INPUT_HAS_ENABLE], ids=["none", "a bit of none", "enable switch"])
def test_without_an_emergency_stop_contact_a_reset_counts_at_once(inputs):
    run = reached(Mode.STOPPED)
    assert run.tick(RESET._replace(inputs=inputs)) is Mode.READY


def test_an_emergency_stop_contact_that_was_never_pressed_nor_silent_delays_no_reset():
    run = Run()
    run.tick(OPEN, times=3)
    run.tick(OPEN._replace(events=(EVENT_OF[Effect.STOP],)))
    assert run.state.mode is Mode.STOPPED
    assert run.tick(RESET_OPEN) is Mode.READY


def test_a_button_pressed_while_nobody_listens_is_not_reset_by_one_sample_that_seems_open():
    run = Run()
    run.tick(OPEN, times=3)
    silent = OPEN._replace(inputs_fresh=False, connected=False, events=(EVENT_OF[Effect.STOP],))
    run.tick(silent, times=500)
    assert run.state.mode is Mode.STOPPED
    assert run.tick(RESET_OPEN) is Mode.STOPPED and run.tick(SHUT) is Mode.STOPPED


def test_a_reset_that_waits_is_early_while_the_contact_has_not_been_open_for_long_enough():
    for state, inputs, is_early in (
        (State(), 0, False),
        (State(), INPUT_HAS_ESTOP, False),
        (State(has=INPUT_HAS_ESTOP), INPUT_HAS_ESTOP, False),  # never pressed
        (State(has=INPUT_HAS_ESTOP, estop_open_ns=None), INPUT_HAS_ESTOP, True),
        (State(has=INPUT_HAS_ESTOP, estop_open_ns=None), PRESSED, False),  # refused, and not asked later
        (State(has=INPUT_HAS_ESTOP, estop_open_ns=None), 0, False),
        (State(has=INPUT_HAS_ESTOP, estop_open_ns=MS), INPUT_HAS_ESTOP, True),
        (State(has=INPUT_HAS_ESTOP, estop_open_ns=0), INPUT_HAS_ESTOP, False),
        (State(has=INPUT_HAS_ENABLE, estop_open_ns=None), INPUT_HAS_ESTOP, False),
    ):
        assert is_reset_early(state, inputs, RULES, OPEN_NS) is is_early


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode not in STOPS])
def test_an_emergency_stop_acts_in_the_tick_in_which_it_is_seen(mode):
    run = reached(mode)
    run.tick(OPEN)
    assert run.state.mode is mode or mode is Mode.DISCONNECTED
    assert run.tick(SHUT) is Mode.STOPPED and run.state.off and run.state.cause == "estop"


def test_an_emergency_stop_that_is_no_longer_reported_counts_as_pressed():
    run = reached(Mode.READY)
    run.tick(CALM._replace(inputs=INPUT_HAS_ESTOP))
    assert run.tick(CALM._replace(inputs=0)) is Mode.STOPPED
    assert run.state.cause == "estop"


def test_bits_of_switches_that_the_device_does_not_have_mean_nothing():
    run = reached(Mode.FOLLOWING)
    assert run.tick(CALM._replace(inputs=INPUT_ESTOP | INPUT_ENABLE), times=5) is Mode.FOLLOWING


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
