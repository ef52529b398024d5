"""Reduced speed is shown beside the rig's name, in both languages, on the smallest terminal too."""

from __future__ import annotations

import pytest

from tests.tui.conftest import Staged
from tests.tui.scenes import view


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize(("speed", "shown"), [(250.0, True), (0.0, False)])
async def test_the_top_line_says_how_fast_the_robot_may_be(staged: Staged, language, size, speed, shown):
    async with staged(view(reduced_speed_mm_s=speed), language, size) as stage:
        lines = await stage.draw()
        assert ("≤ 250 mm/s" in lines[0]) is shown
        assert "demo" in lines[0]
