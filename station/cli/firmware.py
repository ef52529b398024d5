"""`station firmware`: boards on our own wire: list, show, param, update, log.

On an emulated rig a board of its own is powered on for the command; its flash stays in the user's state folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from serial.tools import list_ports

from drivers.emulators.exo_board import ExoBoard
from drivers.errors import DriverError
from drivers.exo_link import make_link
from drivers.exo_talk import ExoTalk
from drivers.exo_update import update_board
from firmware_bridge import params
from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import Channel, Param
from firmware_bridge.exo_terms import ChannelKind, LogLevel, UpdateState
from firmware_bridge.handshake import Board
from firmware_bridge.update import read_image
from station import cli
from station.runtime import running_rigs
from station.settings.errors import ConfigError
from station.settings.load import load_rig
from station.settings.rig import Rig

_TURN = 1 << 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for name, words in (
        ("list", "serial ports of this machine, and the board of a rig"),
        ("show", "identity, channels, parameters, zeros, counters of a board"),
        ("param", "read, set and save parameters; without names, what differs from the rig file"),
        ("update", "bring a firmware image to a board: upload, try once, confirm"),
        ("log", "the lines that a board has kept"),
    ):
        verb = verbs.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        verb.add_argument("rig", nargs="?", default="demo", metavar="RIG", help="a shipped rig or a TOML file (demo)")
        verb.add_argument("--port", help="the board's port instead: a device, or can:INTERFACE:CHANNEL:NODE")
        verb.add_argument("--json", action="store_true", help="one JSON document")
        if name == "param":
            verb.add_argument("--set", dest="values", action="append", default=[], metavar="NAME=VALUE")
            verb.add_argument("--from-rig", action="store_true", help="set all as the rig file says")
            verb.add_argument("--save", action="store_true", help="keep them over power-off")
        if name == "update":
            verb.add_argument("--image", type=Path, required=True, metavar="FILE", help="image file with its header")
            verb.add_argument("--smp", action="store_true", help="a Zephyr/MCUboot board: SMP on --port (station[smp])")
            verb.add_argument("--baud", type=int, default=115200, help="with --smp: the port's rate (115200)")
            verb.add_argument("--yes", action="store_true", help="a person has decided this; do not ask again")


def main(args: argparse.Namespace) -> int:
    try:
        rig, _ = load_rig(args.rig)
        if args.what == "list":
            return _list(args, rig)
        if args.what == "update" and args.smp:
            return _update_smp(args, rig)
        with _board_of(rig, args.port) as talk:
            return {"show": _show, "param": _param, "update": _update, "log": _log}[args.what](args, rig, talk)
    except ConfigError as error:
        return cli.fail(str(error), cli.USAGE)
    except (DriverError, WireError) as error:
        return cli.fail(str(error), cli.HARDWARE)


@contextlib.contextmanager
def _board_of(rig: Rig, port: str | None) -> Iterator[ExoTalk]:
    """The board of a rig, held for this command alone: a station that uses it keeps it out, and the other way round."""
    with contextlib.ExitStack() as stack:
        if not port and rig.emulated:
            port = stack.enter_context(_emulated(rig))
        if not port and not rig.leader.port:
            raise ConfigError(f"rig {rig.name}: leader.port is empty; name the board's port there, or with --port")
        yield ExoTalk(stack.enter_context(make_link(port or rig.leader.port, rig.leader.baud)))


@contextlib.contextmanager
def _emulated(rig: Rig) -> Iterator[str]:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = state / "station" / f"board-{rig.name}"
    names = {joint.channel: joint for joint in rig.leader.joints}
    channels = [
        Channel(
            n, ChannelKind.ROTARY, 1, 0, _TURN, round(100 * joint.lower_deg), round(100 * joint.upper_deg), joint.name
        )
        for n, joint in sorted(names.items())
    ]
    board = ExoBoard(folder, channels, pty_link=str(folder / "tty"))
    try:
        board.start()
        yield str(folder / "tty")
    finally:
        board.stop()


# -- the verbs


def _list(args: argparse.Namespace, rig: Rig) -> int:
    ports = [
        {
            "port": port.device,
            "serial_number": port.serial_number,
            "product": port.product,
            "usb": _usb(port.vid, port.pid),
        }
        for port in sorted(list_ports.comports())
    ]
    document: dict[str, Any] = {"ports": ports, "rig": rig.name, "board": None, "error": ""}
    if rig.leader.driver == "exo_wire" or args.port or rig.emulated:
        try:
            with _board_of(rig, args.port) as talk:
                document["board"] = _identity(talk.board())
        except (DriverError, WireError) as error:
            document["error"] = str(error)
    if args.json:
        print(json.dumps(document))
    else:
        for port in ports:
            print("  ".join(str(word) for word in port.values() if word))
        if not ports:
            print("no serial port on this machine")
        if document["board"]:
            print(f"rig {rig.name}: " + _words(document["board"]))
    if document["error"]:
        return cli.fail(document["error"], cli.HARDWARE)
    return cli.OK


def _show(args: argparse.Namespace, rig: Rig, talk: ExoTalk) -> int:
    board = talk.board()
    known = talk.params(board.hello.params)
    differences = params.compare(known, rig.leader.parameters)
    update = talk.update_status()
    document = {
        **_identity(board),
        "channels": [
            {
                "channel": c.channel,
                "name": c.name,
                "kind": _name(ChannelKind, c.kind),
                "sign": c.sign,
                "counts_per_turn": c.counts_per_turn,
                "travel_deg": [c.lower_cdeg / 100, c.upper_cdeg / 100],
                "zero_counts": zero.counts if zero.is_recorded else None,
            }
            for c in board.channels
            for zero in [talk.zero(c.channel)]
        ],
        "parameters": [_param_document(param) for param in known],
        "differences": [difference.words for difference in differences],
        "update": {**update._asdict(), "state": _name(UpdateState, update.state)},
        "stats": talk.stats()._asdict(),
    }
    if args.json:
        print(json.dumps(document))
        return cli.OK
    print(_words(document))
    print(f"update: {document['update']['state']}, other slot {update.other_version or 'empty'}")
    for channel in document["channels"]:
        lower, upper = channel["travel_deg"]
        zero = "not recorded" if channel["zero_counts"] is None else channel["zero_counts"]
        line = f"  {channel['channel']:2} {channel['name']:16} {channel['kind']:12}"
        print(f"{line} {lower:8.1f} .. {upper:7.1f} deg  zero {zero}")
    for param in known:
        print("  " + _param_words(param))
    for line in document["differences"]:
        print(f"differs: {line}")
    print("counters: " + ", ".join(f"{name} {value}" for name, value in document["stats"].items()))
    return cli.OK


def _param(args: argparse.Namespace, rig: Rig, talk: ExoTalk) -> int:
    known = talk.params(talk.board().hello.params)
    wanted: dict[str, params.Value] = dict(rig.leader.parameters) if args.from_rig else {}
    for setting in args.values:
        name, _, value = setting.partition("=")
        try:
            wanted[name] = float(value)
        except ValueError:
            return cli.fail(f"{setting!r} is not NAME=NUMBER; for example stale_ms=20", cli.USAGE)
    for difference in params.compare(known, wanted):  # all are checked before the first is set
        param = talk.set_param(difference.param.param, params.bits_of(difference.param, difference.wanted))
        known[param.param] = param
    if args.save:
        talk.save_params()
        known = talk.params(len(known))
    differences = params.compare(known, rig.leader.parameters)
    if args.json:
        words = [difference.words for difference in differences]
        print(json.dumps({"parameters": [_param_document(param) for param in known], "differences": words}))
    else:
        for param in known:
            print(_param_words(param))
        for difference in differences:
            print(f"differs: {difference.words}")
    return cli.FAILED if differences else cli.OK


def _update(args: argparse.Namespace, rig: Rig, talk: ExoTalk) -> int:
    """The board itself refuses while it streams or hears that the arm is enabled; a rig that runs is refused here."""
    try:
        image = read_image(args.image.read_bytes())
    except OSError as error:
        return cli.fail(f"image {args.image}: {error.strerror}; expected an image file", cli.USAGE)
    before = talk.board().hello
    what = f"board {before.serial_number}: firmware {before.firmware} -> {image.header.version}"
    refused = _refused(args, rig, what, before.serial_number)
    if refused is not None:
        return refused
    after = update_board(talk, image, _say(args))
    if args.json:
        print(json.dumps({"serial_number": after.serial_number, "from": before.firmware, "to": after.firmware}))
    else:
        print(f"\nboard {after.serial_number}: firmware {after.firmware} runs and is confirmed")
    return cli.OK


def _update_smp(args: argparse.Namespace, rig: Rig) -> int:
    from drivers.smp_update import update_smp

    if not args.port:
        return cli.fail("--smp needs the board's serial port: --port /dev/...", cli.USAGE)
    try:
        image = args.image.read_bytes()
    except OSError as error:
        return cli.fail(f"image {args.image}: {error.strerror}; expected a signed MCUboot image", cli.USAGE)
    refused = _refused(args, rig, f"board on {args.port}: {args.image.name}", "yes")
    if refused is not None:
        return refused
    version = update_smp(args.port, args.baud, image, _say(args))
    print(json.dumps({"to": version}) if args.json else f"\nimage {version} runs and is confirmed")
    return cli.OK


def _refused(args: argparse.Namespace, rig: Rig, what: str, password: str) -> int | None:
    """An exit code where the update must not be: the rig runs, or no person says yes."""
    if any(folder.name == rig.name for folder in running_rigs()):
        return cli.fail(f"rig {rig.name} is running, its arm may be enabled; end the run, then update", cli.HARDWARE)
    if args.yes:
        return None
    if not sys.stdin.isatty():
        return cli.fail("an update needs a person's yes; answer at a terminal, or give --yes", cli.USAGE)
    if input(f"{what}. The arm must be switched off. Type {password} to go on: ").strip() != password:
        return cli.fail("not confirmed; nothing was changed", cli.INTERRUPTED)
    return None


def _say(args: argparse.Namespace) -> Callable[[str, int, int], None]:
    def say(step: str, done: int, total: int) -> None:
        if not args.json:
            print(f"\r{step}: {done} of {total} bytes", end="", file=sys.stderr, flush=True)

    return say


def _log(args: argparse.Namespace, rig: Rig, talk: ExoTalk) -> int:
    lines = talk.log()
    if args.json:
        print(json.dumps([{**line._asdict(), "level": _name(LogLevel, line.level)} for line in lines]))
    else:
        for line in lines:
            print(f"{line.number:5} {line.device_us / 1e6:12.6f} s  {_name(LogLevel, line.level):8} {line.text}")
    return cli.OK


# -- words


def _identity(board: Board) -> dict[str, Any]:
    hello = board.hello
    keys = ("make", "board", "serial_number", "firmware", "wire_version", "slot", "boots", "max_rate_hz")
    return {key: getattr(hello, key) for key in keys}


def _words(identity: dict[str, Any]) -> str:
    return (
        f"{identity['make']} {identity['board']}, serial number {identity['serial_number']}, firmware "
        f"{identity['firmware']} in slot {identity['slot']}, wire {identity['wire_version']}, started "
        f"{identity['boots']} times"
    )


def _param_document(param: Param) -> dict[str, Any]:
    lower, upper = params.bounds_of(param)
    return {
        "name": param.name,
        "value": params.value_of(param),
        "lower": lower,
        "upper": upper,
        "default": params.default_of(param),
        "unit": param.unit,
        "saved": bool(param.is_saved),
    }


def _param_words(param: Param) -> str:
    lower, upper = params.bounds_of(param)
    saved = "" if param.is_saved else "  (not saved)"
    return f"{param.name:16} {params.value_of(param):g} {param.unit}  [{lower:g} .. {upper:g}]{saved}"


def _name(enum: Any, value: int) -> str:
    try:
        return str(enum(value).name).lower()
    except ValueError:
        return str(value)


def _usb(vendor: int | None, product: int | None) -> str:
    return f"{vendor:04x}:{product:04x}" if vendor is not None and product is not None else ""
