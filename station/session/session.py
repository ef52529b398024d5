"""One worker's shift: ticks and requests in, records, ledger rows and views out. No sockets here; time is passed in."""

from __future__ import annotations

import json
import math
import platform
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import station
from station.session import reasons
from station.session.archive import Archive
from station.session.clocks import Clock, read_clocks
from station.session.errors import RecordError
from station.session.gesture import shape
from station.session.ledger import Ledger, RepRow
from station.session.monitor import TickMonitor
from station.session.quality import QualityCheck
from station.session.record_file import Event
from station.session.recorder import (
    EVENT_DISK_FULL,
    EVENT_RECORDS_LOST,
    FREE_FLOOR_BYTES,
    Outcome,
    Provenance,
    Recorder,
    RepEnd,
)
from station.session.recorder_thread import RecorderThread
from station.session.recovery import Recovered, recover
from station.session.reps import Edge, EdgeKind, RepCounter
from station.session.rhythm import Rhythm
from station.session.view import build_view
from station.settings.calibration import Calibration
from station.settings.load import digest
from station.settings.rig import Rig
from station.settings.task import Task
from station.signals import Mode, RequestKind, SessionView, Tick, Verdict

PRE_ROLL_S: Final = 0.5
"""A record begins so long before home was left."""
_DISK_EVERY_NS: Final = 1_000_000_000
_DISK_LOW_BYTES: Final = 1_000_000_000


@dataclass(slots=True)
class Totals:
    """Of this run, for the closing report."""

    accepted: int = 0
    rejected: dict[str, int] | None = None
    records_lost: int = 0


class Session:
    """Drive it from one thread: `on_tick` for every tick of the ring, `on_request`, `view` ten times a second and
    whenever `has_news` is true; `close` at the end. Raises RecordError when records can no longer be kept."""

    def __init__(
        self,
        rig: Rig,
        calibration: Calibration,
        task: Task,
        worker: str,
        data: Path,
        *,
        target: int | None = None,
        device: str = "",
        new_shift: bool = False,
        clock: Clock = read_clocks,
        floor_bytes: int | None = None,
    ) -> None:
        """Takes the rig's folder under `data`, puts a crash's leftovers in order and reads the shift's counts.

        `worker`: his pseudonym. `target`: repetitions wanted, else the task's. `device`: the leader's identity line,
        written into records. `new_shift`: count from 0 instead of going on with a shift that was not ended. Raises
        RecordError."""
        self._rig, self._task, self._worker, self._clock = rig, task, worker, clock
        self._target = task.target if target is None else target
        self._gesture = shape(task, tuple(joint.name for joint in rig.leader.joints))
        self._archive = Archive(data, rig.name)
        try:
            self._open(calibration, device, new_shift, floor_bytes)
        except BaseException:
            self._archive.close()
            raise
        self._monitor = TickMonitor(rig.arm.rate_hz)
        self._quality = QualityCheck(rig, self._gesture)
        self._rhythm = Rhythm([row.end_wall_ns for row in self._history])
        self._pre_roll: deque[Tick] = deque(maxlen=max(1, round(PRE_ROLL_S * rig.arm.rate_hz)))
        self._rep_ticks: list[Tick] = []
        self._rep_lost = 0
        self._promised = 0
        self._last_verdict: Verdict | None = None
        self._has_news = True
        self._finishing = False
        self._closed = False
        self.totals = Totals(rejected={})
        self._disk_free = 0
        self._disk_checked_ns = -_DISK_EVERY_NS
        for row in self._history:
            if row.accepted:
                self._quality.remember(row.figures.get("smoothness_sparc", 0.0), row.duration_s)

    def _open(self, calibration: Calibration, device: str, new_shift: bool, floor_bytes: int | None) -> None:
        now = self._clock()
        self._ledger = Ledger(self._archive.folder / "ledger.sqlite")
        try:
            self.recovered: Recovered = recover(self._archive, self._ledger)
            self._next_number = self.recovered.next_number
            shift, started_wall_ns = self._ledger.open_shift(
                self._worker, self._task.name, self._task.version, now.wall_ns, is_new=new_shift
            )
            self._shift_started_ns = started_wall_ns - now.offset_ns
            identity = f"{calibration.name} {digest(calibration)}"
            self._history: list[RepRow] = self._ledger.last(shift, 20)
            provenance = self._provenance(identity, device)
            floor = {} if floor_bytes is None else {"floor_bytes": floor_bytes}
            recorder = Recorder(self._archive, self._ledger, shift, provenance, self._clock, **floor)
            self._outcome: Outcome = recorder.state()
        except BaseException:
            self._ledger.close()
            raise
        last = self._history[-1] if self._history else None
        is_same = (
            last is not None
            and last.calibration == identity
            and len(last.baseline_rad) == len(self._gesture.joint_names)
        )
        self._counter = RepCounter(self._gesture, last.baseline_rad if last is not None and is_same else None)
        self._recorder = RecorderThread(recorder)

    def _provenance(self, calibration: str, device: str) -> Provenance:
        rig, task = self._rig, self._task
        joints = {
            "leader": [
                {"name": j.name, "lower_rad": math.radians(j.lower_deg), "upper_rad": math.radians(j.upper_deg)}
                for j in rig.leader.joints
            ],
            "arm": [
                {
                    "name": j.name,
                    "leader": j.leader,
                    "scale": j.scale,
                    "offset_rad": math.radians(j.offset_deg),
                    "lower_rad": math.radians(j.lower_deg),
                    "upper_rad": math.radians(j.upper_deg),
                    "speed_rad_s": math.radians(j.speed_deg_s),
                    "accel_rad_s2": math.radians(j.accel_deg_s2),
                }
                for j in rig.arm.joints
            ],
            "arm_rate_hz": rig.arm.rate_hz,
            "leader_rate_hz": rig.leader.rate_hz,
        }
        return Provenance(
            rig=rig.name,
            rig_digest=digest(rig),
            task=task.name,
            task_version=task.version,
            task_digest=digest(task),
            worker=self._worker,
            calibration=calibration,
            device=device,
            station_version=station.__version__,
            software=f"station {station.__version__}, Python {platform.python_version()}, {platform.platform()}",
            leader_joints=self._gesture.joint_names,
            arm_joints=tuple(joint.name for joint in rig.arm.joints),
            joints_json=json.dumps(joints),
        )

    # -- in

    def on_tick(self, tick: Tick, lost: int = 0) -> None:
        """One tick of the ring, in order. `lost`: how many the ring overwrote just before it (0 = none)."""
        missing = max(lost, self._missing_before(tick))
        if missing:
            self._lost(missing, tick)
        self._monitor.on_tick(tick)
        self._rhythm.tick(tick.slot_ns, tick.mode == Mode.FOLLOWING)
        is_counted = tick.mode == Mode.FOLLOWING and (self._counter.in_rep or self._wants_more)
        edges = self._counter.update(tick.slot_ns, tick.angle_rad, is_counted)
        if not edges:
            if self._counter.in_rep:
                self._rep_ticks.append(tick)
                self._recorder.write(tick)
            self._pre_roll.append(tick)
        else:
            self._on_edges(tick, edges)
        self._poll()

    def _missing_before(self, tick: Tick) -> int:
        """Ticks that were made but never came here: the jump of the index without the slots the loop itself skipped."""
        before = self._monitor.last
        if before is None or tick.index <= before.index:
            return 0
        return max(0, tick.index - before.index - 1 - (tick.ticks_lost - before.ticks_lost))

    def _on_edges(self, tick: Tick, edges: tuple[Edge, ...]) -> None:
        has_row = False
        for edge in edges:
            if edge.kind is EdgeKind.BEGUN:
                self._begin(tick)
                has_row = True
            elif not has_row:
                self._rep_ticks.append(tick)
                self._recorder.write(tick)
                has_row = True
            name = self._gesture.phases[edge.phase].name
            words = edge.reason or ("good" if edge.kind is EdgeKind.ENDED else name)
            self._recorder.write_event(Event(tick.start_ns, tick.index, f"rep_{edge.kind.value}", words))
            if edge.kind is EdgeKind.ENDED:
                self._end(edge, tick)
                has_row = False
        self._pre_roll.append(tick)

    def _begin(self, tick: Tick) -> None:
        self._recorder.begin(self._next_number, self._clock())
        self._next_number += 1
        for earlier in self._pre_roll:
            self._recorder.write(earlier)
        self._recorder.write(tick)
        self._rep_ticks = [tick]
        self._rep_lost = 0
        self._rep_start_ns = tick.slot_ns

    def _end(self, edge: Edge, tick: Tick) -> None:
        grade = self._quality.check(self._rep_ticks)
        reason, detail = edge.reason, edge.detail
        self._rhythm.ended(is_cycle=reason != reasons.INTERRUPTED)
        if reason == reasons.INTERRUPTED:
            detail = {**detail, "value": self._monitor.stop_event or Mode(tick.mode).name}
        if self._rep_lost:
            self._recorder.fail(f"{self._rep_lost} ticks lost on the way to the recorder")
            reason = reason or reasons.RECORD_INCOMPLETE
        elif not reason and grade.reason:
            reason, detail = grade.reason, grade.detail
        self._promised += not reason
        self._recorder.end(
            RepEnd(
                accepted=not reason,
                reason=reason,
                detail=detail,
                tags=grade.tags,
                figures=grade.figures,
                baseline_rad=self._counter.baseline_rad,
                start_ns=self._rep_start_ns,
                end_ns=tick.slot_ns,
            )
        )
        self._rep_ticks = []

    def _lost(self, lost: int, tick: Tick) -> None:
        self.totals.records_lost += lost
        self._monitor.raise_alarm(EVENT_RECORDS_LOST, f"{lost} ticks", tick.start_ns)
        if self._counter.in_rep:
            self._rep_lost += lost
        self._pre_roll.clear()

    def on_request(self, kind: RequestKind) -> None:
        """REJECT_LAST: the newest accepted repetition of this shift. FINISH: end of shift; the caller makes the arm
        safe, then calls `close`. Others are not the session's business."""
        if kind is RequestKind.REJECT_LAST:
            self._recorder.reject_last()
        elif kind is RequestKind.FINISH and not self._finishing:
            self._finishing = True
            self._interrupt("end of shift")
            self._recorder.end_shift()

    def _interrupt(self, cause: str) -> None:
        last = self._monitor.last
        if last is None:
            return
        for edge in self._counter.interrupt(last.slot_ns, cause):
            self._end(edge, last)

    # -- out

    @property
    def finished(self) -> bool:
        """The target is reached or the shift was ended, and every file is complete."""
        return not self._wants_more and self._recorder.is_idle

    @property
    def _wants_more(self) -> bool:
        """More repetitions may begin: those on their way to the disk count as accepted already."""
        return not self._finishing and self._outcome.counts.accepted + self._promised < self._target

    @property
    def has_news(self) -> bool:
        """A verdict or a count changed since the last `view`: publish at once."""
        self._poll()
        return self._has_news

    def _poll(self) -> None:
        while (outcome := self._recorder.poll()) is not None:
            self._outcome = outcome
            if self._recorder.is_idle:
                self._promised = 0
            self._has_news = True
            if outcome.alarm:
                now_ns = self._clock().monotonic_ns
                self._monitor.raise_alarm(outcome.alarm, outcome.alarm_detail, now_ns)
            if outcome.row is not None:
                self._take(outcome.row, outcome.is_new)

    def _take(self, row: RepRow, is_new: bool) -> None:
        assert self.totals.rejected is not None
        if row.accepted:
            self.totals.accepted += 1
            self._quality.remember(row.figures.get("smoothness_sparc", 0.0), row.duration_s)
        else:
            self.totals.rejected[row.reason] = self.totals.rejected.get(row.reason, 0) + 1
            if not is_new:
                self.totals.accepted = max(0, self.totals.accepted - 1)
        self._last_verdict = Verdict(
            number=row.number,
            accepted=row.accepted,
            reason=row.reason,
            detail=row.detail,
            duration_s=row.duration_s,
            t_ns=row.end_ns,
            file=row.file,
        )

    def view(self, now_ns: int) -> SessionView:
        """Everything a screen draws, at host monotonic `now_ns`."""
        self._poll()
        self._has_news = False
        if now_ns - self._disk_checked_ns >= _DISK_EVERY_NS:
            self._disk_checked_ns = now_ns
            self._disk_free = self._free_bytes()
            if self._disk_free < _DISK_LOW_BYTES:
                event = EVENT_DISK_FULL if self.is_disk_full else "disk_low"
                self._monitor.raise_alarm(event, f"{self._disk_free / 1e6:.0f} MB", now_ns)
        return build_view(
            now_ns,
            rig=self._rig,
            task=self._task,
            worker=self._worker,
            target=self._target,
            outcome=self._outcome,
            counter=self._counter,
            monitor=self._monitor,
            pace_per_h=self._rhythm.pace_per_h(self._outcome.recent),
            last=self._last_verdict,
            accepted_this_run=self.totals.accepted,
            records_lost=self.totals.records_lost,
            disk_free_mb=self._disk_free / 1e6,
            shift_s=max(0.0, (now_ns - self._shift_started_ns) / 1e9),
            finished=self.finished,
        )

    @property
    def is_disk_full(self) -> bool:
        """Whether a next repetition could not be recorded, as of the last look (each second, by `view`)."""
        return self._disk_checked_ns >= 0 and self._disk_free < FREE_FLOOR_BYTES

    def _free_bytes(self) -> int:
        try:
            return self._archive.free_bytes()
        except OSError:
            return 0

    def close(self) -> None:
        """End a running repetition as interrupted, write everything, release the folder. Raises RecordError when the
        disk does not take it."""
        if self._closed:
            return
        self._closed = True
        try:
            self._interrupt("end of the run")
            self._recorder.close()
            self._poll()
        finally:
            self._ledger.close()
            self._archive.close()

    def wait_idle(self, timeout_s: float = 10.0) -> None:
        """Wait until every repetition that has ended is committed. Raises RecordError after `timeout_s`."""
        until = time.monotonic() + timeout_s
        while not self._recorder.is_idle:
            self._poll()
            if time.monotonic() > until:
                raise RecordError(f"the disk has not taken the last record within {timeout_s:g} s; check the disk")
            time.sleep(0.001)
