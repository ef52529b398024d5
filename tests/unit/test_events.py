"""The event table: complete, readable, short enough for a banner of 80 columns."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

import station
from station.control.events import EFFECTS, EVENTS, Effect, Event, Severity, effect_of

ROOM_COLUMNS = 76
"""80 columns less the banner's frame."""


def columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_every_event_says_cause_consequence_and_action_in_both_languages(event: Event):
    for sentences in (event.en, event.zh):
        assert all(part and part == part.strip() and "\n" not in part for part in sentences)
        cause, consequence, action = sentences
        assert columns(f"{cause} (right_gripper: 1234 ms)") <= ROOM_COLUMNS
        assert columns(f"{consequence} → {action}") <= ROOM_COLUMNS + 14
        assert columns(action) <= 56
    assert not re.search("[\u4e00-\u9fff]", " ".join(event.en))
    assert all(re.search("[\u4e00-\u9fff]", part) for part in event.zh)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_the_sentence_tells_what_the_effect_does(event: Event):
    if event.effect in (Effect.STOP_OFF, Effect.OFF):
        assert "off" in event.en.consequence and "断电" in event.zh.consequence
    elif event.effect is Effect.STOP:
        assert event.en.consequence == "robot stopped, holds" and event.zh.consequence == "机器人已停止并保持"
    elif event.effect is Effect.HOLD:
        assert "hold" in event.en.consequence or "not be engaged" in event.en.consequence
    else:
        assert "stop" not in event.en.consequence


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_who_stands_by_an_arm_that_is_switched_off_is_told_to_support_it(event: Event):
    if event.effect in (Effect.STOP_OFF, Effect.OFF):
        assert "support the arm" in event.en.action and "托住手臂" in event.zh.action


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_both_languages_ask_the_same_person(event: Event):
    assert ("technician" in event.en.action) is ("技师" in event.zh.action)


@pytest.mark.parametrize("name", ["arm_stale", "arm_error", "bus_off", "send_queue_full", "motor_fault", "joint_lost"])
def test_what_needs_tools_is_the_technicians(name: str):
    assert "technician:" in EVENTS[name].en.action


def test_a_stop_that_nobody_asked_for_is_an_alarm():
    for event in EVENTS.values():
        if event.effect >= Effect.STOP and event.name not in ("operator_stop", "shutdown"):
            assert event.severity is Severity.ALARM, event.name


def test_a_key_of_the_screen_is_never_called_an_emergency_stop():
    for event in EVENTS.values():
        if event.name != "estop":
            assert "emergency" not in " ".join(event.en).lower() and "急停" not in "".join(event.zh)


def test_the_effects_are_the_tables():
    assert {name: effect_of(name) for name in EVENTS} == EFFECTS
    assert effect_of("") is Effect.STOP


def test_every_event_that_the_control_process_names_is_in_the_table():
    """Every literal of the form ("name", detail) handed on as an event in the control process is known."""
    for file in sorted((Path(station.__file__).parent / "control").glob("*.py")):
        if file.name == "events.py":
            continue
        for name in re.findall(r'(?:raised|events|into)\.append\(\(\s*"([a-z_]+)"', file.read_text(encoding="utf-8")):
            assert name in EVENTS, f"{file.name}: {name}"
