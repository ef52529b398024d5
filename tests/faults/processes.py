"""Cells of the station's own processes: killed, frozen, without a disk. Each in a run of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from station.bench.driven import STILL_RAD_S, ArmLine, DrivenRun, motion
from station.children import StartError
from station.link.ring import RingReader
from station.signals import Mode, Tick
from tests.faults.cells import Cell, arrive, demo_run, reason_of, watch
from tests.faults.expected import BRAKING_MS, MOVING, SETTLE_MS

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

    def expected(self, state: Mode) -> str:
        return self.moving if state in MOVING else self.standing


def _send(who: str, number: int) -> Callable[[DrivenRun], None]:
    def act(rig: DrivenRun) -> None:
        child = getattr(rig.run, who)
        if child is not None and child.poll() is None:
            os.kill(child.pid, number)

    return act


def _screen(rig: DrivenRun) -> None:
    rig.has_screen = False


def _screen_back(rig: DrivenRun) -> None:
    rig.has_screen = True


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


def _nothing(rig: DrivenRun) -> None:
    return


# Leases: 500 ms (session), 600 ms (screen), 300 ms (supervisor), each sent or looked at every 100 ms at most. The
# motors stop by themselves 100 ms after the last command; the supervisor sees a loop that hangs after 180 ms.
PROCESS_FAULTS: Final = (
    ProcessFault("control SIGKILL", _send("control", signal.SIGKILL), _nothing, "motors stop by themselves", "=", 100),
    ProcessFault(
        "control SIGSTOP",
        _send("control", signal.SIGSTOP),
        _nothing,
        "supervisor_stop|motors stop by themselves",
        "=",
        190,
    ),
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
    ProcessFault("screen gone", _screen, _screen_back, "screen_lost", "(screen_lost)", 750),
    ProcessFault("disk full", _fill, _empty, "disk_full", "(disk_full)", 7000, on_small_disk=True),
)


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


def process_cell(fault: ProcessFault, state: Mode, data: Path) -> Cell:
    """One cell, in a run of its own."""
    expected = fault.expected(state)
    if not fault.on_small_disk:
        with demo_run(data) as rig:
            return _judged(rig, fault, state, expected)
    disk = data / "small"
    with small_disk(disk) as is_there:
        if not is_there:
            return Cell(
                f"station.{fault.name}", state.name, "skipped", expected, None, 0.0, True, "no right to mount a disk"
            )
        with demo_run(disk) as rig:
            return _judged(rig, fault, state, expected)


def _judged(rig: DrivenRun, fault: ProcessFault, state: Mode, expected: str) -> Cell:
    arrive(rig, state)
    rig.take()
    start_ns = time.monotonic_ns()
    fault.act(rig)
    observe_s = fault.detect_ms * 1e-3 + 0.7
    looks, ticks = watch(rig, state, observe_s)
    reason, _ = reason_of([tick for tick in ticks if tick.start_ns >= start_ns], state)
    ended = _end_of_control(rig)
    reason = ended or reason
    fault.undo(rig)
    looks_after, ticks_after = watch(rig, state, 0.7)
    seen, after = motion(looks, start_ns), motion(looks_after, looks_after[0].t_ns)
    notes = []
    wanted = fault.moving if expected == "=" else expected
    if reason not in wanted.split("|"):
        notes.append("reason")
    most_ms = fault.detect_ms + BRAKING_MS + SETTLE_MS
    if seen.still_ms is None or seen.still_ms > most_ms:
        notes.append(f"not still after {most_ms:.0f} ms")
    if after.peak_rad_s > STILL_RAD_S:
        notes.append("moved after the fault ended")
    if any(tick.mode in MOVING for tick in ticks_after):
        notes.append("resumed by itself")
    return Cell(
        f"station.{fault.name}",
        state.name,
        reason,
        wanted,
        seen.still_ms,
        max(seen.late_peak_rad_s, after.peak_rad_s),
        not notes,
        "; ".join(notes),
    )


def _end_of_control(rig: DrivenRun) -> str:
    """What stopped the motors where no loop is left to say it; '' while it lives."""
    if rig.is_alive:
        return ""
    log = rig.run.runtime.path("supervisor.log")
    if "went silent" in log.read_text(errors="replace"):
        return "supervisor_stop"
    motors = rig.arm.ask("status")["motors"]
    return "motors stop by themselves" if not any(motor["enabled"] for motor in motors) else "motors are on"


# -- the launcher: the whole command, as a user starts it


def launcher_cell(number: int, data: Path) -> Cell:
    """The command itself, headless and FOLLOWING, killed or frozen."""
    name = f"station.launcher {signal.Signals(number).name}"
    wanted = "shutdown" if number == signal.SIGKILL else "screen_lost"
    root = Path(tempfile.mkdtemp(prefix="fl", dir="/tmp"))
    folder = root / "station" / "demo"
    command = [sys.executable, "-m", "station", "run", "demo", "--headless", "--reps", "99", "--data", str(data)]
    launcher = subprocess.Popen(
        command,
        env={**os.environ, "STATION_RUNTIME": str(root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    arm: ArmLine | None = None
    try:
        ring, arm = _attach(folder)
        decoder = msgspec.msgpack.Decoder(Tick)
        ticks: list[Tick] = []
        end = time.monotonic() + 40
        while time.monotonic() < end:
            ticks = [decoder.decode(entry) for entry in ring.read(10**6)] or ticks
            if ticks and ticks[-1].mode == Mode.FOLLOWING and arm.look().speed_rad_s > 0.6:
                break
            time.sleep(0.01)
        else:
            raise StartError("the rig did not get to FOLLOWING", 4)
        ring.read(10**6)
        start_ns = time.monotonic_ns()
        os.kill(launcher.pid, number)
        looks = arm.watch(1.6)
        ticks = [decoder.decode(entry) for entry in ring.read(10**6)]
        reason, _ = reason_of(ticks, Mode.FOLLOWING)
        seen = motion(looks, start_ns)
        notes = [] if reason == wanted else ["reason"]
        if seen.still_ms is None or seen.still_ms > 750 + BRAKING_MS + SETTLE_MS:
            notes.append("not still in time")
        if number == signal.SIGSTOP:  # it goes on as a person would: by letting go and engaging anew, through ALIGNING
            os.kill(launcher.pid, signal.SIGCONT)
            time.sleep(0.3)
            after = [decoder.decode(entry) for entry in ring.read(10**6)]
            if any(tick.mode == Mode.FOLLOWING for tick in after):
                notes.append("resumed by itself")
        else:
            launcher.wait(5)
            time.sleep(4.0)
            if _control_pid(folder):
                notes.append("the control process lives on")
        return Cell(name, "FOLLOWING", reason, wanted, seen.still_ms, seen.late_peak_rad_s, not notes, "; ".join(notes))
    finally:
        if arm is not None:
            arm.close()
        if launcher.poll() is None:
            os.kill(launcher.pid, signal.SIGCONT)
            launcher.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                launcher.wait(30)
        launcher.kill()
        launcher.wait()
        shutil.rmtree(root, ignore_errors=True)


def _control_pid(folder: Path) -> int:
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit():
                words = (process / "cmdline").read_bytes().split(b"\0")
                if b"station.control" in words and str(folder).encode() in words:
                    return int(process.name)
    return 0


def _attach(folder: Path) -> tuple[RingReader, ArmLine]:
    """The ring of a run that another process started, through the kernel's view of its descriptors (proc(5))."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        pid = _control_pid(folder)
        if pid and (folder / "views.sock").exists():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            fd = os.open(f"/proc/{pid}/fd/{int(words[words.index(b'--ring') + 1])}", os.O_RDWR)
            try:
                return RingReader(fd), ArmLine(folder)
            finally:
                os.close(fd)
        time.sleep(0.05)
    raise StartError("the command did not start", 4)
