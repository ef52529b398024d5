"""Look-up of the words for modes, joints, events and verdicts, in the screen's language."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from station.control import events
from station.session import reasons
from station.signals import Mode, PhaseView, Verdict
from station.tui.language import Words
from station.tui.rows import Tone

_MODES: Final[dict[int, tuple[str, Tone, str]]] = {
    Mode.DISCONNECTED: ("not connected", "warn", "▲"),
    Mode.READY: ("ready", "plain", "●"),
    Mode.ALIGNING: ("aligning", "plain", "◐"),
    Mode.FOLLOWING: ("following", "plain", "▶"),
    Mode.HOLD: ("on hold", "plain", "‖"),
    Mode.STOPPING: ("stopping", "bad", "■"),
    Mode.STOPPED: ("STOPPED", "bad", "■"),
}
_PHRASES: Final = {
    re.compile(pattern): message
    for pattern, message in (
        (r"\bno answer\b", "no answer"),
        (r"\bout of range\b", "out of range"),
        (r"\bimpossible step\b", "impossible step"),
        (r"\bnot a number\b", "not a number"),
        (r"\bdevice error\b", "device error"),
        (r"\bnever read\b", "never read"),
        (r"\bunder way\b", "under way"),
        (r"\band (?P<count>\d+) after it\b", "and {count} after it"),
        (r"\basked (?P<angle>-?\d+) deg\b", "asked {angle} deg"),
        (r"\b(?P<count>\d+) ticks\b", "{count} ticks"),
    )
}
"""What the control process says in details (control/inputs.py, control/loop.py); other text is shown as it is."""
_JOINT: Final = re.compile(r"\b(?:left|right)_[a-z0-9]+\b")
_SIDES: Final = ("left ", "right ", "左", "右")


class ModeWords(NamedTuple):
    text: str
    tone: Tone
    sign: str
    """A shape besides the word and the colour."""


def mode_words(mode: int, words: Words) -> ModeWords:
    text, tone, sign = _MODES.get(mode, ("unknown", "bad", "?"))
    return ModeWords(words(text), tone, sign)


def joint_words(name: str, words: Words) -> str:
    """'right_j4' → 'right elbow'; a name of another make stays as it is."""
    return reasons.joint_words(name, words.language)


def joint_part(name: str, words: Words) -> str:
    """'right_j4' → 'elbow', for a column that is headed 'right arm'."""
    full = joint_words(name, words)
    for side in _SIDES:
        full = full.removeprefix(side)
    return full


class EventWords(NamedTuple):
    cause: str
    """With the detail, where there is one: 'Exoskeleton data is late: right elbow: 41 ms'."""
    consequence: str
    action: str
    who: str
    """Who acts."""


def event_words(name: str, detail: str, words: Words) -> EventWords:
    """Words of an event of control/events.py; a name that the table does not know is shown as it is."""
    event = events.EVENTS.get(name)
    where = detail_words(detail, words)
    if event is None:
        return EventWords(f"{name}: {where}" if where else name, "", "", words("Technician"))
    cause, consequence, action = event.zh if words.language == "zh" else event.en
    needs_technician = "technician" in event.en.action
    return EventWords(
        words("{cause}: {detail}", cause=_begin(cause), detail=where) if where else _begin(cause),
        _begin(consequence),
        _begin(action),
        words("Technician") if needs_technician else words("The person at the rig"),
    )


def detail_words(detail: str, words: Words) -> str:
    """'right_j4: no answer, 41 ms' → '右肘: 无应答, 41 ms'; joints and the control process's phrases, anywhere."""
    text = _JOINT.sub(lambda found: joint_words(found[0], words), detail)
    for phrase, message in _PHRASES.items():
        text = phrase.sub(lambda found, message=message: words(message, **found.groupdict()), text)  # type: ignore[misc]
    return text


def _begin(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


class VerdictWords(NamedTuple):
    what: str
    fix: str


def verdict_words(verdict: Verdict, phases: tuple[PhaseView, ...], words: Words) -> VerdictWords:
    """What was wrong with a rejected repetition, and what to do."""
    say = {phase.name: words.pick(phase.say) for phase in phases}
    detail = {**verdict.detail, "value": _value_words(verdict.detail.get("value", "?"), words)}
    sentence = reasons.reason_words(verdict.reason, detail, words.language, say)
    what, _, fix = sentence.partition("→")
    return VerdictWords(what.strip(), fix.strip())


def _value_words(value: str, words: Words) -> str:
    """A repetition that was interrupted carries the event's name, or the mode's."""
    if value in events.EVENTS:
        cause = event_words(value, "", words).cause
        return cause[:1].lower() + cause[1:]
    return mode_words(Mode[value], words).text if value in Mode.__members__ else value
