"""An emulated arm of three motors, and a plain client on its bus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulated_follower import FollowerThread, config_of
from tests.unit.follower_wire import Wire


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[FollowerThread]:
    with FollowerThread(config_of(tmp_path, 3)) as follower:
        yield follower


@pytest.fixture
def wire(follower: FollowerThread) -> Iterator[Wire]:
    wire = Wire(follower)
    assert wire.ask() is not None
    yield wire
    wire.socket.close()
