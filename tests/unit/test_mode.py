"""The mode machine: its rules one by one, then every state it can reach under every input."""

from __future__ import annotations

import itertools

import pytest

from firmware_bridge.samples import INPUT_ENABLE, INPUT_ESTOP, INPUT_HAS_ENABLE, INPUT_HAS_ESTOP
from station.control.events import EVENTS, Effect, effect_of
from station.control.mode import MOVING, STARTING, TABLE, Rules, Seen, State, Trigger, advance
from station.link.intents import Asked
from station.signals import IntentKind, Mode, Role

MS = 1_000_000
RULES = Rules()
CALM = Seen(connected=True, aligned=False, still=True, events=(), asked=(), inputs=0, inputs_fresh=True)
EVENT_OF = {
    Effect.TAG: ("samples_lost", "3"),
    Effect.HOLD: ("leader_stale", "41 ms"),
    Effect.STOP: ("leader_silent", "201 ms"),
    Effect.STOP_OFF: ("motor_hot", "right_j4: 86 C"),
    Effect.OFF: ("gate_refused", "right_j1"),
}


def ask(kind: IntentKind, role: Role = Role.PEDAL) -> Asked:
    return Asked(kind, role, 1)


ENGAGE = CALM._replace(asked=(ask(IntentKind.ENGAGE),))
RESET = CALM._replace(asked=(ask(IntentKind.RESET),))


class Run:
    """Ticks of 2 ms."""

    def __init__(self) -> None:
        self.state = State()
        self.now_ns = 1_000_000_000

    def tick(self, seen: Seen = CALM, times: int = 1) -> Mode:
        for _ in range(times):
            self.now_ns += 2 * MS
            self.state = advance(self.state, seen, RULES, self.now_ns)
        return self.state.mode

    def event(self, effect: Effect, **seen) -> Mode:
        return self.tick(CALM._replace(events=(EVENT_OF[effect],), **seen))


def reached(mode: Mode) -> Run:
    """A run that came to `mode` in the usual way."""
    run = Run()
    if mode is Mode.DISCONNECTED:
        return run
    assert run.tick(times=2) is Mode.READY
    if mode is Mode.READY:
        return run
    if mode in (Mode.STOPPING, Mode.STOPPED):
        run.event(Effect.STOP, still=mode is Mode.STOPPED)
        return run
    assert run.tick(ENGAGE) is Mode.ALIGNING
    if mode is Mode.ALIGNING:
        return run
    assert run.tick(ENGAGE._replace(aligned=True, still=False)) is Mode.FOLLOWING
    if mode is Mode.HOLD:
        run.event(Effect.HOLD, still=False)
    return run


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


@pytest.mark.parametrize("kind", [IntentKind.ENGAGE, IntentKind.RESET])
def test_the_session_speaks_for_no_person(kind):
    run = reached(Mode.READY if kind is IntentKind.ENGAGE else Mode.STOPPED)
    before = run.state.mode
    assert run.tick(CALM._replace(asked=(ask(kind, Role.SESSION),)), times=10) is before


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


# -- switches

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


def with_switch(inputs: int) -> Run:
    run = Run()
    run.tick(CALM._replace(inputs=inputs), times=2)
    return run


def engage_with(run: Run, inputs: int) -> Mode:
    run.tick(CALM._replace(inputs=inputs), times=200)
    return run.tick(ENGAGE._replace(inputs=inputs))


def test_an_enable_switch_held_from_the_beginning_does_nothing():
    run = with_switch(MIDDLE)
    assert engage_with(run, MIDDLE) is Mode.READY
    run.tick(CALM._replace(inputs=INPUT_HAS_ENABLE))
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
    for seen in (CALM._replace(inputs=INPUT_HAS_ENABLE),) * 2 + (CALM._replace(inputs=MIDDLE),) * 100:
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
    run.tick(CALM._replace(inputs=INPUT_HAS_ENABLE))
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


def test_an_engage_asked_in_vain_while_braking_must_be_asked_again():
    run = reached(Mode.HOLD)
    run.tick(CALM._replace(still=False), times=200)
    run.tick(ENGAGE._replace(still=False, events=(EVENT_OF[Effect.HOLD],)), times=5)
    assert run.tick(ENGAGE, times=5) is Mode.HOLD


def test_the_beginning_and_the_rules_are_what_is_written():
    assert State() == (Mode.DISCONNECTED, 0, 0, "", "", True, False, False, None, False, 0, None, False, ())
    assert Rules() == (300_000_000, 50_000_000, 30_000_000_000, 1_000_000_000, 0)
    assert [trigger.value for trigger in Trigger] == list(range(9))


# -- all states, all inputs

STEP_NS = 100 * MS
COARSE = Rules(
    engage_fresh_ns=200 * MS, enable_debounce_ns=100 * MS, align_timeout_ns=200 * MS, stopping_limit_ns=200 * MS
)


def shape(state: State, now_ns: int) -> State:
    """The state as seen from now, so that moments that behave alike are one: times become ages as far as they count."""

    def age(moment_ns: int | None, most_ns: int) -> int | None:
        return None if moment_ns is None else -min(now_ns - moment_ns, most_ns)

    mode = state.mode
    most_ns = {Mode.ALIGNING: COARSE.align_timeout_ns, Mode.STOPPING: COARSE.stopping_limit_ns}.get(mode, -STEP_NS)
    return state._replace(
        epoch=0,
        since_ns=age(state.since_ns, most_ns + STEP_NS) or 0,
        engage_ns=age(state.engage_ns, COARSE.engage_fresh_ns + STEP_NS),
        middle_ns=age(state.middle_ns, COARSE.enable_debounce_ns),
        then_off=state.then_off and mode is Mode.STOPPING,
        cause="",
        detail="",
        raised=(),
    )


def all_inputs(switches: list[tuple[int, bool]]) -> list[Seen]:
    asked: list[tuple[Asked, ...]] = [
        (),
        (ask(IntentKind.ENGAGE),),
        (ask(IntentKind.RESET),),
        (ask(IntentKind.RESET), ask(IntentKind.ENGAGE)),
        (ask(IntentKind.SHUTDOWN),),
    ]
    events = [(), *((EVENT_OF[effect],) for effect in (Effect.HOLD, Effect.STOP, Effect.STOP_OFF, Effect.OFF))]
    return [
        Seen(connected, aligned, still, event, people, inputs, fresh)
        for connected, aligned, still, event, people, (inputs, fresh) in itertools.product(
            (True, False), (True, False), (True, False), events, asked, switches
        )
    ]


@pytest.mark.parametrize(
    "switches",
    [
        [(0, True)],
        [(MIDDLE, True), (MIDDLE, False), (INPUT_HAS_ENABLE, True)],
        [(INPUT_HAS_ESTOP, True), (PRESSED, True)],
    ],
    ids=["no switches", "enable switch", "emergency stop"],
)
def test_no_path_moves_without_a_person_nor_leaves_a_stop_without_a_reset(switches):
    """Breadth first over every reachable state and every input; each step is judged."""
    inputs = all_inputs(switches)
    start = shape(State(), 0)
    known = {start}
    todo = [start]
    steps = 0
    reached_modes = set()
    while todo:
        state = todo.pop()
        reached_modes.add(state.mode)
        for seen in inputs:
            after = advance(state, seen, COARSE, STEP_NS)
            steps += 1
            judge_step(state, seen, after)
            form = shape(after, STEP_NS)
            assert len(known) < 1000, "the states do not repeat: something in them counts without end"
            if form not in known:
                known.add(form)
                todo.append(form)
    assert reached_modes == set(Mode)
    assert len(known) > 50 and steps == len(known) * len(inputs)


def judge_step(before: State, seen: Seen, after: State) -> None:
    kinds = {asked.kind for asked in seen.asked}
    effects = {effect_of(name) for name, _ in seen.events}
    stops = effects & {Effect.STOP, Effect.STOP_OFF, Effect.OFF} or bool(seen.inputs & INPUT_ESTOP)
    step = (before, seen, after)
    if stops or IntentKind.SHUTDOWN in kinds:
        assert after.mode in (Mode.STOPPING, Mode.STOPPED), step
    if before.mode is Mode.STOPPED and after.mode is not Mode.STOPPED:
        assert after.mode is Mode.READY and IntentKind.RESET in kinds and seen.connected and not stops, step
    if before.mode is Mode.STOPPING:
        assert after.mode in (Mode.STOPPING, Mode.STOPPED), step
    if after.mode in MOVING and before.mode not in MOVING:
        assert before.mode in (Mode.READY, Mode.HOLD) and after.mode is Mode.ALIGNING, step
        assert IntentKind.ENGAGE in kinds and before.let_go and seen.still and not effects, step
    if after.mode is Mode.FOLLOWING and before.mode is not Mode.FOLLOWING:
        assert before.mode is Mode.ALIGNING and seen.aligned and not effects, step
    if after.mode in MOVING:
        assert not effects, step
        if after.has & INPUT_HAS_ENABLE:
            assert seen.inputs_fresh and seen.inputs & INPUT_ENABLE, step
    assert (after.epoch == before.epoch + 1) == (after.mode in STARTING and after.mode is not before.mode), step
    assert after.epoch in (before.epoch, before.epoch + 1), step
    if after.mode in MOVING or after.mode in (Mode.READY, Mode.HOLD, Mode.STOPPING):
        assert not after.off, step
    if before.off and not after.off:
        assert after.mode is Mode.READY, step
    if Effect.OFF in effects:
        assert after.off and after.mode is Mode.STOPPED, step


def test_every_effect_has_its_events():
    assert {event.effect for event in EVENTS.values()} == set(Effect)
