"""What needs a kernel with SocketCAN and vcan. `python -m tests.socketcan` (make test-socketcan) brings one along."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.socketcan.links import CHANNEL

needs_can = pytest.mark.skipif(
    not Path(f"/sys/class/net/{CHANNEL}").exists(),
    reason=f"no interface {CHANNEL} here; 'make test-socketcan' boots a kernel that has one and runs these there",
)
