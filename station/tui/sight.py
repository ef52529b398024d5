"""Since when the person can see what stands on the screen: a key that was typed before was not meant for it."""

from __future__ import annotations

from typing import Final

from station.tui.scene import Cover

SEEN_NS: Final = 500_000_000
"""What has stood so long on the screen counts as seen."""
_SHOWS_NOTHING: Final = (Cover.WAITING, Cover.TOO_SMALL)


class Sight:
    """Told of each drawing that the terminal took; asked by each key."""

    def __init__(self) -> None:
        self._state: tuple[Cover, int] | None = None
        self._state_ns = 0
        self._first_ns: int | None = None

    def drawn(self, cover: Cover, mode: int, now_ns: int) -> None:
        """This stands on the screen now."""
        if self._first_ns is None and cover is not Cover.WAITING:
            self._first_ns = now_ns
        if self._state != (cover, mode):
            self._state, self._state_ns = (cover, mode), now_ns

    @property
    def has_begun(self) -> bool:
        """Anything but 'waiting' was drawn."""
        return self._first_ns is not None

    def knows_screen(self, typed_ns: int) -> bool:
        """Whether a key typed then can have been meant for this screen at all."""
        return self._first_ns is not None and typed_ns - self._first_ns >= SEEN_NS

    def knows_state(self, mode: int, typed_ns: int) -> bool:
        """Whether a key typed then can have been meant for `mode`, which is also what stands on the screen."""
        if self._state is None or self._state[1] != mode or self._state[0] in _SHOWS_NOTHING:
            return False
        return typed_ns - self._state_ns >= SEEN_NS
