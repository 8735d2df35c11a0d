"""TextVQA's questions with images as M4C reads them: objects, and the words that an OCR system read, as vectors.

Hu et al. (2020), M4C, §3.1 and §4.1: 100 objects of a detector, 50 words of Rosetta, of either a vector and a box.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cirkit.benchmarks import textvqa
from cirkit.encoders.crops import CropEncoder, crops
from cirkit.encoders.image import ResNet, pooled, unprojected
from cirkit.encoders.read_images import ReadImages
from cirkit.encoders.thumbnails import Thumbnails
from cirkit.examples import CachedFeatures, Questions, Words, at_seed
from cirkit.models.m4c import tidy
from cirkit.papers.clip_family.shared_clip import on_accelerator
from cirkit.query import Images
from cirkit.regions import Regions
from cirkit.worlds import textvqa as world
from cirkit.worlds.publish import drawn, drawn_each_seed

MOST_WORDS = 50  # of an image that are read, as in M4C
SIZES = world.SIZES
# a world's things are plain: their colours and shapes are in few pixels
SMALL: Callable[[], nn.Module] = partial(CropEncoder, encoder=Thumbnails, side=24)
# paper: objects and fc6 of a Faster R-CNN of Visual Genome; here a ResNet-101 of ImageNet at the boxes of a grid, which
# Jiang et al. (2020) found as good, since those vectors were published as objects of Python that run code when read
LARGE: Callable[[], nn.Module] = partial(
    CropEncoder,
    encoder=partial(ResNet, name="resnet101", width=2048, stages=(4,), size=None, project=unprojected),
    side=64,
)
Boxes = tuple[Tensor, Tensor]  # boxes (n, r, 4), and which exist (n, r)
Where = Callable[[textvqa.Questions], Boxes]  # the objects of the images asked about


@dataclass(frozen=True, kw_only=True)
class slots:
    """The objects of a world's images: where its signs, vehicles and wares stand."""

    size: world.Size
    split: str

    def __call__(self, held: textvqa.Questions) -> Boxes:
        scenes = world.world(self.size)[self.split].scenes
        row = {world.image_id(self.size, self.split, i): i for i in range(len(scenes))}
        names = dict(zip(held.about.tolist(), held.image_id, strict=True))
        return padded([[sign.slot for sign in scenes[row[names[i]]].signs] for i in range(len(held.images))])


@dataclass(frozen=True, kw_only=True)
class grid:
    """As many equal boxes in every image, side by side."""

    side: int = 10

    def __call__(self, held: textvqa.Questions) -> Boxes:
        edges = [i / self.side for i in range(self.side + 1)]
        one = [(edges[x], edges[y], edges[x + 1], edges[y + 1]) for y in range(self.side) for x in range(self.side)]
        boxes = torch.tensor(one).expand(len(held.images), -1, -1)
        return boxes, torch.ones(boxes.shape[:2], dtype=torch.bool)


def padded(lines: Sequence[Sequence[Sequence[float]]]) -> Boxes:
    """Boxes of several images as one tensor, padding behind."""
    most = max(map(len, lines), default=0)
    boxes = torch.zeros(len(lines), most, 4)
    mask = torch.zeros(len(lines), most, dtype=torch.bool)
    for row, line in enumerate(lines):
        if line:
            boxes[row, : len(line)], mask[row, : len(line)] = torch.tensor(line, dtype=torch.float32), True
    return boxes, mask


@dataclass(frozen=True)
class Boxed:
    """Images with the boxes of their objects, then of their words, by rows."""

    images: Images
    boxes: Float[Tensor, "n k 4"]
    mask: Bool[Tensor, "n k"]
    texts: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Int[Tensor, " b"]) -> "Boxed":
        return Boxed(self.images[index], self.boxes[index], self.mask[index])

    def to(self, device: torch.device) -> "Boxed":
        """The same rows, decoded, on `device`."""
        return Boxed(self.images.to(device), self.boxes.to(device), self.mask.to(device))


def words_of(held: textvqa.Questions) -> list[Words]:
    """What was read in each image, once."""
    found = dict(zip(held.about.tolist(), held.words, strict=True))
    return [found[row] for row in range(len(held.images))]


@dataclass(frozen=True, kw_only=True)
class boxed:
    """The images of a split and all of their boxes, for `CachedFeatures`."""

    data: Callable[[], textvqa.Questions]
    objects: Where

    def __call__(self) -> Boxed:
        held = self.data()
        parts = self.objects(held), padded([each.boxes[:MOST_WORDS].tolist() for each in words_of(held)])
        return Boxed(held.images, *(torch.cat(part, dim=1) for part in zip(*parts, strict=True)))


def box_features(model: CropEncoder, batch: Boxed) -> Mapping[str, Tensor]:
    """The vector of each box, with the boxes."""
    cut = crops(batch.images, batch.boxes, model.side)[batch.mask]  # (m, 3, s, s), of boxes that exist
    vectors = batch.boxes.new_zeros(*batch.mask.shape, model.width)
    vectors[batch.mask] = pooled(model.encoder(cut)).to(vectors)
    return {"vectors": vectors, "boxes": batch.boxes, "mask": batch.mask}


def as_read(data: Callable[[], textvqa.Questions], objects: Where, encoder: Callable[[], nn.Module]) -> Questions:
    """Questions whose images are `ReadImages`; what the encoder says of them is computed once for all rows."""
    seen = boxed(data=data, objects=objects)
    features = CachedFeatures(data=seen, model=on_accelerator(encoder), encode=box_features)().tensors
    held = data()
    words = [each.text[:MOST_WORDS] for each in words_of(held)]
    count = features["mask"].shape[1] - max(map(len, words), default=0)  # objects come first
    images = ReadImages(
        objects=Regions(**{name: part[:, :count] for name, part in features.items()}),
        words=words,
        looks=features["vectors"][:, count:],
        boxes=features["boxes"][:, count:],
        mask=features["mask"][:, count:],
    )
    return Questions(images=images, about=held.about, text=list(held.text), answers=[list(a) for a in held.answers])


@dataclass(frozen=True, kw_only=True)
class with_words:
    """A split of the world of each seed, as M4C reads it."""

    data: drawn[Any]
    encoder: Callable[[], nn.Module] = SMALL

    def __call__(self) -> Questions:
        where = slots(size=self.data.size, split=self.data.settings["split"])
        return as_read(self.data, where, self.encoder)

    def of_seed(self, seed: int) -> "with_words":
        """Of the world that a run of `seed` reads."""
        return with_words(data=at_seed(self.data, seed), encoder=self.encoder)


@dataclass(frozen=True, kw_only=True)
class original_with_words:
    """A split of the original files, as M4C reads it."""

    data: Callable[[], textvqa.Questions]
    encoder: Callable[[], nn.Module] = LARGE

    def __call__(self) -> Questions:
        return as_read(self.data, grid(), self.encoder)


def frequent_words(*, root: str, count: int = 5000) -> tuple[str, ...]:
    """The words that answers of the original train split have most often: the fixed vocabulary of M4C, §4.1."""
    # released code: a list of nearly as many words that was published beside it
    train = textvqa.read(root, "train", textvqa.nothing)
    said = Counter(word for given in train.answers for answer in given for word in tidy(answer).split())
    return tuple(word for word, _ in said.most_common(count))


def data(scale: str, root: str, split: str) -> Callable[[], Questions]:
    """A split at a scale: `root` holds the original files of the `paper` scale."""
    if scale == "paper":
        return original_with_words(data=partial(textvqa.read, root=f"{root}/textvqa", split=split))
    return with_words(data=drawn_each_seed(textvqa.read, world.TEXTVQA, SIZES[scale], {"split": split}))
