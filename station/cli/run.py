"""`station run`: the main job on a rig, with a screen in the terminal or headless."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from station import cli
from station.children import StartError
from station.launch import Run
from station.person import EmulatedPerson
from station.resolve import with_leader, with_reduced_speed
from station.runtime import RigBusyError
from station.screen_child import ScreenChild
from station.settings.errors import ConfigError
from station.settings.load import load_rig, load_task
from station.settings.rig import Language, Rig
from station.signals import IntentKind, Mode, SessionView, Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rig", nargs="?", default="demo", metavar="RIG", help="a shipped rig or a TOML file (demo)")
    parser.add_argument("--task", metavar="NAME", help="a shipped task or a TOML file (the rig's own)")
    parser.add_argument("--reps", type=_positive, metavar="N", help="accepted repetitions to reach (the task's target)")
    parser.add_argument("--headless", action="store_true", help="no screen; engages by itself on emulated rigs only")
    parser.add_argument("--json", action="store_true", help="headless: one JSON document at the end")
    parser.add_argument("--jsonl", action="store_true", help="headless: a JSON line for each repetition, then the end")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where records go ($STATION_DATA, else ./data)")
    parser.add_argument(
        "--worker", type=_pseudonym, default="w001", metavar="ID", help="the worker's pseudonym, written into records"
    )
    parser.add_argument("--lang", choices=["zh", "en"], help="the screen's language (from $LANG)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the emulated worker (1)")
    parser.add_argument("--leader", metavar="KIND", help="emulated rigs: another leader, e.g. exo_wire")
    parser.add_argument(
        "--reduced-speed", action="store_true", help="elbows and tools at most arm.kinematics.reduced_speed_mm_s"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count; expected 1 or more")
    return int(text)


def _pseudonym(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no pseudonym; expected letters, digits, '_', '.', '-'; e.g. w001"
        )
    return text


def main(options: argparse.Namespace) -> int:
    headless = options.headless or options.json or options.jsonl
    if not headless and not (sys.stdout.isatty() and sys.stdin.isatty()):
        print("station: not a terminal: running headless", file=sys.stderr)
        headless = True
    data = options.data or Path(os.environ.get("STATION_DATA", "data"))
    try:
        rig, calibration = load_rig(options.rig)
        task = load_task(options.task or rig.task, rig)
        if options.leader:
            rig = with_leader(rig, options.leader)
        if options.reduced_speed:
            rig = with_reduced_speed(rig)
        run = Run(
            rig,
            calibration,
            task,
            data=data.absolute(),
            worker=options.worker,
            target=options.reps,
            seed=options.seed,
        )
    except ConfigError as error:
        return cli.fail(str(error), cli.USAGE)
    except RigBusyError as error:
        return cli.fail(str(error), cli.HARDWARE)
    stop = _StopSignal()
    with run:
        try:
            run.start()
        except StartError as error:
            return cli.fail(str(error), error.code)
        if headless:
            return _headless(run, rig, options, stop, options.reps or task.target)
        return _with_screen(run, options.lang or spoken_language(), stop)


class _StopSignal:
    """Ctrl-C, SIGTERM: the first asks for a controlled end, the second for an abort. SIGHUP loses the screen only."""

    def __init__(self) -> None:
        self.count = 0
        self.number = 0
        signal.signal(signal.SIGINT, self._take)
        signal.signal(signal.SIGTERM, self._take)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _take(self, number: int, _: FrameType | None) -> None:
        self.count += 1
        self.number = number
        if self.count > 1:
            raise KeyboardInterrupt


def spoken_language() -> Language:
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if spoken.startswith("zh") else "en"


def _headless(run: Run, rig: Rig, options: argparse.Namespace, stop: _StopSignal, target: int) -> int:
    person = EmulatedPerson() if rig.emulated else None
    quiet = options.json or options.jsonl
    for note in run.notes:
        print(f"station: note: {note}", file=sys.stderr)
    last: Verdict | None = None
    said = time.monotonic()
    code = cli.OK
    while not stop.count:
        view = run.view()
        if run.control is not None and run.control.poll() is not None:
            code = control_code(run)
            break
        if view is not None:
            if view.last is not None and view.last != last:
                last = view.last
                if options.jsonl:
                    print(json.dumps({"event": "rep", **_verdict(last)}), flush=True)
            if not quiet and time.monotonic() - said > 30:
                said = time.monotonic()
                print(_progress(view, target), flush=True)
            if view.finished or view.accepted_this_run >= target:
                break
            if view.mode == Mode.STOPPED:
                code = cli.SAFETY_STOP
                break
            if person is not None:
                for kind in person.ask(Mode(view.mode), time.monotonic()):
                    run.ask(kind)
        time.sleep(0.05)
    try:
        run.finish()
    except KeyboardInterrupt:
        return cli.INTERRUPTED
    if stop.count:
        code = cli.INTERRUPTED
    return _report(run, options, code)


def control_code(run: Run) -> int:
    """How the control process ended: its own word; a process that was killed is a hardware error."""
    code = run.control.poll() if run.control is not None else None
    return cli.OK if code is None else code if code >= 0 else cli.HARDWARE


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "number": verdict.number,
        "accepted": verdict.accepted,
        "reason": verdict.reason,
        "detail": verdict.detail,
        "duration_s": round(verdict.duration_s, 3),
        "file": verdict.file,
    }


def _progress(view: SessionView, target: int) -> str:
    return (
        f"{time.strftime('%H:%M:%S')}  {view.accepted_this_run}/{target} accepted, {view.rejected} rejected, "
        f"{Mode(view.mode).name}, {view.ticks_lost} ticks lost"
    )


def _report(run: Run, options: argparse.Namespace, code: int) -> int:
    try:
        document = json.loads(run.closing_document)
    except ValueError:
        return cli.fail("the session process left no report; its records are in the ledger", code or cli.DATA)
    document["exit_code"] = code
    document["notes"] = run.notes
    if run.truth is not None:
        document["truth"] = str(run.truth)
    if options.json or options.jsonl:
        print(
            json.dumps(document if options.json else {"event": "end", **document}, indent=2 if options.json else None)
        )
    else:
        print(summary(document))
    return code


def summary(document: dict[str, object]) -> str:
    """The closing document in a few lines for a person."""
    rejected = document["rejected"]
    assert isinstance(rejected, dict)
    reasons = ", ".join(f"{reason} {count}" for reason, count in rejected.items()) or "none"
    lines = [f"accepted {document['accepted']}, rejected {sum(rejected.values())} ({reasons})", measured(document)]
    if document.get("stop"):
        lines.insert(0, f"stopped: {document['stop']}")
    return "\n".join(lines)


def measured(document: dict[str, object]) -> str:
    """What the run measured, and where its records are."""
    latency, late = document["latency_us"], document["lateness_us"]
    assert isinstance(latency, dict) and isinstance(late, dict)
    lines = [
        f"ticks {document['ticks']}, lost {document['ticks_lost']}; samples lost {document['samples_lost']}; "
        f"records lost {document['records_lost']}",
        f"sample read -> command sent: p50 {latency['p50']} us, p99 {latency['p99']} us; "
        f"wake-up late: p50 {late['p50']} us, p99 {late['p99']} us",
        f"records: {document['data']}",
    ]
    return "\n".join(lines)


def _with_screen(run: Run, language: Language, stop: _StopSignal) -> int:
    with ScreenChild(run.runtime.folder, language) as screen:
        told = False
        while not stop.count:
            run.view()
            session_code = run.session.poll() if run.session is not None else 0
            if session_code == 0:
                break  # the shift was finished from a screen
            if screen.poll() == 0:
                stop.count = stop.count or 0
                break
            if screen.poll() is not None and not told:
                told = True
                screen.restore_terminal()
                print(
                    f"\nstation: the screen ended (code {screen.poll()}); the arm holds. "
                    f"'{sys.argv[0]} attach {run.rig.name}' brings a screen back; Ctrl-C here ends the shift.",
                    file=sys.stderr,
                )
            time.sleep(0.05)
        code = control_code(run)
        if stop.count:
            run.ask(IntentKind.SHUTDOWN)
        try:
            run.finish()
        except KeyboardInterrupt:
            return cli.INTERRUPTED
        screen.wait(3.0)
    if stop.count:
        code = cli.INTERRUPTED
    try:
        print(measured(json.loads(run.closing_document)))
    except ValueError:
        return cli.fail("the session process left no report; its records are in the ledger", code or cli.DATA)
    return code or cli.OK
