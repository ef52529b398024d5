"""A changed module in the place of a loaded one."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PACKAGES = ("tests.", "station.", "drivers.", "firmware_bridge.")


def places(name: str) -> Callable[[ast.Module], None]:
    """Runs a tree as the module `name`, and gives its names to all who had imported them."""
    module = sys.modules[name]
    names = vars(module)
    taken: list[tuple[dict[str, Any], str]] = [
        (vars(other), key)
        for other_name, other in list(sys.modules.items())
        if other is not module and other_name.startswith(_PACKAGES)
        for key, value in vars(other).items()
        if key in names and value is names[key]
    ]

    def put(tree: ast.Module) -> None:
        exec(compile(tree, str(module.__file__), "exec"), names)
        for others, key in taken:
            others[key] = names[key]

    return put


def source(name: str) -> str:
    return Path(str(sys.modules[name].__file__)).read_text(encoding="utf-8")


def loaded_files() -> list[Path]:
    """Every file of the project that is loaded now, the makers of mutants aside."""
    files = {
        Path(str(module.__file__))
        for name, module in list(sys.modules.items())
        if name.startswith(_PACKAGES) and not name.startswith("tests.mutation") and getattr(module, "__file__", None)
    }
    return sorted(files)
