"""What painted images leave as evidence: a judge's features and classes, how captions rank, and which colours show.

Xu et al. (CVPR 2018), §4: Inception Score and R-precision; Cao et al. (2022), §5.2.2, have the Fréchet distance, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Answers, Ranks, Samples
from cirkit.evaluators.ranking import rank
from cirkit.query import Benchmark, Images, Query

CHUNK = 100  # images that are painted at a time
Judge = Callable[[], nn.Module]  # a network with `features` and `log_probabilities` of images
Read = Callable[[str], Sequence[tuple[str, str]]]  # a caption -> attributes it asks for, each with its value


@dataclass(frozen=True)
class Prompts:
    """Captions to paint, each with the real image that it was written of and the name of its class."""

    text: Sequence[str]
    image: Images
    group: Sequence[str]

    def __len__(self) -> int:
        return len(self.text)

    def take(self, rows: Sequence[int]) -> "Prompts":
        """These alone; their images are decoded."""
        text, group = [self.text[row] for row in rows], [self.group[row] for row in rows]
        return replace(self, text=text, image=self.image[torch.tensor(rows)], group=group)


@torch.no_grad()
def paint_all(model: Any, text: Sequence[str], seed: int = 0, chunk: int = CHUNK) -> UInt8[Tensor, "n 3 h w"]:
    """An image of every caption; noise follows `seed` and the caption's place, so all tests see the same images."""
    model.eval()
    noise = model.draw(len(text), torch.Generator().manual_seed(seed))
    parts = zip(range(0, len(text), chunk), noise.split(chunk), strict=True)
    return torch.cat([model.paint(text[start : start + len(part)], part).cpu() for start, part in parts])


@dataclass(frozen=True, kw_only=True)
class paired_features:
    """A judge's features of each painted image and, in the same row behind them, of the real image of its caption."""

    judge: Judge

    def __call__(self, model: Any, prompts: Prompts) -> Samples:
        judge, painted = self.judge().to(_device(model)), paint_all(model, prompts.text)
        both = [judged(judge.features, images) for images in (painted, prompts.image)]
        return Samples(np.concatenate(both, axis=1))


@dataclass(frozen=True, kw_only=True)
class class_samples:
    """A judge's log probabilities of its classes for each painted image."""

    judge: Judge

    def __call__(self, model: Any, prompts: Prompts) -> Samples:
        judge = self.judge().to(_device(model))
        return Samples(judged(judge.log_probabilities, paint_all(model, prompts.text)))


@dataclass(frozen=True, kw_only=True)
class r_precision:
    """The rank of each painted image's own caption among `wrong` more of other classes, by the model's DAMSM."""

    # Xu et al. (§4): "mismatching" captions, drawn at random; which DAMSM judges is the one the generator learnt from
    wrong: int = 99

    def __call__(self, model: Any, prompts: Prompts) -> Ranks:
        return rank(model.damsm, among_wrong(prompts, paint_all(model, prompts.text), self.wrong))


@dataclass(frozen=True, kw_only=True)
class attributes_shown:
    """What a judge sees where a caption names attributes, and the share of them that is what the caption says.

    Raises Problem for a caption that names none.
    """

    judge: Judge
    read: Read

    def __call__(self, model: Any, prompts: Prompts) -> Answers:
        asked = [(row, *pair) for row, text in enumerate(prompts.text) for pair in self.read(text)]
        about = np.array([row for row, _, _ in asked], int)
        count = np.bincount(about, minlength=len(prompts))
        if not count.all():
            raise Problem(f"{prompts.text[count.argmin()]!r} names no attribute. Test on captions that name one.")
        device, painted = _device(model), paint_all(model, prompts.text)
        judge, questions, seen = self.judge().to(device), [attribute for _, attribute, _ in asked], []
        for part in np.split(np.arange(len(asked)), range(CHUNK, len(asked), CHUNK)):
            seen += judge.answer(painted[about[part]].to(device), [questions[i] for i in part])
        right = np.array([value == one for (_, _, value), one in zip(asked, seen, strict=True)], float)
        given = ["" for _ in range(len(prompts))]
        for row, attribute, one in zip(about, questions, seen, strict=True):
            given[row] = f"{given[row]} {attribute}::{one}".lstrip()
        return Answers(tuple(given), np.bincount(about, right) / count)


def among_wrong(prompts: Prompts, images: Images, wrong: int = 99) -> Benchmark:
    """Each of `images` as a query for its prompt's caption, among so many of other classes."""
    own = [[i] for i in range(len(prompts))]
    others = mismatched(prompts.group, wrong)
    return Benchmark(
        name="r-precision",
        query=Query(image=images),
        gallery=list(prompts.text),
        relevant=own,
        candidates=[mine + rest.tolist() for mine, rest in zip(own, others, strict=True)],
    )


@torch.no_grad()
def judged(
    act: Callable[[Tensor], Float[Tensor, "b d"]], images: Images, chunk: int = CHUNK
) -> Float[np.ndarray, "n d"]:
    """Numbers of all images in half precision: a record holds them for ever, and no measure needs more digits."""
    device = _device(act.__self__)
    rows = torch.arange(len(images)).split(chunk)
    return torch.cat([act(images[each].to(device)).cpu() for each in rows]).half().numpy()


def mismatched(group: Sequence[str], wrong: int) -> list[Int[np.ndarray, " _"]]:
    """For each item so many of other groups, drawn at random, the same each time; all of them where there are fewer."""
    rng, group = np.random.default_rng(0), np.asarray(group)
    others = [np.flatnonzero(group != mine) for mine in group]
    return [rng.choice(each, min(wrong, len(each)), replace=False) for each in others]


def _device(model: Any) -> torch.device:
    """Where a painter or a judge computes."""
    return next(model.parameters()).device
