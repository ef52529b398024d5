"""Runs the tests of this folder on the kernel's own SocketCAN: python -m tests.socketcan [pytest's words]

Where this kernel has no CAN, a User Mode Linux kernel is booted with the host's files as its root (Debian's package
user-mode-linux, downloaded once into the user's cache; nothing is installed; no root, no KVM). Where that cannot be, it
says "skipped: why" and ends with 0. Times measured there mean nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
PACKAGE: Final = "user-mode-linux"
LIMIT_S: Final = 300
TESTS: Final = ["-p", "no:cacheprovider", "-q", "--color=no", str(HERE.relative_to(ROOT))]


class CannotRunError(Exception):
    """Why there is no kernel with CAN here."""


def main(words: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", *TESTS, *words]
    if Path("/sys/class/net/vcan0").exists():
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    try:
        kernel = find_kernel()
    except CannotRunError as why:
        print(f"socketcan: skipped: {why}")
        return 0
    build_board()
    return run(kernel, command)


def find_kernel() -> Path:
    """The folder of the unpacked package. Raises CannotRunError."""
    if os.uname().machine != "x86_64" or sys.platform != "linux":
        raise CannotRunError(f"User Mode Linux runs on Linux x86_64, this is {sys.platform} {os.uname().machine}")
    given = os.environ.get("STATION_UML")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "station" / PACKAGE
    for folder in ([Path(given)] if given else []) + [cache]:
        if (folder / "usr/bin/linux.uml").exists():
            return folder
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise CannotRunError(
                f"no {tool} here to fetch {PACKAGE}; unpack the package and name its folder in STATION_UML"
            )
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as name:
        done = subprocess.run(["apt-get", "download", PACKAGE], cwd=name, capture_output=True, text=True, check=False)
        if done.returncode and os.getuid() == 0:  # a fresh image has no lists yet
            subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)
            done = subprocess.run(
                ["apt-get", "download", PACKAGE], cwd=name, capture_output=True, text=True, check=False
            )
        packages = list(Path(name).glob("*.deb"))
        if done.returncode or not packages:
            raise CannotRunError(
                f"apt-get download {PACKAGE}: {(done.stderr or done.stdout).strip()[-200:] or 'no package'}"
            )
        subprocess.run(["dpkg", "-x", str(packages[0]), str(Path(name) / "x")], check=True, capture_output=True)
        Path(name, "x").rename(cache)
    return cache


def build_board() -> None:
    """The guest's root is read-only: whatever its tests start is compiled here."""
    from drivers.emulators.exo_build import board_program
    from drivers.errors import DriverError

    try:
        board_program()
    except DriverError as error:
        print(f"socketcan: without the exo board: {error}")


def run(kernel: Path, command: list[str]) -> int:
    """Boot, run, power off; the command's exit code, 125 where it was never reached."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        # What the host's environment says of caches and coverage holds in the guest, too.
        kept = {key: value for key, value in os.environ.items() if key.startswith(("XDG_CACHE", "PYTHON", "COV"))}
        kept.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        words = [f"export {key}={shlex.quote(value)}" for key, value in kept.items()]
        (out / "command").write_text("\n".join([*words, shlex.join(command)]) + "\n")
        (out / "code").write_text("125")
        boot = [
            str(kernel / "usr/bin/linux.uml"), "mem=1G", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
            "quiet", f"init={HERE / 'guest_init.sh'}", "con0=fd:0,fd:1", "con=null", f"LANE_OUT={out}",
            f"LANE_MODULES={kernel / 'usr/lib/uml/modules'}", f"LANE_AT={ROOT}", f"LANE_PYTHON={sys.executable}",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                boot,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={**os.environ, "HOME": name},
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            print((late.stdout or b"").decode(errors="replace"))
            print(f"socketcan: the guest did not end within {LIMIT_S} s")
            return 124
        text = done.stdout.decode(errors="replace").replace("\r\n", "\n")
        print(text[text.find("== guest") :] if "== guest" in text else text[-2000:] + done.stderr.decode()[-2000:])
        return int((out / "code").read_text() or 125)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
