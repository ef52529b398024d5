"""The emulated arm: `python -m drivers.emulators.follower CONFIG.json` serves all buses and motors of one rig.

In: CAN frames on each bus's hub socket and requests on the control socket. Out: the motors' answers, with faults on
demand. Prints `ready` once everything listens; ends on SIGTERM, or 2 s after the process that started it is gone.
"""

from __future__ import annotations

import functools
import gc
import heapq
import itertools
import json
import os
import random
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from drivers.emulators.control_socket import TRACE_ROWS, ControlServer, is_orphan
from drivers.emulators.damiao_motor import BODIES, DamiaoMotor
from drivers.emulators.fault_requests import FAULT_KINDS, read_fault
from drivers.emulators.follower_bus import TRACE_LIMIT, Fault, FollowerBus, TraceRow
from drivers.errors import DriverError
from drivers.hub_server import HubServer

LOOK_S: Final = 0.25
"""How often an idle follower looks whether its parent still lives."""
ORPHAN_NS: Final = 2_000_000_000


class Follower:
    """All buses of one rig, the control socket and the timed actions of faults, in one wait."""

    def __init__(self, config: dict[str, Any], now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._timed: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = itertools.count()
        self._trace: deque[TraceRow] | None = None
        self._epoll = select.epoll()
        self.buses: list[FollowerBus] = []
        rng = random.Random(config.get("seed", 0))
        follower = config["follower"]
        try:
            for index, bus in enumerate(follower["buses"]):
                self._add_bus(index, bus, rng)
            self.control = ControlServer(follower["control"])
        except BaseException:
            for opened in self.buses:
                opened.hub.close()
            raise
        self._sources: dict[int, Callable[[], object]] = {
            **{bus.hub.fileno(): bus.hub.poll for bus in self.buses},
            self.control.fileno(): lambda: self.control.poll(self.handle),
        }
        for descriptor in self._sources:
            self._epoll.register(descriptor, select.EPOLLIN)

    def _add_bus(self, index: int, bus: dict[str, Any], rng: random.Random) -> None:
        now_ns = self._now_ns()
        fd = bool(bus.get("fd", False))
        motors = [_make_motor(motor, fd=fd, t_ns=now_ns) for motor in bus["motors"]]
        hub = HubServer(bus["socket"])
        self.buses.append(
            FollowerBus(index, bus.get("name", str(index)), hub, motors, fd=fd, rng=rng, later=self.later)
        )

    def close(self) -> None:
        self.control.close()
        for bus in self.buses:
            bus.hub.close()
        self._epoll.close()

    def later(self, t_ns: int, action: Callable[[int], None]) -> None:
        heapq.heappush(self._timed, (t_ns, next(self._order), action))

    def step(self, timeout_s: float = LOOK_S) -> None:
        """Wait for frames, requests or the next timed action, at most `timeout_s`, and serve what there is."""
        if self._timed:
            timeout_s = min(timeout_s, max(0.0, (self._timed[0][0] - self._now_ns()) * 1e-9))
        for descriptor, _ in self._epoll.poll(timeout_s):
            self._sources[descriptor]()
        if self._timed:
            now_ns = self._now_ns()
            while self._timed and self._timed[0][0] <= now_ns:
                heapq.heappop(self._timed)[2](now_ns)

    def run(self, parent_pid: int) -> None:
        """Serve until the parent has been gone for 2 s (a stop of the arm after its death can still be seen)."""
        next_look_ns = 0
        ends_ns = 0
        while not ends_ns or self._now_ns() < ends_ns:
            self.step()
            now_ns = self._now_ns()
            if now_ns >= next_look_ns:
                next_look_ns = now_ns + int(LOOK_S * 1e9)
                if not ends_ns and is_orphan(parent_pid):
                    ends_ns = now_ns + ORPHAN_NS

    # -- the control socket

    def handle(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """One request of the control socket. Raises ValueError, in words, on what it does not understand."""
        match request["cmd"]:
            case "status":
                return self._status()
            case "fault":
                return self._fault(request)
            case "faults":
                return {"faults": FAULT_KINDS}
            case "clear":
                self._clear()
                return None
            case "trace":
                self._set_trace(bool(request["on"]))
                return None
            case "take_trace":
                return self._take_trace()
        raise ValueError(f"unknown cmd {request['cmd']!r}; expected status, fault, faults, clear, trace or take_trace")

    def _status(self) -> dict[str, Any]:
        now_ns = self._now_ns()
        both = [bus.status(now_ns) for bus in self.buses]
        return {
            "t_ns": now_ns,
            "buses": [bus for bus, _ in both],
            "motors": [motor for _, motors in both for motor in motors],
        }

    def _fault(self, request: dict[str, Any]) -> dict[str, Any]:
        now_ns = self._now_ns()
        faults = read_fault(request, self.buses, now_ns)
        for fault in faults:
            self.buses[fault.bus].add(fault, now_ns)
            if fault.ends_ns is not None:
                self.later(fault.ends_ns, functools.partial(self._end, fault))
        return {
            "buses": [self.buses[fault.bus].name for fault in faults],
            "motors": [
                [bus.name, motor_id]
                for fault in faults
                for bus in [self.buses[fault.bus]]
                for motor_id in bus.motors
                if fault.hits(motor_id)
            ],
        }

    def _end(self, fault: Fault, t_ns: int) -> None:
        self.buses[fault.bus].remove(fault, t_ns)

    def _clear(self) -> None:
        now_ns = self._now_ns()
        for bus in self.buses:
            for fault in reversed(list(bus.faults)):
                bus.remove(fault, now_ns)

    def _set_trace(self, is_on: bool) -> None:
        self._trace = deque(maxlen=TRACE_LIMIT) if is_on else None
        for bus in self.buses:
            bus.trace = self._trace

    def _take_trace(self) -> dict[str, Any]:
        trace = self._trace if self._trace is not None else deque[TraceRow]()
        rows = [trace.popleft() for _ in range(min(TRACE_ROWS, len(trace)))]
        return {"rows": rows, "left": len(trace)}


def _make_motor(motor: dict[str, Any], *, fd: bool, t_ns: int) -> DamiaoMotor:
    model = str(motor["model"])
    if model not in BODIES:
        raise ValueError(f"motor {motor['id']}: model {model!r}; expected one of {', '.join(sorted(BODIES))}")
    return DamiaoMotor(
        int(motor["id"]),
        int(motor["reply_id"]),
        model,
        float(motor.get("start_rad", 0.0)),
        t_ns=t_ns,
        fd=fd,
        gravity_nm=float(motor.get("gravity_nm", 0.0)),
    )


def _end_process(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(arguments: list[str]) -> int:
    """Run the process. Exit status 2 when the configuration is wrong."""
    parent_pid = os.getppid()
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m drivers.emulators.follower CONFIG.json\n")
        return 2
    signal.signal(signal.SIGTERM, _end_process)
    signal.signal(signal.SIGINT, _end_process)
    try:
        follower = Follower(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, DriverError) as error:
        sys.stderr.write(f"{arguments[0]}: {type(error).__name__}: {error}\n")
        return 2
    try:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        gc.collect()
        gc.freeze()
        follower.run(parent_pid)
    finally:
        follower.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
