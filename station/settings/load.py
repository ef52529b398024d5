"""Reads and checks settings files: TOML in, frozen structs out, or one ConfigError that names file, key and value."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from station.settings.calibration import Calibration
from station.settings.errors import ConfigError
from station.settings.explain import explain
from station.settings.kinematics import Kinematics
from station.settings.motors import check_motors
from station.settings.nearest import nearest as _nearest
from station.settings.rig import Rig, slow_temperature_c
from station.settings.task import Task

T = TypeVar("T", bound=msgspec.Struct)


def load_rig(name_or_path: str) -> tuple[Rig, Calibration]:
    """A rig by its shipped name ('demo') or by a path to its TOML file, and the calibration it refers to."""
    path = _find("rigs", name_or_path)
    rig = _decode(path, Rig)
    if rig.file:
        raise ConfigError(f"{path}: unknown key 'file'")
    rig = msgspec.structs.replace(rig, file=str(path))
    _check_rig(rig, path)
    check_motors(rig.arm, path)
    if rig.arm.kinematics is not None:
        rig = _with_chains(rig, rig.arm.kinematics, path)
    if rig.leader.calibration:
        calibration_path = path.parent / rig.leader.calibration
        if not calibration_path.is_file():
            raise ConfigError(f"{path}: leader.calibration names {rig.leader.calibration!r}, which is not beside it")
        calibration = _decode(calibration_path, Calibration)
        calibration.check(str(calibration_path), {joint.name for joint in rig.leader.joints})
    else:
        calibration = Calibration.identity_of([joint.name for joint in rig.leader.joints])
    return rig, calibration


def load_task(name_or_path: str, rig: Rig) -> Task:
    """A task by its shipped name or by a path; its joints must be the rig's leader joints."""
    path = _find("tasks", name_or_path)
    task = _decode(path, Task)
    names = [joint.name for joint in rig.leader.joints]
    for phase in task.phases:
        for joint in phase.pose_deg:
            if joint not in names:
                raise ConfigError(
                    f"{path}: phase {phase.name}: pose_deg names joint {joint!r}, which rig {rig.name!r} does not have"
                    f"{_nearest(joint, names)}"
                )
    if task.rep_max_s <= task.rep_target_s:
        raise ConfigError(
            f"{path}: rep_max_s is {task.rep_max_s}; expected more than rep_target_s ({task.rep_target_s})"
        )
    return task


def digest(settings: msgspec.Struct) -> str:
    """First 12 hex digits of the SHA-256 of the settings in canonical form: the identity written into records. Where
    the file lies is no part of it."""
    if isinstance(settings, Rig):
        settings = msgspec.structs.replace(settings, file="")
    return hashlib.sha256(msgspec.json.encode(settings, order="deterministic")).hexdigest()[:12]


def shipped(kind: str) -> list[str]:
    """Names of the rigs or tasks that come with the station."""
    folder = resources.files("station") / kind
    return sorted(
        item.name.removesuffix(".toml")
        for item in folder.iterdir()
        if item.name.endswith(".toml") and not item.name.endswith(".calibration.toml")
    )


def _find(kind: str, name_or_path: str) -> Path:
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise ConfigError(f"no file {name_or_path!r}; give a path to a TOML file or one of: {_list(kind)}")
        return path
    path = Path(str(resources.files("station") / kind / f"{name_or_path}.toml"))
    if not path.is_file():
        raise ConfigError(
            f"no {kind[:-1]} named {name_or_path!r}{_nearest(name_or_path, shipped(kind))}; "
            f"shipped: {_list(kind)}; or give a path to a TOML file"
        )
    return path


def _list(kind: str) -> str:
    return ", ".join(shipped(kind))


def _decode(path: Path, kind: type[T]) -> T:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    for key, value in _numbers(data, ""):
        if not math.isfinite(value):
            raise ConfigError(f"{path}: {key} = {value}: expected a finite number")
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {explain(str(error), data, kind)}") from None


def _numbers(data: object, key: str) -> Iterator[tuple[str, float]]:
    """Every number of a TOML value with its place."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from _numbers(value, f"{key}.{name}" if key else name)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _numbers(value, f"{key}[{index}]")
    elif isinstance(data, float):
        yield key, data


def _check_rig(rig: Rig, path: Path) -> None:
    """What one struct cannot check by itself: names that point at each other, and impossible limits."""
    leader_names = [joint.name for joint in rig.leader.joints]
    bus_names = [bus.name for bus in rig.arm.buses]
    _unique(path, "leader.joints", "name", leader_names)
    _unique(path, "leader.joints", "channel", [joint.channel for joint in rig.leader.joints])
    _unique(path, "arm.buses", "name", bus_names)
    _unique(path, "arm.joints", "name", [joint.name for joint in rig.arm.joints])
    _unique(path, "arm.joints", "bus and id", [(joint.bus, joint.id) for joint in rig.arm.joints])
    _unique(path, "arm.joints", "bus and reply_id", [(joint.bus, joint.reply_id) for joint in rig.arm.joints])
    if rig.arm.rate_hz > rig.leader.rate_hz:
        raise ConfigError(
            f"{path}: arm.rate_hz is {rig.arm.rate_hz:g}; expected at most leader.rate_hz ({rig.leader.rate_hz:g})"
        )
    if rig.arm.watchdog_ms * 1e-3 <= 2 / rig.arm.rate_hz:
        raise ConfigError(
            f"{path}: arm.watchdog_ms is {rig.arm.watchdog_ms:g}; expected more than two periods of arm.rate_hz "
            f"({2e3 / rig.arm.rate_hz:g} ms)"
        )
    most_gap_ms = rig.arm.feedback_stop_ms - 2e3 / rig.arm.rate_hz
    if rig.loop.gap_stop_ms > most_gap_ms:
        raise ConfigError(
            f"{path}: loop.gap_stop_ms is {rig.loop.gap_stop_ms:g}; expected at most {most_gap_ms:g}, two periods of "
            "arm.rate_hz below arm.feedback_stop_ms: else a motor would be blamed for a gap of the loop"
        )
    if not rig.arm.temperature_warn_c <= slow_temperature_c(rig.arm) <= rig.arm.temperature_stop_c:
        raise ConfigError(
            f"{path}: arm.temperature_warn_c {rig.arm.temperature_warn_c:g}, temperature_slow_c "
            f"{slow_temperature_c(rig.arm):g}, temperature_stop_c {rig.arm.temperature_stop_c:g}; expected them in "
            "rising order"
        )
    if not rig.arm.torque_warn <= rig.arm.torque_slow <= rig.arm.torque_stop:
        raise ConfigError(
            f"{path}: arm.torque_warn {rig.arm.torque_warn:g}, torque_slow {rig.arm.torque_slow:g}, torque_stop "
            f"{rig.arm.torque_stop:g}; expected them in rising order"
        )
    if rig.leader.stop_after_ms <= rig.leader.hold_after_ms:
        raise ConfigError(
            f"{path}: leader.stop_after_ms is {rig.leader.stop_after_ms:g}; expected more than hold_after_ms"
        )
    if not rig.emulated:
        if rig.emulator is not None:
            raise ConfigError(f"{path}: [emulator] stands in a rig that is not emulated; remove it or set emulated")
        if not rig.leader.port:
            raise ConfigError(f"{path}: leader.port is empty; expected the device, e.g. '/dev/exo/ker-<serial>'")
        for bus in rig.arm.buses:
            if not bus.channel:
                raise ConfigError(f"{path}: bus {bus.name}: channel is empty; expected e.g. 'can_right'")
    for lead in rig.leader.joints:
        if lead.lower_deg >= lead.upper_deg:
            raise ConfigError(
                f"{path}: leader joint {lead.name}: lower_deg {lead.lower_deg:g} is not below upper_deg "
                f"{lead.upper_deg:g}"
            )
        if lead.upper_deg - lead.lower_deg > 360:
            raise ConfigError(f"{path}: leader joint {lead.name}: travel is over 360 deg; expected at most one turn")
    for joint in rig.arm.joints:
        where = f"{path}: arm joint {joint.name}"
        if joint.bus not in bus_names:
            raise ConfigError(f"{where}: bus {joint.bus!r} is not in arm.buses{_nearest(joint.bus, bus_names)}")
        if joint.leader not in leader_names:
            raise ConfigError(
                f"{where}: leader {joint.leader!r} is not in leader.joints{_nearest(joint.leader, leader_names)}"
            )
        if not math.isfinite(joint.scale) or joint.scale == 0:
            raise ConfigError(f"{where}: scale is {joint.scale}; expected a finite number other than 0")
        if joint.lower_deg >= joint.upper_deg:
            raise ConfigError(f"{where}: lower_deg {joint.lower_deg:g} is not below upper_deg {joint.upper_deg:g}")
        is_used = joint.start_deg != 0 or rig.emulated or rig.arm.kinematics is not None
        if is_used and not joint.lower_deg <= joint.start_deg <= joint.upper_deg:
            raise ConfigError(
                f"{where}: start_deg {joint.start_deg:g} is outside its travel; expected {joint.lower_deg:g} to "
                f"{joint.upper_deg:g} (absent: 0)"
            )
        if joint.accel_deg_s2 / rig.arm.rate_hz > joint.speed_deg_s:
            raise ConfigError(
                f"{where}: accel_deg_s2 {joint.accel_deg_s2:g} reaches speed_deg_s {joint.speed_deg_s:g} within one "
                f"tick of 1/{rig.arm.rate_hz:g} s; lower accel_deg_s2 or raise speed_deg_s"
            )


def _with_chains(rig: Rig, kinematics: Kinematics, path: Path) -> Rig:
    """The rig with its arms' chains read from the model file; imports the library that reads it only here."""
    from station.settings.model import make_chains, open_model

    if kinematics.chains:
        raise ConfigError(f"{path}: arm.kinematics.chains is no key of a rig file; it is read from the model")
    if kinematics.box_mm is not None:
        for axis, low, high in zip("xyz", kinematics.box_mm.lower, kinematics.box_mm.upper):
            if low >= high:
                raise ConfigError(f"{path}: arm.kinematics.box_mm: {axis}: lower {low:g} is not below upper {high:g}")
    for plane in kinematics.keep_out:
        if not any(plane.normal):
            raise ConfigError(f"{path}: arm.kinematics.keep_out {plane.name}: normal is 0, 0, 0; expected a direction")
    if kinematics.apart_mm is not None and len(kinematics.arms) < 2:
        raise ConfigError(f"{path}: arm.kinematics.apart_mm stands with one arm; expected two in arms")
    _unique(path, "arm.kinematics.arms", "name", [arm.name for arm in kinematics.arms])
    limits = [(joint.name, joint.lower_deg, joint.upper_deg) for joint in rig.arm.joints]
    try:
        chains = make_chains(kinematics, open_model(path.parent / kinematics.model), limits)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    kinematics = msgspec.structs.replace(kinematics, chains=chains)
    return msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, kinematics=kinematics))


def _unique(path: Path, where: str, what: str, values: list[Any]) -> None:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise ConfigError(f"{path}: {where}: {what} {value!r} stands twice; expected each once")
        seen.add(value)
