"""Process of an emulated leader: `python -m drivers.emulators.leader CONFIG.json`.

A KER hub (or, with leader.kind "exo_wire", an exo board: see `exo_leader`) worn by an emulated worker, on a pty under
`leader.port_link`; control socket at `leader.control`. Prints
`ready` when both stand; ends on SIGTERM, or 2 s after its parent process is gone (or its stdin pipe was closed).
Configuration, all under "leader": control, port_link, firmware, rate_hz, channels [{name, sign, zero_deg, lower_deg,
upper_deg}], worker {bad_every, pace_s, truth, waypoints [{name, pose_deg, dwell_s}], tolerance_deg [...], rep_max_s};
optional: serial_number, drift_ppm (of the hub's clock), start_us (its clock at power-on), priority (SCHED_FIFO, 0 =
none).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from drivers.emulators.control_socket import TRACE_ROWS
from drivers.emulators.exo_leader import ExoLeaderEmulator
from drivers.emulators.ker_faults import KINDS, HubFaults
from drivers.emulators.ker_hub import KNOT_SAMPLES, HubChannel, KerHub
from drivers.emulators.pty_port import PtyPort
from drivers.emulators.worn_leader import WornLeader
from drivers.errors import DriverError

_MOST_BEHIND_NS: Final = 1_000_000_000
"""Frames older than this when the process wakes were lost in the hub's own queue."""
_MOST_TRACE: Final = 200_000
_PR_SET_TIMERSLACK: Final = 29


def make_emulator(config: dict[str, Any], now_ns: int) -> WornLeader:
    """The far end that leader.kind names. Raises ValueError for a kind not emulated, and what each kind raises."""
    kind = str(config["leader"].get("kind", "ker")).replace("-", "_")
    if kind == "ker":
        return LeaderEmulator(config, now_ns)
    if kind == "exo_wire":
        return ExoLeaderEmulator(config, now_ns)
    raise ValueError(f"leader.kind {kind!r}; expected 'ker' or 'exo_wire'")


class LeaderEmulator(WornLeader):
    """Hub, worker, port and control socket on one absolute schedule."""

    fault_kinds = KINDS

    def __init__(self, config: dict[str, Any], now_ns: int) -> None:
        """Raises ValueError or KeyError for a wrong configuration, DriverError or OSError where a name is taken."""
        super().__init__(config)
        leader = config["leader"]
        channels = leader["channels"]
        self._rate_hz = float(leader["rate_hz"])
        self._hub = KerHub(leader["firmware"], [HubChannel(c["sign"], c["zero_deg"]) for c in channels])
        # The schedule is the hub's own clock, which is a little fast or slow against the host's.
        self._drift_ppm = float(leader.get("drift_ppm", 20.0))
        self._period_ns = self._period_of(self._drift_ppm)
        self._start_us = int(leader.get("start_us", 1_500_000))
        self._boot_ns = now_ns
        self._next = 1
        """Number of the next sample since the hub's power-on."""
        self._decade = -1
        self._port = PtyPort(leader["port_link"], str(leader.get("serial_number", "EMU-0001")))
        self._faults = HubFaults(self._hub, self._port, [c["name"] for c in channels], config["seed"])
        self._trace: deque[tuple[int, int]] = deque(maxlen=_MOST_TRACE)
        self._is_tracing = False
        self.sent = 0
        self.dropped = 0

    def run(self) -> None:
        """Until SIGTERM or the parent is gone."""
        clock = time.monotonic_ns
        while not self.is_ending:
            now_ns = clock()
            if self._hub.is_streaming:
                due_ns = self._slot_ns(self._next)
                if due_ns > now_ns:
                    time.sleep((due_ns - now_ns) * 1e-9)  # to an absolute time, by Python 3.11 and newer
                    now_ns = clock()
                if now_ns - due_ns > self._late_ns:
                    self._late_ns = now_ns - due_ns
                self._listen(now_ns)
                self._stream(now_ns)
            else:
                self._wait_for_command(now_ns)
                now_ns = clock()
                self._next = int((now_ns - self._boot_ns) / self._period_ns) + 1
                self._at_sample(self._next)
                self._listen(now_ns)

    def close(self) -> None:
        super().close()
        self._port.unplug()

    # -- the schedule

    def _slot_ns(self, n: int) -> int:
        return self._boot_ns + int(n * self._period_ns)

    def _period_of(self, drift_ppm: float) -> float:
        return 1e9 / self._rate_hz / (1 + drift_ppm * 1e-6)

    def _keep_pace(self) -> None:
        """The clock runs from the next sample on as the standing faults have it; that one is where it was to be."""
        ppm = self._faults.drift_ppm
        period_ns = self._period_of(self._drift_ppm if ppm is None else ppm)
        if period_ns != self._period_ns:
            self._boot_ns += int(self._next * (self._period_ns - period_ns))
            self._period_ns = period_ns

    def _stream(self, now_ns: int) -> None:
        """Send every sample that is due, one after another."""
        behind = int((now_ns - _MOST_BEHIND_NS - self._slot_ns(self._next)) / self._period_ns)
        if behind > 0:
            self._next += behind
            self._hub.seq = (self._hub.seq + behind) & 0xFFFF_FFFF
            self.dropped += behind
        while self._hub.is_streaming and self._slot_ns(self._next) <= now_ns:
            n = self._next
            self._next = n + 1
            self._at_sample(n)
            if not self._hub.is_streaming:  # it has lost power just now
                return
            timestamp_us = self._start_us + self._faults.clock_step_us + int(n * 1e6 / self._rate_hz)
            seq = self._hub.seq
            frames: Sequence[bytes]
            if self._faults.is_active:
                frames = self._faults.frames(timestamp_us, n % KNOT_SAMPLES, now_ns)
            else:
                frames = (self._hub.frame(timestamp_us, n % KNOT_SAMPLES),)
            for frame in frames:
                if self._is_tracing:
                    self._trace.append((seq, time.monotonic_ns()))
                if self._port.write(frame):
                    self.sent += 1
                else:
                    self.dropped += 1

    def _at_sample(self, n: int) -> None:
        """Every KNOT_SAMPLES samples: where the worker will be at the next knot; requests; the parent."""
        decade = n // KNOT_SAMPLES
        if decade == self._decade:
            return
        at_ns = self._slot_ns((decade + 1) * KNOT_SAMPLES)
        self._hub.set_knot(self._step_worker(at_ns))
        self._decade = decade
        self._control.poll(self._answer)
        now_ns = time.monotonic_ns()
        self._faults.expire(now_ns)
        if self._faults.restarted:
            self._restart(now_ns)
        self._keep_pace()
        self.is_ending = self.is_ending or self._parent.is_gone(now_ns)

    def _listen(self, now_ns: int) -> None:
        data = self._port.read()
        if data:
            reply = self._hub.take(data) if not self._faults.is_off(now_ns) else b""
            if reply:
                self._port.write(reply)

    def _wait_for_command(self, now_ns: int) -> None:
        """At most until the next knot."""
        left_ns = self._slot_ns((self._decade + 1) * KNOT_SAMPLES) - now_ns
        waits = [self._control.fileno()]
        if self._port.is_open:  # a pty that nobody has open is always readable
            waits.append(self._port.fileno())
        select.select(waits, (), (), max(0.0, min(0.05, left_ns * 1e-9)))
        self._control.poll(self._answer)

    def _restart(self, now_ns: int) -> None:
        """The hub has power again: its clock begins anew."""
        self._faults.restarted = False
        self._boot_ns = now_ns
        self._start_us = 1_500_000
        self._faults.clock_step_us = 0
        self._next = 1
        self._decade = -1

    # -- the control socket

    def _add_fault(self, request: dict[str, Any], now_ns: int) -> None:
        self._faults.add(request, now_ns)
        if self._faults.restarted:
            self._restart(now_ns)

    def _clear_faults(self, now_ns: int) -> None:
        self._faults.clear()
        if self._faults.restarted:
            self._restart(now_ns)

    def _set_tracing(self, is_on: bool) -> None:
        self._is_tracing = is_on

    def _take_trace(self) -> tuple[list[tuple[int, int]], int]:
        return [self._trace.popleft() for _ in range(min(TRACE_ROWS, len(self._trace)))], len(self._trace)

    def _status(self) -> dict[str, Any]:
        return {
            "kind": "ker",
            "firmware": self._hub.schema.firmware,
            "state": "stream" if self._hub.is_streaming else "standby",
            "port": self._port.link if self._port.is_plugged else "",
            "host_open": self._port.is_open,
            "frames_sent": self.sent,
            "frames_dropped": self.dropped,
            "seq": self._hub.seq,
            "faults": self._faults.active(),
        }


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m drivers.emulators.leader CONFIG.json\n")
        return 2
    emulator: WornLeader | None = None
    try:
        config = json.loads(Path(arguments[0]).read_text())
        emulator = make_emulator(config, time.monotonic_ns())
    except (OSError, ValueError, KeyError, TypeError, DriverError) as error:
        words = f"missing {error}" if isinstance(error, KeyError) else str(error)
        sys.stderr.write(f"emulated leader: {arguments[0]}: {words}\n")
        return 2

    def end(number: int, frame: object) -> None:
        emulator.is_ending = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal's group; the launcher decides when a run ends
    _steady(int(config["leader"].get("priority", 0)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        emulator.run()
    finally:
        emulator.close()
    return 0


def _steady(priority: int) -> None:
    """Short timer slack, no collector pauses; real-time priority only where asked for and allowed."""
    gc.collect()
    gc.freeze()
    gc.disable()
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    if priority > 0:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
