"""The jerk limit of one joint: from every state that is sent the joint can still brake to rest inside all its limits.

Discrete time, in ticks: position p, step v (p's last difference), bend a (v's last difference), which changes by at
most j a tick. Braking is a rule of v and a alone,
    B(v, a) = clip(c(v), a - j, a + j),   c(v) = -sign(v) min(D, phi(|v|)),
    phi(s) = j (s/j / (n + 1) + n/2),     n = floor((sqrt(1 + 8 s/j) - 1) / 2),
phi(s) being the largest deceleration that can still be taken off again, j a tick, until the speed is exactly 0. So B
ends at rest in finitely many ticks, and how far it goes has a closed form. A bend is taken only if the state after it
is viable: the whole braking B from there keeps position, speed and acceleration limits. What follows B from a viable
state is viable, being a part of the same braking; so B itself is always legal and needs no look. Whatever is wished for
lies between, or is pulled towards B until it is viable. Why so, and figures: docs/decisions/limiter-form.md.
"""

from __future__ import annotations

import math
from math import ceil, sqrt
from typing import Final

from station.control.target_motion import TargetMotion

MOST_STOP_S: Final = 0.8
"""A stop from full speed may take so long: after a second STOPPING switches the motors off."""
LEAST_JERK_RAD: Final = 1e-10
"""Of a tick, J T^3: below it the rounding of positions would count."""
_MARGIN_RAD: Final = 1e-11
"""Walls stand so far inside the limits: more than the rounding of all positions of one braking (0.8 s, <= 4e-16 rad a
tick) adds up to."""
_SHARE: Final = 1.0 - 1e-6
"""Of the limits of jerk, acceleration and speed that is used; the rest is for the rounding of positions."""
_AT_TARGET: Final = 1e-7
"""Of what a tick can change of a step: so near, the target itself is sent."""
_TRIES: Final = 7
_PULLS: Final = 6
_PEEK: Final = 0.1
"""Of j: the second look."""
_NEAR: Final = 1e-9
_NEAR_MOVING: Final = 1e-5
"""Of j, and of a moving joint's step: so near to where it should end is near enough."""


def stopping(
    speed_rad_s: float, accel_rad_s2: float, decel_rad_s2: float, jerk_rad_s3: float | None
) -> tuple[float, float]:
    """(seconds, rad) of the longest braking in which a joint is never faster than `speed_rad_s`.

    With jerk J, from the moment of the order: A/J until it accelerates no more, D/J to build up and take off the
    deceleration (2 sqrt(v/J) in all where D is not reached), v/D of full deceleration's worth.
    """
    if jerk_rad_s3 is None:
        seconds = speed_rad_s / decel_rad_s2
        return seconds, speed_rad_s * seconds / 2
    if speed_rad_s * jerk_rad_s3 >= decel_rad_s2**2:
        seconds = speed_rad_s / decel_rad_s2 + decel_rad_s2 / jerk_rad_s3
    else:
        seconds = 2 * sqrt(speed_rad_s / jerk_rad_s3)
    still_faster_s = min(accel_rad_s2 / jerk_rad_s3, sqrt(2 * speed_rad_s / jerk_rad_s3))
    return still_faster_s + seconds, speed_rad_s * (still_faster_s + seconds / 2)


def check_jerk(
    joint: str, travel_rad: float, speed: float, accel: float, decel: float, jerk: float, period_s: float
) -> None:
    """Raises ValueError for a jerk limit with which the joint could not be stopped sensibly."""
    if jerk * period_s**3 < LEAST_JERK_RAD:
        raise ValueError(f"{joint}: jerk_rad_s3 is {jerk:g}; expected at least {LEAST_JERK_RAD / period_s**3:g}")
    told = f"{joint}: with jerk_rad_s3 {jerk:g} ({math.degrees(jerk):g} deg/s3) a stop from speed_rad_s {speed:g}"
    seconds, way = stopping(speed, accel, decel, jerk)
    for what, found, most, unit in (("", seconds, MOST_STOP_S, "s"), ("its travel, ", way, travel_rad, "rad")):
        if found > most:
            raise ValueError(
                f"{told} takes {found:.3g} {unit}; expected at most {what}{most:.3g} {unit}: raise the jerk or lower "
                "the speed"
            )


class JerkBraking:
    """B of one joint, in units of j: v, a, D in j a tick (a tick), ways in j."""

    __slots__ = ("_full", "down")

    def __init__(self, down: float) -> None:
        self.down = down
        n = int(down)
        self._full = (n + 1) * down - n * (n + 1) / 2
        """The largest speed that is braked without a tick at D and no change after it."""

    def curve(self, v: float) -> float:
        """c(v)."""
        if v >= 0.0:
            n = int((sqrt(1.0 + 8.0 * v) - 1.0) / 2.0)
            h = v / (n + 1) + n / 2
            return -h if h < self.down else -self.down
        n = int((sqrt(1.0 - 8.0 * v) - 1.0) / 2.0)
        h = n / 2 - v / (n + 1)
        return h if h < self.down else self.down

    def _along(self, v: float) -> float:
        """The way from a speed v >= 0 whose bend can follow c from the next tick on."""
        way = 0.0
        if v > self._full:
            ticks = ceil((v - self._full) / self.down)
            way = ticks * (v - self.down * (ticks + 1) / 2)
            v -= ticks * self.down  # not below 0 but by rounding, where n is 0
        n = int((sqrt(1.0 + 8.0 * v) - 1.0) / 2.0)
        return way + n * (n + 1) / 2 * (v / (n + 1) - n / 2 + (n - 1) / 3)

    def stop(self, v: float, a: float) -> tuple[float, float]:
        """(where B comes to rest, where it turns round on the way; 0 where it does not), from the state (v, a).

        Off the curve a changes by j a tick until it meets c: after k ticks, the smallest k with
        phi^-1(k + 1 - a) >= v_k. Both sides are quadratic in k but for r (1 - r) / 2, r the fraction of -a.
        """
        size = abs(v)
        n = int((sqrt(1.0 + 8.0 * size) - 1.0) / 2.0)
        c = size / (n + 1) + n / 2
        if c > self.down:
            c = self.down
        if v >= 0.0:
            c = -c
        if c - 1.0 <= a <= c + 1.0:
            return (self._along(v), 0.0) if v >= 0.0 else (-self._along(-v), 0.0)
        sign = 1.0
        if a < c:
            v, a, sign = -v, -a, -1.0
        k = self._ticks_to_curve(v, a)
        end = k * (v + (k + 1) * (a / 2 - (k + 2) / 6))
        speed = v + k * (a - (k + 1) / 2)
        if speed > 0.0:
            end += self._along(speed)
        if v >= 0.0:
            return sign * end, 0.0
        k = self.ticks_to_turn(v, a)
        return sign * end, sign * k * (v + (k + 1) * (a / 2 - (k + 2) / 6))

    def outline(self, v: float, a: float) -> tuple[float, float]:
        """At least (how far from where it is a joint comes, how fast it is), with the step v and in B after it."""
        end, turn = self.stop(v, a)
        gathered = abs(a) * (abs(a) - 1.0) / 2 + 0.125  # at most, while a is taken off
        return max(abs(v + end), abs(v + turn)), max(abs(v), gathered + v if a > 0.0 else gathered - v)

    def phases(self, v: float, a: float) -> list[tuple[int, float, float, float]]:
        """B from the state (v, a) to rest, in phases: ticks, v and a before the first, and what each adds to a.

        Off the curve j a tick, then D, then along the curve j a tick until v is 0. Between two phases, and at the end,
        a changes by at most j as well.
        """
        found = []
        sign = 1.0 if v >= 0.0 else -1.0
        c = self.curve(v)
        if not c - 1.0 <= a <= c + 1.0:
            sign = 1.0 if a > c else -1.0
            k = self._ticks_to_curve(sign * v, sign * a)
            found.append((k, v, a, -sign))
            v += k * (a - sign * (k + 1) / 2)
        left = sign * v
        if left > self._full:
            ticks = ceil((left - self._full) / self.down)
            found.append((ticks, v, -sign * self.down, 0.0))
            left -= ticks * self.down
        if left > 0.0:
            n = int((sqrt(1.0 + 8.0 * left) - 1.0) / 2.0)
            found.append((n + 1, sign * left, -sign * (left / (n + 1) + n / 2 + 1.0), sign))
        return found

    def _ticks_to_curve(self, v: float, a: float) -> int:
        """Of a state off the curve, a > c(v): in how many ticks of -j it meets it."""
        top = ceil(a)
        r = top - a
        root = a * (a - 1.0) / 2 + v - r * (1.0 - r) / 2
        k = ceil(a + sqrt(root)) - 1 if root > 0.0 else top - 1
        until_down = ceil(a + self.down) - 1
        if until_down < k:
            k = until_down
        return k

    @staticmethod
    def ticks_to_turn(v: float, a: float) -> int:
        """Of a state v < 0, a > 0 that passes through rest: ticks in which it still moves on."""
        b = 2 * a - 1.0
        root = b * b + 8.0 * v
        return int((b - sqrt(root if root > 0.0 else 0.0)) / 2)


class JerkJoint:
    """One joint's jerk limit; the limiter owns the position, this step and bend: those that were computed, not the
    differences of rounded positions, whose errors a long ramp would add up three times. Positions rad."""

    __slots__ = (
        "_a", "_at_target", "_far", "_high", "_jerk", "_low", "_lower", "_most", "_motion", "_next", "_per_j",
        "_position", "_rest", "_up", "_upper", "_v", "braking", "j",
    )  # fmt: skip

    def __init__(
        self, lower: float, upper: float, speed: float, accel: float, decel: float, jerk: float, period_s: float
    ) -> None:
        """Limits in rad and seconds, as of `limit.JointLimits`."""
        self.j = jerk * period_s**3 * _SHARE
        self._per_j = 1.0 / self.j
        self._lower, self._upper = lower, upper
        self._low, self._high = lower + _MARGIN_RAD, upper - _MARGIN_RAD
        self._up = accel * period_s**2 / self.j * _SHARE
        self._most = speed * period_s / self.j
        self.braking = JerkBraking(decel * period_s**2 / self.j * _SHARE)
        fastest, _ = self.braking.stop(self._most, 0.0)
        self._far = (fastest + self._most * (self._up + 2.0)) * self.j
        """No braking goes further."""
        self._at_target = _AT_TARGET * min(self._up, 1.0) * self.j
        self._motion = TargetMotion(self._up, self._most, self.j)
        self._v = self._a = 0.0
        """In j a tick (a tick): of the last position sent."""
        self._jerk: float
        """How a changed in the last tick."""
        self._position: float
        """Of this tick: where the joint is."""
        self._rest: float
        """B's a."""
        self._next: tuple[float, float, float]
        """Of this tick: what is to be sent, v and a after it."""

    @property
    def is_still(self) -> bool:
        return self._v == 0.0 == self._a

    def start(self) -> None:
        """At rest."""
        self._v = self._a = self._jerk = 0.0
        self._motion.forget()

    def take(self) -> None:
        """The last answer of `follow` or of `go` was sent."""
        _, self._v, a = self._next
        self._jerk = a - self._a
        self._a = a

    @property
    def braked(self) -> float:
        """The step, rad a tick, of braking as hard as the limits allow."""
        return (self._v + self._rest) * self.j

    @property
    def outline(self) -> tuple[float, float]:
        """Of the wish, rad: `JerkBraking.outline`."""
        _, v, a = self._next
        if v == 0.0 == a:
            return 0.0, 0.0
        way, peak = self.braking.outline(v, a)
        return way * self.j, peak * self.j

    def mixed(self, share: float) -> tuple[float, float]:
        """v and a of a step so much of the way from braking (0) to the wish (1), both of this tick."""
        _, v, a = self._next
        if share < 1.0:
            a = self._rest + share * (a - self._rest) if share > 0.0 else self._rest
            v = self._v + a
        return v, a

    def may(self, v: float, a: float) -> bool:
        """Whether the joint's own limits let a mixture be sent in this tick."""
        return self.is_viable(self._position, v, a)

    def go(self, share: float) -> float:
        """The position to send: the mixture, or as hard a braking as the limits allow where they allow no mixture."""
        if share < 1.0:
            v, a = self.mixed(share)
            self._next = self._sent(self._position, a if self.may(v, a) else self._rest)
        return self._next[0]

    def follow(self, target: float, position: float, cap: float) -> float:
        """The position to send towards the target, at most `cap` rad a tick fast. A target that is no number brakes."""
        per_j = self._per_j
        v, a = self._v, self._a
        self._position = position
        self._rest = rest = self._least_change(v, a)
        if target - target != 0.0:
            self._motion.forget()
            self._next = self._sent(position, rest)
            return self._next[0]
        # Bends that keep acceleration (towards rest D, away from it and through it A), jerk and the speed in force.
        cap *= per_j * _SHARE
        curve = self.braking.curve
        up, down = self._up, self.braking.down
        if v >= 0.0:
            most, least = up, -min(down, max(v, up))
        else:
            most, least = min(down, max(-v, up)), -up
        most = max(min(most, a + 1.0, -curve(cap - v)), rest)
        least = min(max(least, a - 1.0, -curve(-cap - v)), rest)
        motion = self._motion
        target = min(max(target, self._low), self._high)
        motion.see(target)
        wish = self._catch(v, (motion.place - position) * per_j, motion.step * per_j, motion.bend * per_j, least, most)
        if wish != rest and not self.is_viable(position, v + wish, wish):
            wish = self._pull(position, v, rest, wish)
        self._next = self._sent(position, wish)
        sent = self._next[0]
        if sent != target and abs(sent - target) < self._at_target:
            v = (target - position) * per_j
            self._next = (target, v, v - self._v)
        return self._next[0]

    def is_viable(self, position: float, v: float, a: float) -> bool:
        """Whether the step to v (units of j, as a) may be sent from `position`: braking from there keeps all limits.

        Speed and acceleration of the step itself are the caller's. Outside a wall only ways towards it are viable.
        """
        p = position + v * self.j
        up, down = self._up, self.braking.down
        if self._low + self._far < p < self._high - self._far and (up == down or -up <= a <= up):
            return True
        end, turn = self.braking.stop(v, a)
        # Through rest at up to D so far: at most A from there.
        if up < down and (turn or v == 0.0 or v * end < 0.0):
            over = self.braking.ticks_to_turn(-abs(v), abs(a)) + 1
            if abs(a) - over > up:
                return False
        if turn > 0.0:
            high, low = turn, end
        elif turn < 0.0:
            high, low = end, turn
        else:
            high, low = max(end, 0.0), min(end, 0.0)
        goes_up = v > 0.0 or end > 0.0 or turn < 0.0
        goes_down = v < 0.0 or end < 0.0 or turn > 0.0
        return not (goes_up and p + high * self.j > self._high) and not (goes_down and p + low * self.j < self._low)

    def _least_change(self, v: float, a: float) -> float:
        """B(v, a)."""
        return min(max(self.braking.curve(v), a - 1.0), a + 1.0)

    def _sent(self, position: float, a: float) -> tuple[float, float, float]:
        """Position to send, v and a after it."""
        v = self._v + a
        sent = position + v * self.j
        # Only rounding comes beyond: inside never further than the limit, outside not further out.
        if sent > self._upper:
            sent = min(sent, max(self._upper, position))
        elif sent < self._lower:
            sent = max(sent, min(self._lower, position))
        return sent, v, a

    def _catch(self, v: float, behind: float, step: float, bend: float, least: float, most: float) -> float:
        """The bend after which braking relative to the target's motion would end on the target: a root of a function
        that rises with the bend. First braking itself towards a target at rest, as the last tick went on towards one
        that moves; then a little further, then by false position (Illinois). What lies beyond least and most is cut
        off."""
        stop = self.braking.stop
        if step == 0.0 == bend:
            guess, near, peek = self.braking.curve(v), _NEAR, 2.0
        else:
            guess, near, peek = self._a + self._jerk, _NEAR + _NEAR_MOVING * (v if v >= 0.0 else -v), _PEEK
        guess = most if guess > most else max(guess, least)
        error = v + guess + stop(v + guess - step, guess - bend)[0] - behind
        if -near < error < near:
            return guess
        end = most if error < 0.0 else least
        if end == guess:
            return guess
        other = min(guess + peek, end) if error < 0.0 else max(guess - peek, end)
        other_error = v + other + stop(v + other - step, other - bend)[0] - behind
        if (other_error < 0.0) == (error < 0.0):
            if other == end:
                return other
            guess, error, other = other, other_error, end
            other_error = v + other + stop(v + other - step, other - bend)[0] - behind
            if (other_error < 0.0) == (error < 0.0):
                return other
        for _ in range(_TRIES):
            middle = (error * other - other_error * guess) / (error - other_error)
            found = v + middle + stop(v + middle - step, middle - bend)[0] - behind
            if -near < found < near:
                return middle
            if (found < 0.0) == (error < 0.0):
                other_error /= 2
            else:
                other, other_error = guess, error
            guess, error = middle, found
        return guess

    def _pull(self, position: float, v: float, rest: float, wish: float) -> float:
        """Between the wish, which is not viable, and braking, which is: as near to the wish as some halvings find."""
        low, high = 0.0, 1.0
        for _ in range(_PULLS):
            middle = (low + high) / 2
            bend = rest + middle * (wish - rest)
            if self.is_viable(position, v + bend, bend):
                low = middle
            else:
                high = middle
        return rest + low * (wish - rest)
