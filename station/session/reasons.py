"""Why a repetition was rejected: code -> words in both languages, 'what was wrong -> what to do'."""

from __future__ import annotations

import re
from typing import Final, Literal

Language = Literal["zh", "en"]

REACH_SHORT: Final = "reach_short"
NO_RETURN: Final = "no_return"
WRONG_ORDER: Final = "wrong_order"
TOO_SLOW: Final = "too_slow"
INTERRUPTED: Final = "interrupted"
SAMPLE_GAP: Final = "sample_gap"
TICK_GAP: Final = "tick_gap"
LIMIT_HIT: Final = "limit_hit"
JOINT_FROZEN: Final = "joint_frozen"
RECORD_INCOMPLETE: Final = "record_incomplete"
REJECTED_BY_WORKER: Final = "rejected_by_worker"

WORDS: Final[dict[str, dict[Language, str]]] = {
    REACH_SHORT: {
        "zh": "“{phase}”没到位（{joint}差 {value}，允许 {limit}）→ 请做到位再继续",
        "en": "“{phase}” not reached ({joint} off by {value}, {limit} allowed) → go all the way, then go on",
    },
    NO_RETURN: {
        "zh": "回位不到位（{joint}差 {value}，允许 {limit}）→ 手臂放回身侧再开始下一次",
        "en": "Not back home ({joint} off by {value}, {limit} allowed) → bring the arm back, then begin the next",
    },
    WRONG_ORDER: {
        "zh": "顺序不对：先做了“{before}”，后做“{phase}”→ 请按屏幕上的顺序做",
        "en": "Wrong order: “{before}” came before “{phase}” → follow the order on the screen",
    },
    TOO_SLOW: {
        "zh": "“{phase}”太慢（{value}，最多 {limit}）→ 请一口气做完",
        "en": "“{phase}” took too long ({value}, at most {limit}) → do it in one go",
    },
    INTERRUPTED: {
        "zh": "机器人中途停止跟随（{value}）→ 手臂放回身侧，重新开始跟随后再做",
        "en": "The robot stopped following ({value}) → arm back to your side, press SPACE / pedal, then redo",
    },
    SAMPLE_GAP: {
        "zh": "外骨骼数据中断 {value}（最多 {limit}）→ 请重做；再次出现请叫技师查线缆",
        "en": "Exoskeleton data missing for {value} (at most {limit}) → redo; if it comes again, call a technician "
        "to check the cable",
    },
    TICK_GAP: {
        "zh": "控制程序有停顿（{value}，最多 {limit}）→ 请重做；再次出现请叫技师",
        "en": "The control loop paused ({value}, at most {limit}) → redo; if it comes again, call a technician",
    },
    LIMIT_HIT: {
        "zh": "{joint}超出机器人限位 {value} → 动作小一点再做",
        "en": "{joint} went {value} beyond the robot's limit → redo with a smaller movement",
    },
    JOINT_FROZEN: {
        "zh": "{joint}的读数 {value} 没有变化 → 请重做；再次出现请叫技师",
        "en": "The reading of {joint} did not change for {value} → redo; if it comes again, call a technician",
    },
    RECORD_INCOMPLETE: {
        "zh": "这次没能完整记录（{value}）→ 请重做；磁盘满或再次出现请叫技师",
        "en": "This one could not be recorded whole ({value}) → redo; if the disk is full or it comes again, call a "
        "technician",
    },
    REJECTED_BY_WORKER: {
        "zh": "您已把这次作废 → 请重做",
        "en": "You rejected this one → redo",
    },
}
"""Placeholders: {phase} {before} names of phases in the worker's words, {joint}, {value} and {limit} with units."""

_SIDES: Final[dict[str, dict[Language, str]]] = {
    "right": {"zh": "右", "en": "right "},
    "left": {"zh": "左", "en": "left "},
}
# OpenArm's joints from the shoulder outward: three of the shoulder, the elbow, the forearm's roll, two of the wrist.
_PARTS: Final[dict[str, dict[Language, str]]] = {
    "j1": {"zh": "肩前后", "en": "shoulder swing"},
    "j2": {"zh": "肩外展", "en": "shoulder lift"},
    "j3": {"zh": "上臂转", "en": "upper-arm turn"},
    "j4": {"zh": "肘", "en": "elbow"},
    "j5": {"zh": "前臂转", "en": "forearm turn"},
    "j6": {"zh": "腕左右", "en": "wrist tilt"},
    "j7": {"zh": "腕上下", "en": "wrist bend"},
    "trigger": {"zh": "扳机", "en": "trigger"},
    "gripper": {"zh": "夹爪", "en": "gripper"},
}
_JOINT: Final = re.compile(r"(right|left)_([a-z][a-z0-9]*)")


def joint_words(name: str, language: Language) -> str:
    """'right_j4' -> '右肘' / 'right elbow'; a name of another pattern is given back as it is."""
    match = _JOINT.fullmatch(name)
    part = _PARTS.get(match[2]) if match else None
    if match is None or part is None:
        return name
    return _SIDES[match[1]][language] + part[language]


def reason_words(code: str, detail: dict[str, str], language: Language, say: dict[str, str] | None = None) -> str:
    """The sentence the worker reads. `say`: phase name -> its words in this language. Never raises on a missing
    detail: the placeholder is shown as '?', and an unknown code as itself."""
    words = WORDS.get(code)
    if words is None:
        return code
    known = _Detail(detail)
    if "joint" in detail:
        known["joint"] = joint_words(detail["joint"], language)
    for key in ("phase", "before"):
        if key in detail and say:
            known[key] = say.get(detail[key], detail[key])
    sentence = words[language].format_map(known)
    return sentence[0].upper() + sentence[1:]


class _Detail(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"
