"""A Damiao arm of five motors on two buses in memory: what it said, and what arrives."""

from __future__ import annotations

import pytest

from drivers.arms import damiao
from drivers.arms.damiao import DamiaoArm, DamiaoBus, DamiaoJoint
from drivers.errors import BusFullError, DriverError
from drivers.ports import LinkCounters
from firmware_bridge.can_frame import FD_SIZE, HEADER, decode_frame
from firmware_bridge.damiao import OP_WRITE, RID_SOFTWARE_VERSION, RID_TIMEOUT, encode_register_answer

BUSES = [DamiaoBus("right", "station_hub", "/right"), DamiaoBus("left", "station_hub", "/left", fd=True)]
JOINTS = [
    DamiaoJoint("r1", 0, 1, 0x11, "8009", 100.0, 1.0),
    DamiaoJoint("r2", 0, 2, 0x12, "4310", 20.0, 0.5),
    DamiaoJoint("l1", 1, 1, 0x11, "8009", 100.0, 1.0),
    DamiaoJoint("l2", 1, 2, 0x12, "4340", 60.0, 0.75),
    DamiaoJoint("l3", 1, 0x73, 0x13, "4310", 20.0, 0.5),
]
MOTORS = [(0, 1), (0, 2), (1, 1), (1, 2), (1, 0x73)]
UNITS = 6000


class Bus:
    """In memory; packed frames as they go to the kernel."""

    def __init__(self, settings: DamiaoBus) -> None:
        self.name, self.fd = settings.name, settings.fd
        self.counters = LinkCounters()
        self.sent: list[tuple[int, bytes]] = []
        self.bounds_s: list[float] = []
        self.arrived: list[tuple[int, bytes]] = []
        self.error: DriverError | None = None
        self.deaf: set[int] = set()
        self.is_open = True

    def header(self, can_id: int, length: int) -> bytes:
        return HEADER.pack(can_id, length, 1 if self.fd else 0, 0)

    def send_packed(self, raw: bytes, bound_s: float = 0.001) -> None:
        assert (len(raw) == FD_SIZE) == self.fd
        can_id, data = decode_frame(raw)
        self.bounds_s.append(bound_s)
        if self.error is not None:
            raise self.error
        if can_id in self.deaf:
            raise BusFullError("full")
        self.sent.append((can_id, data))

    def receive_all(self) -> list[tuple[int, bytes]]:
        arrived, self.arrived = self.arrived, []
        return arrived

    def fileno(self) -> int:
        return 40 + self.fd

    def close(self) -> None:
        self.is_open = False


class Rig:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.buses: list[Bus] = []
        self.opened: list[tuple[object, ...]] = []
        self.meetings: list[damiao.Meeting] = []
        self.versions = [5013.0, 5012.0]
        self.missing = ""
        monkeypatch.setattr(damiao, "open_bus", self.open_bus)
        monkeypatch.setattr(damiao, "check_in", self.check_in)
        self.arm = DamiaoArm(BUSES, JOINTS, UNITS * 50e-6)

    def open_bus(self, interface: str, channel: str, *, fd: bool, name: str) -> Bus:
        if name == self.missing:
            raise DriverError(f"bus {name} does not open")
        if name == "right":
            self.buses = []
        self.opened.append((interface, channel, fd, name))
        self.buses.append(Bus(DamiaoBus(name, interface, channel, fd)))
        return self.buses[-1]

    def check_in(self, buses: list[Bus], meetings: list[damiao.Meeting]) -> None:
        assert buses == self.buses
        self.meetings = meetings
        for number, meeting in enumerate(meetings):
            meeting.values[RID_SOFTWARE_VERSION] = self.versions[number % 2]

    def said(self) -> list[tuple[int, int, bytes]]:
        """(bus, id, data) of what was sent since the last call."""
        found = [(index, *frame) for index, bus in enumerate(self.buses) for frame in bus.sent]
        for bus in self.buses:
            bus.sent.clear()
        return found

    def confirm(
        self, bus: int, motor: int = 1, units: int = UNITS, operation: int = OP_WRITE, rid: int = RID_TIMEOUT
    ) -> None:
        """Its answer about a register arrives."""
        self.buses[bus].arrived.append((0x10 + motor, encode_register_answer(motor, operation, rid, units)))


def feedback_data(
    position: int, velocity: int, torque: int, motor: int = 1, status: int = 0, *, t: tuple[int, int] = (30, 31)
):
    data = (motor & 15 | status << 4) << 40 | position << 24 | velocity << 12 | torque
    return data.to_bytes(6, "big") + bytes(t)
