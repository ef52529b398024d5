"""What the arm may do now: one table Mode x Trigger -> Mode, and `advance`, which finds a tick's triggers.

Pure: (state, what was seen, rules, now) -> state. Triggers that restrain are looked at before those that permit: in a
tick with a stop nothing else is heard, in a tick with a hold nothing that moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from firmware_bridge.samples import (
    INPUT_ENABLE,
    INPUT_ENABLE_THROUGH,
    INPUT_ESTOP,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
)
from station.control.events import Effect, effect_of
from station.link.intents import Asked
from station.signals import IntentKind, Mode, Role

MOVING: Final = frozenset({Mode.ALIGNING, Mode.FOLLOWING})
"""Modes in which the arm goes where the leader asks."""
STARTING: Final = frozenset({Mode.READY, Mode.ALIGNING})
"""Modes that begin a new epoch: the limiter starts from (measured pose, zero speed) and the gate begins there."""

_WHY_DOWN: Final = MappingProxyType(
    {"leader_error": "leader_error", "leader_silent": "leader_error", "enable_stale": "leader_error"}
    | {"arm_error": "arm_error"}
)
"""Causes that are a line's -> the event that tells why that line is down now: each reset tries to open it again, and
what then stands in the way may be another thing than what broke it."""

_PERSONS: Final = frozenset({Role.SCREEN, Role.PEDAL})
"""Only these speak for a person; the session process may only ask for less motion."""


class Trigger(IntEnum):
    """What can change the mode, in the order in which a tick's triggers are looked at."""

    OFF = 0
    STOP_OFF = 1
    STOP = 2
    HOLD = 3
    STILL = 4
    """The last command moved no joint."""
    RESET = 5
    """A person asked, no stop stands (nor did the emergency-stop input a moment ago), the links are up."""
    CONNECTED = 6
    ALIGNED = 7
    ENGAGE = 8
    """A person let go and asked again, nothing restrains."""


class Switch(IntEnum):
    """Where the enable switch is (IEC 60947-5-8: 1 off, 2 enabled, 3 off, and the way back from 3 enables nothing)."""

    UNHEARD = 0
    """Its sample is old, or does not tell of it any more."""
    RELEASED = 1
    MIDDLE = 2
    THROUGH = 3


def _row(mode: Mode, **to: Mode) -> dict[Trigger, Mode]:
    return {trigger: to.get(trigger.name, mode) for trigger in Trigger}


TABLE: Final = MappingProxyType(
    {
        Mode.DISCONNECTED: _row(
            Mode.DISCONNECTED, OFF=Mode.STOPPED, STOP_OFF=Mode.STOPPED, STOP=Mode.STOPPED, CONNECTED=Mode.READY
        ),
        Mode.READY: _row(
            Mode.READY, OFF=Mode.STOPPED, STOP_OFF=Mode.STOPPING, STOP=Mode.STOPPING, ENGAGE=Mode.ALIGNING
        ),
        Mode.ALIGNING: _row(
            Mode.ALIGNING,
            OFF=Mode.STOPPED,
            STOP_OFF=Mode.STOPPING,
            STOP=Mode.STOPPING,
            HOLD=Mode.HOLD,
            ALIGNED=Mode.FOLLOWING,
        ),
        Mode.FOLLOWING: _row(
            Mode.FOLLOWING, OFF=Mode.STOPPED, STOP_OFF=Mode.STOPPING, STOP=Mode.STOPPING, HOLD=Mode.HOLD
        ),
        Mode.HOLD: _row(Mode.HOLD, OFF=Mode.STOPPED, STOP_OFF=Mode.STOPPING, STOP=Mode.STOPPING, ENGAGE=Mode.ALIGNING),
        Mode.STOPPING: _row(Mode.STOPPING, OFF=Mode.STOPPED, STILL=Mode.STOPPED),
        Mode.STOPPED: _row(Mode.STOPPED, RESET=Mode.READY),
    }
)


class Rules(NamedTuple):
    engage_fresh_ns: int = 300_000_000
    """An ENGAGE intent counts for so long; longer without one is letting go."""
    enable_debounce_ns: int = 50_000_000
    """The enable switch must stay released for so long before it counts as let go, and in its middle before it counts
    as held: its contacts bounce, and on the way back from its third position both may be open for a moment."""
    estop_debounce_ns: int = 50_000_000
    """The emergency-stop contact must stay open for so long before a reset counts: one that flutters while its button
    is in would else switch the arm on for a tick. A reset before that is lost: a person turns the button out first and
    asks later than that. (One that waits for a link waits for this too: `is_reset_early`.)"""
    align_timeout_ns: int = 30_000_000_000
    stopping_limit_ns: int = 1_000_000_000
    """Braking that takes longer ends by switching off."""
    required_inputs: int = 0
    """INPUT_HAS_* bits that count as seen once the leader has spoken: it must go on reporting these switches."""


class Sender(NamedTuple):
    """A person's screen or pedal, by the kernel's word."""

    role: Role
    pid: int


class Seen(NamedTuple):
    """What the loop saw in one tick."""

    connected: bool
    """Leader and arm are open and have spoken."""
    aligned: bool
    """All joints within tolerance for long enough and the leader slow; looked at while ALIGNING."""
    still: bool
    """`Limiter.is_still`."""
    is_on: bool
    """Every motor says that it is on: any other would be led without following."""
    events: Sequence[tuple[str, str]]
    """Every condition that stands in this tick (not only its beginning): (name, detail)."""
    asked: Sequence[Asked]
    inputs: int
    """INPUT_* bits of the newest sample."""
    inputs_fresh: bool
    """That sample is younger than the hold limit."""


class State(NamedTuple):
    mode: Mode = Mode.DISCONNECTED
    epoch: int = 0
    """Grows whenever motion starts anew; `limiter.start` and `gate.begin` belong to each change."""
    since_ns: int = 0
    """When `mode` began."""
    cause: str = ""
    """While HOLD, STOPPING, STOPPED: the first event that led here."""
    detail: str = ""
    """The cause's words; of a line that is down, the newest reason of that."""
    off: bool = True
    """The motors are to be off (else they are to be on and commanded)."""
    then_off: bool = False
    """While STOPPING: off once at rest."""
    ending: bool = False
    """Shutdown was asked: once STOPPED the control process may end."""
    engage_ns: int | None = None
    """The last ENGAGE intent, whoever's."""
    engager: Sender | None = None
    """While ALIGNING and FOLLOWING: whose ENGAGE began it. Until then nobody else's keeps the arm moving."""
    engager_ns: int = 0
    """That sender's last ENGAGE."""
    let_go: bool = False
    """The person was seen not asking since the mode began, and has not asked in vain since."""
    has: int = 0
    """INPUT_HAS_* bits seen so far: a switch that is no longer reported counts as a stop."""
    switch: Switch = Switch.UNHEARD
    switch_ns: int = 0
    """Since when it is there."""
    switch_let_go: bool = False
    """The enable switch was released for long enough since READY began, and was heard since, never pressed through."""
    estop_open_ns: int | None = 0
    """Since when the emergency-stop contact is known to be open (0: was never pressed); None: it is not."""
    raised: tuple[tuple[str, str], ...] = ()
    """Events that `advance` itself found in this tick, for the record."""

    @property
    def is_moving(self) -> bool:
        return self.mode in MOVING


STOPS: Final = (Mode.STOPPING, Mode.STOPPED)
_OUT_OF_MIDDLE: Final = {
    Switch.UNHEARD: "enable_released",
    Switch.RELEASED: "enable_released",
    Switch.THROUGH: "enable_pressed_through",
}
_RESTRAINING: Final = {
    Effect.HOLD: Trigger.HOLD,
    Effect.STOP: Trigger.STOP,
    Effect.STOP_OFF: Trigger.STOP_OFF,
    Effect.OFF: Trigger.OFF,
}


def advance(state: State, seen: Seen, rules: Rules, now_ns: int) -> State:
    """One tick. Never raises; an event that the table does not know stops."""
    mode = state.mode
    raised: list[tuple[str, str]] = []
    askers, asks_reset, ending = _hear(seen.asked, raised)

    has = state.has | seen.inputs & (INPUT_HAS_ENABLE | INPUT_HAS_ESTOP)
    if seen.connected:
        has |= rules.required_inputs

    # The emergency stop counts as pressed at once, as let go after a while in which every moment told so.
    estop_open_ns, may_reset = state.estop_open_ns, True
    if has & INPUT_HAS_ESTOP:
        is_open = _is_stop_contact_open(seen.inputs)
        if not is_open:
            raised.append(("estop", ""))
        if not (is_open and seen.inputs_fresh):
            estop_open_ns = None
        elif estop_open_ns is None:
            estop_open_ns = now_ns
        may_reset = estop_open_ns is not None and now_ns - estop_open_ns >= rules.estop_debounce_ns

    # The enable switch counts as out of its middle at once, as let go and as held after a while, and as held only after
    # it was let go: not if held from the beginning, nor on the way back from being pressed through.
    switch, switch_ns, switch_let_go = state.switch, state.switch_ns, state.switch_let_go
    is_let_go, is_enabled = False, True
    if has & INPUT_HAS_ENABLE:
        switch = _switch(seen)
        if switch is not state.switch:
            switch_ns = now_ns
        is_settled = now_ns - switch_ns >= rules.enable_debounce_ns
        is_let_go = is_settled and switch is Switch.RELEASED
        switch_let_go = is_let_go or (switch_let_go and switch in (Switch.RELEASED, Switch.MIDDLE))
        is_enabled = is_settled and switch_let_go and switch is Switch.MIDDLE
        if mode in MOVING:
            if switch is not Switch.MIDDLE:
                raised.append(("enable_stale" if not seen.inputs_fresh else _OUT_OF_MIDDLE[switch], ""))
        elif switch is Switch.THROUGH and _is_clenched(state, rules):
            state = state._replace(cause="enable_pressed_through")
            raised.append((state.cause, ""))

    engage_ns = now_ns if askers else state.engage_ns
    is_asking = engage_ns is not None and now_ns - engage_ns <= rules.engage_fresh_ns
    engager, engager_ns = state.engager, state.engager_ns
    if mode is Mode.ALIGNING:
        for sender in askers:
            if sender == engager:
                engager_ns = now_ns
            else:
                raised.append(("engage_elsewhere", ""))
        if now_ns - engager_ns > rules.engage_fresh_ns:
            raised.append(("engage_released", ""))
        elif now_ns - state.since_ns > rules.align_timeout_ns:
            raised.append(("align_timeout", ""))
    elif mode is Mode.STOPPING and now_ns - state.since_ns > rules.stopping_limit_ns:
        raised.append(("stopping_slow", ""))

    worst, cause, detail = _hardest(seen.events, raised)
    restraint = _RESTRAINING.get(worst)
    is_free = seen.still and seen.is_on
    may_engage = bool(askers) and state.let_go and is_enabled and is_free and not asks_reset
    after = mode
    if restraint is not None:
        after = TABLE[mode][restraint]
    if worst < Effect.STOP and after is mode:
        # At most one a tick, each from the mode as it was: no way leads through two modes at once.
        for trigger, is_given in (
            (Trigger.RESET, asks_reset and may_reset and seen.connected and not state.ending),
            (Trigger.CONNECTED, seen.connected),
            (Trigger.ALIGNED, seen.aligned and restraint is None),
            (Trigger.ENGAGE, may_engage and restraint is None),
        ):
            if is_given and TABLE[mode][trigger] is not mode:
                after = TABLE[mode][trigger]
                break
    if seen.still:
        after = TABLE[after][Trigger.STILL]

    epoch, since_ns, off, then_off = state.epoch, state.since_ns, state.off, state.then_off
    is_in_vain = bool(askers) and (is_free or restraint is not None or not is_enabled)  # else it waits
    let_go = not is_asking or (state.let_go and not is_in_vain)
    later = ""
    if worst >= Effect.STOP_OFF:
        if mode in STOPS and not (off or then_off or ending or state.ending):
            later = f"then {cause} {detail}"  # what switched the arm off is not what stopped it
        then_off = True
    if after is mode:
        cause, detail = state.cause, "; ".join(filter(None, (state.detail, later)))
        if mode is Mode.STOPPED and cause in _WHY_DOWN:
            detail = next((words for name, words in seen.events if name == _WHY_DOWN[cause]), detail)
    else:
        since_ns = now_ns
        let_go = not is_asking
        if after is Mode.ALIGNING:
            engager, engager_ns = askers[0], now_ns
        elif after is not Mode.FOLLOWING:
            engager = None
        if after in STARTING:
            epoch += 1
            off = then_off = False
            if after is Mode.READY:
                switch_let_go = is_let_go
        elif mode is Mode.STOPPING:
            cause, detail = state.cause, "; ".join(filter(None, (state.detail, later)))
    if after is Mode.STOPPED:
        off = off or then_off
    return State(
        after,
        epoch,
        since_ns,
        cause,
        detail,
        off,
        then_off,
        ending or state.ending,
        engage_ns,
        engager,
        engager_ns,
        let_go,
        has,
        switch,
        switch_ns,
        switch_let_go,
        estop_open_ns,
        tuple(raised),
    )


def is_reset_early(state: State, inputs: int, rules: Rules, now_ns: int) -> bool:
    """The emergency stop's contact is open, and has not been for long enough: a reset that waits would be lost."""
    if not state.has & INPUT_HAS_ESTOP or not _is_stop_contact_open(inputs):
        return False
    return state.estop_open_ns is None or now_ns - state.estop_open_ns < rules.estop_debounce_ns


def _is_stop_contact_open(inputs: int) -> bool:
    """One that is no longer reported counts as pressed."""
    return bool(inputs & INPUT_HAS_ESTOP) and not inputs & INPUT_ESTOP


def _switch(seen: Seen) -> Switch:
    """Both contacts at once are a fault of the switch: pressed through goes first, also before that there is one."""
    if not seen.inputs_fresh:
        return Switch.UNHEARD
    if seen.inputs & INPUT_ENABLE_THROUGH:
        return Switch.THROUGH
    if not seen.inputs & INPUT_HAS_ENABLE:
        return Switch.UNHEARD
    return Switch.MIDDLE if seen.inputs & INPUT_ENABLE else Switch.RELEASED


def _is_clenched(state: State, rules: Rules) -> bool:
    """The arm was stopped because the switch seemed released, and that was the way from its middle to its third
    position, where both contacts are open for a moment: it was not in its middle since, but for its bouncing."""
    is_since_then = state.switch is Switch.RELEASED and state.switch_ns - state.since_ns <= rules.enable_debounce_ns
    return state.cause == "enable_released" and is_since_then


def _hear(asked: Sequence[Asked], raised: list[tuple[str, str]]) -> tuple[list[Sender], bool, bool]:
    """What people ask: (who asks to engage, reset, end); requests to stop or hold go to `raised`."""
    askers: list[Sender] = []
    reset = ending = False
    for kind, role, pid in asked:
        if kind is IntentKind.ENGAGE:
            if role in _PERSONS:
                askers.append(Sender(role, pid))
        elif kind is IntentKind.RESET:
            reset = reset or role in _PERSONS
        elif kind is IntentKind.STOP:
            raised.append(("operator_stop", ""))
        elif kind is IntentKind.HOLD:
            # The session asks for it where it can record nothing.
            raised.append(("operator_hold" if role in _PERSONS else "disk_full", ""))
        elif kind is IntentKind.SHUTDOWN:
            ending = True
            raised.append(("shutdown", ""))
    return askers, reset, ending


def _hardest(events: Sequence[tuple[str, str]], raised: Sequence[tuple[str, str]]) -> tuple[Effect, str, str]:
    """The event with the hardest effect, of equals the first; with no effect on the mode: ('', '')."""
    worst, cause, detail = Effect.TAG, "", ""
    for name, words in (*events, *raised):
        effect = effect_of(name)
        if effect > worst:
            worst, cause, detail = effect, name, words
    return worst, cause, detail
