"""`[arm.kinematics]` of a rig file: the arm's model, where its tools and elbows are, and where they may be.

Millimetres and the model's base frame (its world) here; the station converts once. Absent: angles alone are limited.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Millimetres = Annotated[float, Meta(ge=-100_000, le=100_000)]
Vector = tuple[Millimetres, Millimetres, Millimetres]
ModelName = Annotated[str, Meta(min_length=1, max_length=128)]
Triple = tuple[float, float, float]


class ChainJoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One hinge of a chain, reduced to what forward kinematics needs: R = R_before Rx(twist) Rz(angle + offset)."""

    arm_joint: int
    """Index into arm.joints."""
    offset_m: Triple
    """Its origin in the frame before it."""
    twist_cos: float
    twist_sin: float
    zero_rad: float


class ChainPoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A point that a chain carries."""

    name: str
    joints: int
    """So many joints of the chain move it; 0: it stands still."""
    at_m: Triple
    """In the frame of the last of them; in the base frame where none moves it."""
    reach_m: tuple[float, ...]
    """One a joint that moves it: never farther than this from that joint's axis."""


class Chain(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One arm of the model: from shoulder to tool, as plain numbers. Made by station/settings/model.py."""

    name: str
    base: tuple[Triple, Triple, Triple]
    """Columns x, y, z of the first frame (z: the first joint's axis)."""
    joints: tuple[ChainJoint, ...]
    points: tuple[ChainPoint, ...]
    """From the shoulder outwards; the last is the tool. Consecutive ones are the ends of the arm's capsules."""
    radius_m: float


class ArmFrames(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of the arms: its joints and frames by their names in the model (bodies or sites of MJCF, links of URDF)."""

    name: Name
    joints: Annotated[dict[Name, ModelName], Meta(min_length=1, max_length=16)]
    """Arm joint -> joint of the model; '-joint' where the model turns the other way."""
    shoulder: ModelName
    elbow: ModelName
    wrist: ModelName | None = None
    tool: ModelName
    radius_mm: Annotated[float, Meta(ge=0, le=500)] = 50.0
    """Of the capsules shoulder - elbow - wrist - tool: how far the arm reaches round these lines."""


class Box(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    lower: Vector
    upper: Vector


class KeepOut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plane with a forbidden side: normal . p / |normal| may not exceed offset_mm. E.g. where the worker stands."""

    name: Name
    normal: Vector
    offset_mm: Millimetres


class Kinematics(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    model: Annotated[str, Meta(min_length=1, max_length=256)]
    """MJCF or URDF file beside the rig file."""
    arms: Annotated[tuple[ArmFrames, ...], Meta(min_length=1, max_length=4)]
    reduced_speed: bool = False
    """Elbows, wrists and tools no faster than reduced_speed_mm_s, braking included; joint speeds lowered with it."""
    reduced_speed_mm_s: Annotated[float, Meta(ge=10, le=1000)] = 250.0
    box_mm: Box | None = None
    """Elbows, wrists and tools, with the arm's radius round them, stay inside."""
    apart_mm: Annotated[float, Meta(ge=0, le=1000)] | None = None
    """Least distance between the surfaces of two arms."""
    keep_out: Annotated[tuple[KeepOut, ...], Meta(max_length=8)] = ()
    chains: tuple[Chain, ...] = ()
    """Not a key of the file: read from the model at load."""

    @property
    def has_bounds(self) -> bool:
        return self.box_mm is not None or self.apart_mm is not None or bool(self.keep_out)
