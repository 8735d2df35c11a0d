"""`cirkit bench scan`, `scan-full`: similarities of captions and images at once, beside a loop over captions.

Lee et al. (ECCV 2018), SCAN, text to image with average pooling; the loop is written in the style of the released
code, which repeats each caption for all images and forms what its words attend to. `scan-prefilter`: the first hundred
images of a caption alone, beside the same loop over all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, leaky_relu, normalize

from cirkit.attention.alignment import alignment
from cirkit.attention.cross_attention import CrossAttention, Tokens
from cirkit.evaluators.prefilter import Prefiltered
from cirkit.timing.bench import in_turns, row


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is compared, and how often; captions have 8 to 18 words."""

    images: int
    captions: int
    regions: int = 36
    width: int = 1024
    times: int = 3


SIZES = {
    "small": Size(images=20, captions=50, width=256),
    "full": Size(images=100, captions=500),  # 1,000 images and 5,000 captions take the loop an hour
    "prefilter": Size(images=5000, captions=5000, times=1),  # as many images as COCO's test split
}
LOOPED = 10  # captions that the loop takes where it would need hours for all: it takes as long for each


def sets(size: Size) -> tuple[Tokens, Tokens]:
    """Words and regions of random directions, zeros behind a caption's last word."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(8, 19, (size.captions,), generator=generator)
    mask = torch.arange(18) < lengths[:, None]
    words = normalize(torch.randn(size.captions, 18, size.width, generator=generator), dim=2) * mask[..., None]
    regions = normalize(torch.randn(size.images, size.regions, size.width, generator=generator), dim=2)
    return (words, mask), (regions, torch.ones(size.images, size.regions, dtype=torch.bool))


def loop(words: Tokens, images: Float[Tensor, "n r d"]) -> Float[Tensor, "c n"]:
    """Caption by caption: scores, weights, what each word attends to in each image, and cosines."""
    rows = []
    for vectors, mask in zip(*words, strict=True):
        caption = vectors[mask].repeat(len(images), 1, 1)  # (n, t, d)
        scores = leaky_relu(images @ caption.mT, 0.1)  # (n, r, t)
        scores = scores / (scores.square().sum(2, keepdim=True).sqrt() + 1e-8)
        weights = (9 * scores.mT.contiguous()).softmax(2)  # (n, t, r)
        rows.append(cosine_similarity(caption, weights @ images, dim=2).mean(1))
    return torch.stack(rows)


@torch.no_grad()
def rows(size: Size = SIZES["small"]) -> Sequence[dict[str, Any]]:
    """Two lines in seconds: all similarities beside the loop, and beside the products of words and regions alone.

    The second line's ratio is the share of the machine's rate of matrix products that is reached.
    """
    words, regions = sets(size)
    model = CrossAttention(size.width, alignment=partial(alignment, name="dot"))
    exact, flat = partial(model, words, regions), (words[0][words[1]], regions[0].flatten(0, 1))
    plain = partial(loop, words, regions[0])
    difference = (exact() - plain()).abs().max().item()
    name = f"SCAN, {size.captions} captions and {size.images} images"
    return [
        row(f"{name}, beside a loop over captions", *in_turns(exact, plain, size.times), difference),
        row(f"{name}, beside the bare products", *in_turns(exact, lambda: flat[0] @ flat[1].mT, size.times), None),
    ]


class Similarities(nn.Module):
    """SCAN's similarities of tokens that are there already."""

    def __init__(self, width: int):
        super().__init__()
        self.attention = CrossAttention(width, alignment=partial(alignment, name="dot"))

    def score(self, composed: Tokens, gallery: Tokens) -> Float[Tensor, "q n"]:
        return self.attention(composed, gallery)


@torch.no_grad()
def prefiltered(size: Size = SIZES["prefilter"], first: int = 100) -> Sequence[dict[str, Any]]:
    """One line, in minutes: seconds for all captions, each with `first` images compared word by word.

    The loop compares all images; it is run for `LOOPED` captions and told for as many as there are. The difference is
    that of the scores that both compute.
    """
    words, regions = sets(size)
    model = Prefiltered(Similarities(size.width), first=first)
    some, looped = tuple(part[:LOOPED] for part in words), {}
    ours, reference = in_turns(
        lambda: looped.update(ours=model.score(words, regions)[:LOOPED]),
        lambda: looped.update(loop=loop(some, regions[0])),
        size.times,
    )
    exact = looped["ours"] > -2  # cosines; what was not compared stands far below
    difference = (looped["ours"] - looped["loop"])[exact].abs().max().item()
    name = f"SCAN, {size.captions} captions, the first {first} of {size.images} images, beside a loop over all"
    return [row(name, ours, reference * size.captions / len(some[0]), difference)]
