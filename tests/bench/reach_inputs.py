"""Random adversarial sequences for the restraint, and the limiter that takes them; also the known-bad one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np

from station import resolve
from station.control.limit import Limiter
from station.control.restraint import Restraint
from station.settings.kinematics import Box, Kinematics
from station.settings.load import load_rig
from station.settings.rig import Rig
from tests.property.limiter_judge import Array, Bounds

MODEL = Path(str(resources.files("station") / "rigs" / "demo.arms.xml"))
_ANY_JERK = 1e12
"""rad/s3: does not matter."""
_HOLD, _MISSED, _NAN = 0.01, 0.002, 0.002


@dataclass(frozen=True)
class ReachInputs:
    start_rad: Array
    target_rad: Array
    hold: Array
    """[ticks]: a sudden HOLD; the limiter brakes."""
    missed: Array


def rig_with(*, reduced: bool, tight: bool) -> Rig:
    """The demo rig; `tight`: a small box and little room between the arms."""
    rig, _ = load_rig("demo")
    kinematics = rig.arm.kinematics
    assert kinematics is not None
    kinematics = msgspec.structs.replace(kinematics, reduced_speed=reduced)
    if tight:
        box = Box(lower=(-200.0, -420.0, 600.0), upper=(420.0, 420.0, 1500.0))
        kinematics = msgspec.structs.replace(kinematics, box_mm=box, apart_mm=100.0)
    return with_kinematics(rig, kinematics)


def with_jerk(rig: Rig, build_up_s: float = 0.05, only: str = "") -> Rig:
    """Every joint (whose name has `only` in it) with a jerk limit: so long it takes to reach its acceleration."""
    joints = tuple(
        msgspec.structs.replace(j, jerk_deg_s3=j.accel_deg_s2 / build_up_s) if only in j.name else j
        for j in rig.arm.joints
    )
    return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, joints=joints))


def with_kinematics(rig: Rig, kinematics: Kinematics | None) -> Rig:
    return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, kinematics=kinematics))


def random_reach(rng: np.random.Generator, rig: Rig, ticks: int) -> ReachInputs:
    """From the arms hanging, elbows bent: jumps, swings with cancelling joints, noise, holds, missed slots."""
    lower = np.radians([joint.lower_deg for joint in rig.arm.joints])
    upper = np.radians([joint.upper_deg for joint in rig.arm.joints])
    names = [joint.name for joint in rig.arm.joints]
    start = np.clip(np.zeros(len(names)), lower, upper)
    for side in ("right", "left"):
        start[names.index(f"{side}_j4")] = np.radians(70)
    target = np.empty((ticks, len(names)))
    at = start
    tick = 0
    while tick < ticks:
        length = int(rng.integers(5, 400))
        part = min(length, ticks - tick)
        kind = rng.integers(4)
        goal = rng.uniform(lower, upper)
        if kind == 0:  # a jump, also beyond the joints' limits
            target[tick : tick + part] = goal * rng.choice([1.0, 1.5])
        elif kind == 1:  # a smooth way, as a person moves
            share = (1 - np.cos(np.pi * np.arange(1, part + 1) / part))[:, None] / 2
            target[tick : tick + part] = at + (goal - at) * share
        elif kind == 2:  # swings; neighbours against each other
            t = np.arange(part)[:, None] * 2 * np.pi / rng.integers(20, 300)
            amplitude = rng.uniform(0, 1.5, len(names)) * rng.choice([-1.0, 1.0], len(names))
            target[tick : tick + part] = at + amplitude * np.sin(t + rng.choice([0.0, np.pi], len(names)))
        else:  # a few joints only, bang-bang
            chosen = rng.random(len(names)) < 0.3
            flips = np.where(rng.random((part, 1)) < 0.05, 1, 0).cumsum(axis=0) % 2
            target[tick : tick + part] = np.where(chosen, np.where(flips, lower, upper), at)
        at = np.clip(target[tick + part - 1], lower, upper)
        tick += part
    target[rng.random(target.shape) < _NAN] = np.nan
    hold = np.zeros(ticks, dtype=bool)
    for begin in np.flatnonzero(rng.random(ticks) < _HOLD):
        hold[begin : begin + int(rng.integers(1, 90))] = True
    return ReachInputs(start, target, hold, rng.random(ticks) < _MISSED)


def run(limiter: Limiter, inputs: ReachInputs) -> Array:
    """What is sent, [ticks, joints]."""
    limiter.start(inputs.start_rad.tolist())
    sent = np.empty_like(inputs.target_rad)
    for tick, target in enumerate(inputs.target_rad.tolist()):
        if inputs.missed[tick]:
            limiter.missed()
        command = limiter.brake(1, tick) if inputs.hold[tick] else limiter.follow(target, 1, tick)
        sent[tick] = command.position_rad
    return sent


class JacobianScaling(Restraint):
    """Known-bad: the wish is scaled so that this step alone is slow enough; the braking after it is nobody's."""

    def allows(self, position_rad, steps):
        for arm in self._arms:
            arm.look(position_rad)
        return all(self._share(arm, steps) >= 1.0 for arm in self._arms)

    def shares(self, position_rad, braking, wished, is_slow=False):
        result = [1.0] * len(wished)
        for arm in self._arms:
            low = 0.0
            for share in np.linspace(1.0, 0.0, 33):
                mixed = [b + share * (w - b) for b, w in zip(braking, wished)]
                if self._share(arm, mixed) >= 1.0:
                    low = float(share)
                    break
            for joint in arm.joints:
                result[joint] = low
        return tuple(result)

    def _share(self, arm, steps):
        own = np.array([steps[joint] for joint in arm.joints])
        fastest = max(
            float(np.linalg.norm(np.array(columns).T @ own[: len(columns)])) for columns in arm.chain.columns if columns
        )
        return self._most_m / fastest if fastest else np.inf


def limiter_of(rig: Rig, *, bad: bool = False, uncapped: bool = False) -> Limiter:
    """The rig's own limiter. `bad`: with Jacobian scaling; `uncapped`: joint speeds as fast as at full speed."""
    shipped = resolve.make_limiter(rig)
    if not bad and not uncapped:
        return shipped
    restraint = resolve.make_restraint(rig)
    assert restraint is not None
    if bad:
        restraint.__class__ = JacobianScaling
    limits = resolve.make_limiter(with_kinematics(rig, None)).limits if uncapped else shipped.limits
    return Limiter(limits, 1.0 / rig.arm.rate_hz, restraint)


def bounds_of(limiter: Limiter) -> Bounds:
    """For the joints' judge. Joints without a jerk limit: so high a one that it does not matter."""
    jerks = [joint.jerk_rad_s3 or _ANY_JERK for joint in limiter.limits]
    return Bounds(
        *(
            np.array([getattr(joint, name) for joint in limiter.limits])
            for name in (
                "lower_rad",
                "upper_rad",
                "speed_rad_s",
                "accel_rad_s2",
                "decel_rad_s2",
                "recovery_speed_rad_s",
            )
        ),
        jerk_rad_s3=None if min(jerks) == _ANY_JERK else np.array(jerks),
    )
