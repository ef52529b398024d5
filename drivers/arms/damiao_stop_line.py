"""Another process's line to Damiao motors: it can switch them off, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from drivers.arms.damiao import DamiaoBus, DamiaoJoint
from drivers.can_bus import open_bus
from drivers.errors import DriverError
from firmware_bridge.damiao import DISABLE


class DamiaoStopLine:
    """Opens the buses beside the station that uses them, for as long as it takes to say `off`: an open line that nobody
    reads would fill up."""

    def __init__(self, buses: Sequence[DamiaoBus], joints: Sequence[DamiaoJoint]) -> None:
        """Opens every bus once, to know that it can. Raises DriverError."""
        self._buses = tuple(buses)
        self._joints = tuple(joints)
        for bus in self._buses:
            open_bus(bus.interface, bus.channel, fd=bus.fd, name=bus.name, is_exclusive=False).close()

    def stop(self) -> None:
        """Every motor off, on every bus, whatever else fails. Never raises."""
        for index, bus in enumerate(self._buses):
            with contextlib.suppress(DriverError):
                line = open_bus(bus.interface, bus.channel, fd=bus.fd, name=bus.name, is_exclusive=False)
                try:
                    for joint in self._joints:
                        if joint.bus == index:
                            with contextlib.suppress(DriverError):  # one deaf motor must not keep the others on
                                line.send(joint.motor_id, DISABLE)
                finally:
                    line.close()
