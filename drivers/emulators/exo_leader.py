"""The emulated leader with an exo board: the worker moves the encoders here, the compiled C reference reads and sends.

Same configuration and control socket as the KER hub's process (see `leader`), with leader.kind 'exo_wire'. Optional
keys: serial_number, board_firmware, drift_ppm, start_us (the board's clock at power-on).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from drivers.emulators.control_socket import TRACE_ROWS
from drivers.emulators.exo_board import ExoBoard
from drivers.emulators.exo_faults import KINDS, BoardFaults
from drivers.emulators.ker_hub import KNOT_SAMPLES, HubChannel, KerHub
from drivers.emulators.worn_leader import WornLeader
from firmware_bridge.exo_messages import Channel
from firmware_bridge.exo_terms import ChannelKind

_TURN: Final = 1 << 15
_SAMPLE_NS: Final = 1_000_000
_GRIP_S: Final = 0.3


class ExoLeaderEmulator(WornLeader):
    """Worker, encoders, board process, control socket. The encoders move once a ms; the board reads when it likes."""

    fault_kinds = KINDS

    def __init__(self, config: dict[str, Any], now_ns: int) -> None:
        """Raises ValueError or KeyError for a wrong configuration, DriverError or OSError for what is missing."""
        super().__init__(config)
        leader = config["leader"]
        channels = leader["channels"]
        # The encoders are those of a KER exoskeleton: 15 bits, the last one noisy.
        self._encoders = KerHub("2.1.0", [HubChannel(c["sign"], c["zero_deg"]) for c in channels])
        link = Path(leader["port_link"])
        self._board = ExoBoard(
            link.parent,
            [_dictionary_line(n, c) for n, c in enumerate(channels)],
            pty_link=str(link),
            serial_number=str(leader.get("serial_number", "EMU-0001")),
            firmware=str(leader.get("board_firmware", "1.0.0")),
        )
        self._board.set_word("clock_ppm", int(leader.get("drift_ppm", 20)))
        self._board.set_word("clock_start_us", int(leader.get("start_us", 1_500_000)))
        names = [c["name"] for c in channels]
        self._faults = BoardFaults(self._board, names, lambda: self._encoders.raw(0))
        self._begin_ns = now_ns
        self._next = 1
        self._decade = -1
        try:
            self._at_knot(1)
            self._move(1)
            self._board.start()
        except BaseException:
            self.close()
            raise

    def run(self) -> None:
        """Until SIGTERM or the parent is gone."""
        clock = time.monotonic_ns
        while not self.is_ending:
            due_ns = self._begin_ns + self._next * _SAMPLE_NS
            now_ns = clock()
            if due_ns > now_ns:
                time.sleep((due_ns - now_ns) * 1e-9)
                now_ns = clock()
            if now_ns - due_ns > self._late_ns:
                self._late_ns = now_ns - due_ns
            # Encoders have no memory: whatever was slept through is not made up.
            self._next = max(self._next, (now_ns - self._begin_ns) // _SAMPLE_NS)
            self._at_knot(self._next)
            self._move(self._next)
            self._next += 1

    def close(self) -> None:
        super().close()
        self._board.stop()

    def _at_knot(self, n: int) -> None:
        """Every KNOT_SAMPLES: where the worker will be at the next knot; requests; the parent."""
        decade = n // KNOT_SAMPLES
        if decade == self._decade:
            return
        self._decade = decade
        at_ns = self._begin_ns + (decade + 1) * KNOT_SAMPLES * _SAMPLE_NS
        self._encoders.set_knot(self._step_worker(at_ns))
        self._control.poll(self._answer)
        now_ns = time.monotonic_ns()
        self._faults.poll(now_ns)
        self.is_ending = self.is_ending or self._parent.is_gone(now_ns)

    def _move(self, n: int) -> None:
        self._board.set_counts(self._faults.read(self._encoders.raw(n % KNOT_SAMPLES), time.monotonic_ns()))

    # -- the control socket

    def _grip_anew(self) -> None:
        self._faults.add({"kind": "enable_off", "for_s": _GRIP_S}, time.monotonic_ns())

    def _add_fault(self, request: dict[str, Any], now_ns: int) -> None:
        self._faults.add(request, now_ns)

    def _clear_faults(self, now_ns: int) -> None:
        self._faults.clear(now_ns)

    def _set_tracing(self, is_on: bool) -> None:
        self._board.set_word("is_tracing", int(is_on))

    def _take_trace(self) -> tuple[list[tuple[int, int]], int]:
        return self._board.take_trace(TRACE_ROWS)

    def _take_late_ms(self) -> float:
        board_ms = self._board.word("late_us") / 1000
        self._board.set_word("late_us", 0)
        return max(board_ms, super()._take_late_ms())

    def _status(self) -> dict[str, Any]:
        board = self._board
        return {
            "kind": "exo_wire",
            "state": "off" if not board.is_on else "stream" if board.word("rate_hz") else "standby",
            "port": board.link if board.is_on else "",
            "host_open": bool(board.word("is_host_open")),
            "frames_sent": board.word("frames_sent"),
            "frames_dropped": board.word("frames_dropped"),
            "seq": board.word("seq"),
            "starts": board.word("starts"),
            "faults": self._faults.active(),
        }


def _dictionary_line(number: int, channel: dict[str, Any]) -> Channel:
    """What the board says of one encoder: its travel as mounted, 0.01 degree."""
    sign = int(channel["sign"])
    ends = sorted(round(100 * (sign * channel[key] + channel["zero_deg"])) for key in ("lower_deg", "upper_deg"))
    kind = ChannelKind.TRIGGER if "trigger" in channel["name"] else ChannelKind.ROTARY
    return Channel(number, kind, sign, 0, _TURN, ends[0], ends[1], channel["name"])
