"""As `explained.py`: of the limiter, reduced speed and the workspace."""

from __future__ import annotations

from typing import Final

_SAME: Final = "at equality both branches give the same number: a clip to a value that is already there"
_COST: Final = "only skips work whose result would not bind; the commands are the same, the tick is dearer"
_ROUND: Final = "an allowance for rounding, far below one count"
_ZERO: Final = "0 does not come here: it was looked at before"
_ADDS: Final = "at 0 it adds 0: only skips work"

LIMIT: Final[dict[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
    "limit": (
        *(
            (
                f"Limiter.{function}: if self._smooth:",
                ("condition always true",),
                "without such joints: only skips a call",
            )
            for function in ("brake", "_tick")
        ),
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
        (
            "if -down <= behind <= down:",
            ("<= to <", "<= to <, 2nd"),
            "one double of the wish; every choice of it is safe",
        ),
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
        ("low, high = (rest, wish) if rest <= wish else (wish, rest)", ("<= to <",), _SAME),
        ("positions.append(low if sent < low else min(sent, high))", ("< to <=",), _SAME),
    ),
    "reduced": (
        ("if step:", ("condition always true",), _ADDS),
        ("size = step if step > 0.0 else -step", ("> to >=",), _ZERO),
        ("if total <= most_m:", ("<= to <",), _ROUND),
        ("if most_m <= 0.0:", ("<= to <",), "at 0 every speed is too fast in the next line"),
        ("if vx * vx + vy * vy + vz * vz > most:", ("> to >=",), _ROUND),
        ("rate = down if step > 0.0 else -down", ("> to >=",), _ZERO),
        ("if x * x + y * y + z * z > most:", ("> to >=",), _ROUND),
    ),
    "workspace": (
        (
            "s = (uv * vr - ur * vv) / denominator if denominator > 1e-12 else 0.0",
            ("0.0 to 0.001", "1e-12 to 1.25e-12", "> to >="),
            "parallel: every point of the common part is as near; or lines of a micrometre",
        ),
        ("s = 0.0 if s < 0.0 else min(s, 1.0)", ("< to <=",), _SAME),
        (
            "t = (uv * s + vr) / vv if vv > 1e-12 else -1.0  # c-d is a point: what is nearest to c",
            ("1.0 to 1.25", "1e-12 to 1.25e-12", "> to >="),
            "any number below 0; a line of a micrometre is a point",
        ),
        ("if t < 0.0 or t > 1.0:", ("> to >=",), _SAME),
        ("t = 0.0 if t < 0.0 else 1.0", ("0.0 to 0.001, 2nd", "< to <="), "t is below 0 or above 1 here"),
        (
            "s = (uv * t - ur) / uu if uu > 1e-12 else 0.0",
            ("0.0 to 0.001", "1e-12 to 1.25e-12", "> to >="),
            "a-b is a point of a micrometre: every s is the same place",
        ),
        ("if distance < 1e-9:", ("1e-09 to 1.25e-09", "< to <="), _ROUND),
        ("if travel:", ("condition always true",), _ADDS),
        ("if step:", ("condition always true",), _ADDS),
        ("if now > 0.0:", ("> to >=",), _ADDS),
        ("size = step if step > 0.0 else -step", ("> to >=",), _ZERO),
        ("if step < 0.0:", ("< to <=",), _ZERO),
        ("if first + rest <= enough_m:", ("<= to <",), "either answer is a bound"),
        ("if last > begin:", ("> to >=", "condition always true"), "an end that is counted already, once more"),
        ("if begin < top < last:", ("< to <=", "< to <=, 2nd"), "a top at an end is that end's value"),
    ),
}
