"""`station VERB …`: the table of verbs, loaded lazily so that each starts fast."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import Final, NoReturn

from station import __version__
from station.starting import LINE

VERBS: Final = {
    "run": "run the main job on a rig: the loop, the session, the screen",
    "attach": "bring a screen to a run that goes on",
    "fault": "put a fault into an emulated rig while it runs",
    "bench": "measure this rig: 'bench loop', 'bench stop'",
    "rigs": "list the rigs and tasks that ship, and check a rig or task file",
    "firmware": "boards on our own wire: list, show, param, update, log",
}


_SAYS_STARTING: Final = ("run", "attach")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        LINE.clear()
        super().error(message)


def main(argv: list[str] | None = None) -> int:
    """The command's exit code: 0 ok, 1 check failed, 2 usage or settings, 3 hardware, 4 time-out, 5 safety stop
    latched, 6 data integrity, 130 interrupted."""
    arguments = sys.argv[1:] if argv is None else argv
    verb = next((word for word in arguments if not word.startswith("-")), None)
    try:
        if verb in _SAYS_STARTING:
            LINE.begin(verb, arguments)
        return _run_verb(verb, arguments)
    except KeyboardInterrupt:
        LINE.clear()
        sys.stderr.write("station: interrupted\n")
        return 130
    except BrokenPipeError:  # the reader of our output went away, e.g. `| head`
        sys.stderr.close()
        return 0


def _run_verb(verb: str | None, arguments: list[str]) -> int:
    parser = _Parser(
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
    return int(import_module(f"station.cli.{options.verb}").main(options))


if __name__ == "__main__":
    sys.exit(main())
