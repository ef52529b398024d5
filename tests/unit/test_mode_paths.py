"""Every state that the mode machine can reach, under every input."""

from __future__ import annotations

import itertools

import pytest

from firmware_bridge.samples import (
    INPUT_ENABLE,
    INPUT_ENABLE_THROUGH,
    INPUT_ESTOP,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
)
from station.control.events import Effect, effect_of
from station.control.mode import MOVING, STARTING, Rules, Seen, State, Switch, advance
from station.link.intents import Asked
from station.signals import IntentKind, Mode
from tests.unit.mode_run import EVENT_OF, MS, ask

PRESSED = INPUT_HAS_ESTOP | INPUT_ESTOP
MIDDLE = INPUT_HAS_ENABLE | INPUT_ENABLE
THROUGH = INPUT_HAS_ENABLE | INPUT_ENABLE_THROUGH
STEP_NS = 100 * MS
COARSE = Rules(
    engage_fresh_ns=200 * MS,
    enable_debounce_ns=100 * MS,
    estop_debounce_ns=100 * MS,
    align_timeout_ns=200 * MS,
    stopping_limit_ns=200 * MS,
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
        engager_ns=(age(state.engager_ns, COARSE.engage_fresh_ns + STEP_NS) if mode is Mode.ALIGNING else 0) or 0,
        switch_ns=age(state.switch_ns, COARSE.enable_debounce_ns) or 0,
        estop_open_ns=age(state.estop_open_ns, COARSE.estop_debounce_ns) if state.has & INPUT_HAS_ESTOP else 0,
        then_off=state.then_off and mode is Mode.STOPPING,
        cause="",
        detail="",
        raised=(),
    )


def all_inputs(switches: list[tuple[int, bool]]) -> list[Seen]:
    """Two people, and motors that are not on, only where there are no switches beside: neither looks at the other."""
    has_two = len(switches) == 1
    asked: list[tuple[Asked, ...]] = [
        (),
        (ask(IntentKind.ENGAGE),),
        *([(ask(IntentKind.ENGAGE, pid=2),)] if has_two else []),
        (ask(IntentKind.RESET),),
        (ask(IntentKind.RESET), ask(IntentKind.ENGAGE)),
        (ask(IntentKind.SHUTDOWN),),
    ]
    events = [(), *((EVENT_OF[effect],) for effect in (Effect.HOLD, Effect.STOP, Effect.STOP_OFF, Effect.OFF))]
    rests = [(True, True), (False, True), *([(True, False)] if has_two else [])]
    return [
        Seen(connected, aligned, still, is_on, event, people, inputs, fresh)
        for connected, aligned, (still, is_on), event, people, (inputs, fresh) in itertools.product(
            (True, False), (True, False), rests, events, asked, switches
        )
    ]


@pytest.mark.parametrize(
    "switches",
    [
        [(0, True)],
        [(MIDDLE, True), (MIDDLE, False), (INPUT_HAS_ENABLE, True)],
        [(MIDDLE, True), (INPUT_HAS_ENABLE, True), (THROUGH, True), (THROUGH | INPUT_ENABLE, True)],
        [(INPUT_HAS_ESTOP, True), (PRESSED, True), (INPUT_HAS_ESTOP, False)],
    ],
    ids=["no switches", "enable switch", "enable switch of three positions", "emergency stop"],
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
    is_open = not after.has & INPUT_HAS_ESTOP or seen.inputs & PRESSED == INPUT_HAS_ESTOP
    stops = effects & {Effect.STOP, Effect.STOP_OFF, Effect.OFF} or not is_open
    step = (before, seen, after)
    if stops or IntentKind.SHUTDOWN in kinds:
        assert after.mode in (Mode.STOPPING, Mode.STOPPED), step
    if before.mode is Mode.STOPPED and after.mode is not Mode.STOPPED:
        assert after.mode is Mode.READY and IntentKind.RESET in kinds and seen.connected and not stops, step
        if after.has & INPUT_HAS_ESTOP:
            assert before.estop_open_ns is not None, step
            assert STEP_NS - before.estop_open_ns >= COARSE.estop_debounce_ns, step
    if after.has & INPUT_HAS_ESTOP and before.estop_open_ns is None:
        assert after.estop_open_ns == (STEP_NS if is_open and seen.inputs_fresh else None), step
    if before.mode is Mode.STOPPING:
        assert after.mode in (Mode.STOPPING, Mode.STOPPED), step
    if after.mode in MOVING and before.mode not in MOVING:
        assert before.mode in (Mode.READY, Mode.HOLD) and after.mode is Mode.ALIGNING, step
        assert IntentKind.ENGAGE in kinds and before.let_go and seen.still and seen.is_on and not effects, step
        assert after.engager in [(role, pid) for _, role, pid in seen.asked], step
    if before.mode in MOVING and after.mode in MOVING:
        assert after.engager == before.engager is not None, step
        is_asked = before.engager in [(role, pid) for kind, role, pid in seen.asked if kind is IntentKind.ENGAGE]
        if before.mode is Mode.ALIGNING:
            assert is_asked or STEP_NS - before.engager_ns <= COARSE.engage_fresh_ns, step
            assert after.engager_ns == (STEP_NS if is_asked else before.engager_ns), step
    if after.mode is Mode.FOLLOWING and before.mode is not Mode.FOLLOWING:
        assert before.mode is Mode.ALIGNING and seen.aligned and not effects, step
    if after.mode in MOVING:
        assert not effects, step
        if after.has & INPUT_HAS_ENABLE:
            assert seen.inputs_fresh and seen.inputs & (INPUT_ENABLE | INPUT_ENABLE_THROUGH) == INPUT_ENABLE, step
            assert after.switch_let_go and after.switch is Switch.MIDDLE, step
    if after.switch_let_go and not before.switch_let_go:
        assert seen.inputs == INPUT_HAS_ENABLE and before.switch is Switch.RELEASED, step
    if seen.inputs & INPUT_ENABLE_THROUGH:
        assert not after.switch_let_go, step
    assert (after.epoch == before.epoch + 1) == (after.mode in STARTING and after.mode is not before.mode), step
    assert after.epoch in (before.epoch, before.epoch + 1), step
    if after.mode in MOVING or after.mode in (Mode.READY, Mode.HOLD, Mode.STOPPING):
        assert not after.off, step
    if before.off and not after.off:
        assert after.mode is Mode.READY, step
    if Effect.OFF in effects:
        assert after.off and after.mode is Mode.STOPPED, step
