"""Compiles the C reference for tests, warnings as errors and sanitizers on; skips, with the reason, without gcc."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from firmware_bridge.exo_fields import Blob, BlobTail, Scalar
from firmware_bridge.exo_messages import TYPES, fields_of, wire_name

HERE = Path(__file__).parent
MCU = HERE.parents[1] / "firmware_bridge" / "mcu"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-Wconversion"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O0"]
CODECS = ["exo_messages.c", "exo_frame.c", "exo_sample.c", "exo_tp.c", "exo_can.c", "exo_sha256.c"]


def gcc() -> str:
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler on this machine (gcc): the C reference is not judged here")
    return found


def compile_c(out: Path, sources: list[Path], *flags: str) -> Path:
    """Links `sources` into `out`; a warning fails the test with the compiler's words."""
    command = [gcc(), *flags, f"-I{MCU}", f"-I{HERE}", "-o", str(out), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def build_harness(folder: Path) -> Path:
    dump = folder / "dump.c"
    dump.write_text(dump_source())
    sources = [HERE / "harness.c", dump, *(MCU / name for name in CODECS)]
    return compile_c(folder / "harness", sources, *STRICT, *SANITIZE, "-D_POSIX_C_SOURCE=200809L")


def dump_source() -> str:
    """C that prints every field of a decoded message and encodes it again."""
    lines = ["#include <stdio.h>", '#include "exo_messages.h"', '#include "exo_sample.h"']
    lines += ["static void hex(FILE *f, const uint8_t *p, size_t n) { for (size_t i = 0; i < n; i++)"]
    lines += ['{ fprintf(f, "%02x", p[i]); } }']
    lines += ["size_t dump_message(const uint8_t *body, size_t size, FILE *fields, uint8_t *again);"]
    lines += ["size_t dump_message(const uint8_t *body, size_t size, FILE *fields, uint8_t *again)", "{"]
    lines += ["hex(fields, body, 0); if (size == 0) { return 0; } switch (body[0]) {"]
    for number, cls in TYPES.items():
        name = wire_name(cls).lower()
        if not fields_of(cls):
            lines.append(f"case {number}: return exo_decode_{name}(body, size) ? exo_encode_{name}(again) : 0;")
            continue
        lines.append(f"case {number}: {{ exo_{name}_t m; if (!exo_decode_{name}(body, size, &m)) {{ return 0; }}")
        for field in fields_of(cls):
            if isinstance(field.kind, Scalar):
                lines.append(f'fprintf(fields, "{field.name}=%lld\\n", (long long)m.{field.name});')
            elif isinstance(field.kind, Blob | BlobTail):
                size = f"m.{field.name}_size" if isinstance(field.kind, BlobTail) else f"{field.kind.size}"
                lines.append(f'fprintf(fields, "{field.name}="); hex(fields, m.{field.name}, {size});')
                lines.append('fprintf(fields, "\\n");')
            else:
                lines.append(f'fprintf(fields, "{field.name}=%s\\n", m.{field.name});')
        lines.append(f"return exo_encode_{name}(&m, again); }}")
    lines += ["case EXO_SAMPLE_TYPE: { exo_sample_t m; if (!exo_decode_sample(body, size, &m)) { return 0; }"]
    lines += ['fprintf(fields, "seq=%lu\\ndevice_us=%lu\\ninputs=%d\\nis_wide=%d\\ncounts=",']
    lines += ["(unsigned long)m.seq, (unsigned long)m.device_us, m.inputs, m.is_wide);"]
    lines += ['for (int i = 0; i < m.channels; i++) { fprintf(fields, "%lu,", (unsigned long)m.counts[i]); }']
    lines += ['fprintf(fields, "\\nstates="); hex(fields, m.states, m.channels); fprintf(fields, "\\n");']
    lines += ["return exo_encode_sample(&m, again); }"]
    lines += ["default: return 0; } }", ""]
    return "\n".join(lines)


class Harness:
    """The compiled C codecs at the end of a pipe."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def call(self, op: str, data: bytes = b"") -> bytes:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(struct.pack("<BH", ord(op), len(data)) + data)
        self._process.stdin.flush()
        head = self._process.stdout.read(4)
        assert len(head) == 4, "the C harness died: see the sanitizer's words above"
        (size,) = struct.unpack("<I", head)
        return self._process.stdout.read(size)

    def message(self, body: bytes) -> tuple[bytes, dict[str, str]]:
        """The body as C encodes it again after decoding (b'' where it refused), and the fields that it saw."""
        answer = self.call("M", body)
        (size,) = struct.unpack_from("<I", answer)
        again, text = answer[4 : 4 + size], answer[4 + size :].decode()
        return again, dict(line.split("=", 1) for line in text.splitlines())

    def frames(self, answer: bytes) -> list[tuple[int, bytes]]:
        found, at = [], 0
        while at < len(answer):
            can_id, size = struct.unpack_from("<HB", answer, at)
            found.append((can_id, answer[at + 3 : at + 3 + size]))
            at += 3 + size
        return found

    def bodies(self, answer: bytes) -> list[bytes]:
        found, at = [], 0
        while at < len(answer):
            (size,) = struct.unpack_from("<I", answer, at)
            found.append(answer[at + 4 : at + 4 + size])
            at += 4 + size
        return found

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(10) == 0
