"""`cirkit bench damsm`, `damsm-small`: the word loss of a batch at once, beside a loop over its captions.

Xu et al. (CVPR 2018), "AttnGAN", §3.2; the loop is written in the style of the released code, which repeats each
caption for all images of the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cirkit.losses.damsm import posterior
from cirkit.models.damsm import word_scores
from cirkit.timing.bench import in_turns, row


@dataclass(frozen=True, kw_only=True)
class Size:
    """A batch; captions have 8 to `longest` words."""

    batch: int = 48
    regions: int
    width: int
    longest: int = 18
    times: int = 5


SIZES = {
    "small": Size(regions=64, width=64),  # the `cpu` scale's
    "full": Size(regions=289, width=256, times=3),  # the published one's
}


def inputs(size: Size) -> tuple[Float[Tensor, "b d r"], Float[Tensor, "b d t"], Bool[Tensor, "b t"]]:
    """Maps and words as a convolution and the released code have them, and which words exist."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(8, size.longest + 1, (size.batch,), generator=generator)
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    words = torch.randn(size.batch, size.width, mask.shape[1], generator=generator) * mask[:, None]
    return torch.randn(size.batch, size.width, size.regions, generator=generator), words, mask


def at_once(
    maps: Float[Tensor, "b d r"], words: Float[Tensor, "b d t"], mask: Bool[Tensor, "b t"]
) -> Float[Tensor, "b b"]:
    """Ours."""
    return word_scores(maps.mT, words.mT, mask)


def loop(
    maps: Float[Tensor, "b d r"], words: Float[Tensor, "b d t"], mask: Bool[Tensor, "b t"]
) -> Float[Tensor, "b b"]:
    """Caption by caption, repeated for every image: scores, both softmaxes, contexts, cosines, and their pool."""
    columns = []
    for vectors, length in zip(words, mask.sum(1).tolist(), strict=True):
        word = vectors[None, :, :length].repeat(len(maps), 1, 1)  # (b, d, t)
        by_word = (maps.mT.contiguous() @ word).softmax(2)  # (b, r, t)
        weights = (4.0 * by_word.mT.contiguous()).softmax(2)  # (b, t, r)
        context = maps @ weights.mT.contiguous()  # (b, d, t)
        word, context = (each.mT.contiguous().flatten(0, 1) for each in (word, context))
        lengths = word.norm(dim=1) * context.norm(dim=1)
        cosines = (word * context).sum(1) / lengths.clamp(min=1e-8)
        columns.append((5.0 * cosines.view(len(maps), length)).exp().sum(1).log())
    return torch.stack(columns, 1)


def rows(size: Size = SIZES["full"]) -> Sequence[dict[str, Any]]:
    """Two lines in seconds: the loss alone, and with its gradients."""
    maps, words, mask = inputs(size)
    loss = posterior()

    def forward(scores: Callable[..., Tensor]) -> Tensor:
        with torch.no_grad():
            return loss(scores(maps, words, mask))

    def backward(scores: Callable[..., Tensor]) -> Tensor:
        given = [each.clone().requires_grad_() for each in (maps, words)]
        loss(scores(*given, mask)).backward()
        return torch.cat([each.grad.flatten() for each in given])

    name = f"DAMSM, word loss of {size.batch} captions and images, {size.regions} sub-regions"
    return [
        row(
            f"{name}, {what}",
            *in_turns(lambda act=act: act(at_once), lambda act=act: act(loop), size.times),
            (act(at_once) - act(loop)).abs().max().item(),
        )
        for what, act in (("forward", forward), ("forward and backward", backward))
    ]
