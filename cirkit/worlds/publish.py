"""Publish a world: build a folder beside its place, then move it there whole, once.

A world's copy has the layout of the original benchmark plus `world.json`, which says what made it.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cirkit.errors import Problem

MANIFEST = "world.json"


def home() -> Path:
    """The data folder: the environment variable CIRKIT_DATA, or `data` beside the package."""
    named = os.environ.get("CIRKIT_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "data"


def place(manifest: dict[str, Any], data: Path | None = None) -> Path:
    """Where the world of this manifest lies: `<data>/worlds/<world>-<hash of the manifest>`."""
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:12]
    return (data or home()) / "worlds" / f"{manifest['world']}-{digest}"


def once(folder: Path, manifest: dict[str, Any], build: Callable[[Path], None]) -> Path:
    """Have `build` fill `folder`, unless it was filled from an equal manifest before.

    `build` writes into a hidden sibling that is renamed when complete, so nobody sees half a world. A folder that
    holds anything else is refused, never overwritten.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if made_by(folder) != json.loads(json.dumps(manifest)):
            raise Problem(f"{folder} holds something other than this world. Name an empty folder or remove it.")
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise Problem(
            f"Cannot write in {folder.parent}: {error.strerror}. Set CIRKIT_DATA to another folder."
        ) from error
    try:
        build(draft)
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        draft.chmod(0o755)
        try:
            os.rename(draft, folder)
        except OSError:
            if made_by(folder) != json.loads(json.dumps(manifest)):  # else another process was first: its copy is ours
                raise
    except OSError as error:
        raise Problem(f"Cannot write {folder}: {error.strerror}. Free some room or choose another folder.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def made_by(folder: Path) -> dict[str, Any] | None:
    """The manifest of a published folder, or None where there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None
