"""Look-up of the words for modes, joints, events and verdicts, in the screen's language."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from firmware_bridge.samples import (
    INPUT_ENABLE,
    INPUT_ENABLE_THROUGH,
    INPUT_ESTOP,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
)
from station.control import events
from station.control.events import Effect
from station.session import reasons
from station.signals import BusHealth, Mode, PhaseView, SessionView, Verdict
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
        (r"\b(?P<degrees>\d+) C\b", "{degrees} °C"),
        (r"\basked (?P<angle>-?\d+) deg\b", "asked {angle} deg"),
        (
            r"\bstands at (?P<angle>-?\d+) deg, travel (?P<low>-?\d+) to (?P<high>-?\d+) deg\b",
            "stands at {angle}°, travel {low}° to {high}°",
        ),
        (r"\b(?P<count>\d+) ticks lost on the way to the recorder\b", "{count} ticks"),
        (r"\b(?P<count>\d+) ticks\b", "{count} ticks"),
        (r"\b(?P<count>\d+) in 1 s\b", "{count} in 1 s"),
        (r"\bsample (?P<number>\d+) at (?P<time>\d+) us\b", "sample {number}"),
        (r"\bsupply voltage too high\b", "supply voltage too high"),
        (r"\bsupply voltage too low\b", "supply voltage too low"),
        (r"\bcurrent too high\b", "current too high"),
        (r"\bpower stage too hot\b", "power stage too hot"),
        (r"\brotor too hot\b", "rotor too hot"),
        (
            r"\blost communication: no command within the motor's own time-out",
            "no command within the motor's own time-out",
        ),
        (r"\boverload\b", "overload"),
        (r"\bthe disk is full: .*", "the disk is full"),
        (r"\b(?P<free>\d+) MB free on disk, (?P<need>\d+) MB are needed\b", "{free} MB free, {need} MB needed"),
    )
}
"""What the processes say in details; a detail that is not understood whole is kept apart, as a technical one."""
_SENTENCE: Final = re.compile(r"[A-Za-z']{2,} [A-Za-z']{2,}")
"""Words of English after one another: to a reader of Chinese not a name or a unit, but a sentence."""
_PATH: Final = re.compile(r"/\S+/")
_LONGEST: Final = 60
"""What is longer is a report for a technician in any language, unless every word of it is one that we translate."""
_BACK: Final = {
    "session_lost": "the recorder had stopped; it is back",
    "no_session": "the recorder was not there yet; it is now",
    "screen_lost": "the screen had gone; it is back",
    "no_screen": "no screen was in charge yet",
}
"""A screen that shows a view has a session, and is a screen: these are past where they are read."""
_JOINT: Final = re.compile(r"(?:\bjoint )?\b((?:left|right)_[a-z0-9]+)\b")
_THEN: Final = re.compile(rf"(?:^|; )then ({'|'.join(events.EVENTS)})\b ?")
"""What came after the first cause of a stop, by its name in the table of events; its own detail follows."""
_SIDES: Final = ("left ", "right ", "左", "右")


class ModeWords(NamedTuple):
    text: str
    tone: Tone
    sign: str
    """A shape besides the word and the colour."""


def goes_on(view: SessionView) -> bool:
    """SPACE takes work up again, rather than begins it."""
    return view.mode == Mode.HOLD or bool(view.recent)


def mode_words(mode: int, words: Words) -> ModeWords:
    text, tone, sign = _MODES.get(mode, ("unknown", "bad", "?"))
    return ModeWords(words(text), tone, sign)


def bus_words(health: BusHealth, words: Words) -> str:
    """What a bus went through since the run began; '' for nothing."""
    parts = []
    if health.bus_off:
        off = f"BUS-OFF ×{health.bus_off}"
        parts.append(off if health.is_off else words("RECOVERED ({off})", off=off))
    if health.error_frames:
        parts.append(words("{count} error frames", count=health.error_frames))
    if health.overflowed:
        parts.append(words("{count} overflowed", count=health.overflowed))
    return ", ".join(parts)


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
    technical: str = ""
    """What of the detail is not in the reader's language."""


def event_words(name: str, detail: str, words: Words, *, is_arm_off: bool = False, stands: bool = False) -> EventWords:
    """Words of an event of control/events.py; a name that the table does not know is shown as it is.

    `stands`: it comes with every tick, so that it is not past even where a screen shows it.
    `is_arm_off`: the motors say that they are not all on; an event that was to hold the arm does not say so then."""
    event = events.EVENTS.get(name)
    where, technical = detail_parts(detail, words)
    if event is None:
        off = words("Robot switched off; the arm may drop") if is_arm_off else ""
        support = words("Support the arm") if is_arm_off else ""
        return EventWords(f"{name}: {where}" if where else name, off, support, words("Technician"), technical)
    cause, consequence, action = event.zh if words.language == "zh" else event.en
    needs_technician = "technician" in event.en.action
    if name in _BACK and not stands:
        cause, action, where = words(_BACK[name]), words("press SPACE / pedal to go on"), ""
    if is_arm_off and event.effect in (Effect.HOLD, Effect.STOP):
        consequence = words("Robot switched off; the arm may drop")
        action = words("support the arm; {action}", action=action)
    return EventWords(
        words("{cause}: {detail}", cause=_begin(cause), detail=where) if where else _begin(cause),
        _begin(consequence),
        _begin(action),
        words("Technician") if needs_technician else words("The person at the rig"),
        technical,
    )


def detail_parts(detail: str, words: Words) -> tuple[str, str]:
    """(what the reader understands, the rest as it is): ('右肘', 'speed asked 9.1 rad/s; limit 6.0').

    Each cause of a stop is judged by itself: a second one takes nothing of the first from the reader."""
    first, *later = _THEN.split(detail)
    clear, rest = _parts(first, words)
    technical = [rest]
    for name, more in zip(later[::2], later[1::2]):
        cause = _cause(name, words)
        where, rest = _parts(more, words)
        clear += words(
            "; then: {cause}", cause=words("{cause} ({detail})", cause=cause, detail=where) if where else cause
        )
        technical.append(rest)
    return clear.lstrip("；; "), "; ".join(filter(None, technical))


def _parts(detail: str, words: Words) -> tuple[str, str]:
    """`detail_parts` of one cause."""
    detail = detail.removeprefix("gate: ")  # who refused is said by the cause
    parts = detail.split(": ")
    count = len(parts)
    while count and not _is_plain(": ".join(parts[:count]), words):
        count -= 1
    return detail_words(": ".join(parts[:count]), words), ": ".join(parts[count:])


def _is_plain(detail: str, words: Words) -> bool:
    if _PATH.search(detail):
        return False
    is_short = words.language == "en" and len(detail_words(detail, words)) <= _LONGEST
    return is_short or not _SENTENCE.search(detail_words(detail, Words("zh")))


def detail_words(detail: str, words: Words) -> str:
    """'right_j4: no answer, 41 ms' → '右肘: 无应答, 41 ms'; joints and the control process's phrases, anywhere."""
    text = _JOINT.sub(lambda found: joint_words(found[1], words), detail)
    for phrase, message in _PHRASES.items():
        text = phrase.sub(lambda found, message=message: words(message, **found.groupdict()), text)  # type: ignore[misc]
    return text


def _cause(name: str, words: Words) -> str:
    event = events.EVENTS[name]
    return event.zh.cause if words.language == "zh" else event.en.cause


def _begin(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def switch_words(inputs: int, words: Words) -> list[str]:
    """The state of the switches that the rig has, one text each."""
    found = []
    if inputs & INPUT_HAS_ENABLE:
        if inputs & INPUT_ENABLE_THROUGH:
            found.append(words("Enable ■ PRESSED THROUGH"))
        elif inputs & INPUT_ENABLE:
            found.append(words("Enable ● held in its middle"))
        else:
            found.append(words("Enable ○ not in its middle"))
    if inputs & INPUT_HAS_ESTOP:
        is_pressed = inputs & INPUT_ESTOP
        found.append(words("E-stop ■ PRESSED") if is_pressed else words("E-stop ○ not pressed"))
    return found


class VerdictWords(NamedTuple):
    what: str
    fix: str
    technical: str = ""
    """What of the cause is not in the reader's language."""


def verdict_words(verdict: Verdict, phases: tuple[PhaseView, ...], words: Words) -> VerdictWords:
    """What was wrong with a rejected repetition, and what to do."""
    say = {phase.name: words.pick(phase.say) for phase in phases}
    value, technical = _value_words(verdict.detail.get("value", "?"), words)
    sentence = reasons.reason_words(verdict.reason, {**verdict.detail, "value": value}, words.language, say)
    what, _, fix = sentence.partition("→")
    return VerdictWords(what.strip(), fix.strip(), technical)


def _value_words(value: str, words: Words) -> tuple[str, str]:
    """A repetition that was interrupted carries the event's name, or the mode's; (in words, the rest as it is)."""
    if value in events.EVENTS:
        cause = event_words(value, "", words).cause
        return cause[:1].lower() + cause[1:], ""
    if value in Mode.__members__:
        return mode_words(Mode[value], words).text, ""
    clear, technical = detail_parts(value, words)
    return clear or words("a technical cause"), technical
