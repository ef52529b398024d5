"""A run of an emulated rig in the hands of a program: brings it into a mode, and sees what its motors really do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from drivers.emulators.control_socket import ControlClient
from station import emulated
from station.children import StartError
from station.launch import Run
from station.link.ring import RingReader
from station.settings.calibration import Calibration
from station.settings.rig import Rig
from station.settings.task import Task
from station.signals import IntentKind, Mode, Tick

STILL_RAD_S: Final = 0.03
"""Slower than this an emulated motor counts as standing."""
_TEND_S: Final = 0.04
_RELEASE_S: Final = 0.5
_PRESS_S: Final = 1.2
_LOOK_S: Final = 0.004


class Motion(NamedTuple):
    """What the emulated motors did after a moment."""

    still_ms: float | None
    """Until every motor stood, for good; None where one still moved at the end."""
    peak_speed_rad_s: tuple[float, ...]
    """Per motor, from the moment on."""
    peak_rad_s: float
    """Of any motor, after the moment."""
    late_peak_rad_s: float
    """Of any motor, in the last third of the time looked at."""
    travelled_rad: tuple[float, ...]
    """Per motor, from the moment to the end."""


class Look(NamedTuple):
    """All motors of the arm at one time."""

    t_ns: int
    position_rad: tuple[float, ...]
    velocity_rad_s: tuple[float, ...]

    @property
    def speed_rad_s(self) -> float:
        return max(map(abs, self.velocity_rad_s))


class ArmLine:
    """The emulated motors' own truth, by the follower's control socket."""

    def __init__(self, runtime: Path) -> None:
        self._line = ControlClient(str(runtime / emulated.FOLLOWER_CONTROL))
        self.ask = self._line.ask
        self.close = self._line.close

    def look(self) -> Look:
        status = self._line.ask("status")
        motors = status["motors"]
        return Look(
            status["t_ns"],
            tuple([motor["position_rad"] for motor in motors]),
            tuple([motor["velocity_rad_s"] for motor in motors]),
        )

    def watch(self, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> list[Look]:
        """Look every few milliseconds for so long."""
        looks = [self.look()]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            meanwhile()
            time.sleep(_LOOK_S)
            looks.append(self.look())
        return looks


def motion(looks: list[Look], since_ns: int) -> Motion:
    """Judge the looks from `since_ns` on; times count from there. Needs one look at least."""
    after = [look for look in looks if look.t_ns >= since_ns] or looks[-1:]
    moving = [look.t_ns for look in after if look.speed_rad_s > STILL_RAD_S]
    if not moving:
        still_ms: float | None = 0.0
    elif moving[-1] == after[-1].t_ns:
        still_ms = None
    else:
        still_ms = (next(look.t_ns for look in after if look.t_ns > moving[-1]) - since_ns) / 1e6
    late_ns = after[-1].t_ns - (after[-1].t_ns - after[0].t_ns) // 3
    late = [look for look in after if look.t_ns >= late_ns]
    return Motion(
        still_ms,
        tuple([max(map(abs, speeds)) for speeds in zip(*[look.velocity_rad_s for look in after])]),
        max(look.speed_rad_s for look in after),
        max(look.speed_rad_s for look in late),
        tuple([abs(end - start) for start, end in zip(after[0].position_rad, after[-1].position_rad)]),
    )


class DrivenRun:
    """One run; whoever holds it is the person. Use in a `with` block; call `tend` all the time."""

    def __init__(self, rig: Rig, calibration: Calibration, task: Task, data: Path, seed: int = 1) -> None:
        self.run = Run(rig, calibration, task, data=data, worker="bench", seed=seed)
        self.ticks: list[Tick] = []
        self.presses = False
        """Whether the person engages whenever it is possible."""
        self.has_screen = True
        """Whether the screen's lease is kept."""
        self.has_launcher = True
        """Whether the launcher looks after its processes (it waits for one that it starts again)."""
        self._decoder = msgspec.msgpack.Decoder(Tick)
        self._ring: RingReader | None = None
        self._tended_s = 0.0
        self._pressed_s: float | None = None
        self._released_s = 0.0
        self.arm: ArmLine
        self.leader: ControlClient

    def __enter__(self) -> DrivenRun:
        try:
            self.run.start()
            folder = self.run.runtime.folder
            self._ring = RingReader(self.run.ring_fd)
            if self.run.rig.emulated:
                self.arm = ArmLine(folder)
                self.leader = ControlClient(str(folder / emulated.LEADER_CONTROL))
        except BaseException:
            self.run.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.run.rig.emulated:
            self.arm.close()
            self.leader.close()
        if self._ring is not None:
            self._ring.close()
        self.run.close()

    @property
    def mode(self) -> Mode:
        return Mode(self.ticks[-1].mode) if self.ticks else Mode.DISCONNECTED

    @property
    def is_alive(self) -> bool:
        """Whether the control process is."""
        return self.run.control is not None and self.run.control.poll() is None

    def take(self) -> list[Tick]:
        """The ticks written since the last call."""
        assert self._ring is not None
        new = [self._decoder.decode(entry) for entry in self._ring.read(10**6)]
        self.ticks.extend(new)
        del self.ticks[:-20_000]
        return new

    def tend(self) -> list[Tick]:
        """Be the person, the screen and the launcher for a moment; returns at once; the new ticks."""
        new = self.take()
        now_s = time.monotonic()
        if now_s - self._tended_s < _TEND_S:
            return new
        self._tended_s = now_s
        if self.has_launcher:
            self.run.view()
        if self.has_screen:
            self.run.ask(IntentKind.LEASE)
        if self.presses and self._presses_now(now_s):
            self.run.ask(IntentKind.ENGAGE)
        return new

    def _presses_now(self, now_s: float) -> bool:
        if self.mode not in (Mode.READY, Mode.HOLD, Mode.ALIGNING):
            self._pressed_s, self._released_s = None, now_s
        elif self._pressed_s is None and now_s - self._released_s >= _RELEASE_S:
            self._pressed_s = now_s
        elif self._pressed_s is not None and self.mode is not Mode.ALIGNING and now_s - self._pressed_s > _PRESS_S:
            self._pressed_s, self._released_s = None, now_s
        return self._pressed_s is not None

    def until(self, wanted: Callable[[Tick], bool], seconds: float) -> Tick | None:
        """The first wanted tick from now on, None where none came in time."""
        end = time.monotonic() + seconds
        self.take()
        while time.monotonic() < end:
            for tick in self.tend():
                if wanted(tick):
                    return tick
            time.sleep(0.01)
        return None

    def reach(self, mode: Mode, seconds: float = 25.0) -> None:
        """Bring the rig into `mode` as a person would. Raises StartError where it does not get there."""
        end = time.monotonic() + seconds
        if self.until(lambda tick: True, 2.0) is None:
            raise StartError("the control process does not go round any more", 4)
        while self.mode is not mode:
            if time.monotonic() > end or not self.is_alive:
                last = self.ticks[-1] if self.ticks else None
                why = f"{last.cause} {last.cause_detail} {last.events}" if last is not None else "no tick came"
                raise StartError(f"the rig did not get to {mode.name}; it is {self.mode.name}: {why}", 4)
            self.presses = mode in (Mode.ALIGNING, Mode.FOLLOWING, Mode.HOLD)
            if self.mode is Mode.STOPPED:
                self.run.ask(IntentKind.RESET)
            elif mode is Mode.READY and self.mode not in (Mode.READY, Mode.DISCONNECTED):
                self.run.ask(IntentKind.STOP)
            elif mode is Mode.HOLD and self.mode in (Mode.ALIGNING, Mode.FOLLOWING):
                self.presses = False
                self.run.ask(IntentKind.HOLD)
            elif mode is Mode.ALIGNING and self.mode is Mode.FOLLOWING:
                self.run.ask(IntentKind.HOLD)
            self.until(lambda tick: tick.mode == mode, 0.15)
        self.presses = mode is Mode.ALIGNING
