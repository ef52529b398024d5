"""ArmTarget -> ArmCommand: shapes every wish into a step that the arm can always brake from inside its limits.

Discrete time, per joint, T the nominal period (never a measured one), p the last position SENT, v = (p - p_before)/T.
With room d to a limit and deceleration D the next speed may be at most g(d) = max(0, sqrt(2 D d) - D T/2): then one
step later g(d - T g(d)) = g(d) - D T, so that braking at D always stays legal and the interval of legal speeds is never
empty. Why g and not the exact or the usual form: docs/decisions/limiter-form.md. A joint with a jerk limit has a rule
of its own: jerk.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from drivers.ports import ArmCommand
from station.control.jerk import JerkJoint, check_jerk

_UNCAPPED: Final = math.inf


@dataclass(frozen=True, slots=True)
class JointLimits:
    """What one joint of the arm may do."""

    name: str
    lower_rad: float
    upper_rad: float
    speed_rad_s: float
    accel_rad_s2: float
    decel_rad_s2: float
    """At least `accel_rad_s2`."""
    jerk_rad_s3: float | None
    """None: no limit."""
    recovery_speed_rad_s: float
    """Speed back inside after a start outside the limits."""


def most_jerk(decel: float, period_s: float) -> float:
    """Beyond it a jerk limit limits nothing: in one tick full braking could turn into full braking the other way, which
    takes 2 D, ten thousand times over. Far beyond it counts: `jerk` reckons in a tick's worth of jerk, what is near
    enough grows with that, and in the end a joint stays short of its target."""
    return 2e4 * decel / period_s


def check_limits(limits: JointLimits, period_s: float) -> None:
    """Raises ValueError for a limit that cannot be kept; the message names joint, value and what was expected."""
    joint = f"joint {limits.name}"
    if not (math.isfinite(period_s) and period_s > 0):
        raise ValueError(f"period is {period_s} s; expected a finite number above 0")
    for what in ("lower_rad", "upper_rad"):
        value = getattr(limits, what)
        if not math.isfinite(value):
            raise ValueError(f"{joint}: {what} is {value}; expected a finite number")
    if limits.lower_rad >= limits.upper_rad:
        raise ValueError(f"{joint}: lower_rad is {limits.lower_rad:g}; expected below upper_rad {limits.upper_rad:g}")
    for what in ("speed_rad_s", "accel_rad_s2", "decel_rad_s2", "jerk_rad_s3", "recovery_speed_rad_s"):
        value = getattr(limits, what)
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{joint}: {what} is {value}; expected a finite number above 0")
    if limits.decel_rad_s2 < limits.accel_rad_s2:
        raise ValueError(
            f"{joint}: decel_rad_s2 is {limits.decel_rad_s2:g}; expected at least accel_rad_s2 {limits.accel_rad_s2:g}"
        )
    if limits.recovery_speed_rad_s > limits.speed_rad_s:
        raise ValueError(
            f"{joint}: recovery_speed_rad_s is {limits.recovery_speed_rad_s:g}; expected at most speed_rad_s "
            f"{limits.speed_rad_s:g}"
        )
    if limits.accel_rad_s2 * period_s > limits.speed_rad_s:
        raise ValueError(
            f"{joint}: accel_rad_s2 {limits.accel_rad_s2:g} reaches speed_rad_s {limits.speed_rad_s:g} within one tick "
            f"of {period_s:g} s; expected accel_rad_s2 at most {limits.speed_rad_s / period_s:g}"
        )
    if limits.jerk_rad_s3 is not None:
        travel = limits.upper_rad - limits.lower_rad
        speed, accel, decel = limits.speed_rad_s, limits.accel_rad_s2, limits.decel_rad_s2
        if limits.jerk_rad_s3 > (most := most_jerk(decel, period_s)):
            raise ValueError(
                f"{joint}: jerk_rad_s3 is {limits.jerk_rad_s3:g} and limits nothing; expected None, or at most {most:g}"
            )
        check_jerk(joint, travel, speed, accel, decel, limits.jerk_rad_s3, period_s)


class Restrains(Protocol):
    """May hold steps back further; see station/control/restraint.py. Poses rad, steps rad a tick, arm joint order."""

    @property
    def event(self) -> tuple[str, str] | None:
        """What has kept the arm from going where it was asked to for long enough: (event, detail)."""

    def know(self, smooth: Sequence[tuple[int, JerkJoint]]) -> None:
        """Joints with a jerk limit, which say themselves what step and bend follow from a share of the wish."""

    def start(self, position_rad: Sequence[float]) -> None: ...

    def allows(self, position_rad: Sequence[float], steps: Sequence[float]) -> bool: ...

    def shares(
        self, position_rad: Sequence[float], braking: Sequence[float], wished: Sequence[float], is_slow: bool
    ) -> Sequence[float]:
        """For each joint how much of the way from braking (0) to the wish (1) to go. `is_slow`: by `follow_slowly`."""


class Limiter:
    """Owns the last position sent; every command of the arm comes from here.

    Inside, speeds are steps (rad a tick) and accelerations are steps a tick, so that a tick multiplies by no period.
    """

    def __init__(self, limits: Sequence[JointLimits], period_s: float, restraint: Restrains | None = None) -> None:
        """Raises ValueError for limits that cannot be kept."""
        for joint in limits:
            check_limits(joint, period_s)
        self.limits = tuple(limits)
        self.period_s = period_s
        self._rate_hz = 1.0 / period_s
        self._scale = 1.0
        self._restraint = restraint
        self._position: list[float] = []
        self._before: list[float]
        """One command ago."""
        self._step: list[float] = []
        self._wish: list[float] = []
        self._smooth = [
            (i, JerkJoint(j.lower_rad, j.upper_rad, j.speed_rad_s, j.accel_rad_s2, j.decel_rad_s2, jerk, period_s))
            for i, j in enumerate(limits)
            for jerk in (j.jerk_rad_s3,)
            if jerk is not None
        ]
        if self._restraint is not None and self._smooth:
            self._restraint.know(self._smooth)
        self._rows = self._make_rows(_UNCAPPED)
        self._slow_rows = self._make_rows(_UNCAPPED)
        self._slow_speed_rad_s = _UNCAPPED

    @property
    def position_rad(self) -> tuple[float, ...]:
        """Last position sent, arm joint order; empty before the first `start`."""
        return tuple(self._position)

    @property
    def is_still(self) -> bool:
        """Whether the last command moved no joint, and the next braking moves none."""
        return not any(self._step) and all([joint.is_still for _, joint in self._smooth])

    @property
    def obstacle(self) -> tuple[str, str] | None:
        """A bound of tools or arms that has kept an arm where it is for a while: (event, detail)."""
        return None if self._restraint is None else self._restraint.event

    def start(self, position_rad: Sequence[float]) -> None:
        """Begin from a measured pose at rest. Raises ValueError for a wrong count or a position that is no number."""
        if len(position_rad) != len(self.limits):
            raise ValueError(f"start pose has {len(position_rad)} joints; expected {len(self.limits)}")
        for joint, position in zip(self.limits, position_rad):
            if not math.isfinite(position):
                raise ValueError(f"joint {joint.name}: measured position is {position}; expected a finite number")
        self._before = self._position = [float(position) for position in position_rad]
        self.missed()
        if self._restraint is not None:
            self._restraint.start(self._position)

    def missed(self) -> None:
        """Slots went by without a command: the receiver held its last one, so the speed is zero now."""
        self._step = [0.0] * len(self._position)
        self._wish = list(self._position)
        for _, joint in self._smooth:
            joint.start()

    def hold(self, joints: Sequence[int]) -> None:
        """These were not told the last command, of a bus that took no frame: they hold the one before, at rest."""
        for index in joints:
            self._position[index] = self._wish[index] = self._before[index]
            self._step[index] = 0.0
        for index, joint in self._smooth:
            if index in joints:
                joint.start()

    def set_speed_scale(self, scale: float) -> None:
        """Lower (or restore) every speed limit while running; a faster joint brakes down to it. 0 < scale <= 1."""
        if not 0.0 < scale <= 1.0:
            raise ValueError(f"speed scale is {scale}; expected above 0 and at most 1")
        self._scale = scale
        self._rows = self._make_rows(_UNCAPPED)
        self._slow_rows = self._make_rows(self._slow_speed_rad_s)

    def follow(self, target_rad: Sequence[float], epoch: int, slot_ns: int) -> ArmCommand:
        """One tick towards the target (rad, arm joint order). A joint whose target is not finite brakes.

        Raises ValueError for a wrong count, RuntimeError before `start`.
        """
        return self._tick(target_rad, self._rows, epoch, slot_ns)

    def follow_slowly(self, target_rad: Sequence[float], speed_rad_s: float, epoch: int, slot_ns: int) -> ArmCommand:
        """As `follow`, with every joint's speed limited to `speed_rad_s` too (a faster joint brakes down to it)."""
        if speed_rad_s != self._slow_speed_rad_s:
            if not speed_rad_s > 0.0:
                raise ValueError(f"speed is {speed_rad_s} rad/s; expected above 0")
            self._slow_speed_rad_s = speed_rad_s
            self._slow_rows = self._make_rows(speed_rad_s)
        return self._tick(target_rad, self._slow_rows, epoch, slot_ns)

    def brake(self, epoch: int, slot_ns: int) -> ArmCommand:
        """One tick of braking every joint as hard as its limits allow; holds once `is_still`."""
        target = (math.nan,) * len(self.limits)
        positions, steps, wishes = self._shape(target, self._rows)
        if self._smooth:
            self._follow_smoothly(target, self._rows, positions, steps)
        return self._take(positions, steps, wishes, epoch, slot_ns)

    def rehearse(self, target_rad: Sequence[float]) -> None:
        """A tick's arithmetic, thrown away: changes nothing (so without the joints whose rule has a memory). Raises as
        `follow`."""
        self._shape(target_rad, self._rows)

    def _make_rows(self, cap_rad_s: float) -> tuple[tuple[float, ...], ...]:
        """Per joint, in rad and ticks: what `_tick` needs."""
        rows = []
        for joint in self.limits:
            down = joint.decel_rad_s2 * self.period_s**2
            half = down / 2
            most = joint.speed_rad_s * self.period_s
            rows.append(
                (
                    joint.lower_rad,
                    joint.upper_rad,
                    (most + half) ** 2 / (2 * down),  # with more room than this g(d) is above the speed limit
                    min(joint.speed_rad_s * self._scale, cap_rad_s) * self.period_s,
                    joint.accel_rad_s2 * self.period_s**2,
                    down,
                    2 * down,
                    half,
                    min(joint.recovery_speed_rad_s * self._scale, cap_rad_s) * self.period_s,
                )
            )
        return tuple(rows)

    def _tick(
        self, target_rad: Sequence[float], rows: tuple[tuple[float, ...], ...], epoch: int, slot_ns: int
    ) -> ArmCommand:
        positions, steps, wishes = self._shape(target_rad, rows)
        if self._smooth:
            self._follow_smoothly(target_rad, rows, positions, steps)
        if self._restraint is not None and not self._restraint.allows(self._position, steps):
            positions, steps = self._hold_back(self._restraint, positions, steps, rows)
        return self._take(positions, steps, wishes, epoch, slot_ns)

    def _take(
        self, positions: list[float], steps: list[float], wishes: list[float], epoch: int, slot_ns: int
    ) -> ArmCommand:
        rate = self._rate_hz
        for _, joint in self._smooth:
            joint.take()
        self._before = self._position
        self._position = positions
        self._step = steps
        self._wish = wishes
        return ArmCommand(tuple(positions), tuple([step * rate for step in steps]), epoch, slot_ns)

    def _hold_back(
        self, restraint: Restrains, wished: list[float], steps: list[float], rows: tuple[tuple[float, ...], ...]
    ) -> tuple[list[float], list[float]]:
        """Between braking and the wish: legal whatever the shares, the legal positions of a joint being an interval; a
        joint with a jerk limit looks itself."""
        braked, braking, _ = self._shape((math.nan,) * len(rows), rows)
        for index, joint in self._smooth:
            braking[index] = joint.braked
        shares = restraint.shares(self._position, braking, steps, rows is self._slow_rows)
        positions = []
        for share, rest, wish in zip(shares, braked, wished):
            sent = rest + share * (wish - rest)
            low, high = (rest, wish) if rest <= wish else (wish, rest)
            positions.append(low if sent < low else min(sent, high))
        for index, joint in self._smooth:
            positions[index] = joint.go(shares[index])
        return positions, [sent - position for sent, position in zip(positions, self._position)]

    def _follow_smoothly(
        self,
        target_rad: Sequence[float],
        rows: tuple[tuple[float, ...], ...],
        positions: list[float],
        steps: list[float],
    ) -> None:
        """Puts the steps of joints with a jerk limit in the place of those without."""
        for index, joint in self._smooth:
            lower, upper, _, cap, *_, recovery = rows[index]
            position = self._position[index]
            if not lower <= position <= upper:
                cap = min(cap, recovery)
            positions[index] = sent = joint.follow(target_rad[index], position, cap)
            steps[index] = sent - position

    def _shape(
        self, target_rad: Sequence[float], rows: tuple[tuple[float, ...], ...]
    ) -> tuple[list[float], list[float], list[float]]:
        """The limiter's step towards the target: positions, steps, and what was wished."""
        if len(target_rad) != len(rows):
            raise ValueError(f"target has {len(target_rad)} joints; expected {len(rows)}")
        if not self._position:
            raise RuntimeError("the limiter was not started; call start() with the measured pose first")
        positions: list[float] = []
        steps: list[float] = []
        wishes: list[float] = []
        for row, target, wish, position, step in zip(rows, target_rad, self._wish, self._position, self._step):
            lower, upper, far, cap, up, down, twice, half, recovery = row
            room_up = upper - position
            room_down = position - lower
            if room_up < 0.0 or room_down < 0.0:  # started outside: inward only, and slowly
                cap = min(cap, recovery)
            # The wish: catch up with the target, relative to the target's own motion, no faster than can be braked.
            if target - target != 0.0:  # NaN or infinite: brake
                want = 0.0
                target = math.nan
            else:
                if target > upper:
                    target = upper
                elif target < lower:
                    target = lower
                behind = wish - position
                if -down <= behind <= down:
                    want = target - position
                elif behind > 0.0:
                    want = target - wish + math.sqrt(twice * behind) - half
                else:
                    want = target - wish - math.sqrt(-twice * behind) + half
            # Acceleration: `up` a tick away from rest, `down` a tick towards it; through rest, a share of each.
            if step >= 0.0:
                most = step + up
                least = step - down
                if least > cap:  # the speed limit was lowered: brake down to it
                    cap = least
                elif least < 0.0:
                    least = (step / down - 1.0) * up
            else:
                least = step - up
                most = step + down
                if -most > cap:
                    cap = -most
                elif most > 0.0:
                    most = (step / down + 1.0) * up
            if most > cap:
                most = cap
            if least < -cap:
                least = -cap
            # Walls: g(d). Braking at D fits below it but for rounding; there the wall wins, or errors would add up.
            if room_up < far:
                wall = math.sqrt(twice * room_up) - half if room_up > 0.0 else 0.0
                if most > wall:
                    most = wall if wall > 0.0 else 0.0
                    if least > most:
                        least = most
            if room_down < far:
                wall = half - math.sqrt(twice * room_down) if room_down > 0.0 else 0.0
                if least < wall:
                    least = wall if wall < 0.0 else 0.0
                    if most < least:
                        most = least
            if want > most:
                want = most
            elif want < least:
                want = least
            sent = position + want
            if sent > upper and room_up >= 0.0:  # g can reach the limit itself; rounding must not pass it
                sent = upper
            elif sent < lower and room_down >= 0.0:
                sent = lower
            positions.append(sent)
            steps.append(sent - position)
            wishes.append(target if target == target else sent)
        return positions, steps, wishes
