"""Index a folder of photos and search it with an image, a text, or both."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from cirkit import __version__
from cirkit.benchmarks.folder import Photos, digest, read
from cirkit.benchmarks.photos import fault, square
from cirkit.errors import Problem
from cirkit.evaluators.ranking import device_of
from cirkit.files import inside
from cirkit.models.base import Cosine, Features, join, take
from cirkit.query import Query, all_rows
from cirkit.search import index, storage
from cirkit.search.encoder import Encoder, trusted


@dataclass(frozen=True, kw_only=True)
class PhotoQuery:
    """A photo, a text, or both. Raises Problem for neither, and for a photo that cannot be read."""

    image: Path | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if self.image is None and not (self.text or "").strip():
            raise Problem("There is nothing to search for. Give a photo, a text, or both.")
        reason = None if self.image is None else fault(self.image)
        if reason is not None:
            raise Problem(f"Cannot search with the image {self.image}: {reason}. Give the path of an image file.")


@dataclass(frozen=True)
class Hit:
    """One result: `score` is the cosine for encoders that compare by cosine, else the encoder's own score.

    `digest` is that of the photo when it was indexed.
    """

    rank: int
    score: float
    path: Path
    caption: str | None
    digest: str

    def row(self) -> dict[str, Any]:
        """The hit as plain values."""
        return {"rank": self.rank, "score": round(self.score, 4), "path": str(self.path), "caption": self.caption}

    def is_unchanged(self) -> bool:
        """Whether the photo that was indexed still lies there: nothing else is ever shown."""
        try:
            return self.path.is_file() and digest(self.path) == self.digest
        except OSError:
            return False


def encoder_of(index_dir: Path) -> str:
    """What `encoder_from` takes to load the encoder that built an index; Problem where the user has to name it."""
    stored = storage.read(index_dir)
    return trusted(stored.encoder, stored.weights)


@torch.no_grad()
def build(photos: Path, encoder: Encoder, out: Path, table: Path | None = None, batch: int = 32) -> Photos:
    """Encode every photo below `photos` and write the index folder `out`; returns what was read and what was skipped.

    `table` is a CSV file of captions (see `cirkit.benchmarks.folder.read`). An index that is already at `out` stays
    until the new one is whole; a folder that holds anything else is refused.
    """
    from tqdm import tqdm

    storage.check_writable(out)
    chosen = read(photos, encoder.size, table)
    device = device_of(encoder.retriever)
    parts = []
    with tqdm(total=len(chosen), unit="photo", desc="encode", disable=None) as bar:  # silent where nobody watches
        for rows in all_rows(chosen).split(batch):
            parts.append(_to(encoder.retriever.encode(chosen[rows].to(device)), torch.device("cpu")))
            bar.update(len(rows))
    features = join(parts)
    if isinstance(encoder.retriever.score, Cosine):
        features = normalize(features, dim=-1)
    about = {
        "cirkit": __version__,
        "encoder": encoder.name,
        "weights": encoder.weights,
        "fingerprint": encoder.fingerprint,
        "preprocessing": {
            "decoding": "turned as EXIF says, transparent parts on white, shorter side bicubic, middle square",
            "size": encoder.size,
            **encoder.preprocessing,
        },
        "folder": str(photos.resolve()),
    }
    items = map(storage.Photo, chosen.names, chosen.digests, chosen.captions)
    storage.write(out, about, tuple(items), features)
    return chosen


@torch.no_grad()
def search(
    index_dir: Path, encoder: Encoder, query: PhotoQuery, k: int = 10, *, photos: Path | None = None
) -> list[Hit]:
    """The first k photos for a photo, a text, or both; a photo that is itself in the index is left out.

    `photos` is where the photos lie now, if they were moved. Raises Problem when the index was built with other
    weights than the encoder's, and when the photos are not there.
    """
    if k < 1:
        raise Problem(f"Cannot give the first {k} results. Ask for one or more.")
    stored = storage.read(index_dir)
    if stored.fingerprint != encoder.fingerprint:
        own = json.loads(json.dumps(dict(encoder.preprocessing)))
        other = [name for name in own if own[name] != stored.preprocessing.get(name)]
        if other and stored.encoder == encoder.name:
            raise Problem(
                f"{index_dir} was built with images of another preprocessing ({', '.join(other)}) than {encoder.name} "
                "has now. Build it again."
            )
        raise Problem(
            f"{index_dir} was built with {stored.encoder} ({stored.fingerprint[:12]}), not with {encoder.name} "
            f"({encoder.fingerprint[:12]}). Build it again, or search with the encoder that built it."
        )
    root = photos or stored.folder
    if not root.is_dir():
        raise Problem(f"The photos are not in {root}. Say with --photos where they are.")
    scores, rows = _best(encoder, _compose(encoder, query), stored.features, min(k + 1, len(stored.photos)), index_dir)
    own = None if query.image is None else digest(query.image)
    hits: list[Hit] = []
    for score, row in zip(scores.tolist(), rows.tolist(), strict=True):
        photo = stored.photos[row]
        if photo.digest != own:
            hits.append(Hit(len(hits) + 1, score, inside(root, photo.image), photo.caption, photo.digest))
    return hits[:k]


def _compose(encoder: Encoder, query: PhotoQuery) -> Features:
    device = device_of(encoder.retriever)
    image = None if query.image is None else square(query.image, encoder.size)[None].to(device)  # (1, 3, h, w)
    text = [query.text] if query.text is not None and query.text.strip() else None
    try:
        return _to(encoder.retriever.compose(Query(image=image, text=text)), torch.device("cpu"))
    except (TypeError, AttributeError, ValueError) as error:
        if image is not None and text is not None:
            raise
        missing = "a photo" if image is None else "a text"
        raise Problem(f"{encoder.name} cannot answer without {missing}. Give {missing} as well.") from error


def _best(encoder: Encoder, composed: Features, features: Features, k: int, where: Path) -> tuple[Tensor, Tensor]:
    """Scores and rows of the first k, best first; ties by row."""
    damaged = Problem(f"The index {where} is damaged: its vectors are not its encoder's. Build it again.")
    if isinstance(encoder.retriever.score, Cosine):
        if not isinstance(features, Tensor) or not isinstance(composed, Tensor) or features.ndim != 2:
            raise damaged
        scores, rows = index.build(features).search(normalize(composed, dim=-1), k)
        return scores[0], rows[0]
    device = device_of(encoder.retriever)
    query = _to(composed, device)
    n = len(features) if isinstance(features, Tensor) else len(features[0])
    chunks = torch.arange(n).split(1024)
    try:
        parts = [encoder.retriever.score(query, _to(take(features, rows), device)).cpu() for rows in chunks]
    except (RuntimeError, TypeError, ValueError) as error:
        raise damaged from error
    order = torch.cat(parts, dim=1)[0].sort(descending=True, stable=True)
    return order.values[:k], order.indices[:k]


def _to(features: Features, device: torch.device) -> Features:
    return features.to(device) if isinstance(features, Tensor) else tuple(part.to(device) for part in features)
