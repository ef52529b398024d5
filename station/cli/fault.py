"""`station fault`: show how the station answers a fault, on an emulated rig that runs."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from drivers.emulators.control_socket import ControlClient
from drivers.errors import DriverError
from station import cli, process_faults
from station.cli.fault_words import SIDES, example, listing, unknown
from station.emulated import FOLLOWER_CONTROL, LEADER_CONTROL
from station.runtime import running_rigs
from station.settings.run import RunSettings

_ALWAYS = ("show", "clear")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("side", help="leader or arm (a far end), station (our own processes), or 'list'")
    parser.add_argument(
        "fault",
        nargs="?",
        default="list",
        help="e.g. freeze, unplug, silent; 'list' names all of the side, 'clear' ends them, 'show' the far end's state",
    )
    parser.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="e.g. channel=3, bus=can_right, motor=4, process=session"
    )
    parser.add_argument("--for", dest="for_s", type=float, metavar="S", help="end the fault after so many seconds")
    parser.add_argument("--rig", metavar="RIG", help="which running rig (the only one)")
    parser.add_argument("--json", action="store_true", help="the emulator's whole answer")


def main(options: argparse.Namespace) -> int:
    if options.side == "list" or (options.side in SIDES and options.fault == "list"):
        return _list(options)
    if options.side not in SIDES:
        return cli.fail(
            f"side {options.side!r}; expected {', '.join(SIDES)}, or 'station fault list' for all faults; for example: "
            f"{example('leader', 'freeze')}",
            cli.USAGE,
        )
    if options.fault not in SIDES[options.side] and (options.fault not in _ALWAYS or options.side == "station"):
        return cli.fail(unknown(options.side, options.fault), cli.USAGE)
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
            words = f"{setting!r} is not KEY=VALUE; for example: {example(options.side, options.fault)}"
            return cli.fail(words, cli.USAGE)
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
        hint = f"; for example: {example(options.side, options.fault)}" if options.fault not in _ALWAYS else ""
        return cli.fail(f"{error}{hint}", cli.USAGE)
    if options.json or options.fault == "show":
        print(json.dumps(reply, indent=None if options.json else 2))
    else:
        where = _motors(reply.get("motors", []), folders[name])
        print(f"{options.side}: {options.fault}{where}" + (f" for {options.for_s:g} s" if options.for_s else ""))
    return cli.OK


def _motors(hit: list[tuple[str, int]], folder: Path) -> str:
    """Which motors have it now: without a bus, a motor's number means one on each."""
    if not hit:
        return ""
    joints = RunSettings.load(folder).rig.arm.joints
    if len(hit) == len(joints):
        return f" on all {len(hit)} motors"
    names = {(joint.bus, joint.id): joint.name for joint in joints}
    return " on " + ", ".join(f"{names[bus, motor]} ({bus} motor {motor})" for bus, motor in hit)


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
    """What each side, or one, can be asked."""
    kinds = SIDES if options.side == "list" else {options.side: SIDES[options.side]}
    if not options.json:
        print(listing(kinds))
    else:
        print(
            json.dumps(
                {side: dict(of) for side, of in kinds.items()} if options.side == "list" else kinds[options.side]
            )
        )
    return cli.OK
