"""The noun that every leader's codec makes: one whole sample of raw encoder counts."""

from __future__ import annotations

from typing import Final, NamedTuple

# Health of one channel of a sample: 0 is good, else a sum of these bits.
HEALTH_OK: Final = 0
HEALTH_DEVICE_ERROR: Final = 1
"""The device itself says that the channel's reading is not valid."""
HEALTH_NOT_A_NUMBER: Final = 2
"""The wire carried NaN or an infinity; the count given is 0."""
HEALTH_MISSING: Final = 4
"""The channel's module did not answer in this sample (chain rule: the first missing one is the fault)."""

# Inputs that may ride on a sample: a sum of these bits.
INPUT_ENABLE: Final = 1
"""Enable switch in its middle position."""
INPUT_ESTOP: Final = 2
"""Emergency-stop contact open (pressed)."""
INPUT_HAS_ENABLE: Final = 4
"""The device has an enable switch at all."""
INPUT_HAS_ESTOP: Final = 8
"""The device has an emergency-stop contact at all."""
INPUT_ENABLE_THROUGH: Final = 64
"""Enable switch pressed through, by a contact of its own; always 0 where the switch has none. It goes before
INPUT_ENABLE."""

_PRESSED: Final = INPUT_ESTOP | INPUT_ENABLE_THROUGH


def fold_inputs(before: int, newer: int) -> int:
    """Of two samples of which the newer one alone is used: a press of the emergency stop, or an enable switch pressed
    through, in either counts; an enable, or that there is a switch at all, only in both."""
    return (before | newer) & _PRESSED | before & newer & ~_PRESSED


class RawCounts(NamedTuple):
    """One whole sample as a leader's codec made it, in the order of the leader's channels."""

    t_ns: int
    """Host monotonic time at which the sample's last byte was read."""
    seq: int
    """The device's own sample number, unwrapped by the codec; counted from device time where the wire has none."""
    device_us: int
    """Device clock, microseconds, unwrapped by the codec."""
    counts: tuple[int, ...]
    """Encoder counts, one a channel; the leader's `counts_per_turn` gives the scale."""
    health: tuple[int, ...]
    """HEALTH_* bits, one a channel."""
    inputs: int = 0
    """INPUT_* bits."""
