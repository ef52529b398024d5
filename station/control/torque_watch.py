"""A motor that works near its peak torque for longer than a movement explains: something is in the arm's way.

The peak is the motor's by its data sheet. Told first, then slowed down, then stopped and switched off: a stop that held
the pose would go on pressing. A gripper's work is to press (`may_press`): it is not looked at.

Time at a level adds up, time below it is paid back at the same pace: an arm that is led to and fro against what is in
its way lets up at each turn, and presses all the same. Motion that is longer below than at the level is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from drivers.ports import ArmFeedback, MotorMost
from station.settings.rig import Rig

Events = list[tuple[str, str]]

_LONG_NS: Final = 250_000_000
_DIP_NS: Final = 30_000_000
"""A pressing motor's torque shakes, and an answer may be wrong: below for longer, it has let up for all that time."""
_BLIND_NS: Final = 100_000_000
"""Without a look for so long: the arm was off, or the loop stood still; nothing is known of the time between."""
_EVENTS: Final = ("motor_loaded", "motor_loaded_slow", "motor_overloaded")


class TorqueWatch:
    """Looked at while the arm is on."""

    def __init__(self, rig: Rig, most: Sequence[MotorMost]) -> None:
        """`most`: of each joint's motor, arm joint order."""
        self._rows = [
            (index, joint.name, 1.0 / most[index].torque_nm)
            for index, joint in enumerate(rig.arm.joints)
            if not joint.may_press
        ]
        arm = rig.arm
        self._levels = (arm.torque_warn, arm.torque_slow, arm.torque_stop)
        self._since_ns: list[dict[int, tuple[int, int]]] = [{} for _ in _EVENTS]
        """By level: joint -> (since when it would have been there had it never let up, when it was there last)."""
        self.is_slow = False
        """The newest look asks for a slow robot."""
        self._looked_ns = 0

    def look(self, into: Events, feedback: ArmFeedback, now_ns: int) -> None:
        before_ns, self._looked_ns = self._looked_ns, now_ns
        if now_ns - before_ns > _BLIND_NS:
            for since in self._since_ns:
                since.clear()
        torque = feedback.torque_nm
        least = self._levels[0]
        shares = [(abs(torque[index]) * inverse, index, name) for index, name, inverse in self._rows]
        pressing = [row for row in shares if row[0] >= least]  # a joint that never answered has no torque
        found = None
        for level, since, event in zip(self._levels, self._since_ns, _EVENTS) if pressing else ():
            for share, index, name in pressing:
                if share < level:
                    continue
                begun_ns, last_ns = since.get(index, (now_ns, now_ns))
                away_ns = before_ns - last_ns
                if away_ns > _DIP_NS:
                    # Remembered is the limit at most: who pressed for a minute need not let up for a minute.
                    begun_ns = now_ns - max(0, min(last_ns - begun_ns, _LONG_NS) - away_ns)
                since[index] = begun_ns, now_ns
                if now_ns - begun_ns > _LONG_NS:
                    found = (event, f"{name}: {abs(torque[index]):.1f} N m, {100 * share:.0f} %")
        self.is_slow = found is not None and found[0] != _EVENTS[0]
        if found is not None:
            into.append(found)
