"""A declaration as plain JSON and back: partials, dataclasses and functions, by their dotted names.

`describe` gives the JSON whose hash is an experiment's fingerprint; `rebuild` makes the object again, and because a
description may come with a stranger's checkpoint it reaches into a few packages only.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib
import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cirkit.errors import Problem

PACKAGE = Path(__file__).parent
KINDS = ("partial", "make", "name")
TRUSTED = ("models", "encoders", "attention")  # packages whose parts a stranger's description may name
# parts among them that reach beyond the description, to a hub or a file: not rebuilt
FETCHES = (
    "clip.transformers_clip", "open_clip_towers.load", "transformers_towers.load", "blip.blip", "t5.t5",
    "pretrained.weights", "pretrained.preprocessing", "bert.pretrained_bert", "bert.load", "word_vectors.glove",
    "word_vectors.glove_840b",
)  # fmt: skip


def describe(value: Any) -> Any:
    """Plain JSON for a declaration made of partials, dataclasses, functions, classes, containers and literals.

    An object with a method `described()` is what that returns: a world, its name and version and not its code.
    """
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
    if hasattr(value, "described") and not isinstance(value, type):
        return describe(value.described())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: describe(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"make": name_of(type(value))} | fields
    if callable(value):
        return {"name": name_of(value)}
    raise TypeError(f"{value!r} cannot stand in a declaration; use literals, dataclasses, functions or partials.")


def name_of(thing: Any) -> str:
    """What a configuration calls `thing`: module stem and qualified name for cirkit's own, so that files can move.

    For what is not ours, the dotted name it is imported by.
    """
    name = f"{thing.__module__}.{thing.__qualname__}"
    if "<" in name:
        raise TypeError(f"{name} has no name to import it by; declare a function or class at module level.")
    return name.removeprefix(thing.__module__.rpartition(".")[0] + ".") if name.startswith("cirkit.") else name


def rebuild(description: Any) -> Any:
    """The object a description came from. Only names inside the model packages are followed, else Problem.

    Nothing is fetched: `pretrained` is off, since a description that is rebuilt comes with weights of its own.
    """
    if isinstance(description, list):
        return tuple(rebuild(item) for item in description)
    if not isinstance(description, Mapping):
        return description
    kind = next((k for k in KINDS if k in description), None)
    if kind is None:
        return {key: rebuild(item) for key, item in description.items()}
    thing = _find(description[kind])
    keywords = {key: rebuild(item) for key, item in description.items() if key != kind}
    if "pretrained" in inspect.signature(thing).parameters:
        thing = functools.partial(thing, pretrained=False)
        keywords.pop("pretrained", None)
    return thing if kind == "name" else functools.partial(thing, **keywords) if kind == "partial" else thing(**keywords)


def _find(name: Any) -> Any:
    module = module_of(name) if isinstance(name, str) else None
    if module is None or module.split(".")[1] not in TRUSTED or name in FETCHES:
        raise Problem(f"The description names {name!r}, which is not a model part. Use a checkpoint cirkit saved.")
    return getattr(importlib.import_module(module), name.partition(".")[2])


def fingerprint(value: Any) -> str:
    """Sixteen hex digits that follow the configuration and nothing else, least of all where the data lie (`root`)."""
    return hashlib.sha256(json.dumps(rootless(describe(value)), sort_keys=True).encode()).hexdigest()[:16]


def rootless(description: Any) -> Any:
    """A description without where data lie (`root`)."""
    if isinstance(description, list):
        return [rootless(item) for item in description]
    if not isinstance(description, dict):
        return description
    return {key: rootless(item) for key, item in description.items() if key != "root"}


def module_of(name: str) -> str | None:
    """The module that defines what `name_of` calls so, such as `training.samplers` for `samplers.shuffled`.

    None where no module of the package does.
    """
    stem, _, rest = name.partition(".")
    found = (module for module in _modules(PACKAGE).get(stem, ()) if rest.partition(".")[0] in _syntax(module).defined)
    return next(found, None)


def modules() -> list[str]:
    """Every module of the package by its dotted name."""
    return [module for found in _modules(PACKAGE).values() for module in found]


def code_hash(value: Any, also: tuple[str, ...] = ()) -> str:
    """Sixteen hex digits over the syntax trees (no comments, no docstrings) of every module a configuration reaches."""
    reached: dict[str, str] = {}
    waiting = [*also, *(module for name in _names(describe(value)) if (module := module_of(name)) is not None)]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            syntax = _syntax(module)
            reached[module] = syntax.digest
            waiting += syntax.imports
    return hashlib.sha256(json.dumps(reached, sort_keys=True).encode()).hexdigest()[:16]


def _names(description: Any) -> Iterator[str]:
    if isinstance(description, Mapping):
        for key, item in description.items():
            if key in KINDS and isinstance(item, str):
                yield item
            else:
                yield from _names(item)
    elif isinstance(description, list):
        for item in description:
            yield from _names(item)


@dataclasses.dataclass(frozen=True)
class Syntax:
    """What a module's source says: a hash without comments and docstrings, what it imports of ours, what it defines."""

    digest: str
    imports: tuple[str, ...]
    defined: frozenset[str]


def _syntax(module: str) -> Syntax:
    path = _path(module)
    return _parsed(module, path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _parsed(module: str, path: Path, stamp: int) -> Syntax:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = tuple(dict.fromkeys(_imports(tree, module if path.name == "__init__.py" else module.rpartition(".")[0])))
    defined = frozenset(n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return Syntax(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports, defined)


@functools.lru_cache(maxsize=4)
def _modules(package: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        parts = ("cirkit", *path.relative_to(package).with_suffix("").parts)
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found.setdefault(parts[-1], []).append(".".join(parts))
    return found


def _module(name: str) -> str:
    while not _path(name).exists():
        name = name.rpartition(".")[0]
    return name


def _path(module: str) -> Path:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """The modules of ours that a module of `package` imports, by dotted name; relative imports too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (above, node.module or "") if part)
            if source.split(".")[0] == "cirkit":
                yield from (_module(f"{source}.{alias.name}") for alias in node.names)  # a name may itself be a module
        elif isinstance(node, ast.Import):
            yield from (_module(alias.name) for alias in node.names if alias.name.split(".")[0] == "cirkit")
