"""Mutants that no test can kill, and why: (line of the source, change, reason)."""

from __future__ import annotations

from typing import Final

EXPLAINED: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {}
