"""A SessionView for tests; give what matters."""

from __future__ import annotations

from typing import Any

import msgspec

from station.signals import Mode, PhaseView, SessionView

_PLAIN = SessionView(
    t_ns=1,
    rig="demo",
    worker="w001",
    task="microwave_door",
    title={"zh": "打开微波炉门", "en": "Open the microwave door"},
    version=3,
    target=200,
    accepted=0,
    rejected=0,
    today=0,
    mode=Mode.READY,
    mode_since_ns=0,
    stop_event="",
    stop_detail="",
    phases=(PhaseView("home", {"zh": "手臂放回身侧", "en": "Arm back to your side"}),),
    phase=0,
    in_rep=False,
    rep_s=0.0,
    rep_target_s=3.2,
    last=None,
    recent=(),
    pace_per_h=0.0,
    joints=(),
    aligned=(),
    alarms=(),
    samples_lost=0,
    ticks=0,
    ticks_lost=0,
    rate_hz=500.0,
    latency_us=0.0,
    records_lost=0,
    disk_free_mb=1e6,
    shift_s=0.0,
    finished=False,
)


def some_view(**changes: Any) -> SessionView:
    return msgspec.structs.replace(_PLAIN, **changes)
