"""An index on disk: index.json says what it holds and names, by digest, the file of its vectors.

index.json is replaced last and at once, so that an interrupted build leaves the old index or the new one. What is read
may come from a stranger: every part is checked, and nothing in it names a file outside the folder of the photos.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from torch import Tensor

from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.models.base import Features

ABOUT = "index.json"
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Photo:
    """A photo of an index: its path below the folder of photos, the sha256 of its content, its caption."""

    image: str
    digest: str
    caption: str | None


@dataclass(frozen=True)
class Stored:
    """What an index folder holds; `weights` is the digest of the encoder's local files, if it has any.

    `preprocessing` is how its images were prepared, by name.
    """

    encoder: str
    weights: str | None
    fingerprint: str
    preprocessing: dict[str, Any]
    folder: Path
    photos: tuple[Photo, ...]
    features: Features


def check_writable(out: Path) -> None:
    """Raises Problem where no index can be written: before the long work."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists() or path.is_symlink())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise Problem(f"Cannot write {out}: {there} is no folder that can be written. Choose another folder.")
    if there == out and not (out / ABOUT).is_file() and any(not _is_ours(path) for path in out.iterdir()):
        raise Problem(f"{out} holds something else than an index. Choose a folder that is new or empty.")


def write(out: Path, about: dict[str, Any], photos: tuple[Photo, ...], features: Features) -> None:
    """Write an index; `about` says what else a reader should know of it. Vectors of an index before it are removed."""
    from safetensors.torch import save

    parts = (features,) if isinstance(features, Tensor) else features
    content = save({f"{number:03d}": part.contiguous() for number, part in enumerate(parts)})
    digest = hashlib.sha256(content).hexdigest()
    plain = about | {"vectors": digest, "photos": [vars(photo) for photo in photos]}
    with _alone(out):
        write_atomically(_vectors(out, digest), content)
        write_atomically(out / ABOUT, json.dumps(plain, indent=1) + "\n")
        for path in out.iterdir():
            if _is_ours(path) and path != _vectors(out, digest):
                path.unlink(missing_ok=True)


def read(folder: Path) -> Stored:
    """The index in a folder. Raises Problem where there is none, or not a whole and sound one."""
    damaged = Problem(f"The index {folder} is damaged, or of another version of cirkit. Build it again.")
    try:
        plain = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Problem(f"{folder} is not an index that cirkit built. Build one of your photos first.") from error
    if not isinstance(plain, dict) or not isinstance(plain.get("photos"), list) or not plain["photos"]:
        raise damaged
    if not all(isinstance(plain.get(key), str) for key in ("encoder", "fingerprint", "folder", "vectors")):
        raise damaged
    root = Path(plain["folder"])
    weights, preprocessing = plain.get("weights"), plain.get("preprocessing", {})
    if not is_path(plain["folder"]) or not root.is_absolute():
        raise damaged
    if not isinstance(weights, str | None) or not isinstance(preprocessing, dict):
        raise damaged
    photos = tuple(_photo(item, damaged) for item in plain["photos"])
    features = _features(folder, plain["vectors"], len(photos), damaged)
    return Stored(plain["encoder"], weights, plain["fingerprint"], preprocessing, root, photos, features)


def _photo(item: Any, damaged: Problem) -> Photo:
    if not isinstance(item, dict) or not isinstance(item.get("caption"), str | None):
        raise damaged
    image, digest = item.get("image"), item.get("digest")
    if not isinstance(image, str) or not is_path(image) or not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise damaged
    path = PurePosixPath(image)
    if path.is_absolute() or ".." in path.parts:
        raise damaged
    return Photo(image, digest, item.get("caption"))


def is_path(name: str) -> bool:
    """Whether a file can have this name: no NUL, no half of a character that no file system gave out."""
    try:
        return bool(name) and b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False


def _features(folder: Path, digest: str, count: int, damaged: Problem) -> Features:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        if not DIGEST.fullmatch(digest):
            raise damaged
        content = _vectors(folder, digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise damaged
        parts = load(content)
    except (OSError, SafetensorError) as error:
        raise damaged from error
    features = tuple(parts[name] for name in sorted(parts))
    for part in features:
        if part.ndim == 0 or len(part) != count or not part.is_floating_point() or not part.isfinite().all():
            raise damaged
    if not features:
        raise damaged
    return features[0] if len(features) == 1 else features


def _vectors(folder: Path, digest: str) -> Path:
    return folder / f"vectors-{digest[:16]}.safetensors"


def _is_ours(path: Path) -> bool:
    """Whether a file holds vectors of an index, or a draft of a file of an index."""
    return re.fullmatch(r"vectors-[0-9a-f]{16}\.safetensors|\.(vectors-|index\.json).*", path.name) is not None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process writes this index meanwhile; the lock ends with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise Problem(f"Cannot write {folder}: {error.strerror}. Choose another folder.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
