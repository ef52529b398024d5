"""As `explained.py`: of the codecs."""

from __future__ import annotations

from typing import Final

_SAME: Final = "at equality both branches give the same number: a clip to a value that is already there"
_SET: Final = "the first frame of a transfer sets it before anything reads it"
_BELOW: Final = "from 0, no limit, it counts down and never comes to 0 again"
_SECTORS: Final = "narrower sectors, or none: turns are followed more often than need be, and dearer"
_FIRST: Final = "the first SAMPLE sets it before anything reads it"
_AT: Final = "a field stands after the header: its offset is -1 or at least 2"
_COUNT: Final = "the same count of the wire: 0.001 is less than one"
_SLOW: Final = "the quick way is not taken: the full one judges the same, and is dearer"
_NANO: Final = "a nanosecond of a window"

WIRE: Final[dict[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
    "can_frame": (
        (
            "def encode_error(error_class: int, data: bytes = bytes(8)) -> bytes:",
            ("8 to 9",),
            "the ninth zero is cut off by the layout",
        ),
    ),
    "damiao": (
        *(
            (f"{function}if not -{most} <= {value} <= {most}:", ("<= to <",), _SAME)
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
        (
            "(position_rad,), (velocity_rad_s,), (gains,) = decode_motions([motion_row(ranges, 0)], [data])",
            ("0 to 1",),
            "the row's gains are for encoding: decoding tells those of the bytes",
        ),
        ("return limit if value > limit else lower", ("> to >=",), "it is called for values beyond the limits"),
        *(
            (
                f"0 if {name} < 0 else 255 if {name} > 255 else int({name}),",
                ("0 to 1, 2nd", "< to <=", "> to >="),
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
            ("0 to 1, 2nd",),
            "what is shorter than 8 is refused in the next line",
        ),
    ),
    "exo_terms": (
        (
            "MAX_FRAME: Final = MAX_BODY + MAX_BODY // 254 + 1",
            ("254 to 255",),
            "a body of 389 bytes has one full block",
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
        ("self.seq = 0", ("0 to 1",), _FIRST),
        ("self.device_us = 0", ("0 to 1",), _FIRST),
        ("if step != 1:", ("condition always true",), "a step of 1 loses 0"),
        ("if not 0 < step < MOST_AHEAD:", ("0 to 1",), "1 was looked at before"),
        ("if not sectors or sectors != self._sectors:", ("condition always true",), _SECTORS),
        ("self._sectors = sectors", ("statement removed",), _SECTORS),
        ("if body.endswith(self._zeros):", ("condition always false",), "only skips looking up each state's health"),
        (
            "width = 1 << max(0, (min(modulos) // 2).bit_length() - 1)",
            ("0 to 1", "1 to 2, 2nd", "2 to 3", "<< to >>", "max to min", "- to +", "// to *"),
            _SECTORS,
        ),
        (
            "if width < 256 or any(modulo % width for modulo in modulos):",
            ("% to //", "256 to 257", "< to <=", "condition always true"),
            _SECTORS,
        ),
        ("return bytes((high << 8) // width & 0xFF for high in range(256))", ("8 to 9",), _SECTORS),
        ("if any(beyond):", ("condition always true",), "the same readings and healths, looked at the long way"),
        *(
            (f"SampleReader.{function}: self._inputs = -1", ("1 to 2",), "below 0 is of none")
            for function in ("__init__", "restart", "decode")
        ),
        ("if inputs != self._inputs:", ("condition always true",), "folded with itself it is the same"),
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
        (
            "@dataclass(frozen=True, slots=True)",
            ("True to False", "True to False, 2nd"),
            "nobody changes a schema; its room is not counted",
        ),
    ),
    "ker_stream": (
        ("if found < 0:  # the first half of a header may have arrived", ("0 to 1", "< to <="), "looked for after 0"),
        (
            "seq = self._u32_at(buffer, at + self._seq_at)[0] if self._seq_at >= 0 else 0",
            ("0 to 1, 2nd", "0 to 1, 3rd", ">= to >"),
            _AT + "; without one the number is not looked at",
        ),
        (
            "if 0 < ahead_us <= SPARE_US and self._is_started and self._held is None:",
            ("0 to 1", "<= to <", "condition always false"),
            _SLOW,
        ),
        ("if self._seq_at < 0:", ("0 to 1", "< to <="), _AT),
        ("if self._seq_at < 0:", ("condition always false", "condition always true"), "the phase of numbers is unused"),
        (
            "steps = _signed(seq - self._seq_raw) if self._seq_at >= 0 else self._steps(ahead_us)",
            ("0 to 1", ">= to >"),
            _AT,
        ),
        (
            "after = _signed(seq - held[0]) if self._seq_at >= 0 else 1",
            ("0 to 1, 2nd", ">= to >", "1 to 2"),
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
}
