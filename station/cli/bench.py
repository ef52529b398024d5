"""`station bench loop` and `station bench stop`: what a technician measures on a rig."""

from __future__ import annotations

import argparse
import json
import sys

from station import cli
from station.children import StartError
from station.runtime import RigBusyError
from station.settings.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    loop = kinds.add_parser("loop", help="encoder-to-command latency, lateness, computing time, ticks lost, CPU")
    loop.add_argument("rig", nargs="?", default="demo", metavar="RIG")
    loop.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds of station and floor in turn (3)")
    loop.add_argument("--seconds", type=float, default=6.0, metavar="S", help="of each round (6)")
    loop.add_argument("--rate", type=float, metavar="HZ", help="another command rate than the rig file's")
    loop.add_argument("--json", action="store_true", help="one JSON document")
    stop = kinds.add_parser("stop", help="time and distance to standstill after each cause, beside what is allowed")
    stop.add_argument("rig", nargs="?", default="demo", metavar="RIG")
    stop.add_argument("--rounds", type=int, default=3, metavar="N", help="stops for each cause (3)")
    stop.add_argument("--json", action="store_true", help="one JSON document")


def main(options: argparse.Namespace) -> int:
    try:
        return _stop(options) if options.kind == "stop" else _loop(options)
    except ConfigError as error:
        return cli.fail(str(error), cli.USAGE)
    except RigBusyError as error:
        return cli.fail(str(error), cli.HARDWARE)
    except StartError as error:
        return cli.fail(str(error), error.code)


def _say(text: str) -> None:
    print(f"station: {text}", file=sys.stderr)


def _loop(options: argparse.Namespace) -> int:
    from station.bench.loop import bench_loop, table

    document = bench_loop(options.rig, options.rounds, options.seconds, options.rate, _say)
    print(json.dumps(document, indent=2) if options.json else table(document))
    return cli.OK


def _stop(options: argparse.Namespace) -> int:
    from station.bench.stop import bench_stop
    from station.bench.stop_table import table

    document = bench_stop(options.rig, options.rounds, _say)
    print(json.dumps(document, indent=2) if options.json else table(document))
    return cli.OK if document["ok"] else 1
