"""Publish a world: build a folder beside its own, then move it there whole, once; and what an experiment reads of it.

A world's folder has the layout of the original benchmark plus `world.json`: which world and size, and its counts.
"""

import dataclasses
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.pictured import MANIFEST, Counts, manifest_of
from cirkit.errors import Problem
from cirkit.files import draft

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)  # a world is itself alone
class World:
    """One benchmark's synthetic counterpart: it writes the official files, from a size alone."""

    name: str
    version: int  # raise it when the same size would give other bytes
    sizes: Mapping[str, Any]  # by scale; instances of one dataclass
    write: Callable[[Path, Any], Counts]  # (folder, size): the official files; returns what a check should find
    images: Callable[[Any, str, Sequence[int]], UInt8[Tensor, "b 3 h w"]]  # (size, split, rows), drawn again

    def described(self) -> dict[str, Any]:
        """What of a world decides its bytes, beside the size."""
        return {"world": self.name, "version": self.version}

    def manifest(self, size: Any) -> dict[str, Any]:
        """What `world.json` says of a world of this size, but for its counts."""
        return {"world": self.name, "version": self.version, "size": dataclasses.asdict(size)}

    def folder(self, size: Any, data: Path | None = None) -> Path:
        """Where the world of this size lies in the data folder; published now if it is not there yet."""
        root = folder_of(self.manifest(size), data)
        self.publish(root, size)
        return root

    def publish(self, root: Path, size: Any) -> None:
        """Write the world of this size to `root` in the official format; at once if it is there already."""
        once(root, self.manifest(size), lambda folder: self.write(folder, size))

    def require_current(self, root: Path) -> None:
        """Raises Problem where `root` is a world, but not as today's code would publish it."""
        if (found := manifest_of(root)) is None:
            return
        kind = type(next(iter(self.sizes.values())))
        try:
            size = kind(**found["size"])
        except (KeyError, TypeError) as error:
            raise Problem(f"{root / MANIFEST} does not describe a world of {self.name}. Publish it again.") from error
        if _same(found, self.manifest(size)):
            return
        raise Problem(f"{root} was published by another version of this world. Remove it and publish it again.")


@dataclasses.dataclass(frozen=True, eq=False)
class drawn(Generic[T]):
    """Data of a world as an experiment names them: what a reader returns of the world's folder.

    The folder is published on the first call. Calls that ask for the same share one object.
    """

    read: Callable[..., T]  # of `root` and the settings
    world: World
    size: Any
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __call__(self) -> T:
        return _read(self.read, self.world, self.size, tuple(sorted(self.settings.items())))


@dataclasses.dataclass(frozen=True, eq=False)
class drawn_each_seed(drawn[T]):
    """`drawn`, but a run of seed s reads the world of seed s."""

    def of_seed(self, seed: int) -> drawn[T]:
        """The data of a run of this seed."""
        return drawn(self.read, self.world, dataclasses.replace(self.size, seed=seed), self.settings)


@functools.lru_cache(maxsize=4)  # train and test of two sizes; many rows ask for the same
def _read(read: Callable[..., T], world: World, size: Any, settings: tuple[tuple[str, Any], ...]) -> T:
    return read(root=world.folder(size), **dict(settings))


def data_home() -> Path:
    """The data folder: the environment variable CIRKIT_DATA, or `data` beside the package."""
    named = os.environ.get("CIRKIT_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "data"


def folder_of(manifest: dict[str, Any], data: Path | None = None) -> Path:
    """Where the world of this manifest lies: `<data>/worlds/<world>-<hash of the manifest>`."""
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:12]
    return (data or data_home()) / "worlds" / f"{manifest['world']}-{digest}"


def once(folder: Path, manifest: dict[str, Any], build: Callable[[Path], Counts | None]) -> Path:
    """Have `build` fill `folder`, unless it was filled from an equal manifest before.

    `build` writes into a hidden sibling that is renamed when complete, so nobody sees half a world; the counts that it
    returns enter `world.json`. A folder that holds anything else is refused, never overwritten.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not _same(manifest_of(folder), manifest):
            raise Problem(f"{folder} holds something other than this world. Name an empty folder or remove it.")
        return folder
    stage = draft(folder)
    try:
        stage.mkdir()
        counts = build(stage)
        whole = manifest | ({} if counts is None else {"counts": counts})
        (stage / MANIFEST).write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")
        try:
            os.rename(stage, folder)
        except OSError:
            if not _same(manifest_of(folder), manifest):  # else another process was first: its copy is ours
                raise
    except OSError as error:
        raise Problem(f"Cannot write {folder}: {error.strerror}. Free some room or choose another folder.") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return folder


def _same(found: Mapping[str, Any] | None, manifest: Mapping[str, Any]) -> bool:
    """Whether a `world.json` is of this manifest, whatever it counts."""
    if found is None:
        return False
    return {key: value for key, value in found.items() if key != "counts"} == json.loads(json.dumps(manifest))
