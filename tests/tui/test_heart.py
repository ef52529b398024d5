"""The lease and the engage live and die with the event loop and the drawing."""

from __future__ import annotations

import asyncio
import time

import pytest

from station.signals import IntentKind, Mode
from station.tui.heart import DRAWING_LIMIT_NS, Heart
from tests.tui.scenes import NOW_NS, Clock, ScriptedLink, view


def test_every_beat_is_a_lease_and_while_engaging_an_engage():
    link, clock = ScriptedLink(), Clock()
    heart = Heart(link, clock)
    heart.beat()
    heart.engage()
    heart.beat()
    assert link.intents == [IntentKind.LEASE, IntentKind.ENGAGE, IntentKind.LEASE, IntentKind.ENGAGE]


def test_a_screen_that_no_longer_draws_gives_no_lease_and_stops_engaging():
    link, clock = ScriptedLink(), Clock()
    heart = Heart(link, clock)
    heart.engage()
    link.intents.clear()
    clock.now_ns += DRAWING_LIMIT_NS + 1
    heart.beat()
    assert link.intents == []
    heart.drawn()
    heart.beat()
    assert link.intents == [IntentKind.LEASE], "drawing again renews the lease but engages nothing"


def test_a_hold_silences_an_engage():
    link, clock = ScriptedLink(), Clock()
    heart = Heart(link, clock)
    heart.engage()
    heart.insist(IntentKind.HOLD)
    for _ in range(4):
        heart.beat()
    assert link.asked() == [IntentKind.ENGAGE, IntentKind.HOLD, IntentKind.HOLD, IntentKind.HOLD]


@pytest.mark.parametrize("kind", [IntentKind.HOLD, IntentKind.STOP])
def test_while_a_restraint_can_not_be_sent_there_is_no_lease_and_no_engage(kind):
    link, clock = ScriptedLink(), Clock()
    heart = Heart(link, clock)
    heart.engage()
    link.takes.discard(kind)
    link.intents.clear()
    heart.insist(kind)
    for _ in range(3):
        heart.beat()
        heart.engage()
    assert link.intents == [kind] * 4, "asked at once and on every beat, and nothing else"
    link.takes.add(kind)
    link.intents.clear()
    heart.beat()
    assert link.intents == [kind, IntentKind.LEASE, kind]
    assert not heart.is_engaging


def test_a_stop_that_can_not_be_sent_is_not_forgotten_over_a_hold():
    link, clock = ScriptedLink(), Clock()
    heart = Heart(link, clock)
    link.takes.discard(IntentKind.STOP)
    heart.insist(IntentKind.STOP)
    heart.insist(IntentKind.HOLD)
    heart.beat()
    assert IntentKind.LEASE not in link.intents
    link.takes.add(IntentKind.STOP)
    link.intents.clear()
    heart.beat()
    assert link.intents[:2] == [IntentKind.STOP, IntentKind.LEASE]


def test_a_restraint_is_tried_though_nothing_is_drawn():
    link, clock = ScriptedLink(), Clock()
    heart = Heart(link, clock)
    link.takes.clear()
    heart.insist(IntentKind.STOP)
    clock.now_ns += DRAWING_LIMIT_NS + 1
    link.takes.add(IntentKind.STOP)
    link.intents.clear()
    heart.beat()
    assert link.intents == [IntentKind.STOP]


def test_a_new_engaging_waits_until_the_last_one_counts_as_let_go():
    link, clock = ScriptedLink(), Clock()
    heart = Heart(link, clock)
    heart.engage()
    heart.insist(IntentKind.HOLD)
    clock.advance(0.1)
    link.intents.clear()
    heart.engage()
    for _ in range(2):
        heart.beat()
        clock.advance(0.1)
    assert link.asked() == []
    clock.advance(0.1)
    heart.beat()
    assert link.asked() == [IntentKind.ENGAGE]


def test_a_hold_that_stood_before_the_engage_does_not_end_it_but_a_later_one_does():
    heart = Heart(ScriptedLink(), Clock())
    heart.engage()
    heart.see(view(mode=Mode.HOLD, mode_since_ns=NOW_NS - 1))
    assert heart.is_engaging
    heart.see(view(mode=Mode.HOLD, mode_since_ns=NOW_NS + 1))
    assert not heart.is_engaging


async def test_a_hung_event_loop_gives_no_lease():
    link = ScriptedLink()
    heart = Heart(link, time.monotonic_ns)
    heart.start()
    await asyncio.sleep(0)
    before = link.intents.count(IntentKind.LEASE)
    time.sleep(0.45)
    during = link.intents.count(IntentKind.LEASE) - before
    await asyncio.sleep(0.01)
    caught_up = link.intents.count(IntentKind.LEASE) - before
    heart.stop()
    assert during == 0
    assert caught_up <= 2, "missed beats are not made up by a burst"
