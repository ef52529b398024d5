"""What stands in a record's channels: protobuf joint states and tick rows with their descriptors, events in msgpack."""

from __future__ import annotations

import json
import struct
from typing import Any, Final, cast

import msgspec
from foxglove_schemas_protobuf.JointStates_pb2 import JointStates
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message

from station.signals import Tick

NS: Final = 1_000_000_000
_FIELD = descriptor_pb2.FieldDescriptorProto

# Fields of station.Tick that are not joint positions: name, protobuf type, repeated. The numbers are their places + 1
# and never change; new ones are added at the end.
_TICK_FIELDS: Final = (
    ("index", _FIELD.TYPE_UINT64, False),
    ("slot_ns", _FIELD.TYPE_INT64, False),
    ("start_ns", _FIELD.TYPE_INT64, False),
    ("sent_ns", _FIELD.TYPE_INT64, False),
    ("compute_ns", _FIELD.TYPE_INT64, False),
    ("late_ns", _FIELD.TYPE_INT64, False),
    ("mode", _FIELD.TYPE_INT32, False),
    ("epoch", _FIELD.TYPE_INT64, False),
    ("sample_seq", _FIELD.TYPE_INT64, False),
    ("sample_t_ns", _FIELD.TYPE_INT64, False),
    ("sample_device_us", _FIELD.TYPE_INT64, False),
    ("samples_lost", _FIELD.TYPE_INT64, False),
    ("inputs", _FIELD.TYPE_INT32, False),
    ("counts", _FIELD.TYPE_SINT64, True),
    ("health", _FIELD.TYPE_INT32, True),
    ("arm_temperature_c", _FIELD.TYPE_DOUBLE, True),
    ("arm_status", _FIELD.TYPE_INT32, True),
    ("feedback_age_ns", _FIELD.TYPE_INT64, False),
    ("ticks_lost", _FIELD.TYPE_INT64, False),
    ("aligned", _FIELD.TYPE_BOOL, True),
    ("bus_errors", _FIELD.TYPE_INT64, False),
    ("cause", _FIELD.TYPE_STRING, False),
    ("cause_detail", _FIELD.TYPE_STRING, False),
    ("sample_taken_ns", _FIELD.TYPE_INT64, False),
)
TICK_FIELDS: Final = tuple(name for name, _, _ in _TICK_FIELDS)


def _tick_class() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="station/tick.proto", package="station", syntax="proto3")
    message = file.message_type.add(name="Tick")
    for number, (name, kind, is_repeated) in enumerate(_TICK_FIELDS, 1):
        label = _FIELD.LABEL_REPEATED if is_repeated else _FIELD.LABEL_OPTIONAL
        message.field.add(name=name, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("station.Tick"))


TickRow: Final = _tick_class()


def file_descriptor_set(message: type[Message]) -> bytes:
    """The schema record of a protobuf channel: the message's file and all files it imports, dependencies first."""
    found: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def take(file: FileDescriptor) -> None:
        if file.name in found:
            return
        for needed in file.dependencies:
            take(needed)
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        found[file.name] = proto

    take(cast(FileDescriptor, message.DESCRIPTOR.file))
    return descriptor_pb2.FileDescriptorSet(file=list(found.values())).SerializeToString()


JOINT_STATES_SCHEMA: Final = ("foxglove.JointStates", file_descriptor_set(cast(type[Message], JointStates)))
TICK_SCHEMA: Final = ("station.Tick", file_descriptor_set(TickRow))
EVENT_SCHEMA: Final = (
    "station.Event",
    json.dumps(
        {
            "title": "station.Event",
            "description": "One event, msgpack map. source: 'control' (the loop) or 'session' (the counter).",
            "type": "object",
            "properties": {
                "t_ns": {"type": "integer", "description": "host monotonic ns"},
                "tick": {"type": "integer", "description": "index of the tick"},
                "source": {"type": "string"},
                "name": {"type": "string"},
                "detail": {"type": "string"},
            },
            "required": ["t_ns", "tick", "source", "name", "detail"],
        }
    ).encode(),
)


def encode_tick(tick: Tick) -> bytes:
    """A station.Tick: everything of the tick but joint positions, speeds, torques and events, which have channels."""
    row: Any = TickRow(
        index=tick.index,
        slot_ns=tick.slot_ns,
        start_ns=tick.start_ns,
        sent_ns=tick.sent_ns,
        compute_ns=tick.compute_ns,
        late_ns=tick.late_ns,
        mode=tick.mode,
        epoch=tick.epoch,
        sample_seq=tick.sample_seq,
        sample_t_ns=tick.sample_t_ns,
        sample_device_us=tick.sample_device_us,
        samples_lost=tick.samples_lost,
        inputs=tick.inputs,
        counts=tick.counts,
        health=tick.health,
        arm_temperature_c=tick.arm_temperature_c,
        arm_status=tick.arm_status,
        feedback_age_ns=tick.feedback_age_ns,
        ticks_lost=tick.ticks_lost,
        aligned=tick.aligned,
        bus_errors=sum([bus.error_frames + bus.bus_off + bus.overflowed for bus in tick.buses]),
        cause=tick.cause,
        cause_detail=tick.cause_detail,
        sample_taken_ns=tick.sample_taken_ns,
    )
    return cast(bytes, row.SerializeToString())


def encode_event(t_ns: int, tick: int, source: str, name: str, detail: str) -> bytes:
    return msgspec.msgpack.encode({"t_ns": t_ns, "tick": tick, "source": source, "name": name, "detail": detail})


class JointStatesEncoder:
    """foxglove.JointStates of fixed joints, by one precomputed struct: the names and tags of the message never change,
    only its time and its doubles do (3 us against 12 for the message objects; byte for byte the same)."""

    def __init__(self, joints: tuple[str, ...], fields: tuple[str, ...]) -> None:
        """`fields`: of 'position', 'velocity', 'effort', in this order; one tuple of doubles each to `encode`."""
        tags = {"position": 0x11, "velocity": 0x19, "effort": 0x29}
        layout = ["<"]
        self._constants: list[bytes] = []
        per_joint: list[list[bytes]] = []
        for joint in joints:
            name = joint.encode()
            body = 2 + len(name) + 9 * len(fields)
            head = b"\x12" + _varint(body) + b"\x0a" + _varint(len(name)) + name
            parts = [head + bytes([tags[fields[0]]]), *(bytes([tags[field]]) for field in fields[1:])]
            layout.extend(f"{len(part)}sd" for part in parts)
            per_joint.append(parts)
        self._pack = struct.Struct("".join(layout)).pack
        self._parts = [part for parts in per_joint for part in parts]
        self._fields = len(fields)
        self._values: list[Any] = [part for part in self._parts for _ in (0, 1)]

    def encode(self, stamp_ns: int, *values: tuple[float, ...]) -> bytes:
        """`values`: one tuple a field, each in joint order."""
        slots = self._values
        step = 2 * self._fields
        for place, numbers in enumerate(values):
            slots[2 * place + 1 :: step] = numbers
        return _timestamp(stamp_ns) + self._pack(*slots)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _timestamp(t_ns: int) -> bytes:
    """Field 1 of JointStates: google.protobuf.Timestamp; zero parts are left out, as protobuf does."""
    seconds, nanos = divmod(t_ns, NS)
    body = (b"\x08" + _varint(seconds) if seconds else b"") + (b"\x10" + _varint(nanos) if nanos else b"")
    return b"\x0a" + _varint(len(body)) + body
