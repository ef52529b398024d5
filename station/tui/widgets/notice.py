"""What covers the whole screen: a stop with its reason, a lost link, a terminal too small, the list of keys."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len

from station.signals import Mode, SessionView
from station.tui.language import Words
from station.tui.rows import EMPTY, Row, Span, band, pad, row, wrap
from station.tui.scene import Cover, Scene
from station.tui.widgets.alarms import alarm_rows
from station.tui.widgets.panel import Panel, technical_rows
from station.tui.words import detail_parts, event_words, switch_words

SMALLEST = (80, 24)
CONTROL_GONE = ("control_lost", "supervisor_stop")
"""Stops after which no control process is left that could be reset."""


STILL_STOPPED: Final = "Not reset: the cause is still there. Remove it first, then press r again."
STILL_DOUBTED: Final = (
    "Not reset: the cause is still there. Move that joint slowly through its last good angle, or plug the exoskeleton "
    "in again; then press r."
)
OTHER_CAUSE: Final = "Not reset: now something else is in the way. {cause} → {action}"
_TECHNICAL_ROWS: Final = 3
"""Of what is in the way; the list of alarms has it whole."""
_DOUBTED: Final = ("joint_frozen", "joint_lost", "joint_out_of_range", "chain_broken")
"""Stops of one joint's reading, which is not believed by itself once it was wrong for long (control/inputs.py)."""


class Notice(Panel):
    def title(self, scene: Scene) -> str:
        words = scene.words
        return {
            Cover.ENDING: words("End of the shift"),
            Cover.STOPPED: words("Robot stopped"),
            Cover.LOST: words("Link lost"),
            Cover.KEYS: words("Keys and marks"),
            Cover.ALARMS: words("All alarms"),
        }.get(scene.cover, "")

    def look(self, scene: Scene) -> str:
        return "-bad" if scene.cover in (Cover.STOPPED, Cover.LOST) else ""

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        if scene.cover is Cover.TOO_SMALL:
            return _too_small(scene, width)
        if scene.cover is Cover.LOST:
            return _with_foot(_lost(scene, width), _asks(scene, width), height)
        if scene.cover is Cover.ENDING:
            return _ending(scene, width)
        if scene.cover is Cover.STOPPED:
            return _stopped(scene, width, height)
        if scene.cover is Cover.KEYS:
            return _keys(scene.words, width, height)
        if scene.cover is Cover.ALARMS:
            return _alarms(scene, width, height)
        return [EMPTY, row("  " + scene.words("Waiting for the session …"), "dim")]


def _too_small(scene: Scene, width: int) -> list[Row]:
    columns, lines = SMALLEST
    zh = f"终端太小：至少需要 {columns}×{lines}，请放大窗口。"
    en = f"Terminal too small: {columns}x{lines} needed. Make the window larger."
    return [row(line, "strong") for text in (zh, en) for line in wrap(text, width)]


def _field(name: str, text: str, width: int, label: int, loud: bool = False) -> list[Row]:
    if not text:
        return []
    rows: list[Row] = []
    for index, line in enumerate(wrap(text, width - label - 4)):
        head = pad(name if index == 0 else "", label)
        rows.append((Span(f"  {head} ", "dim"), Span(line, "strong" if loud else "plain")))
    return [*rows, EMPTY]


def _headline(text: str, width: int, height: int) -> list[Row]:
    lines = [band(f" {line}", width, "bad") for line in wrap(text, width - 3)]
    blank = band("", width, "bad")
    return [blank, *lines, blank, EMPTY] if height >= 18 else [*lines, EMPTY]


def _ending(scene: Scene, width: int) -> list[Row]:
    """The calm end: what was reached, and what happens now."""
    view, words = scene.view, scene.words
    if view is None:
        return []
    reached = words("✓ Target reached: {accepted} / {target}", accepted=view.accepted, target=view.target)
    ended = words("The shift is ending: {accepted} / {target}", accepted=view.accepted, target=view.target)
    rows: list[Row] = [EMPTY, row("  " + (reached if view.accepted >= view.target else ended), "strong"), EMPTY]
    for text in (
        words("The arm is being made safe and switched off. Keep it supported."),
        words("Then the files are completed; the summary follows by itself."),
    ):
        rows += [row("  " + line, "plain") for line in wrap(text, width - 4)]
    return rows


def _asks(scene: Scene, width: int) -> list[Row]:
    """What the key q has begun, on pages that cover the banner."""
    words = scene.words
    if scene.is_finishing:
        return [
            row(f"  {line}", "strong")
            for line in wrap(words("Ending the shift: the arm is made safe, then the files are completed …"), width - 3)
        ]
    if scene.asks_finish:
        text = words("Press q again to end the shift. Any other key: go on working.")
        return [band(f" {line}", width, "action") for line in wrap(text, width - 3)]
    return []


def _with_foot(rows: list[Row], foot: list[Row], height: int, last: list[Row] | None = None) -> list[Row]:
    """`foot` always stands; blank rows give way first, then the end of `rows`; `last` only where there is room."""
    room = height - len(foot)
    if len(rows) > room:
        rows = [line for line in rows if line]
    rows = [*rows[:room], *foot]
    return [*rows, EMPTY, *last] if last and len(rows) + 1 < height else rows


def _stopped(scene: Scene, width: int, height: int) -> list[Row]:
    """What, why, value, who acts, what to press."""
    view, words = scene.view, scene.words
    if view is None:
        return []
    is_gone = view.mode == Mode.DISCONNECTED and view.stop_event in CONTROL_GONE
    is_stopped = view.mode == Mode.STOPPED or is_gone
    event = event_words(view.stop_event, "", words, is_arm_off=view.is_arm_off)
    value, technical = detail_parts(view.stop_detail, words)
    if (view.is_arm_off and is_stopped) or is_gone:  # by the supervisor, or by the motors' own time-out
        headline = words("■ The robot has stopped and is switched off")
    else:
        headline = words("■ The robot has stopped") if is_stopped else words("■ The robot is stopping …")
    fields = [
        (words("Why"), event.cause),
        (words("Value"), value),
        (words("Switches"), "   ".join(switch_words(view.inputs, words))),
        (words("Effect"), event.consequence or words("The robot does not follow.")),
        (words("Who acts"), words("{who}. Look at the robot and the worker first.", who=event.who)),
        (words("To do"), event.action),
    ]
    label = max(cell_len(name) for name, _ in fields)
    loud = (words("Why"), words("To do"))
    rows = _headline(headline, width, height)
    for name, text in fields:
        rows += _field(name, text, width, label, loud=name in loud)
    last = technical_rows(technical, words, width)
    foot = _asks(scene, width)
    if not foot and is_stopped:
        if is_gone:
            press = words("▶ The control process is gone: press q twice to end the shift, then start again.")
        else:
            press = words("▶ When the cause is removed and everybody is clear: press r. The robot does not move by it.")
        foot = [band(f" {line}", width, "action") for line in wrap(press, width - 3)]
        if scene.remark and not is_gone:
            foot = [*_remark(view, scene.remark, words, width), *foot]
    return _with_foot(rows, foot, height, last)


def _remark(view: SessionView, remark: str, words: Words, width: int) -> list[Row]:
    """The answer to the last key; of a reset that did nothing: what keeps it from that now."""
    technical: list[Row] = []
    if remark != STILL_STOPPED:
        said = words(remark)
    elif view.blocked:
        detail = next((alarm.detail for alarm in view.alarms if alarm.event == view.blocked), "")
        event = event_words(view.blocked, detail, words)
        said = words(OTHER_CAUSE, cause=event.cause, action=event.action)
        technical = technical_rows(event.technical, words, width)[:_TECHNICAL_ROWS]
    else:
        said = words(STILL_DOUBTED if view.stop_event in _DOUBTED else STILL_STOPPED)
    lines = wrap(said, width - 5)
    return [*(row(f"  {'▲' if i == 0 else ' '} {line}", "warn") for i, line in enumerate(lines)), *technical]


def _alarms(scene: Scene, width: int, height: int) -> list[Row]:
    """Every alarm whole, the worst first."""
    view, words = scene.view, scene.words
    if view is None or not view.alarms:
        return [EMPTY, row("  " + words("Nothing abnormal."), "dim")]
    rows: list[Row] = []
    for alarm in view.alarms:
        rows += [*alarm_rows(alarm, words, width, is_arm_off=view.is_arm_off), EMPTY]
    return _with_foot(rows, [row("  " + words("Any key closes this list."), "dim")], height)


def _lost(scene: Scene, width: int) -> list[Row]:
    words = scene.words
    label = 9
    rows = _headline(words("✗ The screen has lost the station"), width, 24)
    rows += _field(
        words("Why"),
        words("No news from the session process for {seconds:.0f} s.", seconds=scene.silent_s),
        width,
        label,
    )
    rows += _field(
        words("Robot"),
        words(
            "Without the session the control process holds the arm where it stands; if the control process has "
            "ended too, the motors' own watchdog has stopped them. Do not reach into the robot's space on the strength "
            "of this message."
        ),
        width,
        label,
        loud=True,
    )
    rows += _field(
        words("Records"), words("Finished repetitions are on disk; the running one is not counted."), width, label
    )
    rows += _field(
        words("To do"),
        words(
            "Wait: the screen goes on by itself when the session answers. Otherwise press q twice and start again with "
            "'station run'."
        ),
        width,
        label,
        loud=True,
    )
    return rows


def _keys(words: Words, width: int, height: int) -> list[Row]:
    """Every key and every mark; without blank rows where there is little room."""
    keys = [
        (words("SPACE"), words("start, and hold at once; the pedal does the same")),
        ("x", words("reject the last repetition yourself")),
        ("s", words("stop request: the robot stops until a person resets it. The emergency stop is the red button.")),
        ("r", words("reset after a stop, when a person has looked; moves nothing")),
        ("q", words("end the shift (press twice); the arm is made safe first, then the files are completed")),
        ("a  l  ?", words("all alarms · 中文 / English · this list; any key closes it")),
    ]
    marks = [
        ("●  ○  ·", words("accepted, rejected, still to come")),
        ("▶  ✓  ↩", words("movement now, movement done, last movement: arm back home")),
        ("━  ▸", words("time of this repetition; ▸ it takes longer than usual")),
        ("◆  !", words("arm joint at its limit and asked to go further: make it smaller")),
        ("▲  →  ✗", words("something abnormal; what to do about it; rejected, or the link is lost")),
        ("●  ◐  ‖  ■", words("robot ready, aligning, on hold, stopped")),
    ]
    is_wide = height >= 2 * (len(keys) + len(marks)) + 6
    rows: list[Row] = [EMPTY] if is_wide else []
    for key, what in (*keys, ("", ""), *marks):
        found = _field(key, what, width, 11) or [EMPTY, EMPTY]
        rows += found if is_wide else found[:-1]
    return rows
