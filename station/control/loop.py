"""The control loop: one tick a slot, from the leader's newest sample to the arm's frames.

The body of `_tick` is the diagram: read -> trust -> calibrate -> retarget -> limit -> gate -> arm. Everything that a
tick decides follows from what was read (`Seen`), the settings and the state of the tick before; the clock is `Pace`'s.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from drivers.errors import BusFullError, DriverError
from drivers.gate import Gate, GateRefusal, OutsideTravel
from drivers.ports import MOTOR_ON, ArmCommand, Leader
from firmware_bridge.samples import RawCounts
from station.control.align import Alignment, clamped
from station.control.bus_watch import BusWatch
from station.control.calibrate import Calibrator
from station.control.gap_watch import GapWatch
from station.control.inputs import Trust, required_inputs
from station.control.limit import Limiter
from station.control.links import Links
from station.control.mode import STOPS, Rules, Seen, State, advance, is_reset_early
from station.control.pace import Pace
from station.control.retarget import Retargeter
from station.control.watch import (
    ApartWatch,
    ArmWatch,
    ClockWatch,
    Events,
    FrozenWatch,
    LeaderWatch,
    LeaseWatch,
    ZeroWatch,
)
from station.link.intents import Asked, IntentReceiver
from station.link.ring import RingWriter
from station.settings.rig import Rig
from station.signals import ArmTarget, IntentKind, JointAngles, Mode, Role, Tick

_DISABLE_EVERY, _DISABLE_SOON = 50, 2
"""While the motors are off they are told so again every so many slots."""
_MOST_EVENTS: Final = 12
"""Of one tick into the ring, whose slots are bounded."""
_TAKES_BACK: Final = frozenset({IntentKind.HOLD, IntentKind.STOP, IntentKind.SHUTDOWN})
"""Who asks for one of these has thought better of a reset that still waits."""
_RESET_PENDING_NS: Final = 5_000_000_000
"""A reset asked while a link is down counts for so long: the link is opened again first."""
_SPARE_NS: Final = 250_000
"""Time enough to rehearse before the sample comes."""


class Loop:
    """Owns the tick. `run` returns True after an orderly shutdown, False where a stop was latched."""

    def __init__(
        self,
        rig: Rig,
        leader: Leader,
        gate: Gate,
        trust: Trust,
        calibrator: Calibrator,
        retargeter: Retargeter,
        limiter: Limiter,
        pace: Pace,
        ring: RingWriter,
        intents: IntentReceiver,
    ) -> None:
        self._leader, self._gate = leader, gate
        self._trust, self._calibrator, self._retargeter, self._limiter = trust, calibrator, retargeter, limiter
        self._pace, self._ring, self._intents = pace, ring, intents
        self._alignment = Alignment(rig, pace.period_ns)
        self._align_speed_rad_s = math.radians(rig.align.speed_deg_s)
        self._lower = tuple(joint.lower_rad for joint in limiter.limits)
        self._upper = tuple(joint.upper_rad for joint in limiter.limits)
        self._names = tuple(joint.name for joint in limiter.limits)
        self._fresh_ns = round(rig.leader.hold_after_ms * 1e6)
        self._silent_ns = round(rig.leader.stop_after_ms * 1e6)
        self._leader_watch = LeaderWatch(rig)
        self._arm_watch = ArmWatch(rig, gate.fault_words, gate.most)
        self._frozen_watch = FrozenWatch(rig)
        self._apart_watch = ApartWatch(rig)
        self._bus_watch = BusWatch([bus.name for bus in rig.arm.buses])
        self._lease_watch = LeaseWatch(rig)
        self._gap_watch = GapWatch(rig, pace.period_ns)
        self._zero_watch = ZeroWatch(limiter.limits)
        self._clock_watch = ClockWatch()
        self._rules = Rules(required_inputs=required_inputs(rig.leader))
        self._state = State()
        self._encoder = msgspec.msgpack.Encoder()
        count = len(rig.leader.joints)
        self._sample: RawCounts | None = None
        self._angles = JointAngles((math.nan,) * count, (1 << 62,) * count, 0, 0)
        self._target = ArmTarget((math.nan,) * len(self._names), 0)
        self._links = Links(leader, gate, pace)
        self._epoch = 0
        self._on_since_ns = self._last_sent_ns = 0
        self._late_ns = self._arrived_ns = 0
        self._sent: ArmCommand | None = None
        self._found: Events = []
        self._reset_until_ns = 0
        self._off_from = self._off_again = 0
        """The slots since when motors are off, and in which they are told so again."""
        self._shutdown_asked = False
        self._inputs = 0
        """Of the newest sample there was: a leader that has just been opened again has not said otherwise yet."""
        self._all_on = (MOTOR_ON,) * len(self._names)

    def ask_shutdown(self) -> None:
        """From a signal handler: as if a person had asked."""
        self._shutdown_asked = True

    def run(self) -> bool:
        try:
            self._links.drop_waiting()
            while not (self._state.ending and self._state.mode is Mode.STOPPED):
                self._tick()
        finally:
            self._gate.stop()
        return self._state.cause in ("", "shutdown", "operator_stop")

    # -- one tick

    def _tick(self) -> None:
        pace = self._pace
        self._late_ns = pace.sleep()
        self._ring.beat(pace.clock())
        asked = self._ask()
        events: Events = []
        self._links.read_arm()
        if self._links.take_new_leader():
            self._trust.restart()
            self._sample = None
        self._rehearse()
        sample = self._links.read_leader()
        start_ns = pace.clock()
        self._arrived_ns = sample.t_ns if sample is not None else start_ns
        if sample is not None:
            self._take(sample, start_ns, events)
        self._watch(start_ns, asked, events)
        self._advance(start_ns, asked, events)
        sent_ns, judged_ns = self._command()
        self._publish(start_ns, sent_ns, judged_ns, events)
        self._watch_arm(start_ns)
        self._after()

    def _rehearse(self) -> None:
        """The work that the next sample will ask for, done with the last and thrown away: memory goes cold while the
        process sleeps, and what has just run is about a fifth quicker when it counts."""
        if self._state.mode is not Mode.FOLLOWING or self._sample is None or self._sent is None:
            return
        if self._pace.slot_ns - self._pace.clock() > _SPARE_NS:
            angles = self._calibrator.calibrate(self._sample, self._angles.age_ns)
            self._limiter.rehearse(self._retargeter.retarget(angles).position_rad)
            self._gate.rehearse(self._sent)

    def _ask(self) -> list[Asked]:
        asked = self._intents.receive()
        if self._shutdown_asked:
            asked.append(Asked(IntentKind.SHUTDOWN, Role.SCREEN, 0))
        return asked

    def _take(self, sample: RawCounts, now_ns: int, events: Events) -> None:
        """trust -> calibrate -> retarget."""
        self._sample = sample
        judged = self._trust.judge(sample, now_ns)
        events.extend(judged.events)
        self._angles = self._calibrator.calibrate(judged.sample, judged.age_ns)
        self._target = self._retargeter.retarget(self._angles)

    def _watch(self, now_ns: int, asked: list[Asked], events: Events) -> None:
        """Everything that stands, as events; what the arm and the buses did was found after the last command."""
        sample = self._sample
        if self._links.leader_down:
            events.append(("leader_error", self._links.leader_down))
        elif sample is not None:
            reboots = getattr(self._leader, "reboots", 0)
            self._leader_watch.look(events, now_ns - sample.t_ns, self._leader.counters, reboots)
        if self._links.arm_down:
            events.append(("arm_error", self._links.arm_down))
        self._lease_watch.look(events, asked, self._ring.supervisor_ns, now_ns)
        events.extend(self._found)
        self._found = []
        self._gap_watch.look(events, now_ns, self._last_sent_ns)
        if self._ring.stop_flag:
            events.append(("supervisor_stop", ""))
        if sample is not None:
            self._zero_watch.look(events, self._state.mode, asked, self._target.position_rad)

    def _watch_arm(self, start_ns: int) -> None:
        """Between two commands, where time is not dear: motors, buses, the wall clock; it counts in the next tick."""
        now_ns = self._pace.clock()
        if self._last_sent_ns and self._gap_watch.blinds(now_ns - start_ns):
            return
        if not self._links.arm_down:
            if not self._state.off and self._on_since_ns:
                asked_since_ns = self._gap_watch.asked_since_ns
                self._arm_watch.look(self._found, self._links.feedback, now_ns, self._on_since_ns, asked_since_ns)
            sent = None if self._state.off or self._sent is None else self._sent.position_rad
            self._frozen_watch.look(self._found, self._links.feedback, sent, now_ns)
            self._apart_watch.look(self._found, sent, self._links.feedback, now_ns)
            self._bus_watch.look(self._found, self._gate.counters, now_ns)
        self._clock_watch.look(self._found, now_ns, self._pace.wall())

    def _advance(self, now_ns: int, asked: list[Asked], events: Events) -> None:
        """The mode of this tick, and what its change asks of the arm."""
        sample = self._sample
        state = self._state
        is_quiet = not (asked or events or state.raised or state.has) and (sample is None or not sample.inputs)
        if is_quiet and state.mode is Mode.FOLLOWING:
            return  # nothing happened that could end it
        aligned = False
        if state.mode is Mode.ALIGNING and self._sent is not None:
            reachable = clamped(self._target.position_rad, self._lower, self._upper)
            aligned = self._alignment.look(reachable, self._sent.position_rad)
        fresh = sample is not None and now_ns - sample.t_ns < self._fresh_ns
        connected = fresh and not self._links.leader_down and self._links.is_arm_fresh(now_ns)
        # What was just plugged in has restarted: no reason to refuse the reset that opened it again, one tick later.
        is_restart = any([name == "leader_restarted" for name, _ in events])
        if sample is not None:
            self._inputs = sample.inputs
        asked = self._reopen(now_ns, asked, connected and not is_restart)
        seen = Seen(
            connected=connected,
            aligned=aligned,
            still=self._limiter.is_still or state.off,
            is_on=self._links.feedback.status == self._all_on,
            events=events,
            asked=asked,
            inputs=self._inputs,
            inputs_fresh=fresh,
        )
        after = advance(state, seen, self._rules, now_ns)
        events.extend(after.raised)
        self._state = after
        if after.mode is not state.mode:
            if after.mode is Mode.ALIGNING:
                self._alignment.begin()
                self._arm_watch.is_slow = False
            engager = after.engager
            self._lease_watch.take_charge(engager.pid if engager and engager.role is Role.SCREEN else None)

    def _reopen(self, now_ns: int, asked: list[Asked], connected: bool) -> list[Asked]:
        """A person's reset while a link is down opens it first, and counts once, in the first tick with both links up.
        Never while the arm moves."""
        links = self._links
        if self._state.mode is Mode.STOPPED and any(
            item.kind is IntentKind.RESET and item.role in (Role.SCREEN, Role.PEDAL) for item in asked
        ):
            if self._gate.refused:  # a gate that let pass what holds the arm in place must go on doing so
                self._gate.reset()
            if not self._links.leader_down and (self._sample is None or now_ns - self._sample.t_ns > self._silent_ns):
                self._links.leader_down = "silent"  # a hub that restarted stands by until it is asked again
            if not links.are_up:
                self._reset_until_ns = now_ns + _RESET_PENDING_NS
        if any(item.kind in _TAKES_BACK for item in asked):
            self._reset_until_ns = 0
        if now_ns > self._reset_until_ns:
            return asked
        if not links.are_up:
            links.open_again()
            return [item for item in asked if item.kind is not IntentKind.RESET]
        if connected and not is_reset_early(self._state, self._inputs, self._rules, now_ns):
            self._reset_until_ns = 0
            return [*asked, Asked(IntentKind.RESET, Role.SCREEN, 0)]
        return asked

    def _command(self) -> tuple[int, int]:
        """limit -> gate -> arm; (when all frames had been handed over or 0, when they had been judged or 0)."""
        state, pace, gate, limiter = self._state, self._pace, self._gate, self._limiter
        if state.off or self._links.arm_down or self._ring.stop_flag:
            self._stay_off()
            return 0, 0
        slot_ns = pace.slot_ns
        try:
            if state.epoch != self._epoch and self._may_begin():
                self._begin(state.epoch)
            if state.epoch != self._epoch:  # in a later slot, then; an arm that is on is held as it was
                if not self._on_since_ns:
                    self._stay_off()
                    return 0, 0
                command = limiter.brake(self._epoch, slot_ns)
            elif state.mode is Mode.FOLLOWING and not self._arm_watch.is_slow:
                command = limiter.follow(self._target.position_rad, state.epoch, slot_ns)
            elif state.is_moving:
                command = limiter.follow_slowly(
                    self._target.position_rad, self._align_speed_rad_s, state.epoch, slot_ns
                )
            else:
                command = limiter.brake(state.epoch, slot_ns)
            gate.send(command)
            if state.is_moving and limiter.obstacle is not None:
                self._found.append(limiter.obstacle)
        except OutsideTravel as error:
            self._found.append(("outside_travel", error.where))
            return 0, 0
        except GateRefusal as error:
            self._found.append(("gate_refused", str(error)))
            return 0, 0
        except BusFullError as error:
            self._found.append(("send_queue_full", str(error)))
            if self._sent is None:  # nothing to brake: it was about to be switched on
                self._stay_off()
            limiter.hold(error.untold)
            return 0, 0
        except DriverError as error:
            self._links.arm_down = str(error)
            self._stay_off()
            return 0, 0
        self._sent = command
        self._last_sent_ns = sent_ns = pace.clock()
        return sent_ns, gate.judged_ns

    @property
    def _held_rad(self) -> tuple[float, ...] | None:
        """Where the arm is held: the command sent last; None while it is off."""
        return self._sent.position_rad if self._on_since_ns and self._sent is not None else None

    def _may_begin(self) -> bool:
        """A held arm is near what it was sent; one that is off has given two answers that agree, and is not switched on
        by a stop."""
        held_rad, most = self._held_rad, self._apart_watch.most_rad
        if held_rad is None:
            return self._links.is_pose_sure and self._state.mode not in STOPS
        return all([-most <= held - p <= most for held, p in zip(held_rad, self._links.feedback.position_rad)])

    def _begin(self, epoch: int) -> None:
        """A new epoch, at rest, from where the arm is held, else from the measured pose: starting a held arm from where
        it hangs would lower it, and from a wrong answer would be a jump."""
        pose_rad = self._held_rad or self._links.feedback.position_rad
        self._limiter.start(pose_rad)
        self._gate.begin(epoch, pose_rad)
        if not self._on_since_ns:
            self._on_since_ns = self._pace.clock()  # first: what fails half-way has switched on the other half
            self._gate.enable()
        self._epoch = epoch

    def _stay_off(self) -> None:
        """Motors off: say so, again and again; soon, while one says that it is on: a full bus takes no such frame."""
        was_on, index = self._on_since_ns, self._pace.index
        self._on_since_ns = self._last_sent_ns = 0
        self._sent = None
        self._off_from = index if was_on else self._off_from
        if was_on or (index >= self._off_again and not self._links.arm_down):
            is_new = MOTOR_ON in self._links.feedback.status and index < self._off_from + _DISABLE_EVERY
            self._off_again = index + (_DISABLE_SOON if is_new else _DISABLE_EVERY)
            self._gate.stop()

    def _publish(self, start_ns: int, sent_ns: int, judged_ns: int, events: Events) -> None:
        """The tick's line of everything, into the ring."""
        sample, feedback, sent = self._sample, self._links.feedback, self._sent
        position = sent.position_rad if sent is not None else feedback.position_rad
        speed = sent.velocity_rad_s if sent is not None else (0.0,) * len(position)
        tick = Tick(
            index=self._pace.index,
            slot_ns=self._pace.slot_ns,
            start_ns=start_ns,
            sent_ns=sent_ns,
            compute_ns=judged_ns - self._arrived_ns if judged_ns else 0,
            late_ns=self._late_ns,
            mode=int(self._state.mode),
            epoch=self._state.epoch,
            sample_seq=sample.seq if sample is not None else 0,
            sample_t_ns=sample.t_ns if sample is not None else 0,
            sample_device_us=sample.device_us if sample is not None else 0,
            samples_lost=self._leader.counters.lost,
            inputs=sample.inputs if sample is not None else 0,
            counts=sample.counts if sample is not None else (),
            health=sample.health if sample is not None else (),
            angle_rad=self._angles.angle_rad,
            target_rad=self._target.position_rad,
            sent_rad=position,
            sent_rad_s=speed,
            arm_rad=feedback.position_rad,
            arm_rad_s=feedback.velocity_rad_s,
            arm_nm=feedback.torque_nm,
            arm_temperature_c=feedback.temperature_c,
            arm_status=feedback.status,
            feedback_age_ns=start_ns - min(feedback.t_ns),
            ticks_lost=self._pace.lost,
            aligned=self._alignment.within if self._state.mode is Mode.ALIGNING else (),
            events=tuple([(name, words[:200]) for name, words in events[:_MOST_EVENTS]]),
            buses=self._bus_watch.health,
            cause=self._state.cause,
            cause_detail=self._state.detail[:200],
            sample_taken_ns=self._links.tend_leader(start_ns),
        )
        entry = self._encoder.encode(tick)
        if len(entry) > self._ring.most_bytes:  # words are no reason to end the loop
            bare = tuple([(name, "") for name, _ in tick.events])
            entry = self._encoder.encode(msgspec.structs.replace(tick, events=bare, cause_detail=""))
        self._ring.write(entry)

    def _after(self) -> None:
        """On to the next slot; skipped slots mean that the receivers held."""
        if self._pace.advance() and self._sent is not None:
            self._limiter.missed()
            self._gate.missed()
