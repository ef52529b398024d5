"""The one error of this room: a record that cannot be kept or read back."""

from __future__ import annotations


class RecordError(Exception):
    """The data folder, a record or the ledger failed. The message names the thing, its value, what was expected and
    what to do."""
