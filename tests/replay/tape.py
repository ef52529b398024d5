"""Everything the control loop reads from outside, on a tape: recorded once, played back to a fresh loop.

The order of the questions is on the tape too: a loop that asks for anything else than the recorded one did, fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from drivers.arms.damiao import DamiaoArm
from drivers.leaders.ker import KerLeader
from drivers.ports import LinkCounters
from firmware_bridge import ker
from firmware_bridge.can_frame import encode_frame
from firmware_bridge.ker_stream import KerStream
from station import wiring
from station.control.loop import Loop
from station.control.pace import Pace
from station.link.intents import Asked
from station.link.ring import RingReader, RingWriter, create_ring
from station.settings.load import load_rig
from tests.replay.world import World

RIG, CALIBRATION = load_rig("demo")


class Tape:
    """Rows of (question, answer). With a world it records what the world answers, without one it plays back."""

    def __init__(self, world: World | None = None, rows: list[tuple[str, Any]] | None = None) -> None:
        self.world = world
        self.rows: list[tuple[str, Any]] = []
        self._left = deque(rows or ())

    def ask(self, question: str, answer: Callable[[World], Any]) -> Any:
        if self.world is not None:
            self.rows.append((question, answer(self.world)))
            return self.rows[-1][1]
        recorded, found = self._left.popleft()
        assert recorded == question, f"the loop asks for {question}; the recorded one asked for {recorded}"
        return found

    @property
    def is_over(self) -> bool:
        return self.world is None and not self._left


class TapedPace(Pace):
    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        super().__init__(
            RIG.arm.rate_hz,
            RIG.leader.rate_hz,
            clock=lambda: tape.ask("clock", lambda world: world.clock()),
            sleep=lambda seconds: tape.world.sleep(seconds) if tape.world is not None else None,
            wall=lambda: tape.ask("wall", lambda world: world.wall()),
        )

    def wait(self, fd: int) -> bool:
        limit_ns = self.slot_ns + self._grace_ns
        return bool(self._tape.ask("wait", lambda world: world.wait(limit_ns)))


class TapedPort:
    """A serial port of which only the bytes are left."""

    port = "tape"

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def read(self) -> bytes:
        return bytes(self._tape.ask("serial", lambda world: world.take_bytes()))

    def fileno(self) -> int:
        return -1


class TapedBus:
    """A CAN bus: frames in from the tape, frames out kept byte for byte."""

    fd = False

    def __init__(self, tape: Tape, index: int, out: list[tuple[int, bytes]]) -> None:
        self.name = f"bus{index}"
        self.counters = LinkCounters()
        self._tape = tape
        self._index = index
        self._out = out

    def header(self, can_id: int, length: int) -> bytes:
        return encode_frame(can_id, bytes(length))[:8]

    def send_packed(self, raw: bytes, bound_s: float = 0.0) -> None:
        self._out.append((self._index, raw))
        if self._tape.world is not None:
            self._tape.world.hear(self._index, raw)

    def receive_all(self) -> list[tuple[int, bytes]]:
        return list(self._tape.ask(self.name, lambda world: world.answers(self._index)))

    def close(self) -> None:
        pass


class TapedIntents:
    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def receive(self) -> list[Asked]:
        return list(self._tape.ask("intents", lambda world: world.intents()))


class WatchedRing(RingWriter):
    """A supervisor looks whenever the loop goes round."""

    @property
    def supervisor_ns(self) -> int:
        return self.heartbeat_ns


class Machine:
    """The real loop, gate, drivers and codecs; only the descriptors and the clock are the tape's."""

    def __init__(self, tape: Tape) -> None:
        self.sent: list[tuple[int, bytes]] = []
        """(bus, packed frame) of everything handed over, in order."""
        ring = create_ring(slots=8192)
        self._reader = RingReader(ring)
        self.ring = WatchedRing(ring)
        leader = KerLeader("tape", RIG.leader.baud, RIG.leader.rate_hz, {j.channel: j.name for j in RIG.leader.joints})
        schema = ker.SCHEMA_2_1_0
        leader._stream = KerStream(schema, RIG.leader.rate_hz)
        leader._serial = TapedPort(tape)  # type: ignore[assignment]
        leader.counts_per_turn = leader._stream.codec.counts_per_turn
        gate = wiring.make_gate(RIG)
        arm = gate._arm
        assert isinstance(arm, DamiaoArm)
        arm._take_buses([TapedBus(tape, index, self.sent) for index in range(len(RIG.arm.buses))])  # type: ignore[misc]
        arm._refresh()
        self.loop: Loop = wiring.make_loop(
            RIG,
            CALIBRATION,
            leader,
            gate,
            self.ring,
            TapedIntents(tape),  # type: ignore[arg-type]
            TapedPace(tape),
        )

    def ticks(self) -> list[bytes]:
        """The ticks published since the last call, as written."""
        return self._reader.read(10**6)
