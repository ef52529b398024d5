"""A mode machine under test: ticks of 2 ms with what the loop saw, and the usual way into every mode."""

from __future__ import annotations

from typing import Any

from station.control.events import Effect
from station.control.mode import Rules, Seen, State, advance
from station.link.intents import Asked
from station.signals import IntentKind, Mode, Role

MS = 1_000_000
RULES = Rules()
CALM = Seen(connected=True, aligned=False, still=True, is_on=True, events=(), asked=(), inputs=0, inputs_fresh=True)
EVENT_OF = {
    Effect.TAG: ("samples_lost", "3"),
    Effect.HOLD: ("leader_stale", "41 ms"),
    Effect.STOP: ("leader_silent", "201 ms"),
    Effect.STOP_OFF: ("motor_hot", "right_j4: 86 C"),
    Effect.OFF: ("gate_refused", "right_j1"),
}


def ask(kind: IntentKind, role: Role = Role.PEDAL, pid: int = 1) -> Asked:
    return Asked(kind, role, pid)


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

    def event(self, effect: Effect, **seen: Any) -> Mode:
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
