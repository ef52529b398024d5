"""Reduced speed and the workspace on the running demo rig: judged from what the control process says it sent."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from station.resolve import with_reduced_speed
from station.settings.rig import Rig
from station.signals import Mode
from tests.bench.reach_inputs import MODEL, with_kinematics
from tests.property.reach_judge import ReachJudge
from tests.sim.conftest import Driver

pytestmark = pytest.mark.process


def small_box(rig: Rig) -> Rig:
    """The handle of the demo's task is out of reach."""
    assert rig.arm.kinematics is not None and rig.arm.kinematics.box_mm is not None
    lower, (_, y, z) = rig.arm.kinematics.box_mm.lower, rig.arm.kinematics.box_mm.upper
    box = msgspec.structs.replace(rig.arm.kinematics.box_mm, lower=lower, upper=(430.0, y, z))
    return with_kinematics(rig, msgspec.structs.replace(rig.arm.kinematics, box_mm=box))


def test_a_rig_in_reduced_speed_mode_moves_slowly_and_says_so(runtime, tmp_path):
    with Driver(tmp_path, change=with_reduced_speed) as driver:
        first = driver.until_mode(Mode.FOLLOWING)
        driver.until(lambda tick: tick.index > first.index + 2500)
        view = driver.run.view()
        assert view is not None and view.reduced_speed_mm_s == 250.0
    judge = ReachJudge(driver.run.rig, MODEL)
    fastest = 0.0
    for before, tick in zip(driver.ticks, driver.ticks[1:]):
        if tick.sent_ns and before.sent_ns and tick.epoch == before.epoch:
            moved = judge.places(np.array(tick.sent_rad)) - judge.places(np.array(before.sent_rad))
            fastest = max(fastest, float(np.linalg.norm(moved, axis=2).max()) / judge.period_s * 1e3)
    assert 150.0 < fastest <= 250.001


def test_a_worker_who_reaches_out_of_the_workspace_is_held_at_its_edge_and_told(runtime, tmp_path):
    with Driver(tmp_path, change=small_box) as driver:
        held = driver.until(lambda tick: tick.mode == Mode.HOLD and tick.cause == "workspace_limit", 30.0)
        assert held.cause_detail == "right_tool: box x upper"
        at_rest = driver.until(lambda tick: tick.mode == Mode.HOLD and not any(tick.sent_rad_s))
    judge = ReachJudge(driver.run.rig, MODEL)
    sent = [tick for tick in driver.ticks if tick.sent_ns]
    assert max(judge.outside_m(judge.places(np.array(tick.sent_rad))) for tick in sent) <= 1e-9
    assert judge.outside_m(judge.places(np.array(at_rest.sent_rad))) > -0.01
