"""The mode machine: its table, its stops and holds, and what people are told of them."""

from __future__ import annotations

import pytest

from station.control.events import EVENTS, Effect, effect_of
from station.control.mode import MOVING, TABLE, Rules, State, Switch, Trigger
from station.signals import IntentKind, Mode, Role
from tests.unit.mode_run import CALM, ENGAGE, EVENT_OF, MS, RULES, ask, reached


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_is_reached_in_the_usual_way(mode):
    run = reached(mode)
    assert run.state.mode is mode
    assert run.state.is_moving == (mode in (Mode.ALIGNING, Mode.FOLLOWING))


def test_the_table_is_total():
    assert set(TABLE) == set(Mode)
    for row in TABLE.values():
        assert set(row) == set(Trigger)
        assert set(row.values()) <= set(Mode)


def test_the_table_leads_to_following_from_aligning_only_and_out_of_stopped_by_reset_only():
    for mode, row in TABLE.items():
        for trigger, after in row.items():
            if after is Mode.FOLLOWING and mode is not Mode.FOLLOWING:
                assert (mode, trigger) == (Mode.ALIGNING, Trigger.ALIGNED)
            if mode is Mode.STOPPED and after is not Mode.STOPPED:
                assert (trigger, after) == (Trigger.RESET, Mode.READY)
            if mode is Mode.STOPPING and after is not Mode.STOPPING:
                assert after is Mode.STOPPED
            if after in MOVING and mode not in MOVING:
                assert trigger is Trigger.ENGAGE and mode in (Mode.READY, Mode.HOLD)


@pytest.mark.parametrize("effect", [Effect.STOP, Effect.STOP_OFF, Effect.OFF])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_stop_event_stops_in_every_mode_whatever_else_is_asked(mode, effect):
    run = reached(mode)
    everything = tuple(ask(kind) for kind in (IntentKind.ENGAGE, IntentKind.RESET, IntentKind.LEASE))
    run.event(effect, asked=everything, aligned=True, still=False)
    expected = Mode.STOPPED if effect is Effect.OFF or mode in (Mode.DISCONNECTED, Mode.STOPPED) else Mode.STOPPING
    assert run.state.mode is expected
    run.tick()
    assert run.state.mode is Mode.STOPPED
    if effect is not Effect.STOP or mode is Mode.DISCONNECTED:
        assert run.state.off
    elif mode is not Mode.STOPPED:
        assert not run.state.off


@pytest.mark.parametrize("mode", [Mode.ALIGNING, Mode.FOLLOWING])
def test_a_hold_event_holds_and_names_its_cause(mode):
    run = reached(mode)
    assert run.event(Effect.HOLD) is Mode.HOLD
    assert (run.state.cause, run.state.detail) == EVENT_OF[Effect.HOLD]
    assert not run.state.off


@pytest.mark.parametrize("mode", list(Mode))
def test_a_tag_changes_no_mode(mode):
    run = reached(mode)
    before = run.tick(CALM._replace(still=False, asked=ENGAGE.asked if mode is Mode.ALIGNING else ()))
    run.event(Effect.TAG, still=False, asked=ENGAGE.asked if mode is Mode.ALIGNING else ())
    assert run.state.mode is before


def test_an_unknown_event_stops():
    run = reached(Mode.FOLLOWING)
    assert effect_of("no such event") is Effect.STOP
    assert run.tick(CALM._replace(events=(("no such event", ""),), still=False)) is Mode.STOPPING


def test_the_first_cause_stays_while_stopped_and_off_can_only_be_added():
    run = reached(Mode.FOLLOWING)
    run.event(Effect.STOP, still=False)
    run.event(Effect.STOP_OFF, still=False)
    run.tick()
    assert run.state.mode is Mode.STOPPED and run.state.off
    assert run.state.cause == "leader_silent"
    run = reached(Mode.STOPPED)
    assert not run.state.off
    run.event(Effect.OFF)
    assert run.state.off and run.state.cause == "leader_silent"
    run.tick(times=10)
    assert run.state.off


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        ("leader_error", "leader_error"),
        ("leader_silent", "leader_error"),
        ("enable_stale", "leader_error"),
        ("arm_error", "arm_error"),
    ],
)
def test_what_keeps_a_line_down_after_a_reset_is_told_beside_the_first_cause(cause, why):
    run = reached(Mode.FOLLOWING)
    told = []
    for events in (
        [(cause, "gone")],
        [(cause, "gone, said again")] if cause != "arm_error" else [],  # while it brakes
        [],
        [("motor_hot", "right_j4"), (why, "another one"), (why, "told later")],
        [],
    ):
        run.tick(CALM._replace(events=tuple(events), still=len(told) > 1, connected=False))
        told.append((run.state.cause, run.state.detail))
    assert run.state.mode is Mode.STOPPED
    assert told == [(cause, "gone")] * 3 + [(cause, "another one")] * 2


@pytest.mark.parametrize("cause", ["arm_stale", "leader_restarted", "motor_hot", "estop"])
def test_the_words_of_any_other_cause_stay_the_first_ones(cause):
    run = reached(Mode.FOLLOWING)
    events = ((cause, "first"),)
    run.tick(CALM._replace(events=events))
    assert run.state.mode is Mode.STOPPED
    run.tick(CALM._replace(events=((cause, "second"), ("leader_error", "gone"))))
    assert (run.state.cause, run.state.detail) == (cause, "first")


@pytest.mark.parametrize("is_braking", [True, False])
@pytest.mark.parametrize("first", ["", "12 ms"])
def test_what_switches_a_stopped_arm_off_is_told_once_beside_the_first_cause(is_braking, first):
    run = reached(Mode.FOLLOWING)
    run.tick(CALM._replace(events=(("leader_restarted", first),), still=not is_braking))
    run.tick(CALM._replace(events=(("leader_silent", "as hard as the first"),), still=not is_braking))
    assert (run.state.cause, run.state.detail, run.state.off) == ("leader_restarted", first, False)
    for still in (not is_braking, True, True):
        run.tick(CALM._replace(events=(("estop", "pressed"),), still=still))
    run.tick(CALM._replace(events=(("arm_error", "gone"),)))
    told = "then estop pressed"
    assert (run.state.cause, run.state.detail) == ("leader_restarted", f"{first}; {told}" if first else told)
    assert run.state.mode is Mode.STOPPED and run.state.off


def test_the_end_of_the_shift_is_no_word_beside_a_stops_cause():
    run = reached(Mode.FOLLOWING)
    run.tick(CALM._replace(events=(("leader_restarted", "first"),)))
    run.tick(CALM._replace(asked=(ask(IntentKind.SHUTDOWN),)))
    run.tick()
    assert (run.state.cause, run.state.detail) == ("leader_restarted", "first")


def test_a_stop_after_a_hold_replaces_the_cause():
    run = reached(Mode.HOLD)
    run.event(Effect.STOP)
    assert run.state.cause == "leader_silent"


def test_the_hardest_event_of_a_tick_is_the_cause_and_of_equals_the_first():
    run = reached(Mode.FOLLOWING)
    run.tick(CALM._replace(events=(("leader_stale", "a"), ("joint_lost", "b"), ("leader_silent", "c"))))
    assert (run.state.cause, run.state.detail) == ("joint_lost", "b")


def test_events_of_the_machine_itself_rank_with_the_loops():
    run = reached(Mode.FOLLOWING)
    run.tick(CALM._replace(events=(("leader_stale", ""),), asked=(ask(IntentKind.STOP),)))
    assert run.state.cause == "operator_stop"
    assert run.state.raised == (("operator_stop", ""),)


def test_braking_that_takes_too_long_switches_off():
    run = reached(Mode.FOLLOWING)
    run.event(Effect.STOP, still=False)
    start_ns = run.state.since_ns
    while run.state.mode is Mode.STOPPING:
        run.tick(CALM._replace(still=False))
    assert run.now_ns - start_ns == RULES.stopping_limit_ns + 2 * MS
    assert run.state.mode is Mode.STOPPED and run.state.off
    assert run.state.cause == "leader_silent"
    assert run.state.raised == (("stopping_slow", ""),)


@pytest.mark.parametrize(
    ("role", "cause"), [(Role.SCREEN, "operator_hold"), (Role.PEDAL, "operator_hold"), (Role.SESSION, "disk_full")]
)
def test_a_hold_names_who_asked_for_it(role, cause):
    run = reached(Mode.FOLLOWING)
    assert run.tick(CALM._replace(asked=(ask(IntentKind.HOLD, role),))) is Mode.HOLD
    assert run.state.cause == cause


@pytest.mark.parametrize("role", list(Role))
def test_anybody_may_hold_stop_and_shut_down(role):
    for kind, expected, off, ending in (
        (IntentKind.HOLD, Mode.HOLD, False, False),
        (IntentKind.STOP, Mode.STOPPED, False, False),
        (IntentKind.SHUTDOWN, Mode.STOPPED, True, True),
    ):
        run = reached(Mode.FOLLOWING)
        assert run.tick(CALM._replace(asked=(ask(kind, role),))) is expected
        assert (run.state.off, run.state.ending) == (off, ending)


def test_the_beginning_and_the_rules_are_what_is_written():
    assert State() == (
        *(Mode.DISCONNECTED, 0, 0, "", "", True, False, False),
        *(None, None, 0, False, 0, Switch.UNHEARD, 0, False, 0, ()),
    )
    assert Rules() == (300_000_000, 50_000_000, 50_000_000, 30_000_000_000, 1_000_000_000, 0)
    assert [trigger.value for trigger in Trigger] == list(range(9))


def test_every_effect_has_its_events():
    assert {event.effect for event in EVENTS.values()} == set(Effect)
