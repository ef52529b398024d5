"""Wraps an arm: judges the very bytes about to be sent, decoded back; refuses and stops, never reshapes.

Knows nothing of how the command was made. The wire truncates a position to whole counts of q rad, so a difference of
two sent positions is off by less than q and a second difference by less than 2 q. Over a window of n slots of T seconds
a joint within speed V and acceleration A moves at most n V T, and differs between two windows by at most n^2 A T^2:
|p[k] - p[k-n]| <= n V T + q   and   |p[k] - 2 p[k-n] + p[k-2n]| <= n^2 A T^2 + 2 q.
Short windows see jumps, long ones see a small excess that one count would hide.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from types import TracebackType
from typing import Final, NoReturn, Self

from drivers.errors import BusFullError, DriverError
from drivers.ports import ArmCommand, ArmFeedback, FramedArm, LinkCounters, MotorMost, Pull, Told
from firmware_bridge.errors import WireError

SHORT: Final = 10
"""Slots of the short speed window; acceleration compares two of them side by side."""
LONG: Final = 2 * SHORT
"""Slots of the long speed window."""
_NUDGE_NS: Final = 20_000
"""A schedule that keeps to its leader's phase may move each slot by so much; more, and the speed would be another."""
_ROUNDING: Final = 1e-9
"""rad; far above the rounding of doubles, far below one count."""


class GateRefusal(DriverError):  # noqa: N818 - the field's own word for what a gate does
    """The gate refused a command and stopped the arm. The message names joint, value and limit."""


class OutsideTravel(GateRefusal):
    """No command was wrong: a joint stands too far outside its bounds to begin there. A person moves it by hand."""

    def __init__(self, why: str, bound: JointBounds, position_rad: float) -> None:
        super().__init__(why)
        at, lower, upper = (round(math.degrees(rad)) for rad in (position_rad, bound.lower_rad, bound.upper_rad))
        self.where = f"{bound.name}: stands at {at} deg, travel {lower} to {upper} deg"


@dataclass(frozen=True, slots=True)
class JointBounds:
    """What the arm's data sheet and rig file allow one joint."""

    name: str
    lower_rad: float
    upper_rad: float
    speed_rad_s: float
    accel_rad_s2: float
    """The larger of acceleration and deceleration."""
    kp: float
    """N m/rad, and `kd` N m s/rad: so hard the motor is told to follow, not harder nor softer, and never pushed."""
    kd: float


def _tighter(bound: JointBounds, most: MotorMost) -> JointBounds:
    """The rig's bounds within the motor's. (What is no number stays one: min and max may lose a NaN.)"""
    if not all(map(math.isfinite, (bound.lower_rad, bound.upper_rad, bound.speed_rad_s))):
        return bound
    return replace(
        bound,
        lower_rad=max(bound.lower_rad, -most.travel_rad),
        upper_rad=min(bound.upper_rad, most.travel_rad),
        speed_rad_s=min(bound.speed_rad_s, most.speed_rad_s),
    )


class Gate:
    """An `Arm` around an arm. Not begun, it refuses everything; `begin` opens it for one epoch from a measured pose."""

    def __init__(
        self,
        arm: FramedArm,
        bounds: Sequence[JointBounds],
        period_s: float,
        most_outside_rad: float = math.radians(10),
        most_apart_rad: float = math.radians(10),
        clock: Callable[[], int] = lambda: 0,
    ) -> None:
        """`most_outside_rad`: a joint found further outside its bounds than this must be moved by hand first.
        `most_apart_rad`: how far a held joint may be from its last command at a new `begin`.
        `clock`: for `judged_ns` only; the gate's verdict depends on no clock.

        Bounds wider than what a joint's motor does by its data sheet (`arm.most`) count as that.
        Raises ValueError where bounds and arm differ in joints, or a bound is no bound.
        """
        if tuple(bound.name for bound in bounds) != tuple(arm.joints):
            raise ValueError(f"gate bounds are for {[b.name for b in bounds]}; expected {list(arm.joints)}")
        if not (math.isfinite(period_s) and period_s > 0):
            raise ValueError(f"period is {period_s} s; expected a finite number above 0")
        bounds = [_tighter(bound, most) for bound, most in zip(bounds, arm.most, strict=True)]
        for bound in bounds:
            _, lower, upper, speed, accel, *gains = numbers = astuple(bound)
            if (
                not all(map(math.isfinite, numbers[1:]))
                or lower >= upper
                or min(speed, accel) <= 0.0
                or min(gains) < 0.0
            ):
                raise ValueError(
                    f"joint {bound.name}: bounds {numbers[1:]}; expected finite, lower < upper, speed and acceleration "
                    "above 0, gains not below"
                )
        self._arm = arm
        self.name = arm.name
        self.joints = arm.joints
        self.most = arm.most
        self.identity = arm.identity
        self.refused = ""
        """Why the gate is latched, in words; '' while it is not."""
        self.judged_ns = 0
        """When the last command had passed and its frames were about to be handed over."""
        self._clock = clock
        self._count = len(bounds)
        self._bounds = tuple(bounds)
        self._period_s = period_s
        self._half_period_ns = round(period_s * 5e8)
        self._most_outside_rad = most_outside_rad
        rows = []
        for bound, q, q_speed in zip(bounds, arm.position_step_rad, arm.velocity_step_rad_s):
            slot = bound.speed_rad_s * period_s
            change = bound.accel_rad_s2 * period_s**2
            q += _ROUNDING
            rows.append(
                (
                    slot + q,
                    SHORT * slot + q,
                    LONG * slot + q,
                    change + 2 * q,
                    SHORT**2 * change + 2 * q,
                    bound.speed_rad_s + q_speed,
                    q + q_speed * period_s,
                )
            )
        self._rows = tuple(rows)
        self._pulls = tuple(Pull(bound.kp, bound.kd, 0.0) for bound in bounds)
        self._told_rest: tuple[int, ...] = ()
        """What passed last: it is the same in every command, so that it costs one comparison."""
        self._step_rad = tuple(q + _ROUNDING for q in arm.position_step_rad)
        self._lower: list[float] = []
        self._upper: list[float] = []
        self._widened = False
        self._begun = False
        self._is_held = False
        """The arm is on and holds what was sent last."""
        self._most_apart_rad = most_apart_rad
        self._epoch = 0
        self._slots_ns: deque[int] = deque([-(1 << 62)] * LONG, maxlen=LONG)
        self._long_ns = LONG * (int(period_s * 1e9) - _NUDGE_NS)
        """At least so long the last commands took together; a schedule counts whole nanoseconds."""
        self._sent: deque[tuple[float, ...]] = deque(maxlen=LONG)
        self._measured: tuple[float, ...] = (math.nan,) * self._count

    # -- the arm, passed through

    @property
    def counters(self) -> tuple[LinkCounters, ...]:
        return self._arm.counters

    def __enter__(self) -> Self:
        self._arm.__enter__()
        self.identity = self._arm.identity
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._begun = self._is_held = False
        self._arm.__exit__(kind, error, trace)

    def filenos(self) -> tuple[int, ...]:
        return self._arm.filenos()

    def fault_words(self, status: int) -> str:
        return self._arm.fault_words(status)

    def read(self, now_ns: int) -> ArmFeedback:
        feedback = self._arm.read(now_ns)
        self._measured = feedback.position_rad
        return feedback

    def enable(self) -> None:
        """Raises GateRefusal while latched."""
        if self.refused:
            raise GateRefusal(self.refused)
        self._arm.enable()

    def stop(self) -> None:
        """Stop the arm; nothing passes before the next `begin`."""
        self._begun = self._is_held = False
        self._arm.stop()

    # -- the gate itself

    def begin(self, epoch: int, position_rad: Sequence[float]) -> None:
        """Open for commands of `epoch`, which start at rest from `position_rad`: the pose measured by the last `read`;
        or, where the arm is being held, only the one last sent, while the measured one is near (a loaded arm hangs a
        little below its command; starting from there would lower it each time, and a wrong answer would be a jump).

        Raises GateRefusal while latched, and (stopping the arm) for a pose that is not the one last read; OutsideTravel
        for one that is too far outside a joint's bounds.
        """
        if self.refused:
            raise GateRefusal(self.refused)
        if len(position_rad) != self._count:
            self._refuse(f"start pose has {len(position_rad)} joints; expected {self._count}")
        lower: list[float] = []
        upper: list[float] = []
        is_widened = False
        for bound, position, measured, q in zip(self._bounds, position_rad, self._measured, self._step_rad):
            if self._is_held:
                held = self._sent[-1][len(lower)]
                is_there = -q <= position - held <= q and abs(position - measured) <= self._most_apart_rad
            else:
                is_there = -q <= position - measured <= q
            if not is_there:
                self._refuse(
                    f"joint {bound.name}: start position {position:.4f} rad is not the measured {measured:.4f} rad"
                )
            outside = max(bound.lower_rad - position, position - bound.upper_rad)
            if not outside <= self._most_outside_rad:
                why = self._latch(
                    f"joint {bound.name}: stands at {position:.4f} rad, {outside:.4f} rad outside "
                    f"[{bound.lower_rad:.4f}, {bound.upper_rad:.4f}]; move it inside by hand, check its zero"
                )
                raise OutsideTravel(why, bound, position)
            is_widened = is_widened or outside > 0.0
            lower.append(min(bound.lower_rad, position) - q)
            upper.append(max(bound.upper_rad, position) + q)
        self._lower, self._upper, self._widened = lower, upper, is_widened
        if not self._is_held:  # else what was sent counts on
            self._sent.extend([tuple(position_rad)] * LONG)
        self._epoch = epoch
        self._begun = True

    def missed(self) -> None:
        """Slots went by without a command: the arm held its last one, so the windows begin again at rest there."""
        if self._begun:
            self._sent.extend([self._sent[-1]] * LONG)

    def reset(self) -> None:
        """A person has seen the reason: unlatch. Still refuses everything until `begin`."""
        self.refused = ""
        self._begun = False

    def send(self, command: ArmCommand) -> None:
        """Judge the command's bytes, then hand them over.

        Raises GateRefusal (the arm is stopped by then) or the arm's own DriverError; of BusFullError the untold hold.
        """
        if self.refused:
            raise GateRefusal(self.refused)
        if not self._begun:
            self._refuse("a command came before begin(); expected begin(epoch, measured pose) first")
        if command.epoch != self._epoch:
            self._refuse(f"command is of epoch {command.epoch}; expected {self._epoch}")
        slots_ns = self._slots_ns
        if not command.slot_ns - slots_ns[-1] > self._half_period_ns:
            self._refuse(
                f"command's slot comes {command.slot_ns - slots_ns[-1]} ns after the last; expected more than "
                f"{self._half_period_ns} ns"
            )
        if not command.slot_ns - slots_ns[0] >= self._long_ns:
            self._refuse(
                f"{LONG} commands within {command.slot_ns - slots_ns[0]} ns; expected them to take {self._long_ns} ns"
            )
        self._check_asked(command)
        try:
            frames = self._arm.encode(command)
            told = self._arm.decode(frames)
        except WireError as error:
            self._refuse(str(error))
        if not len(frames) == len(told.position_rad) == len(told.velocity_rad_s) == len(told.rest) == self._count:
            self._refuse(
                f"command has {len(frames)} frames for {len(told.position_rad)} joints; expected {self._count} of each"
            )
        self._check_told(told)
        if told.rest != self._told_rest:
            self._check_pull(told.rest)
            self._told_rest = told.rest
        slots_ns.append(command.slot_ns)
        self._sent.append(told.position_rad)
        self._is_held = True
        self.judged_ns = self._clock()
        try:
            self._arm.transmit(frames)
        except BusFullError as error:
            self._hold(error.untold)
            raise
        if self._widened:
            self._narrow(told.position_rad)

    def _hold(self, joints: Sequence[int]) -> None:
        """They were not told the last command: they hold the one before, their windows begin again at rest there."""
        held = self._sent[-2]
        self._sent.extend([tuple([held[i] if i in joints else p for i, p in enumerate(row)]) for row in self._sent])

    def rehearse(self, command: ArmCommand) -> None:
        """Encode and decode a command that has passed before, for nothing: no frame leaves, nothing is remembered."""
        self._arm.decode(self._arm.encode(command))

    def _check_asked(self, command: ArmCommand) -> None:
        """Before encoding: the encoder may only see numbers inside the bounds (it could hide others by clamping)."""
        if len(command.position_rad) != self._count or len(command.velocity_rad_s) != self._count:
            self._refuse(
                f"command has {len(command.position_rad)} positions and {len(command.velocity_rad_s)} speeds; "
                f"expected {self._count} of each"
            )
        for name, position, lower, upper in zip(self.joints, command.position_rad, self._lower, self._upper):
            if not lower <= position <= upper:
                self._refuse(f"joint {name}: position asked {position:.4f} rad; limit [{lower:.4f}, {upper:.4f}]")
        for speed, row, bound in zip(command.velocity_rad_s, self._rows, self._bounds):
            if not -row[5] <= speed <= row[5]:
                self._refuse(f"joint {bound.name}: speed asked {speed:.4f} rad/s; limit {bound.speed_rad_s:.4f}")

    def _check_told(self, told: Told) -> None:
        """After decoding: what the motors will understand."""
        sent = self._sent
        for index, (p, v, p1, p2, p10, p20, lower, upper, row) in enumerate(
            zip(
                told.position_rad,
                told.velocity_rad_s,
                sent[-1],
                sent[-2],
                sent[-SHORT],
                sent[-LONG],
                self._lower,
                self._upper,
                self._rows,
            )
        ):
            slot, short, long, change, short_change, speed, feed = row
            if not lower <= p <= upper:
                self._refuse(f"joint {self.joints[index]}: position sent {p:.4f} rad; limit [{lower:.4f}, {upper:.4f}]")
            step = p - p1
            if not -slot <= step <= slot:
                self._refuse_speed(index, step, 1)
            if not -short <= p - p10 <= short:
                self._refuse_speed(index, p - p10, SHORT)
            if not -long <= p - p20 <= long:
                self._refuse_speed(index, p - p20, LONG)
            bend = step - p1 + p2
            if not -change <= bend <= change:
                self._refuse_change(index, bend, 1)
            bend = p - p10 - p10 + p20
            if not -short_change <= bend <= short_change:
                self._refuse_change(index, bend, SHORT)
            if not -speed <= v <= speed:
                self._refuse(f"joint {self.joints[index]}: speed sent {v:.4f} rad/s; limit {speed:.4f}")
            if not -feed <= v * self._period_s - step <= feed:
                self._refuse(
                    f"joint {self.joints[index]}: speed sent {v:.4f} rad/s does not fit the step sent "
                    f"({step / self._period_s:.4f} rad/s)"
                )

    def _check_pull(self, rest: tuple[int, ...]) -> None:
        """How hard the motors will follow. The wire cuts to whole counts, so that the value told lies in
        (asked - one count, asked]: exactly one count passes."""
        for index, (name, asked, step, code) in enumerate(zip(self.joints, self._pulls, self._arm.pull_step, rest)):
            for what, told, most, count in zip(Pull._fields, self._arm.pull(index, code), asked, step):
                if not -count - _ROUNDING < told - most <= _ROUNDING:
                    self._refuse(f"joint {name}: {what} sent {told:.4f}; expected {most:.4f}, to one count {count:.4f}")

    def _narrow(self, position_rad: tuple[float, ...]) -> None:
        """A joint that began outside its bounds may come in, and not go out again."""
        for index, (bound, position, q) in enumerate(zip(self._bounds, position_rad, self._step_rad)):
            self._lower[index] = min(bound.lower_rad, max(self._lower[index] + q, position)) - q
            self._upper[index] = max(bound.upper_rad, min(self._upper[index] - q, position)) + q

    # -- refusals

    def _refuse_speed(self, index: int, moved: float, slots: int) -> NoReturn:
        bound = self._bounds[index]
        self._refuse(
            f"joint {bound.name}: {abs(moved) / (slots * self._period_s):.4f} rad/s over {slots} slots; limit "
            f"{bound.speed_rad_s:.4f} rad/s"
        )

    def _refuse_change(self, index: int, bend: float, slots: int) -> NoReturn:
        bound = self._bounds[index]
        self._refuse(
            f"joint {bound.name}: {abs(bend) / (slots * self._period_s) ** 2:.2f} rad/s2 over {2 * slots} slots; limit "
            f"{bound.accel_rad_s2:.2f} rad/s2"
        )

    def _refuse(self, why: str) -> NoReturn:
        raise GateRefusal(self._latch(why))

    def _latch(self, why: str) -> str:
        """Nothing passes any more, and the arm is stopped; the reason as it is told."""
        self.refused = f"gate: {why}"
        self._is_held = False
        self._arm.stop()
        return self.refused
