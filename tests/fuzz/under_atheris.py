"""The process that atheris (libFuzzer) drives; its words are libFuzzer's. Started by decoders.py."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["firmware_bridge", "drivers.smp_update"]):
    from tests.fuzz import targets


def main() -> None:
    atheris.Setup(sys.argv, targets.run, enable_python_coverage=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
