"""Bottom-up features: region vectors that were published, SCAN's arrays with their captions and the detector's table.

Anderson et al. (2018), 36 regions of 2048 numbers per image; Lee et al. (2018) publish them as `<split>_ims.npy` beside
`<split>_caps.txt`, without boxes, which `*.tsv` of the detector has. The data of Table 2 of Cao et al. (2022).
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from cirkit.benchmarks.annotations import read_text
from cirkit.errors import Problem
from cirkit.query import Batch, Benchmark, Query
from cirkit.regions import Regions

SPLITS = {"train": "train", "val": "dev", "test": "test"}  # as SCAN's files are called
FIVE = 5  # captions of an image
FIELDS = 6  # of a line of the table: number, width, height, boxes, their corners, their vectors
MOST = 1000  # boxes of an image


@dataclass(frozen=True)
class CaptionedRegions:
    """Training data: captions, and the image of each as regions; `reference` numbers the image."""

    text: Sequence[str]
    regions: Regions  # image by image
    reference: Int[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.text)

    @property
    def texts(self) -> Sequence[str]:
        """The captions, for the vocabulary."""
        return self.text

    def __getitem__(self, index: Int[Tensor, " b"]) -> Batch:
        text = [self.text[row] for row in index.tolist()]
        return Batch(query=Query(text=text), target=self.regions[self.reference[index]])


def precomputed(root: Path | str, split: str) -> Benchmark:
    """SCAN's features and captions of a split: every caption a query, every image a gallery item.

    The arrays stay on the disk until rows are read. Raises Problem where captions are not five to an image.
    """
    if split not in SPLITS:
        raise Problem(f"There is no split {split!r} of precomputed features. Use one of {', '.join(SPLITS)}.")
    path = Path(root) / f"{SPLITS[split]}_ims.npy"
    lines = read_text(path.with_name(f"{SPLITS[split]}_caps.txt")).removesuffix("\n").split("\n")
    text = [line.strip() for line in lines]
    vectors = _array(path)
    if len(vectors) == len(text):  # an image stands once for each of its captions
        vectors = vectors[::FIVE]
    if FIVE * len(vectors) != len(text) or not all(text):
        raise Problem(f"{path} has {len(vectors)} images for {len(text)} captions. Download both again.")
    relevant = [[row // FIVE] for row in range(len(text))]
    return Benchmark(name="text-to-image", query=Query(text=text), gallery=Regions(vectors=vectors), relevant=relevant)


def _array(path: Path) -> Tensor:
    """The numbers (images, regions, channels) of an .npy file, mapped and not read."""
    try:
        array = np.load(path, mmap_mode="c", allow_pickle=False)  # written to, the copy in memory alone would change
    except (OSError, ValueError) as error:
        raise Problem(f"{path} cannot be read ({' '.join(str(error).split())}). Download it again.") from error
    if not isinstance(array, np.ndarray) or array.ndim != 3 or array.dtype != "<f4" or not array.size:
        raise Problem(f"{path} does not hold images, regions and channels of 32-bit numbers. Download it again.")
    return torch.from_numpy(array)


def detected(path: Path | str, images: Sequence[int], regions: int = 36) -> Regions:
    """The first `regions` regions of the given images, with their boxes, from a table of the detector.

    Boxes become parts of the image's sides. Raises Problem for a line that cannot be read, and a missing image.
    """
    path, row = Path(path), {number: i for i, number in enumerate(images)}
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    try:
        with path.open(encoding="ascii") as lines:
            for number, line in enumerate(lines, 1):
                fields = line.rstrip("\n").split("\t")
                if len(fields) == FIELDS and fields[0].isdigit() and int(fields[0]) in row:
                    found[row[int(fields[0])]] = _regions(fields, f"{path}, line {number}", regions)
                elif len(fields) != FIELDS:
                    raise Problem(f"{path}, line {number}, has {len(fields)} fields of {FIELDS}. Download it again.")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{path} cannot be read ({error}). Download it again.") from error
    if missing := [number for number, i in row.items() if i not in found]:
        raise Problem(f"{path} lacks image {missing[0]} and {len(missing) - 1} others. Give the table that has them.")
    counts = torch.tensor([len(found[i][0]) for i in range(len(images))])
    width = found[0][1].shape[1]
    boxes, vectors = (torch.zeros(len(images), int(counts.max()), size) for size in (4, width))
    for i, (corners, values) in found.items():
        if values.shape[1] != width:
            raise Problem(f"{path} has vectors of {values.shape[1]} and of {width} numbers. Give one detector's table.")
        boxes[i, : len(corners)], vectors[i, : len(values)] = torch.from_numpy(corners), torch.from_numpy(values)
    return Regions(vectors=vectors, boxes=boxes, mask=torch.arange(boxes.shape[1]) < counts[:, None])


def _regions(fields: Sequence[str], where: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (r, 4) in parts of the sides and vectors (r, c) of one line."""
    try:
        width, height, count = (int(part) for part in fields[1:4])
        boxes, vectors = (np.frombuffer(base64.b64decode(part, validate=True), "<f4") for part in fields[4:])
        if not (0 < count <= MOST and width > 0 and height > 0 and len(vectors) >= count):
            raise ValueError("its counts cannot be")
        boxes, vectors = boxes.reshape(count, 4) / (width, height, width, height), vectors.reshape(count, -1)
    except (ValueError, binascii.Error) as error:
        raise Problem(f"{where}, cannot be read ({error}). Download it again.") from error
    if not (np.isfinite(boxes).all() and np.isfinite(vectors).all()):
        raise Problem(f"{where}, has a number that is none. Download it again.")
    return boxes[:most].astype(np.float32), vectors[:most].copy()


def image_search(pairs: Benchmark) -> Benchmark:
    """Every caption is a query, every image a gallery item: image retrieval."""
    return pairs


def caption_search(pairs: Benchmark) -> Benchmark:
    """Every image is a query, every caption a gallery item: sentence retrieval."""
    own: list[list[int]] = [[] for _ in range(len(pairs.gallery))]
    for caption, (image,) in enumerate(pairs.relevant):
        own[image].append(caption)
    return Benchmark(
        name="image-to-text", query=Query(image=pairs.gallery), gallery=list(pairs.query.text), relevant=own
    )


def training_pairs(pairs: Benchmark) -> CaptionedRegions:
    """Captions and their images, to learn from."""
    return CaptionedRegions(pairs.query.text, pairs.gallery, torch.tensor([image for (image,) in pairs.relevant]))
