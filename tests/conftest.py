"""Tests of real processes over real descriptors get a second and a third chance; all others have one.

The machine under a test may stand still for 100 ms while its host is busy elsewhere. To a control loop that is a fault,
rightly told as one, and the test that sees it instead of its own fails. A fault of ours fails three times; each new try
is told in the summary.
"""

from __future__ import annotations

import pytest

_TRIES = 3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("process") or item.path.parent.name == "tui":
            item.add_marker(pytest.mark.flaky(reruns=_TRIES - 1, reruns_delay=1))
