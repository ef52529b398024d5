"""Cells of the whole command, as a user starts it: killed or frozen."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from station.bench.driven import ArmLine, motion
from station.children import StartError
from station.link.ring import RingReader
from station.settings.load import load_rig
from station.signals import Mode, Tick
from tests.faults.cell import NOT_REACHED, Cell, tried
from tests.faults.cells import allowed_ms, reason_of
from tests.faults.machine import Machine, looks_pauses, loop_pauses

_DETECT_MS: Final = 750.0
"""The screen's lease and how often it is kept."""


def launcher_cell(number: int, data: Path, machine: Machine) -> Cell:
    """The command itself, headless and FOLLOWING, killed or frozen; again only where the machine itself stood still, or
    it did not get there."""
    return tried(lambda: _launcher_cell(number, data, machine), or_not_reached=True)


def _launcher_cell(number: int, data: Path, machine: Machine) -> Cell:
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
        pause = max(machine.longest(start_ns), loop_pauses(ticks), looks_pauses(looks))
        seen = motion(looks, start_ns)
        most_ms = allowed_ms(load_rig("demo")[0], _DETECT_MS)
        notes = [] if reason == wanted else ["reason"]
        if seen.still_ms is None or seen.still_ms > most_ms:
            notes.append(f"not still after {most_ms:.0f} ms")
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
        return Cell(
            name,
            "FOLLOWING",
            reason,
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
