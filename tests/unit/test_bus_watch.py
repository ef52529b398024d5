"""The robot's buses over a whole run: bus-off and its end, rising errors, counted over every opening of a bus."""

from __future__ import annotations

import pytest

from drivers.ports import LinkCounters
from station.control.bus_watch import BusWatch
from station.signals import BusHealth
from station.tui.language import Words
from station.tui.words import bus_words

MS = 1_000_000
START_NS = 10**12


class Buses:
    """Two buses, and the watch that looks at them."""

    def __init__(self) -> None:
        self.right, self.left = LinkCounters(), LinkCounters()
        self.watch = BusWatch(["right", "left"])

    def look(self, at_ms: float = 0.0) -> list[tuple[str, str]]:
        events: list[tuple[str, str]] = []
        self.watch.look(events, (self.right, self.left), START_NS + round(at_ms * MS))
        return events


def test_a_quiet_bus_is_nothing_to_tell():
    buses = Buses()
    for at_ms in (0, 1, 1500, 3000):
        buses.left.received += 10
        assert buses.look(at_ms) == []
    assert buses.watch.health == (BusHealth(), BusHealth())


def test_errors_before_the_first_look_are_nobodys():
    buses = Buses()
    buses.right.error_frames = 100
    assert buses.look() == []
    buses.right.error_frames = 105
    assert buses.look(1001) == []
    assert buses.watch.health[0] == BusHealth(error_frames=105)


@pytest.mark.parametrize(("rise", "told"), [(5, False), (6, True)])
@pytest.mark.parametrize("kind", ["error_frames", "overflowed"])
def test_more_than_five_errors_in_a_second_are_told(kind, rise, told):
    buses = Buses()
    assert buses.look() == []
    setattr(buses.right, kind, rise)
    assert buses.look(1000) == []
    assert buses.look(1000 + 1e-6) == ([("bus_errors", f"right: {rise} in 1 s")] if told else [])
    assert buses.watch.health == (BusHealth(**{kind: rise}), BusHealth())


def test_the_next_window_begins_where_the_last_one_ended():
    buses = Buses()
    buses.look()
    buses.left.error_frames = 3
    assert buses.look(1001) == []
    buses.left.error_frames = 30
    assert buses.look(1500) == []
    assert buses.look(2001) == []
    assert buses.look(2001.1) == [("bus_errors", "left: 27 in 1 s")]


def test_bus_off_is_told_once_for_each_time_and_its_end_by_the_first_answer():
    buses = Buses()
    buses.left.received = 7
    buses.look()
    buses.left.bus_off = buses.left.error_frames = 1
    assert buses.look(1) == [("bus_off", "left x1")]
    assert buses.look(2) == []
    assert buses.watch.health == (BusHealth(), BusHealth(error_frames=1, bus_off=1, is_off=True))
    buses.right.received += 1
    assert buses.look(3) == []
    buses.left.received += 1
    assert buses.look(4) == [("bus_recovered", "left (BUS-OFF) x1")]
    assert buses.watch.health[1] == BusHealth(error_frames=1, bus_off=1)
    buses.left.received += 1
    assert buses.look(5) == []
    buses.left.bus_off = 2
    buses.left.received += 1  # read in one go with the error frame: before it, for all that is known
    assert buses.look(6) == [("bus_off", "left x2")]
    assert buses.look(7) == []
    buses.left.received += 1
    assert buses.look(8) == [("bus_recovered", "left (BUS-OFF) x2")]


def test_what_a_bus_went_through_stays_when_it_is_opened_again():
    buses = Buses()
    buses.right = LinkCounters(received=5, error_frames=3, bus_off=1, overflowed=2)
    assert buses.look() == [("bus_off", "right x1")]
    buses.right = LinkCounters()
    assert buses.look(1) == []
    assert buses.watch.health[0] == BusHealth(3, 1, 2, is_off=True), "opened, but nothing has come yet"
    buses.right.received = 1
    assert buses.look(2) == [("bus_recovered", "right (BUS-OFF) x1")]
    buses.right = LinkCounters(received=9, error_frames=4, bus_off=1, overflowed=2)
    assert buses.look(3) == [("bus_off", "right x2")]
    assert buses.watch.health == (BusHealth(7, 2, 4, is_off=True), BusHealth())


def test_a_bus_that_was_opened_again_without_trouble_has_had_none():
    buses = Buses()
    buses.look()
    buses.right = LinkCounters(received=50)
    assert buses.look(1) == []
    assert buses.watch.health == (BusHealth(), BusHealth())


def test_each_look_that_finds_nothing_new_leaves_the_same_object():
    buses = Buses()
    buses.left.error_frames = 1
    buses.look()
    before = buses.watch.health
    buses.look(1)
    assert buses.watch.health is before


@pytest.mark.parametrize(
    ("health", "english", "chinese"),
    [
        (BusHealth(), "", ""),
        (BusHealth(bus_off=2), "RECOVERED (BUS-OFF ×2)", "已恢复 (BUS-OFF ×2)"),
        (BusHealth(error_frames=1, bus_off=1, is_off=True), "BUS-OFF ×1, 1 error frames", "BUS-OFF ×1, 1 个错误帧"),
        (BusHealth(12, 0, 3), "12 error frames, 3 overflowed", "12 个错误帧, 溢出 3 帧"),
    ],
)
def test_a_technician_reads_what_a_bus_went_through(health, english, chinese):
    assert bus_words(health, Words("en")) == english
    assert bus_words(health, Words("zh")) == chinese
