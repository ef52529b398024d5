"""Mutants that no test can kill, and why: (line of the source, changes, reason)."""

from __future__ import annotations

from typing import Final

_SAME: Final = "at equality both branches give the same number: a clip to a value that is already there"
_COST: Final = "only skips work whose result would not bind; the commands are the same, the tick is dearer"
_BEGIN: Final = "`begin` sets it before anything reads it"
_DOUBLE: Final = (
    "a bound with an allowance of 1e-9 rad or a count in it: one double more or less is neither safe nor unsafe"
)
_ROUND: Final = "an allowance for rounding, far below one count"

EXPLAINED: Final[dict[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
    "limit": (
        ("if speed_rad_s != self._slow_speed_rad_s:", ("condition always true",), _COST),
        ("most = joint.speed_rad_s * self.period_s", ("* to /",), _COST),
        (
            "(most + half) ** 2 / (2 * down),  # with more room than this g(d) is above the speed limit",
            ("** to *",),
            _COST,
        ),
        ("if room_up < far:", ("< to <=", "condition always true"), _COST),
        ("if room_down < far:", ("< to <=", "condition always true"), _COST),
        ("if target > upper:", ("> to >=",), _SAME),
        ("elif target < lower:", ("< to <=",), _SAME),
        ("if -down <= behind <= down:", ("<= to <",), "one double of the wish; every choice of it is safe"),
        ("elif behind > 0.0:", ("> to >=",), "0 is taken by the branch before"),
        ("if step >= 0.0:", (">= to >",), "from rest both branches give the same interval"),
        ("if least > cap:  # the speed limit was lowered: brake down to it", ("> to >=",), _SAME),
        ("elif least < 0.0:", ("< to <=",), "at 0 the share is 0 as well"),
        ("if -most > cap:", ("> to >=",), _SAME),
        ("elif most > 0.0:", ("> to >=",), "at 0 the share is 0 as well"),
        ("if most > cap:", ("> to >=",), _SAME),
        ("if least < -cap:", ("< to <=",), _SAME),
        ("wall = math.sqrt(twice * room_up) - half if room_up > 0.0 else 0.0", ("> to >=",), "below 0 anyway: 0"),
        ("wall = half - math.sqrt(twice * room_down) if room_down > 0.0 else 0.0", ("> to >=",), "above 0 anyway: 0"),
        ("if most > wall:", ("> to >=",), _SAME),
        ("most = wall if wall > 0.0 else 0.0", ("> to >=",), _SAME),
        ("if least > most:", ("> to >=",), _SAME),
        ("if least < wall:", ("< to <=",), _SAME),
        ("least = wall if wall < 0.0 else 0.0", ("< to <=",), _SAME),
        ("if most < least:", ("< to <=",), _SAME),
        ("if want > most:", ("> to >=",), _SAME),
        ("elif want < least:", ("< to <=",), _SAME),
        (
            "if sent > upper and room_up >= 0.0:  # g can reach the limit itself; rounding must not pass it",
            ("> to >=", ">= to >"),
            _SAME,
        ),
        ("elif sent < lower and room_down >= 0.0:", ("< to <=", ">= to >"), _SAME),
        ("self._slow_speed_rad_s = speed_rad_s", ("statement removed",), _COST),
    ),
    "gate": (
        ("self._widened = False", ("statement removed",), _BEGIN),
        (
            "self._upper[index] = max(bound.upper_rad, min(self._upper[index] - q, position)) + q",
            ("- to +",),
            "codes are truncated downwards: what was asked leaves the bound before its code could widen it",
        ),
        ("self._widened = False", ("False to True",), _BEGIN),
        ("self._epoch = 0", ("0 to 1", "statement removed"), _BEGIN),
        ("is_widened = False", ("False to True",), _COST),
        ("if self._widened:", ("condition always true",), _COST),
        ("sent[-SHORT],", ("minus removed",), "of LONG = 2 SHORT entries number SHORT is the same from both ends"),
        ("_ROUNDING: Final = 1e-9", ("1e-09 to 1.25e-09",), _ROUND),
        ("q += _ROUNDING", ("statement removed",), _ROUND),
        ("self._step_rad = tuple(q + _ROUNDING for q in arm.position_step_rad)", ("+ to -",), _ROUND),
        ("self._slot_ns = 0", ("0 to 1",), "a nanosecond of half a period, once"),
        ("is_widened = is_widened or outside > 0.0", ("> to >=",), _COST),
        *(
            (line, ("<= to <",), _DOUBLE)
            for line in (
                "if not -q <= position - measured <= q:",
                "if not outside <= self._most_outside_rad:",
                "if not lower <= position <= upper:",
                "if not -row[5] <= speed <= row[5]:",
                "if not lower <= p <= upper:",
                "if not -slot <= step <= slot:",
                "if not -short <= p - p10 <= short:",
                "if not -long <= p - p20 <= long:",
                "if not -change <= bend <= change:",
                "if not -short_change <= bend <= short_change:",
                "if not -speed <= v <= speed:",
                "if not -feed <= v * self._period_s - step <= feed:",
            )
        ),
    ),
    "mode": (("break", ("break to continue",), "in each mode one of these triggers changes anything"),),
}
