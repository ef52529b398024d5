"""The maker of mutants: it changes what it says, one thing at a time, and leaves words alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.mutation.explained import EXPLAINED
from tests.mutation.forked import end_after, forked
from tests.mutation.kept import Kept, Result
from tests.mutation.mutate import mutants
from tests.mutation.reach import Reach
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


def test_what_an_annotation_tells_the_program_is_changed():
    assert made("class C:\n    x: Annotated[int, Scalar(0)]\n    y: int | None") == {
        "0 to 1": "class C:\n    x: Annotated[int, Scalar(1)]\n    y: object"
    }


def test_a_mutant_names_its_line():
    found = list(mutants("a = 1\nif a:\n    b = c * 2\n"))
    assert {(mutant.line, mutant.source, mutant.change) for mutant in found} >= {
        (1, "a = 1", "1 to 2"),
        (3, "b = c * 2", "* to /"),
    }


def test_like_changes_of_one_line_are_told_apart():
    found = [(mutant.change, ast.unparse(mutant.tree)) for mutant in mutants("x = a * (b * c) - a * c")]
    assert found == [
        ("* to /", "x = a / (b * c) - a * c"),
        ("* to /, 2nd", "x = a * (b / c) - a * c"),
        ("- to +", "x = a * (b * c) + a * c"),
        ("* to /, 3rd", "x = a * (b * c) - a / c"),
    ]


def test_like_lines_of_two_functions_are_told_apart():
    source = (
        "class C:\n    def f(self):\n        self.x = a\n    def g(self):\n        self.x = a\n        self.y = a\n"
    )
    assert [mutant.source for mutant in mutants(source)] == ["C.f: self.x = a", "C.g: self.x = a", "self.y = a"]


def test_a_change_is_seen_where_the_lines_of_its_statement_run_and_not_where_those_within_do():
    source = (
        "for x in (\n    1,\n    2,\n):\n    if x:\n        y(\n            3\n        )\n    else:\n        y(4)\n"
    )
    assert {mutant.change: set(mutant.lines) for mutant in mutants(source) if " to " in mutant.change} == {
        "1 to 2": {1, 2, 3, 4},
        "2 to 3": {1, 2, 3, 4},
        "3 to 4": {6, 7, 8},
        "4 to 5": {10},
    }


def test_a_spoilt_tree_is_the_mutant():
    source = "x = a < b"
    assert [ast.unparse(list(mutants(source))[number].spoil()) for number in range(2)] == ["x = a <= b", "x = a >= b"]


def test_results_are_kept_for_the_files_as_they_were(tmp_path):
    source = tmp_path / "x.py"
    source.write_text("a = 1")

    def kept() -> Kept:
        return Kept(tmp_path / "kept", "x", [source])

    assert kept().results == {} and not (tmp_path / "kept").exists()
    first = kept()
    first.keep(3, Result("a test", 0.5))
    first.keep(4, Result(None, 1.0))
    (file,) = (tmp_path / "kept").iterdir()
    with file.open("a") as interrupted:
        interrupted.write('\n[5, "a te')
    again = kept()
    assert again.results == {3: Result("a test", 0.5), 4: Result(None, 1.0)}
    again.keep(5, Result("a test", 0.5))
    assert set(kept().results) == {3, 4, 5}
    source.write_text("a = 2")
    assert kept().results == {}
    source.write_text("a = 1")
    assert set(kept().results) == {3, 4, 5}


def test_what_neither_ends_nor_works_is_ended():
    def sleep() -> None:
        end_after(0.01)
        time.sleep(100)

    def turn() -> None:
        end_after(0.01)
        while True:
            pass

    assert forked(sleep) is None
    assert forked(turn) is None
    assert forked(lambda: [1, "a"]) == [1, "a"]


def test_a_test_that_does_not_run_a_line_is_not_asked():
    reach = Reach((1.0, 1.0, 1.0), (frozenset({3}), frozenset({4, 5}), frozenset({3, 5})), frozenset({1}))
    assert reach.tests(frozenset({3})) == [0, 2]
    assert reach.tests(frozenset({5, 6})) == [1, 2]
    assert reach.tests(frozenset({7})) == []
    assert reach.tests(frozenset({1, 7})) == [0, 1, 2]  # an import sets it for all


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


def test_a_share_of_the_mutants_is_killed(tmp_path):
    """The same few of three modules each time; all: python -m tests.mutation."""
    names = ("links", "can_frame", "exo_codec")
    command = [sys.executable, "-m", "tests.mutation", *names, "--mutants", "6", "--keep", str(tmp_path)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, cwd=ROOT, check=False, timeout=110)
    report = json.loads(done.stdout)
    assert {name: (result["run"], result["survivors"]) for name, result in report.items()} == {
        name: (6, []) for name in names
    }
    assert done.returncode == 0
    assert sum(result["killed"] for result in report.values()) > 12
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {file.split(".")[0] for file in kept} == set(names)
    again = subprocess.run(
        [*command, "--seconds", "0"], capture_output=True, text=True, cwd=ROOT, check=False, timeout=110
    )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == kept
    *_, head, one, two, three, total = again.stdout.splitlines()
    assert head.split() == [
        "module",
        "mutants",
        "run",
        "killed",
        "by",
        "no",
        "end",
        "explained",
        "surviving",
        "seconds",
    ]
    assert [row.split()[0] for row in (one, two, three, total)] == [*names, "all"]
    assert int(total.split()[2]) == 18
