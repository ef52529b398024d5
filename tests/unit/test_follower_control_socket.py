"""The emulators' back door over a real socket: requests, refusals, long replies, dead owners, clients that vanish."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.emulators.control_socket import ControlClient, ControlServer, is_orphan
from drivers.errors import DriverError

pytestmark = pytest.mark.process


def handle(request):
    match request["cmd"]:
        case "status":
            return {"value": request["value"]}
        case "refuse":
            raise ValueError("not today")
        case "long":
            return {"rows": ["x" * 40] * 2000}
    return None


class Served:
    """A server in a thread of the test, as it would sit in an emulator's wait."""

    def __init__(self, path: str) -> None:
        self.server = ControlServer(path)
        self.ends = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.ends:
            if select.select([self.server], [], [], 0.02)[0]:
                self.server.poll(handle)

    def close(self) -> None:
        self.ends = True
        self.thread.join()
        self.server.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "x.ctl")
    server = Served(path)
    yield path
    server.close()
    assert not Path(path).exists()


def test_a_request_gets_its_reply(served: str) -> None:
    with ControlClient(served) as client:
        assert client.ask("status", value=3) == {"ok": True, "value": 3}
        assert client.ask("nothing") == {"ok": True}


def test_a_refusal_carries_the_handlers_words(served: str) -> None:
    with ControlClient(served) as client, pytest.raises(DriverError, match="not today"):
        client.ask("refuse")


def test_a_missing_key_is_named(served: str) -> None:
    with ControlClient(served) as client, pytest.raises(DriverError, match="missing 'value'"):
        client.ask("status")


def test_bytes_that_are_no_request_get_an_error_and_the_server_lives_on(served: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as raw:
        raw.settimeout(5)
        raw.connect(served)
        for junk in (b"\xff\xfe", b"[]", b'{"cmd": 3}', b"{" * 1000):
            raw.send(junk)
            assert raw.recv(4096).startswith(b'{"ok": false')
    with ControlClient(served) as client:
        assert client.ask("status", value=1)["ok"]


def test_a_long_reply_comes_whole(served: str) -> None:
    with ControlClient(served) as client:
        assert len(client.ask("long")["rows"]) == 2000


def test_a_client_that_vanishes_disturbs_nobody(served: str) -> None:
    ControlClient(served).close()
    with ControlClient(served) as client:
        assert client.ask("status", value=1)["ok"]


def test_the_socket_file_of_a_dead_owner_is_taken_over_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "dead.ctl")
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    dead.bind(path)
    dead.close()
    living = ControlServer(path)
    with pytest.raises(DriverError, match=r"dead\.ctl"):
        ControlServer(path)
    living.close()


def test_nobody_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="start the rig first"):
        ControlClient(str(tmp_path / "none.ctl"))


def test_the_socket_is_for_its_owner_only(served: str) -> None:
    assert Path(served).stat().st_mode & 0o777 == 0o600


def test_an_orphan_knows_it() -> None:
    assert not is_orphan(os.getppid())
    assert is_orphan(os.getppid() + 1)
