"""What every emulated leader has: the worker who wears it, the file of the truth about him, and its control socket."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from drivers.emulators.control_socket import ControlServer
from drivers.emulators.parent import ParentWatch
from drivers.emulators.worker import Rep, Waypoint, Worker
from drivers.emulators.worker_body import Channel


class WornLeader(ABC):
    """Its makes say how samples come about, and what faults they know."""

    fault_kinds: Mapping[str, str]
    """What each does, in words."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Raises ValueError or KeyError for a wrong configuration, OSError where the control socket's name is taken."""
        leader = config["leader"]
        channels, worker = leader["channels"], leader["worker"]
        self._truth: TextIO | None = Path(worker["truth"]).open("a") if worker.get("truth") else None  # noqa: SIM115
        self._worker = Worker(
            [Channel(c["name"], c["lower_deg"], c["upper_deg"]) for c in channels],
            [
                Waypoint(w["name"], w["pose_deg"], w["dwell_s"], tolerance_deg)
                for w, tolerance_deg in zip(worker["waypoints"], worker["tolerance_deg"])
            ],
            worker["pace_s"],
            worker["rep_max_s"],
            worker["bad_every"],
            config["seed"],
            self._tell,
        )
        self._following = False
        self._control = ControlServer(leader["control"])
        self._parent = ParentWatch()
        self._late_ns = 0
        """Longest that this process was kept from its schedule since its status was last asked."""
        self.is_ending = False

    def close(self) -> None:
        self._control.close()
        if self._truth is not None:
            self._truth.close()

    @abstractmethod
    def run(self) -> None:
        """Until SIGTERM or the parent is gone."""

    def _step_worker(self, at_ns: int) -> tuple[float, ...]:
        """His joints' angles then, degrees."""
        return self._worker.step(at_ns, self._following)

    def _tell(self, rep: Rep) -> None:
        if self._truth is not None:
            self._truth.write(json.dumps(rep._asdict()) + "\n")
            self._truth.flush()

    # -- the control socket

    def _answer(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """One request. Raises ValueError in words."""
        command = request["cmd"]
        if command == "status":
            worker = {"state": self._worker.state, "reps": self._worker.reps, "following": self._following}
            late_ms = self._take_late_ms()
            return {**self._status(), "late_ms": late_ms, "worker": worker}
        if command == "faults":
            return {"faults": self.fault_kinds}
        if command == "worker":
            self._following = bool(request["following"])
            if request.get("is_ready"):
                self._grip_anew()
        elif command == "fault":
            self._add_fault(request, time.monotonic_ns())
        elif command == "clear":
            self._clear_faults(time.monotonic_ns())
        elif command == "trace":
            self._set_tracing(bool(request["on"]))
        elif command == "take_trace":
            rows, left = self._take_trace()
            return {"rows": rows, "left": left}
        else:
            raise ValueError(f"cmd {command!r}; expected status, faults, worker, fault, clear, trace or take_trace")
        return None

    def _take_late_ms(self) -> float:
        """How long the machine has kept the emulation from its schedule, at most, since it was last asked: what looks
        like a silent leader may be a machine that stood still."""
        late_ns, self._late_ns = self._late_ns, 0
        return late_ns / 1e6

    @abstractmethod
    def _status(self) -> dict[str, Any]:
        """All but the worker's."""

    def _grip_anew(self) -> None:  # noqa: B027
        """The worker lets his enable switch go and grips it again: nothing to do where there is none."""

    @abstractmethod
    def _add_fault(self, request: dict[str, Any], now_ns: int) -> None:
        """Raises ValueError in words."""

    @abstractmethod
    def _clear_faults(self, now_ns: int) -> None: ...

    @abstractmethod
    def _set_tracing(self, is_on: bool) -> None: ...

    @abstractmethod
    def _take_trace(self) -> tuple[list[tuple[int, int]], int]:
        """(seq, t_ns when handed to write()) of samples not yet taken, oldest first, and how many are left."""
