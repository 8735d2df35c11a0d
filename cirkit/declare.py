"""A declaration as plain JSON and back: partials, dataclasses and functions, by their dotted names.

`describe` gives the JSON whose hash is an experiment's fingerprint; `rebuild` makes the object again, and because a
description may come with a stranger's checkpoint it reaches into a few packages only.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cirkit.errors import Problem

PACKAGE = Path(__file__).parent
TRUSTED = ("cirkit.models.", "cirkit.encoders.", "cirkit.attention.", "cirkit.alignment.", "cirkit.positions.")


def describe(value: Any) -> Any:
    """Plain JSON for a declaration made of partials, dataclasses, functions, classes, containers and literals."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [describe(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, functools.partial):
        if value.args:
            raise TypeError(f"Declare {name_of(value.func)} with keywords only; positions do not describe themselves.")
        return {"partial": name_of(value.func)} | {key: describe(item) for key, item in sorted(value.keywords.items())}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: describe(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"make": name_of(type(value))} | fields
    if callable(value):
        return {"name": name_of(value)}
    raise TypeError(f"{value!r} cannot stand in a declaration; use literals, dataclasses, functions or partials.")


def name_of(thing: Any) -> str:
    """The dotted name under which `thing` can be imported again."""
    name = f"{thing.__module__}.{thing.__qualname__}"
    if "<" in name:
        raise TypeError(f"{name} has no name to import it by; declare a function or class at module level.")
    return name


def rebuild(description: Any) -> Any:
    """The object a description came from. Only names inside the model packages are followed, else Problem."""
    if isinstance(description, list):
        return tuple(rebuild(item) for item in description)
    if not isinstance(description, Mapping):
        return description
    kind = next((k for k in ("partial", "make", "name") if k in description), None)
    if kind is None:
        return {key: rebuild(item) for key, item in description.items()}
    thing = _find(description[kind])
    keywords = {key: rebuild(item) for key, item in description.items() if key != kind}
    return thing if kind == "name" else functools.partial(thing, **keywords) if kind == "partial" else thing(**keywords)


def _find(name: Any) -> Any:
    if not isinstance(name, str) or not name.startswith(TRUSTED):
        raise Problem(f"The description names {name!r}, which is not a model part. Use a checkpoint cirkit saved.")
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise Problem(f"There is no {name} in this version. Train the model again or install that version.") from error
    if getattr(found, "__module__", None) != module:
        raise Problem(f"{name} is not defined in {module}. Use a checkpoint cirkit saved.")
    return found


def fingerprint(value: Any) -> str:
    """Sixteen hex digits that follow the declaration and nothing else, least of all where the data lie (`root`)."""
    return hashlib.sha256(json.dumps(_rootless(describe(value)), sort_keys=True).encode()).hexdigest()[:16]


def _rootless(description: Any) -> Any:
    if isinstance(description, list):
        return [_rootless(item) for item in description]
    if not isinstance(description, dict):
        return description
    return {key: _rootless(item) for key, item in description.items() if key != "root"}


def code_hash(value: Any, also: tuple[str, ...] = ()) -> str:
    """Sixteen hex digits over the syntax trees (no comments, no docstrings) of every module a declaration reaches."""
    reached: dict[str, str] = {}
    waiting = [*also, *(_module(name) for name in _names(describe(value)) if name.startswith("cirkit."))]
    while waiting:
        module = waiting.pop()
        if module in reached:
            continue
        tree = ast.parse(_source(module))
        waiting += [name for name in _imports(tree) if name not in reached]
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = body[1:]
        reached[module] = ast.dump(tree)
    return hashlib.sha256(json.dumps(reached, sort_keys=True).encode()).hexdigest()[:16]


def _names(description: Any) -> Iterator[str]:
    if isinstance(description, Mapping):
        for key, item in description.items():
            if key in ("partial", "make", "name") and isinstance(item, str):
                yield item
            else:
                yield from _names(item)
    elif isinstance(description, list):
        for item in description:
            yield from _names(item)


def _module(name: str) -> str:
    while not _path(name).exists():
        name = name.rpartition(".")[0]
    return name


def _path(module: str) -> Path:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _source(module: str) -> str:
    return _path(module).read_text(encoding="utf-8")


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cirkit"):
            for alias in node.names:  # a name may itself be a module
                yield _module(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            yield from (_module(alias.name) for alias in node.names if alias.name.startswith("cirkit."))
