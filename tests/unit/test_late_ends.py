"""A far end that ends late, its launcher gone, leaves alone what the next run has put under the same names."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from drivers.can_bus import open_bus
from drivers.emulators.control_socket import ControlClient, ControlServer
from drivers.emulators.exo_board import ExoBoard
from drivers.emulators.pty_port import PtyPort, serial_number_of
from drivers.errors import DriverError
from drivers.hub_server import HubServer
from firmware_bridge.exo_messages import Channel
from station.link.intents import IntentReceiver
from station.link.views import ViewServer


def connects(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(path) == 0


@pytest.mark.parametrize("make", [IntentReceiver, ViewServer])
def test_the_late_end_of_our_own_processes_leaves_the_next_runs_sockets_too(make, tmp_path):
    path = tmp_path / "x.sock"
    late = make(path)
    following = make(path)
    names = sorted(tmp_path.iterdir())
    late.close()
    assert sorted(tmp_path.iterdir()) == names != []
    following.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", [HubServer, ControlServer])
def test_a_socket_of_the_next_run_stays(make, tmp_path):
    path = str(tmp_path / "x.sock")
    late = make(path)
    Path(path).unlink()  # the next run begins with an empty folder
    following = make(path)
    late.close()
    assert connects(path)
    following.close()
    assert not Path(path).exists()
    gone = make(path)
    Path(path).unlink()
    gone.close()


def test_a_port_of_the_next_run_stays(tmp_path):
    link = str(tmp_path / "leader.tty")
    late = PtyPort(link, "EMU-1")
    for file in tmp_path.iterdir():
        file.unlink()
    following = PtyPort(link, "EMU-2")
    late.unplug()
    assert Path(link).exists() and serial_number_of(link) == "EMU-2"
    following.unplug()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ends", [ExoBoard.kill, lambda board: end_in_order(board)], ids=["its power", "in order"])
def test_a_boards_port_of_the_next_run_stays(ends, tmp_path):
    link = str(tmp_path / "leader.tty")
    channels = [Channel(0, 0, 1, 0, 32768, -9000, 9000, "j0")]
    late, following = (ExoBoard(tmp_path / name, channels, pty_link=link) for name in ("late", "following"))
    late.start()
    Path(link).unlink()
    following.start()
    ends(late)
    assert Path(link).exists(), "it was the next run's"
    ends(following)
    assert not Path(link).is_symlink()
    for board in (late, following):
        board.stop()


def end_in_order(board: ExoBoard) -> None:
    """As where its emulator has died: its standard input ends."""
    process = board._process
    assert process is not None and process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0


def test_an_emulated_bus_that_is_not_there_asks_for_no_adapter(tmp_path):
    with pytest.raises(DriverError, match="the emulated arm to listen there; end this run and start it again") as error:
        open_bus("station_hub", str(tmp_path / "no.sock"), name="can_right")
    assert "ip -details" not in str(error.value)
    with pytest.raises(DriverError):
        ControlClient(str(tmp_path / "no.ctl"))
