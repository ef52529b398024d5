"""The fault matrix as a person reads it: a row a fault, a column a state, in a terminal, Markdown or HTML."""

from __future__ import annotations

import html
import os
import platform
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.faults.cell import NOT_REACHED, SKIPPED, Cell
from tests.faults.expected import LEADERS

_WIDTH: Final = 33
_NAME: Final = 38
_WHO: Final = {"ker": "KER hub, firmware 2.1.0", "ker_2_0_0": "KER hub, firmware 2.0.0", "exo_wire": "exo-wire board"}
LEGEND: Final = (
    "Each field: the reason that the station tells, then ms from the fault to standstill at the emulated motors / ms "
    "allowed (noticing it, braking at the rig's limits, the motors' lag).",
    "`-`: the arm goes on, or goes on standing, and nothing needs to be told; `(event)`: it goes on and the "
    "event is told; no ms: it goes on, or stood already.",
    "`x2`: tried twice, since the machine itself stood still; `WRONG`: not as expected, why is below.",
)


def host() -> list[str]:
    """What the times depend on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        priority = "allowed"
    except OSError:
        priority = "NOT allowed: times are those of ordinary processes"
    return [
        time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        f"{cpu}, {len(os.sched_getaffinity(0))} processors, Linux {platform.release()}, Python "
        f"{platform.python_version()}",
        f"load average {load} at the begin; real-time priority {priority}",
    ]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def field(cell: Cell) -> str:
    """One field in words."""
    if cell.reason_seen == SKIPPED:
        return "not done"
    reason = "not reached" if cell.reason_seen == NOT_REACHED else cell.reason_seen
    times = ""
    if cell.allowed_ms:
        times = f" {'moves on' if cell.ms_to_standstill is None else f'{cell.ms_to_standstill:.0f}'}"
        times += f"/{cell.allowed_ms:.0f} ms"
    return f"{'' if cell.ok else 'WRONG '}{reason}{times}{f' x{cell.tries}' if cell.tries > 1 else ''}"


def rows(cells: Iterable[Cell]) -> list[tuple[str, list[Cell]]]:
    """(fault, its cells), in the order in which they came."""
    return [(name, list(group)) for (_, name), group in groupby(cells, key=lambda cell: (cell.leader, cell.fault))]


def line(name: str, cells: Sequence[Cell], states: Sequence[str]) -> str:
    """A row in a terminal."""
    if cells[0].reason_seen == SKIPPED:
        return f"{name:{_NAME}}not done: {cells[0].note}"
    by_state = {cell.state: field(cell) for cell in cells}
    return (f"{name:{_NAME}}" + "".join(f"{by_state.get(state, ''):{_WIDTH}} " for state in states)).rstrip()


def heading(states: Sequence[str]) -> str:
    return (f"{'fault':{_NAME}}" + "".join(f"{name:{_WIDTH}} " for name in states)).rstrip()


def who(leader: str) -> str:
    return f"leader: {_WHO.get(leader, leader)}"


def remarks(cells: Sequence[Cell]) -> list[str]:
    """What was not as expected, and what was tried again; the summary last."""
    lines = []
    wrong = [cell for cell in cells if not cell.ok]
    retried = [cell for cell in cells if cell.tries > 1]
    if wrong:
        lines.append("NOT as expected:")
        lines += [f"  {place(cell)}: {said(cell)}" for cell in wrong]
    if retried:
        lines.append("tried again:")
        lines += [f"  {place(cell)}, {cell.tries} tries: {'; '.join(cell.tried_again)}" for cell in retried]
    lines.append(summary(cells))
    return lines


def summary(cells: Sequence[Cell]) -> str:
    skipped = sum(cell.reason_seen == SKIPPED for cell in cells)
    return (
        f"{len(cells)} cells: {sum(cell.ok for cell in cells) - skipped} as expected, "
        f"{sum(not cell.ok for cell in cells)} not, {skipped} not done here; "
        f"{sum(cell.tries > 1 for cell in cells)} tried again ({sum(cell.tries - 1 for cell in cells)} tries more); "
        f"{sum(cell.seconds for cell in cells) / 60:.1f} min"
    )


def place(cell: Cell) -> str:
    return f"{cell.fault} in {cell.state} [{cell.leader}]"


def said(cell: Cell) -> str:
    note = f": {cell.note}" if cell.note else ""
    pause = f"; {cell.pause}" if cell.paused_ms else ""
    return f"{cell.reason_seen}, expected {cell.reason_expected}{note}{pause}"


def document(cells: Sequence[Cell], states: Sequence[str], conditions: Sequence[str], path: Path) -> None:
    """Write `path`: HTML where it ends so, else Markdown. Whole or not at all."""
    make = _html if path.suffix.lower() in (".html", ".htm") else _markdown
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(make(cells, states, conditions), encoding="utf-8")
    beside.replace(path)


def _sections(cells: Sequence[Cell]) -> list[tuple[str, list[Cell]]]:
    mine = {leader: [c for c in cells if c.leader == leader and c.fault.startswith("leader.")] for leader in LEADERS}
    others = [cell for cell in cells if not cell.fault.startswith("leader.")]
    titled = [(f"Faults of the {_WHO[leader]}", found) for leader, found in mine.items() if found]
    titled += [
        (title, found)
        for title, side in (("Faults of the arm", "arm."), ("Faults of the station's own processes", "station."))
        if (found := [cell for cell in others if cell.fault.startswith(side)])
    ]
    return titled


def _markdown(cells: Sequence[Cell], states: Sequence[str], conditions: Sequence[str]) -> str:
    out = ["# Fault matrix of the emulated demo rig", "", *(f"- {item}" for item in (*conditions, *LEGEND)), ""]
    for title, found in _sections(cells):
        out += [f"## {title}", "", f"| fault | {' | '.join(states)} |", f"|---|{'---|' * len(states)}"]
        for name, row in rows(found):
            if row[0].reason_seen == SKIPPED:
                out.append(f"| {name} | not done: {row[0].note} |{' |' * (len(states) - 1)}")
                continue
            by_state = {cell.state: (f"{field(cell)}" if cell.ok else f"**{field(cell)}**") for cell in row}
            out.append(f"| {name} | {' | '.join(by_state.get(state, '') for state in states)} |")
        out.append("")
    return "\n".join([*out, *remarks(cells)]) + "\n"


def _html(cells: Sequence[Cell], states: Sequence[str], conditions: Sequence[str]) -> str:
    e = html.escape
    out = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Fault matrix</title><style>'
        "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #bbb;"
        "padding:.2em .6em;text-align:left;white-space:nowrap}th{background:#eee;position:sticky;top:0}"
        ".wrong{background:#f9c6c6;font-weight:bold}.again{background:#fdf1c4}</style>",
        "<h1>Fault matrix of the emulated demo rig</h1><ul>",
        *(f"<li>{e(item)}</li>" for item in (*conditions, *LEGEND)),
        "</ul>",
    ]
    for title, found in _sections(cells):
        out.append(
            f"<h2>{e(title)}</h2><table><tr><th>fault</th>{''.join(f'<th>{state}</th>' for state in states)}</tr>"
        )
        for name, row in rows(found):
            out.append(f"<tr><td>{e(name)}</td>")
            if row[0].reason_seen == SKIPPED:
                out.append(f'<td colspan="{len(states)}">not done: {e(row[0].note)}</td></tr>')
                continue
            by_state = {cell.state: cell for cell in row}
            for state in states:
                cell = by_state.get(state)
                kind = "" if cell is None or (cell.ok and cell.tries == 1) else "again" if cell.ok else "wrong"
                title = "" if cell is None else e(said(cell))
                words = "" if cell is None else e(field(cell))
                out.append(f'<td class="{kind}" title="{title}">{words}</td>')
            out.append("</tr>")
        out.append("</table>")
    return "\n".join([*out, "<pre>", *(e(line) for line in remarks(cells)), "</pre></html>"]) + "\n"
