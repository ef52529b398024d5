"""The histogram of durations against a sort."""

from __future__ import annotations

import random

from station.session.histogram import Histogram


def test_percentiles_agree_with_a_sort_to_the_microsecond():
    rng = random.Random(11)
    values = [round(rng.lognormvariate(11, 1)) for _ in range(20_000)]
    histogram = Histogram()
    for value in values:
        histogram.add_ns(value)
    values.sort()
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999)):
        exact_us = values[int(share * len(values)) - 1] / 1000
        assert abs(histogram.report()[name] - exact_us) <= 1.0
    assert abs(histogram.report()["max"] - values[-1] / 1000) <= 0.1


def test_what_is_beyond_the_bins_still_counts():
    histogram = Histogram()
    histogram.add_ns(5_000)
    histogram.add_ns(3_000_000_000)
    assert histogram.report() == {"p50": 5.0, "p90": 3e6, "p99": 3e6, "p99_9": 3e6, "max": 3e6}


def test_nothing_counted_is_zero():
    assert Histogram().report() == {"p50": 0.0, "p90": 0.0, "p99": 0.0, "p99_9": 0.0, "max": 0.0}
