"""Mutants that no test can kill, and why: (line of the source, changes, reason)."""

from __future__ import annotations

from typing import Final

from tests.mutation.explained_arm import ARM
from tests.mutation.explained_drivers import DRIVERS
from tests.mutation.explained_limit import LIMIT
from tests.mutation.explained_station import STATION
from tests.mutation.explained_wire import WIRE

EXPLAINED: Final = {**STATION, **LIMIT, **ARM, **DRIVERS, **WIRE}
