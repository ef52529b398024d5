"""`station fault`: what a person who never used it reads, and that every line it offers can be typed."""

from __future__ import annotations

import json

import pytest

from drivers.emulators.exo_faults import KINDS as EXO_KINDS
from drivers.emulators.exo_faults import BoardFaults
from drivers.emulators.fault_requests import FAULT_KINDS, read_fault
from drivers.emulators.ker_faults import KINDS as KER_KINDS
from drivers.emulators.ker_faults import HubFaults
from drivers.emulators.ker_hub import HubChannel, KerHub
from station import cli, process_faults
from station.__main__ import main
from station.cli.fault_words import SIDES, example, unknown


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("STATION_RUNTIME", str(tmp_path))


class Bus:
    index, name, motors = 0, "can_right", {4: None}


class Port:
    serial_number, link = "EMU-0001", "leader.tty"

    def plug(self, name: str = "") -> None:
        pass

    unplug = plug


def settings(line: str) -> dict:
    """As the command line reads them."""
    found = {}
    for word in line.split()[4:]:
        key, _, value = word.partition("=")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def test_list_tells_all_three_sides_and_a_side_alone_itself(capsys):
    assert main(["fault", "list"]) == cli.OK
    out = capsys.readouterr().out
    for kinds in (KER_KINDS, EXO_KINDS, FAULT_KINDS, process_faults.KINDS):
        assert all(f"  {kind} " in out for kind in kinds)
    for words in (["fault", "arm"], ["fault", "arm", "list"]):
        assert main(words) == cli.OK
        out = capsys.readouterr().out
        assert "temperature" in out and "mosfet_c=90" in out and "process=" not in out
    assert main(["fault", "list", "--json"]) == cli.OK
    assert set(json.loads(capsys.readouterr().out)) == {"leader", "arm", "station"}


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_example_of_the_arm_is_understood(kind):
    request = {"cmd": "fault", "kind": kind, "for_s": None, **settings(example("arm", kind))}
    assert len(read_fault(request, [Bus()], 0)) == 1  # type: ignore[list-item]


@pytest.mark.parametrize("kind", KER_KINDS)
def test_every_example_of_a_hub_is_understood(kind):
    names = [f"right_j{n + 1}" for n in range(16)]
    faults = HubFaults(KerHub("2.1.0", [HubChannel(1, 0.0)] * 16), Port(), names, 1)  # type: ignore[arg-type]
    faults.add({"kind": kind, "for_s": None, **settings(example("leader", kind))}, 0)


class Board:
    serial_number, link, is_on = "EMU-0001", "leader.tty", True

    def __init__(self) -> None:
        self.words = {"clock_ppm": 20, "clock_start_us": 1_500_000}

    def word(self, name: str) -> int:
        return self.words[name]

    def set_word(self, name: str, value: int) -> None:
        self.words[name] = value

    def set_status(self, channel: int, status: int) -> None:
        self.words[f"status {channel}"] = status

    def kill(self) -> None:
        self.is_on = False


@pytest.mark.parametrize("kind", EXO_KINDS)
def test_every_example_of_a_board_is_understood(kind):
    names = [f"right_j{n + 1}" for n in range(16)]
    faults = BoardFaults(Board(), names, lambda: [0] * 16)  # type: ignore[arg-type]
    faults.add({"kind": kind, "for_s": None, **settings(example("leader", kind))}, 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["arm", "hot"], "temperature"),
        (["arm", "temprature"], "temperature"),
        (["arm", "estop"], "leader estop"),
        (["leader", "frezze", "channel=3"], "freeze"),
        (["station", "clear"], "station fault station list"),
        (["lists"], "station fault list"),
        (["leg", "hot"], "leader, arm, station"),
    ],
)
def test_what_is_not_known_is_said_with_what_may_have_been_meant(words, said, capsys):
    assert main(["fault", *words]) == cli.USAGE
    assert said in capsys.readouterr().err


def test_a_word_without_any_likeness_has_no_guess():
    assert "did you mean" not in unknown("arm", "xyzzy")
    assert set(SIDES) == {"leader", "arm", "station"}
