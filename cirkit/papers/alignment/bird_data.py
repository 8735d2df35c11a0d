"""Birds with captions as AttnGAN's parts read them: pairs to learn from, prompts to paint, attributes for a judge.

Cao et al. (2022), §5.1: CUB-200-2011 divided by class, as Xu et al. (2018) have it.
"""

from pathlib import Path

import torch

from cirkit.benchmarks import cub
from cirkit.benchmarks.cub_attributes import GROUPS, NAMES, attributes
from cirkit.benchmarks.cub_phrases import ATTRIBUTES, colours_named
from cirkit.evaluators.painting import Prompts, among_wrong
from cirkit.examples import Captions, Questions
from cirkit.query import Benchmark, Select

CLASS = "class"  # the group of a judge's classes
JUDGED = tuple(name for name in GROUPS if name in ATTRIBUTES)


def pairs(*, root: Path | str, side: int) -> Captions:
    """A row for every caption of the classes to train on; the group is the class."""
    held = cub.train(root, cub.Protocol(size=side))
    row = torch.tensor([i for i, lines in enumerate(held.captions) for _ in lines])
    return Captions(
        text=[line for lines in held.captions for line in lines],
        image=Select(held.images, row),
        reference=row,
        group=[held.classes[int(held.label[i])] for i in row],
    )


def prompts(*, root: Path | str, side: int) -> Prompts:
    """The first caption of each test image that names a colour; images without one are left out."""
    # released code: a caption at random of each test image
    held = cub.test(root, cub.Protocol(size=side))
    first = [next((line for line in lines if colours_named(line)), None) for lines in held.captions]
    rows = [row for row, line in enumerate(first) if line is not None]
    return Prompts(
        text=[first[row] for row in rows],
        image=Select(held.images, torch.tensor(rows)),
        group=[held.classes[int(held.label[row])] for row in rows],
    )


def matches(*, root: Path | str, side: int) -> Benchmark:
    """Their real images as queries for the captions: what R-precision gives where nothing is painted."""
    held = prompts(root=root, side=side)
    return among_wrong(held, held.image)


def labelled(*, root: Path | str, side: int, training: bool, kin: int = 1, most: int = 200) -> Captions:
    """Images of one half of the classes, each with its class and the colours that alone are true of a part.

    A text lists them as `group::value`, for `AttributeClassifier`. `kin` classes in a row count as one, and only the
    first `most` of these are named.
    """
    held = (cub.train if training else cub.test)(root, cub.Protocol(size=side))
    known, true = cub.listing(root), attributes(root)
    rows = [row for row, photo in enumerate(known.photos) if cub.by_class(known, photo) == training]
    if len(rows) != len(held.images):  # rows without an image were dropped
        there = cub.base(Path(root)) / "images"
        rows = [row for row in rows if (there / known.photos[row].path).is_file()]
    columns = {group: [i for i, name in enumerate(NAMES) if name.startswith(f"{group}::")] for group in JUDGED}
    text = []
    for row in rows:
        lists = ([NAMES[i] for i in those if true[row, i]] for those in columns.values())
        number = known.photos[row].label // kin
        named = [f"{CLASS}::{number}"] if number < most else []
        text.append(" ".join([*named, *(one[0] for one in lists if len(one) == 1)]))
    return Captions(text=text, image=held.images)


def what_shows(*, root: Path | str, side: int) -> Questions:
    """A judge's own test: every colour of every image of species that it never saw, by its group."""
    held = labelled(root=root, side=side, training=False)
    asked = [(row, *word.split("::")) for row, text in enumerate(held.text) for word in text.split()]
    asked = [each for each in asked if each[1] != CLASS]
    return Questions(
        images=held.image,
        about=torch.tensor([row for row, _, _ in asked]),
        text=[group for _, group, _ in asked],
        answers=[(value,) for _, _, value in asked],
        group=[group for _, group, _ in asked],
    )
