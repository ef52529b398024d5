"""Requests to an exo board and their answers, for set-up and tools: blocking, with retries. Not for the loop."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from drivers.errors import DriverError
from drivers.exo_link import ExoLink
from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import (
    TYPE_OF,
    Ack,
    BoardBeat,
    Channel,
    ChannelGet,
    Fault,
    Hello,
    HelloGet,
    HostBeat,
    Log,
    LogGet,
    Message,
    Param,
    ParamGet,
    ParamSave,
    ParamSet,
    Reboot,
    Stats,
    StatsGet,
    UpdateBegin,
    UpdateConfirm,
    UpdateGet,
    UpdateStatus,
    Zero,
    ZeroGet,
    ZeroRecord,
)
from firmware_bridge.exo_terms import BEAT_MS, Result
from firmware_bridge.exo_wire import ForeignWireError, Sample, decode, encode
from firmware_bridge.handshake import Board, check_dictionary
from firmware_bridge.update import refusal

ANSWER_S: Final = 0.15
"""A board answers within a few ms; the rest is for the host's own scheduling."""
TRIES: Final = 5
_MOST_NEWS: Final = 256
_MOST_LOG: Final = 1000

_NEED_A_BEAT: Final = (UpdateBegin, UpdateConfirm, Reboot)
"""A board that has just restarted has not heard yet that the arm rests."""

M = TypeVar("M", bound=Message)


class ExoTalk:
    """Talks over an open link; keeps what the board says unasked in `news`. Sends the host's beat while it waits."""

    def __init__(self, link: ExoLink, *, arm_enabled: bool = False) -> None:
        """`arm_enabled`: what the beats say; a board that hears it refuses to be updated."""
        self._link = link
        self._beat = encode(HostBeat(0, int(arm_enabled)))
        self._beat_s = 0.0
        self.news: deque[Message] = deque(maxlen=_MOST_NEWS)

    def ask(
        self,
        request: Message,
        answer: type[M],
        is_it: Callable[[M], bool] | None = None,
        *,
        tries: int = TRIES,
        within_s: float = ANSWER_S,
    ) -> M:
        """The board's answer. Raises DriverError for silence or a refusal, ForeignWireError for another wire."""
        reply = self.ask_plainly(request, (answer,), is_it, tries=tries, within_s=within_s)
        if isinstance(reply, Ack) and answer is not Ack:
            raise DriverError(f"port {self._link.port}: {type(request).__name__}: {refusal(reply)}")
        assert isinstance(reply, answer)
        return reply

    def ask_plainly(
        self,
        request: Message,
        answers: tuple[type[M], ...],
        is_it: Callable[[M], bool] | None = None,
        *,
        tries: int = TRIES,
        within_s: float = ANSWER_S,
    ) -> M | Ack:
        """As `ask`, but a refusal (an ACK of this request) is handed back."""
        body = encode(request)
        number = TYPE_OF[type(request)]
        for _ in range(tries):
            self.beat(is_due=isinstance(request, _NEED_A_BEAT))
            self._link.send(body)
            deadline = time.monotonic() + within_s
            while (left_s := deadline - time.monotonic()) > 0:
                self._link.wait(left_s)
                self.beat()
                for message in self.hear():
                    if isinstance(message, answers) and (is_it is None or is_it(message)):
                        return message
                    if isinstance(message, Ack) and message.request == number:
                        return message
        raise DriverError(
            f"port {self._link.port}: no answer to {type(request).__name__} in {tries} x {within_s:g} s; expected one "
            "within ms; check the cable, the baud rate or node number, and the board's power"
        )

    def hear(self) -> list[Message]:
        """What has arrived; samples and damaged messages are passed over."""
        messages: list[Message] = []
        for body in self._link.receive(time.monotonic_ns()):
            try:
                message = decode(body)
            except ForeignWireError:
                raise
            except WireError:
                continue  # an older answer in other words: the retry asks again
            if isinstance(message, Sample):
                continue
            if isinstance(message, Log | Fault | BoardBeat):
                self.news.append(message)
            messages.append(message)
        return messages

    def beat(self, *, is_due: bool = False) -> None:
        """The host's beat, when it is due."""
        now_s = time.monotonic()
        if is_due or now_s >= self._beat_s:
            self._beat_s = now_s + BEAT_MS * 1e-3
            self._link.send(self._beat)

    def reopen(self) -> None:
        """Close the link and open it again. Raises DriverError where it is not there."""
        self._link.__exit__(None, None, None)
        self._link.__enter__()

    # -- whole questions

    def board(self) -> Board:
        """HELLO and the channel dictionary, checked whole. Raises DriverError or WireError."""
        hello = self.ask(HelloGet(), Hello)
        channels = [
            self.ask(ChannelGet(n), Channel, lambda answer, n=n: answer.channel == n)  # type: ignore[misc]
            for n in range(hello.channels)
        ]
        board = Board(hello, tuple(channels))
        check_dictionary(board)
        self._link.expect(hello.channels, hello.count_bytes)
        return board

    def params(self, count: int) -> list[Param]:
        return [self.param(n) for n in range(count)]

    def param(self, number: int) -> Param:
        return self.ask(ParamGet(number), Param, lambda answer: answer.param == number)

    def set_param(self, number: int, bits: int) -> Param:
        """Sets, and checks what the board says it now has. Raises DriverError."""
        answer = self.ask(ParamSet(number, bits), Param, lambda answer: answer.param == number)
        if answer.value != bits:
            raise DriverError(f"parameter {answer.name}: the board has 0x{answer.value:08x}; expected 0x{bits:08x}")
        return answer

    def save_params(self) -> None:
        """Raises DriverError when the board's flash does not take them."""
        ack = self.ask(ParamSave(), Ack, lambda answer: answer.request == TYPE_OF[ParamSave], within_s=1.0)
        if ack.result != Result.OK:
            raise DriverError(f"port {self._link.port}: parameters not saved: {refusal(ack)}")

    def zero(self, channel: int, *, record: bool = False) -> Zero:
        request = ZeroRecord(channel) if record else ZeroGet(channel)
        return self.ask(request, Zero, lambda answer: answer.channel == channel)

    def stats(self) -> Stats:
        return self.ask(StatsGet(), Stats)

    def update_status(self) -> UpdateStatus:
        return self.ask(UpdateGet(), UpdateStatus, within_s=1.0)

    def log(self) -> list[Log]:
        """All lines that the board has kept."""
        lines: list[Log] = []
        number = 0
        while len(lines) < _MOST_LOG:
            reply = self.ask_plainly(LogGet(number), (Log,), lambda line: line.number >= number)  # noqa: B023
            if isinstance(reply, Ack):
                break
            lines.append(reply)
            number = reply.number + 1
        return lines
