"""Index a folder of photos and search it with an image, a text, or both."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from cirkit import __version__
from cirkit.benchmarks.folder import Photos, read
from cirkit.benchmarks.photos import square
from cirkit.errors import Problem
from cirkit.evaluators.ranking import device_of
from cirkit.files import inside
from cirkit.models.base import Cosine, Features, Retriever, join, take
from cirkit.query import Query, all_rows
from cirkit.search import index


@runtime_checkable
class Encoder(Protocol):
    """What an index is made with: a retriever, how large it wants its pictures, and which weights it has."""

    name: str
    size: int
    fingerprint: str
    retriever: Retriever


@dataclass(frozen=True)
class Loaded:
    """An encoder as `encoder_from` gives it."""

    name: str
    size: int
    fingerprint: str
    retriever: Any  # nn.Module and Retriever at once


@dataclass(frozen=True, kw_only=True)
class Question:
    """A photo, a sentence, or both."""

    image: Path | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if self.image is None and not (self.text or "").strip():
            raise Problem("There is nothing to search for. Give a photo, a sentence, or both.")


@dataclass(frozen=True)
class Hit:
    """One result: `score` is the cosine for encoders that compare by cosine, else the encoder's own score."""

    rank: int
    score: float
    path: Path
    caption: str | None

    def row(self) -> dict[str, Any]:
        """The hit as plain values."""
        return {"rank": self.rank, "score": round(self.score, 4), "path": str(self.path), "caption": self.caption}


def encoder_of(index_dir: Path) -> str:
    """What `encoder_from` takes to load the encoder that built an index."""
    return _about(index_dir)[0]["encoder"]


def encoder_from(spec: str) -> Loaded:
    """From `open_clip:ARCH/PRETRAINED` (a tag it knows, or a local file), or from the folder of a cirkit checkpoint."""
    if spec.startswith("open_clip:"):
        arch, _, pretrained = spec.removeprefix("open_clip:").partition("/")
        if not arch or not pretrained:
            raise Problem(
                f"{spec!r} lacks its weights. Write open_clip:ARCH/PRETRAINED, as in open_clip:ViT-B-32/openai."
            )
        from cirkit.encoders.clip import OpenClip

        clip = OpenClip(arch, pretrained)
        return Loaded(spec, clip.size, clip.fingerprint(), clip)
    folder = Path(spec)
    if not folder.is_dir():
        raise Problem(f"There is no checkpoint folder {spec}. Give one, or open_clip:ARCH/PRETRAINED.")
    from cirkit.training.checkpoints import image_size, load

    retriever = load(folder)
    digest = hashlib.sha256()
    for name in ("model.json", "model.safetensors"):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return Loaded(spec, image_size(folder), digest.hexdigest(), retriever)


@torch.no_grad()
def build(photos: Path, encoder: Encoder, out: Path, table: Path | None = None, batch: int = 32) -> Photos:
    """Encode every photo below `photos` and write the index folder `out`; returns what was read and what was skipped.

    `table` is a CSV file of captions (see `cirkit.benchmarks.folder.read`). An index that is already at `out` stays
    until the new one is whole; a folder that holds anything else is refused.
    """
    from tqdm import tqdm

    with _replacing(out) as stage:  # before the long work: a folder that cannot be written fails at once
        found = read(photos, encoder.size, table)
        device = device_of(encoder.retriever)
        parts = []
        with tqdm(total=len(found), unit="photo", desc="encode", disable=None) as bar:  # silent where nobody watches
            for rows in all_rows(found).split(batch):
                parts.append(_on_cpu(encoder.retriever.encode(found[rows].to(device))))
                bar.update(len(rows))
        features = join(parts)
        if isinstance(encoder.retriever.score, Cosine):
            features = normalize(features, dim=-1)
        _write(stage, found, features, encoder)
    return found


@torch.no_grad()
def search(
    index_dir: Path, encoder: Encoder, image: Path | None = None, text: str | None = None, k: int = 10
) -> list[Hit]:
    """The first k photos for a photo, a sentence, or both; a photo that is itself in the index is left out.

    Raises a Problem when the index was built with other weights than the encoder's.
    """
    asked = Question(image=image, text=text)
    if k < 1:
        raise Problem(f"Cannot give the first {k} results. Ask for one or more.")
    about, items = _about(index_dir)
    if about["fingerprint"] != encoder.fingerprint:
        raise Problem(
            f"{index_dir} was built with {about['encoder']} ({about['fingerprint'][:12]}), not with {encoder.name} "
            f"({encoder.fingerprint[:12]}). Build it again, or search with the encoder that built it."
        )
    features = _features(index_dir, len(items))
    root = Path(about["photos"])
    scores, rows = _best(encoder, _compose(encoder, asked), features, min(k + 1, len(items)))
    own = None if image is None else image.resolve()
    hits: list[Hit] = []
    for score, row in zip(scores.tolist(), rows.tolist(), strict=True):
        path = inside(root, items[row]["image"])
        if own is None or path.resolve() != own:
            hits.append(Hit(len(hits) + 1, score, path, items[row]["caption"]))
    return hits[:k]


def _compose(encoder: Encoder, asked: Question) -> Features:
    device = device_of(encoder.retriever)
    image = None if asked.image is None else square(asked.image, encoder.size)[None].to(device)  # (1, 3, h, w)
    text = [asked.text] if (asked.text or "").strip() else None
    try:
        return _on_cpu(encoder.retriever.compose(Query(image=image, text=text)))
    except (TypeError, AttributeError, ValueError) as error:
        if image is not None and text is not None:
            raise
        missing = "a photo" if image is None else "a sentence"
        raise Problem(f"{encoder.name} cannot answer without {missing}. Give {missing} as well.") from error


def _best(encoder: Encoder, composed: Features, features: Features, k: int) -> tuple[Tensor, Tensor]:
    """Scores and rows of the first k, best first; ties by row."""
    if isinstance(encoder.retriever.score, Cosine):
        scores, rows = index.build(features).search(normalize(composed, dim=-1), k)
        return scores[0], rows[0]
    device = device_of(encoder.retriever)
    question = _to(composed, device)
    n = len(features) if isinstance(features, Tensor) else len(features[0])
    chunks = torch.arange(n).split(1024)
    parts = [encoder.retriever.score(question, _to(take(features, rows), device)).cpu() for rows in chunks]
    order = torch.cat(parts, dim=1)[0].sort(descending=True, stable=True)
    return order.values[:k], order.indices[:k]


def _to(features: Features, device: torch.device) -> Features:
    return features.to(device) if isinstance(features, Tensor) else tuple(part.to(device) for part in features)


def _on_cpu(features: Features) -> Features:
    return _to(features, torch.device("cpu"))


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `out` when all went well and vanishes when not."""
    if out.exists() and not (out / "index.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise Problem(f"{out} holds something else than an index. Choose a folder that is new or empty.")
    out = out.absolute()
    stage = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
        (stage / "new").mkdir()
        yield stage / "new"
        if out.exists():
            out.rename(stage / "old")
        (stage / "new").rename(out)
    except OSError as error:
        raise Problem(
            f"Cannot write {out}: {error.strerror or error}. Free some room or choose another folder."
        ) from error
    finally:
        if stage is not None:
            if (stage / "old").exists() and not out.exists():
                (stage / "old").rename(out)  # the second renaming failed: the old index comes back
            shutil.rmtree(stage, ignore_errors=True)


def _write(stage: Path, photos: Photos, features: Features, encoder: Encoder) -> None:
    from safetensors.torch import save

    parts = (features,) if isinstance(features, Tensor) else features
    about = {
        "cirkit": __version__,
        "encoder": encoder.name,
        "fingerprint": encoder.fingerprint,
        "preprocessing": {
            "decoding": "turned as EXIF says, transparent parts on white, shorter side bicubic, middle square",
            "size": encoder.size,
            **getattr(encoder.retriever, "preprocessing", {}),
        },
        "photos": str(photos.root.resolve()),
        "count": len(photos),
    }
    items = [{"image": n, "caption": c} for n, c in zip(photos.names, photos.captions, strict=True)]
    content = save({f"{number:03d}": part.contiguous() for number, part in enumerate(parts)})
    (stage / "vectors.safetensors").write_bytes(content)
    (stage / "items.json").write_text(json.dumps(items, indent=0) + "\n", encoding="ascii")
    (stage / "index.json").write_text(json.dumps(about, indent=1) + "\n", encoding="ascii")


def _about(index_dir: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        about = json.loads((index_dir / "index.json").read_text(encoding="utf-8"))
        items = json.loads((index_dir / "items.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(f"{index_dir} is not an index that cirkit built. Build one of your photos first.") from error
    sound = (
        isinstance(about, dict)
        and all(isinstance(about.get(key), str) for key in ("encoder", "fingerprint", "photos"))
        and isinstance(items, list)
        and all(isinstance(item, dict) and isinstance(item.get("image"), str) for item in items)
        and all(isinstance(item.get("caption"), str | None) for item in items)
    )
    if not sound or about.get("count") != len(items) or not items:
        raise Problem(f"The index {index_dir} is damaged. Build it again.")
    return about, [{"image": item["image"], "caption": item.get("caption")} for item in items]


def _features(index_dir: Path, count: int) -> Features:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        parts = load((index_dir / "vectors.safetensors").read_bytes())
    except (OSError, SafetensorError) as error:
        raise Problem(f"The index {index_dir} is damaged: its vectors cannot be read. Build it again.") from error
    features = tuple(parts[name] for name in sorted(parts))
    if not features or any(part.ndim == 0 or len(part) != count for part in features):
        raise Problem(f"The index {index_dir} is damaged: it lacks vectors of some photos. Build it again.")
    return features[0] if len(features) == 1 else features
