"""`station rigs`: what ships, and whether a rig file, with its task, is right. Opens nothing."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from station import cli, wiring
from station.cli.rigs_words import limits_of, outside
from station.resolve import resolve
from station.settings.errors import ConfigError
from station.settings.load import digest, load_rig, load_task, shipped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rig", nargs="?", metavar="RIG", help="check this rig: a shipped name or a TOML file")
    parser.add_argument("--task", metavar="NAME", help="... and this task: a shipped name or a TOML file")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def main(options: argparse.Namespace) -> int:
    if options.rig is None:
        document: dict[str, object] = {"rigs": shipped("rigs"), "tasks": shipped("tasks")}
        if options.json:
            print(json.dumps(document))
        else:
            for kind, names in document.items():
                assert isinstance(names, list)
                print(f"{kind}: {', '.join(names)}")
        return cli.OK
    try:
        rig, calibration = load_rig(options.rig)
        task = load_task(options.task or rig.task, rig)
        resolve(rig, Path("/nowhere"))
        wiring.make_arm(rig)
        wiring.make_leader(rig, calibration)
    except (ConfigError, *wiring.HARDWARE_ERRORS) as error:
        return cli.fail(str(error), cli.USAGE)
    warnings = outside(rig)
    document = {
        "rig": rig.name,
        "digest": digest(rig),
        "emulated": rig.emulated,
        "leader": f"{rig.leader.driver}, {len(rig.leader.joints)} joints, {rig.leader.rate_hz:g} Hz",
        "arm": f"{rig.arm.driver}, {len(rig.arm.joints)} joints on {len(rig.arm.buses)} buses, {rig.arm.rate_hz:g} Hz",
        **limits_of(rig),
        "calibration": f"{calibration.name} {calibration.made}".strip(),
        "task": f"{task.name} v{task.version}, {len(task.phases)} phases, target {task.target}",
    }
    if options.json:
        print(json.dumps({**document, "warnings": warnings}))
    else:
        for key, value in [*document.items(), *[("WARNING", warning) for warning in warnings]]:
            print(f"{key:14} {value}")
    return cli.OK
