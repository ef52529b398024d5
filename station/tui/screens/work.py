"""The work screen: where each widget stands. Everything it shows comes with the Scene."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from station.tui.scene import Cover, Scene
from station.tui.widgets.alarms import Alarms
from station.tui.widgets.banner import Banner
from station.tui.widgets.count_box import CountBox
from station.tui.widgets.joint_bars import JointBars
from station.tui.widgets.key_bar import KeyBar
from station.tui.widgets.machine import Machine
from station.tui.widgets.notice import Notice
from station.tui.widgets.panel import Panel
from station.tui.widgets.phase_box import PhaseBox
from station.tui.widgets.recent import Recent
from station.tui.widgets.top_line import TopLine


class WorkScreen(Screen[None]):
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._panels: list[Panel] = []

    def compose(self) -> ComposeResult:
        yield TopLine(id="top")
        with Vertical(id="work"):
            with Horizontal(id="boxes"):
                yield CountBox(id="count")
                yield PhaseBox(id="phase")
            yield Banner(id="banner")
            with Horizontal(id="middle"):
                with Vertical():
                    yield Recent(id="recent")
                    yield JointBars(id="joints")
                yield Machine(id="machine")
            yield Alarms(id="alarms")
        yield Notice(id="notice")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self._panels = list(self.query(Panel))

    def show(self, scene: Scene) -> None:
        """Draw the scene."""
        self.set_class(scene.is_large, "-large")
        self.set_class(scene.cover is not Cover.NONE, "-covered")
        self.set_class(scene.cover is Cover.TOO_SMALL, "-small")
        for panel in self._panels:
            panel.show(scene)
