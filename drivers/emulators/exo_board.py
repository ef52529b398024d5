"""An emulated exo board: the C reference as a process of its own; shared memory moves its encoders and its cable."""

from __future__ import annotations

import mmap
import select
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from drivers.emulators.exo_build import board_program
from drivers.errors import DriverError
from firmware_bridge.exo_messages import Channel
from firmware_bridge.exo_terms import MAX_CHANNELS
from firmware_bridge.samples import INPUT_ENABLE, INPUT_HAS_ENABLE, INPUT_HAS_ESTOP
from firmware_bridge.update import make_image

# posix_shared_t of mcu/boards/posix.h: words of 32 bits, then the arrays.
_WORDS: Final = (
    "magic", "inputs", "mute", "drop", "duplicate", "reorder", "flip", "cut", "delay_us", "jitter_us", "wrong_seq",
    "clock_ppm", "clock_start_us", "is_tracing", "trace_count", "frames_sent", "frames_dropped", "seq", "rate_hz",
    "is_host_open", "starts", "late_us", "power_on_low", "power_on_high",
)  # fmt: skip
_OFFSET: Final = {name: 4 * index for index, name in enumerate(_WORDS)}
_COUNTS_AT: Final = 4 * len(_WORDS)
_STATUS_AT: Final = _COUNTS_AT + 4 * MAX_CHANNELS
_TRACE_AT: Final = _STATUS_AT + 4 * MAX_CHANNELS
_TRACE_ROWS: Final = 8192
_TRACE_ROW: Final = struct.Struct("=QQ")
_SHARED_SIZE: Final = _TRACE_AT + _TRACE_ROWS * _TRACE_ROW.size
_MAGIC: Final = 0x534F5845
_WORD: Final = struct.Struct("=I")
_SIGNED: Final = struct.Struct("=i")
_START_S: Final = 5.0

BOARD_TYPE: Final = "posix"
"""HELLO's `board` of the emulated one: images must be made for it."""
POWER_FAILED: Final = 9
"""Exit code when power failed where it was told to."""


class ExoBoard:
    """One board. Its flash is a file in `folder` that outlives the process, as a real one outlives its power."""

    def __init__(
        self,
        folder: Path,
        channels: Sequence[Channel],
        *,
        pty_link: str = "",
        hub: str = "",
        can: str = "",
        node: int = 1,
        fd: bool = False,
        serial_number: str = "EMU-0001",
        firmware: str = "1.0.0",
        count_bytes: int = 2,
        page_size: int = 1024,
        has_boot_loader: bool = False,
        program: Path | None = None,
    ) -> None:
        """`pty_link`: name of the serial port, or `hub`: socket of the emulated bus, or `can`: SocketCAN interface.

        Starts nothing yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.channels = tuple(channels)
        self.serial_number = serial_number
        """May be changed while the power is off: it is another board then."""
        self.link = pty_link
        """May be changed while the power is off: it then comes back under another name."""
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._pty = ""
        self._trace_taken = 0
        self._counts = struct.Struct(f"={len(self.channels)}I")
        self._shared_path = folder / "exo_board.shared"
        self._shared_path.write_bytes(bytes(_SHARED_SIZE))
        with self._shared_path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _SHARED_SIZE)
        self.set_word("magic", _MAGIC)
        self.set_word("inputs", INPUT_ENABLE)
        factory = folder / "exo_board.factory"
        factory.write_bytes(make_image(BOARD_TYPE, firmware, b"emulated exo board " + firmware.encode()).encode())
        self._options = ["--flash", str(folder / "exo_board.flash"), "--shared", str(self._shared_path)]
        self._options += ["--factory", str(factory), "--page-size", str(page_size)]
        self._options += ["--inputs", str(INPUT_HAS_ENABLE | INPUT_HAS_ESTOP)]
        self._options += [] if pty_link else ["--hub", hub] if hub else ["--can", can]
        self._options += ["--node", str(node)]
        self._options += (["--fd"] if fd else []) + (["--wide"] if count_bytes == 4 else [])
        self._options += ["--boot-loader"] if has_boot_loader else []
        for c in self.channels:
            line = f"{c.name},{c.kind},{c.sign},{c.counts_per_turn},{c.lower_cdeg},{c.upper_cdeg}"
            self._options += ["--channel", line]

    def start(self, power_fails_at: int = 0) -> None:
        """Power on, and wait until it answers. Raises DriverError when it does not come up."""
        program = self._program or board_program()
        options = [*self._options, "--power-fails-at", str(power_fails_at), "--serial", self.serial_number]
        options += ["--pty", self.link] if self.link else []
        log = (self.folder / "exo_board.log").open("ab")
        with log:
            process = subprocess.Popen(
                [str(program), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0
            )
        self._process = process
        assert process.stdout is not None
        if not select.select((process.stdout,), (), (), _START_S)[0] or process.stdout.readline() != b"ready\n":
            code = process.poll()
            self.kill()
            words = (self.folder / "exo_board.log").read_text(errors="replace").strip()[-500:]
            raise DriverError(f"emulated exo board does not start (code {code}): {words or 'no words'}")
        self._pty = self._led_to()

    def wait(self, within_s: float) -> int:
        """The exit code, once it has ended by itself. Raises subprocess.TimeoutExpired."""
        assert self._process is not None
        code = self._process.wait(within_s)
        self._close_pipes()
        return code

    def kill(self) -> None:
        """Power off at once, wherever it is; its serial port vanishes."""
        if self._process is None:
            return
        is_own = self._pty != "" and self._led_to() == self._pty  # while it is open nobody else can have that one
        self._process.kill()
        self._process.wait()
        self._close_pipes()
        if is_own:
            Path(self.link).unlink(missing_ok=True)

    def _led_to(self) -> str:
        """The pty that the port's name leads to now; '' where there is none."""
        try:
            return str(Path(self.link).readlink()) if self.link else ""
        except OSError:
            return ""

    def stop(self) -> None:
        """End the process and free everything but the flash."""
        self.kill()
        self._shared.close()

    @property
    def is_on(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _close_pipes(self) -> None:
        process = self._process
        if process is not None and process.stdin is not None and process.stdout is not None:
            process.stdin.close()
            process.stdout.close()
        self._process = None

    # -- its surroundings

    def set_counts(self, counts: Sequence[int]) -> None:
        """What the encoders read now: one a channel; a whole one gives 0 .. counts per turn - 1."""
        self._counts.pack_into(self._shared, _COUNTS_AT, *counts)

    def set_status(self, channel: int, status: int) -> None:
        """SampleStatus of one encoder."""
        _WORD.pack_into(self._shared, _STATUS_AT + 4 * channel, status)

    def set_word(self, name: str, value: int) -> None:
        """One knob of `posix_shared_t` by name."""
        (_SIGNED if name == "clock_ppm" else _WORD).pack_into(self._shared, _OFFSET[name], value)

    def word(self, name: str) -> int:
        value: int = _WORD.unpack_from(self._shared, _OFFSET[name])[0]
        return value

    def take_trace(self, most: int) -> tuple[list[tuple[int, int]], int]:
        """(seq, t_ns when handed to write()) of samples not yet taken, oldest first, and how many are left."""
        total = self.word("trace_count")
        self._trace_taken = max(self._trace_taken, total - _TRACE_ROWS + 64)
        rows: list[tuple[int, int]] = []
        while self._trace_taken < total and len(rows) < most:
            at = _TRACE_AT + self._trace_taken % _TRACE_ROWS * _TRACE_ROW.size
            t_ns, seq = _TRACE_ROW.unpack_from(self._shared, at)
            rows.append((seq, t_ns))
            self._trace_taken += 1
        return rows, total - self._trace_taken
