"""The supervisor's patience: with the loop none, with a machine that stood still as a whole all of it."""

from __future__ import annotations

from station.supervisor import Silence


def test_a_loop_that_goes_round_is_never_silent():
    silence = Silence(0.065, 0.0)
    assert not any(silence.look(beat, beat * 0.01) for beat in range(1, 500))


def test_a_loop_that_stops_is_silent_after_the_limit():
    silence = Silence(0.065, 0.0)
    silence.look(7, 0.01)
    looks = [round(0.01 * n, 2) for n in range(2, 20)]
    assert next(at for at in looks if silence.look(7, at)) == 0.08


def test_a_loop_that_has_not_begun_is_waited_for():
    silence = Silence(0.065, 0.0)
    assert not any(silence.look(0, 0.01 * n) for n in range(500))


def test_time_in_which_nobody_ran_does_not_count_but_the_rest_does():
    silence = Silence(0.065, 0.0)
    silence.look(7, 0.01)
    assert not silence.look(7, 0.51)  # half a second: the machine stood still
    assert not silence.look(7, 0.54)
    assert next(n for n in range(10) if silence.look(7, 0.55 + n * 0.01)) == 2
