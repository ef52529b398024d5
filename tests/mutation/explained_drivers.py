"""As `explained.py`: of the drivers."""

from __future__ import annotations

from typing import Final

_COST: Final = "only skips work whose result would not bind; the commands are the same, the tick is dearer"
_BEGIN: Final = "`begin` sets it before anything reads it"
_DOUBLE: Final = (
    "positions and speeds are decoded from whole counts, and the bound has 1e-9 or a count's share of its own: what is "
    "judged does not stand at the bound itself"
)
_THREE: Final = ("<= to <", "<= to <, 2nd", "<= to <, 3rd")
_ROUND: Final = "an allowance for rounding, far below one count"

DRIVERS: Final[dict[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
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
        (
            "self._slots_ns: deque[int] = deque([-(1 << 62)] * LONG, maxlen=LONG)",
            ("1 to 2", "62 to 63"),
            "any time far before the clock's own",
        ),
        ("if told.rest != self._told_rest:", ("condition always true",), _COST),
        (
            "self._told_rest = told.rest",
            ("statement removed",),
            "what passed is judged once more with each command: dearer",
        ),
        (
            "if not -count - _ROUNDING < told - most <= _ROUNDING:",
            ("- to +", "< to <=", "<= to <"),
            "2e-9 of a gain, far below its count: no whole count stands between",
        ),
        ("is_widened = is_widened or outside > 0.0", ("> to >=",), _COST),
        *(
            (line, changes, _DOUBLE)
            for line, changes in (
                ("is_there = -q <= position - held <= q and abs(position - measured) <= self._most_apart_rad", _THREE),
                ("if not outside <= self._most_outside_rad:", _THREE[:1]),
            )
        ),
        *(
            (line, _THREE[:2], _DOUBLE)
            for line in (
                "is_there = -q <= position - measured <= q",
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
    "damiao_arm": (
        (
            "@dataclass(frozen=True, slots=True)",
            ("True to False", "True to False, 2nd"),
            "nobody changes or counts them",
        ),
        *(
            (line, ("True to False",), "both are made of the arm's joints, one each: they can not differ in length")
            for line in (
                "gains = [encode_gains(ranges, j.kp, j.kd, 0.0) for ranges, j in zip(self._ranges, joints, strict=True)]",  # noqa: E501
                "self._rows = tuple(motion_row(ranges, gain) for ranges, gain in zip(self._ranges, gains, strict=True))",  # noqa: E501
                "for index, (joint, ranges) in enumerate(zip(joints, self._ranges, strict=True))",
                "for j, ranges in zip(self._settings, self._ranges, strict=True)",
            )
        ),
        (
            "gains = [encode_gains(ranges, j.kp, j.kd, 0.0) for ranges, j in zip(self._ranges, joints, strict=True)]",
            ("0.0 to 0.001",),
            "the same count of the wire: a thousandth of a newton metre is less than half of one",
        ),
        ("_LONG_AGO: Final = -(1 << 62)", ("1 to 2", "62 to 63"), "either is long before the clock's begin"),
        (
            "if tuple([frame[:2] for frame in frames]) == self._motors:  # one each, in joint order: as `encode` makes them",  # noqa: E501
            ("condition always false", "2 to 3"),
            "the quick way is not taken: the other tells the same, and is dearer",
        ),
        (
            "if position < 0x100 and is_register_answer(motor_id, data):",
            ("< to <=", "256 to 257"),
            "only saves the call: it is none whose second byte is 1, as an id is at most 0x7F",
        ),
        (
            "self._temperature[index] = float(mosfet_c if mosfet_c > rotor_c else rotor_c)",
            ("> to >=",),
            "of two that are the same either is the larger",
        ),
    ),
    "ker_leader": (
        ("next_ping = 0.0", ("0.0 to 0.001",), "the clock is far beyond either when it is asked: at once"),
        ("buffer = buffer[-1:]", ("1 to 2",), "one byte more of what has no header in it"),
    ),
    "bus_lock": (
        (
            "_ASKERS: Final = 4096",
            ("4096 to 4097",),
            "the kernel's own limit (net.core.somaxconn, 4096 or 128) cuts what is more",
        ),
        ("probe.settimeout(0.2)", ("0.2 to 0.25",), "an error is told a moment later; nothing runs yet that waits"),
    ),
}
