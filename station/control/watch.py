"""Turns what the loop measured into events that stand: silence, faults of motors, leases, gaps.

Names are those of events.py; details are words such as 'right_j4: 92 C'. Pure but for its own memory of counters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from drivers.ports import MOTOR_OFF, MOTOR_ON, ArmFeedback, LinkCounters, MotorMost
from station.control.limit import JointLimits
from station.control.torque_watch import TorqueWatch
from station.link.intents import Asked
from station.settings.rig import Rig, slow_temperature_c
from station.signals import IntentKind, Mode, Role

Events = list[tuple[str, str]]

_SWITCH_ON_NS: Final = 500_000_000
"""A motor may take so long to report that it is on."""
_CLEARING_NS: Final = 100_000_000
"""Switching on clears a motor's standing faults first (the time-out that the stop itself caused); it takes a while."""
_APART_NS: Final = 250_000_000
_FROZEN_LOOK_NS: Final = 50_000_000
_FROZEN_NS: Final = 250_000_000
"""Answers bit-identical for so long ..."""
_FROZEN_RAD: Final = math.radians(3)
"""... while the command moved so far: hundreds of counts of the position, and a torque that should have risen."""
_SUPERVISOR_NS: Final = 300_000_000
_SUPERVISOR_BEGINS_NS: Final = 10_000_000_000
"""As long as the launcher waits for it; one that has never been seen by then will not come."""
_ZERO_MISMATCH_RAD: Final = math.radians(20)
"""A leader that asks so far outside the arm's travel at the first engagement has another zero than the arm."""
_CLOCK_STEP_NS: Final = 500_000_000


class LeaderWatch:
    """Silence of the whole leader, samples lost, restarts."""

    def __init__(self, rig: Rig) -> None:
        self._hold_ns = round(rig.leader.hold_after_ms * 1e6)
        self._stop_ns = round(rig.leader.stop_after_ms * 1e6)
        self._lost = 0
        self._reboots = 0

    def look(self, into: Events, age_ns: int, counters: LinkCounters, reboots: int) -> None:
        """`age_ns`: since the newest sample was read."""
        if age_ns > self._stop_ns:
            into.append(("leader_silent", f"{age_ns // 1_000_000} ms"))
        elif age_ns > self._hold_ns:
            into.append(("leader_stale", f"{age_ns // 1_000_000} ms"))
        if counters.lost != self._lost:
            into.append(("samples_lost", str(counters.lost - self._lost)))
            self._lost = counters.lost
        if reboots != self._reboots:
            self._reboots = reboots
            into.append(("leader_restarted", ""))


class ArmWatch:
    """Motors that do not answer, report a fault, switched themselves off, are hot or press too hard. Looked at while
    commanded."""

    def __init__(self, rig: Rig, fault_words: Callable[[int], str], most: Sequence[MotorMost]) -> None:
        """`most`: of each joint's motor by its data sheet."""
        self._names = tuple(joint.name for joint in rig.arm.joints)
        self._stale_ns = round(rig.arm.feedback_stop_ms * 1e6)
        motors = {
            bus.name: [i for i, joint in enumerate(rig.arm.joints) if joint.bus == bus.name] for bus in rig.arm.buses
        }
        self._buses = [(name, joints) for name, joints in motors.items() if len(joints) > 1]
        """Those of which a silent motor may be told from a silent bus."""
        self._warm_c = rig.arm.temperature_warn_c
        self._slow_c = slow_temperature_c(rig.arm)
        self._hot_c = rig.arm.temperature_stop_c
        self.is_slow = False
        """A motor has been hot, or hard at work, since following began: the robot goes slowly until it is engaged anew,
        as catching up by itself once that is over would be a motion that nobody asked for."""
        self._fault_words = fault_words
        self._all_on = (MOTOR_ON,) * len(self._names)
        self._torque = TorqueWatch(rig, most)

    def look(self, into: Events, feedback: ArmFeedback, now_ns: int, on_since_ns: int, asked_since_ns: int) -> None:
        """`on_since_ns`: when the motors were asked to switch on. `asked_since_ns`: since when they have been commanded
        without a gap of the loop's own; who is not asked does not answer."""
        on_for_ns = now_ns - on_since_ns
        oldest_ns = now_ns - min(feedback.t_ns)
        if oldest_ns > self._stale_ns and min(on_for_ns, now_ns - asked_since_ns) > self._stale_ns:
            into.append(self._silent(feedback.t_ns, now_ns))
        if feedback.status != self._all_on:
            for name, status in zip(self._names, feedback.status):
                if status == MOTOR_OFF:
                    if on_for_ns > _SWITCH_ON_NS:
                        into.append(("motor_off", name))
                elif status != MOTOR_ON and on_for_ns > _CLEARING_NS:
                    into.append(("motor_fault", f"{name}: {self._fault_words(status)}"))
        hottest = max(feedback.temperature_c)
        if not hottest < self._warm_c:
            name = self._names[feedback.temperature_c.index(hottest)]
            kind = "motor_warm" if hottest < self._slow_c else "motor_slow" if hottest < self._hot_c else "motor_hot"
            self.is_slow = self.is_slow or kind != "motor_warm"
            into.append((kind, f"{name}: {hottest:.0f} C"))
        self._torque.look(into, feedback, now_ns)
        self.is_slow = self.is_slow or self._torque.is_slow

    def _silent(self, t_ns: Sequence[int], now_ns: int) -> tuple[str, str]:
        """Who does not answer: one motor, or whole buses (their supply, their adapter, their cable)."""
        oldest_ns = min(t_ns)
        ms = (now_ns - oldest_ns) // 1_000_000
        silent = [name for name, joints in self._buses if now_ns - max([t_ns[i] for i in joints]) > self._stale_ns // 2]
        if silent:
            return "bus_silent", f"{', '.join(silent)}: {ms} ms"
        return "arm_stale", f"{self._names[t_ns.index(oldest_ns)]}: {ms} ms"


class FrozenWatch:
    """A motor whose answers come and never change, not in one bit, while it is told to move."""

    def __init__(self, rig: Rig) -> None:
        self._names = tuple(joint.name for joint in rig.arm.joints)
        count = len(self._names)
        self._said: list[tuple[float, ...]] = [()] * count
        self._said_ns = [0] * count
        self._since_ns = [0] * count
        self._told_rad: list[float | None] = [None] * count
        self._frozen: set[int] = set()
        self._next_ns = 0

    def look(self, into: Events, feedback: ArmFeedback, sent_rad: Sequence[float] | None, now_ns: int) -> None:
        """`sent_rad`: the last command, None while the motors are off. A frozen one stays so until its answer changes:
        where it stands is not known."""
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + _FROZEN_LOOK_NS
            self._look(feedback, sent_rad, now_ns)
        for index in self._frozen:
            into.append(("motor_frozen", self._names[index]))

    def _look(self, feedback: ArmFeedback, sent_rad: Sequence[float] | None, now_ns: int) -> None:
        position, velocity, torque, _, _, t_ns = feedback
        for index, said in enumerate(zip(position, velocity, torque)):
            has_answered = t_ns[index] != self._said_ns[index]
            self._said_ns[index] = t_ns[index]
            if said != self._said[index]:
                self._said[index] = said
                self._frozen.discard(index)
            elif sent_rad is not None and has_answered:
                told = self._told_rad[index]
                if told is None:
                    self._told_rad[index] = sent_rad[index]
                elif now_ns - self._since_ns[index] >= _FROZEN_NS and abs(sent_rad[index] - told) > _FROZEN_RAD:
                    self._frozen.add(index)
                continue
            self._since_ns[index] = now_ns
            self._told_rad[index] = None if sent_rad is None else sent_rad[index]


class ApartWatch:
    """A joint that is not where it was told to be, for longer than a movement explains.

    Time apart adds up, time together is paid back at the same pace: one wrong answer does not undo it, nor does an arm
    that is led to and fro against what is in its way. Who catches up is longer together than apart, and is forgotten.
    """

    def __init__(self, rig: Rig) -> None:
        self._names = tuple(joint.name for joint in rig.arm.joints)
        self.most_rad = math.radians(rig.arm.following_error_deg)
        self._looked_ns = 0
        self._is_apart = False
        """At the last look: until the next one nothing else is known. Whichever joint: what presses may change."""
        self._apart_ns = 0

    def look(self, into: Events, sent_rad: Sequence[float] | None, feedback: ArmFeedback, now_ns: int) -> None:
        """`sent_rad`: the last command, None while there is none: what was before is of no meaning then."""
        if sent_rad is None:
            self._is_apart, self._apart_ns = False, 0
            return
        if self._is_apart:
            self._apart_ns += now_ns - self._looked_ns
        elif self._apart_ns:
            self._apart_ns = max(0, self._apart_ns - now_ns + self._looked_ns)
        self._looked_ns, most = now_ns, self.most_rad
        self._is_apart = not all([-most <= s - m <= most for s, m in zip(sent_rad, feedback.position_rad)])
        if self._is_apart and self._apart_ns > _APART_NS:
            apart = [abs(s - m) for s, m in zip(sent_rad, feedback.position_rad)]
            worst = apart.index(max(apart))
            into.append(("arm_apart", f"{self._names[worst]}: {math.degrees(apart[worst]):.0f} deg"))


class LeaseWatch:
    """Whether the supervisor, the session and a screen in charge are alive; the lease is any intent of that role."""

    def __init__(self, rig: Rig) -> None:
        self._session_ns = round(rig.loop.session_lease_ms * 1e6)
        self._screen_ns = round(rig.loop.screen_lease_ms * 1e6)
        self._session_seen_ns: int | None = None
        self._session_pid: int | None = None
        self._screen_seen_ns: int | None = None
        self._in_charge: int | None = None
        self._begun_ns: int | None = None

    def take_charge(self, pid: int | None) -> None:
        """From now on only this process's lease counts as the screen's: it engaged. None: any screen's."""
        self._in_charge = pid

    def look(self, into: Events, asked: Sequence[Asked], supervisor_ns: int, now_ns: int) -> None:
        """`supervisor_ns`: when the supervisor last looked, 0 before it has begun."""
        self._begun_ns = now_ns if self._begun_ns is None else self._begun_ns
        if not supervisor_ns:
            is_late = now_ns - self._begun_ns > _SUPERVISOR_BEGINS_NS
            into.append(("supervisor_lost" if is_late else "no_supervisor", ""))
        elif now_ns - supervisor_ns > _SUPERVISOR_NS:
            into.append(("supervisor_lost", f"{(now_ns - supervisor_ns) // 1_000_000} ms"))
        for intent in asked:
            if intent.role is Role.SESSION:
                if self._session_pid not in (None, intent.pid):  # back within its lease, without the repetition begun
                    into.append(("session_lost", "started again"))
                self._session_seen_ns, self._session_pid = now_ns, intent.pid
            elif self._in_charge is None or intent.pid == self._in_charge:
                self._screen_seen_ns = now_ns
        if self._screen_seen_ns is None:
            into.append(("no_screen", ""))
        elif now_ns - self._screen_seen_ns > self._screen_ns:
            into.append(("screen_lost", f"{(now_ns - self._screen_seen_ns) // 1_000_000} ms"))
        if self._session_seen_ns is None:
            into.append(("no_session", ""))
        elif now_ns - self._session_seen_ns > self._session_ns:
            into.append(("session_lost", ""))


class ZeroWatch:
    """A target far outside the arm's travel, where motion would begin."""

    def __init__(self, limits: Sequence[JointLimits]) -> None:
        most = _ZERO_MISMATCH_RAD
        self._bounds = tuple([(joint.name, joint.lower_rad - most, joint.upper_rad + most) for joint in limits])

    def look(self, into: Events, mode: Mode, asked: Sequence[Asked], target_rad: Sequence[float]) -> None:
        if mode is Mode.ALIGNING or (mode is Mode.READY and any([item.kind is IntentKind.ENGAGE for item in asked])):
            for (name, lower, upper), want in zip(self._bounds, target_rad):
                if not lower <= want <= upper:
                    into.append(("zero_mismatch", f"{name}: asked {math.degrees(want):.0f} deg"))
                    return


class ClockWatch:
    """Steps of the wall clock (records carry both clocks; a step is marked)."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None

    def look(self, into: Events, monotonic_ns: int, wall_ns: int) -> None:
        offset_ns = wall_ns - monotonic_ns
        if self._offset_ns is not None and abs(offset_ns - self._offset_ns) > _CLOCK_STEP_NS:
            into.append(("clock_step", f"{(offset_ns - self._offset_ns) / 1e9:+.1f} s"))
        self._offset_ns = offset_ns
