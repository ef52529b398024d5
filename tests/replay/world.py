"""A world of its own time around a control loop: hub, arm and person, seeded, with the disorder of a real one."""

from __future__ import annotations

import math
import random
from typing import Final

from drivers.emulators.damiao_motor import DamiaoMotor
from drivers.emulators.ker_hub import KNOT_SAMPLES, HubChannel, KerHub
from firmware_bridge.can_frame import decode_frame
from firmware_bridge.damiao import REGISTER_ID
from station.link.intents import Asked
from station.settings.load import load_rig
from station.signals import IntentKind, Role

RIG, CALIBRATION = load_rig("demo")
MS: Final = 1_000_000
_EVERY_MS: Final = 100
"""A person's intents come so often."""


class World:
    """Time passes when the loop looks at it, sleeps or waits."""

    def __init__(self, seed: int, pause_ms: int = 0, flip_every: int = 0) -> None:
        """`pause_ms`: once, after 300 ms, the machine stands still for so long between the clock and the read.
        `flip_every`: every so many answers of the first motor have a wrong bit in the position."""
        self._pause_ms = pause_ms
        self._flip_every = flip_every
        self._heard = 0
        self._random = random.Random(seed)
        self._start_ns = self._now_ns = 7 * 10**12
        joints = sorted(RIG.leader.joints, key=lambda joint: joint.channel)
        fits = [CALIBRATION.joints[joint.name] for joint in joints]
        self._hub = KerHub("2.1.0", [HubChannel(fit.sign, fit.zero_deg) for fit in fits])
        self._names = [joint.name for joint in joints]
        self._next = 0
        self._bytes = b""
        self._asked_ms = -_EVERY_MS
        names = [bus.name for bus in RIG.arm.buses]
        self._motors: list[dict[int, DamiaoMotor]] = [{} for _ in names]
        for joint in RIG.arm.joints:
            motor = DamiaoMotor(joint.id, joint.reply_id, joint.model, 0.02, t_ns=self._now_ns)
            self._motors[names.index(joint.bus)][joint.id] = motor
        self._answers: list[list[tuple[int, bytes]]] = [[] for _ in names]

    @property
    def ms(self) -> float:
        return (self._now_ns - self._start_ns) / MS

    # -- time

    def clock(self) -> int:
        self._pass(self._random.randrange(200, 9_000))
        return self._now_ns

    def wall(self) -> int:
        return self._now_ns + 1_795_000_000_000_000_000 + (3_000 * MS if self.ms > 2500 else 0)

    def sleep(self, seconds: float) -> None:
        late = self._random.randrange(0, 60_000)
        if self._random.random() < 0.004:  # the machine itself stood still
            late += self._random.randrange(1 * MS, 12 * MS)
        self._pass(round(seconds * 1e9) + late)

    def wait(self, limit_ns: int) -> bool:
        """Until the next byte or the limit."""
        due_ns = self._start_ns + (self._next + 1) * MS
        if not self._bytes:
            self._pass(max(0, min(due_ns, limit_ns) - self._now_ns) + self._random.randrange(0, 20_000))
        return bool(self._bytes)

    def _pass(self, ns: int) -> None:
        self._now_ns += ns
        while self._start_ns + (self._next + 1) * MS <= self._now_ns:
            self._next += 1
            self._sample(self._next)

    # -- the hub

    def _sample(self, n: int) -> None:
        if n % KNOT_SAMPLES == 1 or n == 1:
            moved_ms = max(0, min(n, 2350) - 1500) + max(0, n - 3700)  # he stands still while the arm comes to him
            swing = 1 - math.cos(moved_ms / 350)
            pose = {
                "right_j1": 20 * swing,
                "right_j4": 15 + 20 * swing,
                "left_j5": -12 * swing,
                "right_trigger": -swing,
            }
            self._hub.set_knot([pose.get(name, 0.0) for name in self._names])
        frame = self._hub.frame(n * 1000, (n - 1) % KNOT_SAMPLES)
        luck = self._random.random()
        if luck < 0.01:
            frame = b""
        elif luck < 0.02:
            frame = frame[:10] + bytes([frame[10] ^ 0x20]) + frame[11:]
        self._bytes += frame

    def take_bytes(self) -> bytes:
        """What the kernel would give: now and then a frame is cut in two."""
        if self._pause_ms and self.ms > 300:
            self._pass(self._pause_ms * MS)
            self._pause_ms = 0
        cut = len(self._bytes) if self._random.random() < 0.95 else self._random.randrange(len(self._bytes) + 1)
        taken, self._bytes = self._bytes[:cut], self._bytes[cut:]
        return taken

    # -- the arm

    def hear(self, bus: int, raw: bytes) -> None:
        can_id, data = decode_frame(raw)[:2]
        motors = self._motors[bus]
        if can_id == REGISTER_ID:
            motor = motors[data[0] | data[1] << 8]
            answer: bytes | None = motor.register(data, self._now_ns)
        else:
            motor = motors[can_id]
            answer = motor.command(data, self._now_ns)
        if self._flip_every and answer is not None and bus == 0 and motor.motor_id == 1:
            self._heard += 1
            if self._heard % self._flip_every == 0:
                answer = answer[:1] + bytes([answer[1] ^ 0x08]) + answer[2:]  # 0.8 rad
        if answer is not None and self._random.random() > 0.01:
            self._answers[bus].append((motor.reply_id, answer))

    def answers(self, bus: int) -> list[tuple[int, bytes]]:
        taken, self._answers[bus] = self._answers[bus], []
        return taken

    # -- the person

    def intents(self) -> list[Asked]:
        """Session and screen are alive; the person engages, pauses, engages again, asks to stop, resets, engages."""
        if self.ms - self._asked_ms < _EVERY_MS:
            return []
        self._asked_ms = self.ms
        asked = [Asked(IntentKind.LEASE, Role.SESSION, 1), Asked(IntentKind.LEASE, Role.SCREEN, 2)]
        now = self.ms
        if 400 < now < 1400 or 2900 < now < 3690 or 4700 < now < 5400:
            asked.append(Asked(IntentKind.ENGAGE, Role.SCREEN, 2))
        if 2300 < now < 2450:
            asked.append(Asked(IntentKind.HOLD, Role.SCREEN, 2))
        if 4000 < now < 4150:
            asked.append(Asked(IntentKind.STOP, Role.SCREEN, 2))
        if 4400 < now < 4550:
            asked.append(Asked(IntentKind.RESET, Role.SCREEN, 2))
        return asked
