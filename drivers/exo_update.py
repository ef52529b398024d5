"""A whole firmware update of one exo board: upload (resumed after silence), try, confirm. For tools, not the loop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final

from drivers.errors import DriverError
from drivers.exo_talk import ExoTalk
from firmware_bridge.errors import WireError
from firmware_bridge.exo_messages import (
    TYPE_OF,
    Ack,
    Hello,
    HelloGet,
    Reboot,
    UpdateConfirm,
    UpdateData,
    UpdateStatus,
)
from firmware_bridge.exo_terms import CONSENT, Result, UpdateState
from firmware_bridge.update import Image, Upload, refusal

Say = Callable[[str, int, int], None]
"""(step in words, done, of how many): called as the update goes on."""

_STEP_S: Final = 2.0
"""A board may erase flash, or hash a whole image, before it answers."""
_RESTARTS: Final = 20
_BOOT_S: Final = 10.0
_SETTLE_S: Final = 0.05


def update_board(talk: ExoTalk, image: Image, say: Say) -> Hello:
    """Upload, try and confirm `image`; the HELLO of the new firmware. The caller has asked the person.

    Raises DriverError or WireError in words; the board then runs what it ran before, or takes the new image back at
    its next start.
    """
    hello = talk.ask(HelloGet(), Hello)
    if image.header.board != hello.board:
        raise WireError(
            f"image {image.header.version} is for boards {image.header.board!r}, not for this board, "
            f"{hello.board!r} {hello.serial_number}; take the image that was built for it"
        )
    upload(talk, image, say)
    return try_and_confirm(talk, image, say)


def upload(talk: ExoTalk, image: Image, say: Say) -> None:
    """Bring the image into the slot that does not run. Goes on where an interrupted upload stopped."""
    steps = Upload(image)
    silences = 0
    while not steps.is_ready:
        say("upload", steps.offset, image.header.image_size)
        request = steps.request
        answers = (Ack,) if isinstance(request, UpdateData) else (UpdateStatus,)
        try:
            reply = talk.ask_plainly(request, answers, tries=1, within_s=_STEP_S)
        except DriverError:
            silences += 1
            if silences > _RESTARTS:
                raise
            steps.restart()
            continue
        steps.take(reply)
    say("upload", image.header.image_size, image.header.image_size)


def try_and_confirm(talk: ExoTalk, image: Image, say: Say) -> Hello:
    """Restart into the new image, see that it answers and is the right one, confirm it."""
    size = image.header.image_size
    say("restart", size, size)
    before = talk.ask(HelloGet(), Hello)
    ack = talk.ask(Reboot(CONSENT), Ack, lambda answer: answer.request == TYPE_OF[Reboot], tries=1)
    if ack.result != Result.OK:
        raise DriverError(f"board {before.serial_number}: no restart: {refusal(ack)}")
    hello = _wait_for_start(talk, before)
    if hello.update_state != UpdateState.TESTING or hello.firmware != image.header.version:
        raise WireError(
            f"board {hello.serial_number}: runs firmware {hello.firmware} after the restart; expected "
            f"{image.header.version} on trial; it did not start and was taken back; see 'station firmware log'"
        )
    say("confirm", size, size)
    status = talk.ask(UpdateConfirm(CONSENT), UpdateStatus, within_s=_STEP_S)
    if status.state != UpdateState.IDLE or status.running_version != image.header.version:
        raise WireError(
            f"board {hello.serial_number}: firmware {status.running_version} in state {status.state} after the "
            f"confirmation; expected {image.header.version} in state {int(UpdateState.IDLE)}; try the update again"
        )
    return hello


def _wait_for_start(talk: ExoTalk, before: Hello) -> Hello:
    """HELLO of a later start than `before`. A hung image answers nothing until its watchdog bites."""
    deadline = time.monotonic() + _BOOT_S
    why = "it has not restarted"
    while time.monotonic() < deadline:
        time.sleep(_SETTLE_S)
        try:
            hello = talk.ask(HelloGet(), Hello, tries=1)
            if hello.boots != before.boots:
                return hello
        except DriverError as error:
            why = str(error)
            with contextlib.suppress(DriverError):
                talk.reopen()  # a USB port vanishes with its board's power and comes back
    raise DriverError(
        f"board {before.serial_number}: not back {_BOOT_S:g} s after its restart ({why}); expected its HELLO; switch "
        f"its power off and on: it then goes back to firmware {before.firmware}"
    )
