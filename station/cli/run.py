"""`station run`: the main job on a rig, with a screen in the terminal or headless."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Final

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
from station.settings.task import Task
from station.signals import IntentKind, Mode, SessionView, Verdict
from station.starting import LINE, spoken_language


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
    language = options.lang or spoken_language()
    data = options.data or Path(os.environ.get("STATION_DATA", "data"))
    LINE.step("settings")
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
    try:
        with run:
            code = _run(run, rig, task, options, stop, None if headless else language)
    except KeyboardInterrupt:  # `run` has been closed: the arm first
        LINE.clear()
        print(f"\nstation: {_aborted(run, stop, language)}", file=sys.stderr)
        code = cli.INTERRUPTED
    for words in run.last_words:
        print(f"station: {words}", file=sys.stderr)
    return code


def _run(
    run: Run, rig: Rig, task: Task, options: argparse.Namespace, stop: _StopSignal, language: Language | None
) -> int:
    """`language`: the screen's; None: headless."""
    try:
        run.start(LINE.step)
    except StartError as error:
        return cli.fail(str(error), error.code)
    stop.has_started = True
    if language is None:
        LINE.clear()
        return _headless(run, rig, options, stop, options.reps or task.target)
    LINE.step("screen")
    return _with_screen(run, language, stop)


class _StopSignal:
    """Ctrl-C, SIGTERM: the first asks for a controlled end, the second for an end at once, further ones are not
    needed; while the station starts the first is enough, since nothing moves yet. SIGHUP loses the screen only."""

    def __init__(self) -> None:
        self.count = 0
        self.has_started = False
        self._is_ending = False
        signal.signal(signal.SIGINT, self._take)
        signal.signal(signal.SIGTERM, self._take)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _take(self, *_: object) -> None:
        if self._is_ending:  # it was on its way when the ones after it were switched off
            return
        self.count += 1
        if self.count > 1 or not self.has_started:
            self.abort()

    def abort(self) -> None:
        """End at once, in the safe order; nothing may interrupt that. Raises KeyboardInterrupt."""
        self._is_ending = True
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt


def _aborted(run: Run, stop: _StopSignal, language: Language) -> str:
    """What is true of the arm and the files after an end at once."""
    if not stop.has_started:
        return _ABORTED["start"][language]
    control = run.control.poll() if run.control is not None else None
    is_safe = control is not None and control >= 0
    is_whole = run.session is not None and run.session.poll() == 0
    return _ABORTED["safe" if is_safe else "killed"][language] + _ABORTED["whole" if is_whole else "torn"][language]


_ABORTED: Final[dict[str, dict[Language, str]]] = {
    "start": {
        "en": "ended while it started; the arm has not moved, its motors are off",
        "zh": "启动时被中断；机械臂没有动过，电机已断电",
    },
    "safe": {
        "en": "ended at once: the arm was stopped and switched off first; ",
        "zh": "已立即结束：机械臂先停下并断电；",
    },
    "killed": {
        "en": "ended at once: the control process did not end by itself, the motors' own time-out stops the arm; ",
        "zh": "已立即结束：控制程序没有自行退出，由电机自身的超时停住机械臂；",
    },
    "whole": {"en": "the files are complete", "zh": "文件完整"},
    "torn": {
        "en": "files that were not complete are put in order at the next start",
        "zh": "没写完的文件在下次启动时整理",
    },
}


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
    run.finish()
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
    """Until the shift ends: from our screen, from another one, or by a signal. A screen that died ends nothing."""
    with ScreenChild(run.runtime.folder, language) as screen:
        LINE.hand_over()
        told = False
        view = None
        while not stop.count:
            view = run.view() or view
            session_code = run.session.poll() if run.session is not None else 0
            if session_code == 0 or screen.poll() == 0:
                break  # the shift was finished from a screen
            if screen.poll() == cli.INTERRUPTED:
                stop.abort()
            if screen.poll() is not None and not told:
                told = True
                screen.restore_terminal()
                with contextlib.suppress(OSError):
                    print(f"\nstation: {_screen_gone(run, screen.poll(), language)}", file=sys.stderr)
            time.sleep(0.05)
        code = control_code(run)
        if stop.count:
            run.ask(IntentKind.SHUTDOWN)
        run.finish()
        view = run.view() or view
        screen.wait(3.0)
        has_summary = screen.poll() == 0
    if stop.count:
        code = cli.INTERRUPTED
    try:
        document = json.loads(run.closing_document)
    except ValueError:
        return cli.fail("the session process left no report; its records are in the ledger", code or cli.DATA)
    with contextlib.suppress(OSError):  # the terminal may be gone
        if not has_summary:
            print(_late_summary(view, document, language), end="")
        print(f"\n{_TECHNICAL[language]}\n{measured(document)}", flush=True)
    return code or cli.OK


_TECHNICAL: Final[dict[Language, str]] = {"en": "Technical", "zh": "技术信息"}


def _screen_gone(run: Run, code: int | None, language: Language) -> str:
    """The hint for a terminal whose screen died and in which the run goes on; the command works in another terminal as
    it stands, whatever its folder and language."""
    root = os.environ.get("STATION_RUNTIME")
    prefix = f"STATION_RUNTIME={shlex.quote(str(Path(root).absolute()))} " if root else ""
    back = f"{prefix}{shlex.quote(str(Path(sys.argv[0]).absolute()))} attach {run.rig.name} --lang {language}"
    if language == "zh":
        return (
            f"屏幕已退出（代码 {code}）；机械臂保持不动。\n  恢复屏幕（在另一个终端中输入）：{back}\n"
            "  结束班次：在这里按 Ctrl-C，小结也显示在这里"
        )
    return (
        f"the screen ended (code {code}); the arm holds.\n  a screen again, in another terminal: {back}\n"
        "  to end the shift: Ctrl-C here; its summary follows here"
    )


def _late_summary(view: SessionView | None, document: dict[str, object], language: Language) -> str:
    """The shift's summary for a terminal whose own screen could not say it."""
    from station.tui.language import Words
    from station.tui.summary import Ending, Tally, summary_text

    rejected = document["rejected"]
    assert isinstance(rejected, dict)
    return summary_text(view, Ending.FINISHED, Tally(rejected), Words(language))
