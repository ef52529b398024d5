"""What the screen says of a cause: what lets nothing start, the way out of a stop, who acts."""

from __future__ import annotations

import itertools

import pytest

from firmware_bridge.samples import INPUT_ENABLE, INPUT_ESTOP, INPUT_HAS_ENABLE, INPUT_HAS_ESTOP
from station.control.events import EVENTS, Effect
from station.session.view import without_control
from station.signals import AlarmView, Mode
from station.tui.language import Language, Words
from station.tui.widgets.banner import BLOCKED
from tests.tui.conftest import Staged
from tests.tui.scenes import NOW_NS, STATES, view
from tests.tui.test_pictures import LANGUAGES, squeeze


@pytest.mark.parametrize("event", ["supervisor_lost", "no_supervisor", "disk_full", "no_session", "session_lost"])
@pytest.mark.parametrize("state", ["ready", "hold"])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_space_cannot_end_does_not_ask_for_space(staged: Staged, language: Language, state: str, event: str):
    async with staged(STATES[state], language) as stage:
        stage.link.show(stop_event="operator_hold" if state == "hold" else "", stop_detail="", blocked=event)
        own = EVENTS[event].zh if language == "zh" else EVENTS[event].en
        for _ in range(2):
            shown = squeeze(stage.rows("#phase"))
            big = ("Cannotstart", "不能开始") if state == "ready" else ("Cannotgoon", "不能继续")
            assert big[language == "zh"] in shown
            assert squeeze([own.cause])[1:] in shown and squeeze([own.action])[1:] in shown
            assert "SPACE" not in shown and "空格" not in shown
            assert "SPACE" not in squeeze(stage.rows("#keys")) and "空格" not in squeeze(stage.rows("#keys"))
            await stage.press("space")
            assert not stage.app._heart.is_engaging and stage.link.asked() == []
            said = squeeze(stage.rows("#banner"))
            assert squeeze([Words(language)(BLOCKED)]) in said


async def test_asking_for_a_start_ends_where_something_comes_to_block_it(staged: Staged):
    async with staged(STATES["ready"]) as stage:
        await stage.press("space")
        assert stage.app._heart.is_engaging
        stage.link.show(blocked="supervisor_lost")
        assert "Cannotstart" in squeeze(stage.rows("#phase"))
        assert not stage.app._heart.is_engaging


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", ["joint_frozen", "joint_lost", "joint_out_of_range", "motor_hot"])
async def test_a_refused_reset_after_a_doubted_reading_names_the_way_out(
    staged: Staged, language: Language, event: str
):
    async with staged(STATES["stopped"], language) as stage:
        stage.link.show(stop_event=event, stop_detail="right_j4")
        await stage.press("r")
        stage.clock.advance(1.0)
        stage.link.show(t_ns=stage.clock.now_ns)
        shown = squeeze(stage.rows("#notice"))
        assert ("没有复位" if language == "zh" else "Notreset") in shown
        way_out = "最后的正常角度" if language == "zh" else "lastgoodangle"
        assert (way_out in shown) is (event != "motor_hot")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_refused_reset_names_what_is_in_the_way_now(staged: Staged, language: Language):
    """An encoder's stop, and then whatever else: all of it on the smallest screen."""
    gone = "port /dev/serial/by-id/usb-STMicroelectronics_KER_hub-if00: No such file or directory; plug it in"
    refused, press = ("没有复位", "按r复位") if language == "zh" else ("Notreset:nowsomething", "pressr.")
    async with staged(STATES["stopped"], language) as stage:
        await stage.press("r")
        stage.clock.advance(1.0)
        both = INPUT_HAS_ENABLE | INPUT_HAS_ESTOP | INPUT_ESTOP
        detail = "right_j1: not a number, 200 ms; then motor_fault right_j2: power stage too hot"
        stage.link.show(t_ns=stage.clock.now_ns, stop_event="joint_frozen", stop_detail=detail, inputs=both)
        for event in (event for event in EVENTS.values() if event.effect >= Effect.STOP and event.name != "shutdown"):
            alarm = AlarmView(event=event.name, detail=gone, t_ns=NOW_NS)
            stage.link.show(blocked=event.name, alarms=(alarm,), is_arm_off=True)
            shown = squeeze(stage.rows("#notice"))
            own = event.zh if language == "zh" else event.en
            after = shown[shown.index(refused) :]
            assert squeeze([own.cause])[1:] in after and squeeze([own.action])[1:] in after, event.name
            assert squeeze([gone]) in after and press in after, event.name
            first = EVENTS["joint_frozen"].zh if language == "zh" else EVENTS["joint_frozen"].en
            assert squeeze([first.cause])[1:] in shown and squeeze([first.action])[1:] in shown, event.name
        stage.link.show(blocked="")
        assert ("最后的正常角度" if language == "zh" else "lastgoodangle") in squeeze(stage.rows("#notice"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", ["control_lost", "supervisor_stop"])
async def test_where_nobody_listens_no_switch_is_told(staged: Staged, event: str, language: Language):
    """What the station last heard of an emergency stop that is pressed now: that it was not pressed."""
    shown = view(mode=Mode.STOPPED, inputs=INPUT_HAS_ENABLE | INPUT_HAS_ESTOP | INPUT_ENABLE, must_let_go=True)
    switches = ("使能开关", "急停") if language == "zh" else ("Enable", "E-stop")
    async with staged(shown, language) as stage:
        assert all(switch in squeeze(stage.rows("#notice")) for switch in switches)
    gone = without_control(shown, event, NOW_NS)
    assert (gone.mode, gone.stop_event, gone.alarms[0].event) == (Mode.DISCONNECTED, event, event)
    async with staged(gone, language) as stage:
        for panel in ("#notice", "#alarms"):
            assert not any(switch in squeeze(stage.rows(panel)) for switch in switches), panel


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_control_process_that_died_and_one_that_froze_are_told_alike(staged: Staged, language: Language):
    who, off = ("技师", "已停止并断电") if language == "zh" else ("Technician", "hasstoppedandisswitchedoff")
    for event in ("control_lost", "supervisor_stop"):
        async with staged(STATES["stopped"], language) as stage:
            stage.link.show(stop_event=event, stop_detail="", mode=int(Mode.DISCONNECTED), is_arm_off=False)
            shown = squeeze(stage.rows("#notice"))
            assert off in shown and who in shown, event
            own = EVENTS["control_lost"].zh if language == "zh" else EVENTS["control_lost"].en
            assert squeeze([own.action])[1:] in shown


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_second_cause_takes_nothing_of_the_first_and_both_are_words(staged: Staged, language: Language):
    """Every stop, and every cause that may switch the arm off after it, each with the longest of the others, on the
    smallest screen."""
    is_zh = language == "zh"
    hard = [event for event in EVENTS.values() if event.effect >= Effect.STOP_OFF and event.name != "shutdown"]
    async with staged(STATES["stopped"], language) as stage:
        stage.link.show(is_arm_off=True, inputs=INPUT_HAS_ENABLE | INPUT_HAS_ESTOP | INPUT_ENABLE)
        stops = [event for event in EVENTS.values() if event.effect is Effect.STOP]
        longest = max(hard, key=lambda event: len(event.zh.cause if is_zh else event.en.cause))
        widest = max(stops, key=lambda event: len("".join(event.zh if is_zh else event.en)))
        for firsts, seconds in ((stops, [longest]), ([widest], hard)):
            for first, second in itertools.product(firsts, seconds):
                detail = f"right_j4: impossible step, 200 ms; then {second.name} left_j1: 120 ms"
                stage.link.show(stop_event=first.name, stop_detail=detail)
                shown = squeeze(stage.rows("#notice"))
                own, then = (first.zh, second.zh) if is_zh else (first.en, second.en)
                assert ("右肘:读数跳变,200ms" if is_zh else "rightelbow:impossiblestep,200ms") in shown
                assert squeeze([then.cause]) + ("（左肩前后:120ms）" if is_zh else "(leftshoulderswing:120ms)") in shown
                assert squeeze([own.cause])[1:] in shown and squeeze([own.action])[1:] in shown, first.name
                assert "_" not in shown and ("按r复位" if is_zh else "pressr.") in shown, second.name


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_joint_outside_its_travel_is_told_in_degrees_with_its_name(staged: Staged, language: Language):
    async with staged(STATES["stopped"], language) as stage:
        stage.link.show(stop_event="outside_travel", stop_detail="right_j4: stands at -716 deg, travel 0 to 140 deg")
        shown = squeeze(stage.rows("#notice"))
        said = "右肘:现在-716°，行程0°至140°" if language == "zh" else "rightelbow:standsat-716°,travel0°to140°"
        assert said in shown
        assert "Technical" not in shown and "技术信息" not in shown
