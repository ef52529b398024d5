"""The contracts between the station and its hardware: what a leader gives, what an arm takes and gives.

Every call here is non-blocking unless it says otherwise; times come in as arguments (host monotonic ns).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from firmware_bridge.samples import RawCounts


@dataclass(slots=True)
class LinkCounters:
    """Counters of one link since it was opened; only ever grow."""

    received: int = 0
    """Whole samples or frames decoded."""
    lost: int = 0
    """Missing by the device's own sequence."""
    bad: int = 0
    """Discarded: checksum, length, schema."""
    overflowed: int = 0
    """Dropped by the host's own queue (SO_RXQ_OVFL or like)."""
    error_frames: int = 0
    bus_off: int = 0


class Leader(Protocol):
    """Whom the robot follows: a device that streams encoder counts."""

    name: str
    channels: tuple[str, ...]
    """Channel names in wire order."""
    counts_per_turn: float
    rate_hz: float
    identity: str
    """Make, firmware and serial number as the device told them; one line."""
    counters: LinkCounters
    is_numbered: bool
    """The device numbers its samples (known once open). Else `RawCounts.seq` is made of its clock, and says nothing
    that the clock does not say."""

    def __enter__(self) -> Self:
        """Open, shake hands, start streaming. May block up to 2 s. Raises DriverError or WireError."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop streaming (bounded, never hangs) and close."""

    def fileno(self) -> int:
        """The descriptor to wait on."""

    def read(self, now_ns: int) -> RawCounts | None:
        """Take all bytes that have arrived; the newest whole sample of them, or None where none was completed.

        Raises DriverError when the device is gone."""

    def tend(self, now_ns: int) -> int:
        """What the device needs beside being read (beats, clock questions), and following its clock. Called between two
        commands, where time is not dear.

        `now_ns`: not before the newest sample's arrival. Returns when the device took the newest sample read, mapped to
        host monotonic ns (0: none yet). Never raises; trouble found here is told by the next `read`."""


# Health of a motor as the station sees it.
MOTOR_OFF: Final = 0
MOTOR_ON: Final = 1
# Any other value is the make's own fault code (see the make's codec for its words).


class ArmCommand(NamedTuple):
    """What the arm is told for one slot, in the arm's joint order. Made by the limiter only."""

    position_rad: tuple[float, ...]
    velocity_rad_s: tuple[float, ...]
    """Feed-forward: (position - last position sent) / period."""
    epoch: int
    slot_ns: int


class ArmFeedback(NamedTuple):
    """What the arm said last, in the arm's joint order; joints that never answered hold NaN and t_ns 0."""

    position_rad: tuple[float, ...]
    velocity_rad_s: tuple[float, ...]
    torque_nm: tuple[float, ...]
    temperature_c: tuple[float, ...]
    """The hottest sensor of each motor."""
    status: tuple[int, ...]
    """MOTOR_OFF, MOTOR_ON or a fault code of the make."""
    t_ns: tuple[int, ...]
    """Host monotonic time of each joint's newest answer."""


class Arm(Protocol):
    """Who follows: all motors of the robot, on however many buses."""

    name: str
    joints: tuple[str, ...]
    identity: str
    counters: tuple[LinkCounters, ...]
    """One a bus."""

    def __enter__(self) -> Self:
        """Open the buses, read and check each motor, program its own time-out and read it back; leave all motors
        disabled. May block up to 2 s. Raises DriverError on a missing motor or one that differs from the rig file."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """`stop()`, then close."""

    def filenos(self) -> tuple[int, ...]: ...

    def enable(self) -> None:
        """Ask every motor to switch on. Success shows in the feedback's status."""

    def send(self, command: ArmCommand) -> None:
        """Encode and hand over one frame a motor. Raises DriverError when a bus is gone or takes no frame."""

    def read(self, now_ns: int) -> ArmFeedback:
        """Take all frames that have arrived; the newest state of every joint. Raises DriverError when a bus is gone."""

    def stop(self) -> None:
        """Disable every motor, on every bus, whatever else failed. Never raises, never blocks over 50 ms."""

    def fault_words(self, status: int) -> str:
        """A fault code in plain English words, e.g. 'rotor too hot'."""


class WireFrame(NamedTuple):
    """One frame exactly as it goes onto a bus."""

    bus: int
    """Index into the arm's buses."""
    can_id: int
    data: bytes


class Told(NamedTuple):
    """What a command's frames say once decoded back, in the arm's joint order; NaN where no frame speaks to a joint."""

    position_rad: tuple[float, ...]
    velocity_rad_s: tuple[float, ...]
    rest: tuple[int, ...]
    """All else that a frame says, in the wire's own form: what `FramedArm.pull` reads; -1 where no frame speaks."""


class Pull(NamedTuple):
    """How hard a motor is told to follow: torque = kp (place asked - place) + kd (speed asked - speed) + torque_nm."""

    kp: float
    """N m/rad."""
    kd: float
    """N m s/rad."""
    torque_nm: float


class MotorMost(NamedTuple):
    """What one motor can do by its maker's data sheet, whatever the rig file says."""

    travel_rad: float
    """To either side of its zero."""
    speed_rad_s: float
    torque_nm: float
    """For a moment: its peak."""


class FramedArm(Arm, Protocol):
    """An arm whose `send(command)` is `transmit(encode(command))`, so that a gate can judge the very bytes between."""

    most: tuple[MotorMost, ...]
    """By the joints' motor models."""
    position_step_rad: tuple[float, ...]
    """One count of the wire's position field, one a joint: encoding changes a position by less than this."""
    velocity_step_rad_s: tuple[float, ...]
    """One count of the wire's velocity field, one a joint."""
    pull_step: tuple[Pull, ...]
    """One count of each field, one a joint; encoding makes a value smaller by less than this."""

    def encode(self, command: ArmCommand) -> list[WireFrame]:
        """The frames of a command, one a motor; sends nothing. Positions are finite and inside the wire's range."""

    def decode(self, frames: Sequence[WireFrame]) -> Told:
        """What the motors will understand, by the codec's own decoder (not from the command that made the frames)."""

    def pull(self, joint: int, rest: int) -> Pull:
        """What `Told.rest` means to that joint's motor."""

    def transmit(self, frames: Sequence[WireFrame]) -> None:
        """Hand the frames over. Raises DriverError when a bus is gone; BusFullError, with the joints that were not
        told, when one takes no frame: those on other buses are told all the same."""


class StopLine(Protocol):
    """Another process's way to the motors: it can switch them off, and nothing else."""

    def stop(self) -> None:
        """Disable every motor, on every bus, whatever else failed. Never raises, never blocks over 50 ms."""
