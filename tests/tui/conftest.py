"""A pilot around the app with a scripted link and clocks that stand still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple

import pytest
from textual.pilot import Pilot

from station.signals import SessionView
from station.tui.app import StationApp
from station.tui.language import Language
from station.tui.rows import text_of
from station.tui.summary import Outcome
from station.tui.widgets.panel import Panel
from tests.tui.picture import screen_lines
from tests.tui.scenes import NOW_NS, WALL, Clock, ScriptedLink

SEEN_S = 1.5
"""The person looks so long at the screen before the first key: longer than is asked for, shorter than a silence."""


class Stage(NamedTuple):
    app: StationApp
    pilot: Pilot[Outcome]
    link: ScriptedLink
    clock: Clock

    async def draw(self) -> list[str]:
        """Draw until the layout has settled; the rows of the screen."""
        for _ in range(2):
            self.app.poll()
            await self.pilot.pause()
        return screen_lines(self.app)

    def rows(self, panel: str) -> list[str]:
        """What a panel has drawn at the newest view, without waiting for the screen's own refresh."""
        self.app.poll()
        return [text_of(line) for line in self.app.screen.query_one(panel, Panel)._rows]

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()


SIZES = ((80, 24), (120, 40))
Staged = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def staged() -> Staged:
    @asynccontextmanager
    async def stage(
        view: SessionView | None, language: Language = "en", size: tuple[int, int] = (80, 24)
    ) -> AsyncIterator[Stage]:
        link, clock = ScriptedLink(view), Clock()
        clock.advance(-SEEN_S)
        app = StationApp(link, language, bell=False, clock_ns=clock, wall=lambda: WALL)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            found = Stage(app, pilot, link, clock)
            await found.draw()
            clock.now_ns = NOW_NS
            yield found

    return stage
