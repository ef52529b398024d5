"""`station fault`: show how the station answers a fault, on an emulated rig that runs."""

from __future__ import annotations

import argparse
import json
from typing import Any

from drivers.emulators.control_socket import ControlClient
from drivers.errors import DriverError
from station import cli
from station.emulated import FOLLOWER_CONTROL, LEADER_CONTROL
from station.runtime import running_rigs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("side", choices=["leader", "arm"], help="which far end")
    parser.add_argument("fault", help="e.g. freeze, unplug, motor_silent; 'list' names them all, 'clear' ends them all")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="e.g. channel=3, bus=can_right, motor=4")
    parser.add_argument("--for", dest="for_s", type=float, metavar="S", help="end the fault after so many seconds")
    parser.add_argument("--rig", metavar="RIG", help="which running rig (the only one)")
    parser.add_argument("--json", action="store_true", help="the emulator's whole answer")


def main(options: argparse.Namespace) -> int:
    folders = {folder.name: folder for folder in running_rigs()}
    if not folders:
        return cli.fail("no rig is running; start one: 'station run demo'", cli.HARDWARE)
    if options.rig is None and len(folders) > 1:
        return cli.fail(f"several rigs are running; name one with --rig: {', '.join(folders)}", cli.USAGE)
    name = options.rig or next(iter(folders))
    if name not in folders:
        return cli.fail(f"rig {name!r} is not running; running: {', '.join(folders)}", cli.HARDWARE)
    request: dict[str, Any] = {"cmd": "fault", "kind": options.fault, "for_s": options.for_s}
    if options.fault in ("clear", "status"):
        request = {"cmd": options.fault}
    elif options.fault == "list":
        request = {"cmd": "faults"}
    for setting in options.settings:
        key, separator, value = setting.partition("=")
        if not separator:
            return cli.fail(f"{setting!r} is not KEY=VALUE; for example channel=3", cli.USAGE)
        try:
            request[key] = json.loads(value)
        except ValueError:
            request[key] = value
    path = folders[name] / (LEADER_CONTROL if options.side == "leader" else FOLLOWER_CONTROL)
    if not path.exists():
        return cli.fail(f"rig {name!r} has no emulated {options.side}: faults are for emulated rigs only", cli.HARDWARE)
    try:
        with ControlClient(str(path)) as line:
            reply = line.ask(request.pop("cmd"), **request)
    except DriverError as error:
        return cli.fail(str(error), cli.USAGE)
    if options.json:
        print(json.dumps(reply))
    elif options.fault == "list":
        print("\n".join(f"{kind:16} {words}" for kind, words in reply["faults"].items()))
    elif options.fault == "status":
        print(json.dumps(reply, indent=2))
    else:
        print(f"{options.side}: {options.fault}" + (f" for {options.for_s:g} s" if options.for_s else ""))
    return cli.OK
