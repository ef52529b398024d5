"""As `explained.py`: of modes, inputs, watches and the processes' doors."""

from __future__ import annotations

from typing import Final

_SAME: Final = "at equality both branches give the same number: a clip to a value that is already there"
_COST: Final = "only skips work whose result would not bind; the commands are the same, the tick is dearer"
_DOUBLE: Final = (
    "a bound with an allowance of 1e-9 rad or a count in it: one double more or less is neither safe nor unsafe"
)
_ADDS: Final = "at 0 it adds 0: only skips work"
_BEGIN_GOOD: Final = "the first good reading sets it before anything reads it"
_SAME_COUNTS: Final = "at most the counts are replaced by themselves"
_SLOW: Final = "the quick way is not taken: the full one judges the same, and is dearer"
_NANO: Final = "a nanosecond of a window"

STATION: Final[dict[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
    "mode": (("break", ("break to continue",), "in each mode one of these triggers changes anything"),),
    "inputs": (
        ("self._seq = -1", ("1 to 2",), "below every number of a device"),
        ("self._device_us = -1", ("1 to 2",), "below every time of a device"),
        ("self._good_us = [0] * self._count", ("0 to 1",), _BEGIN_GOOD),
        ("self._changed_us = [0] * self._count", ("0 to 1",), _BEGIN_GOOD),
        ("Trust._take_all_good: self._is_changed = False", ("statement removed",), _SAME_COUNTS),
        (
            "Trust.restart: self._is_changed = False",
            ("False to True", "statement removed"),
            "after a restart every sample is newer, and `_take` sets it before `judge` asks",
        ),
        ("if self._is_all_good:", ("condition always false",), _COST),
        ("ages: tuple[int, ...] = (now_ns - self._good_ns[0],) * self._count", ("0 to 1",), "then all are the same"),
        ("if offset_ns < prompt_ns:", ("< to <=",), _SAME),
        ("self._newest_ns = 0", ("0 to 1", "statement removed"), "asked for after a first sample only, which sets it"),
        ("self._begun_ns = 0", ("0 to 1", "statement removed"), "the first sample, ahead of infinity, sets it"),
        ("_SETTLED_NS: Final = 500_000_000", ("500000000 to 500000001",), "a nanosecond of half a second"),
        ("passed_ns = 0", ("0 to 1",), "less than a nanosecond of drift"),
        ("_MOST_CREEP_NS: Final = 10_000_000", ("10000000 to 10000001",), "a nanosecond"),
        ("if offset_ns < least_ns:", ("< to <=",), "then what is prompt is as little, far from its bound"),
        ("elif prompt_ns > least_ns + _MOST_CREEP_NS:", ("> to >=",), _SAME),
        (
            "if self._is_all_good and self._take_all_good(counts, health, device_us, before_us, born_ns):",
            ("condition always false",),
            _SLOW,
        ),
        (
            "if not lower <= count <= upper and not 0.0 <= count - window < turn:",
            ("0.0 to 0.001", "<= to <, 3rd", "< to <="),
            "at the begin and the end of the turn: no turn is taken off, or out of range on either",
        ),
        ("if passed_us > _DOUBT_US and reasons[index] == _IMPOSSIBLE_STEP:", ("> to >=",), _ADDS),
        ("self._is_all_good = not any(reasons)", ("statement removed",), _SLOW),
        ("if any(health):", ("condition always true",), _SLOW),
        ("Trust._take_all_good: most = most_per_us * passed_us + slack", ("* to /", "+ to -"), _SLOW),
        (
            "if not (lower <= count <= upper and -most <= count - before <= most):  # type: ignore[operator]",
            ("<= to <", "<= to <, 2nd", "<= to <, 3rd", "<= to <, 4th", "condition always true", "minus removed"),
            _SLOW,
        ),
        ("return True", ("True to False",), _SLOW),
        (
            'words = f"{joint.name}: {reason}, " + (f"{age_ns // 1_000_000} ms" if age_ns < NEVER_NS else "never read")',  # noqa: E501
            ("< to <=",),
            "that is the age at the time 0 of the machine's start",
        ),
        ("NEVER_NS: Final = 1 << 62", ("1 to 2", "62 to 63"), "any number beyond all times"),
    ),
    "watch": (
        ("self._said_ns = [0] * count", ("0 to 1",), "the first look sets it, and looks at nothing else before"),
        ("self._since_ns = [0] * count", ("0 to 1",), "the first look sets it, and looks at nothing else before"),
        ("self._next_ns = 0", ("0 to 1",), _NANO),
        ("if feedback.status != self._all_on:", ("condition always true",), _COST),
        (
            "self._looked_ns = 0",
            ("0 to 1", "statement removed"),
            "the first look sets it; it is asked for only where an earlier look was apart",
        ),
        ("self._apart_ns = 0", ("0 to 1",), "a nanosecond, and the first look pays it back"),
        ("self._is_apart, self._apart_ns = False, 0", ("0 to 1",), "a nanosecond, and the next look pays it back"),
        ("elif self._apart_ns:", ("condition always true",), "nothing is left to be paid back: only skips work"),
    ),
    "gap_watch": (
        ("self._within_ns = 0", ("0 to 1",), _NANO),
        ("within_ns, self._within_ns = self._within_ns, 0", ("0 to 1",), _NANO),
    ),
    "links": (
        ("self._next_try_ns = 0", ("0 to 1",), _NANO),
        (
            "if feedback is not self.feedback:",
            ("condition always true",),
            "the same answers are as old: nothing is noted",
        ),
    ),
    "bus_watch": (
        (
            "self._seen = [(0, 0, 0)] * len(names)",
            ("0 to 1", "0 to 1, 2nd", "0 to 1, 3rd"),
            "the first look finds counters that are not those of the beginning, and sets it",
        ),
        ("self._errors = [0] * len(names)", ("0 to 1",), "the first look tells no rise, and sets it"),
    ),
    "torque_watch": (
        ("_DIP_NS: Final = 30_000_000", ("30000000 to 30000001",), _NANO),
        (
            "self.is_slow = False",
            ("statement removed", "False to True"),
            "each look sets it, and it is asked after one",
        ),
        ("self._looked_ns = 0", ("0 to 1",), "before the first look nothing is known either way"),
    ),
    "align": (
        ("_SPEED_WINDOW_NS: Final = 50_000_000", ("50000000 to 50000001",), _NANO),
        ("self._count = 0", ("0 to 1", "statement removed"), "the first look, without a speed yet, sets it to 0"),
    ),
    "supervisor": (
        ("self._beat_ns = 0", ("0 to 1",), "a time that no heart has"),
        ("elif away_s > 0:", ("> to >=",), _ADDS),
    ),
    "intents": (
        (
            "self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)",
            ("1 to 2",),
            "the kernel's switch: whatever is not 0 is on",
        ),
        ("if ready:", ("condition always true",), "then no lane has spoken, and none is read"),
        ("if lane.fd in spoken:", ("condition always true",), "a lane that has nothing says so: a system call more"),
        (
            "data, ancillary, _, _ = lane.socket.recvmsg(256, self._space)",
            ("256 to 257",),
            "an intent has less than 40 bytes: whatever is cut at 256 is none, and none at 257",
        ),
        (
            "pid, uid = -1, -1",
            ("minus removed", "1 to 2"),
            "the process of whom nobody vouches: refused before it is told",
        ),
        ("pid, uid = -1, -1", ("1 to 2, 2nd",), "no user has a number below 0"),
    ),
    "ring": (
        (
            "MAGIC: Final = 0x53544154494F4E31",
            ("6004496033454706225 to 6004496033454706226",),
            "every end of a run is of one version; no other memory begins with either",
        ),
        ("DEFAULT_SLOTS: Final = 4096", ("4096 to 4097",), "one entry more of eight seconds at 500 Hz may wait"),
        ("memory.close()", ("statement removed",), "its last name goes with the function, and the mapping with it"),
        (
            "self._words[word] = 2 * number + 1",
            ("2 to 3", "1 to 2"),
            "a reader waits for this number only after `written` counts it; until then any but the old one, which is "
            "2 slots less, serves",
        ),
        ("self._words[_W_STOP] = 1", ("1 to 2",), "a flag: whatever is not 0 is raised"),
    ),
}
