"""`station VERB …`: the table of verbs, loaded lazily so that each starts fast."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import Final

from station import __version__

VERBS: Final = {
    "run": "run the main job on a rig: the loop, the session, the screen",
    "attach": "bring a screen to a run that goes on",
    "fault": "put a fault into an emulated rig while it runs",
    "bench": "measure this rig: 'bench loop', 'bench stop'",
    "rigs": "list the rigs and tasks that ship, and check a rig or task file",
    "firmware": "boards on our own wire: list, show, param, update, log",
}


def main(argv: list[str] | None = None) -> int:
    """The command's exit code: 0 ok, 1 check failed, 2 usage or settings, 3 hardware, 4 time-out, 5 safety stop
    latched, 6 data integrity, 130 interrupted."""
    arguments = sys.argv[1:] if argv is None else argv
    verb = next((word for word in arguments if not word.startswith("-")), None)
    parser = argparse.ArgumentParser(
        prog="station",
        description="Operator station controller for exoskeleton rigs.",
        epilog="'station VERB --help' tells more. First time: 'station run demo'.",
    )
    parser.add_argument("--version", action="version", version=f"station {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, words in VERBS.items():
        sub = verbs.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name == verb:
            import_module(f"station.cli.{name}").add_arguments(sub)
    options = parser.parse_args(arguments)
    try:
        return int(import_module(f"station.cli.{options.verb}").main(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away, e.g. `| head`
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
