"""The maker of mutants: it changes what it says, one thing at a time, and leaves words alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.explained import EXPLAINED
from tests.mutation.mutate import mutants
from tests.mutation.targets import TARGETS


def made(source: str) -> dict[str, str]:
    """Change in words -> mutated source."""
    return {mutant.change: ast.unparse(mutant.tree) for mutant in mutants(source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", {"< to <=": "x = a <= b", "< to >=": "x = a >= b"}),
        ("x = a is b", {"is to is not": "x = a is not b"}),
        ("x = a + b", {"+ to -": "x = a - b"}),
        ("x = a % b", {"% to //": "x = a // b"}),
        ("x = a << b", {"<< to >>": "x = a >> b"}),
        ("x = a ^ b", {"^ to |": "x = a | b"}),
        ("x = min(a, b)", {"min to max": "x = max(a, b)"}),
        ("x = any(a)", {"any to all": "x = all(a)"}),
        ("x = a and b", {"and to or": "x = a or b"}),
        ("x = not a", {"not removed": "x = a"}),
        ("x = -a", {"minus removed": "x = a"}),
        ("x = True", {"True to False": "x = False"}),
        ("x = 3", {"3 to 4": "x = 4"}),
        ("x = 0.0", {"0.0 to 0.001": "x = 0.001"}),
        ("x = 2.0", {"2.0 to 2.5": "x = 2.5"}),
        ("a.x = b", {"statement removed": "pass"}),
        ("f(a)", {"statement removed": "pass"}),
        ("for a in b:\n    break", {"break to continue": "for a in b:\n    continue"}),
        (
            "if a:\n    b",
            {"condition always true": "if True:\n    b", "condition always false": "if False:\n    b"},
        ),
    ],
)
def test_each_kind_of_change(source, expected):
    assert made(source) == expected


def test_a_chain_of_comparisons_is_changed_one_at_a_time():
    assert set(made("x = a <= b < c").values()) == {
        "x = a < b < c",
        "x = a > b < c",
        "x = a <= b <= c",
        "x = a <= b >= c",
    }


@pytest.mark.parametrize(
    "source",
    [
        'def f(x: int | None) -> int | None:\n    """Adds 1."""\n    return x',
        'raise ValueError(f"{a + 1} is below {b}; expected {c:.2f}" + str(-d))',
        'x = f"{a + 1}"',
        "x: int | None = None",
        "if __name__ == '__main__':\n    sys.exit(main(1))",
    ],
)
def test_words_and_annotations_are_left_alone(source):
    assert made(source) == {}


def test_a_mutant_names_its_line():
    found = list(mutants("a = 1\nif a:\n    b = c * 2\n"))
    assert {(mutant.line, mutant.source, mutant.change) for mutant in found} >= {
        (1, "a = 1", "1 to 2"),
        (3, "b = c * 2", "* to /"),
    }


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_its_module_and_its_tests(name):
    target = TARGETS[name]
    assert (ROOT / Path(*target.module.split("."))).with_suffix(".py").is_file()
    for file in target.tests:
        assert (ROOT / file).is_file()


@pytest.mark.parametrize("name", EXPLAINED)
def test_every_explanation_is_of_a_change_that_is_made(name):
    """A line that was changed since must be explained anew."""
    source = (ROOT / Path(*TARGETS[name].module.split("."))).with_suffix(".py").read_text(encoding="utf-8")
    made = {(mutant.source, mutant.change) for mutant in mutants(source)}
    explained = {(line, change) for line, changes, _ in EXPLAINED[name] for change in changes}
    assert sorted(explained - made) == []


def test_a_share_of_the_mutants_is_killed():
    """The same few of three modules each time; all: python -m tests.mutation."""
    command = [sys.executable, "-m", "tests.mutation", "watch", "links", "can_frame", "--mutants", "6", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=110)
    report = json.loads(done.stdout)
    assert {name: (result["run"], result["survivors"]) for name, result in report.items()} == {
        name: (6, []) for name in ("watch", "links", "can_frame")
    }
    assert done.returncode == 0
    assert sum(result["killed"] for result in report.values()) > 12
