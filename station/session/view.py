"""Puts together the one noun that screens draw."""

from __future__ import annotations

import math

import msgspec

from station.session.monitor import TickMonitor
from station.session.recorder import Outcome
from station.session.reps import RepCounter
from station.settings.rig import Rig
from station.settings.task import Task
from station.signals import AlarmView, JointView, Mode, PhaseView, SessionView, Tick, Verdict


def build_view(
    now_ns: int,
    *,
    rig: Rig,
    task: Task,
    worker: str,
    target: int,
    outcome: Outcome,
    counter: RepCounter,
    monitor: TickMonitor,
    pace_per_h: float,
    last: Verdict | None,
    accepted_this_run: int,
    records_lost: int,
    disk_free_mb: float,
    shift_s: float,
    finished: bool,
) -> SessionView:
    """`now_ns` is host monotonic. Counts are the ledger's (`outcome`)."""
    tick = monitor.last
    return SessionView(
        t_ns=now_ns,
        rig=rig.name,
        worker=worker,
        task=task.name,
        title={"zh": task.title.zh, "en": task.title.en},
        version=task.version,
        target=target,
        accepted=outcome.counts.accepted,
        rejected=outcome.counts.rejected,
        today=outcome.counts.today,
        mode=monitor.mode,
        mode_since_ns=monitor.mode_since_ns,
        stop_event=monitor.stop_event,
        stop_detail=monitor.stop_detail,
        phases=tuple(PhaseView(name=p.name, say={"zh": p.say.zh, "en": p.say.en}) for p in task.phases),
        phase=counter.phase,
        in_rep=counter.in_rep,
        rep_s=max(0.0, (now_ns - counter.begun_ns) / 1e9) if counter.in_rep else 0.0,
        rep_target_s=task.rep_target_s,
        last=last,
        recent=outcome.recent,
        pace_per_h=pace_per_h,
        joints=_joints(rig, tick),
        aligned=tick.aligned if tick is not None else (),
        alarms=monitor.alarms(now_ns),
        samples_lost=tick.samples_lost if tick is not None else 0,
        ticks=monitor.ticks,
        ticks_lost=tick.ticks_lost if tick is not None else 0,
        rate_hz=monitor.rate_hz,
        latency_us=monitor.latency_us,
        records_lost=records_lost,
        disk_free_mb=disk_free_mb,
        shift_s=shift_s,
        finished=finished,
        accepted_this_run=accepted_this_run,
        reduced_speed_mm_s=_reduced_speed(rig),
        inputs=monitor.inputs,
        is_arm_off=monitor.is_arm_off,
        blocked=monitor.blocked,
        must_let_go=monitor.must_let_go,
        buses={} if tick is None else {bus.name: health for bus, health in zip(rig.arm.buses, tick.buses)},
    )


def without_control(view: SessionView, event: str, since_ns: int) -> SessionView:
    """`view` where nobody has run the loop since `since_ns`. What it last told of the switches is worth nothing any
    more: an emergency stop that is pressed now would be shown as not pressed."""
    alarms = (AlarmView(event, "", since_ns), *view.alarms)
    return msgspec.structs.replace(
        view,
        mode=int(Mode.DISCONNECTED),
        stop_event=event,
        stop_detail="",
        alarms=alarms,
        inputs=0,
        must_let_go=False,
        blocked="",
    )


def _reduced_speed(rig: Rig) -> float:
    kinematics = rig.arm.kinematics
    return kinematics.reduced_speed_mm_s if kinematics is not None and kinematics.reduced_speed else 0.0


def _joints(rig: Rig, tick: Tick | None) -> tuple[JointView, ...]:
    if tick is None:
        return ()
    return tuple(
        JointView(
            name=joint.name,
            position_rad=position,
            lower_rad=math.radians(joint.lower_deg),
            upper_rad=math.radians(joint.upper_deg),
            residual_rad=target - sent,
        )
        for joint, position, target, sent in zip(rig.arm.joints, tick.arm_rad, tick.target_rad, tick.sent_rad)
    )
