"""A key that is held down comes again and again: it holds the arm, and never starts it."""

from __future__ import annotations

import pytest

from station.signals import IntentKind, Mode
from station.tui.widgets.banner import HELD_DOWN
from tests.tui.conftest import Stage, Staged
from tests.tui.scenes import view

SINCE_HOLD_S = 3.0
"""The arm has held, and stood so on the screen, for long enough to be engaged."""


async def press_every(stage: Stage, seconds: float, for_s: float) -> None:
    """SPACE again and again, as a terminal tells one that is held down; views go on coming."""
    for _ in range(round(for_s / seconds)):
        stage.clock.advance(seconds)
        stage.link.show(t_ns=stage.clock.now_ns)
        stage.app.poll()
        await stage.press("space")


@pytest.mark.parametrize(("delay_s", "every_s"), [(0.25, 0.033), (0.66, 0.04), (1.0, 0.1)])
async def test_space_held_down_for_a_pause_never_starts_the_arm_again(staged: Staged, delay_s: float, every_s: float):
    async with staged(view(mode=Mode.FOLLOWING)) as stage:
        await stage.press("space")
        stage.link.show(mode=Mode.HOLD)
        stage.app.poll()
        await press_every(stage, delay_s, delay_s)
        await press_every(stage, every_s, SINCE_HOLD_S)
        assert IntentKind.ENGAGE not in stage.link.asked()
        assert IntentKind.HOLD in stage.link.asked()
        assert any(HELD_DOWN[:40] in row for row in await stage.draw()), "it says what to do instead"


@pytest.mark.parametrize(("pause_s", "starts"), [(0.9, False), (1.3, True)])
async def test_a_press_of_its_own_starts_after_a_second_without_one(staged: Staged, pause_s: float, starts: bool):
    async with staged(view(mode=Mode.FOLLOWING)) as stage:
        await stage.press("space")
        stage.link.show(mode=Mode.HOLD)
        stage.app.poll()
        await press_every(stage, 0.04, SINCE_HOLD_S)
        await press_every(stage, pause_s, pause_s)
        assert (IntentKind.ENGAGE in stage.link.asked()) is starts


async def test_a_second_press_while_it_begins_holds_however_soon_it_comes(staged: Staged):
    async with staged(view(mode=Mode.READY)) as stage:
        await stage.press("space")
        assert IntentKind.ENGAGE in stage.link.asked()
        await press_every(stage, 0.1, 0.1)
        assert IntentKind.HOLD in stage.link.asked()
