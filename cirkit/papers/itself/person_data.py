"""Text-based person retrieval as rows read it: three data sets, each seed's own people, people held out, true masks.

ITSELF §4 and its supplement, §1. ICFG-PEDES has no validation split, so some of its training people are held out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.benchmarks import pedes
from cirkit.benchmarks.pedes import CUHK, ICFG, OFFICIAL, RSTP, Layout, Protocol
from cirkit.benchmarks.pictured import manifest_of
from cirkit.errors import Problem
from cirkit.examples import Captions, at_seed
from cirkit.papers.itself.person_settings import SIZES, PersonSetting
from cirkit.query import Benchmark, Images, Query, Select, Triplets
from cirkit.worlds import pedes as worlds
from cirkit.worlds.pedes import Size
from cirkit.worlds.publish import World, drawn, drawn_each_seed
from cirkit.worlds.street import PARTS

PERSON = PARTS.index("skin")  # parts from here on are of the person
VALIDATION = 2_000_001  # the seed of the worlds that a fusion weight is chosen on
Prepare = Callable[[Images, Path, str], Images]


def as_read(images: Images, root: Path, split: str) -> Images:
    """The images of a split themselves."""
    return images


@dataclass(frozen=True)
class Masked:
    """Images with a mask as a fourth channel."""

    images: Images
    masks: UInt8[Tensor, "n 1 h w"]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 4 h w"]:
        return torch.cat([self.images[index], self.masks[index]], dim=1)


def with_person_masks(images: Images, root: Path, split: str) -> Masked:
    """The images of a split of a world, each with the mask of its person. Raises Problem for original images."""
    manifest = manifest_of(Path(root))
    if manifest is None:
        raise Problem("No mask is known of original images. Run this row on a world.")
    size = Size(**manifest["size"])
    parts = [worlds.drawing(size, split, rows.tolist()).owner for rows in torch.arange(len(images)).split(256)]
    return Masked(images, 255 * (torch.cat(parts) >= PERSON).to(torch.uint8)[:, None])


def train(
    *, root: Path | str, layout: Layout, protocol: Protocol, held_out: int = 0, prepare: Prepare = as_read
) -> Triplets:
    """The training pairs, but for the last `held_out` people. Raises Problem for empty captions and missing people."""
    found = _split(root, layout, protocol, "train", prepare)
    mine = found.reference < int(found.reference.max()) + 1 - held_out
    if not mine.any():
        raise Problem(f"{layout.name} trains on fewer than {held_out} people. Hold out fewer of them.")
    rows = mine.nonzero()[:, 0]
    return Triplets(
        query=Query(text=[found.texts[row] for row in rows.tolist()]),
        target=Select(found.target.images, found.target.index[rows]),
        reference=found.reference[rows],
    )


def validation(
    *, root: Path | str, layout: Layout, protocol: Protocol, held_out: int = 0, prepare: Prepare = as_read
) -> Benchmark:
    """Captions and images of the val split, or of the last `held_out` training people. Raises Problem for neither."""
    if "val" in layout.splits:
        return test(root=root, layout=layout, protocol=replace(protocol, split="val"), prepare=prepare)
    if not held_out:
        raise Problem(f"{layout.name} has no val split. Hold out some of its training people (held_out).")
    found = _split(root, layout, protocol, "train", prepare)
    first = int(found.reference.max()) + 1 - held_out
    rows = (found.reference >= first).nonzero()[:, 0]
    images = found.target.index[rows].unique()  # (n)
    person = {int(image): int(found.reference[row]) for row, image in zip(rows, found.target.index[rows], strict=True)}
    alike: dict[int, list[int]] = {}
    for place, image in enumerate(images.tolist()):
        alike.setdefault(person[image], []).append(place)
    return Benchmark(
        name=f"{layout.name}, held out",
        query=Query(text=[found.texts[row] for row in rows.tolist()]),
        gallery=Select(found.target.images, images),
        relevant=[alike[int(found.reference[row])] for row in rows],
    )


def test(*, root: Path | str, layout: Layout, protocol: Protocol, prepare: Prepare = as_read) -> Benchmark:
    """Every caption of the protocol's split against all its images. Raises Problem for empty captions."""
    _check(root, layout, protocol.split)
    found = pedes.test(layout, root, protocol)
    return replace(found, gallery=prepare(found.gallery, Path(root), protocol.split))


def _split(root: Path | str, layout: Layout, protocol: Protocol, split: str, prepare: Prepare) -> Triplets:
    _check(root, layout, split)
    found = pedes.train(layout, root, protocol)
    return replace(found, target=Select(prepare(found.target.images, Path(root), split), found.target.index))


def _check(root: Path | str, layout: Layout, split: str) -> None:
    """Raises Problem where a caption is empty, or a person has records and no image."""
    there, dropped = pedes.present(layout, root, split)
    for record in there:
        if not all(caption.strip() for caption in record.captions):
            raise Problem(
                f"{record.path} of {layout.name} has an empty caption. Write one, or take it out of the file."
            )
    if dropped.images:
        known = {record.identity for record in pedes.records(layout, root)[split]}
        if lost := sorted(known - {record.identity for record in there}):
            raise Problem(
                f"{len(lost)} people of the {split} split of {layout.name} have no image, the first {lost[0]}. "
                f"Copy their images below {Path(root) / 'imgs'}, or take out their records."
            )


@dataclass(frozen=True, eq=False)
class own_people:
    """Data of each seed's world, its seeds apart from those of the other data sets, which draw people alike."""

    data: drawn_each_seed
    offset: int

    def __call__(self) -> Any:
        """Those of seed 0."""
        return self.of_seed(0)()

    def of_seed(self, seed: int) -> drawn:
        """Those of a run of `seed`."""
        return self.data.of_seed(self.offset + seed)


@dataclass(frozen=True)
class captions_of_people:
    """Training pairs as images and captions, whose `reference` is the person."""

    data: Callable[[], Triplets]

    def __call__(self) -> Captions:
        """Row i says what image i shows."""
        found = self.data()
        return Captions(text=found.texts, image=found.target, reference=found.reference)

    def of_seed(self, seed: int) -> "captions_of_people":
        """Those of a run of `seed`."""
        return captions_of_people(at_seed(self.data, seed))


@dataclass(frozen=True, kw_only=True)
class PersonData:
    """One of the three data sets at a scale; `offset` keeps its seeds apart."""

    key: str
    label: str
    layout: Layout
    world: World
    offset: int
    setting: PersonSetting
    scale: str
    root: str
    prepare: Prepare = as_read

    @property
    def held_out(self) -> int:
        """Training people that stand in for a val split."""
        return 0 if "val" in self.layout.splits else self.setting.held_out

    @property
    def identities(self) -> int:
        """People that are trained on."""
        if self.scale == "paper":
            return OFFICIAL[self.key]["train"]["people"] - self.held_out
        size = SIZES[self.scale][self.key]
        return size.train * size.twins - self.held_out

    @property
    def train(self) -> captions_of_people:
        """What a row learns from."""
        return captions_of_people(self._data(train, held_out=self.held_out))

    @property
    def validation(self) -> Callable[[], Benchmark]:
        """What a checkpoint is chosen on."""
        return self._data(validation, held_out=self.held_out)

    @property
    def test(self) -> Callable[[], Benchmark]:
        """What a row is tested on."""
        return self._data(test)

    @property
    def weighing(self) -> Callable[[], Benchmark]:
        """What a fusion weight is chosen on: validation queries, of a world of no run where there are worlds."""
        if self.scale == "paper":
            return self.validation
        return self.validation.data.of_seed(VALIDATION + self.offset)

    def size(self, seed: int) -> Size:
        """The world that a run of `seed` reads."""
        return replace(SIZES[self.scale][self.key], seed=self.offset + seed)

    def _data(self, read: Callable[..., Any], **settings: Any) -> Callable[[], Any]:
        settings |= {"layout": self.layout, "protocol": Protocol(shape=self.setting.shape), "prepare": self.prepare}
        if self.scale == "paper":
            return partial(read, root=f"{self.root}/{self.key}", **settings)
        size = SIZES[self.scale][self.key]
        return own_people(drawn_each_seed(read, self.world, size, settings), self.offset)


WHERE: Mapping[str, tuple[str, Layout, World, int]] = {
    "cuhk": ("CUHK-PEDES", CUHK, worlds.CUHK_PEDES, 10_000),
    "icfg": ("ICFG-PEDES", ICFG, worlds.ICFG_PEDES, 20_000),
    "rstp": ("RSTPReid", RSTP, worlds.RSTPREID, 30_000),
}


def data_of(setting: PersonSetting, scale: str, root: str, prepare: Prepare = as_read) -> dict[str, PersonData]:
    """All three, by the name that rows carry."""
    return {
        name: PersonData(
            key=layout.name,
            label=label,
            layout=layout,
            world=world,
            offset=offset,
            setting=setting,
            scale=scale,
            root=root,
            prepare=prepare,
        )
        for name, (label, layout, world, offset) in WHERE.items()
    }
