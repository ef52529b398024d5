"""The limiter's two figures: violations found by a large random search, and what a tick costs.

python -m tests.bench.limiter --ticks 1e8 --seed 1 --json

The search runs the shipped formula in numpy over many joints at once, which a sample run first proves to be bit for bit
the shipped code; the known-bad forms go through the same inputs and the same judge. With a jerk limit the shipped
limiter itself is searched, which takes longer (--jerk-ticks; 12 us a joint-tick). Costs are of 16 joints, best of
several, in this process (in a real loop, after each sleep, everything is several times dearer).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from station.control.limit import JointLimits, Limiter
from tests.bench.limiter_forms import (
    BAD,
    GOOD,
    Bounds,
    caps,
    joint_limits,
    make_rows,
    random_inputs,
    random_limits,
    run,
    tick,
)
from tests.bench.limiter_jerk import BAD as JERK_BAD
from tests.bench.limiter_jerk import (
    jerk_caps,
    jerk_limits,
    random_jerk_inputs,
    random_jerk_limits,
    run_bad,
    run_shipped,
)
from tests.property.limiter_judge import KINDS, judge

PERIODS = (0.001, 0.002, 0.004, 0.01)
JOINTS, TICKS = 4000, 500
JERK_JOINTS, JERK_TICKS = 16, 1500


def search(form: str, joint_ticks: int, seed: int) -> dict[str, Any]:
    """Violations by kind over at least so many joint-ticks, blocks of JOINTS x TICKS."""
    found = dict.fromkeys(KINDS, 0)
    done = block = 0
    while done < joint_ticks:
        period_s = PERIODS[block % len(PERIODS)]
        rng = np.random.default_rng((seed, block))
        bounds = random_limits(rng, JOINTS, period_s)
        inputs = random_inputs(rng, bounds, TICKS)
        sent = run(form, bounds, inputs, period_s)
        verdict = judge(inputs.start_rad, sent, caps(bounds, inputs), inputs.restarted, bounds, period_s)
        for kind, count in verdict.items():
            found[kind] += count
        done += JOINTS * TICKS
        block += 1
    return {"joint_ticks": done, "violations": found, "total": sum(found.values())}


def search_jerk(form: str, joint_ticks: int, seed: int) -> dict[str, Any]:
    """As `search`, every joint with a jerk limit; form "shipped" or a known-bad one. Also tells its cost."""
    found = dict.fromkeys(KINDS, 0)
    done = block = 0
    took_s = 0.0
    while done < joint_ticks:
        period_s = PERIODS[block % len(PERIODS)]
        rng = np.random.default_rng((seed, 3, block))
        bounds = random_jerk_limits(rng, JERK_JOINTS, period_s)
        asked = random_jerk_inputs(rng, bounds, JERK_TICKS)
        begin = time.process_time()
        if form == "shipped":
            sent = run_shipped(bounds, asked, period_s)
        else:
            sent = run_bad(form, bounds, asked.inputs, period_s)
        took_s += time.process_time() - begin
        inputs = asked.inputs
        verdict = judge(inputs.start_rad, sent, jerk_caps(bounds, asked), inputs.restarted, bounds, period_s)
        for kind, count in verdict.items():
            found[kind] += count
        done += sent.size
        block += 1
    us = round(took_s / max(done, 1) * 1e6, 2)
    return {"joint_ticks": done, "violations": found, "total": sum(found.values()), "us_per_joint_tick": us}


def is_identical(seed: int, sequences: int) -> bool:
    """Whether the vectorised form is the shipped limiter, bit for bit, over so many sequences of 16 joints."""
    for number in range(sequences):
        period_s = PERIODS[number % len(PERIODS)]
        rng = np.random.default_rng((seed, 1 << 32, number))
        bounds = random_limits(rng, 16, period_s)
        inputs = random_inputs(rng, bounds, 300)
        limiter = Limiter([joint_limits(bounds, joint) for joint in range(16)], period_s)
        limiter.start(inputs.start_rad.tolist())
        wanted = run("g", bounds, inputs, period_s)
        scale = 1.0
        for k, target in enumerate(inputs.target_rad.tolist()):
            if inputs.scale[k] != scale:
                scale = float(inputs.scale[k])
                limiter.set_speed_scale(scale)
            if inputs.restarted[k]:
                limiter.missed()
            if np.array(limiter.follow(target, 0, 0).position_rad).tobytes() != wanted[k].tobytes():
                return False
    return True


def costs() -> dict[str, float]:
    """Microseconds a tick of 16 joints, best of 7 runs of 1000 ticks, by form."""
    period_s = 0.002
    rng = np.random.default_rng(3)
    bounds = random_limits(rng, 16, period_s)
    inputs = random_inputs(rng, bounds, 1000, calm=True)
    limits = [joint_limits(bounds, joint) for joint in range(16)]
    start = np.clip(inputs.start_rad, bounds.lower_rad, bounds.upper_rad).tolist()
    middle = [(joint.lower_rad + joint.upper_rad) / 2 for joint in limits]
    size = [min(0.4 * (j.upper_rad - j.lower_rad), 0.4 * j.speed_rad_s, 0.2 * j.accel_rad_s2) for j in limits]
    smooth = [[m + s * math.sin(k * period_s) for m, s in zip(middle, size)] for k in range(1000)]
    wild = inputs.target_rad.tolist()
    jerky = random_jerk_limits(np.random.default_rng(3), 16, period_s)
    with_jerk = [jerk_limits(jerky, joint) for joint in range(16)]
    centre = [(joint.lower_rad + joint.upper_rad) / 2 for joint in with_jerk]
    part = [min(0.4 * (j.upper_rad - j.lower_rad), 0.4 * j.speed_rad_s, 0.2 * j.accel_rad_s2) for j in with_jerk]
    swing = [[m + s * math.sin(k * period_s) for m, s in zip(centre, part)] for k in range(1000)]
    wild_jerk = random_inputs(rng, jerky, 1000, calm=True).target_rad.tolist()
    none: list[list[float]] = [[math.nan] * 16] * 1000

    def plain(
        targets: list[list[float]], limits: list[JointLimits] = limits, start: list[float] = start
    ) -> Callable[[], None]:
        def once() -> None:
            limiter = Limiter(limits, period_s)
            limiter.start(start)
            for target in targets:
                limiter.follow(target, 0, 0)

        return once

    def vectorised(form: str) -> Callable[[], None]:
        def once() -> None:
            rows = make_rows(bounds, period_s, 1.0)
            position, step, wish = np.array(start), np.zeros(16), np.array(start)
            for target in inputs.target_rad:
                position, step, wish = tick(form, rows, position, step, wish, target)

        return once

    forms = {
        "plain Python, g, smooth target": plain(smooth),
        "plain Python, g, adversarial target": plain(wild),
        "all joints with jerk, smooth target": plain(swing, with_jerk, centre),
        "all joints with jerk, adversarial target": plain(wild_jerk, with_jerk, centre),
        "all joints with jerk, at rest": plain(none, with_jerk, centre),
        "plain Python, phi (wall alone, both sides)": lambda: _walls(bounds, inputs.start_rad.tolist(), is_phi=True),
        "plain Python, g (wall alone, both sides)": lambda: _walls(bounds, inputs.start_rad.tolist(), is_phi=False),
        "numpy, g": vectorised("g"),
        "numpy, phi": vectorised("phi"),
    }
    return {name: _best(once) for name, once in forms.items()}


def _walls(bounds: Bounds, position: list[float], is_phi: bool) -> None:
    """What the two good forms differ in: the largest safe step towards both walls, 16 joints, 1000 times."""
    rows = [
        (upper - p, p - lower, down, 2 * down, down / 2)
        for p, lower, upper, down in zip(
            position, bounds.lower_rad.tolist(), bounds.upper_rad.tolist(), (bounds.decel_rad_s2 * 4e-6).tolist()
        )
    ]
    root, floor = math.sqrt, math.floor
    for _ in range(1000):
        if is_phi:
            for up, low, down, _, _ in rows:
                for room in (up, low):
                    if room > 0.0:
                        delta = room / down
                        n = floor((root(1.0 + 8.0 * delta) - 1.0) / 2.0)
                        down * (delta / (n + 1) + n / 2)
        else:
            for up, low, _, twice, half in rows:
                for room in (up, low):
                    if room > 0.0:
                        root(twice * room) - half


def _best(once: Callable[[], None]) -> float:
    best = math.inf
    for _ in range(7):
        begin = time.perf_counter()
        once()
        best = min(best, time.perf_counter() - begin)
    return round(best * 1e3, 2)  # 1000 ticks: s -> us a tick


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.limiter", description=__doc__.splitlines()[0])
    whole, jerk_whole = f"{JOINTS * TICKS:,}", f"{JERK_JOINTS * JERK_TICKS:,}"
    parser.add_argument(
        "--ticks",
        type=float,
        default=4e6,
        help=f"joint-ticks to search (default 4e6), rounded up to whole sequences, {whole} at a time",
    )
    parser.add_argument(
        "--jerk-ticks",
        type=float,
        help=f"joint-ticks with a jerk limit (default a fortieth, at most 1e5), rounded up likewise, {jerk_whole}",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    begin = time.process_time()
    joint_ticks = int(options.ticks)
    share = min(joint_ticks, 4_000_000)
    jerk_ticks = int(min(joint_ticks / 40, 1e5) if options.jerk_ticks is None else options.jerk_ticks)
    report: dict[str, Any] = {
        "seed": options.seed,
        "python": sys.version.split()[0],
        "cpus": os.cpu_count(),
        "vectorised_is_bit_identical": is_identical(options.seed, sequences=12),
        "shipped": search("g", joint_ticks, options.seed),
        "other_forms": {form: search(form, share, options.seed) for form in (*GOOD[1:], *BAD)},
        "jerk": search_jerk("shipped", jerk_ticks, options.seed),
        "jerk_known_bad": {form: search_jerk(form, min(jerk_ticks, 200_000), options.seed) for form in JERK_BAD},
        "cost_us_per_tick_of_16_joints": costs(),
    }
    report["cpu_s"] = round(time.process_time() - begin, 1)
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        _show(report)
    violations = report["shipped"]["total"] + report["jerk"]["total"]
    return 0 if report["vectorised_is_bit_identical"] and violations == 0 else 1


def _show(report: dict[str, Any]) -> None:
    print(f"seed {report['seed']}, Python {report['python']}, {report['cpu_s']} s of CPU")
    print(f"vectorised form bit-identical to the shipped limiter: {report['vectorised_is_bit_identical']}")
    jerk_bad = {f"jerk: {form}": result for form, result in report["jerk_known_bad"].items()}
    shipped = {"g (shipped)": report["shipped"], "jerk (shipped)": report["jerk"]}
    for form, result in {**shipped, **report["other_forms"], **jerk_bad}.items():
        share = 100 * result["total"] / result["joint_ticks"]
        kinds = ", ".join(f"{kind} {count}" for kind, count in result["violations"].items() if count) or "none"
        print(f"{form:14} {result['joint_ticks']:>12,} joint-ticks  {share:6.2f} %  violations: {kinds}")
    for name, cost_us in report["cost_us_per_tick_of_16_joints"].items():
        print(f"{cost_us:8.2f} us  {name}")


if __name__ == "__main__":
    sys.exit(main())
