"""The loop's two lines, to the leader and to the arm: newest readings, which line is down and why, opening it again."""

from __future__ import annotations

import math
import threading
from typing import Final

from drivers.errors import DriverError
from drivers.gate import Gate
from drivers.ports import ArmFeedback, Leader
from firmware_bridge.errors import WireError
from firmware_bridge.samples import RawCounts, fold_inputs
from station.control.align import agree
from station.control.pace import Pace

_READ_NS: Final = 1_000_000
"""Reading takes no longer, unless the process was kept from running."""
_ARM_FRESH_NS: Final = 50_000_000
"""A pose older than this is none to start from (motors that are off are asked every 10 ms)."""
_ANSWERS_NS: Final = 20_000_000
"""What was on its way when the arm was opened has come by then."""


_TRY_EVERY_NS: Final = 200_000_000
"""What is not there is not asked for more often: each try costs the loop's processor."""


class Links:
    """`leader` and `gate` are open at the start. A line that failed stays down until `open_again` was asked."""

    def __init__(self, leader: Leader, gate: Gate, pace: Pace) -> None:
        self.leader, self.gate, self._pace = leader, gate, pace
        self.leader_down = ""
        """Why the leader's line is down, in words; '' while it is up."""
        self.arm_down = ""
        self.feedback = gate.read(pace.clock())
        self._pose_before = [math.nan] * len(self.feedback.position_rad)
        """By joint: what it said before what it said last."""
        self._arm_from_ns = pace.clock() + _ANSWERS_NS
        """The arm's answers count from here on: older ones are of before it was (re)opened."""
        self._opener: threading.Thread | None = None
        self._next_try_ns = 0
        self._is_new_leader = False

    @property
    def are_up(self) -> bool:
        return not (self.leader_down or self.arm_down)

    def is_arm_fresh(self, now_ns: int) -> bool:
        """Every motor has answered a moment ago, and since the arm was opened."""
        return not self.arm_down and min(self.feedback.t_ns) > max(now_ns - _ARM_FRESH_NS, self._arm_from_ns)

    @property
    def is_pose_sure(self) -> bool:
        """Of every motor the last two answers agree: a wrong bit in one of them would be a jump."""
        return agree(self.feedback.position_rad, self._pose_before)

    def take_new_leader(self) -> bool:
        """Whether the leader was opened again since the last call: what was known of its readings is of no use."""
        is_new, self._is_new_leader = self._is_new_leader, False
        return is_new

    def read_arm(self) -> None:
        """The answers to the last command."""
        if self.arm_down:
            return
        try:
            feedback = self.gate.read(self._pace.clock())
            if feedback is not self.feedback:
                self._remember(feedback)
        except (DriverError, WireError) as error:
            self.arm_down = str(error)

    def _remember(self, feedback: ArmFeedback) -> None:
        """Answers to one question may come in several reads: a motor that was silent since has said nothing twice."""
        before = self._pose_before
        for index, (t_ns, then_ns) in enumerate(zip(feedback.t_ns, self.feedback.t_ns)):
            if t_ns != then_ns:
                before[index] = self.feedback.position_rad[index]
        self.feedback = feedback

    def drop_waiting(self) -> None:
        """What the leader sent while the process got ready: read, and judged by nobody. Where its queue was full the
        newest of it is old, and all after it would seem to come early."""
        try:
            self.leader.read(self._pace.clock())
        except (DriverError, WireError) as error:
            self.leader_down = str(error)

    def read_leader(self) -> RawCounts | None:
        """The newest whole sample: waits for the next one until the slot's deadline; an older one serves if none came,
        also where the line went down meanwhile, and its switches count where one did.

        Locks the schedule to the samples' arrival."""
        pace, leader = self._pace, self.leader
        if self.leader_down:
            pace.wait_out()
            return None
        waiting = None
        try:
            waiting = self._read_stamped(pace.clock())
            if not pace.wait(leader.fileno()):
                return waiting
            arrived_ns = pace.clock()
            newest = self._read_stamped(arrived_ns)
        except (DriverError, WireError) as error:
            self.leader_down = str(error)
            return waiting
        if newest is None:  # part of a sample
            return waiting
        pace.lock_to(arrived_ns)
        if waiting is not None and waiting.inputs != newest.inputs:
            return newest._replace(inputs=fold_inputs(waiting.inputs, newest.inputs))
        return newest

    def _read_stamped(self, now_ns: int) -> RawCounts | None:
        """Bytes that came while the machine stood still between the clock and the read would seem to have come before
        they were sent, and all after them late."""
        sample = self.leader.read(now_ns)
        if sample is not None and (read_ns := self._pace.clock()) - now_ns > _READ_NS:
            return sample._replace(t_ns=read_ns)
        return sample

    def tend_leader(self, now_ns: int) -> int:
        """Between two commands: its beats, its clock. When the device took the newest sample, 0 while it is down."""
        return 0 if self.leader_down else self.leader.tend(now_ns)

    def open_again(self) -> None:
        """Begin to open what is down, in a thread of its own: a handshake takes longer than a tick. Only while the arm
        stands still; call again until `are_up`."""
        now_ns = self._pace.clock()
        if now_ns >= self._next_try_ns and (self._opener is None or not self._opener.is_alive()):
            self._next_try_ns = now_ns + _TRY_EVERY_NS
            self._opener = threading.Thread(target=self._open, daemon=True)
            self._opener.start()

    def _open(self) -> None:
        try:
            if self.leader_down:
                self.leader.__exit__(None, None, None)
                self.leader.__enter__()
                self._is_new_leader = True
                self.leader_down = ""
            if self.arm_down:
                self.gate.__exit__(None, None, None)
                self.gate.__enter__()
                self._arm_from_ns = self._pace.clock() + _ANSWERS_NS
                self.arm_down = ""
        except Exception as error:  # noqa: BLE001 - a thread's own end would be told by nobody
            words = str(error) if isinstance(error, (DriverError, WireError)) else f"{type(error).__name__}: {error}"
            if self.leader_down:
                self.leader_down = words
            else:
                self.arm_down = words
