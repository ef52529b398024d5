"""`station fault`: show how the station answers a fault, on an emulated rig that runs."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from drivers.emulators.control_socket import ControlClient
from drivers.emulators.exo_faults import KINDS as EXO_KINDS
from drivers.emulators.fault_requests import FAULT_KINDS
from drivers.emulators.ker_faults import KINDS
from drivers.errors import DriverError
from station import cli, process_faults
from station.emulated import FOLLOWER_CONTROL, LEADER_CONTROL
from station.runtime import running_rigs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("side", choices=["leader", "arm", "station"], help="a far end, or our own processes")
    parser.add_argument(
        "fault",
        help="e.g. freeze, unplug, silent; 'list' names them all, 'clear' ends them all, 'show' the far end's state",
    )
    parser.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="e.g. channel=3, bus=can_right, motor=4, process=session"
    )
    parser.add_argument("--for", dest="for_s", type=float, metavar="S", help="end the fault after so many seconds")
    parser.add_argument("--rig", metavar="RIG", help="which running rig (the only one)")
    parser.add_argument("--json", action="store_true", help="the emulator's whole answer")


def main(options: argparse.Namespace) -> int:
    if options.fault == "list":
        return _list(options)
    folders = {folder.name: folder for folder in running_rigs()}
    if not folders:
        return cli.fail("no rig is running; start one: 'station run demo'", cli.HARDWARE)
    if options.rig is None and len(folders) > 1:
        return cli.fail(f"several rigs are running; name one with --rig: {', '.join(folders)}", cli.USAGE)
    name = options.rig or next(iter(folders))
    if name not in folders:
        return cli.fail(f"rig {name!r} is not running; running: {', '.join(folders)}", cli.HARDWARE)
    path = folders[name] / (LEADER_CONTROL if options.side == "leader" else FOLLOWER_CONTROL)
    if not path.exists():
        return cli.fail(f"rig {name!r} has no emulated {options.side}: faults are for emulated rigs only", cli.HARDWARE)
    settings: dict[str, Any] = {}
    if options.side == "station":
        return _station(options, folders[name])
    for setting in options.settings:
        key, separator, value = setting.partition("=")
        if not separator:
            return cli.fail(f"{setting!r} is not KEY=VALUE; for example channel=3", cli.USAGE)
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value
    try:
        with ControlClient(str(path)) as line:
            if options.fault == "show":
                reply = line.ask("status")
            elif options.fault == "clear":
                reply = line.ask("clear")
            else:
                reply = line.ask("fault", **{"kind": options.fault, "for_s": options.for_s, **settings})
    except DriverError as error:
        return cli.fail(str(error), cli.USAGE)
    if options.json or options.fault == "show":
        print(json.dumps(reply, indent=None if options.json else 2))
    else:
        print(f"{options.side}: {options.fault}" + (f" for {options.for_s:g} s" if options.for_s else ""))
    return cli.OK


def _station(options: argparse.Namespace, folder: Path) -> int:
    process = dict(setting.split("=", 1) for setting in options.settings if "=" in setting).get("process", "")
    try:
        pid = process_faults.send(folder, options.fault, process)
        if options.for_s and options.fault == "freeze":
            time.sleep(options.for_s)
            process_faults.send(folder, "resume", process)
    except ValueError as error:
        return cli.fail(str(error), cli.USAGE)
    print(json.dumps({"ok": True, "pid": pid}) if options.json else f"station: {options.fault} {process} ({pid})")
    return cli.OK


def _list(options: argparse.Namespace) -> int:
    """What each far end can be asked."""
    exo = {kind: f"{words}; exo-wire boards only" for kind, words in EXO_KINDS.items() if kind not in KINDS}
    ker = {kind: words if kind in EXO_KINDS else f"{words}; KER hubs only" for kind, words in KINDS.items()}
    kinds = {"leader": {**ker, **exo}, "arm": FAULT_KINDS, "station": process_faults.KINDS}[options.side]
    if options.json:
        print(json.dumps(kinds))
    else:
        print("\n".join(f"{kind:16} {words}" for kind, words in kinds.items()))
    return cli.OK
