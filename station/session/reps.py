"""Counts repetitions: calibrated leader angles in, edges out (begun, phase reached, ended with its reason).

An explicit phase machine: home is left, the via-poses are visited in order, home is reached again. Nothing is lost to
a pause, a change of pace or a slow drift of the rest position; every failed repetition carries a reason code and what
its words need. Plain Python floats: a few microseconds a sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from station.session import reasons
from station.session.baseline import RestBaseline
from station.session.gesture import Gesture, PhaseShape

HYSTERESIS: Final = 1.25
"""Once within tolerance, a pose is held until the error exceeds so many tolerances."""
SETTLED_NS: Final = 1_000_000_000
"""Still for so long outside home after the last via-pose: the worker thinks he is home."""
SETTLED_RAD: Final = math.radians(1.5)
"""Still: no home joint moved further than this."""
_NEAR_HOME_TOLERANCES: Final = 4.0
_NEAR_HOME_SHARE: Final = 0.35
"""Settling or turning round counts as 'not returned' only this near home (tolerances, or share of the way back):
a pause on the way is a pause."""
_APPROACHED_SHARE: Final = 0.6
"""A missed pose was approached (not skipped) when the rest of the way is at most this share of the whole."""
_STRAY_DWELL_NS: Final = 50_000_000
"""A later pose must be held at least so long to count as visited out of order."""
_HARD_END: Final = 2.0
"""A repetition that is too slow is ended after so many times rep_max_s, wherever the worker is."""


class EdgeKind(Enum):
    BEGUN = "begun"
    REACHED = "reached"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Edge:
    """Something the counter saw at `t_ns`."""

    kind: EdgeKind
    t_ns: int
    phase: int = 0
    """REACHED: the via-pose. ENDED: the phase that was awaited."""
    reason: str = ""
    """ENDED: '' = good, else a code of reasons.py."""
    detail: dict[str, str] = field(default_factory=dict)
    duration_ns: int = 0
    """ENDED: since home was left."""


class _State(Enum):
    AWAY = 0
    """Home has not been seen (start, or the robot did not follow)."""
    HOME = 1
    REP = 2
    SETTLED = 3
    """After a repetition that did not return: the next may begin from here."""


_NOTHING: Final[tuple[Edge, ...]] = ()


class RepCounter:
    """One worker's repetitions of one gesture."""

    def __init__(self, gesture: Gesture, baseline_rad: tuple[float, ...] | None = None) -> None:
        """`baseline_rad`: the rest offset a former counter ended with (`baseline_rad`), to go on after a restart."""
        self._gesture = gesture
        self._phases = gesture.phases
        self._home = gesture.phases[0]
        self._baseline = RestBaseline(gesture.phases[0], len(gesture.joint_names), baseline_rad)
        self._poses: list[tuple[tuple[int, float], ...]] = []
        self._place_poses()
        self._leave_rad = self._home.tolerance_rad + gesture.leave_rad
        self._near_home_rad = max(
            _NEAR_HOME_TOLERANCES * self._home.tolerance_rad, _NEAR_HOME_SHARE * self._home.distance_rad
        )
        self._state = _State.AWAY
        self._last_ns = 0
        self._settled_error_rad = 0.0
        self._home_since_ns = 0
        self._clear_rep(0)

    # -- what the screen shows

    @property
    def in_rep(self) -> bool:
        return self._state is _State.REP

    @property
    def phase(self) -> int:
        """The phase to be reached next: an index into the task's phases."""
        if self._state is _State.REP:
            return self._pending
        return 1 if self._state is _State.HOME else 0

    @property
    def begun_ns(self) -> int:
        """When the running repetition left home; 0 while none runs."""
        return self._begun_ns if self._state is _State.REP else 0

    @property
    def baseline_rad(self) -> tuple[float, ...]:
        """Rest offset of each leader joint against the task's home pose."""
        return tuple(self._baseline.offset_rad)

    # -- the machine

    def update(self, t_ns: int, angle_rad: tuple[float, ...], is_following: bool) -> tuple[Edge, ...]:
        """One tick: host monotonic ns, calibrated leader angles in the gesture's joint order, mode is FOLLOWING."""
        if t_ns <= self._last_ns:
            return _NOTHING
        self._last_ns = t_ns
        if not is_following:
            return self.interrupt(t_ns)
        home_rad = self._error(0, angle_rad)
        if self._state is _State.REP:
            return self._in_rep(t_ns, angle_rad, home_rad)
        if home_rad <= self._home.tolerance_rad:
            self._state = _State.HOME
            if self._baseline.rest(t_ns, angle_rad):
                self._place_poses()
        elif self._state is _State.HOME:
            if not home_rad <= self._leave_rad and home_rad < math.inf:
                return self._begin(t_ns)
        elif self._state is _State.SETTLED:
            if home_rad < self._settled_error_rad:
                self._settled_error_rad = home_rad
            if math.inf > home_rad > self._settled_error_rad + 2 * self._gesture.leave_rad:
                return self._begin(t_ns)
        return _NOTHING

    def interrupt(self, t_ns: int, cause: str = "") -> tuple[Edge, ...]:
        """The robot stopped following: a running repetition ends as interrupted (unless all of it is done and only the
        dwell at home was missing), and home must be seen again."""
        was_rep = self._state is _State.REP
        self._state = _State.AWAY
        self._baseline.moved()
        if not was_rep:
            return _NOTHING
        if self._pending == 0 and self._home_since_ns:
            return self._end(t_ns, self._judge(t_ns))
        detail = {"phase": self._phases[self._pending].name, "value": cause or "-"}
        return (Edge(EdgeKind.ENDED, t_ns, self._pending, reasons.INTERRUPTED, detail, t_ns - self._begun_ns),)

    def _begin(self, t_ns: int) -> tuple[Edge, ...]:
        self._state = _State.REP
        self._baseline.moved()
        self._clear_rep(t_ns)
        return (Edge(EdgeKind.BEGUN, t_ns, 1),)

    def _clear_rep(self, t_ns: int) -> None:
        count = len(self._phases)
        self._begun_ns = t_ns
        self._pending = 1
        self._since_ns = t_ns  # when the phase before was reached
        self._inside_ns = 0  # when the pending pose was entered; 0 = outside
        self._closest = [math.inf] * count
        self._closest_joint = [0] * count
        self._stray_ns = [0] * count  # when a later pose was entered
        self._strayed = [False] * count  # visited while an earlier pose was awaited
        self._wrong: tuple[int, int] | None = None  # (awaited, visited instead)
        self._slow: tuple[int, int] | None = None  # (phase, its time limit ns)
        self._home_since_ns = 0
        self._still_ns = t_ns
        self._still_at: tuple[float, ...] = ()
        self._nearest_home_rad = math.inf

    def _in_rep(self, t_ns: int, angle_rad: tuple[float, ...], home_rad: float) -> tuple[Edge, ...]:
        edges = _NOTHING
        pending = self._pending
        if pending:
            if self._visit(t_ns, angle_rad, pending):
                edges = (Edge(EdgeKind.REACHED, t_ns, pending),)
                self._advance(t_ns)
            elif pending + 1 < len(self._phases):
                self._watch_later(t_ns, angle_rad, pending)
        ended = self._at_home(t_ns, home_rad)
        if ended is None and self._pending == 0:
            ended = self._not_returning(t_ns, angle_rad, home_rad)
        if ended is None and t_ns - self._begun_ns > _HARD_END * self._gesture.rep_max_ns:
            self._slow = self._slow or (self._pending, self._gesture.rep_max_ns)
            self._state = _State.AWAY
            ended = self._end(t_ns, self._too_slow(t_ns))
        return edges if ended is None else (*edges, *ended)

    def _visit(self, t_ns: int, angle_rad: tuple[float, ...], k: int) -> bool:
        """Whether the awaited pose k is reached, its dwell included."""
        phase = self._phases[k]
        error = self._track(k, angle_rad)
        tolerance = phase.tolerance_rad
        if self._inside_ns:
            if error > tolerance * HYSTERESIS:
                self._inside_ns = 0
                return False
        elif error <= tolerance:
            self._inside_ns = t_ns
            if t_ns - self._since_ns > phase.timeout_ns and self._slow is None:
                self._slow = (k, phase.timeout_ns)
        else:
            return False
        return t_ns - self._inside_ns >= phase.dwell_ns

    def _advance(self, t_ns: int) -> None:
        self._pending = (self._pending + 1) % len(self._phases)
        self._since_ns = t_ns
        self._inside_ns = 0
        self._still_ns = t_ns
        self._still_at = ()

    def _watch_later(self, t_ns: int, angle_rad: tuple[float, ...], pending: int) -> None:
        """Later poses held while an earlier one is awaited; those that lie on the way to it do not count."""
        passes = self._phases[pending].passes
        for k in range(pending + 1, len(self._phases)):
            error = self._track(k, angle_rad)
            phase = self._phases[k]
            if error > phase.tolerance_rad:
                self._stray_ns[k] = 0
            elif not self._stray_ns[k]:
                self._stray_ns[k] = t_ns
            if self._stray_ns[k] and t_ns - self._stray_ns[k] >= max(phase.dwell_ns, _STRAY_DWELL_NS):
                self._strayed[k] = True
                if self._wrong is None and k not in passes:
                    self._wrong = (pending, k)

    def _at_home(self, t_ns: int, home_rad: float) -> tuple[Edge, ...] | None:
        if home_rad > self._home.tolerance_rad * (HYSTERESIS if self._home_since_ns else 1.0):
            self._home_since_ns = 0
            return None
        if not self._home_since_ns:
            self._home_since_ns = t_ns
            if self._pending == 0 and t_ns - self._since_ns > self._home.timeout_ns and self._slow is None:
                self._slow = (0, self._home.timeout_ns)
        if t_ns - self._home_since_ns < self._home.dwell_ns:
            return None
        self._state = _State.HOME
        return self._end(t_ns, self._judge(t_ns))

    def _not_returning(self, t_ns: int, angle_rad: tuple[float, ...], home_rad: float) -> tuple[Edge, ...] | None:
        """All via-poses done: settles outside home, or turns round and begins the next repetition."""
        if home_rad < self._nearest_home_rad:
            self._nearest_home_rad = home_rad
        if self._home_since_ns:
            return None
        if not self._still_at or any(abs(angle_rad[j] - self._still_at[j]) > SETTLED_RAD for j in self._home.joints):
            self._still_at, self._still_ns = angle_rad, t_ns
        is_settled = t_ns - self._still_ns >= SETTLED_NS and home_rad <= self._near_home_rad
        turned_rad = home_rad - self._nearest_home_rad
        has_turned = self._nearest_home_rad <= self._near_home_rad and turned_rad > 2 * self._gesture.leave_rad
        if not (is_settled or has_turned):
            return None
        detail = self._miss(0, angle_rad, self._nearest_home_rad if has_turned else home_rad)
        self._settled_error_rad = home_rad
        self._state = _State.SETTLED
        ended = self._end(t_ns, (reasons.NO_RETURN, detail))
        return (*ended, *self._begin(t_ns)) if has_turned else ended

    # -- judging

    def _end(self, t_ns: int, verdict: tuple[str, dict[str, str]]) -> tuple[Edge, ...]:
        reason, detail = verdict
        return (Edge(EdgeKind.ENDED, t_ns, self._pending, reason, detail, t_ns - self._begun_ns),)

    def _judge(self, t_ns: int) -> tuple[str, dict[str, str]]:
        """Home is reached: the verdict on the way there."""
        is_long = t_ns - self._begun_ns > self._gesture.rep_max_ns
        k = self._pending
        if is_long and self._slow is None:
            self._slow = (k, self._gesture.rep_max_ns)
        if k == 0:
            if self._wrong is not None:
                return self._wrong_order(*self._wrong)
            return self._too_slow(t_ns) if self._slow is not None else ("", {})
        if is_long:
            return self._too_slow(t_ns)
        if self._strayed[k] and self._wrong is not None:
            return self._wrong_order(*self._wrong)
        was_approached = self._closest[k] <= _APPROACHED_SHARE * self._phases[k].distance_rad
        later = [j for j in range(k + 1, len(self._phases)) if self._strayed[j]]
        if later and not was_approached:
            return self._wrong_order(k, later[0])
        return reasons.REACH_SHORT, self._detail(k, self._closest[k], self._closest_joint[k])

    def _wrong_order(self, awaited: int, visited: int) -> tuple[str, dict[str, str]]:
        return reasons.WRONG_ORDER, {"phase": self._phases[awaited].name, "before": self._phases[visited].name}

    def _too_slow(self, t_ns: int) -> tuple[str, dict[str, str]]:
        k, limit_ns = self._slow or (self._pending, self._gesture.rep_max_ns)
        return reasons.TOO_SLOW, {
            "phase": self._phases[k].name,
            "value": f"{(t_ns - self._begun_ns) / 1e9:.1f} s",
            "limit": f"{limit_ns / 1e9:.1f} s",
        }

    def _miss(self, k: int, angle_rad: tuple[float, ...], error_rad: float) -> dict[str, str]:
        worst = max(self._poses[k], key=lambda item: abs(angle_rad[item[0]] - item[1]))
        return self._detail(k, error_rad, worst[0])

    def _detail(self, k: int, error_rad: float, joint: int) -> dict[str, str]:
        phase = self._phases[k]
        return {
            "phase": phase.name,
            "joint": self._gesture.joint_names[joint],
            "value": f"{math.degrees(error_rad):.0f}°",
            "limit": f"{math.degrees(phase.tolerance_rad):.0f}°",
        }

    # -- distances

    def _place_poses(self) -> None:
        offset = self._baseline.offset_rad
        self._poses = [_placed(phase, offset) for phase in self._phases]

    def _error(self, k: int, angle_rad: tuple[float, ...]) -> float:
        """Largest distance of a named joint from pose k, rad; inf when a reading is not a number."""
        worst = 0.0
        for joint, pose in self._poses[k]:
            error = angle_rad[joint] - pose
            if error < 0.0:
                error = -error
            if error > worst:
                worst = error
            elif error != error:
                return math.inf
        return worst

    def _track(self, k: int, angle_rad: tuple[float, ...]) -> float:
        """`_error`, keeping the closest approach and the joint that was furthest off then."""
        error = self._error(k, angle_rad)
        if error < self._closest[k]:
            self._closest[k] = error
            self._closest_joint[k] = max(self._poses[k], key=lambda item: abs(angle_rad[item[0]] - item[1]))[0]
        return error


def _placed(phase: PhaseShape, offset_rad: list[float]) -> tuple[tuple[int, float], ...]:
    return tuple((joint, pose + offset_rad[joint]) for joint, pose in zip(phase.joints, phase.pose_rad))
