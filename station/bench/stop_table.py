"""What `station bench stop` measured, as a table for a person, and what its columns mean. Pure."""

from __future__ import annotations

from typing import Any


def table(document: dict[str, Any]) -> str:
    """`document`: what `bench_stop` returns."""
    lines = [
        f"rig {document['rig']}: measured at the {document['measured_at']}, {document['rounds']} x each; the longest "
        "time from the cause; the speed of the fastest joint, of its limit, in the slowest stop; the way of the "
        "joint that went furthest",
        f"{'cause':18}{'reason':26}{'ms':>8}{'allowed':>9}{'speed':>8}   "
        f"{'joint':16}{'deg':>8}{'allowed':>9}{'ratio':>8}",
    ]
    for row in document["causes"]:
        still = "moves on" if None in row["still_ms"] else f"{max(row['still_ms']):.0f}"
        lines.append(
            f"{row['cause']:18}{', '.join(filter(None, row['reason'])) or 'motors, by themselves':26}{still:>8}"
            f"{row['allowed_ms']:>9.0f}{row['speed_percent']:>6} %   "
            f"{row['joint']:16}{row['travelled_deg']:>8.2f}{row['allowed_deg']:>9.2f}"
            f"{row['ratio']:>8.2f}{'' if row['ok'] else '  NOT OK'}"
        )
    lines.extend(_legend(document))
    lines.append("within what the limits allow" if document["ok"] else "OUTSIDE what the limits allow")
    return "\n".join(lines)


def _legend(document: dict[str, Any]) -> list[str]:
    """What the columns mean, and why they look as they do."""
    rows = document["causes"]
    lines = [
        f"ms, deg, speed: measured at the {document['measured_at']}. allowed: from the limits that the COMMANDS keep, "
        "the time in which the cause must be noticed, and the motors' lag behind their commands",
        "ratio: deg / allowed of the joint shown. Every joint must keep its own allowed deg; the nearest to it: "
        + ", ".join(f"{row['cause']} {row['worst_joint']} {row['worst_ratio']:.2f}" for row in rows),
        f"speed: {_speeds(rows)}; a motor that catches up with its command swings past it for a moment, so that a "
        "little over 100 % is possible while every command keeps the limit; the allowance counts with the speed that "
        "was measured",
    ]
    if document["measured_at"] == "emulated motors":
        lines.append("no real motor was measured: what a real arm does must be measured on it (docs/safety.md)")
    lines.extend(
        f"{row['cause']}: ms and deg count from when it falls silent: the {row['lease_ms']:.0f} ms of lease in which "
        "the arm goes on following are in them, and in what is allowed"
        for row in rows
        if row["lease_ms"]
    )
    lines.extend(
        f"{row['cause']}: measured with an emulated {row['leader']} leader; the rig's own, {document['leader']}, does "
        "not report it"
        for row in rows
        if row["leader"] != document["leader"]
    )
    if any(row["reason"] == ["gate_refused"] for row in rows):
        lines.append(
            "gate refusal: on this rig with one joint's limits raised above its motor's, or the gate would never "
            "refuse; speed is a share of the raised limit"
        )
    if document["skipped"]:
        lines.append(
            "on a real rig only what a person asks for is measured: this program pulls no cable and kills no process "
            f"under a real arm. Not measured: {', '.join(document['skipped'])}. docs/safety.md says which of them you "
            "must measure yourself, and how"
        )
    return lines


def _speeds(rows: list[dict[str, Any]]) -> str:
    """Which causes came at full speed, and which at the share that the table shows."""
    full = ", ".join(row["cause"] for row in rows if row["is_full_speed"])
    if not full:
        return "each cause at the share of full speed shown"
    return f"{full} at full speed (one joint at 90 % of its limit at least), the others at the share of it shown"
