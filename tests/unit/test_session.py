"""The whole session: ticks in; files, rows and views out."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory

from station.session import reasons, wire
from station.session.clocks import ClockPair
from station.session.errors import RecordError
from station.session.session import Session
from station.signals import Mode, RequestKind, SessionView, Tick
from tests.gestures import CALIBRATION, GRIP, HOME, PULL, REACH, RIG, TASK, SyntheticWorker, TickMaker, blend, pose

TOPICS = ["/leader/measured", "/arm/requested", "/arm/sent", "/arm/feedback", "/tick"]
WALL_NS = 1_795_000_000_000_000_000


class Station:
    """A session and the worker in front of it; the clock is the worker's."""

    def __init__(self, data: Path, **options: object) -> None:
        self.worker = SyntheticWorker(3)
        self.maker = TickMaker()
        self.data = data
        self.given: list[Tick] = []
        self.open(**options)

    def open(self, **options: object) -> None:
        self.session = Session(RIG, CALIBRATION, TASK, "w07", self.data, clock=self.clock, **options)  # type: ignore[arg-type]

    def clock(self) -> ClockPair:
        return ClockPair(self.worker.t_ns, WALL_NS + self.worker.t_ns)

    def feed(
        self, samples: Iterable[tuple[int, tuple[float, ...]]], mode: Mode = Mode.FOLLOWING, lost: int = 0
    ) -> None:
        for tick in self.maker.ticks(samples, mode):
            self.given.append(tick)
            self.session.on_tick(tick, lost)
            lost = 0

    def stay(self, for_s: float = 0.6, mode: Mode = Mode.FOLLOWING) -> None:
        self.feed(self.worker.stay(for_s), mode)

    def reps(self, count: int = 1) -> None:
        for _ in range(count):
            self.feed(self.worker.rep())
        self.session.wait_idle()

    def view(self) -> SessionView:
        self.session.wait_idle()
        return self.session.view(self.worker.t_ns)

    def rows(self) -> list[sqlite3.Row]:
        with sqlite3.connect(self.data / "demo" / "ledger.sqlite") as db:
            db.row_factory = sqlite3.Row
            return db.execute("SELECT * FROM reps ORDER BY number").fetchall()


@pytest.fixture
def desk(tmp_path):
    station = Station(tmp_path)
    yield station
    station.session.close()


def test_accepted_repetitions_are_counted_and_their_files_are_whole(desk):
    desk.stay()
    desk.reps(3)
    view = desk.view()
    assert (view.accepted, view.rejected, view.today, view.accepted_this_run) == (3, 0, 3, 3)
    assert view.last is not None and view.last.number == 3 and view.last.accepted
    assert view.recent == (True,) * 3
    for row in desk.rows():
        data = (desk.data / "demo" / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert len(data) == row["size"]
        assert row["file"].endswith(f"/microwave_door/rep-{row['number']:06d}-accepted.mcap")


def test_a_record_holds_exactly_the_ticks_from_half_a_second_before(desk):
    desk.stay(1.0)
    desk.reps()
    path = desk.data / "demo" / desk.view().last.file
    row = desk.rows()[0]
    wanted = [t for t in desk.given if row["start_ns"] - 500_000_000 <= t.slot_ns <= row["end_ns"]]
    with path.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()])
        by_topic: dict[str, list] = {}
        for _, channel, message, proto in reader.iter_decoded_messages(topics=TOPICS):
            by_topic.setdefault(channel.topic, []).append((message, proto))
    assert len(wanted) > 1000
    assert {topic: len(rows) for topic, rows in by_topic.items()} == dict.fromkeys(TOPICS, len(wanted))
    leader = [joint.name for joint in RIG.leader.joints]
    arm = [joint.name for joint in RIG.arm.joints]
    for i, tick in enumerate(wanted):
        message, measured = by_topic["/leader/measured"][i]
        assert message.log_time == tick.start_ns + WALL_NS
        assert message.publish_time == tick.sample_t_ns + WALL_NS
        assert measured.timestamp.seconds * 10**9 + measured.timestamp.nanos == tick.sample_taken_ns + WALL_NS
        assert [j.name for j in measured.joints] == leader
        assert tuple(j.position for j in measured.joints) == tick.angle_rad
        requested = by_topic["/arm/requested"][i][1]
        assert [j.name for j in requested.joints] == arm
        assert tuple(j.position for j in requested.joints) == tick.target_rad
        message, sent = by_topic["/arm/sent"][i]
        assert tuple(j.position for j in sent.joints) == tick.sent_rad
        assert tuple(j.velocity for j in sent.joints) == tick.sent_rad_s
        assert message.publish_time == tick.sent_ns + WALL_NS
        feedback = by_topic["/arm/feedback"][i][1]
        assert tuple(j.position for j in feedback.joints) == tick.arm_rad
        assert tuple(j.velocity for j in feedback.joints) == tick.arm_rad_s
        assert tuple(j.effort for j in feedback.joints) == tick.arm_nm
        row = by_topic["/tick"][i][1]
        for field in row.DESCRIPTOR.fields:
            value = getattr(row, field.name)
            if field.name == "bus_errors":
                assert value == sum(bus.error_frames + bus.bus_off + bus.overflowed for bus in tick.buses)
                continue
            assert (tuple(value) if isinstance(getattr(tick, field.name), tuple) else value) == getattr(
                tick, field.name
            )


def test_no_field_of_a_tick_is_left_out_of_the_records():
    in_joint_states = {"angle_rad", "target_rad", "sent_rad", "sent_rad_s", "arm_rad", "arm_rad_s", "arm_nm"}
    fields = set(wire.TICK_FIELDS) - {"bus_errors"} | {"buses"}  # the one is the sum of the others
    assert set(Tick.__struct_fields__) == in_joint_states | fields | {"events"}


def test_every_rejected_repetition_is_kept_and_says_why(desk):
    desk.stay()
    desk.feed(desk.worker.move(blend(pose(HOME), pose(REACH), 0.6), 0.7))
    desk.feed(desk.worker.move(pose(HOME), 0.7))
    desk.stay()
    view = desk.view()
    assert (view.accepted, view.rejected) == (0, 1)
    assert view.last is not None and view.last.reason == reasons.REACH_SHORT
    assert view.last.detail["joint"] in ("right_j1", "right_j4")
    assert view.last.file.endswith("-rejected.mcap")
    assert (desk.data / "demo" / view.last.file).is_file()


def test_hold_in_the_middle_interrupts_and_says_by_what(desk):
    desk.stay()
    desk.feed(desk.worker.move(pose(REACH), 0.7))
    t_ns, angles = next(iter(desk.worker.stay(0.002)))
    desk.session.on_tick(desk.maker.make(t_ns, angles, Mode.HOLD, (("leader_stale", "41 ms"),)))
    view = desk.view()
    desk.feed(desk.worker.move(pose(HOME), 0.7), Mode.HOLD)
    assert view.last is not None and view.last.reason == reasons.INTERRUPTED
    assert view.last.detail["value"] == "leader_stale"
    assert (view.stop_event, view.stop_detail, view.mode) == ("leader_stale", "41 ms", Mode.HOLD)
    desk.stay()
    desk.reps()
    assert desk.view().accepted == 1
    assert desk.view().stop_event == ""


@pytest.mark.parametrize("told", [0, 100])
def test_ticks_lost_in_the_ring_make_the_repetition_incomplete(desk, told):
    desk.stay()
    samples = list(desk.worker.rep())
    desk.feed(samples[:800])
    desk.maker.index += 100
    desk.feed(samples[900:], lost=told)
    view = desk.view()
    assert view.last is not None and view.last.reason == reasons.RECORD_INCOMPLETE
    assert view.records_lost == 100
    assert [alarm.event for alarm in view.alarms] == ["records_lost"]
    desk.reps()
    assert desk.view().accepted == 1


def test_the_worker_can_reject_his_last(desk):
    desk.stay()
    desk.reps(2)
    desk.session.on_request(RequestKind.REJECT_LAST)
    view = desk.view()
    assert (view.accepted, view.rejected) == (1, 1)
    assert view.last is not None
    assert (view.last.number, view.last.reason) == (2, reasons.REJECTED_BY_WORKER)
    assert (desk.data / "demo" / view.last.file).is_file()
    assert view.last.file.endswith("rep-000002-rejected.mcap")
    with sqlite3.connect(desk.data / "demo" / "ledger.sqlite") as db:
        assert db.execute("SELECT number, action FROM audit").fetchall() == [(2, reasons.REJECTED_BY_WORKER)]
    desk.session.on_request(RequestKind.REJECT_LAST)  # pressed twice: no older one is touched
    desk.session.on_request(RequestKind.REJECT_LAST)
    assert desk.view().accepted == 1


def test_a_restart_goes_on_with_count_number_and_shift(desk):
    desk.stay()
    desk.reps(2)
    desk.session.close()
    desk.open()
    assert (desk.view().accepted, desk.view().accepted_this_run) == (2, 0)
    desk.stay()
    desk.reps()
    assert (desk.view().accepted, desk.view().accepted_this_run) == (3, 1)
    assert [row["number"] for row in desk.rows()] == [1, 2, 3]
    desk.session.on_request(RequestKind.FINISH)
    assert desk.view().finished
    desk.session.close()
    desk.open()
    assert desk.view().accepted == 0
    assert desk.view().today == 3


def test_the_target_ends_the_counting(tmp_path):
    desk = Station(tmp_path, target=2)
    desk.stay()
    desk.reps(4)
    assert desk.view().finished
    assert desk.view().accepted == 2
    desk.session.on_request(RequestKind.REJECT_LAST)
    assert not desk.view().finished
    desk.reps(1)
    assert desk.view().finished
    desk.session.close()


def test_a_repetition_running_at_the_end_is_kept_as_interrupted(desk):
    desk.stay()
    desk.feed(desk.worker.rep(order=(REACH, GRIP, PULL)))
    desk.session.close()
    assert [(row["accepted"], row["reason"]) for row in desk.rows()] == [(0, reasons.INTERRUPTED)]
    assert not list(desk.data.rglob("*.part"))


def test_two_sessions_can_not_record_into_one_folder(desk):
    with pytest.raises(RecordError, match="another session records there"):
        Session(RIG, CALIBRATION, TASK, "w08", desk.data)


def test_a_full_disk_rejects_with_words_and_leaves_nothing(desk):
    desk.session.close()
    desk.open(floor_bytes=1 << 62)
    desk.stay()
    desk.reps()
    view = desk.view()
    assert view.last is not None and view.last.reason == reasons.RECORD_INCOMPLETE
    assert "MB are needed" in view.last.detail["value"]
    assert "disk_full" in [alarm.event for alarm in view.alarms]
    assert not list(desk.data.rglob("*.mcap*"))
