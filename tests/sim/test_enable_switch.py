"""A run of the demo rig with our own board: a hand that clenches stops it, and relaxing is no way to go on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from firmware_bridge.samples import INPUT_ENABLE, INPUT_ENABLE_THROUGH
from station.bench.driven import DrivenRun
from station.resolve import with_leader
from station.settings.load import load_rig, load_task
from station.signals import Mode
from tests.mcu import gcc

pytestmark = [pytest.mark.process, pytest.mark.slow]

MOVING = (Mode.ALIGNING, Mode.FOLLOWING)


def test_after_the_hand_clenched_nothing_moves_until_it_let_go(runtime: Path, tmp_path: Path) -> None:
    gcc()
    rig, calibration = load_rig("demo")
    rig = with_leader(rig, "exo_wire")
    rig = msgspec.structs.replace(rig, align=msgspec.structs.replace(rig.align, speed_deg_s=40.0))
    with DrivenRun(rig, calibration, load_task(rig.task, rig), tmp_path) as run:
        run.reach(Mode.FOLLOWING, 60.0)
        run.presses = False
        run.leader.ask("fault", kind="enable_back", for_s=None)
        assert run.until(lambda tick: tick.mode == Mode.STOPPED and tick.cause == "enable_pressed_through", 30.0)
        assert run.until(lambda tick: bool(tick.inputs & INPUT_ENABLE), 30.0), "the hand relaxes"
        run.reach(Mode.READY, 60.0)
        run.presses = True
        assert run.until(lambda tick: tick.mode in MOVING, 4.0) is None
        assert run.mode is Mode.READY and run.ticks[-1].inputs & (INPUT_ENABLE | INPUT_ENABLE_THROUGH) == INPUT_ENABLE
        run.leader.ask("clear")
        run.reach(Mode.FOLLOWING, 60.0)
