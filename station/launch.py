"""One run of a rig: starts its processes in order, watches them, ends them in the safe order.

    emulated far ends (emulated rigs only) -> control -> supervisor · session · screen

The end, however it comes: the control process makes the arm safe first, then the session finishes its files, then the
rest ends. A session that dies is started again; a control process that dies is not (a person must look).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from drivers.emulators.control_socket import ControlClient
from drivers.errors import DriverError
from station import emulated
from station.children import Child, StartError, undisturbed
from station.control.realtime import leave_core
from station.kept_logs import keep_logs
from station.link.intents import IntentSender
from station.link.ring import create_ring
from station.link.views import ViewClient
from station.resolve import resolve
from station.runtime import Runtime
from station.settings.calibration import Calibration
from station.settings.load import digest
from station.settings.rig import Rig
from station.settings.run import RunSettings
from station.settings.task import Task
from station.signals import IntentKind, Mode, RequestKind, Role, SessionView

_MOST_RESTARTS: Final = 5


class Run:
    """The processes of one run. Use in a `with` block; `close` leaves nothing behind."""

    def __init__(
        self,
        rig: Rig,
        calibration: Calibration,
        task: Task,
        *,
        data: Path,
        worker: str,
        target: int | None = None,
        seed: int = 1,
    ) -> None:
        """Takes the rig's lock. Raises RigBusyError, ConfigError."""
        self.runtime = Runtime(rig.name)
        self.rig = resolve(rig, self.runtime.folder)
        self._settings = RunSettings(
            rig=self.rig,
            rig_digest=digest(rig),
            calibration=calibration,
            task=task,
            data=str(data),
            worker=worker,
            target=target or task.target,
        )
        self._seed = seed
        self.ring_fd = -1
        self._emulators: list[Child] = []
        self.control: Child | None = None
        self.session: Child | None = None
        self.supervisor: Child | None = None
        self._views: ViewClient | None = None
        self.intents: IntentSender | None = None
        self.notes: list[str] = []
        self._told_mode: Mode | None = None
        self._worker_line: ControlClient | None = None
        self._restarts = 0
        self.truth: Path | None = None
        self.closing_document = ""
        self.last_words: list[str] = []
        """After `close`: what processes said that had something to say, and where it is kept."""

    def __enter__(self) -> Run:
        return self

    def start(self, step: Callable[[str], None] = lambda _: None) -> None:
        """Start everything but the screen; `step` is told what is waited for: 'emulators', 'control', 'session'.
        Raises StartError in the words of whatever could not start."""
        folder = self.runtime.folder
        self._settings.save(folder)
        leave_core(self.rig.loop.core)  # and so do all children; the control process takes it back
        self.ring_fd = create_ring()
        if self.rig.emulated:
            config = emulated.emulator_config(
                self.rig, self._settings.calibration, self._settings.task, folder, self._seed, self._truth()
            )
            with undisturbed():
                self._emulators = emulated.start_emulators(config, folder)
        with undisturbed():
            self.session = self._start("session process", "station.session")  # its imports take longest
        step("emulators")
        for child in self._emulators:
            child.wait_ready(10.0)
        with undisturbed():
            self.control = self._start("control process", "station.control")
            self.supervisor = self._start("supervisor", "station.supervisor", "--control-pid", str(self.control.pid))
        for child, name, limit_s in (
            (self.control, "control", 15.0),
            (self.supervisor, "control", 10.0),
            (self.session, "session", 15.0),
        ):
            step(name)
            child.wait_ready(limit_s)
            self.notes.extend(note for note in child.notes if note not in self.notes)
        self.intents = IntentSender(folder / "intents.sock", Role.SCREEN)
        self._views = ViewClient(folder / "views.sock")
        if self._emulators:
            self._worker_line = ControlClient(str(folder / emulated.LEADER_CONTROL))

    def _truth(self) -> Path:
        """What the emulated worker really did, kept beside the records so that the counts can be judged."""
        folder = Path(self._settings.data) / self.rig.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(
                f"data folder {folder} cannot be made: {error.strerror}; choose another with --data", 6
            ) from error
        self.truth = folder / time.strftime("emulated-worker-%Y%m%d-%H%M%S.jsonl")
        return self.truth

    def _start(self, name: str, module: str, *more: str) -> Child:
        arguments = ["--runtime", str(self.runtime.folder), "--ring", str(self.ring_fd), *more]
        log = self.runtime.path(f"{module.rpartition('.')[2]}.log")
        return Child(name, module, arguments, log, [self.ring_fd])

    def view(self) -> SessionView | None:
        """The newest view; also shows the emulated worker what he would see, and restarts a session that died."""
        if self._views is None:
            return None
        view = self._views.latest()
        if view is not None and self._worker_line is not None:
            mode = Mode.DISCONNECTED if self._views.is_lost else Mode(view.mode)
            if mode != self._told_mode:
                self._told_mode = mode
                try:
                    self._worker_line.ask("worker", following=mode is Mode.FOLLOWING, is_ready=mode is Mode.READY)
                except DriverError:  # his process is gone: to the station an exoskeleton that was unplugged
                    self._worker_line.close()
                    self._worker_line = None
        if self._views.is_lost and self.session is not None and self.session.poll() not in (None, 0):
            self._restart_session()
        return view

    def _restart_session(self) -> None:
        if self._restarts >= _MOST_RESTARTS:
            raise StartError(f"the session process died {self._restarts + 1} times", 3)
        self._restarts += 1
        with undisturbed():
            self.session = self._start("session process", "station.session")
        self.session.wait_ready(15.0)
        assert self._views is not None
        self._views.close()
        self._views = ViewClient(self.runtime.path("views.sock"))

    def ask(self, kind: IntentKind) -> None:
        if self.intents is not None:
            self.intents.send(kind, time.monotonic_ns())

    def finish(self, timeout_s: float = 20.0) -> None:
        """Arm safe first, then the files: asks both processes and waits for them; kills what does not end."""
        deadline = time.monotonic() + timeout_s
        if self.control is not None:
            while self.control.poll() is None and time.monotonic() < deadline:
                self.ask(IntentKind.SHUTDOWN)
                self.control.wait(0.05)
            if self.control.poll() is None:
                self.control.end(1.0)  # SIGTERM is a shutdown too; then the motors' own time-out
        if self.session is not None:
            if self._views is not None:
                self._views.request(RequestKind.FINISH)
            while self.session.poll() is None and time.monotonic() < deadline + 10:
                self.session.wait(0.05)
            if self.session.poll() is None:
                self.session.end(5.0)
            self.closing_document = self.session.last_output().strip()

    def close(self) -> None:
        """Ends whatever still lives, in the safe order, and frees everything."""
        for child in (self.control, self.session, self.supervisor, *reversed(self._emulators)):
            if child is not None:
                child.end()
        children = [child for child in (self.control, self.session, self.supervisor, *self._emulators) if child]
        self.last_words += keep_logs(children, Path(self._settings.data) / self.rig.name / "logs")
        for line in (self._views, self.intents, self._worker_line):
            if line is not None:
                line.close()
        if self.ring_fd >= 0:
            os.close(self.ring_fd)
        self.runtime.close()

    def __exit__(self, *_: object) -> None:
        self.close()
