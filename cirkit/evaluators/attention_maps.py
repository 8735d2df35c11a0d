"""What words attend to: a word's weight on the picture of what it speaks of, against elsewhere.

MAAF §4 draws averaged maps (Figures 3 to 6, S3); here the same maps give one number per query and word.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from cirkit.encoders.text import words
from cirkit.errors import Problem
from cirkit.query import Query

Grid = tuple[int, int]  # rows and columns of image tokens
Heads = Callable[[Tensor], Tensor]  # how the heads' weights (b, heads, t, p) become one map per word (b, t, p)


def relative_to_uniform(maps: Float[Tensor, "*b p"]) -> Float[Tensor, "*b p"]:
    """Weights over their mean: 1 is what a word that looks everywhere alike gives each place.

    Only for weights that are never negative (softmax); Problem for others.
    """
    if maps.numel() and maps.min() < 0:
        raise Problem("No multiple of uniform: weights are negative. Take the `magnitudes` of this model's weights.")
    return maps / maps.mean(-1, keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)


def averaged(maps: Float[Tensor, "b heads t p"]) -> Float[Tensor, "b t p"]:
    """The mean over heads, as in the paper."""
    return maps.mean(1)


def magnitudes(maps: Float[Tensor, "b heads t p"]) -> Float[Tensor, "b t p"]:
    """The mean over heads of how large weights are: for weights of either sign (identity).

    Their sign says nothing by itself: where a head's weights and its values both change sign, its output stays.
    """
    return maps.abs().mean(1)


def to_words(
    maps: Float[Tensor, "b heads i i"], grids: Sequence[Grid], level: int = -1
) -> Float[Tensor, "b heads t p"]:
    """From weights over [image tokens, fine to coarse; words]: the words' rows, one resolution's columns.

    Paper §4: "the first 49 elements of the row [...] corresponding to the token for the position word".
    """
    counts = [height * width for height, width in grids]
    level = range(len(counts))[level]
    first = sum(counts[:level])
    return maps[:, :, sum(counts) :, first : first + counts[level]]


def coverage(mask: Bool[Tensor, "b h w"], grid: Grid) -> Float[Tensor, "b p"]:
    """The share of each token's cell that the mask covers."""
    return adaptive_avg_pool2d(mask.float()[:, None], grid).flatten(1)


def difference(maps: Float[Tensor, "*b p"], cover: Float[Tensor, "*b p"]) -> Float[Tensor, "*b"]:
    """Mean weight per area on what is covered, less the mean elsewhere; NaN where either has no area."""
    on = (maps * cover).sum(-1) / cover.sum(-1)
    return on - (maps * (1 - cover)).sum(-1) / (1 - cover).sum(-1)


def cross_fitted_head(values: Float[Tensor, "heads q"]) -> Float[Tensor, " q"]:
    """Each query's value under the head that is highest on the other half of the queries.

    Heads have no names that two seeds share, and the best of several is high by chance; chosen on other queries it
    is not. Even and odd columns are the halves.
    """
    made = torch.empty_like(values[0])
    for half in (0, 1):
        head = values[:, 1 - half :: 2].nanmean(1).nan_to_num(-torch.inf).argmax()
        made[half::2] = values[head, half::2]
    return made


def ignored(pictures: UInt8[Tensor, "b 3 h w"], maps: Float[Tensor, "b p"], grid: Grid) -> Float[Tensor, "b 3 h w"]:
    """Pictures (0 to 255) times one minus the map, enlarged to the picture: what a word does not look at, Figure 5."""
    if maps.numel() and maps.min() < 0:
        raise Problem("Weights below zero do not say what is ignored. Draw this for a model with softmax.")
    # paper (§4): "one minus these weights", in a unit it does not give. Raw weights are about one in the number of
    # tokens and would leave a picture as it is; each map is divided by its greatest weight.
    scaled = maps / maps.amax(-1, keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)
    large = interpolate(scaled.unflatten(-1, grid)[:, None], pictures.shape[2:], mode="bilinear")  # (b, 1, h, w)
    return pictures * (1 - large)


@torch.no_grad()
def word_to_image_attention(
    model: Any, query: Query, *, level: int = -1, block: int = -1
) -> tuple[Float[Tensor, "b heads t p"], Grid]:
    """How the words of a query weigh the image tokens of one resolution in one block, head by head, and the grid.

    Token j is word j of `cirkit.encoders.text.words`. Raises Problem for a model whose attention is not over image
    tokens and such words.
    """
    if not hasattr(model, "attention"):
        raise Problem(f"{type(model).__name__} has no attention to look at. Keep this exhibit for models that have.")
    first = query[torch.tensor([0])]
    grids = [tuple(map.shape[2:]) for map in model.image(first.image)]
    maps = to_words(model.attention(query)[block], grids, level).cpu()
    longest = max(len(words(text)) or 1 for text in query.text or ())
    if maps.shape[2] != longest:
        raise Problem(
            f"The model reads {maps.shape[2]} tokens where the longest sentence has {longest} words, so no token "
            "can be told to be a word. Use a text encoder with a token per word."
        )
    return maps, grids[level]


def spread(total: int, count: int) -> list[int]:
    """`count` of the numbers below `total`, evenly apart; all of them where there are fewer."""
    return [i * total // count for i in range(count)] if count < total else list(range(total))
