"""The floor under the loop's latency: a bare process that waits on the same descriptors and writes as many frames.

It reads the leader's bytes without looking into them and, at every second sample, writes a fixed frame to each motor:
what Python and this kernel cost before anything is computed. Priority, core and memory lock are the loop's.

    python -m station.bench.floor PLAN.json     (the plan: see `Plan`)
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from drivers.serial_port import SerialPort
from station.children import say_ready
from station.control.realtime import go_realtime

PRIORITY: Final = 80


class Plan(msgspec.Struct):
    port: str
    baud: int
    hello: bytes
    """What to write to the leader so that it streams."""
    buses: list[str]
    """Socket of each emulated bus."""
    opening: list[tuple[int, bytes]]
    """(bus index, whole CAN frame) to send once, at the start."""
    frames: list[tuple[int, bytes]]
    """(bus index, whole CAN frame) to send each time."""
    every: int
    """Send at every so-manieth sample."""
    seconds: float
    core: int | None
    result: str
    """File to write the `Result` to."""


class Result(msgspec.Struct):
    read_ns: list[int]
    """When the bytes that caused each command had been read."""
    sent_ns: list[int]
    cpu_s: float
    wall_s: float


def run(plan: Plan) -> Result:
    read_ns: list[int] = []
    sent_ns: list[int] = []
    clock = time.monotonic_ns
    lines = []
    for path in plan.buses:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line.connect(path)
        line.setblocking(False)
        lines.append(line)
    with SerialPort(plan.port, plan.baud) as port:
        fd = port.fileno()
        for bus, frame in plan.opening:
            lines[bus].send(frame)
        os.write(fd, plan.hello)
        go_realtime(PRIORITY, plan.core)
        say_ready()
        sends = [(lines[bus].send, frame) for bus, frame in plan.frames]
        descriptors = [line.fileno() for line in lines]
        count = 0
        started, cpu = clock(), time.process_time()
        end = started + round(plan.seconds * 1e9)
        while clock() < end:
            select.select((fd,), (), (), 0.1)
            try:
                os.read(fd, 4096)
            except BlockingIOError:
                continue
            count += 1
            if count % plan.every:
                continue
            read_ns.append(clock())
            for send, frame in sends:
                send(frame)
            sent_ns.append(clock())
            for descriptor in descriptors:
                try:
                    while True:
                        os.read(descriptor, 128)
                except BlockingIOError:
                    pass
        result = Result(read_ns, sent_ns, time.process_time() - cpu, (clock() - started) / 1e9)
        os.write(fd, b"\x01")
    return result


def main() -> int:
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    Path(plan.result).write_bytes(msgspec.json.encode(run(plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
