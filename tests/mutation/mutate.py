"""Python source -> its mutants: one small change each, of the kinds a slip of the hand makes."""

from __future__ import annotations

import ast
import copy
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.Mod: ast.FloorDiv,
}
_CALLED: dict[str, str] = {"min": "max", "max": "min", "any": "all", "all": "any"}
_ORDINAL = {2: "nd", 3: "rd"}


@dataclass(frozen=True)
class Mutant:
    line: int
    source: str
    """The line before the change, stripped; after its function's name where another function has the same line."""
    change: str
    """Words, e.g. '< to <='; '< to <=, 2nd' of the second such place in the line."""
    function: str
    lines: frozenset[int]
    """Of the statement: what runs none of them does not see the change."""
    _plain: ast.Module = field(repr=False)
    _index: int
    _number: int

    @property
    def tree(self) -> ast.Module:
        """The mutated module, made when asked for: a large module has a thousand of them."""
        return self._changed(copy.deepcopy(self._plain))

    def spoil(self) -> ast.Module:
        """As `tree`, and quicker: of the tree that all mutants share, for a process that looks at one of them only."""
        return self._changed(self._plain)

    def _changed(self, tree: ast.Module) -> ast.Module:
        _apply(tree, _nth(tree, self._index), self._number)
        return ast.fix_missing_locations(tree)


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant, in the order of the source. Words of messages, annotations and docstrings are left alone."""
    lines = [line.strip() for line in source.splitlines()]
    plain = without_words(source)
    homes = _homes(plain)
    functions = {line: function for _, (function, own) in homes.items() for line in own}
    where: dict[str, set[str]] = defaultdict(set)
    for number, line in enumerate(lines, start=1):
        where[line].add(functions.get(number, ""))
    found = [
        (getattr(node, "lineno", 1), _column(node, number), index, number, change)
        for index, node in enumerate(ast.walk(plain))
        for number, change in enumerate(_changes(node))
    ]
    nodes = list(ast.walk(plain))
    seen: Counter[tuple[int, str]] = Counter()
    for row, _, index, number, change in sorted(found):
        seen[row, change] += 1
        count = seen[row, change]
        function, own = homes[nodes[index]]
        words = lines[row - 1]
        yield Mutant(
            row,
            f"{function}: {words}" if len(where[words]) > 1 else words,
            change if count == 1 else f"{change}, {count}{_ORDINAL.get(count, 'th')}",
            function,
            own,
            plain,
            index,
            number,
        )


def _homes(tree: ast.Module) -> dict[ast.AST, tuple[str, frozenset[int]]]:
    """Node -> name of its function; lines of the statement that it stands in, without those of statements within."""
    homes: dict[ast.AST, tuple[str, frozenset[int]]] = {}

    def visit(node: ast.AST, function: str, own: frozenset[int]) -> None:
        if isinstance(node, ast.stmt):
            inner = {line for child in _statements(node) for line in range(child.lineno, _end(child) + 1)}
            own = frozenset(set(range(node.lineno, _end(node) + 1)) - inner | {node.lineno})
        homes[node] = function, own
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            function = f"{function}.{node.name}".lstrip(".")
        for child in ast.iter_child_nodes(node):
            visit(child, function, own)

    visit(tree, "", frozenset())
    return homes


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        else:
            yield from _statements(child)


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _column(node: ast.AST, number: int) -> tuple[int, int]:
    """Where in the source the change is seen: at an operator, not at the begin of what it takes."""
    match node:
        case ast.Compare(ops=ops, comparators=comparators):
            at = [place for place, op in enumerate(ops) for _ in _COMPARE.get(type(op), ())][number]
            return comparators[at].lineno, comparators[at].col_offset
        case ast.BinOp(right=right):
            return right.lineno, right.col_offset
        case ast.BoolOp(values=values):
            return values[1].lineno, values[1].col_offset
        case _:
            return getattr(node, "lineno", 1), getattr(node, "col_offset", 0)


def without_words(source: str) -> ast.Module:
    """The tree that all mutants are made of: annotations and messages become what `_changes` does not touch."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                argument.annotation = None
        elif isinstance(node, ast.AnnAssign) and _is_of_words(node.annotation):
            node.annotation = ast.copy_location(ast.Name("object", ast.Load()), node.annotation)
    for node in ast.walk(tree):
        for inner in ast.walk(node) if isinstance(node, ast.JoinedStr | ast.Raise) else ():
            inner.is_message = True  # type: ignore[attr-defined]
        if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
            for inner in ast.walk(node):  # runs in no test of one process
                inner.is_message = True  # type: ignore[attr-defined]
    return tree


def _is_of_words(annotation: ast.expr) -> bool:
    """For readers and type checkers only; with a call in it, it tells the program something: a field's bounds."""
    parts = list(ast.walk(annotation))
    return any(_changes(part) for part in parts) and not any(isinstance(part, ast.Call) for part in parts)


def _nth(tree: ast.Module, index: int) -> ast.AST:
    for number, node in enumerate(ast.walk(tree)):
        if number == index:
            return node
    raise IndexError(index)


def _changes(node: ast.AST) -> list[str]:
    if getattr(node, "is_message", False):
        return []
    match node:
        case ast.Compare(ops=ops):
            return [f"{_word(op)} to {_word(new())}" for op in ops for new in _COMPARE.get(type(op), ())]
        case ast.BinOp(op=op) if type(op) in _BINARY:
            return [f"{_word(op)} to {_word(_BINARY[type(op)]())}"]
        case ast.BoolOp(op=op):
            return ["and to or" if isinstance(op, ast.And) else "or to and"]
        case ast.UnaryOp(op=ast.Not()):
            return ["not removed"]
        case ast.UnaryOp(op=ast.USub()):
            return ["minus removed"]
        case ast.Constant(value=bool() as value):
            return [f"{value} to {not value}"]
        case ast.Constant(value=int() | float() as value):
            return [f"{value} to {_other(value)}"]
        case ast.If():
            return ["condition always true", "condition always false"]
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            return ["statement removed"]
        case ast.Assign(targets=[ast.Attribute()]):
            return ["statement removed"]
        case ast.Break():
            return ["break to continue"]
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            return [f"{name} to {_CALLED[name]}"]
        case _:
            return []


def _apply(tree: ast.Module, node: ast.AST, number: int) -> None:
    match node:
        case ast.Compare(ops=ops):
            places = [(at, new) for at, op in enumerate(ops) for new in _COMPARE.get(type(op), ())]
            at, new = places[number]
            ops[at] = new()
        case ast.BinOp(op=op):
            node.op = _BINARY[type(op)]()
        case ast.BoolOp(op=op):
            node.op = ast.Or() if isinstance(op, ast.And) else ast.And()
        case ast.UnaryOp(operand=operand):
            _replace(tree, node, operand)
        case ast.Constant(value=value):
            node.value = not value if isinstance(value, bool) else _other(value)  # type: ignore[arg-type]
        case ast.If():
            node.test = ast.Constant(number == 0)
        case ast.Break():
            _replace(tree, node, ast.Continue())
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            node.func = ast.Name(_CALLED[name], ast.Load())
        case _:
            _replace(tree, node, ast.Pass())


def _other(value: float) -> float:
    return value + 1 if isinstance(value, int) else (value * 1.25 if value else 1e-3)


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return
            if isinstance(value, list) and any(item is old for item in value):
                value[[item is old for item in value].index(True)] = new
                return


def _word(op: ast.AST) -> str:
    words = {
        ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
        ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in", ast.Add: "+", ast.Sub: "-", ast.Mult: "*",
        ast.Div: "/", ast.FloorDiv: "//", ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
        ast.LShift: "<<", ast.RShift: ">>", ast.Mod: "%",
    }  # fmt: skip
    return words[type(op)]
