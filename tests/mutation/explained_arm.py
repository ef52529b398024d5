"""As `explained.py`: of the jerk limit and of what holds tools and elbows back."""

from __future__ import annotations

from typing import Final

_DOUBLE: Final = "one double of a way that is bounded from above: far below a nanometre"
_SAME: Final = "at equality both branches give the same number"
_FAR: Final = "larger than it was: a wall counts as near more often, and the full look judges the same"
_FOUND: Final = (
    "the same root by another way, to 1e-9 (`test_the_wish_is_the_bend_after_which_braking_would_end_on_the_target` "
    "holds that, and how many looks it takes); and no wish is sent that `is_viable` refuses"
)
_NEARER: Final = "the root is looked for until it is nearer than need be: the same wish, dearer"
_SPARE: Final = "the last step to the target adds 1.25e-7 of j to the jerk at most; 1e-6 of j is spare (`_SHARE`)"
_PASSED: Final = (
    "only a share that has passed the judge is answered, whatever its place in the search; how near the largest it is "
    "`test_where_a_step_is_not_allowed_nearly_the_largest_share_of_it_is` holds"
)
_QUICK: Final = "the quick look is more careful: the full one is taken more often, and judges the same"
_SLOW: Final = "the quick way is not taken: the full one judges the same, and is dearer"

ARM: Final[dict[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
    "arm_bounds": (
        (
            "self.share = 0.5",
            ("0.5 to 0.625",),
            "where the first search begins: from any share it finds one that passes",
        ),
        ("ArmBounds.steps: if self.is_smooth:", ("condition always true",), "none of its joints has a jerk limit"),
        (
            "if not self.planes or sum([reach * travel for reach, travel in zip(self.reach, travels)]) <= self.room_m:",
            ("<= to <", "condition always false", "or to and"),
            "then no point's own way is beyond its room: " + _SLOW,
        ),
        ("if way <= room:", ("<= to <",), _DOUBLE),
        ("if motion.highest_m(slopes, room - bend) > room - bend:", ("> to >=",), _DOUBLE),
    ),
    "jerk": (
        ("if speed_rad_s * jerk_rad_s3 >= decel_rad_s2**2:", (">= to >",), _SAME),
        ("return -h if h < self.down else -self.down", ("< to <=",), _SAME),
        ("return h if h < self.down else self.down", ("< to <=",), _SAME),
        ("JerkBraking.curve: if v >= 0.0:", (">= to >",), "at rest both branches give the same"),
        (
            "JerkBraking.curve: if v >= 0.0:",
            ("0.0 to 0.001",),
            "so slow n is 0 in both branches, and both give -v",
        ),
        ("JerkBraking.stop: if v >= 0.0:", (">= to >",), "at rest both branches give the same"),
        (
            "JerkBraking.stop: if v >= 0.0:",
            ("0.0 to 0.001",),
            "of the second one: off the curve from so slow it turns after no tick",
        ),
        ("JerkJoint.follow: if v >= 0.0:", (">= to >",), "at rest both branches give the same"),
        (
            "JerkJoint.follow: if v >= 0.0:",
            ("0.0 to 0.001",),
            "so slow it turns within the tick, and A is the limit either way",
        ),
        ("if v > self._full:", ("> to >=",), _SAME),
        ("if c > self.down:", ("> to >=",), _SAME),
        ("if c - 1.0 <= a <= c + 1.0:", ("<= to <, 2nd",), _SAME),
        (
            "return max(abs(v + end), abs(v + turn)), max(abs(v), gathered + v if a > 0.0 else gathered - v)",
            ("> to >=", "0.0 to 0.001"),
            "without a bend, or with so little, nothing is gathered: an eighth too much, on this side or on that",
        ),
        (
            "sign = 1.0 if v >= 0.0 else -1.0",
            (">= to >",),
            "at rest it is either off the curve, which sets it anew, or has no way left that it could be the sign of",
        ),
        (
            "if not c - 1.0 <= a <= c + 1.0:",
            ("<= to <", "<= to <, 2nd"),
            "just a tick's change off the curve it meets it in that tick: the same way in other phases",
        ),
        ("sign = 1.0 if a > c else -1.0", ("> to >=",), "off the curve they are not equal"),
        ("if left > self._full:", ("> to >=",), "at equality a phase of no tick"),
        (
            "return (self._along(v), 0.0) if v >= 0.0 else (-self._along(-v), 0.0)",
            (">= to >",),
            "so slow it ends within the tick: no way either way",
        ),
        ("k = ceil(a + sqrt(root)) - 1 if root > 0.0 else top - 1", ("> to >=",), _SAME),
        ("if until_down < k:", ("< to <=",), _SAME),
        ("if speed > 0.0:", ("> to >=", "0.0 to 0.001"), "from so slow there is no way to add"),
        ("return int((b - sqrt(root if root > 0.0 else 0.0)) / 2)", ("> to >=",), _SAME),
        (
            "return int((b - sqrt(root if root > 0.0 else 0.0)) / 2)",
            ("0.0 to 0.001", "0.0 to 0.001, 2nd"),
            "a double root but for rounding: in the tick more or less it moves on by 0",
        ),
        ("_AT_TARGET: Final = 1e-7", ("1e-07 to 1.25e-07",), _SPARE),
        ("_PEEK: Final = 0.1", ("0.1 to 0.125",), _FOUND),
        (
            "_NEAR: Final = 1e-9",
            ("1e-09 to 1.25e-09",),
            "of what jerk changes in a tick, 1e-5 rad: 1e-14 rad of the way",
        ),
        ("if a < c:", ("< to <=",), "off the curve they are not equal"),
        (
            "if up < down and (turn or v == 0.0 or v * end < 0.0):",
            ("< to <=",),
            "with A = D, or at rest after this tick, no bend is left that is above A",
        ),
        (
            "goes_down = v < 0.0 or end < 0.0 or turn > 0.0",
            ("0.0 to 0.001, 3rd",),
            "having gone on by so little it ends on the other side of where it was: `end` tells it",
        ),
        (
            "a = self._rest + share * (a - self._rest) if share > 0.0 else self._rest",
            ("> to >=",),
            _SAME,
        ),
        ("fastest, _ = self.braking.stop(self._most, 0.0)", ("0.0 to 0.001",), _FAR),
        (
            "self._far = (fastest + self._most * (self._up + 2.0)) * self.j",
            ("2.0 to 2.5", "* to /, 2nd"),
            _FAR,
        ),
        ("self._at_target = _AT_TARGET * min(self._up, 1.0) * self.j", ("1.0 to 1.25",), _SPARE),
        (
            "if self._low + self._far < p < self._high - self._far and (up == down or -up <= a <= up):",
            (
                "< to <=",
                "< to <=, 2nd",
                "<= to <",
                "<= to <, 2nd",
                "condition always false",
                "or to and",
                "minus removed",
            ),
            _SLOW,
        ),
        ("if sent != target and abs(sent - target) < self._at_target:", ("< to <=",), _DOUBLE),
        ("if abs(a) - over > up:", ("> to >=",), _DOUBLE),
        (
            "return not (goes_up and p + high * self.j > self._high) and not (goes_down and p + low * self.j < self._low)",  # noqa: E501
            ("> to >=", "< to <="),
            _DOUBLE,
        ),
        (
            "if sent > self._upper:",
            ("> to >=",),
            _SAME,
        ),
        ("elif sent < self._lower:", ("< to <=",), _SAME),
        ("elif sent < self._lower:", ("condition always true",), "inside, the larger of it and the limit is itself"),
        (
            "guess, near, peek = self.braking.curve(v), _NEAR, 2.0",
            ("2.0 to 2.5",),
            "the second look is further off: " + _FOUND,
        ),
        ("guess = most if guess > most else max(guess, least)", ("> to >=",), _SAME),
        ("if -near < error < near:", ("< to <=", "< to <=, 2nd"), _DOUBLE),
        (
            "if -near < error < near:",
            ("condition always false", "minus removed"),
            "from a first look that hits the search goes on: " + _FOUND,
        ),
        ("if -near < found < near:", ("< to <=", "< to <=, 2nd"), _DOUBLE),
        (
            "guess, near, peek = self._a + self._jerk, _NEAR + _NEAR_MOVING * (v if v >= 0.0 else -v), _PEEK",
            (">= to >", "0.0 to 0.001", "minus removed"),
            _NEARER,
        ),
        ("end = most if error < 0.0 else least", ("< to <=",), "an error of 0 was near enough"),
        (
            "other = min(guess + peek, end) if error < 0.0 else max(guess - peek, end)",
            ("< to <=",),
            "an error of 0 was near enough",
        ),
        (
            "other = min(guess + peek, end) if error < 0.0 else max(guess - peek, end)",
            ("< to >=", "0.0 to 0.001"),
            "the second look stands at the end: " + _FOUND,
        ),
        (
            "if (other_error < 0.0) == (error < 0.0):",
            ("0.0 to 0.001, 2nd",),
            "of two looks one within a thousandth of j: " + _FOUND,
        ),
        (
            "if (found < 0.0) == (error < 0.0):",
            ("0.0 to 0.001", "0.0 to 0.001, 2nd"),
            "of two looks one within a thousandth of j: " + _FOUND,
        ),
        ("if other == end:", ("condition always false",), "then the end is looked at twice, and is the answer"),
        ("if (other_error < 0.0) == (error < 0.0):", ("< to <=",), "a second look that hits is the answer either way"),
        ("if (other_error < 0.0) == (error < 0.0):", ("< to <=, 2nd",), "a first look that hits was near enough"),
        ("if (found < 0.0) == (error < 0.0):", ("< to <=", "< to <=, 2nd"), "what hits was near enough"),
        ("other_error /= 2", ("2 to 3",), "another weight of the end that stays: " + _FOUND),
    ),
    "smooth_braking": (
        ("peak = v if v > 0.0 else -v", ("> to >=",), _SAME),
        (
            "if not at and slope * before < 0.0:  # it gathers speed first, or turns round",
            ("0.0 to 0.001",),
            "so small a bend gathers nothing in any tick",
        ),
        (
            "if not at and slope * before < 0.0:  # it gathers speed first, or turns round",
            ("< to <=",),
            "without bend there is nothing to gather; at D what could be gathered is less than the speed that needs D",
        ),
        ("if way < low:", ("< to <=",), _SAME),
        (
            "if slope * v > 0.0:",
            ("> to >=", "0.0 to 0.001", "condition always true"),
            "where it does not turn round, the place that is found is one on its way",
        ),
        ("elif way > high:", ("> to >=",), _SAME),
        ("rate = -down if step > 0.0 else down", ("> to >=",), "0 does not come here: it was looked at before"),
        (
            "self.travels = [path.high if path.high > -path.low else -path.low for path in paths]",
            ("> to >=",),
            _SAME,
        ),
        ("fast = -1.0", ("1.0 to 1.25",), "any number below 0: not known yet"),
        ("if fast < 0.0:", ("0.0 to 0.001", "< to <=", "condition always true"), "what is known is found once more"),
        ("if lever_after > lever:", ("> to >=",), _SAME),
        ("left = most_m - off - lever * (turned if turned < way else way)", ("< to <=",), _SAME),
        ("if left < 0.0:", ("< to <=",), _DOUBLE),
        ("if fast > left:", ("> to >=",), _DOUBLE),
        ("if lever <= most_m:", ("<= to <",), _DOUBLE),
        ("if self.lever_m <= most_m:", ("<= to <",), _DOUBLE),
        ("most += slope * (path.high if slope > 0.0 else path.low)", ("> to >=",), "at 0 it adds 0"),
        ("if most <= enough_m or end > enough_m > -math.inf:", ("<= to <", "> to >="), _DOUBLE),
        ("if not self._ways:", ("condition always true",), "what is known is found once more"),
        ("if self._ticks:", ("condition always false",), "what is known is found once more"),
        (
            "self._sags = [path.bend * _arch(-(-path.rest // _LOOKS)) for path in self._paths]",
            ("minus removed",),
            "it is squared",
        ),
        ("if square > most:", ("> to >=",), _SAME),
    ),
    "target_motion": (
        (
            "_QUIET: Final = 0.05",
            ("0.05 to 0.0625",),
            "a target that has stopped is where it is by a sixteenth of what jerk changes in a tick, not a twentieth: "
            "1e-6 rad at most, of arms that are told 4e-4 rad",
        ),
        (
            "if not -self._most <= change <= self._most:  # no joint moves like that: it jumped",
            ("<= to <", "<= to <, 2nd"),
            _DOUBLE,
        ),
        (
            "if not change and max(abs(error), abs(self.step), abs(self.bend)) < _QUIET * self._j:",
            ("< to <=",),
            _DOUBLE,
        ),
    ),
    "share_search": (
        ("while high - low > 1.5 * fine and tries:", ("1.5 to 1.875", "> to >="), _PASSED),
        ("COARSE: Final = 1 / 8", ("1 to 2", "8 to 9"), _PASSED),
        ("step *= 2", ("2 to 3",), _PASSED),
    ),
    "restraint": (
        ("if gain > _ROUNDING_M:", ("> to >=",), _DOUBLE),
        (
            "Restraint._way_out: arm.only = None",
            ("statement removed",),
            "the arm brakes then, whichever joint is looked at; `shares` forgets it at its end",
        ),
        (
            "motion = arm.braking(steps, steps, 1.0)",
            ("1.0 to 1.25",),
            "both ends are the wish; of a joint with a jerk limit, beyond 1 is the wish as well (`JerkJoint.mixed`)",
        ),
        (
            "if self._is_apart and motion.way_m > arm.way_m + self._spare_m:",
            ("> to >=",),
            _DOUBLE,
        ),
        (
            "return moved + way <= arm.room_m and (self._most_m is None or speed <= self._most_m)",
            ("<= to <", "<= to <, 2nd"),
            _DOUBLE,
        ),
        (
            "if not near and self._is_apart:",
            ("condition always false",),
            "what follows finds nothing to look at either",
        ),
        ("if step < 0.0:", ("< to <=",), "0 does not come here: it was looked at before"),
        ("moved += change * reach if change > 0.0 else -change * reach", ("> to >=",), "at 0 it adds 0"),
        (
            "if arm.is_smooth:",
            ("condition always true",),
            "of an arm without jerk limits the other quick look adds up the same way and speed, and asks the same",
        ),
        ("if way > arm.room_m or (most is not None and speed > most):", ("> to >=", "> to >=, 2nd"), _QUICK),
        ("self._is_apart = apart > _ROUNDING_M", ("> to >=",), _DOUBLE),
        (
            "if all([arm.why is NOTHING for arm in near]):",
            ("condition always true",),
            "pairs are looked at as well where one arm alone is refused: dearer, and refused either way",
        ),
        (
            "why = self._pair_why if min(shares) == 1.0 else self._judge_pairs(self._motions(braking, wished, shares))",
            ("1.0 to 1.25",),
            "what was found in this tick for the same motion is found once more",
        ),
        (
            'if arm.why[0] not in ("", "speed"):',
            ("0 to 1",),
            "what is found names the points as well, but for `speed`; a joint's own limit is never the answer "
            "(`test_what_the_joints_refuse_leaves_the_bound_that_was_found_before`)",
        ),
        ("if left <= self._creep_m:", ("<= to <",), _DOUBLE),
        ("_TRIES: Final = 6", ("6 to 7",), _PASSED),
        ("_TRIES_TOGETHER: Final = 3", ("3 to 4",), _PASSED),
        (
            "self._together = 0.5",
            ("0.5 to 0.625",),
            "where the first search begins: from any share it finds one that passes",
        ),
        ("if distance < _TOUCHING_M:", ("< to <=",), _DOUBLE),
        ("if sum(ways) <= self._apart_room_m:", ("<= to <", "condition always false"), _SLOW),
        ("if gap[0] - ways[a] - ways[b] >= need:", (">= to >",), _DOUBLE),
        ("if near < need:", ("< to <=",), _DOUBLE),
        ("if near < need:", ("condition always true",), _SLOW),
        (
            "if arm.chain.points[index].joints:",
            ("condition always true",),
            "a point that no joint moves has neither slopes nor reach: it adds 0",
        ),
    ),
    "chain": (
        (
            "carried: list[list[tuple[int, float, float, float]]] = [[] for _ in range(len(chain.joints) + 1)]",
            ("1 to 2",),
            "one empty list more, of no joint",
        ),
    ),
}
