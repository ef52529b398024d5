"""Cells of the station's own processes: killed, frozen, without a disk. Each in a run of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from station.bench.changed import refusing
from station.bench.driven import DrivenRun, motion
from station.children import StartError
from station.signals import IntentKind, Mode
from tests.faults.cell import NOT_REACHED, SKIPPED, Cell, tried
from tests.faults.cells import allowed_ms, arrive, demo_run, not_standing, reason_of, too_fast, watch
from tests.faults.expected import MOVING
from tests.faults.machine import Machine, looks_pauses, loop_pauses

_DISK: Final = "size=400m"


@dataclass(frozen=True)
class ProcessFault:
    """`expected`: in a mode that moves, and in one that stands."""

    name: str
    act: Callable[[DrivenRun], None]
    undo: Callable[[DrivenRun], None]
    moving: str
    standing: str
    detect_ms: float
    on_small_disk: bool = False
    has_screen: bool = False
    """The person's screen is a process of its own."""
    is_flooded: bool = False
    """Others ask the control process as fast as they can."""
    stops_loop: bool = False
    """The loop's own gap is the fault, not the machine's."""
    aligning: str = ""
    """Where aligning is another thing than moving."""

    def expected(self, state: Mode) -> str:
        if state is Mode.ALIGNING and self.aligning:
            return self.aligning
        return self.moving if state in MOVING else self.standing


def _send(who: str, number: int) -> Callable[[DrivenRun], None]:
    def act(rig: DrivenRun) -> None:
        child = getattr(rig.run, who)
        if child is not None and child.poll() is None:
            os.kill(child.pid, number)

    return act


def _away(seconds: float) -> Callable[[DrivenRun], None]:
    """Frozen for so long, then set going again."""

    def act(rig: DrivenRun) -> None:
        assert rig.run.control is not None
        os.kill(rig.run.control.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(rig.run.control.pid, signal.SIGCONT)

    return act


def _send_screen(number: int) -> Callable[[DrivenRun], None]:
    def act(rig: DrivenRun) -> None:
        screen = rig.run.intents
        assert isinstance(screen, Screen)
        os.kill(screen.pid, number)

    return act


def _kill_session(rig: DrivenRun) -> None:
    rig.has_launcher = False
    _send("session", signal.SIGKILL)(rig)


def _launcher_back(rig: DrivenRun) -> None:
    """It starts the session again."""
    rig.has_launcher = True


def _fill(rig: DrivenRun) -> None:
    data = Path(rig.run._settings.data)
    with (data / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(data).free - 1_000_000))


def _empty(rig: DrivenRun) -> None:
    (Path(rig.run._settings.data) / "filler").unlink(missing_ok=True)


def _step_clock(seconds: int) -> Callable[[DrivenRun], None]:
    """Of the whole machine."""

    def act(rig: DrivenRun) -> None:
        time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns() + seconds * 1_000_000_000)

    return act


def _stop(rig: DrivenRun) -> None:
    rig.run.ask(IntentKind.STOP)


_FLOODS: Final = (
    "import sys; from pathlib import Path; from station.link.intents import IntentSender\n"
    "from station.signals import IntentKind, Role\n"
    "sender = IntentSender(Path(sys.argv[1]), Role.PEDAL)\n"
    "while True: sender.send(IntentKind.LEASE, 0)\n"
)


@contextlib.contextmanager
def flood(rig: DrivenRun) -> Iterator[None]:
    """The pedal's lane, full all the time. (Whoever speaks for the session, and is not the one that spoke before, is a
    session that was lost: it ends the motion by itself.)"""
    child = subprocess.Popen([sys.executable, "-c", _FLOODS, str(rig.run.runtime.path("intents.sock"))])
    try:
        rig.until(lambda tick: False, 1.0)
        yield
    finally:
        child.kill()
        child.wait()


def _nothing(rig: DrivenRun) -> None:
    return


# Leases: 500 ms (session), 600 ms (screen), 300 ms (supervisor), each sent or looked at every 100 ms at most. The
# motors stop by themselves 100 ms after the last command; the supervisor sees a loop that hangs after 180 ms. While
# aligning the key that a screen no longer passes on counts as let go, before its lease has run out.
PROCESS_FAULTS: Final = (
    ProcessFault("control SIGKILL", _send("control", signal.SIGKILL), _nothing, "motors stop by themselves", "=", 100),
    ProcessFault(
        "control SIGSTOP",
        _send("control", signal.SIGSTOP),
        _nothing,
        "supervisor_stop",
        "=",
        190,
    ),
    # The machine stands still: for less than stops the loop, it goes on without a jump; for more, it is the cause.
    ProcessFault("control away 30 ms", _away(0.030), _nothing, "-", "-", 0, stops_loop=True),
    ProcessFault("control away 80 ms", _away(0.080), _nothing, "loop_gap_stop", "loop_gap_stop", 160, stops_loop=True),
    ProcessFault("session SIGKILL", _kill_session, _launcher_back, "session_lost", "(session_lost)", 700),
    ProcessFault(
        "session SIGSTOP",
        _send("session", signal.SIGSTOP),
        _send("session", signal.SIGCONT),
        "session_lost",
        "(session_lost)",
        700,
    ),
    ProcessFault(
        "supervisor SIGKILL",
        _send("supervisor", signal.SIGKILL),
        _nothing,
        "supervisor_lost",
        "(supervisor_lost)",
        400,
    ),
    ProcessFault(
        "supervisor SIGSTOP",
        _send("supervisor", signal.SIGSTOP),
        _send("supervisor", signal.SIGCONT),
        "supervisor_lost",
        "(supervisor_lost)",
        400,
    ),
    ProcessFault(
        "screen SIGKILL",
        _send_screen(signal.SIGKILL),
        _nothing,
        "screen_lost",
        "(screen_lost)",
        750,
        has_screen=True,
        aligning="engage_released",
    ),
    ProcessFault(
        "screen SIGSTOP",
        _send_screen(signal.SIGSTOP),
        _send_screen(signal.SIGCONT),
        "screen_lost",
        "(screen_lost)",
        750,
        has_screen=True,
        aligning="engage_released",
    ),
    ProcessFault(
        "flood of intents, then a stop", _stop, _nothing, "operator_stop", "operator_stop", 60, is_flooded=True
    ),
    ProcessFault("disk full", _fill, _empty, "disk_full", "(disk_full)", 7000, on_small_disk=True),
)
CLOCK_STEP: Final = ProcessFault("clock step", _step_clock(3), _step_clock(-3), "(clock_step)", "(clock_step)", 0)
"""Motion goes by the monotonic clock: the record tells it, nothing else happens. Needs the right to set the clock."""


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of its own that can be filled; False where this user may not have one."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", _DISK, "tmpfs", str(folder)], capture_output=True, check=False
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


class Screen:
    """A person's screen as a process of its own: what it is told to ask, it asks. Stands in for `Run.intents`."""

    _ASKS: Final = (
        "import sys, time; from pathlib import Path; from station.link.intents import IntentSender\n"
        "from station.signals import IntentKind, Role\n"
        "sender = IntentSender(Path(sys.argv[1]), Role.SCREEN); print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    kind, pressed_ns = line.split()\n"
        "    if time.monotonic_ns() - int(pressed_ns) < 200_000_000:  # keys of long ago start nothing\n"
        "        sender.send(IntentKind(kind), time.monotonic_ns())\n"
    )

    def __init__(self, intents: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._ASKS, str(intents)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.pid = self._process.pid

    def send(self, kind: IntentKind, now_ns: int) -> bool:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it was killed
            self._process.stdin.write(f"{kind.value} {now_ns}\n")
            return True
        return False

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()


def process_cell(fault: ProcessFault, state: Mode, data: Path, machine: Machine) -> Cell:
    """One cell, in a run of its own; again only where the machine itself stood still, or the run did not get there."""
    return tried(lambda: _process_cell(fault, state, data, machine), or_not_reached=True)


def _process_cell(fault: ProcessFault, state: Mode, data: Path, machine: Machine) -> Cell:
    expected = fault.expected(state)
    try:
        return _try_process(fault, state, data, expected, machine)
    except StartError as error:
        return Cell(f"station.{fault.name}", state.name, NOT_REACHED, expected, None, 0.0, False, str(error))
    except PermissionError as error:
        return Cell(f"station.{fault.name}", state.name, SKIPPED, expected, None, 0.0, True, f"no right: {error}")


def _try_process(fault: ProcessFault, state: Mode, data: Path, expected: str, machine: Machine) -> Cell:
    if not fault.on_small_disk:
        with demo_run(data) as rig:
            if fault.has_screen:
                assert rig.run.intents is not None
                rig.run.intents.close()
                rig.run.intents = Screen(rig.run.runtime.path("intents.sock"))  # type: ignore[assignment]
            with flood(rig) if fault.is_flooded else contextlib.nullcontext():
                return _judged(rig, fault, state, expected, machine)
    disk = data / "small"
    with small_disk(disk) as is_there:
        if not is_there:
            return Cell(
                f"station.{fault.name}", state.name, SKIPPED, expected, None, 0.0, True, "no right to mount a disk"
            )
        with demo_run(disk) as rig:
            return _judged(rig, fault, state, expected, machine)


def _judged(rig: DrivenRun, fault: ProcessFault, state: Mode, expected: str, machine: Machine) -> Cell:
    arrive(rig, state)
    rig.take()
    start_ns = time.monotonic_ns()
    fault.act(rig)
    most_ms = allowed_ms(rig.run.rig, fault.detect_ms)
    looks, ticks = watch(rig, state, most_ms * 1e-3 + 0.35)
    ticks = [tick for tick in ticks if tick.start_ns >= start_ns]
    pause = max(machine.longest(start_ns), looks_pauses(looks))
    pause = pause if fault.stops_loop else max(pause, loop_pauses(ticks))
    reason, _ = reason_of(ticks, state, expected)
    ended = _end_of_control(rig)
    reason = ended or reason
    fault.undo(rig)
    looks_after, ticks_after = watch(rig, state, 0.7)
    seen, after = motion(looks, start_ns), motion(looks_after, looks_after[0].t_ns)
    notes = []
    wanted = fault.moving if expected == "=" else expected
    if reason not in wanted.split("|"):
        notes.append("reason")
    goes_on = state in MOVING and wanted[0] in "-("
    if goes_on:
        notes += too_fast(rig.run.rig, seen)
        if rig.mode not in MOVING:
            notes.append(f"does not go on: {rig.mode.name}")
    else:
        notes += not_standing(state, seen, after, most_ms)
        if any(tick.mode in MOVING for tick in ticks_after):
            notes.append("resumed by itself")
    return Cell(
        f"station.{fault.name}",
        state.name,
        reason,
        wanted,
        None if goes_on else seen.still_ms,
        max(seen.late_peak_rad_s, after.peak_rad_s),
        not notes,
        "; ".join(notes),
        "ker",
        None if goes_on else most_ms if state in MOVING else 0.0,
        *pause,
    )


def _end_of_control(rig: DrivenRun) -> str:
    """What stopped the motors where no loop is left to say it; '' while it lives."""
    if rig.is_alive:
        return ""
    if any(motor["enabled"] for motor in rig.arm.ask("status")["motors"]):
        return "motors are on"
    log = rig.run.runtime.path("supervisor.log")
    return "supervisor_stop" if "went silent" in log.read_text(errors="replace") else "motors stop by themselves"


def gate_cell(data: Path, machine: Machine) -> Cell:
    """A command that the gate refuses, in the one state in which a limiter's can be too fast for a motor."""
    return tried(lambda: _gate_cell(data, machine), or_not_reached=True)


def _gate_cell(data: Path, machine: Machine) -> Cell:
    name, wanted = "station.gate refusal", "gate_refused"
    try:
        with demo_run(data, change=refusing) as rig:
            rig.reach(Mode.FOLLOWING)
            if rig.until(lambda tick: tick.cause == wanted, 30) is None:
                raise StartError("the gate refused nothing", 4)
            told = next(tick for tick in rig.ticks if tick.cause == wanted)
            looks, ticks = watch(rig, Mode.FOLLOWING, 1.0)
            pause = max(machine.longest(told.start_ns), loop_pauses(ticks), looks_pauses(looks))
            seen = motion(looks, told.start_ns)
            words = f"{told.cause_detail} {dict(told.events).get(wanted, '')}"
            most_ms = allowed_ms(rig.run.rig, 0)
            notes = [] if "right_j4" in words and "rad/s" in words else [f"the words are {words!r}"]
            if seen.still_ms is None or seen.still_ms > most_ms:
                notes.append(f"not still after {most_ms:.0f} ms")
            if any(tick.mode != Mode.STOPPED for tick in ticks[-50:]):
                notes.append("resumed by itself")
            return Cell(
                name,
                "FOLLOWING",
                told.cause,
                wanted,
                seen.still_ms,
                seen.late_peak_rad_s,
                not notes,
                "; ".join(notes),
                "ker",
                most_ms,
                *pause,
            )
    except StartError as error:
        return Cell(name, "FOLLOWING", NOT_REACHED, wanted, None, 0.0, False, str(error))
