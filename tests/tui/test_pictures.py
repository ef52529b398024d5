"""What stands on the screen in its main states, both sizes, both languages: compared with the pictures that ship.

The pictures are text (tests/tui/pictures) and two SVGs (docs/images); only their text is compared, so another version
of Textual breaks nothing. After a wanted change: STATION_WRITE_PICTURES=1 pytest tests/tui/test_pictures.py, then look.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from firmware_bridge.samples import (
    INPUT_ENABLE,
    INPUT_ENABLE_THROUGH,
    INPUT_ESTOP,
    INPUT_HAS_ENABLE,
    INPUT_HAS_ESTOP,
)
from station.control.events import EVENTS, Effect
from station.session.reasons import WORDS
from station.signals import AlarmView, Mode, Verdict
from station.tui.language import Language, Words
from station.tui.words import event_words, switch_words
from tests.tui.conftest import SIZES, Staged
from tests.tui.picture import svg, svg_lines
from tests.tui.scenes import NOW_NS, REJECTED, STATES, view

PICTURES = Path(__file__).parent / "pictures"
IMAGES = Path(__file__).parents[2] / "docs" / "images"
WRITES = bool(os.environ.get("STATION_WRITE_PICTURES"))
LANGUAGES: tuple[Language, ...] = ("en", "zh")


def check(path: Path, lines: list[str]) -> None:
    lines = [line.rstrip() for line in lines]
    if WRITES:
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8").splitlines() == lines


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", STATES)
async def test_the_screen_looks_as_its_picture_in_both_languages(staged: Staged, state: str, size: tuple[int, int]):
    async with staged(STATES[state], "en", size) as stage:
        for language in LANGUAGES:
            lines = await stage.draw()
            assert [cell_len(line) for line in lines] == [size[0]] * size[1]
            assert not [line for line in lines if "…" in line.replace(" …", "")], "nothing is cut"
            check(PICTURES / f"{state}_{language}_{size[0]}x{size[1]}.txt", lines)
            await stage.press("l")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_list_of_keys_and_marks_looks_as_its_picture(staged: Staged, size: tuple[int, int]):
    async with staged(STATES["following"], "en", size) as stage:
        await stage.press("question_mark")
        for language in LANGUAGES:
            lines = await stage.draw()
            assert not [line for line in lines if "…" in line], "nothing is cut"
            check(PICTURES / f"keys_{language}_{size[0]}x{size[1]}.txt", lines)
            await stage.press("l")


@pytest.mark.parametrize(("name", "language", "size"), [("work", "en", (120, 40)), ("work_zh", "zh", (120, 40))])
async def test_the_picture_of_the_readme_shows_the_screen_as_it_is(
    staged: Staged, name: str, language: Language, size: tuple[int, int]
):
    shown = msgspec.structs.replace(STATES["rejected"], worker="王小明" if language == "zh" else "Wang")
    async with staged(shown, language, size) as stage:
        lines = await stage.draw()
        picture = svg(stage.app)
    path = IMAGES / f"{name}.svg"
    if WRITES:
        path.write_text(picture, encoding="utf-8")
    assert svg_lines(path.read_text(encoding="utf-8")) == [line.rstrip() for line in lines]


@pytest.mark.parametrize("state", ["following", "return"])
async def test_normal_work_is_grey(staged: Staged, state: str):
    async with staged(STATES[state], "en", (120, 40)) as stage:
        await stage.draw()
        assert colours(stage) == set()


@pytest.mark.parametrize(
    ("state", "sign", "word"),
    [
        ("rejected", "✗", "Rejected"),
        ("ready", "▶", "Press SPACE"),
        ("hold", "▲", "Encoder"),
        ("stopped", "■", "stopped"),
    ],
)
async def test_colour_comes_with_a_sign_and_a_word(staged: Staged, state: str, sign: str, word: str):
    async with staged(STATES[state]) as stage:
        lines = await stage.draw()
        assert colours(stage) != set()
        assert any(sign in line and word in line for line in lines)


def colours(stage) -> set[str]:
    """Colours on the screen that are no greys."""
    found = set()
    for strip in stage.app.screen._compositor.render_strips():
        for segment in strip:
            for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                if colour is not None:
                    red, green, blue = colour.get_truecolor()
                    if max(red, green, blue) - min(red, green, blue) > 8:
                        found.add(colour.get_truecolor().hex)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_stop_reason_fits_the_smallest_screen_whole(staged: Staged, language: Language):
    async with staged(STATES["stopped"], language) as stage:
        for event in (event for event in EVENTS.values() if event.name != "shutdown"):  # its page is another
            stage.link.show(stop_event=event.name, stop_detail="right_j4: 41 ms")
            shown = squeeze(stage.rows("#notice"))
            found = event_words(event.name, "", Words(language))
            for sentence in (found.cause, found.consequence, found.action):
                assert squeeze([sentence])[1:] in shown, event.name
            assert squeeze(["按r复位" if language == "zh" else "press r"]) in shown, event.name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mode", [Mode.HOLD, Mode.STOPPING, Mode.STOPPED])
async def test_no_page_says_that_the_arm_is_held_while_its_motors_say_that_they_are_off(
    staged: Staged, mode: Mode, language: Language
):
    panel = "#phase" if mode is Mode.HOLD else "#notice"
    off, support, holds = ("断电", "托住手臂", "保持") if language == "zh" else ("switchedoff", "upportthearm", "hold")
    async with staged(STATES["hold" if mode is Mode.HOLD else "stopped"], language) as stage:
        for event in (event for event in EVENTS.values() if event.effect in (Effect.HOLD, Effect.STOP)):
            stage.link.show(mode=mode, stop_event=event.name, stop_detail="", alarms=(), is_arm_off=True)
            shown = squeeze(stage.rows(panel))
            assert off in shown and support in shown, event.name
            if mode is not Mode.HOLD:
                assert holds not in shown.replace("holditsmiddle", ""), event.name


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_stop_with_a_very_long_detail_still_says_what_to_press(staged: Staged, language: Language):
    async with staged(STATES["stopped"], language) as stage:
        stage.link.show(stop_event="gate_refused", stop_detail="joint right_j4: 2.91 rad is outside its bounds; " * 12)
        lines = await stage.draw()
        assert squeeze(["按r复位" if language == "zh" else "press r"]) in squeeze(lines)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_alarm_and_every_cause_of_a_hold_fits_whole(staged: Staged, language: Language):
    async with staged(STATES["hold"], language) as stage:
        for event in EVENTS.values():
            alarm = AlarmView(event=event.name, detail="right_j7: 41 ms", t_ns=NOW_NS)
            stage.link.show(stop_event=event.name, stop_detail="right_j7: 41 ms", alarms=(alarm,))
            words = event_words(event.name, "", Words(language))
            for part in (stage.rows("#phase"), stage.rows("#alarms")):
                shown = squeeze(part)
                assert squeeze([words.cause])[1:] in shown, event.name
                assert squeeze([words.action])[1:] in shown, event.name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", ["session_lost", "screen_lost"])
async def test_what_has_come_back_is_not_to_be_restarted(staged: Staged, event: str, language: Language):
    async with staged(STATES["hold"], language) as stage:
        stage.link.show(stop_event=event, stop_detail="320 ms", alarms=())
        shown = squeeze(stage.rows("#phase"))
        own = EVENTS[event].zh if language == "zh" else EVENTS[event].en
        assert squeeze([own.action]) not in shown
        assert ("现已恢复" if language == "zh" else "itisback") in shown


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_verdict_fits_the_banner_whole(staged: Staged, language: Language):
    async with staged(STATES["rejected"], language) as stage:
        for reason in WORDS:
            detail = {"joint": "right_j3", "value": "14.2°", "limit": "9.0°", "phase": "home", "before": "reach"}
            stage.link.show(last=Verdict(number=9, accepted=False, reason=reason, detail=detail, duration_s=3.0))
            shown = squeeze(stage.rows("#banner"))
            fix = WORDS[reason][language].partition("→")[2]
            assert squeeze([fix]) in shown, reason


@pytest.mark.parametrize(
    ("value", "english", "chinese"), [("screen_lost", "gone", "断开"), ("HOLD", "on hold", "已暂停")]
)
async def test_an_interrupted_repetition_says_why_in_words(staged: Staged, value: str, english: str, chinese: str):
    verdict = Verdict(number=9, accepted=False, reason="interrupted", detail={"phase": "grip", "value": value})
    for language, expected in (("en", english), ("zh", chinese)):
        async with staged(view(in_rep=False, last=verdict), language) as stage:
            assert any(expected in line for line in (await stage.draw())[11:14])


def squeeze(lines: list[str]) -> str:
    """Text without the spaces and frames that line breaks bring."""
    return "".join(character for line in lines for character in line if character not in " │┃║")


async def test_the_banner_shouts_until_the_next_repetition_begins_and_stays_readable(staged: Staged):
    async with staged(view(in_rep=False, last=REJECTED)) as stage:
        await stage.draw()
        assert colours(stage)
        stage.link.show(in_rep=True, rep_s=0.1)
        lines = await stage.draw()
        assert colours(stage) == set()
        assert any("Previous repetition" in line for line in lines)
        assert any("Rejected: Not back home (right elbow off by 14°" in line for line in lines)


@pytest.mark.parametrize("size", SIZES)
async def test_the_worst_alarm_stays_the_others_take_turns(staged: Staged, size: tuple[int, int]):
    names = ("records_lost", "motor_warm", "disk_low", "loop_gap")
    alarms = tuple(AlarmView(event=name, detail="", t_ns=NOW_NS) for name in names)
    async with staged(view(alarms=alarms), "en", size) as stage:
        seen = set()
        for _ in range(3):
            lines = await stage.draw()
            assert any("Alarms: 1 +3 (a: all)" in line for line in lines)
            shown = squeeze(stage.rows("#alarms"))
            for sentence in (EVENTS[names[0]].en.cause, EVENTS[names[0]].en.action):
                assert squeeze([sentence])[1:] in shown
            seen |= {name for name in names[1:] if squeeze([EVENTS[name].en.cause])[1:] in shown}
            stage.clock.advance(4.0)
            stage.link.show(t_ns=stage.clock.now_ns)
        assert seen == set(names[1:])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("inputs", [INPUT_ENABLE, INPUT_ENABLE_THROUGH, INPUT_ESTOP, 0])
async def test_the_switches_are_read_whole_beside_many_alarms(staged: Staged, inputs: int, language: Language):
    alarms = tuple(AlarmView(event=name, detail="", t_ns=NOW_NS) for name in list(EVENTS)[:10])
    async with staged(view(alarms=alarms, inputs=inputs | INPUT_HAS_ENABLE | INPUT_HAS_ESTOP), language) as stage:
        shown = squeeze(await stage.draw())
        for switch in switch_words(inputs | INPUT_HAS_ENABLE | INPUT_HAS_ESTOP, Words(language)):
            assert squeeze([switch]) in shown


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mode", [Mode.READY, Mode.HOLD])
async def test_a_switch_pressed_through_is_to_be_let_go_first(staged: Staged, mode: Mode, language: Language):
    inputs = INPUT_HAS_ENABLE | INPUT_ENABLE_THROUGH
    gripped = view(mode=mode, in_rep=False, rep_s=0.0, inputs=inputs, must_let_go=True)
    async with staged(gripped, language) as stage:
        shown = squeeze(await stage.draw())
        assert squeeze(["松开使能开关，再握住中间位置" if language == "zh" else "Let the enable switch go"]) in shown
        stage.link.show(inputs=INPUT_HAS_ENABLE, must_let_go=False)
        shown = squeeze(await stage.draw())
        assert squeeze(["▶ 握住使能开关的中间位置" if language == "zh" else "▶ Grip the enable switch"]) in shown


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_stop_page_says_that_the_hand_clenched(staged: Staged, language: Language):
    inputs = INPUT_HAS_ENABLE | INPUT_ENABLE_THROUGH
    stopped = view(mode=Mode.STOPPED, in_rep=False, rep_s=0.0, inputs=inputs, stop_event="enable_pressed_through")
    async with staged(stopped, language) as stage:
        shown = squeeze(await stage.draw())
        event = EVENTS["enable_pressed_through"]
        for sentence in event.zh if language == "zh" else event.en:
            assert squeeze([sentence])[1:] in shown
        for switch in switch_words(inputs, Words(language)):
            assert squeeze([switch]) in shown


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_key_shows_every_alarm_whole_until_any_key(staged: Staged, language: Language):
    async with staged(STATES["alarms"], language) as stage:
        await stage.press("a")
        shown = squeeze(await stage.draw())
        for alarm in STATES["alarms"].alarms:
            for sentence in EVENTS[alarm.event].zh if language == "zh" else EVENTS[alarm.event].en:
                assert squeeze([sentence])[1:] in shown, alarm.event
        stage.link.show(mode=Mode.STOPPED, stop_event="joint_lost")
        assert squeeze(["按r复位" if language == "zh" else "press r"]) in squeeze(await stage.draw()), (
            "a stop goes first"
        )
        stage.link.show(mode=Mode.FOLLOWING)
        await stage.draw()
        await stage.press("a")
        assert not any("14:32:08" not in line and "全部报警" in line for line in await stage.draw())


async def test_a_technical_detail_stands_apart_from_what_a_worker_reads_in_chinese(staged: Staged):
    async with staged(STATES["technical"], "zh") as stage:
        rows = stage.rows("#notice")
        english = [line for line in rows if "speed sent" in line]
        assert len(english) == 1
        assert english[0].strip().startswith("技术信息：")
        stage.link.show(mode=Mode.HOLD, stop_event="joint_stale", stop_detail="right_j4: it went away somehow")
        shown = await stage.draw()
        assert any("右肘" in line for line in shown)
        assert not any("somehow" in line for line in shown)
        verdict = Verdict(number=9, accepted=False, reason="record_incomplete", detail={"value": "a thing broke here"})
        stage.link.show(mode=Mode.FOLLOWING, last=verdict)
        banner = stage.rows("#banner")
        assert [line.strip() for line in banner if "broke" in line] == ["技术信息：a thing broke here"]


async def test_before_the_first_view_the_screen_says_that_it_waits(staged: Staged):
    async with staged(None) as stage:
        assert any("Waiting for the session" in line for line in await stage.draw())


@pytest.mark.parametrize("size", [(79, 24), (80, 23), (30, 8), (12, 3)])
async def test_a_terminal_too_small_says_so_in_both_languages(staged: Staged, size: tuple[int, int]):
    async with staged(STATES["following"], "zh", size) as stage:
        shown = squeeze(await stage.draw())
        assert "终端太小" in shown
        assert "Terminaltoosmall" in shown or size == (12, 3)
        stage.link.show(mode=Mode.FOLLOWING)
        await stage.press("space")
        assert stage.link.asked(), "the keys still work"


async def test_a_resized_terminal_is_drawn_anew(staged: Staged):
    async with staged(STATES["following"]) as stage:
        await stage.pilot.resize_terminal(120, 40)
        wide = await stage.draw()
        assert any("Arm joints" in line for line in wide)
        await stage.pilot.resize_terminal(80, 24)
        lines = [line.rstrip() for line in await stage.draw()]
        assert lines == (PICTURES / "following_en_80x24.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("asked_deg", "marks"), [(4.0, 1), (0.0, 0), (-4.0, 0)])
@pytest.mark.parametrize("side", ["upper", "lower"])
async def test_a_joint_that_its_limit_holds_back_is_marked_by_shape_and_colour(
    staged: Staged, side: str, asked_deg: float, marks: int
):
    shown = view()
    joint, out = shown.joints[3], 1 if side == "upper" else -1
    limit = joint.upper_rad if side == "upper" else joint.lower_rad
    near = msgspec.structs.replace(joint, position_rad=limit - out * 0.01, residual_rad=out * math.radians(asked_deg))
    joints = (*shown.joints[:3], near, *shown.joints[4:])
    async with staged(msgspec.structs.replace(shown, joints=joints), "en", (120, 40)) as stage:
        lines = await stage.draw()
        assert sum("◆" in line for line in lines) == marks
        assert bool(colours(stage)) is bool(marks)


@pytest.mark.parametrize(("accepted", "target"), [(0, 1), (9, 10), (1234, 5000), (99_999, 100_000)])
@pytest.mark.parametrize("size", SIZES)
async def test_counts_of_any_length_fit(staged: Staged, accepted: int, target: int, size: tuple[int, int]):
    async with staged(view(accepted=accepted, target=target), "en", size) as stage:
        lines = await stage.draw()
        assert not any("…" in line for line in lines)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_an_end_in_order_is_calm_and_a_lost_control_process_is_not(staged: Staged, language: Language) -> None:
    async with staged(STATES["stopped"], language) as stage:
        stage.link.show(stop_event="shutdown", accepted=200, target=200)
        assert squeeze(["200/200"]) in squeeze(stage.rows("#notice"))
        assert squeeze(["按r复位" if language == "zh" else "press r"]) not in squeeze(stage.rows("#notice"))
        stage.link.show(stop_event="control_lost", mode=int(Mode.DISCONNECTED))
        shown = squeeze(stage.rows("#notice"))
        assert squeeze(["按两次 q" if language == "zh" else "press q twice"]) in shown
        for sentence in EVENTS["control_lost"].zh if language == "zh" else EVENTS["control_lost"].en:
            assert squeeze([sentence])[1:] in shown


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("mode", "recent"), [(Mode.HOLD, ()), (Mode.HOLD, (True,)), (Mode.READY, (True,))])
async def test_the_panel_and_the_list_of_keys_name_space_alike(
    staged: Staged, mode: Mode, recent: tuple[bool, ...], language: Language
):
    async with staged(view(mode=mode, recent=recent, in_rep=False), language) as stage:
        go_on = "继续" if language == "zh" else "goon"
        for panel in ("#phase", "#keys"):
            assert go_on in squeeze(stage.rows(panel)), panel
