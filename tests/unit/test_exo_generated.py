"""What is made from the message classes is up to date, and means to other tools what it means here."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from firmware_bridge import exo_generate
from firmware_bridge.exo_can import CanWire, Function, identifier, sample_frames
from firmware_bridge.exo_dbc import dbc
from firmware_bridge.exo_messages import BoardBeat, Fault, HostBeat, Time, TimeGet, fields_of, wire_name
from firmware_bridge.exo_wire import Sample, encode, encode_sample
from firmware_bridge.framing import encode_frame

cantools = pytest.importorskip("cantools")
DBC = Path(exo_generate.__file__).parent / "exo_wire.dbc"


def test_every_generated_file_is_up_to_date() -> None:
    for path, text in exo_generate.generated().items():
        assert path.read_text() == text, f"{path.name} is old: run python -m firmware_bridge.exo_generate"


def test_the_golden_frame_of_the_specification_is_true() -> None:
    text = (DBC.parent / "WIRE.md").read_text()
    golden = re.search(r"token 7.*?frame `([0-9A-F ]+)`", text, re.S)
    assert golden is not None
    assert encode_frame(encode(TimeGet(7))) == bytes.fromhex(golden[1])


def test_the_specification_names_every_identifier() -> None:
    text = (DBC.parent / "WIRE.md").read_text()
    for function in Function:
        assert f"0x{function:02X}" in text, function


@pytest.mark.parametrize(
    "message",
    [HostBeat(7, 1), TimeGet(9), Time(9, 0xFFFF_FFF0, 500), BoardBeat(3, 1, 2, 123456), Fault(1, 15, 1, 3)],
)
def test_a_can_tool_reads_short_messages_as_they_were_meant(message: HostBeat) -> None:
    database = cantools.database.load_string(dbc(node=3))
    is_board = type(message) in (Time, BoardBeat, Fault)
    ((can_id, data),) = CanWire(3, is_board=is_board).send(encode(message), 0)
    frame = database.get_message_by_frame_id(can_id)
    assert frame.name == wire_name(type(message))
    read = database.decode_message(can_id, data, decode_choices=False)
    assert read == {field.name: value for field, value in zip(fields_of(type(message)), message)}


def test_a_can_tool_reads_the_parts_of_a_sample() -> None:
    database = cantools.database.load_file(DBC)
    rng = random.Random(3)
    counts = tuple(rng.randint(0, 65535) for _ in range(16))
    states = bytes(rng.randint(0, 255) for _ in range(16))
    sample = Sample(300, 123456789, 0b110_1111, counts, states)
    seen: dict[str, int] = {}
    for can_id, data in sample_frames(encode_sample(sample), 1):
        seen |= database.decode_message(can_id, data, decode_choices=False)
    assert tuple(seen[f"count_{n}"] for n in range(16)) == counts
    assert bytes(seen[f"status_{n}"] | seen[f"age_{n}_ms"] << 4 for n in range(16)) == states
    assert (seen["seq"], seen["device_us"], seen["states_sent"]) == (300 & 0xFF, 123456789, 1)
    assert (seen["estop"], seen["trigger"], seen["has_trigger"], seen["enable_through"]) == (1, 0, 1, 1)


def test_a_can_tool_reads_a_whole_sample_of_can_fd() -> None:
    database = cantools.database.load_file(DBC)
    sample = Sample(300, 123456789, 68, tuple(range(0, 32000, 2000)), bytes(range(16)))
    ((can_id, data),) = CanWire(1, fd=True).send(encode_sample(sample), 0)
    assert can_id == identifier(Function.SAMPLE_WHOLE, 1) and len(data) == 64
    assert database.get_message_by_frame_id(can_id).is_fd
    read = database.decode_message(can_id, data, decode_choices=False)
    assert (read["seq"], read["device_us"], read["channels"], read["is_wide"]) == (300, 123456789, 16, 0)
    assert (read["enable"], read["has_enable"], read["has_estop"], read["enable_through"]) == (0, 1, 0, 1)
    assert tuple(read[f"count_{n}"] for n in range(16)) == sample.counts
    assert bytes(read[f"status_{n}"] | read[f"age_{n}_ms"] << 4 for n in range(16)) == sample.states
