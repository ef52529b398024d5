"""Keys that were typed before the person could see what they are about: none of them moves anything."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import tty

import pytest

from station.signals import IntentKind, Mode, RequestKind
from station.tui.scene import Cover
from station.tui.sight import SEEN_NS, Sight
from tests.tui.conftest import Stage, Staged
from tests.tui.scenes import view


def look_on(stage: Stage) -> None:
    """Time passes for the person; views go on coming."""
    stage.clock.advance(1.5)
    stage.link.show(t_ns=stage.clock.now_ns)
    stage.app.poll()


def test_a_state_is_seen_when_it_has_stood_for_half_a_second():
    sight = Sight()
    assert not sight.has_begun
    sight.drawn(Cover.WAITING, Mode.DISCONNECTED, 0)
    assert not sight.has_begun
    sight.drawn(Cover.NONE, Mode.READY, 10)
    assert sight.has_begun
    assert not sight.knows_state(Mode.READY, 10 + SEEN_NS - 1)
    assert sight.knows_state(Mode.READY, 10 + SEEN_NS)
    assert sight.knows_screen(10 + SEEN_NS)
    sight.drawn(Cover.NONE, Mode.HOLD, 20 + SEEN_NS)
    assert not sight.knows_state(Mode.HOLD, 20 + SEEN_NS), "another state begins anew"
    assert not sight.knows_state(Mode.READY, 20 + 3 * SEEN_NS), "it no longer stands there"
    assert sight.knows_screen(20 + SEEN_NS)


def test_nobody_sees_a_state_on_a_terminal_that_is_too_small():
    sight = Sight()
    sight.drawn(Cover.TOO_SMALL, Mode.READY, 0)
    assert not sight.knows_state(Mode.READY, 10 * SEEN_NS)


async def test_keys_before_the_first_view_do_nothing_but_a_stop(staged: Staged):
    async with staged(None) as stage:
        await stage.press("space", "x", "q", "q", "r", "l", "question_mark", "enter")
        assert (stage.link.asked(), stage.link.requests) == ([], [])
        await stage.press("s")
        assert stage.link.asked()[0] is IntentKind.STOP
        stage.link.view = view(mode=Mode.READY)
        await stage.draw()
        await stage.press("space")
        assert IntentKind.ENGAGE not in stage.link.asked(), "the state has only just come"


@pytest.mark.parametrize("mode", [Mode.READY, Mode.HOLD])
async def test_space_starts_only_what_the_person_has_seen(staged: Staged, mode: Mode):
    async with staged(view(mode=Mode.STOPPED)) as stage:
        stage.link.show(mode=mode)
        await stage.draw()
        await stage.press("space")
        assert stage.link.asked() == []
        look_on(stage)
        await stage.press("space")
        assert IntentKind.ENGAGE in stage.link.asked()


async def test_a_reset_needs_a_stop_that_was_seen(staged: Staged):
    async with staged(view(mode=Mode.FOLLOWING)) as stage:
        stage.link.show(mode=Mode.STOPPED)
        await stage.draw()
        await stage.press("r")
        assert stage.link.asked() == []
        look_on(stage)
        await stage.press("r")
        assert stage.link.asked() == [IntentKind.RESET]


async def test_a_hold_and_a_stop_need_no_wait(staged: Staged):
    async with staged(view(mode=Mode.READY)) as stage:
        stage.link.show(mode=Mode.FOLLOWING)
        stage.app.poll()
        await stage.press("space")
        assert stage.link.asked()[0] is IntentKind.HOLD
        await stage.press("s")
        assert IntentKind.STOP in stage.link.asked()


async def test_a_shift_is_not_ended_nor_a_repetition_rejected_by_keys_of_before(staged: Staged):
    async with staged(None) as stage:
        stage.link.view = view()
        await stage.draw()
        await stage.press("x", "q", "q", "ctrl+q", "ctrl+q")
        assert stage.link.requests == []
        look_on(stage)
        await stage.press("x")
        assert stage.link.requests == [RequestKind.REJECT_LAST]


async def test_space_that_closes_the_list_of_keys_starts_nothing(staged: Staged):
    async with staged(view(mode=Mode.READY)) as stage:
        await stage.press("question_mark")
        await stage.draw()
        await stage.press("space")
        assert stage.link.asked() == []


_FORGETS = """
import sys, termios
from station.tui.run import forget_typed
print("go", flush=True)
assert sys.stdin.buffer.raw.read(1) == b"!"
forget_typed()
print("gone", flush=True)
assert sys.stdin.buffer.raw.read(1) == b"."
"""


def test_what_was_typed_before_the_screen_is_dropped_from_the_terminal():
    master, slave = pty.openpty()
    tty.setraw(slave, termios.TCSANOW)
    with subprocess.Popen([sys.executable, "-c", _FORGETS], stdin=slave, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        os.write(master, b"!qq   ")
        assert process.stdout.readline() == b"gone\n"
        os.write(master, b".")
        assert process.wait(20) == 0
    os.close(slave)
    os.close(master)
