"""Who may begin motion, and how: connecting, engaging, resetting."""

from __future__ import annotations

import pytest

from station.control.events import Effect
from station.signals import IntentKind, Mode, Role
from tests.unit.mode_run import CALM, ENGAGE, EVENT_OF, MS, RESET, RULES, Run, ask, reached

# -- connecting


def test_ready_needs_the_links_and_nothing_else():
    run = Run()
    assert run.tick(CALM._replace(connected=False), times=5) is Mode.DISCONNECTED
    assert run.state.off and run.state.epoch == 0
    assert run.tick(CALM._replace(events=(("no_screen", ""),))) is Mode.READY
    assert not run.state.off and run.state.epoch == 1


def test_a_stop_while_connecting_keeps_the_motors_off():
    run = Run()
    assert run.event(Effect.STOP) is Mode.STOPPED
    assert run.state.off


# -- engaging


def test_every_start_has_a_new_epoch_and_following_keeps_it():
    run = reached(Mode.READY)
    epochs = [run.state.epoch]
    run.tick(ENGAGE)
    epochs.append(run.state.epoch)
    run.tick(ENGAGE._replace(aligned=True))
    assert run.state.epoch == epochs[-1]
    run.event(Effect.HOLD)
    assert run.state.epoch == epochs[-1]
    run.tick(CALM, times=200)
    run.tick(ENGAGE)
    epochs.append(run.state.epoch)
    assert epochs == [1, 2, 3]


def test_engaging_is_hold_to_run_up_to_the_limit_itself():
    run = reached(Mode.ALIGNING)
    engaged_ns = run.now_ns
    while run.tick() is Mode.ALIGNING:
        pass
    assert run.now_ns - engaged_ns == RULES.engage_fresh_ns + 2 * MS
    assert run.state.mode is Mode.HOLD and run.state.cause == "engage_released"


def test_following_needs_no_engage_any_more():
    run = reached(Mode.FOLLOWING)
    assert run.tick(times=1000) is Mode.FOLLOWING


def test_aligning_that_takes_too_long_holds():
    run = reached(Mode.ALIGNING)
    start_ns = run.state.since_ns
    while run.tick(ENGAGE) is Mode.ALIGNING:
        pass
    assert run.state.mode is Mode.HOLD and run.state.cause == "align_timeout"
    assert run.now_ns - start_ns == RULES.align_timeout_ns + 2 * MS
    assert run.tick(ENGAGE, times=100) is Mode.HOLD


def test_aligned_counts_while_aligning_only():
    run = reached(Mode.READY)
    assert run.tick(CALM._replace(aligned=True), times=5) is Mode.READY


def test_an_engage_held_since_before_ready_does_nothing_until_released_and_asked_again():
    run = Run()
    run.tick(ENGAGE._replace(connected=False), times=5)
    assert run.tick(ENGAGE, times=50) is Mode.READY
    assert run.tick(CALM, times=RULES.engage_fresh_ns // (2 * MS)) is Mode.READY
    assert run.tick(ENGAGE) is Mode.READY  # not yet let go for long enough
    run.tick(CALM, times=RULES.engage_fresh_ns // (2 * MS) + 1)
    assert run.tick(ENGAGE) is Mode.ALIGNING


def test_a_link_that_comes_back_never_resumes_by_itself_nor_by_an_engage_that_began_before():
    run = reached(Mode.FOLLOWING)
    run.event(Effect.HOLD)
    run.tick(CALM._replace(events=(EVENT_OF[Effect.HOLD],)), times=200)
    run.tick(CALM._replace(events=(EVENT_OF[Effect.HOLD],), asked=ENGAGE.asked), times=5)
    assert run.tick(ENGAGE, times=100) is Mode.HOLD
    assert run.tick(CALM, times=200) is Mode.HOLD
    assert run.tick(ENGAGE) is Mode.ALIGNING


def test_an_engage_during_braking_waits_for_rest():
    run = reached(Mode.HOLD)
    run.tick(CALM._replace(still=False), times=200)
    assert run.tick(ENGAGE._replace(still=False), times=3) is Mode.HOLD
    assert run.tick(ENGAGE) is Mode.ALIGNING


def test_an_engage_while_the_motors_switch_on_waits_for_all_of_them():
    run = reached(Mode.READY)
    assert run.tick(ENGAGE._replace(is_on=False), times=50) is Mode.READY
    assert run.tick(ENGAGE) is Mode.ALIGNING


def test_an_engage_held_since_before_the_motors_were_on_begins_nothing():
    run = reached(Mode.STOPPED)
    run.tick(ENGAGE._replace(is_on=False), times=50)
    assert run.tick(CALM._replace(is_on=False, asked=(*RESET.asked, *ENGAGE.asked))) is Mode.READY
    run.tick(ENGAGE._replace(is_on=False), times=50)
    assert run.tick(ENGAGE, times=50) is Mode.READY


# -- two screens

OTHER = CALM._replace(asked=(ask(IntentKind.ENGAGE, Role.PEDAL, 2),))
NAMESAKE = CALM._replace(asked=(ask(IntentKind.ENGAGE, Role.SCREEN, 1),))


@pytest.mark.parametrize("other", [OTHER, NAMESAKE], ids=["another process", "another role"])
def test_only_who_began_aligning_keeps_it_going(other):
    run = reached(Mode.ALIGNING)
    engaged_ns = run.now_ns
    while run.tick(other) is Mode.ALIGNING:
        assert run.state.raised == (("engage_elsewhere", ""),)
    assert run.now_ns - engaged_ns == RULES.engage_fresh_ns + 2 * MS
    assert (run.state.mode, run.state.cause) == (Mode.HOLD, "engage_released")
    assert run.tick(other, times=300) is Mode.HOLD, "it has asked since before the hold"
    run.tick(times=300)
    assert run.tick(other) is Mode.ALIGNING
    assert run.tick(other, times=300) is Mode.ALIGNING and run.state.raised == ()


def test_of_two_that_ask_at_once_the_first_leads_and_the_other_ends_nothing():
    run = reached(Mode.READY)
    both = CALM._replace(asked=(*ENGAGE.asked, *OTHER.asked))
    assert run.tick(both) is Mode.ALIGNING
    assert run.state.engager == (Role.PEDAL, 1)
    assert run.tick(both, times=300) is Mode.ALIGNING
    assert run.tick(both._replace(aligned=True)) is Mode.FOLLOWING
    assert run.tick(OTHER, times=300) is Mode.FOLLOWING
    assert run.state.engager == (Role.PEDAL, 1) and run.state.raised == ()
    run.event(Effect.HOLD)
    assert run.state.engager is None


@pytest.mark.parametrize("kind", [IntentKind.HOLD, IntentKind.STOP, IntentKind.SHUTDOWN])
@pytest.mark.parametrize("mode", [Mode.ALIGNING, Mode.FOLLOWING])
def test_anybody_elses_hold_and_stop_always_count(kind, mode):
    run = reached(mode)
    restrains = ask(kind, Role.SCREEN, 2)
    assert run.tick(CALM._replace(asked=(*ENGAGE.asked, restrains), still=False)) in (Mode.HOLD, Mode.STOPPING)


@pytest.mark.parametrize("kind", [IntentKind.ENGAGE, IntentKind.RESET])
def test_the_session_speaks_for_no_person(kind):
    run = reached(Mode.READY if kind is IntentKind.ENGAGE else Mode.STOPPED)
    before = run.state.mode
    assert run.tick(CALM._replace(asked=(ask(kind, Role.SESSION),)), times=10) is before


def test_a_persons_screen_engages_too():
    run = reached(Mode.READY)
    assert run.tick(CALM._replace(asked=(ask(IntentKind.ENGAGE, Role.SCREEN),))) is Mode.ALIGNING


# -- reset


def test_a_reset_leads_to_ready_with_a_new_epoch_and_no_motion():
    run = reached(Mode.STOPPED)
    epoch = run.state.epoch
    assert run.tick(RESET) is Mode.READY
    assert run.state.epoch == epoch + 1
    assert not run.state.off and (run.state.cause, run.state.detail) == ("", "")
    assert run.tick(RESET, times=100) is Mode.READY


def test_a_reset_and_an_engage_in_one_tick_only_reset():
    run = reached(Mode.STOPPED)
    run.tick(times=200)
    both = CALM._replace(asked=(ask(IntentKind.RESET), ask(IntentKind.ENGAGE)))
    assert run.tick(both, times=3) is Mode.READY


@pytest.mark.parametrize("effect", [Effect.STOP, Effect.STOP_OFF, Effect.OFF])
def test_a_reset_is_refused_while_a_stop_stands(effect):
    run = reached(Mode.STOPPED)
    assert run.event(effect, asked=RESET.asked) is Mode.STOPPED


def test_a_reset_is_refused_without_links_but_not_by_a_hold():
    run = reached(Mode.STOPPED)
    assert run.tick(RESET._replace(connected=False)) is Mode.STOPPED
    assert run.event(Effect.HOLD, asked=RESET.asked) is Mode.READY


def test_after_shutdown_no_reset():
    run = reached(Mode.READY)
    run.tick(CALM._replace(asked=(ask(IntentKind.SHUTDOWN),)))
    assert run.tick(RESET, times=3) is Mode.STOPPED
    assert run.state.ending


def test_a_reset_does_nothing_elsewhere():
    for mode in (Mode.READY, Mode.FOLLOWING, Mode.HOLD, Mode.STOPPING):
        run = reached(mode)
        assert run.tick(RESET._replace(still=False)) is mode


def test_an_engage_asked_in_vain_while_braking_must_be_asked_again():
    run = reached(Mode.HOLD)
    run.tick(CALM._replace(still=False), times=200)
    run.tick(ENGAGE._replace(still=False, events=(EVENT_OF[Effect.HOLD],)), times=5)
    assert run.tick(ENGAGE, times=5) is Mode.HOLD
