"""What to do now: the movement of the running repetition, or how to begin, or why the arm waits."""

from __future__ import annotations

import math

from firmware_bridge.samples import INPUT_ENABLE, INPUT_HAS_ENABLE
from station.signals import Mode, SessionView
from station.tui.language import Words
from station.tui.rows import EMPTY, Row, Span, Tone, band, row, spread, width_of, wrap
from station.tui.scene import Scene
from station.tui.widgets.panel import Panel
from station.tui.words import event_words, goes_on, joint_words

_ALIGN_SHOWN_RAD = math.radians(0.5)
"""A smaller residual is not worth a word."""


class PhaseBox(Panel):
    def title(self, scene: Scene) -> str:
        if scene.view is not None and scene.view.mode == Mode.FOLLOWING:
            return scene.words("Next movement")
        return scene.words("What to do")

    def look(self, scene: Scene) -> str:
        waits = scene.view is not None and scene.view.mode in (Mode.READY, Mode.HOLD, Mode.ALIGNING)
        return "-action" if waits else ""

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        view = scene.view
        if view is None:
            return []
        if view.mode == Mode.FOLLOWING:
            return _following(view, scene.words, width, height)
        if view.mode == Mode.ALIGNING:
            return _aligning(view, scene.words, width, height)
        if view.mode in (Mode.READY, Mode.HOLD):
            return _waiting(view, scene.words, width, height, scene.is_engaging)[:height]
        return [
            EMPTY,
            *_lines(scene.words("The robot is not connected: the station is looking for it."), width, "warn"),
        ]


def _band(text: str, width: int, height: int, tone: Tone) -> list[Row]:
    """The big line: three rows high where there is room."""
    lines = [band(line, width, tone) for line in wrap(text, width - 2)]
    blank = band("", width, tone)
    return [blank, *lines, blank] if height >= 8 else lines


def _lines(text: str, width: int, tone: Tone = "plain") -> list[Row]:
    return [row(f" {line}", tone) for line in wrap(text, width - 2)]


def _waiting(view: SessionView, words: Words, width: int, height: int, is_engaging: bool) -> list[Row]:
    has_switch = bool(view.inputs & INPUT_HAS_ENABLE)
    if view.blocked:
        return _blocked(view, words, width, height)
    if is_engaging:
        rows = [*_band(words("▶ Starting: keep your arms still …"), width, height, "action"), EMPTY]
        if has_switch:
            rows += _lines(words("If it does not start: let the enable switch go, grip its middle again."), width)
        return rows
    is_dropped = view.mode == Mode.HOLD and view.is_arm_off
    event = event_words(view.stop_event, view.stop_detail, words, is_arm_off=is_dropped)
    if has_switch and view.must_let_go:
        big = words("▶ Let the enable switch go, grip its middle, then press SPACE or the pedal")
    elif has_switch and not view.inputs & INPUT_ENABLE:
        big = words("▶ Grip the enable switch in its middle, then press SPACE or the pedal")
    elif goes_on(view):
        big = words("▶ Press SPACE or the pedal to go on")
    else:
        big = words("▶ Press SPACE or the pedal to start")
    rows = [*_band(big, width, height, "action"), EMPTY]
    if view.mode == Mode.HOLD and view.stop_event:
        rows += _lines(words("On hold: {cause}", cause=event.cause), width)
        if event.action:
            rows += _lines(f"→ {event.action}", width)
    if is_dropped:
        return [*rows, *_dropped(words, width)]
    rows += _lines(
        words("The robot stands still. It first moves slowly to your arms' pose, then follows."), width, "dim"
    )
    return rows


def _blocked(view: SessionView, words: Words, width: int, height: int) -> list[Row]:
    """What lets nothing start, until somebody mends it."""
    is_dropped = view.mode == Mode.HOLD and view.is_arm_off
    event = event_words(view.blocked, "", words, is_arm_off=is_dropped, stands=True)
    if goes_on(view):
        big = words("▲ Cannot go on: {cause}", cause=event.cause)
    else:
        big = words("▲ Cannot start: {cause}", cause=event.cause)
    rows = [*_band(big, width, height, "band"), EMPTY, *_lines(f"→ {event.action}", width, "strong")]
    return [*rows, *_dropped(words, width)] if is_dropped else rows


def _dropped(words: Words, width: int) -> list[Row]:
    return _lines(words("The robot is switched off; the arm may drop."), width, "warn")


def _aligning(view: SessionView, words: Words, width: int, height: int) -> list[Row]:
    """Keep still; what is left, the largest first."""
    open_joints = [
        joint
        for joint, is_aligned in zip(view.joints, view.aligned or (False,) * len(view.joints))
        if not is_aligned and abs(joint.residual_rad) > _ALIGN_SHOWN_RAD
    ]
    open_joints.sort(key=lambda joint: -abs(joint.residual_rad))
    rows = [*_band(words("▶ Keep your arms still: aligning …"), width, height, "action"), EMPTY]
    done = len(view.joints) - len(open_joints)
    rows.append(
        spread(
            row(" " + words("Still to go"), "dim"),
            row(words("{done} of {all} joints in place", done=done, all=len(view.joints)) + " ", "dim"),
            width,
        )
    )
    room = height - len(rows)
    columns = 2 if len(open_joints) > room else 1
    shown = open_joints[: room * columns]
    if len(open_joints) > len(shown):
        shown = shown[:-1]
    cells = [f" {math.degrees(abs(j.residual_rad)):4.0f}°  {joint_words(j.name, words)}" for j in shown]
    if len(open_joints) > len(shown):
        cells.append(" " + words("and {count} more", count=len(open_joints) - len(shown)))
    half = math.ceil(len(cells) / columns)
    for y in range(half):
        left: Row = row(cells[y], "strong" if y == 0 else "plain")
        if columns == 2 and y + half < len(cells):
            left = (*left, Span(" " * max(1, width // 2 - width_of(left))), Span(cells[y + half]))
        rows.append(left)
    return rows


def _following(view: SessionView, words: Words, width: int, height: int) -> list[Row]:
    phases = view.phases
    if not phases:
        return []
    now = min(view.phase, len(phases) - 1)
    is_return = now == 0
    say = words.pick(phases[now].say)
    place = f" {now or len(phases)}/{len(phases)} " if view.in_rep or now else ""
    rows = _band(f"{'↩' if is_return else '▶'}{place} {say}", width, height, "band")
    then = words.pick(phases[(now + 1) % len(phases)].say)
    after = words("then the next repetition") if is_return else words("then: {movement}", movement=then)
    rows += [row(f"   {after}", "dim"), EMPTY]
    clock = words("{now:.1f} s of {target:.1f} s", now=view.rep_s, target=view.rep_target_s)
    if view.in_rep:
        state = words("repetition running")
    else:
        state = words("begin when ready") if now else words("begin from there")
    foot: list[Row] = [
        spread((Span(f" {words('Time')} ", "dim"), Span(clock, "strong")), row(f"{state} ", "dim"), width),
        _bar(view.rep_s, view.rep_target_s, width),
    ]
    chain = _chain(view, words, width, max(1, height - len(rows) - len(foot)))
    rows += chain
    rows += [EMPTY] * (height - len(rows) - len(foot))
    return [*rows, *foot]


def _chain(view: SessionView, words: Words, width: int, room: int) -> list[Row]:
    """All phases in the order of work, home last: ✓ done, ▶ now, · to come; by name where the words are too long."""
    order = [*range(1, len(view.phases)), 0]
    now = order.index(min(view.phase, len(order) - 1))
    done = now if view.in_rep else 0
    for names in (
        [words.pick(view.phases[i].say) for i in order],
        [view.phases[i].name for i in order],
        [str(place + 1) for place in range(len(order))],
    ):
        rows: list[Row] = []
        line: Row = (Span(" "),)
        for place, name in enumerate(names):
            sign, tone = ("✓", "dim") if place < done else ("▶", "strong") if place == now else ("·", "plain")
            span = Span(f"{sign} {name}", "strong" if tone == "strong" else "dim" if tone == "dim" else "plain")
            link = Span(" → " if len(line) > 1 else "", "dim")
            if len(line) > 1 and width_of(line) + width_of((link, span)) + 2 > width:
                rows.append((*line, Span(" →", "dim")))
                line, link = (Span(" "),), Span("")
            line = (*line, link, span)
        rows.append(line)
        if len(rows) <= room and all(width_of(r) <= width for r in rows):
            return rows
    return rows[:room]


def _bar(now_s: float, target_s: float, width: int) -> Row:
    """The repetition's clock against its usual duration; past it the bar says so by a sign, not by a colour."""
    room = width - 3
    share = now_s / target_s if target_s > 0 else 0.0
    if share > 1.0:
        return (Span(" "), Span("━" * room, "strong"), Span("▸", "strong"))
    done = min(room, round(share * room))
    return (Span(" "), Span("━" * done, "strong"), Span("─" * (room - done), "dim"))
