"""The worker's app: polls the link ten times a second, draws a Scene, turns keys into Intents and Requests."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType

from station.signals import IntentKind, Mode, RequestKind, SessionView
from station.tui.heart import Heart
from station.tui.language import Language, Words
from station.tui.link import ScreenLink
from station.tui.scene import Cover, Scene
from station.tui.screens.work import WorkScreen
from station.tui.sight import Sight
from station.tui.summary import Ending, Outcome, Tally, summary_text
from station.tui.terminal import TerminalWatch, takes_output
from station.tui.widgets.banner import BLOCKED, HELD_DOWN, NOT_ACCEPTED, NOTHING_YET
from station.tui.widgets.notice import CONTROL_GONE, SMALLEST, STILL_STOPPED

POLL_S: Final = 0.1
SILENCE_NS: Final = 2_000_000_000
"""No new view for so long: what stands on the screen is no longer true."""
FINISH_ASK_NS: Final = 10_000_000_000
REMARK_NS: Final = 4_000_000_000
RESET_TAKES_NS: Final = 700_000_000
"""A stop that stands so long after its reset was asked stays: the person is told."""
_REPEAT_NS: Final = 1_100_000_000
"""Terminals tell a key that is held down as many presses: the second after up to a second, then 10 to 40 a second."""
_PAGES: Final = {"?": Cover.KEYS, "a": Cover.ALARMS}
_OUTPUT_FD: Final = 2
_LARGE: Final = (120, 40)
_MOVING: Final = (Mode.FOLLOWING, Mode.ALIGNING)


class StationApp(App[Outcome]):
    """`StationApp(link, "zh").run(mouse=False)` returns the Outcome. Never closes the link: its maker does."""

    CSS_PATH = "station.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    ESCAPE_TO_MINIMIZE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", show=False, priority=True, system=True),
        Binding("ctrl+q", "ask_finish", show=False, priority=True, system=True),
    ]

    def __init__(
        self,
        link: ScreenLink,
        language: Language = "zh",
        *,
        bell: bool = True,
        is_attached: bool = False,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], datetime] = datetime.now,
    ) -> None:
        super().__init__()
        self.animation_level = "none"
        self._link = link
        self._words = Words(language)
        self._with_bell = bell
        self._is_attached = is_attached
        self._clock_ns = clock_ns
        self._wall = wall
        self._heart = Heart(link, clock_ns)
        self._work = WorkScreen()
        self._view: SessionView | None = None
        self._seen_ns = clock_ns()
        self._tally = Tally()
        self._asked_finish_ns: int | None = None
        self._is_finishing = False
        self._page = Cover.NONE
        self._page_over: tuple[object, ...] | None = None
        """The stop on whose page `_page` was asked for; any other stop, or more of this one, goes first."""
        self._remark = ("", 0)
        self._reset_of_ns = 0
        """When the stop began whose reset was asked last."""
        self._sight = Sight()
        self._space_ns = clock_ns() - _REPEAT_NS
        """When the last SPACE was typed, whatever became of it."""
        self._watch: TerminalWatch | None = None
        self.has_lost_terminal = False

    def on_mount(self) -> None:
        self.push_screen(self._work)
        if not self.is_headless:
            self._watch = TerminalWatch((0, 1, 2), self._terminal_lost)
            self._watch.start()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave, Ending.TERMINATED)
        self.set_interval(POLL_S, self.poll)
        self.call_after_refresh(self.poll)
        self._heart.start()

    def on_unmount(self) -> None:
        self._heart.stop()

    def end_watch(self) -> None:
        """After `run`: the way out itself may block on a terminal that takes nothing, so the watch sees it through."""
        if self._watch is not None:
            self._watch.stop()

    def poll(self) -> None:
        """Take the newest view and draw."""
        now_ns = self._clock_ns()
        view = self._link.latest()
        if view is not None and view is not self._view:
            self._take(view, now_ns)
        self._heart.see(None if self._is_lost(now_ns) else self._view)
        if self._asked_finish_ns is not None and now_ns - self._asked_finish_ns > FINISH_ASK_NS:
            self._asked_finish_ns = None
        if self._view is not None and self._view.finished:
            self._leave(Ending.FINISHED)
            return
        if self._work.is_mounted:
            scene = self._scene(now_ns)
            with self.batch_update():
                self._work.show(scene)
            # Textual writes to stderr from a thread and queues: what the terminal does not take, nobody has seen.
            if self.is_headless or takes_output(_OUTPUT_FD):
                self._heart.drawn()
                self._sight.drawn(scene.cover, self._mode, now_ns)

    def _take(self, view: SessionView, now_ns: int) -> None:
        before = self._view
        if before is None or view.t_ns != before.t_ns:
            self._seen_ns = now_ns
        self._view = view
        self._tally.see(view.last)
        is_new = before is not None and view.last is not None and view.last != before.last
        if is_new and self._with_bell:
            self.bell()

    def _is_lost(self, now_ns: int) -> bool:
        return self._link.is_lost or now_ns - self._seen_ns > SILENCE_NS

    def _cover(self, now_ns: int) -> Cover:
        width, height = self.size
        if width < SMALLEST[0] or height < SMALLEST[1]:
            return Cover.TOO_SMALL
        if self._is_lost(now_ns):
            return Cover.LOST
        if self._view is None:
            return Cover.WAITING
        if self._view.stop_event == "shutdown" or self._view.finished:
            return Cover.ENDING
        if self._view.mode in (Mode.STOPPING, Mode.STOPPED) or self._view.stop_event in CONTROL_GONE:
            is_asked = self._page is not Cover.NONE and self._page_over == _stop(self._view)
            return self._page if is_asked else Cover.STOPPED
        return self._page

    def _scene(self, now_ns: int) -> Scene:
        width, height = self.size
        return Scene(
            view=self._view,
            words=self._words,
            now_ns=now_ns,
            wall=self._wall(),
            cover=self._cover(now_ns),
            is_large=width >= _LARGE[0] and height >= _LARGE[1],
            is_engaging=self._heart.is_engaging,
            asks_finish=self._asked_finish_ns is not None,
            is_finishing=self._is_finishing,
            silent_s=(now_ns - self._seen_ns) / 1e9,
            remark=self._remark_now(now_ns),
        )

    def _remark_now(self, now_ns: int) -> str:
        text, since_ns = self._remark
        view = self._view
        is_same_stop = view is not None and view.mode == Mode.STOPPED and view.mode_since_ns == self._reset_of_ns
        is_true = text != STILL_STOPPED or is_same_stop  # of a stop that came after it, nobody asked anything
        return text if is_true and 0 <= now_ns - since_ns < REMARK_NS else ""

    @property
    def _mode(self) -> int:
        return self._view.mode if self._view is not None else int(Mode.DISCONNECTED)

    def on_key(self, event: events.Key) -> None:
        """One key, one meaning; any key ends an engaging that still goes on.

        What makes the arm safer is done at once. All else must have been typed when the person could see what it is
        about: what stood in the terminal's buffer, or came with a page that had only just changed, does nothing.
        """
        event.stop()
        event.prevent_default()
        typed_ns = self._clock_ns() - max(0, round((time.monotonic() - event.time) * 1e9))
        if not self._sight.has_begun and event.key.lower() != "s":
            return
        was_engaging = self._heart.is_engaging
        self._heart.release()
        asked, self._asked_finish_ns = self._asked_finish_ns, None
        shown = self._cover(self._clock_ns())
        page, self._page = self._page, Cover.NONE
        self._remark = ("", 0)
        is_covered = page is not Cover.NONE or self._cover(self._clock_ns()) is not Cover.NONE
        key = event.character if event.character in ("?",) else event.key.lower()
        if key == "space":
            self._space(was_engaging, typed_ns, closes_page=page is not Cover.NONE)
        elif key == "s":
            self._heart.insist(IntentKind.STOP)
        elif was_engaging:
            self._heart.insist(IntentKind.HOLD)
        is_meant = self._sight.knows_screen(typed_ns)
        if key == "q" and is_meant:
            self._ask_finish(asked)
        elif key == "x" and is_meant and not is_covered:
            self._reject_last()
        elif key == "r":
            is_list = shown in _PAGES.values()  # which it closes
            view = self._view
            is_seen = self._sight.knows_state(Mode.STOPPED, typed_ns)
            if view is not None and view.mode == Mode.STOPPED and is_seen and not is_list:
                self._link.intend(IntentKind.RESET)
                self._reset_of_ns = view.mode_since_ns
                self._remark = (STILL_STOPPED, self._clock_ns() + RESET_TAKES_NS)
        elif key == "l":
            self._words = Words(self._words.other)
            self._page = page
        elif key in _PAGES and shown in (Cover.NONE, Cover.STOPPED):
            self._page = _PAGES[key]
            self._page_over = _stop(self._view) if shown is Cover.STOPPED else None
        self.poll()

    def _reject_last(self) -> None:
        """Only what stands on the screen as accepted; else the key is answered with why it did nothing."""
        view = self._view
        if view is None or not view.recent:
            self._remark = (NOTHING_YET, self._clock_ns())
        elif not view.recent[-1]:
            self._remark = (NOT_ACCEPTED, self._clock_ns())
        else:
            self._link.request(RequestKind.REJECT_LAST)

    def _space(self, was_engaging: bool, typed_ns: int, *, closes_page: bool) -> None:
        """Start where the arm waits and the person sees that it waits; hold at once where it moves or is asked to.

        A key held down for a hold goes on coming when the arm holds: only a press of its own starts."""
        mode = self._mode
        is_own = typed_ns - self._space_ns >= _REPEAT_NS
        self._space_ns = typed_ns
        if was_engaging or mode in _MOVING:
            self._heart.insist(IntentKind.HOLD)
            return
        waits = mode in (Mode.READY, Mode.HOLD) and not self._is_finishing and not self._is_lost(self._clock_ns())
        if waits and not closes_page and self._sight.knows_state(mode, typed_ns):
            if self._view is not None and self._view.blocked:
                self._remark = (BLOCKED, self._clock_ns())
            elif is_own:
                self._heart.engage()
            else:
                self._remark = (HELD_DOWN, self._clock_ns())

    def _ask_finish(self, asked_ns: int | None) -> None:
        """First press asks, second press ends the shift; where the session is gone, it closes the screen."""
        if asked_ns is None:
            self._asked_finish_ns = self._clock_ns()
        elif self._is_lost(self._clock_ns()):
            self._leave(Ending.ABORTED)
        else:
            self._finish()

    def _finish(self) -> None:
        self._is_finishing = True
        self._link.request(RequestKind.FINISH)

    def action_ask_finish(self) -> None:
        if not self._sight.knows_screen(self._clock_ns()):
            return
        asked, self._asked_finish_ns = self._asked_finish_ns, None
        self._ask_finish(asked)

    def action_interrupt(self) -> None:
        """Ctrl-C: hold and end the shift in order; a second one closes the screen at once. In an attached screen: leave
        it, the run goes on (where this screen had engaged, the arm holds as soon as its lease is over)."""
        if self._is_attached:
            self._leave(Ending.LEFT)
            return
        if self._is_finishing or self._is_lost(self._clock_ns()):
            self._leave(Ending.ABORTED)
            return
        self._heart.insist(IntentKind.HOLD)
        self._finish()

    def _terminal_lost(self) -> None:
        """From the watch's thread."""
        self.has_lost_terminal = True
        self.call_later(self._leave, Ending.TERMINAL_LOST)

    def _leave(self, ending: Ending) -> None:
        """Close; without a screen nobody sees the arm, so it holds."""
        self._heart.stop()
        if ending not in (Ending.FINISHED, Ending.LEFT) or (
            self._view is not None and self._view.mode in _MOVING and ending is not Ending.LEFT
        ):
            self._link.intend(IntentKind.HOLD)
        text = (
            ""
            if ending in (Ending.TERMINAL_LOST, Ending.LEFT)
            else summary_text(self._view, ending, self._tally, self._words)
        )
        self.exit(Outcome(ending, self._view, text))


def _stop(view: SessionView | None) -> tuple[object, ...] | None:
    """What a stop's page tells."""
    return (view.mode, view.stop_event, view.stop_detail, view.is_arm_off) if view is not None else None
