"""All joints of both arms as bars between their limits, in one widget; grey, marked only where a limit holds back."""

from __future__ import annotations

import math

from rich.cells import cell_len

from station.signals import JointView
from station.tui.language import Words
from station.tui.rows import EMPTY, Row, Span, pad, row, width_of
from station.tui.scene import Scene
from station.tui.widgets.panel import Panel
from station.tui.words import joint_part

_NEAR_RAD = math.radians(1.0)
_ASKED_RAD = math.radians(1.0)
"""A joint this close to a limit is marked when it is asked to go so much further: some rest at theirs, such as a
straight elbow or an open gripper, and that is nothing abnormal."""


class JointBars(Panel):
    def title(self, scene: Scene) -> str:
        return scene.words("Arm joints")

    def draw(self, scene: Scene, width: int, height: int) -> list[Row]:
        if scene.view is None:
            return []
        words, joints = scene.words, scene.view.joints
        left = [joint for joint in joints if joint.name.startswith("left_")]
        right = [joint for joint in joints if not joint.name.startswith("left_")]
        label = max((cell_len(joint_part(joint.name, words)) for joint in joints), default=0)
        column = (width - 3) // 2
        rows: list[Row] = [_side(words("left arm"), words("right arm"), column)] if left and right else []
        if not (left and right):
            left, right = joints[: (len(joints) + 1) // 2], joints[(len(joints) + 1) // 2 :]  # type: ignore[assignment]
        for index in range(min(max(len(left), len(right)), height - len(rows))):
            one = _bar(left[index], words, column, label) if index < len(left) else EMPTY
            two = _bar(right[index], words, column, label) if index < len(right) else EMPTY
            gap = Span(" " * (column - width_of(one) + 2))
            rows.append((Span(" "), *one, gap, *two))
        return rows


def _side(left: str, right: str, column: int) -> Row:
    return (Span(f" {pad(left, column)}  ", "dim"), *row(right, "dim"))


def _bar(joint: JointView, words: Words, width: int, label: int) -> Row:
    """`label ├─────●────┤  55°` in `width` cells."""
    room = width - label - 10
    travel = joint.upper_rad - joint.lower_rad
    share = (joint.position_rad - joint.lower_rad) / travel if travel > 0 else 0.5
    place = min(room - 1, max(0, round(share * (room - 1)))) if math.isfinite(share) else 0
    is_near = not math.isfinite(joint.position_rad) or (
        joint.position_rad < joint.lower_rad + _NEAR_RAD
        if joint.residual_rad < -_ASKED_RAD
        else joint.position_rad > joint.upper_rad - _NEAR_RAD and joint.residual_rad > _ASKED_RAD
    )
    degrees = f"{round(math.degrees(joint.position_rad))}" if math.isfinite(joint.position_rad) else "?"
    return (
        Span(f"{pad(joint_part(joint.name, words), label)} ", "dim"),
        Span("├" + "─" * place, "dim"),
        Span("◆" if is_near else "●", "warn" if is_near else "strong"),
        Span("─" * (room - 1 - place) + "┤", "dim"),
        Span(f"{degrees:>5}°" + ("!" if is_near else " "), "warn" if is_near else "plain"),
    )
