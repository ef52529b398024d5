"""The session process: reads every tick, counts, records, tells the screens.

    python -m station.session --runtime DIR --ring FD

Prints `ready`, and at the end one JSON document: what this run measured and kept.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from firmware_bridge.clock_sync import DeviceClock
from station.children import say_error, say_ready
from station.control.realtime import die_with_parent
from station.link.intents import IntentSender
from station.link.ring import RingReader
from station.link.views import ViewServer
from station.session.errors import RecordError
from station.session.histogram import Histogram
from station.session.recorder import FREE_FLOOR_BYTES
from station.session.session import Session
from station.session.view import without_control
from station.settings.run import RunSettings
from station.signals import IntentKind, Mode, RequestKind, Role, SessionView, Tick

DATA: Final = 6
_POLL_S: Final = 0.02
_LEASE_NS: Final = 100_000_000
_VIEW_NS: Final = 100_000_000
_CONTROL_GONE_NS: Final = 500_000_000
_LINGER_S: Final = 0.5
"""The last view stands so long for screens that look ten times a second."""


class Figures:
    """What the run measured, for its closing document."""

    def __init__(self) -> None:
        self.late = Histogram()
        self.latency = Histogram()
        self.ticks = 0
        self.ticks_lost = 0
        self.samples_lost = 0
        self.files: dict[int, str] = {}
        self.clock = DeviceClock()
        """The leader's clock against the host's; every tick carries both times."""
        self._seq = -1
        self.stop = ""

    def take(self, tick: Tick) -> None:
        self.ticks += 1
        self.ticks_lost = tick.ticks_lost
        self.samples_lost = tick.samples_lost
        self.late.add_ns(tick.late_ns)
        if tick.sample_seq != self._seq and tick.sample_t_ns:
            self._seq = tick.sample_seq
            self.clock.update(tick.sample_device_us, tick.start_ns)  # never before its arrival
        if tick.sent_ns and tick.start_ns - tick.sample_t_ns < 1_000_000:
            self.latency.add_ns(tick.sent_ns - tick.sample_t_ns)
        self._note_stop(tick)

    def clock_report(self) -> dict[str, float]:
        """Drift of the leader's clock and how sure its mapping is; empty before 3 s."""
        if not self.clock.is_locked:
            return {}
        residual, delay = self.clock.residual, self.clock.delay
        return {
            "drift_ppm": round(self.clock.drift_ppm, 2),
            "residual_p99_us": round(residual.p99_us, 1),
            "delay_p50_us": round(delay.p50_us, 1),
            "delay_p99_us": round(delay.p99_us, 1),
        }

    def _note_stop(self, tick: Tick) -> None:
        if tick.mode in (Mode.STOPPING, Mode.STOPPED) and tick.cause != "shutdown":
            self.stop = f"{tick.cause}: {tick.cause_detail}" if tick.cause_detail else tick.cause


class Shift:
    """Drives a Session from the ring, the sockets and the clock."""

    def __init__(self, settings: RunSettings, runtime: Path, ring: RingReader) -> None:
        self._settings = settings
        self._ring = ring
        self._session = Session(
            settings.rig,
            settings.calibration,
            settings.task,
            settings.worker,
            Path(settings.data),
            target=settings.target,
        )
        free_mb = self._session.view(time.monotonic_ns()).disk_free_mb
        if self._session.is_disk_full:
            self._session.close()
            raise RecordError(
                f"data folder {settings.data}: {free_mb:.0f} MB free; expected "
                f"at least {FREE_FLOOR_BYTES / 1e6:.0f} MB; "
                "free some space or choose another folder with --data"
            )
        self._server = ViewServer(runtime / "views.sock")
        self._intents = IntentSender(runtime / "intents.sock", Role.SESSION)
        self._decoder = msgspec.msgpack.Decoder(Tick)
        self._figures = Figures()
        self._lost = 0
        self._lease_ns = 0
        self._view_ns = 0
        self._finishing = False

    def finish(self) -> None:
        self._finishing = True

    def run(self) -> dict[str, Any]:
        """Until the shift was ended or the target is reached, the arm is safe and the files are complete."""
        while True:
            for kind in self._server.requests(_POLL_S):
                if kind is RequestKind.FINISH:
                    self._finishing = True
                else:
                    self._session.on_request(kind)
            now_ns = time.monotonic_ns()
            self._take_ticks()
            self._finishing = self._finishing or self._session.finished
            if now_ns - self._lease_ns >= _LEASE_NS:
                self._lease_ns = now_ns
                self._intents.send(self._wish(), now_ns)
            if now_ns - self._view_ns >= _VIEW_NS or self._session.has_news:
                self._view_ns = now_ns
                self._server.publish(self._view(now_ns))
            if self._finishing and self._is_control_gone(now_ns):
                return self._close()

    def _wish(self) -> IntentKind:
        """What the control process is told every 100 ms: go on, hold (nothing can be recorded), or end."""
        if self._finishing:
            return IntentKind.SHUTDOWN
        return IntentKind.HOLD if self._session.is_disk_full else IntentKind.LEASE

    def _take_ticks(self) -> None:
        for entry in self._ring.read():
            tick = self._decoder.decode(entry)
            self._figures.take(tick)
            self._session.on_tick(tick, self._ring.lost - self._lost)
            self._lost = self._ring.lost

    def _is_control_gone(self, now_ns: int) -> bool:
        return now_ns - self._ring.heartbeat_ns > _CONTROL_GONE_NS

    def _view(self, now_ns: int) -> SessionView:
        view = self._session.view(now_ns)
        self._remember(view)
        if self._is_control_gone(now_ns) and self._ring.heartbeat_ns and not self._finishing:
            event = "supervisor_stop" if self._ring.stop_flag else "control_lost"
            self._figures.stop = event
            view = without_control(view, event, self._ring.heartbeat_ns)
        return msgspec.structs.replace(view, finished=False)

    def _remember(self, view: SessionView) -> None:
        if view.last is not None:
            self._figures.files[view.last.number] = view.last.file

    def _close(self) -> dict[str, Any]:
        """The arm is safe: complete the files, show the last view, report."""
        self._take_ticks()
        self._session.on_request(RequestKind.FINISH)
        self._session.wait_idle()
        view = self._session.view(time.monotonic_ns())
        self._remember(view)
        self._session.close()
        last = msgspec.structs.replace(view, finished=True, mode=int(Mode.DISCONNECTED))
        self._server.publish(last)
        end = time.monotonic() + _LINGER_S
        while (left_s := end - time.monotonic()) > 0:
            self._server.requests(left_s)
        self._server.close()
        totals, figures = self._session.totals, self._figures
        return {
            "accepted": totals.accepted,
            "rejected": totals.rejected,
            "shift_accepted": view.accepted,
            "ticks": figures.ticks,
            "ticks_lost": figures.ticks_lost,
            "samples_lost": figures.samples_lost,
            "records_lost": totals.records_lost,
            "lateness_us": figures.late.report(),
            "latency_us": figures.latency.report(),
            "leader_clock": figures.clock_report(),
            "stop": figures.stop,
            "data": self._settings.data,
            "files": [file for _, file in sorted(figures.files.items()) if file],
        }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--ring", type=int, required=True)
    options = parser.parse_args()
    die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        shift = Shift(RunSettings.load(options.runtime), options.runtime, RingReader(options.ring))
        signal.signal(signal.SIGTERM, lambda *_: shift.finish())
        say_ready()
        document = shift.run()
    except RecordError as error:
        say_error(DATA, str(error))
        sys.stderr.write(f"{error}\n")
        return DATA
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
