"""Mutants that no test can kill, and why: (line of the source, changes, reason)."""

from __future__ import annotations

from typing import Final

from tests.mutation.explained_arm import ARM

_SAME: Final = "at equality both branches give the same number: a clip to a value that is already there"
_COST: Final = "only skips work whose result would not bind; the commands are the same, the tick is dearer"
_BEGIN: Final = "`begin` sets it before anything reads it"
_DOUBLE: Final = (
    "a bound with an allowance of 1e-9 rad or a count in it: one double more or less is neither safe nor unsafe"
)
_ROUND: Final = "an allowance for rounding, far below one count"
_ZERO: Final = "0 does not come here: it was looked at before"
_ADDS: Final = "at 0 it adds 0: only skips work"
_BEGIN_GOOD: Final = "the first good reading sets it before anything reads it"
_SET: Final = "the first frame of a transfer sets it before anything reads it"
_BELOW: Final = "from 0, no limit, it counts down and never comes to 0 again"
_SECTORS: Final = "narrower sectors, or none: turns are followed more often than need be, and dearer"
_FIRST: Final = "the first SAMPLE sets it before anything reads it"
_AT: Final = "a field stands after the header: its offset is -1 or at least 2"
_COUNT: Final = "the same count of the wire: 0.001 is less than one"
_SAME_COUNTS: Final = "at most the counts are replaced by themselves"
_SLOW: Final = "the quick way is not taken: the full one judges the same, and is dearer"
_NANO: Final = "a nanosecond of a window"

EXPLAINED: Final[dict[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
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
        ("low, high = (rest, wish) if rest <= wish else (wish, rest)", ("<= to <",), _SAME),
        ("positions.append(low if sent < low else min(sent, high))", ("< to <=",), _SAME),
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
                "is_there = -q <= position - measured <= q",
                "is_there = -q <= position - held <= q and abs(position - measured) <= self._most_apart_rad",
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
    "inputs": (
        ("self._seq = -1", ("1 to 2",), "below every number of a device"),
        ("self._device_us = -1", ("1 to 2",), "below every time of a device"),
        ("self._good_us = [0] * self._count", ("0 to 1",), _BEGIN_GOOD),
        ("self._changed_us = [0] * self._count", ("0 to 1",), _BEGIN_GOOD),
        ("Trust._take_all_good: self._is_changed = False", ("False to True", "statement removed"), _SAME_COUNTS),
        ("if self._is_all_good:", ("condition always false",), _COST),
        ("ages: tuple[int, ...] = (now_ns - self._good_ns[0],) * self._count", ("0 to 1",), "then all are the same"),
        ("if offset_ns < prompt_ns:", ("< to <=",), _SAME),
        ("self._newest_ns = 0", ("0 to 1", "statement removed"), "asked for after a first sample only, which sets it"),
        (
            "if ahead_ns > _STEP_NS and before_us >= 0:",
            ("0 to 1", "> to >=", ">= to >"),
            "at the bound nothing is in excess; a sample before this one that was taken at 0 us is a device's first",
        ),
        ("passed_ns = 0", ("0 to 1",), "less than a nanosecond of drift"),
        ("return min(device_us, self._device_us + excess_us)", ("min to max",), _SLOW),
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
            ("0.0 to 0.001", "<= to <", "< to <="),
            "at the end of the turn: the same turn, or out of range on either",
        ),
        ("if passed_us > _DOUBT_US and reasons[index] == _IMPOSSIBLE_STEP:", ("> to >=",), _ADDS),
        ("if -most <= count - before <= most:", ("<= to <",), _DOUBLE),
        ("self._is_all_good = not any(reasons)", ("statement removed",), _SLOW),
        ("if any(health):", ("condition always true",), _SLOW),
        ("Trust._take_all_good: most = most_per_us * passed_us + slack", ("* to /", "+ to -"), _SLOW),
        (
            "if not (lower <= count <= upper and -most <= count - before <= most):  # type: ignore[operator]",
            ("<= to <", "condition always true", "minus removed"),
            _SLOW,
        ),
        ("return True", ("True to False",), _SLOW),
        ("if was is not None and now is not None and abs(now - was) > self._moved", ("> to >=",), _DOUBLE),
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
        ("self._errors = [0] * len(names)", ("0 to 1",), "the first look, which tells nothing, sets it"),
        ("if total != self.total:", ("condition always true",), _COST),
        ("if feedback.status != self._all_on:", ("condition always true",), _COST),
    ),
    "align": (
        ("_SPEED_WINDOW_NS: Final = 50_000_000", ("50000000 to 50000001",), _NANO),
        ("self._count = 0", ("0 to 1", "statement removed"), "the first look, without a speed yet, sets it to 0"),
    ),
    "supervisor": (
        ("self._beat_ns = 0", ("0 to 1",), "a time that no heart has"),
        ("elif away_s > 0:", ("> to >=",), _ADDS),
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
        ("t = 0.0 if t < 0.0 else 1.0", ("0.0 to 0.001", "< to <="), "t is below 0 or above 1 here"),
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
        ("if begin < top < last:", ("< to <=",), "a top at an end is that end's value"),
    ),
    "can_frame": (
        (
            "def encode_error(error_class: int, data: bytes = bytes(8)) -> bytes:",
            ("8 to 9",),
            "the ninth zero is cut off by the layout",
        ),
    ),
    "damiao": (
        *(
            (f"{function}if not -{most} <= {value} <= {most}:", ("<= to <", "<= to <, 2nd"), _SAME)
            for most, value, function in (
                ("p_max", "position_rad", "encode_motion: "),
                ("p_max", "position_rad", "encode_feedback: "),
                ("p_max", "position", ""),
                ("v_max", "velocity_rad_s", "encode_motion: "),
                ("v_max", "velocity_rad_s", "encode_feedback: "),
                ("v_max", "velocity", ""),
                ("t_max", "torque_nm", "encode_gains: "),
                ("t_max", "torque_nm", "encode_feedback: "),
            )
        ),
        *(
            line
            for gain, limit in (("kp", "KP_MAX"), ("kd", "KD_MAX"))
            for line in (
                (f"if not 0.0 <= {gain} <= {limit}:", ("0.0 to 0.001", "<= to <"), _COUNT),
                (f'{gain} = _clamp("{gain}", {gain}, {limit}, 0.0)', ("0.0 to 0.001",), _COUNT),
            )
        ),
        ("return limit if value > limit else lower", ("> to >=",), "it is called for values beyond the limits"),
        *(
            (
                f"0 if {name} < 0 else 255 if {name} > 255 else int({name}),",
                ("0 to 1", "< to <=", "> to >="),
                "at the ends, and between 0 and 1, whole degrees are the same",
            )
            for name in ("mosfet_c", "rotor_c")
        ),
    ),
    "iso_tp": (
        *(
            (f"self.{name} = {value}", ("statement removed", *changes), _SET)
            for name, value, *changes in (
                ("_at", "0", "0 to 1"),
                ("_next_index", "0", "0 to 1"),
                ("_allowed", "0", "0 to 1"),
                ("_waits", "0", "0 to 1"),
                ("_gap_ns", "0", "0 to 1"),
                ("_not_before_ns", "0", "0 to 1"),
                ("_since_ns", "0", "0 to 1"),
                ("_received", "bytearray()"),
                ("_expected_index", "0", "0 to 1"),
                ("_block", "0", "0 to 1"),
                ("_received_ns", "0", "0 to 1"),
            )
        ),
        ("TpLink.__init__: self._is_waiting = False", ("statement removed", "False to True"), _SET),
        ("elif self._allowed:", ("condition always true",), _BELOW),
        ("if code <= 0x7F:", ("<= to <",), "0x7F is 127 ms either way"),
        ("if self._block:", ("condition always true",), _BELOW),
        (
            "if len(frame) <= 8:",
            ("<= to <", "condition always false"),
            "every length to 8 exists: nothing is added to it",
        ),
        (
            "length = (data[0] & 15) << 8 | data[1] if len(data) >= 8 else 0",
            ("0 to 1",),
            "what is shorter than 8 is refused in the next line",
        ),
    ),
    "exo_wire": (
        ("_IMAGE_HEADER: Final = MessageCodec(0, ImageHeader)", ("0 to 1",), "its type byte is cut off: it has none"),
    ),
    "exo_codec": (("if self.tail:", ("condition always true",), "without a tail it is empty, and no check takes it"),),
    "exo_can": (
        (
            "if can_id & 15 != self.node or can_id > 0x7FF:",
            ("2047 to 2048", "> to >="),
            "0x7FF is of no function, 0x800 of no node",
        ),
        (
            "if len(data) < SAMPLE_HEAD.size - 1:",
            ("- to +", "< to <="),
            "no frame of a bus has 10 or 11 bytes",
        ),
        (
            "head = TAIL.pack(device_us, seq & 0xFF, inputs, 0)[:CHECKED_TAIL]",
            ("0 to 1",),
            "the place of the CRC-16, cut off",
        ),
    ),
    "params": (("near = difflib.get_close_matches(name, names, 1)", ("1 to 2",), "only the first is named"),),
    "exo_sample": (
        ("self._scale = scale if max(scale) > 1 else None", ("> to >=",), "counts times 1"),
        ('self._sector_of = _sectors(self._modulo) if count_bytes == 2 else b""', ("2 to 3",), _SECTORS),
        ("self._health = tuple(health_of(state) for state in range(256))", ("256 to 257",), "no byte is 256"),
        ("self._last_seq = 0", ("0 to 1",), _FIRST),
        ("self._last_us = 0", ("0 to 1", "statement removed"), _FIRST),
        ("self.seq = 0", ("0 to 1", "statement removed"), _FIRST),
        ("self.device_us = 0", ("0 to 1", "statement removed"), _FIRST),
        ("if step != 1:", ("condition always true",), "a step of 1 loses 0"),
        ("if not 0 < step < 0x8000_0000:", ("0 to 1",), "1 was looked at before"),
        ("if not sectors or sectors != self._sectors:", ("condition always true",), _SECTORS),
        ("self._sectors = sectors", ("statement removed",), _SECTORS),
        ("if body.endswith(self._zeros):", ("condition always false",), "only skips looking up each state's health"),
        (
            "width = 1 << max(0, (min(modulos) // 2).bit_length() - 1)",
            ("0 to 1", "1 to 2", "2 to 3", "<< to >>", "max to min", "- to +", "// to *"),
            _SECTORS,
        ),
        (
            "if width < 256 or any(modulo % width for modulo in modulos):",
            ("% to //", "256 to 257", "< to <=", "condition always true"),
            _SECTORS,
        ),
        ("return bytes((high << 8) // width & 0xFF for high in range(256))", ("8 to 9",), _SECTORS),
        ("if any(beyond):", ("condition always true",), "the same readings and healths, looked at the long way"),
        (
            "if len(body) < SAMPLE_HEAD.size or body[0] != SAMPLE_TYPE:",
            ("< to <=",),
            "a head alone has no channel, and is refused as that",
        ),
    ),
    "ker": (
        (
            "_FOLDS: Final = tuple(tuple(8 << step for step in reversed(range(steps))) for steps in range(24))",
            ("24 to 25",),
            "one row more, of longer data than there is",
        ),
        (
            "for bits in _FOLDS[(len(data) - 1).bit_length() if data else 0]:",
            ("- to +", "0 to 1"),
            "a shift by more bits than there are adds 0",
        ),
        ("if len(data) < body + _TEXT.size:", ("< to <=",), "a byte of a field is missing still"),
        (
            "self._marks_at: Final = _byte_offset(schema, marks.key) if marks is not None else 0",
            ("0 to 1",),
            "no marks are found everywhere",
        ),
        (
            "if data[at + self._angles_at + 3 : at + self._angles_end : 4].translate(None, _SMALL):",
            ("condition always true",),
            _SLOW,
        ),
        ("_TO_WHOLE: Final = 1.5 * 2.0**52", ("1.5 to 1.875",), "between 2^52 and 2^53 as well, its lower bits 0 too"),
        (
            "_SMALL: Final = bytes(high for high in range(256) if high & 0x7F <= 0x46)",
            ("& to |", "<= to <"),
            _SLOW,
        ),
        ("@dataclass(frozen=True, slots=True)", ("True to False",), "nobody changes a schema"),
    ),
    "ker_stream": (
        ("if found < 0:  # the first half of a header may have arrived", ("0 to 1", "< to <="), "looked for after 0"),
        (
            "seq = self._u32_at(buffer, at + self._seq_at)[0] if self._seq_at >= 0 else 0",
            ("0 to 1", ">= to >"),
            _AT,
        ),
        (
            "if 0 < ahead_us <= SPARE_US and self._is_started and self._held is None:",
            ("0 to 1", "<= to <", "condition always false"),
            _SLOW,
        ),
        ("if self._seq_at < 0:", ("0 to 1", "< to <="), _AT),
        ("if self._seq_at < 0:", ("condition always false", "condition always true"), "the phase of numbers is unused"),
        ("is_next = seq - self._seq_raw == 1", ("- to +",), _SLOW),
        ("is_next = slot_us < self._slot_end_us", ("< to <=",), _DOUBLE),
        (
            "steps = _signed(seq - self._seq_raw) if self._seq_at >= 0 else self._steps(ahead_us)",
            ("0 to 1", ">= to >"),
            _AT,
        ),
        (
            "after = _signed(seq - held[0]) if self._seq_at >= 0 else 1",
            ("0 to 1", ">= to >", "1 to 2"),
            "1 and 2 are both next; " + _AT,
        ),
        *((f"KerStream.{name}: self._phase_us = 0.0", ("0.0 to 0.001",), _NANO) for name in ("__init__", "_take")),
        ("return ((difference + _HALF) & _U32) - _HALF", ("+ to -",), "twice the half is a whole turn"),
        ("self._slot_end_us: Final = 1.5 * self._period_us", ("* to /",), _SLOW),
        *(
            (line, ("0 to 1", "statement removed"), "the first frame of the link sets it")
            for line in ("self._host_ns = 0", "KerStream.__init__: self._stale_run = 0")
        ),
        *((line, ("0 to 1",), "the first frame sets it") for line in ("self._seq_raw = 0", "self._us_raw = 0")),
        ("newest = -1", ("1 to 2",), "any offset below 0"),
    ),
    **ARM,
}
