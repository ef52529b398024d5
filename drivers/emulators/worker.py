"""The emulated human: joint angles over time, seeded, with the good and bad repetitions a real worker makes.

He moves through the task's via-poses on minimum-jerk paths (Flash and Hogan 1985) with human variety, stands at home
while the robot does not follow, and about once in `bad_every` attempts makes one bad repetition of a known kind. Each
attempt is told as a `Rep` when it is over: the truth a counter is judged by. Good ones are clearly good and bad ones
clearly bad: nothing stops between 0.6 and 1.8 tolerances from a pose.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from drivers.emulators.worker_body import Body
from drivers.emulators.worker_body import Channel as Channel

GOOD: Final = "good"
REACH_SHORT: Final = "reach_short"
NO_RETURN: Final = "no_return"
WRONG_ORDER: Final = "wrong_order"
TOO_SLOW: Final = "too_slow"
INTERRUPTED: Final = "interrupted"

_VIA_MISS: Final = 0.25
"""A good reach ends within so many tolerances of the pose."""
_HOME_MISS: Final = 0.2
_CLEAR_MISS: Final = 1.8
"""A bad one stays at least so many tolerances away."""
_SHORT_AT_LEAST: Final = 0.4
"""A short reach gives up with at least this share of the way left ..."""
_SHORT_AT_MOST: Final = 0.55
"""... and at most this: a reach that was hardly begun would be another mistake."""
_MOST_OF_REP_MAX: Final = 0.75
_TOO_SLOW: Final = (1.5, 1.75)
"""A slow one lasts so many times rep_max_s: its clock runs only while home is left, about four fifths of it."""
_UNNAMED_DEG: Final = 3.0
_SEEN_LEAVING: Final = 2.0
"""An interrupted attempt was one when home had been left by so many tolerances."""


class Waypoint(NamedTuple):
    """One via-pose; the first is home. Joints it does not name stay as they are."""

    name: str
    pose_deg: dict[str, float]
    dwell_s: float
    tolerance_deg: float


class Rep(NamedTuple):
    """The truth about one finished attempt; times on the clock that `step` was given."""

    rep: int
    kind: str
    phase: str
    """The waypoint that went wrong, '' where none did."""
    start_ns: int
    end_ns: int


class _Leg(NamedTuple):
    duration_s: float
    start_deg: tuple[float, ...]
    change_deg: tuple[float, ...]


class Worker:
    """Call `step` with rising times, about 100 times a second."""

    def __init__(
        self,
        channels: Sequence[Channel],
        waypoints: Sequence[Waypoint],
        pace_s: float,
        rep_max_s: float,
        bad_every: int,
        seed: int,
        tell: Callable[[Rep], None],
    ) -> None:
        """`tell` gets each attempt as it ends. Raises ValueError for a waypoint that names an unknown joint."""
        index = {channel.name: i for i, channel in enumerate(channels)}
        for waypoint in waypoints:
            for joint in waypoint.pose_deg:
                if joint not in index:
                    raise ValueError(f"waypoint {waypoint.name}: joint {joint}; expected one of {', '.join(index)}")
        self._waypoints = tuple(waypoints)
        self._poses = [{index[joint]: deg for joint, deg in point.pose_deg.items()} for point in waypoints]
        self._named = frozenset(joint for pose in self._poses for joint in pose)
        self._pace_s = pace_s
        self._rep_max_s = rep_max_s
        self._bad_every = bad_every
        self._random = random.Random(seed)
        self._tell = tell
        self._body = Body(channels, self._poses[0], self._named, self._random)
        self._rest_deg = self._body.rest_deg
        self._orders = self._wrong_orders()
        self._short_phases = [k for k in range(1, len(self._poses)) if self._short_share(k) is not None]
        self._kinds = [NO_RETURN, TOO_SLOW]
        self._kinds += [REACH_SHORT] * bool(self._short_phases) + [WRONG_ORDER] * bool(self._orders)
        self.reps = 0
        """Attempts so far, the running one included."""
        self.state = "waiting"
        """waiting (not followed), home (between repetitions), or the kind of the running attempt."""
        self._legs: list[_Leg] = []
        self._leg = 0
        self._leg_ns = 0
        self._at_deg = self._home(0.0)
        self._kind = ""
        self._phase = ""
        self._start_ns = 0
        self._is_away = False
        self._must_be_good = False
        self._is_away_by_choice = False
        self._next_ns = -1

    def step(self, now_ns: int, following: bool) -> tuple[float, ...]:
        """Joint angles at `now_ns`, deg, in the channels' order."""
        if self._legs:
            self._follow_path(now_ns)
            if self._kind and not following:
                self._give_up(now_ns)
        elif not following:
            self.state = "waiting"
            self._next_ns = -1
            if self._is_away_by_choice:  # he stands outside home after a bad return
                self._is_away_by_choice = False
                self._walk(now_ns, [self._leg_to(self._at_deg, self._home(now_ns * 1e-9), 1.5)])
        elif self._next_ns < 0:
            self.state = "home"
            self._next_ns = now_ns + round(self._random.uniform(0.8, 1.5) * 1e9)
        elif now_ns >= self._next_ns:
            self._begin(now_ns)
        return self._body.alive(self._at_deg, now_ns * 1e-9)

    # -- attempts

    def _begin(self, now_ns: int) -> None:
        rng = self._random
        is_bad = self._bad_every > 0 and rng.random() < 1.0 / self._bad_every and not self._must_be_good
        self._kind = rng.choice(self._kinds) if is_bad else GOOD
        self._must_be_good = False
        self._is_away_by_choice = False
        self.reps += 1
        self.state = self._kind
        self._phase = ""
        self._start_ns = now_ns
        self._is_away = False
        now_s = now_ns * 1e-9
        if self._kind == REACH_SHORT:
            legs = self._plan_short(now_s)
        elif self._kind == NO_RETURN:
            legs = self._plan_no_return(now_s)
        elif self._kind == WRONG_ORDER:
            order = rng.choice(self._orders)
            self._phase = self._waypoints[order[0]].name
            legs = self._plan(order, now_s, self._duration_s(), spare_s=0.2)
        elif self._kind == TOO_SLOW:
            legs = self._plan(self._right_order(), now_s, self._rep_max_s * rng.uniform(*_TOO_SLOW))
        else:
            legs = self._plan(self._right_order(), now_s, self._duration_s())
        self._walk(now_ns, legs)

    def _walk(self, now_ns: int, legs: list[_Leg]) -> None:
        self._legs = legs
        self._leg = 0
        self._leg_ns = now_ns

    def _follow_path(self, now_ns: int) -> None:
        while True:
            leg = self._legs[self._leg]
            passed_s = (now_ns - self._leg_ns) * 1e-9
            if passed_s < leg.duration_s:
                break
            self._leg_ns += round(leg.duration_s * 1e9)
            self._leg += 1
            if self._leg == len(self._legs):
                self._at_deg = tuple([start + change for start, change in zip(leg.start_deg, leg.change_deg)])
                self._arrive(now_ns)
                return
        share = _minimum_jerk(passed_s / leg.duration_s)
        self._at_deg = tuple([start + change * share for start, change in zip(leg.start_deg, leg.change_deg)])
        if self._home_error() > _SEEN_LEAVING:
            self._is_away = True

    def _arrive(self, now_ns: int) -> None:
        self._legs = []
        if self._kind:
            self._tell(Rep(self.reps, self._kind, self._phase, self._start_ns, now_ns))
        if self._kind == NO_RETURN and self._random.random() < 0.5:
            # The next attempt begins from where he stands, and must then be a good one to be judged by itself.
            self._must_be_good = True
            self._is_away_by_choice = True
            self._next_ns = now_ns
        elif self._kind == NO_RETURN:
            self._walk(now_ns, [self._leg_to(self._at_deg, self._home(now_ns * 1e-9), 1.2)])
            self._next_ns = -1
        else:
            self._next_ns = now_ns + round(self._random.uniform(0.4, 1.5) * 1e9)
        self._kind = ""
        self.state = "home"

    def _give_up(self, now_ns: int) -> None:
        """The robot stopped following: he lets the arm sink back home."""
        if self._kind and self._is_away:
            is_back = self._leg == len(self._legs) - 1 and self._home_error() < 0.9
            kind = self._kind if is_back else INTERRUPTED
            self._tell(Rep(self.reps, kind, self._phase if is_back else "", self._start_ns, now_ns))
        self._kind = ""
        self.state = "waiting"
        self._next_ns = -1
        self._walk(now_ns, [self._leg_to(self._at_deg, self._home(now_ns * 1e-9), 2.0)])

    def _home_error(self) -> float:
        """Largest distance of a joint from the home pose, in home's tolerances."""
        worst = max([abs(self._at_deg[joint] - deg) for joint, deg in self._poses[0].items()])
        return worst / self._waypoints[0].tolerance_deg

    # -- plans

    def _right_order(self) -> tuple[int, ...]:
        return tuple(range(1, len(self._poses)))

    def _duration_s(self) -> float:
        pace = self._pace_s * self._random.uniform(0.85, 1.15)
        return min(pace, self._rep_max_s * _MOST_OF_REP_MAX)

    def _plan(self, order: Sequence[int], now_s: float, total_s: float, spare_s: float = 0.0) -> list[_Leg]:
        """Through the via-poses in `order` and home, with each pose's dwell."""
        rng = self._random
        stops = [self._at_deg]
        for k in order:
            stops.append(self._target(k, stops[-1]))
        stops.append(self._home(now_s + total_s))
        dwells = [self._waypoints[k].dwell_s + spare_s + rng.uniform(0.04, 0.15) for k in order]
        dwells.append(self._waypoints[0].dwell_s + 0.1)
        ways = [
            max(4.0, max(abs(b - a) for a, b in zip(here, there))) ** 0.5 * rng.uniform(0.92, 1.08)
            for here, there in itertools.pairwise(stops)
        ]
        moving_s = max(total_s - sum(dwells), 0.25 * len(ways))
        legs = []
        for here, there, way, dwell_s in zip(stops, stops[1:], ways, dwells):
            legs += [self._leg_to(here, there, moving_s * way / sum(ways)), self._leg_to(there, there, dwell_s)]
        return legs

    def _plan_short(self, now_s: float) -> list[_Leg]:
        """Up to one via-pose, turning back well before it, then straight home."""
        rng = self._random
        k = rng.choice(self._short_phases)
        self._phase = self._waypoints[k].name
        left = rng.uniform(self._short_share(k) or _SHORT_AT_MOST, _SHORT_AT_MOST)
        legs = self._plan(self._right_order(), now_s, self._duration_s())[: 2 * k - 1]
        last = legs[-1]
        legs[-1] = last._replace(change_deg=tuple([change * (1 - left) for change in last.change_deg]))
        turn = tuple([start + change for start, change in zip(legs[-1].start_deg, legs[-1].change_deg)])
        home_s = max(0.7, 0.3 * self._pace_s)
        home = self._home(now_s + self._pace_s)
        return [
            *legs,
            self._leg_to(turn, turn, rng.uniform(0.1, 0.25)),
            self._leg_to(turn, home, home_s),
            self._leg_to(home, home, self._waypoints[0].dwell_s + 0.1),
        ]

    def _plan_no_return(self, now_s: float) -> list[_Leg]:
        """All via-poses, then a stop clearly outside home and about 2 s of standing there."""
        rng = self._random
        self._phase = self._waypoints[0].name
        *legs, last, _ = self._plan(self._right_order(), now_s, self._duration_s())
        home = self._poses[0]
        farthest = max(abs(last.start_deg[joint] - deg) for joint, deg in home.items())
        left = min(0.8, rng.uniform(2.0, 2.6) * self._waypoints[0].tolerance_deg / max(farthest, 1e-6))
        stop = tuple(
            [
                start + (deg - start) * (1 - left)
                for start, deg in zip(last.start_deg, [home.get(i, rest) for i, rest in enumerate(self._rest_deg)])
            ]
        )
        return [
            *legs,
            self._leg_to(last.start_deg, stop, last.duration_s),
            self._leg_to(stop, stop, rng.uniform(1.8, 2.4)),
        ]

    def _leg_to(self, here: tuple[float, ...], there: tuple[float, ...], duration_s: float) -> _Leg:
        return _Leg(duration_s, here, tuple([b - a for a, b in zip(here, there)]))

    def _target(self, k: int, before: tuple[float, ...]) -> tuple[float, ...]:
        """Where this reach for via-pose k ends: near the pose; joints it does not name hardly move."""
        rng = self._random
        miss = self._waypoints[k].tolerance_deg * _VIA_MISS
        target = []
        for i, deg in enumerate(before):
            pose = self._poses[k].get(i)
            if pose is not None:
                target.append(pose + rng.uniform(-miss, miss))
            elif i in self._named:
                target.append(deg)
            else:
                target.append(self._rest_deg[i] + rng.uniform(-_UNNAMED_DEG, _UNNAMED_DEG))
        return tuple(target)

    def _home(self, at_s: float) -> tuple[float, ...]:
        return self._body.home(at_s, self._waypoints[0].tolerance_deg * _HOME_MISS)

    # -- what is possible on this task

    def _short_share(self, k: int) -> float | None:
        """Least share of the way to via-pose k that leaves it clearly unreached; None where no share does."""
        before = dict(enumerate(self._rest_deg))
        for pose in self._poses[:k]:
            before.update(pose)
        tolerance = self._waypoints[k].tolerance_deg
        way = max(abs(deg - before[joint]) for joint, deg in self._poses[k].items())
        if way * (1 - _VIA_MISS / 2) <= 0:
            return None
        share = max(_SHORT_AT_LEAST, _CLEAR_MISS * tolerance / (way * 0.95))
        return share if share < _SHORT_AT_MOST else None

    def _wrong_orders(self) -> list[tuple[int, ...]]:
        """Orders whose first visit comes clearly before the first via-pose, so that nothing else can be meant."""
        right = self._right_order()
        found = []
        for order in itertools.permutations(right) if 2 <= len(right) <= 5 else ():
            if order[0] == right[0]:
                continue
            here = self._rest_deg
            there = self._exactly(order[0], here)
            if not self._comes_near(here, there, right[0]) and not self._holds(order[0], here):
                found.append(order)
        return found

    def _exactly(self, k: int, before: tuple[float, ...]) -> tuple[float, ...]:
        return tuple([self._poses[k].get(i, deg) for i, deg in enumerate(before)])

    def _comes_near(self, here: tuple[float, ...], there: tuple[float, ...], k: int) -> bool:
        return any(
            self._holds(k, tuple([a + (b - a) * n / 50 for a, b in zip(here, there)]), _CLEAR_MISS) for n in range(51)
        )

    def _holds(self, k: int, at_deg: tuple[float, ...], tolerances: float = 1.0) -> bool:
        bound = self._waypoints[k].tolerance_deg * tolerances
        return all(abs(at_deg[joint] - deg) <= bound for joint, deg in self._poses[k].items())


def _minimum_jerk(share: float) -> float:
    """Way covered after a share of the time: 10 s^3 - 15 s^4 + 6 s^5."""
    return share * share * share * (10 + share * (6 * share - 15))
