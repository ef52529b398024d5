"""How Damiao motors are met before they may move: each is switched off, read, compared, given its time-out.

All motors of all buses are asked at once, each with one question at a time: a whole arm takes a few round trips.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from drivers.can_bus import CanBus
from drivers.errors import DriverError
from firmware_bridge.damiao import (
    CONTROL_MODE_MIT,
    CONTROL_MODE_WORDS,
    DISABLE,
    OP_READ,
    OP_WRITE,
    REGISTER_ID,
    RID_CONTROL_MODE,
    RID_PMAX,
    RID_SERIAL_NUMBER,
    RID_SOFTWARE_VERSION,
    RID_TIMEOUT,
    RID_TMAX,
    RID_VMAX,
    STATUS_ENABLED,
    TIMEOUT_UNIT_S,
    Ranges,
    decode_register,
    encode_refresh,
    encode_register_read,
    encode_register_write,
    is_register_answer,
    register_name,
)

BOUND_S: Final = 1.2
"""For the whole arm; a motor that has not finished by then is missing."""
ASK_AGAIN_S: Final = 0.04
OPTIONAL_TRIES: Final = 3
"""Registers that older firmware may not have are asked so often, then left out."""
WORDS_LIMIT: Final = 4
"""Problems told in full; the others as a number."""

_READS: Final = (RID_SOFTWARE_VERSION, RID_SERIAL_NUMBER, RID_CONTROL_MODE, RID_PMAX, RID_VMAX, RID_TMAX)
_OPTIONAL: Final = frozenset({RID_SOFTWARE_VERSION, RID_SERIAL_NUMBER})


@dataclass(frozen=True, slots=True)
class _Question:
    can_id: int
    data: bytes
    operation: int
    """Of the answer: OP_READ or OP_WRITE; 0 for feedback."""
    rid: int
    is_optional: bool = False


@dataclass(slots=True)
class Meeting:
    """One motor being met."""

    name: str
    bus: int
    motor_id: int
    reply_id: int
    model: str
    ranges: Ranges
    timeout_units: int
    values: dict[int, float] = field(default_factory=dict)
    """Registers as read, by number; the time-out as read back after it was set."""
    status: int = -1
    heard: bool = False
    _questions: list[_Question] = field(default_factory=list)
    _asked_at_s: float = -math.inf
    _tries: int = 0

    def __post_init__(self) -> None:
        motor_id = self.motor_id
        self._questions = [
            _Question(motor_id, DISABLE, 0, 0),
            *(
                _Question(REGISTER_ID, encode_register_read(motor_id, rid), OP_READ, rid, rid in _OPTIONAL)
                for rid in _READS
            ),
            _Question(
                REGISTER_ID,
                encode_register_write(motor_id, RID_TIMEOUT, self.timeout_units),
                OP_WRITE,
                RID_TIMEOUT,
            ),
            _Question(REGISTER_ID, encode_register_read(motor_id, RID_TIMEOUT), OP_READ, RID_TIMEOUT),
            _Question(REGISTER_ID, encode_refresh(motor_id), 0, 0),
        ]

    @property
    def is_done(self) -> bool:
        return not self._questions

    @property
    def waits_for(self) -> str:
        question = self._questions[0]
        return f"register {register_name(question.rid)}" if question.operation else "feedback"

    def due(self, now_s: float) -> _Question | None:
        """The question to send now, if any: a new one, or one that was not answered for ASK_AGAIN_S."""
        if self.is_done or now_s - self._asked_at_s < ASK_AGAIN_S:
            return None
        if self._tries >= OPTIONAL_TRIES and self._questions[0].is_optional:
            self._next()
        self._asked_at_s = now_s
        self._tries += 1
        return self._questions[0]

    def take(self, data: bytes) -> bool:
        """An answer on this motor's reply id; whether it was the one waited for."""
        if self.is_done or len(data) != 8:
            return False
        question = self._questions[0]
        if question.operation:
            if not is_register_answer(self.motor_id, data) or data[2] != question.operation or data[3] != question.rid:
                return False
            if question.operation == OP_READ:
                self.values[question.rid] = decode_register(data).value
        else:
            if is_register_answer(self.motor_id, data) or data[0] & 0xF != self.motor_id & 0xF:
                return False
            self.status = data[0] >> 4
        self.heard = True
        self._next()
        return True

    def _next(self) -> None:
        del self._questions[0]
        self._asked_at_s = -math.inf
        self._tries = 0

    def problems(self, bus: str) -> list[str]:
        """What differs from what it should be, in words; empty where all is well."""
        who = f"motor {self.name} (id {self.motor_id}, bus {bus})"
        found = []
        mode = int(self.values.get(RID_CONTROL_MODE, 0))
        if mode != CONTROL_MODE_MIT:
            found.append(
                f"{who}: register {register_name(RID_CONTROL_MODE)} is {mode} "
                f"({CONTROL_MODE_WORDS.get(mode, 'unknown')}); expected {CONTROL_MODE_MIT} (MIT); set it with the "
                f"maker's tool and store it"
            )
        for rid, expected in zip((RID_PMAX, RID_VMAX, RID_TMAX), self.ranges, strict=True):
            value = self.values.get(rid, math.nan)
            if not abs(value - expected) <= 1e-4 * expected:
                found.append(
                    f"{who}: register {register_name(rid)} is {value:g}; expected {expected:g} for a {self.model}; "
                    f"every command would be misread: correct the model in the rig file or the motor's register"
                )
        units = int(self.values.get(RID_TIMEOUT, 0))
        if units != self.timeout_units:
            found.append(
                f"{who}: register {register_name(RID_TIMEOUT)} reads back {units} ({_ms(units)} ms); expected "
                f"{self.timeout_units} ({_ms(self.timeout_units)} ms); the motor would not stop by itself: update its "
                f"firmware or replace it"
            )
        if self.status == STATUS_ENABLED:
            found.append(f"{who}: still on after it was switched off; expected off; cut its power and start again")
        return found


def _ms(units: int) -> str:
    return f"{units * TIMEOUT_UNIT_S * 1e3:g}"


def check_in(buses: Sequence[CanBus], meetings: Sequence[Meeting], bound_s: float = BOUND_S) -> None:
    """Meet all motors. Blocks up to `bound_s`. Raises DriverError that names every motor missing or different."""
    by_reply = [
        {meeting.reply_id: meeting for meeting in meetings if meeting.bus == index} for index in range(len(buses))
    ]
    descriptors = [bus.fileno() for bus in buses]
    deadline_s = time.monotonic() + bound_s
    while any(not meeting.is_done for meeting in meetings):
        now_s = time.monotonic()
        if now_s > deadline_s:
            break
        for meeting in meetings:
            question = meeting.due(now_s)
            if question is not None:
                buses[meeting.bus].send(question.can_id, question.data)
        select.select(descriptors, [], [], ASK_AGAIN_S / 4)
        for bus, known in zip(buses, by_reply, strict=True):
            for can_id, data in bus.receive_all():
                meeting_or_none = known.get(can_id)
                if meeting_or_none is not None:
                    meeting_or_none.take(data)
    _raise_problems(buses, meetings, bound_s)


def _raise_problems(buses: Sequence[CanBus], meetings: Sequence[Meeting], bound_s: float) -> None:
    problems = []
    for index, bus in enumerate(buses):
        mine = [meeting for meeting in meetings if meeting.bus == index]
        if mine and not any(meeting.heard for meeting in mine):
            problems.append(
                f"bus {bus.name} ({bus.channel}): no motor answers in {bound_s:g} s; expected "
                f"{', '.join(m.name for m in mine)}; check motor power, cable, termination and bit rate"
            )
            continue
        for meeting in mine:
            if meeting.is_done:
                problems += meeting.problems(bus.name)
            else:
                problems.append(
                    f"motor {meeting.name} (id {meeting.motor_id}, bus {bus.name}): no answer on id "
                    f"0x{meeting.reply_id:x} to {meeting.waits_for} in {bound_s:g} s; expected one within "
                    f"milliseconds; check its plug and power, its id and its master id"
                )
    if problems:
        more = f"; and {len(problems) - WORDS_LIMIT} more" if len(problems) > WORDS_LIMIT else ""
        raise DriverError("; ".join(problems[:WORDS_LIMIT]) + more)
