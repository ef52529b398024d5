"""`station bench loop`: from the encoder's bytes to the motor's bytes, beside a floor measured in the same run.

On an emulated rig both far ends note the time of each byte (CLOCK_MONOTONIC of the same machine): the hub when it
writes a sample, the motor when a command arrives. Rounds of the station and of the floor (station/bench/floor.py) take
turns, on emulators started fresh for each. On a real rig there is no clock at the far ends: sample read -> frames sent.
"""

from __future__ import annotations

import bisect
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.emulators.control_socket import ControlClient
from firmware_bridge.can_frame import encode_frame
from firmware_bridge.damiao import ENABLE, RANGES, encode_mit
from station import emulated
from station.bench.floor import Plan, Result
from station.children import Child, StartError
from station.control.realtime import cpu_seconds
from station.launch import Run
from station.link.ring import RingReader
from station.person import EmulatedPerson
from station.runtime import Runtime
from station.settings.load import load_rig, load_task
from station.settings.rig import Rig
from station.signals import Mode, Tick

WARM_UP_S: Final = 1.0
_START_S: Final = 4.0
"""Of a round: processes, and the way into following."""
_STREAM: Final = b"\x02"
_AIM: Final = 2.0
"""Of the station's median latency, in floors."""
PERCENTILES: Final = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("max", 1.0))


@dataclass
class Measured:
    """Durations in ns, of one kind of round; commands and CPU seconds summed over the rounds."""

    latency: list[int] = field(default_factory=list)
    """Leader's bytes written -> the command's frame at the LAST motor (real rig: read -> sent)."""
    first: list[int] = field(default_factory=list)
    """... at the first motor."""
    late: list[int] = field(default_factory=list)
    compute: list[int] = field(default_factory=list)
    read_to_sent: list[int] = field(default_factory=list)
    ticks: int = 0
    ticks_lost: int = 0
    samples_lost: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0

    def report(self) -> dict[str, Any]:
        return {
            "latency_us": percentiles_us(self.latency),
            "first_motor_us": percentiles_us(self.first),
            "read_to_sent_us": percentiles_us(self.read_to_sent),
            "late_us": percentiles_us(self.late),
            "compute_us": percentiles_us(self.compute),
            "ticks": self.ticks,
            "ticks_lost": self.ticks_lost,
            "samples_lost": self.samples_lost,
            "cpu_percent": round(100 * self.cpu_s / self.wall_s, 1) if self.wall_s else 0.0,
        }


def percentiles_us(durations_ns: list[int]) -> dict[str, float]:
    """p50 p90 p99 p99_9 max, us; empty where nothing was measured."""
    if not durations_ns:
        return {}
    ordered = sorted(durations_ns)
    return {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000, 1) for name, share in PERCENTILES
    }


def bench_loop(
    rig_name: str, rounds: int, seconds: float, rate_hz: float | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """Rounds of `seconds` each, station and floor in turn; the document that `--json` prints."""
    rig, _ = load_rig(rig_name)
    if rate_hz is not None:
        rig = msgspec.structs.replace(rig, arm=msgspec.structs.replace(rig.arm, rate_hz=rate_hz))
    station, floor = Measured(), Measured()
    notes: list[str] = []
    each_s = (2 if rig.emulated else 1) * (seconds + WARM_UP_S + _START_S)
    whole_min = max(1, round(rounds * each_s / 60))
    say(f"{rounds} {'round' if rounds == 1 else 'rounds'}, about {whole_min} min in all; Ctrl-C ends it")
    for number in range(1, rounds + 1):
        say(f"round {number}/{rounds}: the station, {seconds:g} s")
        notes = _station_round(rig_name, rig, station, seconds, number)
        if rig.emulated:
            say(f"round {number}/{rounds}: the floor, {seconds:g} s")
            _floor_round(rig_name, rig, floor, seconds, number)
    document: dict[str, Any] = {
        "rig": rig.name,
        "joints": len(rig.arm.joints),
        "leader_hz": rig.leader.rate_hz,
        "arm_hz": rig.arm.rate_hz,
        "rounds": rounds,
        "seconds": seconds,
        "notes": notes,
        "station": station.report(),
        "floor": floor.report() if rig.emulated else None,
    }
    if rig.emulated and floor.latency:
        ratio = document["station"]["latency_us"]["p50"] / document["floor"]["latency_us"]["p50"]
        document["ratio_p50"] = round(ratio, 2)
    return document


def _station_round(rig_name: str, rig: Rig, into: Measured, seconds: float, seed: int) -> list[str]:
    shipped, calibration = load_rig(rig_name)
    task = load_task(shipped.task, shipped)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        data = Path(folder)
        with Run(rig, calibration, task, data=data, worker="bench", seed=seed) as run:
            run.start()
            ring = RingReader(run.ring_fd)
            person = EmulatedPerson() if rig.emulated else None
            _engage(run, person)
            _tend(run, person, WARM_UP_S)
            lines = _trace(run.runtime.folder, on=True) if rig.emulated else []
            ring.read(10**6)
            assert run.control is not None
            cpu, started = cpu_seconds(run.control.pid), time.monotonic()
            ticks: list[Tick] = []
            decoder = msgspec.msgpack.Decoder(Tick)
            end = started + seconds
            while time.monotonic() < end:
                _tend(run, person, 0.1)
                ticks.extend(decoder.decode(entry) for entry in ring.read(10**6))
            into.cpu_s += cpu_seconds(run.control.pid) - cpu
            into.wall_s += time.monotonic() - started
            traces = [line.take_trace() for line in lines]
            for line in lines:
                line.close()
            ring.close()
            run.finish()
    _digest(ticks, traces, into)
    return run.notes


def _engage(run: Run, person: EmulatedPerson | None) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        view = _tend(run, person, 0.05)
        if view == Mode.FOLLOWING:
            return
        if view == Mode.STOPPED:
            raise StartError("the rig stopped before it followed; run it with a screen to see why", 5)
    raise StartError("the rig did not get to FOLLOWING within 30 s; on a real rig a person must engage it", 4)


def _tend(run: Run, person: EmulatedPerson | None, seconds: float) -> int:
    """Play the person for a while; the mode last seen."""
    end = time.monotonic() + seconds
    mode = Mode.DISCONNECTED
    while True:
        view = run.view()
        if view is not None:
            mode = Mode(view.mode)
            if person is not None:
                for kind in person.ask(mode, time.monotonic()):
                    run.ask(kind)
        left = end - time.monotonic()
        if left <= 0:
            return mode
        time.sleep(min(0.05, left))


def _trace(runtime: Path, on: bool) -> list[ControlClient]:
    lines = [ControlClient(str(runtime / name)) for name in (emulated.LEADER_CONTROL, emulated.FOLLOWER_CONTROL)]
    for line in lines:
        line.ask("trace", on=on)
    return lines


def _digest(ticks: list[Tick], traces: list[list[list[int]]], into: Measured) -> None:
    """Join the ticks with what the far ends saw."""
    if not ticks:
        return
    into.ticks += len(ticks)
    into.ticks_lost += ticks[-1].ticks_lost - ticks[0].ticks_lost
    into.samples_lost += ticks[-1].samples_lost - ticks[0].samples_lost
    arrivals: dict[tuple[int, int], list[int]] = {}
    written: dict[int, int] = {}
    if traces:
        written = {row[0]: row[1] for row in traces[0]}
        for bus, motor, t_ns, _ in traces[1]:
            arrivals.setdefault((bus, motor), []).append(t_ns)
    for tick, following in pairwise(ticks):
        into.late.append(tick.late_ns)
        into.compute.append(tick.compute_ns)
        if not tick.sent_ns or tick.start_ns - tick.sample_t_ns > 1_000_000:
            continue
        into.read_to_sent.append(tick.sent_ns - tick.sample_t_ns)
        left_ns = written.get(tick.sample_seq)
        if left_ns is not None:
            _join(left_ns, tick.start_ns, following.start_ns, arrivals, into)
    if not traces:
        into.latency = into.read_to_sent


def _join(left_ns: int, from_ns: int, to_ns: int, arrivals: dict[tuple[int, int], list[int]], into: Measured) -> None:
    """The command sent in [from, to): when it came to the first and to the last motor."""
    came = []
    for times in arrivals.values():
        at = bisect.bisect_left(times, from_ns)
        if at < len(times) and times[at] < to_ns:
            came.append(times[at] - left_ns)
    if len(came) == len(arrivals):
        into.latency.append(max(came))
        into.first.append(min(came))


def _floor_round(rig_name: str, rig: Rig, into: Measured, seconds: float, seed: int) -> None:
    shipped, calibration = load_rig(rig_name)
    task = load_task(shipped.task, shipped)
    runtime = Runtime(rig.name)
    children: list[Child] = []
    try:
        folder = runtime.folder
        config = emulated.emulator_config(rig, calibration, task, folder, seed, folder / "truth.jsonl")
        children = emulated.start_emulators(config, folder)
        for child in children:
            child.wait_ready(10.0)
        plan = _plan(rig, folder, WARM_UP_S + seconds)
        (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
        floor = Child("floor", "station.bench.floor", [str(folder / "plan.json")], folder / "floor.log")
        children.append(floor)
        floor.wait_ready(10.0)
        time.sleep(WARM_UP_S)
        lines = _trace(folder, on=True)
        if floor.wait(seconds + 10) != 0:
            raise StartError(f"the floor process failed; its log: {floor.log}", 3)
        result = msgspec.json.decode(Path(plan.result).read_bytes(), type=Result)
        traces = [line.take_trace() for line in lines]
        for line in lines:
            line.close()
    finally:
        for child in reversed(children):
            child.end()
        runtime.close()
    written = sorted(row[1] for row in traces[0])
    arrivals: dict[tuple[int, int], list[int]] = {}
    for bus, motor, t_ns, _ in traces[1]:
        arrivals.setdefault((bus, motor), []).append(t_ns)
    into.cpu_s += result.cpu_s
    into.wall_s += result.wall_s
    into.ticks += len(result.read_ns)
    for read_ns, sent_ns, next_ns in zip(result.read_ns, result.sent_ns, result.read_ns[1:]):
        into.read_to_sent.append(sent_ns - read_ns)
        at = bisect.bisect_right(written, read_ns) - 1
        if at >= 0 and read_ns - written[at] < 1_000_000:
            _join(written[at], read_ns, next_ns, arrivals, into)


def _plan(rig: Rig, runtime: Path, seconds: float) -> Plan:
    """Enable every motor, then tell each, over and over, to stay at zero with no gain."""
    names = [bus.name for bus in rig.arm.buses]
    opening, frames = [], []
    for joint in rig.arm.joints:
        bus = names.index(joint.bus)
        opening.append((bus, encode_frame(joint.id, ENABLE)))
        frames.append((bus, encode_frame(joint.id, encode_mit(RANGES[joint.model], 0.0, 0.0, 0.0, 0.0, 0.0))))
    return Plan(
        port=str(runtime / emulated.LEADER_TTY),
        baud=rig.leader.baud,
        hello=_STREAM,
        buses=[str(emulated.bus_socket(runtime, name)) for name in names],
        opening=opening,
        frames=frames,
        every=round(rig.leader.rate_hz / rig.arm.rate_hz),
        seconds=seconds,
        core=rig.loop.core,
        result=str(runtime / "floor.json"),
    )


def table(document: dict[str, Any]) -> str:
    """The document as a table for a person."""
    station, floor = document["station"], document["floor"]
    lines = [
        f"rig {document['rig']}: {document['joints']} joints, leader {document['leader_hz']:g} Hz, arm "
        f"{document['arm_hz']:g} Hz, {document['rounds']} x {document['seconds']:g} s",
        f"{'us':44}{'p50':>8}{'p90':>8}{'p99':>8}{'p99.9':>9}{'max':>9}",
    ]
    rows = [
        ("sample written -> command at the last motor", "latency_us"),
        ("sample written -> command at the first motor", "first_motor_us"),
        ("sample read -> all frames sent", "read_to_sent_us"),
        ("wake-up late", "late_us"),
        ("computing, decode to encode", "compute_us"),
    ]
    for words, key in rows:
        for who, measured in (("station", station), ("floor", floor)):
            values = (measured or {}).get(key)
            if values:
                cells = "".join(f"{values[name]:>{9 if name in ('p99_9', 'max') else 8}.1f}" for name, _ in PERCENTILES)
                lines.append(f"{words if who == 'station' else '  floor':44}{cells}")
    lines.append(
        f"ticks {station['ticks']}, lost {station['ticks_lost']}; samples lost {station['samples_lost']}; CPU of the "
        f"control process {station['cpu_percent']} % of a core"
        + (f" (floor {floor['cpu_percent']} %)" if floor else "")
    )
    if "ratio_p50" in document:
        lines.append(f"p50 latency is {document['ratio_p50']} x the floor's; the aim is at most {_AIM:g} x")
    if floor:
        lines.append(
            "floor: what Python and this kernel cost before anything is computed: a bare process that waits for the "
            "same samples and writes as many frames, looking into none"
        )
    lines.extend(f"note: {note}" for note in document["notes"])
    return "\n".join(lines)
