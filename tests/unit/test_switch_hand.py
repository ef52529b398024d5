"""The emulated worker's hand on the enable switch, moment by moment."""

from __future__ import annotations

import pytest

from drivers.emulators.switch_hand import KINDS, SwitchHand
from firmware_bridge.samples import INPUT_ENABLE, INPUT_ENABLE_THROUGH

MS = 1_000_000
BEGIN_NS = 5_000 * MS


def told(hand: SwitchHand, kinds: set[str], *at_ms: int) -> list[int]:
    """1, 2 or 3 at each of these times."""
    names = {0: 1, INPUT_ENABLE: 2, INPUT_ENABLE_THROUGH: 3}
    return [names[hand.inputs(kinds, BEGIN_NS + ms * MS)] for ms in at_ms]


def test_a_hand_with_nothing_to_do_holds_the_middle() -> None:
    assert told(SwitchHand(), {"freeze", "estop"}, 0, 1, 10_000) == [2, 2, 2]


def test_released_is_released_and_then_held_again() -> None:
    hand = SwitchHand()
    assert told(hand, {"enable_off"}, 0, 500) == [1, 1]
    assert told(hand, set(), 501) == [2]


def test_pressed_through_passes_where_both_contacts_are_open_and_is_let_go_afterwards() -> None:
    hand = SwitchHand()
    assert told(hand, {"enable_through"}, 0, 19, 20, 5000) == [1, 1, 3, 3]
    assert told(hand, set(), 5001, 5300, 5301, 6000) == [1, 1, 2, 2]


def test_a_worn_switch_comes_back_to_its_middle_without_being_let_go() -> None:
    hand = SwitchHand()
    assert told(hand, {"enable_back"}, 0, 19, 20, 199, 200, 219, 220, 9000) == [1, 1, 3, 3, 1, 1, 2, 2]
    assert told(hand, set(), 9001, 9300, 9301) == [1, 1, 2]


def test_a_bouncing_contact_opens_first() -> None:
    hand = SwitchHand()
    assert told(hand, {"enable_bounce"}, 0, 9, 10, 19, 20, 30) == [1, 1, 2, 2, 1, 2]
    assert told(hand, set(), 31) == [2]


@pytest.mark.parametrize("first", range(len(KINDS)))
def test_of_several_the_first_is_done(first: int) -> None:
    """Whoever clenches the hand does not let go to grip anew."""
    kinds = list(KINDS)
    hand, alone = SwitchHand(), SwitchHand()
    times = (0, 10, 25, 205, 230)
    assert told(hand, set(kinds[first:]), *times) == told(alone, {kinds[first]}, *times)


def test_a_hand_that_clenches_again_begins_again() -> None:
    hand = SwitchHand()
    assert told(hand, {"enable_through"}, 0, 30) == [1, 3]
    assert told(hand, {"enable_off"}, 40) == [1]
    assert told(hand, {"enable_through"}, 50, 69, 70) == [1, 1, 3]
