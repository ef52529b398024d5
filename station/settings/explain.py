"""What is wrong with a settings file, from the decoder's message: in the words of whoever wrote the file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

from station.settings.nearest import nearest

_PLAIN_WORDS: Final = {
    "float": "a number",
    "int": "a whole number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_NO_KEYS: Final = ("file", "chains")
"""Fields that the station fills in."""


def explain(message: str, data: dict[str, Any], kind: type[msgspec.Struct]) -> str:
    """msgspec's message on decoding `data` as `kind`: with the key as a TOML path, the value found, what a choice's
    values are, and for an unknown key the nearest known one."""
    text, _, where = message.partition(" - at `")
    key = where.rstrip("`").removeprefix("$").removeprefix(".")
    if "[...]" in key:  # msgspec does not say which entry of a table: leave one in after the other
        place = key[: key.index("[...]")]
        table = _value_at(data, place)
        for name in list(table):
            try:
                msgspec.convert({**data, place: {name: table[name]}}, kind)
            except msgspec.ValidationError:
                key = key.replace("[...]", f".{name}", 1)
                break
    spoken = _named(data, key)
    unknown = re.search(r"unknown field `([^`]*)`", text)
    if unknown:
        place = f" in {spoken}" if key else ""
        return f"unknown key {unknown[1]!r}{place}{_meant(unknown[1], kind, key)}"
    # An optional key is left out: TOML knows no null.
    text = re.sub(r"`(\w+)( \| null)?`", lambda found: _PLAIN_WORDS.get(found[1], found[0]), text)
    if not key or "missing required field" in text:
        return text.replace("Object", f"[{spoken}]" if key else "the file")
    choices = _choices(_type_at(kind, key))
    if choices and "enum value" in text:
        text = f"Expected one of {', '.join(map(repr, choices))}"
    return f"{spoken} = {_value_at(data, key)!r}: {text[0].lower()}{text[1:]}"


def _parts(key: str) -> list[str]:
    return re.findall(r"[^.\[\]]+", key)


def _value_at(data: Any, key: str) -> Any:
    for part in _parts(key):
        try:
            data = data[int(part)] if isinstance(data, list) else data[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return "?"
    return data


def _named(data: Any, key: str) -> str:
    """The key with the name beside each number of a list: 'arm.joints[0] (right_j1): kp'."""
    spoken, at = "", 0
    for found in re.finditer(r"\[\d+\]", key):
        spoken += key[at : found.end()]
        at = found.end()
        item = _value_at(data, key[:at])
        name = item.get("name") if isinstance(item, dict) else None
        if isinstance(name, str):
            spoken += f" ({name})"
            if key[at : at + 1] == ".":
                spoken += ": "
                at += 1
    return spoken + key[at:]


def _bare(kind: Any) -> Any:
    """A key's type without its bounds and without 'or absent'."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
            continue
        some = [item for item in get_args(kind) if item is not type(None)]
        if type(None) not in get_args(kind) or len(some) != 1:
            return kind
        kind = some[0]


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _type_at(kind: Any, key: str) -> Any:
    """What the file's form says stands at a key; None where it says nothing."""
    for part in _parts(key):
        kind = _bare(kind)
        if _is_struct(kind):
            kind = next((field.type for field in msgspec.structs.fields(kind) if field.name == part), None)
        elif get_origin(kind) in (tuple, list):
            kind = get_args(kind)[0]
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            return None
    return _bare(kind)


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _meant(word: str, kind: type[msgspec.Struct], key: str) -> str:
    """The nearest key of the same table; a key of another table only where this one has none like it."""
    here = _type_at(kind, key)
    own = [field.name for field in msgspec.structs.fields(here)] if _is_struct(here) else []
    return nearest(word, own) or nearest(word, [name for name in _all_fields(kind) if name != word])


def _all_fields(kind: type[msgspec.Struct]) -> list[str]:
    found: list[str] = []
    todo: list[Any] = [kind]
    seen: set[Any] = set()
    while todo:
        item = todo.pop()
        if item in seen:
            continue
        seen.add(item)
        todo.extend(get_args(item))
        if _is_struct(item):
            for field in msgspec.structs.fields(item):
                if field.name in _NO_KEYS:
                    continue
                found.append(field.name)
                todo.append(field.type)
    return found
