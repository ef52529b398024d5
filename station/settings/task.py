"""The task file: one gesture as phases (via-pose, tolerance, dwell, time-out), and what a good repetition is.

Poses are of the LEADER (calibrated exoskeleton joints), degrees; only the joints that matter are named.
The first phase is home: a repetition begins when home is left and ends when home is reached again.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from station.settings.rig import Degrees, Name, Positive


class Words(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    zh: str
    en: str


class Phase(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    say: Words
    """What the worker should do next, in the imperative, at most 12 Chinese characters."""
    pose_deg: Annotated[dict[Name, Degrees], Meta(min_length=1)]
    """Leader joint name -> angle of the via-pose."""
    tolerance_deg: Annotated[float, Meta(gt=0, le=90)]
    """Reached when every named joint is this close."""
    dwell_s: Annotated[float, Meta(ge=0, le=10)] = 0.0
    """... for this long."""
    timeout_s: Annotated[float, Meta(gt=0, le=120)]
    """Not reached within this time after the phase before it: too slow."""


class Task(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    version: Annotated[int, Meta(ge=1)]
    title: Words
    target: Annotated[int, Meta(ge=1, le=100_000)]
    rep_target_s: Positive
    """Usual duration of a good repetition, for the clock on the screen."""
    rep_max_s: Positive
    """Longer is rejected as too slow."""
    leave_deg: Annotated[float, Meta(gt=0, le=90)] = 10.0
    """A repetition begins when any home joint is this far outside home's tolerance... and not before."""
    phases: Annotated[tuple[Phase, ...], Meta(min_length=2, max_length=16)]
    """phases[0] is home; then the via-poses in order. Home again ends the repetition."""
