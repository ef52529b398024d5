"""`station attach`: a screen for a run that goes on."""

from __future__ import annotations

import argparse

from station import cli
from station.runtime import running_rigs
from station.starting import spoken_language


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rig", nargs="?", metavar="RIG", help="the rig's name (the one that runs)")
    parser.add_argument("--lang", choices=["zh", "en"], help="the screen's language (from $LANG)")


def main(options: argparse.Namespace) -> int:
    folders = {folder.name: folder for folder in running_rigs()}
    if not folders:
        return cli.fail("no rig is running; start one: 'station run RIG'", cli.HARDWARE)
    if options.rig is None and len(folders) > 1:
        return cli.fail(f"several rigs are running; name one: {', '.join(folders)}", cli.USAGE)
    name = options.rig or next(iter(folders))
    if name not in folders:
        return cli.fail(f"rig {name!r} is not running; running: {', '.join(folders)}", cli.HARDWARE)
    from station.tui.__main__ import show

    return show(folders[name], options.lang or spoken_language(), is_attached=True)
