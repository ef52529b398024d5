"""What reduced speed and the workspace cost a tick, and a search for violations; without and with jerk limits.

python -m tests.bench.reach [--ticks N] [--seed S] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import time

import msgspec
import numpy as np

from station.control.limit import Limiter
from station.settings.rig import Rig
from tests.bench.reach_inputs import (
    MODEL,
    ReachInputs,
    bounds_of,
    limiter_of,
    random_reach,
    rig_with,
    with_jerk,
    with_kinematics,
)
from tests.property import limiter_judge
from tests.property.reach_judge import ReachJudge

_CHUNK = 4000


def search(rig: Rig, ticks: int, seed: int, **which: bool) -> dict[str, object]:
    """Violations by kind over `ticks` of random adversarial sequences, and the worst values seen."""
    rng = np.random.default_rng(seed)
    judge = ReachJudge(rig, MODEL)
    found: dict[str, int] = {}
    speed, outside, gap = 0.0, -math.inf, math.inf
    cost: list[float] = []
    for _ in range(math.ceil(ticks / _CHUNK)):
        inputs = random_reach(rng, rig, _CHUNK)
        limiter = limiter_of(rig, **which)
        sent, took = timed(limiter, inputs)
        cost += took
        bounds = bounds_of(limiter)
        caps = np.broadcast_to(bounds.speed_rad_s, sent.shape)
        here, worst = judge.judge(inputs.start_rad, sent, every=3)
        for kind, count in {
            **here,
            **limiter_judge.judge(inputs.start_rad, sent, caps, inputs.missed, bounds, limiter.period_s),
        }.items():
            found[kind] = found.get(kind, 0) + count
        speed, outside = max(speed, worst["tool_speed"]), max(outside, worst["workspace"])
        gap = min(gap, worst["apart"])
    return {
        "ticks": math.ceil(ticks / _CHUNK) * _CHUNK,
        "violations": {kind: count for kind, count in found.items() if count},
        "worst_mm_s": round(speed, 2),
        "outside_mm": round(outside, 4),
        "gap_mm": round(gap, 4),
        **figures(cost),
    }


def timed(limiter: Limiter, inputs: ReachInputs) -> tuple[np.ndarray, list[float]]:
    """As `run`, with microseconds of each tick."""
    limiter.start(inputs.start_rad.tolist())
    sent = np.empty_like(inputs.target_rad)
    took = []
    clock = time.thread_time_ns  # what others take of the processor does not count
    for tick, target in enumerate(inputs.target_rad.tolist()):
        if inputs.missed[tick]:
            limiter.missed()
        begun = clock()
        command = limiter.brake(1, tick) if inputs.hold[tick] else limiter.follow(target, 1, tick)
        took.append((clock() - begun) / 1e3)
        sent[tick] = command.position_rad
    return sent, took


def figures(took: list[float]) -> dict[str, float]:
    p50, p99, most = np.percentile(took, [50, 99, 100])
    return {"p50_us": round(float(p50), 1), "p99_us": round(float(p99), 1), "max_us": round(float(most), 1)}


def worker_inputs(rig: Rig, pace_s: float) -> ReachInputs:
    """The shipped task's poses, one after the other, by minimum-jerk movements; both arms, mirrored."""
    names = [joint.name for joint in rig.arm.joints]
    poses = [{"j2": 5, "j4": 15}, {"j1": 55, "j2": 12, "j4": 70}, {"j1": 30, "j2": 40, "j4": 105}, {"j2": 5, "j4": 15}]
    rows, at = [], None
    for pose in poses * 3:
        goal = np.zeros(len(names))
        for side, signs in (("right", (1, 1, 1)), ("left", (-1, -1, 1))):
            for joint, sign in zip(("j1", "j2", "j4"), signs):
                goal[names.index(f"{side}_{joint}")] = math.radians(sign * pose.get(joint, 0))
        if at is not None:
            for k in range(1, round(pace_s / 4 * rig.arm.rate_hz) + 1):
                s = k * 4 / (pace_s * rig.arm.rate_hz)
                rows.append(at + (goal - at) * (10 * s**3 - 15 * s**4 + 6 * s**5))
        at = goal
    target = np.array(rows)
    none = np.zeros(len(target), dtype=bool)
    return ReachInputs(target[0], target, none, none)


def costs() -> dict[str, dict[str, float]]:
    """Of a worker's movements; `off`: no [arm.kinematics]; then the same with a jerk limit of every joint."""
    found = {}
    plain = rig_with(reduced=False, tight=False)
    kinematics = plain.arm.kinematics
    assert kinematics is not None
    bare = msgspec.structs.replace(kinematics, box_mm=None, apart_mm=None, keep_out=())
    for name, rig in (
        ("off", with_kinematics(plain, None)),
        ("nothing asked", with_kinematics(plain, bare)),
        ("bounds", plain),
        ("bounds, near", rig_with(reduced=False, tight=True)),
        ("reduced speed", with_kinematics(plain, msgspec.structs.replace(bare, reduced_speed=True))),
        ("reduced speed, bounds", rig_with(reduced=True, tight=False)),
    ):
        found[name] = figures(timed(limiter_of(rig), worker_inputs(rig, 3.2))[1])
        found[f"{name}; jerk"] = figures(timed(limiter_of(with_jerk(rig)), worker_inputs(rig, 3.2))[1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=float, default=20_000, help="of each search (20000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ticks, seed = int(options.ticks), options.seed
    document: dict[str, object] = {"costs": costs()}
    for name, reduced, tight, which in (
        ("reduced speed", True, False, {}),
        ("reduced speed, joints uncapped", True, False, {"uncapped": True}),
        ("bounds", False, True, {}),
        ("both", True, True, {}),
        ("known-bad: Jacobian scaling", True, False, {"bad": True, "uncapped": True}),
    ):
        rig = rig_with(reduced=reduced, tight=tight)
        document[name] = search(rig, ticks, seed, **which)
        if not which.get("bad"):
            document[f"{name}; jerk"] = search(with_jerk(rig), ticks, seed, **which)
    if options.json:
        print(json.dumps(document, indent=2))
        return
    for name, rows in document.items():
        print(name)
        assert isinstance(rows, dict)
        for key, value in rows.items():
            print(f"  {key:24} {value}")


if __name__ == "__main__":
    main()
