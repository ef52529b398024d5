"""A task's phases as numbers the counter can use: poses in rad by joint index, and which poses lie near whose way."""

from __future__ import annotations

import math
from dataclasses import dataclass

from station.settings.task import Task

_ON_THE_WAY_TOLERANCES = 1.5
"""A pose this near (in its own tolerances) to the straight way to another is passed, not visited."""
_SAMPLES = 101


@dataclass(frozen=True, slots=True)
class PhaseShape:
    """One via-pose."""

    name: str
    joints: tuple[int, ...]
    """Indices into the leader joints."""
    pose_rad: tuple[float, ...]
    tolerance_rad: float
    dwell_ns: int
    timeout_ns: int
    distance_rad: float
    """How far the worst joint travels from the phase before (for home: from the last via-pose)."""
    passes: frozenset[int]
    """Other phases that lie on the straight way from the phase before to this one."""


@dataclass(frozen=True, slots=True)
class Gesture:
    phases: tuple[PhaseShape, ...]
    """phases[0] is home."""
    leave_rad: float
    rep_max_ns: int
    joint_names: tuple[str, ...]

    @property
    def task_joints(self) -> tuple[int, ...]:
        """Joints any phase names, ascending."""
        return tuple(sorted({joint for phase in self.phases for joint in phase.joints}))


def shape(task: Task, joint_names: tuple[str, ...]) -> Gesture:
    """`joint_names`: the leader joints in the order of `Tick.angle_rad`; every joint of the task must be among them."""
    index = {name: i for i, name in enumerate(joint_names)}
    poses = [{index[name]: math.radians(deg) for name, deg in phase.pose_deg.items()} for phase in task.phases]
    whole = _whole_poses(poses)
    phases = []
    for k, phase in enumerate(task.phases):
        before, here = whole[k - 1], whole[k]  # k - 1 is the last via-pose where k is home
        joints = tuple(sorted(poses[k]))
        phases.append(
            PhaseShape(
                name=phase.name,
                joints=joints,
                pose_rad=tuple(poses[k][joint] for joint in joints),
                tolerance_rad=math.radians(phase.tolerance_deg),
                dwell_ns=round(phase.dwell_s * 1e9),
                timeout_ns=round(phase.timeout_s * 1e9),
                distance_rad=max(abs(poses[k][joint] - before.get(joint, poses[k][joint])) for joint in joints),
                passes=frozenset(
                    other
                    for other in range(len(poses))
                    if other not in (k, (k - 1) % len(poses))
                    and _passes(before, here, poses[other], math.radians(task.phases[other].tolerance_deg))
                ),
            )
        )
    return Gesture(
        phases=tuple(phases),
        leave_rad=math.radians(task.leave_deg),
        rep_max_ns=round(task.rep_max_s * 1e9),
        joint_names=joint_names,
    )


def _whole_poses(poses: list[dict[int, float]]) -> list[dict[int, float]]:
    """Each pose with the joints it does not name kept from the pose before it."""
    whole: list[dict[int, float]] = []
    standing: dict[int, float] = {}
    for pose in poses:
        standing = {**standing, **pose}
        whole.append(standing)
    return whole


def _passes(start: dict[int, float], end: dict[int, float], pose: dict[int, float], tolerance_rad: float) -> bool:
    """Whether the straight way start -> end comes near `pose`; joints the way does not know may be anywhere."""
    joints = [joint for joint in pose if joint in start or joint in end]
    for step in range(_SAMPLES):
        s = step / (_SAMPLES - 1)
        worst = 0.0
        for joint in joints:
            a = start.get(joint, end.get(joint, 0.0))
            b = end.get(joint, a)
            worst = max(worst, abs(a + (b - a) * s - pose[joint]))
        if worst <= tolerance_rad * _ON_THE_WAY_TOLERANCES:
            return True
    return False
