"""Each key → the intents and requests it must and must not send, in each mode."""

from __future__ import annotations

import asyncio

import pytest

from station.signals import IntentKind, Mode, RequestKind
from station.tui.app import FINISH_ASK_NS, REMARK_NS, SILENCE_NS
from station.tui.heart import ENGAGE_LIMIT_NS
from station.tui.summary import Ending
from tests.tui.conftest import Staged
from tests.tui.scenes import NOW_NS, view


@pytest.mark.parametrize("mode", [Mode.READY, Mode.HOLD])
async def test_space_asks_to_follow_again_and_again_where_the_arm_waits(staged: Staged, mode: Mode):
    async with staged(view(mode=mode)) as stage:
        await stage.press("space")
        while len(stage.link.asked()) < 3:
            await asyncio.sleep(0.02)
        assert set(stage.link.asked()) == {IntentKind.ENGAGE}


async def test_engaging_goes_on_while_aligning_and_ends_when_the_arm_follows(staged: Staged):
    async with staged(view(mode=Mode.READY)) as stage:
        await stage.press("space")
        stage.link.show(mode=Mode.ALIGNING, mode_since_ns=NOW_NS + 1)
        stage.app.poll()
        before = len(stage.link.asked())
        while len(stage.link.asked()) == before:
            await asyncio.sleep(0.02)
        stage.link.show(mode=Mode.FOLLOWING)
        stage.app.poll()
        stage.link.intents.clear()
        while stage.link.intents.count(IntentKind.LEASE) < 3:
            await asyncio.sleep(0.02)
        assert stage.link.asked() == []


@pytest.mark.parametrize(
    "fallen", [Mode.HOLD, Mode.READY, Mode.STOPPING, Mode.STOPPED, Mode.DISCONNECTED], ids=lambda mode: mode.name
)
async def test_engaging_ends_when_the_arm_falls_back(staged: Staged, fallen: Mode):
    async with staged(view(mode=Mode.READY)) as stage:
        await stage.press("space")
        stage.link.show(mode=Mode.ALIGNING)
        stage.app.poll()
        stage.link.show(mode=fallen, mode_since_ns=NOW_NS + 1)
        stage.app.poll()
        stage.link.intents.clear()
        while stage.link.intents.count(IntentKind.LEASE) < 3:
            await asyncio.sleep(0.02)
        assert stage.link.asked() == []


async def test_engaging_ends_by_itself_after_its_limit(staged: Staged):
    async with staged(view(mode=Mode.READY)) as stage:
        await stage.press("space")
        stage.clock.advance(ENGAGE_LIMIT_NS / 1e9 + 0.1)
        stage.link.show(t_ns=stage.clock.now_ns)
        stage.app.poll()
        stage.link.intents.clear()
        while stage.link.intents.count(IntentKind.LEASE) < 3:
            await asyncio.sleep(0.02)
        assert stage.link.asked() == []


@pytest.mark.parametrize("key", ["space", "h", "enter", "x"])
async def test_any_key_ends_an_engaging_and_holds(staged: Staged, key: str):
    async with staged(view(mode=Mode.READY)) as stage:
        await stage.press("space", key)
        asked = stage.link.asked()
        assert IntentKind.HOLD in asked
        assert IntentKind.ENGAGE not in asked[asked.index(IntentKind.HOLD) :]


@pytest.mark.parametrize("mode", [Mode.ALIGNING, Mode.FOLLOWING])
async def test_space_holds_at_once_where_the_arm_moves_and_says_it_thrice(staged: Staged, mode: Mode):
    async with staged(view(mode=mode)) as stage:
        await stage.press("space")
        assert stage.link.asked()[0] is IntentKind.HOLD
        stage.link.show(mode=Mode.HOLD, mode_since_ns=NOW_NS + 1)
        while stage.link.intents.count(IntentKind.HOLD) < 3:
            await asyncio.sleep(0.02)
        stage.link.intents.clear()
        while stage.link.intents.count(IntentKind.LEASE) < 3:
            await asyncio.sleep(0.02)
        assert stage.link.asked() == []


@pytest.mark.parametrize("mode", [Mode.DISCONNECTED, Mode.STOPPING, Mode.STOPPED])
async def test_space_does_nothing_where_the_arm_may_not_move(staged: Staged, mode: Mode):
    async with staged(view(mode=mode)) as stage:
        await stage.press("space")
        assert stage.link.asked() == []


async def test_x_rejects_the_last_repetition(staged: Staged):
    async with staged(view()) as stage:
        await stage.press("x")
        assert stage.link.requests == [RequestKind.REJECT_LAST]
        assert stage.link.asked() == []


@pytest.mark.parametrize(
    ("recent", "english", "chinese"),
    [((), "Nothing to reject yet", "还没有可以作废的"), ((True, False), "rejected already", "上一次已经不合格")],
)
async def test_x_where_there_is_nothing_to_reject_says_so_for_a_while(staged: Staged, recent, english, chinese):
    async with staged(view(recent=recent)) as stage:
        await stage.press("x")
        assert stage.link.requests == []
        assert any(english in line for line in stage.rows("#banner"))
        await stage.press("l", "x")
        assert any(chinese in line for line in stage.rows("#banner"))
        stage.clock.advance(REMARK_NS / 1e9 + 0.1)
        stage.link.show(t_ns=stage.clock.now_ns)
        assert not any(chinese in line for line in stage.rows("#banner"))


@pytest.mark.parametrize("key", ["question_mark", "a"])
async def test_x_rejects_nothing_that_the_person_cannot_see(staged: Staged, key: str):
    async with staged(view()) as stage:
        await stage.press(key, "x")
        stage.link.show(mode=Mode.STOPPED)
        await stage.draw()
        await stage.press("x")
        assert stage.link.requests == []


@pytest.mark.parametrize("mode", [Mode.STOPPED, Mode.DISCONNECTED])
async def test_q_is_answered_on_every_page(staged: Staged, mode: Mode):
    async with staged(view(mode=mode)) as stage:
        await stage.press("q")
        assert any("Press q again" in line for line in await stage.draw())
        await stage.press("q")
        assert any("Ending the shift" in line for line in await stage.draw())
        assert stage.link.requests == [RequestKind.FINISH]


async def test_q_is_answered_where_the_link_is_lost(staged: Staged):
    async with staged(view()) as stage:
        stage.link.is_lost = True
        await stage.draw()
        await stage.press("q")
        assert any("Press q again" in line for line in await stage.draw())


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.name)
async def test_s_asks_for_a_stop_in_every_mode(staged: Staged, mode: Mode):
    async with staged(view(mode=mode)) as stage:
        await stage.press("s")
        assert set(stage.link.asked()) == {IntentKind.STOP}


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.name)
async def test_r_resets_only_a_stopped_robot(staged: Staged, mode: Mode):
    async with staged(view(mode=mode)) as stage:
        await stage.press("r")
        assert stage.link.asked() == ([IntentKind.RESET] if mode is Mode.STOPPED else [])


@pytest.mark.parametrize(("key", "title"), [("a", "All alarms"), ("question_mark", "Keys and marks")])
async def test_the_lists_open_over_a_stop_and_any_key_leads_back_to_it(staged: Staged, key: str, title: str):
    async with staged(view(mode=Mode.STOPPED, stop_event="joint_lost", stop_detail="right_j4: 212 ms")) as stage:
        assert any(" a alarms " in line and " ? keys" in line for line in await stage.draw())
        await stage.press(key)
        shown = await stage.draw()
        assert any(title in line for line in shown) and not any("SPACE start" in line for line in shown[-1:])
        await stage.press("l", "l")
        assert any(title in line for line in await stage.draw())
        await stage.press("r")
        assert any("Robot stopped" in line for line in await stage.draw()) and stage.link.asked() == []
        stage.clock.advance(1.0)
        stage.link.show(t_ns=stage.clock.now_ns)
        await stage.press("r")
        assert stage.link.asked() == [IntentKind.RESET]


@pytest.mark.parametrize(
    "change", [{"is_arm_off": True}, {"stop_detail": "then estop"}, {"stop_event": "estop"}, {"mode": Mode.STOPPING}]
)
async def test_more_of_a_stop_goes_before_a_list(staged: Staged, change: dict[str, object]):
    async with staged(view(mode=Mode.STOPPED, stop_event="joint_lost", stop_detail="right_j4")) as stage:
        await stage.press("a")
        assert any("All alarms" in line for line in await stage.draw())
        stage.link.show(**change)
        assert any("Robot stopped" in line for line in await stage.draw())


async def test_a_list_that_a_stop_has_covered_keeps_no_key_from_it(staged: Staged):
    async with staged(view()) as stage:
        await stage.press("a")
        stage.link.show(mode=Mode.STOPPED, stop_event="joint_lost")
        assert any("Robot stopped" in line for line in await stage.draw())
        stage.clock.advance(1.0)
        stage.link.show(t_ns=stage.clock.now_ns)
        await stage.draw()
        await stage.press("r")
        assert stage.link.asked() == [IntentKind.RESET]


async def test_a_reset_that_does_nothing_is_answered(staged: Staged):
    async with staged(view(mode=Mode.STOPPED, stop_event="leader_error")) as stage:
        await stage.press("r")
        assert not any("Not reset" in line for line in await stage.draw())
        stage.clock.advance(1.0)
        stage.link.show(t_ns=stage.clock.now_ns)
        assert any("Not reset: the cause is still there" in line for line in await stage.draw())
        stage.link.show(mode=Mode.READY)
        assert not any("Not reset" in line for line in await stage.draw())


async def test_a_stop_that_comes_after_a_reset_is_not_told_as_refused(staged: Staged):
    async with staged(view(mode=Mode.STOPPED, stop_event="leader_error")) as stage:
        await stage.press("r")
        stage.clock.advance(1.0)
        stage.link.show(t_ns=stage.clock.now_ns, stop_event="arm_stale", mode_since_ns=stage.clock.now_ns)
        assert not any("Not reset" in line for line in await stage.draw())


async def test_q_asks_first_and_finishes_at_the_second_press(staged: Staged):
    async with staged(view()) as stage:
        await stage.press("q")
        assert any("Press q again" in line for line in await stage.draw())
        assert stage.link.requests == []
        await stage.press("q")
        assert stage.link.requests == [RequestKind.FINISH]
        assert any("Ending the shift" in line for line in await stage.draw())
        stage.link.show(finished=True)
        stage.app.poll()
        await stage.pilot.pause()
    outcome = stage.app.return_value
    assert outcome is not None
    assert outcome.ending is Ending.FINISHED
    assert "147 / 200" in outcome.text
    assert "complete" in outcome.text


async def test_q_is_forgotten_after_another_key_or_a_while(staged: Staged):
    async with staged(view()) as stage:
        await stage.press("q", "l", "q")
        assert stage.link.requests == []
        stage.clock.advance(FINISH_ASK_NS / 1e9 + 0.1)
        stage.app.poll()
        await stage.press("q")
        assert stage.link.requests == []


async def test_l_switches_the_language_and_back(staged: Staged):
    async with staged(view()) as stage:
        await stage.press("l")
        assert any("打开微波炉门" in line for line in await stage.draw())
        await stage.press("l")
        assert any("Open the microwave door" in line for line in await stage.draw())


async def test_the_question_mark_lists_the_keys_until_any_key(staged: Staged):
    async with staged(view()) as stage:
        await stage.press("question_mark")
        assert any("emergency stop is the red button" in line for line in await stage.draw())
        await stage.press("h")
        assert not any("emergency stop" in line for line in await stage.draw())


async def test_ctrl_c_holds_and_finishes_and_a_second_one_closes(staged: Staged):
    async with staged(view()) as stage:
        await stage.press("ctrl+c")
        assert stage.link.asked()[0] is IntentKind.HOLD
        assert stage.link.requests == [RequestKind.FINISH]
        await stage.press("ctrl+c")
    assert stage.app.return_value is not None
    assert stage.app.return_value.ending is Ending.ABORTED


async def test_a_lost_link_is_said_and_q_twice_closes_the_screen(staged: Staged):
    async with staged(view()) as stage:
        stage.link.is_lost = True
        lines = await stage.draw()
        assert any("lost the station" in line for line in lines)
        assert any("unknown" in line for line in lines[:1]), "the robot's state is not known any more"
        await stage.press("q", "q")
    assert stage.app.return_value is not None
    assert stage.app.return_value.ending is Ending.ABORTED
    assert stage.link.requests == []


async def test_views_that_no_longer_come_are_a_lost_link_and_end_an_engaging(staged: Staged):
    async with staged(view(mode=Mode.READY)) as stage:
        await stage.press("space")
        stage.clock.advance(SILENCE_NS / 1e9 + 0.1)
        assert any("lost the station" in line for line in await stage.draw())
        stage.link.intents.clear()
        await stage.press("space")
        assert stage.link.asked() == []
        stage.link.show(t_ns=stage.clock.now_ns)
        assert not any("lost the station" in line for line in await stage.draw())


async def test_the_verdict_rings_the_bell_once(staged: Staged, monkeypatch: pytest.MonkeyPatch):
    from tests.tui.scenes import REJECTED

    async with staged(view()) as stage:
        rung: list[int] = []
        monkeypatch.setattr(stage.app, "_with_bell", True)
        monkeypatch.setattr(stage.app, "bell", lambda: rung.append(1))
        stage.link.show(last=REJECTED)
        stage.app.poll()
        stage.link.show(rep_s=0.4)
        stage.app.poll()
        assert rung == [1]


async def test_ctrl_c_in_an_attached_screen_only_leaves_it(staged: Staged):
    async with staged(view(mode=int(Mode.FOLLOWING))) as stage:
        stage.app._is_attached = True
        stage.link.intents.clear()
        await stage.press("ctrl+c")
        assert stage.app.return_value is not None
        assert stage.app.return_value.ending is Ending.LEFT
        assert stage.link.requests == []
        assert not {IntentKind.HOLD, IntentKind.STOP} & set(stage.link.intents)
