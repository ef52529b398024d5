"""The enable switch of three positions in the mode machine: pressed through stops, and only 1 then 2 enables."""

from __future__ import annotations

import random

import pytest

from firmware_bridge.samples import INPUT_ENABLE, INPUT_ENABLE_THROUGH, INPUT_HAS_ENABLE
from station.control.events import Effect, effect_of
from station.control.mode import MOVING, Rules, State, Switch, advance
from station.signals import Mode
from tests.unit.mode_run import CALM, ENGAGE, EVENT_OF, MS, RESET, Run, reached

RELEASED = INPUT_HAS_ENABLE
MIDDLE = INPUT_HAS_ENABLE | INPUT_ENABLE
THROUGH = INPUT_HAS_ENABLE | INPUT_ENABLE_THROUGH
BOTH = THROUGH | INPUT_ENABLE
LET_GO = 26
"""Ticks after which a switch counts as let go, or as held: 50 ms of 2."""


def at(inputs: int, *, fresh: bool = True, **seen):
    return CALM._replace(inputs=inputs, inputs_fresh=fresh, **seen)


def engage(run: Run, inputs: int = MIDDLE) -> Mode:
    """The person lets go of the pedal for long enough, then presses it."""
    run.tick(at(inputs), times=200)
    return run.tick(ENGAGE._replace(inputs=inputs))


def held_in(mode: Mode) -> Run:
    """In `mode` with the switch in its middle, having come there from released."""
    run = Run()
    run.tick(at(RELEASED), times=LET_GO)
    assert engage(run) is Mode.ALIGNING
    if mode is Mode.FOLLOWING:
        assert run.tick(ENGAGE._replace(inputs=MIDDLE, aligned=True)) is Mode.FOLLOWING
    elif mode is Mode.HOLD:
        run.tick(at(MIDDLE, events=(EVENT_OF[Effect.HOLD],)))
    assert run.state.mode is mode
    return run


@pytest.mark.parametrize("inputs", [THROUGH, BOTH, INPUT_ENABLE_THROUGH, INPUT_ENABLE_THROUGH | INPUT_ENABLE])
@pytest.mark.parametrize("mode", [Mode.ALIGNING, Mode.FOLLOWING])
def test_pressed_through_stops_at_once_with_a_cause_of_its_own(mode, inputs):
    """Also where the middle contact is closed too, or one of two samples did not tell of the switch."""
    run = held_in(mode)
    assert run.tick(at(inputs, still=False, asked=ENGAGE.asked)) is Mode.STOPPING
    assert run.state.cause == "enable_pressed_through" and not run.state.off
    assert [name for name, _ in run.state.raised] == ["enable_pressed_through"]


def test_pressed_through_does_no_less_than_released():
    assert effect_of("enable_pressed_through") >= effect_of("enable_released") >= Effect.STOP


def test_an_old_sample_that_was_pressed_through_is_an_old_sample():
    run = held_in(Mode.FOLLOWING)
    assert run.tick(at(THROUGH, fresh=False, still=False)) is Mode.STOPPING
    assert run.state.cause == "enable_stale" and run.state.switch is Switch.UNHEARD


def test_the_bit_of_a_switch_that_the_device_does_not_have_means_nothing():
    run = reached(Mode.FOLLOWING)
    assert run.tick(at(INPUT_ENABLE_THROUGH), times=5) is Mode.FOLLOWING
    assert run.state.switch is Switch.UNHEARD and run.state.switch_ns == 0


@pytest.mark.parametrize("mode", [Mode.READY, Mode.HOLD, Mode.STOPPED])
def test_pressed_through_while_nothing_moves_stops_nothing_and_is_no_event(mode):
    run = held_in(Mode.HOLD) if mode is Mode.HOLD else reached(mode)
    assert run.tick(at(THROUGH), times=3) is mode
    assert run.state.raised == () and run.state.cause != "enable_pressed_through"


def test_the_positions_are_numbered_as_on_the_switch():
    assert [(switch.name, switch.value) for switch in Switch] == [
        ("UNHEARD", 0),
        ("RELEASED", 1),
        ("MIDDLE", 2),
        ("THROUGH", 3),
    ]


# -- on the way from the middle to the third position both contacts are open for a moment


def test_a_stop_on_the_way_through_gets_its_true_cause():
    run = held_in(Mode.FOLLOWING)
    run.tick(at(RELEASED, still=False), times=4)
    assert (run.state.mode, run.state.cause) == (Mode.STOPPING, "enable_released")
    assert run.tick(at(THROUGH, still=False)) is Mode.STOPPING
    assert run.state.cause == "enable_pressed_through"
    assert run.state.raised == (("enable_pressed_through", ""),)
    run.tick(at(THROUGH, still=False))
    assert run.state.raised == (), "told once"
    assert run.tick(at(THROUGH)) is Mode.STOPPED
    assert run.state.cause == "enable_pressed_through" and not run.state.off


def test_the_true_cause_is_also_found_once_stopped_and_keeps_its_detail():
    run = held_in(Mode.FOLLOWING)
    run.tick(at(RELEASED, still=False))
    run.tick(at(RELEASED, events=(EVENT_OF[Effect.STOP_OFF],)))
    assert run.state.mode is Mode.STOPPED and run.state.detail == "then motor_hot right_j4: 86 C"
    run.tick(at(RELEASED), times=40)
    assert run.tick(at(BOTH)) is Mode.STOPPED
    assert (run.state.cause, run.state.detail) == ("enable_pressed_through", "then motor_hot right_j4: 86 C")


@pytest.mark.parametrize(("ticks", "cause"), [(24, "enable_pressed_through"), (25, "enable_released")])
def test_a_middle_that_bounces_on_the_way_through_is_on_the_way(ticks, cause):
    """`ticks` after the stop it leaves the middle for good; later than the bouncing lasts it was gripped again."""
    run = held_in(Mode.FOLLOWING)
    run.tick(at(RELEASED, still=False))
    run.tick(at(MIDDLE, still=False), times=ticks)
    run.tick(at(RELEASED, still=False), times=10)
    run.tick(at(THROUGH, still=False))
    assert run.state.cause == cause


@pytest.mark.parametrize("between", [MIDDLE, 0])
def test_who_let_go_and_grips_again_has_let_go(between):
    run = held_in(Mode.FOLLOWING)
    run.tick(at(RELEASED), times=2)
    assert run.state.mode is Mode.STOPPED
    run.tick(at(between), times=40)
    run.tick(at(THROUGH), times=3)
    assert run.state.cause == "enable_released" and run.state.raised == ()


def test_another_cause_stays_though_the_hand_clenches():
    run = held_in(Mode.FOLLOWING)
    run.tick(at(MIDDLE, events=(EVENT_OF[Effect.STOP],), still=False))
    run.tick(at(RELEASED, still=False))
    run.tick(at(THROUGH, still=False))
    assert run.state.cause == "leader_silent" and run.state.raised == ()


# -- after it was pressed through, its middle does not count until it was let go


def test_the_way_back_through_the_middle_enables_nothing():
    run = held_in(Mode.HOLD)
    run.tick(at(THROUGH))
    for _ in range(3):
        assert engage(run) is Mode.HOLD
    run.tick(at(RELEASED), times=LET_GO)
    assert engage(run) is Mode.ALIGNING


def test_after_a_stop_by_it_the_way_back_enables_nothing_either():
    run = held_in(Mode.FOLLOWING)
    run.tick(at(THROUGH), times=3)
    run.tick(at(MIDDLE), times=50)
    assert run.tick(RESET._replace(inputs=MIDDLE)) is Mode.READY
    assert engage(run) is Mode.READY
    run.tick(at(THROUGH), times=30)
    assert engage(run) is Mode.READY
    run.tick(at(RELEASED), times=LET_GO)
    assert engage(run) is Mode.ALIGNING


@pytest.mark.parametrize(("ticks", "expected"), [(25, Mode.HOLD), (26, Mode.ALIGNING)])
def test_a_moment_of_open_contacts_on_the_way_back_is_no_release(ticks, expected):
    run = held_in(Mode.HOLD)
    run.tick(at(THROUGH), times=10)
    run.tick(at(RELEASED), times=ticks)
    assert engage(run) is expected


@pytest.mark.parametrize(("inputs", "fresh"), [(RELEASED, False), (0, True), (BOTH, True), (MIDDLE, False)])
def test_what_is_not_heard_released_is_not_let_go(inputs, fresh):
    run = held_in(Mode.HOLD)
    run.tick(at(THROUGH), times=10)
    run.tick(at(inputs, fresh=fresh), times=100)
    assert engage(run) is Mode.HOLD


@pytest.mark.parametrize("first", [MIDDLE, THROUGH, BOTH])
def test_a_switch_held_at_the_beginning_does_nothing_however_it_bounces(first):
    run = Run()
    run.tick(at(first), times=100)
    for _ in range(20):
        run.tick(at(RELEASED), times=5)
        run.tick(at(MIDDLE, fresh=False), times=5)
        run.tick(at(MIDDLE), times=40)
    assert engage(run) is Mode.READY
    run.tick(at(RELEASED), times=LET_GO)
    assert engage(run) is Mode.ALIGNING


@pytest.mark.parametrize(("ticks", "expected"), [(25, Mode.READY), (26, Mode.ALIGNING)])
def test_a_switch_released_before_the_reset_for_long_enough_need_not_be_let_go_again(ticks, expected):
    """What lasts over the reset counts from its beginning; what was over before it does not count."""
    run = held_in(Mode.FOLLOWING)
    run.tick(at(MIDDLE, events=(EVENT_OF[Effect.STOP],)))
    run.tick(at(RELEASED), times=60)
    run.tick(at(MIDDLE), times=2)
    run.tick(at(RELEASED), times=ticks - 1)
    assert run.tick(RESET._replace(inputs=RELEASED)) is Mode.READY
    assert engage(run) is expected


def test_a_switch_that_appears_later_held_does_nothing():
    run = reached(Mode.READY)
    assert engage(run, MIDDLE) is Mode.READY


# -- random sequences, judged from what was put in and the modes alone

POSITIONS = {
    (RELEASED, True): 1,
    (MIDDLE, True): 2,
    (THROUGH, True): 3,
    (BOTH, True): 3,
    (MIDDLE, False): 0,
    (RELEASED, False): 0,
    (THROUGH, False): 0,
    (0, True): 0,
}


def may_engage(positions: list[int], ready: int) -> bool:
    """Of the positions up to now, where READY began at `ready`: 2 for 50 ms now, 1 for 50 ms before; between no 3, nor
    a time in which nothing was heard of the switch: it may have been pressed through in it."""
    if positions[-LET_GO:] != [2] * LET_GO:
        return False
    for last in range(len(positions) - 1, ready - 1, -1):
        if positions[last] in (0, 3):
            return False
        if positions[max(0, last - LET_GO + 1) : last + 1] == [1] * LET_GO:
            return True
    return False


QUICK = Rules(engage_fresh_ns=10 * MS)
"""A person who lets the pedal go and presses it again within a few ticks."""


@pytest.mark.parametrize("seed", range(8))
def test_no_sequence_of_the_switch_moves_without_1_and_then_2(seed):
    """At every request of a person: it moves if, and only if, the switch was in 1, then in 2, each for long enough."""
    rng = random.Random(seed)
    state, now_ns = State(), 10**9
    positions: list[int] = []
    ready = 0
    counts = {True: 0, False: 0}
    stops = 0
    for _ in range(2500):
        inputs, fresh = rng.choice([*POSITIONS, *[(MIDDLE, True)] * 6, *[(RELEASED, True)] * 4])
        for _ in range(rng.choice([1, 2, 20, 25, 26, 27, 60])):
            before, now_ns = state, now_ns + 2 * MS
            wants = before.mode is Mode.ALIGNING or (before.let_go and rng.random() < 0.1)
            asked = RESET.asked if before.mode is Mode.STOPPED else ENGAGE.asked if wants else ()
            events = (EVENT_OF[rng.choice([Effect.HOLD, Effect.STOP])],) if rng.random() < 0.01 else ()
            seen = at(inputs, fresh=fresh, aligned=rng.random() < 0.1, asked=asked, events=events)
            state = advance(before, seen, QUICK, now_ns)
            positions.append(POSITIONS[inputs, fresh])
            if state.mode is Mode.READY and before.mode is not Mode.READY:
                ready = len(positions) - 1
            if not state.has:
                continue
            if before.mode in (Mode.READY, Mode.HOLD) and wants and before.let_go and not events:
                may = may_engage(positions, ready)
                assert (state.mode is Mode.ALIGNING) == may, (seed, len(positions))
                counts[may] += 1
            if state.mode in MOVING:
                assert positions[-1] == 2, (seed, len(positions))
            if before.mode in MOVING and positions[-1] == 3 and not events:
                assert state.mode is Mode.STOPPED and state.cause == "enable_pressed_through", (seed, len(positions))
                stops += 1
    assert counts[True] > 20 and counts[False] > 200 and stops > 2, (counts, stops)
