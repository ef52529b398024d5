"""Leader over a board that speaks the exo wire, on a serial port or a CAN bus: handshake, then SAMPLEs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from drivers.errors import DifferingError, DriverError
from drivers.exo_link import make_link
from drivers.exo_talk import ExoTalk
from drivers.ports import LinkCounters
from firmware_bridge.clock_sync import DeviceClock
from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import TYPE_OF, Ack, BoardBeat, Fault, HostBeat, Log, Stream, Time, TimeGet
from firmware_bridge.exo_sample import SampleReader
from firmware_bridge.exo_terms import BEAT_MS, SAMPLE_TYPE, BoardState, Result
from firmware_bridge.exo_wire import decode, encode
from firmware_bridge.handshake import Board, Expected, check_board
from firmware_bridge.params import Value, compare
from firmware_bridge.samples import RawCounts
from firmware_bridge.update import refusal

_BEAT_NS: Final = BEAT_MS * 1_000_000
_FIRST_SAMPLE_S: Final = 0.4
_MOST_KEPT: Final = 64
EXCHANGE_NS: Final = 50_000_000
"""The board's clock is asked for so often: 200 questions in 10 s, of which one is quick even on a loaded line."""
_GRACE_NS: Final = 300_000_000
"""A beat sent before STREAM was obeyed may still be on its way."""


class ExoWireLeader:
    """One board. May be entered again after an error or a replug: the counters go on."""

    def __init__(
        self,
        port: str,
        baud: int,
        rate_hz: float,
        channels: Mapping[int, str],
        *,
        board_serial: str = "",
        parameters: Mapping[str, Value] | None = None,
        inputs: int = 0,
        calibration: str = "",
        name: str = "exo_wire",
    ) -> None:
        """`port`: a serial device or 'can:INTERFACE:CHANNEL:NODE'. `channels`: joint name by channel number.

        `board_serial`: of the calibrated board, '' = any. `parameters`: as the rig file wants them; a board that
        differs is refused. `inputs`: INPUT_HAS_* bits of the switches that it must have. `calibration`: its file's
        name, for words.
        """
        self.name = name
        self.rate_hz = rate_hz
        count = max(channels, default=-1) + 1
        self.channels: tuple[str, ...] = tuple(channels.get(n, f"channel_{n}") for n in range(count))
        """As the rig file has them; once open, as the board has them."""
        self.counts_per_turn = 1.0
        self.is_numbered = True
        self.identity = ""
        self.counters = LinkCounters()
        self.reboots = 0
        """Restarts of the board that were noticed."""
        self.board: Board | None = None
        self.clock = DeviceClock()
        """Device time to host time, from the samples' arrivals and the answers to TIME_GET."""
        self.news: deque[Log | Fault] = deque(maxlen=_MOST_KEPT)
        """What the board reported unasked."""
        self._link = make_link(port, baud)
        self._expected = Expected(channels, rate_hz, board_serial, inputs, calibration)
        self._parameters = dict(parameters or {})
        self._samples: SampleReader | None = None
        self._newest: RawCounts | None = None
        self._beside: list[tuple[bytes, int]] = []
        """Messages that are no SAMPLE, and when they had been read."""
        self._read_ns = 0
        self._taken_ns = 0
        self._trouble = ""
        self._next_beat_ns = 0
        self._next_exchange_ns = 0
        self._token = 0
        self._time_sent_ns = 0
        self._started_ns = 0
        self._uptime_ms = 0
        self._undecoded = 0

    def __enter__(self) -> Self:
        """Open, HELLO, dictionary, parameters, STREAM, wait for the first sample.

        Blocks up to 2 s. Raises DriverError (no port, no answer, another parameter) or WireError (another wire, another
        board or dictionary than the rig file says).
        """
        self._link.__enter__()
        try:
            self._shake_hands()
        except BaseException:
            self._link.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """STREAM 0 where the link still takes it, then close; at most 0.1 s."""
        try:
            self._link.send(encode(Stream(0)))
        except DriverError:
            pass  # unplugged, or no room: the board stops by itself when it hears no beat
        self._link.__exit__(kind, error, trace)

    def fileno(self) -> int:
        return self._link.fileno()

    def read(self, now_ns: int) -> RawCounts | None:
        """The newest whole sample of what has arrived, or None. Raises DriverError when the link is gone or the board
        has restarted (it streams again only after the next __enter__)."""
        if self._trouble:
            raise DriverError(self._trouble)
        bodies = self._link.receive(now_ns)
        sample: RawCounts | None = None
        samples = self._samples
        if bodies and samples is not None:
            self._read_ns = time.monotonic_ns()  # after the reading: what came while it went on has not come early
            newest = b""
            for body in bodies:
                if body[0] != SAMPLE_TYPE:
                    self._beside.append((body, self._read_ns))
                elif samples.take(body):
                    newest = body
            self.counters.received = samples.received
            self.counters.lost = samples.lost
            if newest:
                self._newest = sample = samples.decode(newest, now_ns)
        if now_ns >= self._next_beat_ns + _BEAT_NS:
            self.tend(now_ns)  # for a caller who only reads
        return sample

    def tend(self, now_ns: int) -> int:
        """Beats, questions, what came beside the samples, and the board's clock (see `ports.Leader`)."""
        samples = self._samples
        if samples is not None:
            sample = self._newest
            if sample is not None:
                self._newest = None
                self._taken_ns = min(sample.t_ns, self.clock.update(sample.device_us, self._read_ns))
            if self._beside:
                beside, self._beside = self._beside, []
                for body, read_ns in beside:
                    self._take(body, read_ns)
            self.counters.bad = samples.bad + self._link.bad + self._undecoded
        if now_ns >= self._next_beat_ns:
            self._beat(now_ns)
        elif now_ns >= self._next_exchange_ns:
            self._ask_time(now_ns)
        return self._taken_ns

    # -- opening

    def _shake_hands(self) -> None:
        talk = ExoTalk(self._link, arm_enabled=True)
        self._stop(talk)
        board = talk.board()
        check_board(board, self._expected)
        if self.board is not None and board.hello.serial_number != self.board.hello.serial_number:
            raise DriverError(
                f"leader {self.name}: board {board.hello.serial_number} came back; expected "
                f"{self.board.hello.serial_number} as before; start the station anew"
            )
        differences = compare(talk.params(board.hello.params), self._parameters) if self._parameters else []
        if differences:
            raise DifferingError(
                f"leader {self.name}: board {board.hello.serial_number} is not set as the rig file says",
                [item.words for item in differences],
                "set the board with 'station firmware param RIG --from-rig --save', or change leader.parameters in the "
                "rig file",
            )
        self._use(board)
        rate_hz = round(self.rate_hz)
        ack = talk.ask(Stream(rate_hz), Ack, lambda answer: answer.request == TYPE_OF[Stream])
        if ack.result != Result.OK:
            raise DriverError(f"leader {self.name}: STREAM {rate_hz}: {refusal(ack)}")
        self._started_ns = time.monotonic_ns()
        self._uptime_ms = 0
        self._trouble = ""
        self._beside.clear()
        self._newest = None
        self._taken_ns = 0
        self._next_beat_ns = 0
        deadline = time.monotonic() + _FIRST_SAMPLE_S
        while self.read(time.monotonic_ns()) is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise DriverError(
                    f"leader {self.name}: port {self._link.port}: no sample within {_FIRST_SAMPLE_S} s of STREAM; "
                    "expected them at once; restart the board"
                )
            self._link.wait(left_s)

    def _stop(self, talk: ExoTalk) -> None:
        """A board still streaming to the last host would drown the answers."""
        ack = talk.ask(Stream(0), Ack, lambda answer: answer.request == TYPE_OF[Stream])
        if ack.result != Result.OK:
            raise DriverError(f"leader {self.name}: STREAM 0: {refusal(ack)}")

    def _use(self, board: Board) -> None:
        if self._samples is not None and self.board is not None and board.channels == self.board.channels:
            self._samples.restart()
        elif self.board is not None:
            raise DriverError(
                f"leader {self.name}: the board came back with another channel dictionary; expected the one before; "
                "start the station anew"
            )
        else:
            self._samples = SampleReader(board.channels, board.hello.count_bytes)
            self.counts_per_turn = float(self._samples.counts_per_turn)
        self.board = board
        self.channels = tuple(channel.name for channel in board.channels)
        self.identity = board.words

    # -- beside the samples

    def _beat(self, now_ns: int) -> None:
        """While this driver is open the arm counts as enabled: no update gets through."""
        self._next_beat_ns = now_ns + _BEAT_NS
        self._send(encode(HostBeat(self._token, 1)))

    def _ask_time(self, now_ns: int) -> None:
        self._next_exchange_ns = now_ns + EXCHANGE_NS
        self._token = (self._token + 1) & 0xFF
        question = encode(TimeGet(self._token))
        self._time_sent_ns = time.monotonic_ns()
        self._send(question)

    def _send(self, body: bytes) -> None:
        try:
            self._link.send(body, 0.0)
        except DriverError:
            pass  # full: the board is not reading, so its samples end; gone: the next read says so

    def _take(self, body: bytes, read_ns: int) -> None:
        try:
            message = decode(body)
        except WireError:
            self._undecoded += 1
            return
        if isinstance(message, Time):
            if message.token == self._token and self._time_sent_ns:
                self._take_time(message, read_ns)
        elif isinstance(message, BoardBeat):
            self._watch(message, read_ns)
        elif isinstance(message, Log | Fault):
            self.news.append(message)

    def _take_time(self, answer: Time, read_ns: int) -> None:
        """That the answer waited to be read makes it a slow one; the clock goes by the quick ones."""
        try:
            self.clock.exchange(
                self._time_sent_ns, answer.receive_us, (answer.receive_us + answer.turn_us) & 0xFFFF_FFFF, read_ns
            )
        except ValueError:
            self._undecoded += 1

    def _watch(self, beat: BoardBeat, read_ns: int) -> None:
        has_restarted = beat.uptime_ms < self._uptime_ms
        has_stopped = beat.state != BoardState.STREAMING and read_ns - self._started_ns > _GRACE_NS
        self._uptime_ms = beat.uptime_ms
        if has_restarted or has_stopped:
            self.reboots += has_restarted
            what = "has restarted" if has_restarted else "has stopped streaming"
            self._trouble = (
                f"leader {self.name}: the board {what}; expected it to stream; it will again when you engage anew"
            )
