"""An emulated arm of three motors and a plain client on its bus; an arm whose buses are in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulated_follower import FollowerThread, config_of
from tests.unit.damiao_buses import Rig
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


@pytest.fixture
def damiao_rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """The arm is open and has asked all motors for their state."""
    rig = Rig(monkeypatch)
    with rig.arm:
        rig.arm.read(0)
        yield rig
