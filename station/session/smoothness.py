"""Smoothness of a movement by its spectral arc length (SPARC)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_HIGHEST_HZ: Final = 10.0
_AMPLITUDE: Final = 0.05
_PAD_LEVEL: Final = 4


def spectral_arc_length(speed: NDArray[np.float64], rate_hz: float) -> float:
    """SPARC of a speed profile (any unit, 1-D, at `rate_hz`): 0 would be perfectly smooth, a single minimum-jerk
    movement is about -1.6, and each stop or tremor makes it more negative. NaN-free input; a profile that is all zero
    gives 0.

    Balasubramanian, Melendez-Calderon, Roby-Brami, Burdet: On the analysis of movement smoothness, J. NeuroEng.
    Rehabil. 12:112 (2015): arc length of the normalised magnitude spectrum up to the highest frequency, at most 10 Hz,
    that still has 5 % of the largest amplitude.
    """
    points = 1 << (max(1, len(speed) - 1).bit_length() + _PAD_LEVEL)
    spectrum = np.abs(np.fft.rfft(speed, points))
    top = float(np.max(spectrum)) if len(speed) else 0.0
    if top <= 0.0:
        return 0.0
    frequency = np.fft.rfftfreq(points, 1.0 / rate_hz)
    inside = frequency <= _HIGHEST_HZ
    amplitude, frequency = spectrum[inside] / top, frequency[inside]
    strong = np.flatnonzero(amplitude >= _AMPLITUDE)
    amplitude, frequency = amplitude[strong[0] : strong[-1] + 1], frequency[strong[0] : strong[-1] + 1]
    span = float(frequency[-1] - frequency[0])
    if span <= 0.0:
        return 0.0
    return -float(np.sum(np.sqrt((np.diff(frequency) / span) ** 2 + np.diff(amplitude) ** 2)))
