"""Which USB device is behind a serial port: its serial number, as the kernel read it from the device (sysfs(5))."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_TTYS: Final = Path("/sys/class/tty")


def usb_serial_number(port: str, ttys: Path = _TTYS) -> str:
    """'' where `port` is no USB device, is not there, or has no serial number. Follows udev's names."""
    device = ttys / Path(port).resolve().name / "device"
    if not device.exists():
        return ""
    for folder in (place := device.resolve(), *place.parents):
        # The first USB device on the way up; behind it come its hub and the host's controller, with their own numbers.
        if (folder / "idVendor").exists():
            try:
                return (folder / "serial").read_text().strip()
            except OSError:
                return ""
    return ""
