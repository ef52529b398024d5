"""`station firmware`: boards on our own wire: list, show, param, update, log.

On an emulated rig a board of its own is powered on for the command; its flash stays in the user's state folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from serial.tools import list_ports

from drivers.emulators.exo_board import ExoBoard
from drivers.errors import DriverError
from drivers.exo_link import make_link
from drivers.exo_talk import ExoTalk
from drivers.exo_update import update_board
from firmware_bridge import params
from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import Channel
from firmware_bridge.exo_terms import ChannelKind, LogLevel, UpdateState
from firmware_bridge.handshake import Board, Expected, check_board
from firmware_bridge.update import read_image
from station import cli
from station.cli.firmware_words import (
    Progress,
    counter_words,
    identity,
    name_of,
    param_document,
    param_words,
    usb,
    words,
)
from station.control.inputs import required_inputs
from station.resolve import with_leader
from station.runtime import running_rigs
from station.settings.calibration import Calibration
from station.settings.errors import ConfigError
from station.settings.load import load_rig
from station.settings.rig import Rig

_TURN = 1 << 15
_NO_FIRMWARE = (
    "the leader is a {driver} hub, whose wire has no parameters, log or updates; use its maker's tool for those. For a "
    'board on our own wire set leader.driver = "exo_wire" in the rig file, or name its port with --port'
)
_EMULATED: Final = "; on this emulated rig: add --leader exo-wire"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for name, what in (
        ("list", "serial ports of this machine, and the board of a rig"),
        ("show", "identity, channels, parameters, zeros, counters of a board, and what differs from the rig file"),
        ("param", "read, set and save parameters; exit code 1 where they differ from the rig file"),
        ("update", "bring a firmware image to a board: upload, try once, confirm"),
        ("log", "the lines that a board has kept"),
    ):
        verb = verbs.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        verb.add_argument("rig", nargs="?", metavar="RIG", help="a shipped rig or a TOML file (demo)")
        verb.add_argument("--port", help="the board's port instead: a device, or can:INTERFACE:CHANNEL:NODE")
        verb.add_argument("--leader", metavar="KIND", help="emulated rigs: another leader, as for 'station run'")
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
        rig, calibration = load_rig(args.rig or "demo")
        if args.leader:
            rig = with_leader(rig, args.leader)
        if args.what == "list":
            return _list(args, rig, calibration)
        if not _has_board(args, rig):
            raise ConfigError(f"{rig.where}: {_no_firmware(rig)}")
        if args.what == "update":
            return _update_smp(args, rig) if args.smp else _update(args, rig, calibration)
        with _board_of(args, rig, calibration) as talk:
            if args.what == "show":
                return _show(args, rig, calibration, talk)
            return _param(args, rig, talk) if args.what == "param" else _log(args, talk)
    except ConfigError as error:
        return cli.fail(str(error), cli.USAGE)
    except (DriverError, WireError) as error:
        return cli.fail(str(error), cli.HARDWARE)


def _has_board(args: argparse.Namespace, rig: Rig) -> bool:
    return bool(args.port) or rig.leader.driver == "exo_wire"


def _no_firmware(rig: Rig) -> str:
    return _NO_FIRMWARE.format(driver=rig.leader.driver) + (_EMULATED if rig.emulated else "")


@contextlib.contextmanager
def _board_of(args: argparse.Namespace, rig: Rig, calibration: Calibration) -> Iterator[ExoTalk]:
    """The board of a rig, held for this command alone: a station that uses it keeps it out, and the other way round."""
    with contextlib.ExitStack() as stack:
        port = args.port
        if not port and rig.emulated:
            port = stack.enter_context(_emulated(rig, calibration))
        yield ExoTalk(stack.enter_context(make_link(port or rig.leader.port, rig.leader.baud)))


@contextlib.contextmanager
def _emulated(rig: Rig, calibration: Calibration) -> Iterator[str]:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = state / "station" / f"board-{rig.name}"
    print(
        f"station: note: rig {rig.name} is emulated: an emulated board is powered on for this command; its flash stays "
        f"in {folder} ('station run --leader exo-wire' begins with a new one each time)",
        file=sys.stderr,
    )
    names = {joint.channel: joint for joint in rig.leader.joints}
    channels = [
        Channel(
            n, ChannelKind.ROTARY, 1, 0, _TURN, round(100 * joint.lower_deg), round(100 * joint.upper_deg), joint.name
        )
        for n, joint in sorted(names.items())
    ]
    serial_number = calibration.board or "EMU-0001"
    board = ExoBoard(folder, channels, pty_link=str(folder / "tty"), serial_number=serial_number)
    try:
        board.start()
        yield str(folder / "tty")
    finally:
        board.stop()


def _strange(args: argparse.Namespace, rig: Rig, calibration: Calibration, board: Board) -> str:
    """Why the rig would refuse this board, '' where it would not, or where no rig was named."""
    if args.port and not args.rig:
        return ""
    leader = rig.leader
    joints = {joint.channel: joint.name for joint in leader.joints}
    try:
        check_board(
            board, Expected(joints, leader.rate_hz, calibration.board, required_inputs(leader), leader.calibration)
        )
    except WireError as error:
        return str(error)
    return ""


# -- the verbs


def _list(args: argparse.Namespace, rig: Rig, calibration: Calibration) -> int:
    mine = os.path.realpath(args.port or rig.leader.port) if args.port or rig.leader.port else ""
    ports = [
        {
            "port": port.device,
            "serial_number": port.serial_number,
            "product": port.product,
            "usb": usb(port.vid, port.pid),
            "is_of_rig": port.device == mine,
        }
        for port in sorted(list_ports.comports())
    ]
    leader = f"leader {rig.leader.driver}" + (f" on {rig.leader.port}" if rig.leader.port else "")
    document: dict[str, Any] = {
        "ports": ports,
        "rig": rig.name,
        "leader": rig.leader.driver,
        "board": None,
        "error": "",
    }
    document["note"] = ""
    if _has_board(args, rig):
        try:
            with _board_of(args, rig, calibration) as talk:
                board = talk.board()
                document["board"] = identity(board)
                document["note"] = _strange(args, rig, calibration, board)
        except (DriverError, WireError) as error:
            document["error"] = str(error)
    else:
        document["note"] = _no_firmware(rig)
    if args.json:
        print(json.dumps(document))
    else:
        for port in ports:
            texts = [str(port[key]) for key in ("port", "serial_number", "product", "usb") if port[key]]
            print("  ".join(texts) + (f"  <- rig {rig.name}" if port["is_of_rig"] else ""))
        if not ports:
            print("no serial port on this machine")
        print(f"rig {rig.name}, {leader}" + (f": {words(document['board'])}" if document["board"] else ""))
        if document["note"]:
            print(f"note: {document['note']}")
    if document["error"]:
        return cli.fail(document["error"], cli.HARDWARE)
    return cli.OK


def _show(args: argparse.Namespace, rig: Rig, calibration: Calibration, talk: ExoTalk) -> int:
    board = talk.board()
    known = talk.params(board.hello.params)
    strange = _strange(args, rig, calibration, board)
    wanted = {} if strange or (args.port and not args.rig) else rig.leader.parameters
    differences = params.compare(known, wanted)
    update = talk.update_status()
    stats = talk.stats()
    document = {
        **identity(board),
        "channels": [
            {
                "channel": c.channel,
                "name": c.name,
                "kind": name_of(ChannelKind, c.kind),
                "sign": c.sign,
                "counts_per_turn": c.counts_per_turn,
                "travel_deg": [c.lower_cdeg / 100, c.upper_cdeg / 100],
                "zero_counts": zero.counts if zero.is_recorded else None,
            }
            for c in board.channels
            for zero in [talk.zero(c.channel)]
        ],
        "parameters": [param_document(param) for param in known],
        "refused_by_rig": strange,
        "differences": [difference.words for difference in differences],
        "update": {**update._asdict(), "state": name_of(UpdateState, update.state)},
        "stats": stats._asdict(),
    }
    if args.json:
        print(json.dumps(document))
        return cli.OK
    print(words(document))
    print(f"update: {document['update']['state']}, other slot {update.other_version or 'empty'}")
    for channel in document["channels"]:
        lower, upper = channel["travel_deg"]
        zero = "not recorded" if channel["zero_counts"] is None else channel["zero_counts"]
        line = f"  {channel['channel']:2} {channel['name']:16} {channel['kind']:12}"
        print(f"{line} {lower:8.1f} .. {upper:7.1f} deg  zero {zero}")
    for param in known:
        print("  " + param_words(param))
    _say_differences(args, differences)
    print("counters: " + counter_words(stats))
    if strange:
        print(f"rig {rig.name} would refuse it: {strange}")
    return cli.OK


def _say_differences(args: argparse.Namespace, differences: list[params.Difference]) -> None:
    for difference in differences:
        print(f"differs: {difference.words}")
    if differences:
        print(
            f"set the board with 'station firmware param {args.rig or 'demo'} --from-rig --save', or change "
            "leader.parameters in the rig file"
        )


def _param(args: argparse.Namespace, rig: Rig, talk: ExoTalk) -> int:
    known = talk.params(talk.board().hello.params)
    said = {} if args.port and not args.rig else dict(rig.leader.parameters)
    if args.from_rig and not said:
        return cli.fail(
            f"--from-rig: rig {args.rig or rig.name} says no leader.parameters; name a rig that does", cli.USAGE
        )
    wanted: dict[str, params.Value] = said if args.from_rig else {}
    for setting in args.values:
        name, _, value = setting.partition("=")
        try:
            wanted = {**wanted, name: float(value)}
        except ValueError:
            return cli.fail(f"{setting!r} is not NAME=NUMBER; for example stale_ms=20", cli.USAGE)
    for difference in params.compare(known, wanted):  # all are checked before the first is set
        param = talk.set_param(difference.param.param, params.bits_of(difference.param, difference.wanted))
        known[param.param] = param
    if args.save:
        talk.save_params()
        known = talk.params(len(known))
    differences = params.compare(known, said)
    if args.json:
        lines = [difference.words for difference in differences]
        print(json.dumps({"parameters": [param_document(param) for param in known], "differences": lines}))
    else:
        for param in known:
            print(param_words(param))
        if not known:
            print("this board has no parameters")
        _say_differences(args, differences)
    return cli.FAILED if differences else cli.OK


def _update(args: argparse.Namespace, rig: Rig, calibration: Calibration) -> int:
    """The board itself refuses while it streams or hears that the arm is enabled; a rig that runs is refused here."""
    try:
        image = read_image(args.image.read_bytes())
    except OSError as error:
        return cli.fail(f"image {args.image}: {error.strerror}; expected an image file", cli.USAGE)
    except WireError as error:
        return cli.fail(f"image {args.image}: {error}", cli.DATA)
    if _is_running(rig):  # before its port is asked for: the run has it
        return cli.fail(_RUNS.format(rig=rig.name), cli.HARDWARE)
    progress = Progress(is_quiet=args.json)
    with _board_of(args, rig, calibration) as talk:
        before = talk.board().hello
        what = f"board {before.serial_number}: firmware {before.firmware} -> {image.header.version}"
        refused = _refused(args, what, before.serial_number)
        if refused is not None:
            return refused
        if args.yes:  # else the question has said it
            progress.line(what)
        try:
            after = update_board(talk, image, progress.say)
        except KeyboardInterrupt:
            progress.end()
            return cli.fail(progress.interrupted(before.firmware), cli.INTERRUPTED)
        except (DriverError, WireError):
            progress.end()
            raise
    progress.end()
    if args.json:
        print(json.dumps({"serial_number": after.serial_number, "from": before.firmware, "to": after.firmware}))
    else:
        board = f"board {after.serial_number}"
        print(f"{board}: updated from firmware {before.firmware} to {after.firmware}, which is confirmed")
    return cli.OK


def _update_smp(args: argparse.Namespace, rig: Rig) -> int:
    from drivers.smp_update import update_smp

    if not args.port:
        return cli.fail("--smp needs the board's serial port: --port /dev/...", cli.USAGE)
    try:
        image = args.image.read_bytes()
    except OSError as error:
        return cli.fail(f"image {args.image}: {error.strerror}; expected a signed MCUboot image", cli.USAGE)
    if _is_running(rig):
        return cli.fail(_RUNS.format(rig=rig.name), cli.HARDWARE)
    refused = _refused(args, f"board on {args.port}: {args.image.name}", "yes")
    if refused is not None:
        return refused
    progress = Progress(is_quiet=args.json)
    try:
        version = update_smp(args.port, args.baud, image, progress.say)
    finally:
        progress.end()
    print(json.dumps({"to": version}) if args.json else f"image {version} runs and is confirmed")
    return cli.OK


_RUNS = "rig {rig} is running, its arm may be enabled; end the run, then update"


def _is_running(rig: Rig) -> bool:
    return any(folder.name == rig.name for folder in running_rigs())


def _refused(args: argparse.Namespace, what: str, password: str) -> int | None:
    """An exit code where no person says yes."""
    if args.yes:
        return None
    if not sys.stdin.isatty():
        return cli.fail("an update needs a person's yes; answer at a terminal, or give --yes", cli.USAGE)
    if input(f"{what}. The arm must be switched off. Type {password} to go on: ").strip() != password:
        return cli.fail("not confirmed; nothing was changed", cli.INTERRUPTED)
    return None


def _log(args: argparse.Namespace, talk: ExoTalk) -> int:
    lines = talk.log()
    if args.json:
        print(json.dumps([{**line._asdict(), "level": name_of(LogLevel, line.level)} for line in lines]))
    else:
        update = talk.update_status()
        print(words(identity(talk.board())))
        print(f"update: {name_of(UpdateState, update.state)}, other slot {update.other_version or 'empty'}")
        print("the board keeps the lines since its last start:")
        for line in lines:
            print(f"{line.number:5} {line.device_us / 1e6:12.6f} s  {name_of(LogLevel, line.level):8} {line.text}")
    return cli.OK
