"""The words of rejections: both languages, every code, names of joints as people say them."""

from __future__ import annotations

import re

import pytest

from station.session import reasons
from station.session.reasons import joint_words, reason_words
from tests.gestures import NAMES, RIG

CODES = sorted(value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str))
SAY = {"home": "手臂放回身侧", "reach": "伸手抓把手"}


def test_every_code_has_words_that_say_what_to_do():
    assert sorted(reasons.WORDS) == CODES
    for words in reasons.WORDS.values():
        for sentence in words.values():
            assert "→" in sentence
            assert set(re.findall(r"\{(\w*)\}", sentence)) <= {"joint", "value", "limit", "phase", "before"}


@pytest.mark.parametrize("code", CODES)
def test_both_languages_need_the_same_details(code):
    words = reasons.WORDS[code]
    assert set(re.findall(r"\{\w+\}", words["zh"])) == set(re.findall(r"\{\w+\}", words["en"]))


def test_a_sentence_is_put_together():
    detail = {"phase": "home", "joint": "right_j4", "value": "14°", "limit": "9°"}
    assert reason_words("no_return", detail, "zh") == "回位不到位（右肘差 14°，允许 9°）→ 手臂放回身侧再开始下一次"
    assert reason_words("no_return", detail, "en").startswith("Not back home (right elbow off by 14°, 9° allowed) →")
    detail["phase"] = "reach"
    assert reason_words("reach_short", detail, "zh", SAY).startswith("“伸手抓把手”没到位（右肘差 14°")


def test_a_sentence_that_begins_with_a_joint_begins_with_a_capital():
    words = reason_words("limit_hit", {"joint": "left_j6", "value": "12°"}, "en")
    assert words.startswith("Left wrist tilt went 12° beyond")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_missing_details_and_unknown_codes_never_raise(language):
    for code in CODES:
        assert "{" not in reason_words(code, {}, language)
    assert reason_words("of_tomorrow", {}, language) == "of_tomorrow"


def test_every_joint_of_the_shipped_rig_has_its_own_words():
    for language in ("zh", "en"):
        names = [*NAMES, *(joint.name for joint in RIG.arm.joints if joint.name not in NAMES)]
        words = [joint_words(name, language) for name in names]
        assert len(set(words)) == len(names)
        assert not set(words) & set(names)
    assert joint_words("elbow_roll", "en") == "elbow_roll"
    assert joint_words("right_j9", "zh") == "right_j9"
