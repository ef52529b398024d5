"""The control process: opens the rig, asks the kernel for real time, runs the loop, leaves the arm safe.

python -m station.control --runtime DIR --ring FD
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import Final

from station import wiring
from station.children import say_error, say_note, say_ready
from station.control.realtime import die_with_parent, go_realtime
from station.link.intents import IntentReceiver
from station.link.ring import RingWriter
from station.settings.run import RunSettings

PRIORITY: Final = 80
SAFETY_STOP: Final = 5
HARDWARE: Final = 3


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--ring", type=int, required=True)
    options = parser.parse_args()
    die_with_parent(signal.SIGTERM)
    settings = RunSettings.load(options.runtime)
    ring = RingWriter(options.ring)
    intents = IntentReceiver(options.runtime / "intents.sock")
    try:
        leader = wiring.make_leader(settings.rig, settings.calibration)
        gate = wiring.make_gate(settings.rig)
        with gate, leader:
            loop = wiring.make_loop(settings.rig, settings.calibration, leader, gate, ring, intents)
            signal.signal(signal.SIGTERM, lambda *_: loop.ask_shutdown())
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for note in go_realtime(PRIORITY, settings.rig.loop.core).notes:
                say_note(note)
            say_ready()
            is_clean = loop.run()
    except wiring.HARDWARE_ERRORS as error:
        say_error(HARDWARE, "\n".join(getattr(error, "lines", [" ".join(str(error).split())])))
        return HARDWARE
    finally:
        intents.close()
    return 0 if is_clean else SAFETY_STOP


if __name__ == "__main__":
    sys.exit(main())
