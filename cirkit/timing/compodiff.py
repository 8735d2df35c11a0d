"""`cirkit bench compodiff`: CompoDiff's sampler beside the released way of computing it, and a one-call student.

Gu et al. (2024), §5.1 and Table 4, at the size of its ViT-L/14 models and with random weights. The released code reads
the conditions of every branch and every sample anew at each call; here they are read once for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cirkit.models.compodiff import CompoDiff, EmbeddedQuery, Sampling
from cirkit.models.denoiser import SIDE, Conditions, Denoiser, TextTokens
from cirkit.models.diffusion import released_ddim, row_by_row
from cirkit.models.eclipse import Regressor
from cirkit.timing.bench import in_turns, row
from cirkit.timing.live_memory import megabytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many queries at once, what they are made of, and the denoiser's own sizes (`layers`)."""

    batches: tuple[int, ...] = (1, 16)
    width: int = 768
    text: int = 1280
    tokens: int = 77
    layers: Mapping[str, int] = field(default_factory=dict)
    calls: int = 10
    samples: int = 2  # as in the released demo
    times: int = 3


class Blind(nn.Module):
    """Stands where an encoder stands, which is not timed: one token of zeros for any text."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width

    def text_tokens(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b 1 d"], Bool[Tensor, "b 1"]]:
        """As `models.compodiff.TextEncoder` has it."""
        return torch.zeros(len(texts), 1, self.width), torch.ones(len(texts), 1, dtype=torch.bool)


def rows(size: Size | None = None) -> Sequence[dict[str, Any]]:
    """Two lines for each batch, in seconds a query: our sampler beside the released way, and a student beside the same.

    `ours MB` and `reference MB` are the most that either holds beside the weights. A student has weights of its own, so
    its vectors are not compared.
    """
    size = size or Size()
    torch.manual_seed(0)
    denoiser = partial(Denoiser, **size.layers)
    sampling = Sampling(sampler=released_ddim(size.calls), samples=size.samples, noise=row_by_row())
    encoders = {"clip": partial(Blind, size.width), "text": (partial(Blind, size.text),)}
    model = CompoDiff([], **encoders, denoiser=denoiser, sampling=sampling).eval()
    student = torch.no_grad()(Regressor(size.width, (size.text,), denoiser=denoiser).eval())
    found = []
    for batch in size.batches:
        query = random_query(size, batch)
        ours, released, once = (partial(act, query) for act in (model.sample, partial(released_way, model), student))
        difference, most = (ours() - released()).abs().max().item(), round(megabytes(released), 3)
        name = f"{size.calls} calls, mean of {size.samples} samples"
        for label, act, apart in ((name, ours, difference), ("student, one call", once, None)):
            seconds = (spent / batch for spent in in_turns(act, released, size.times))
            memory = {"ours MB": round(megabytes(act), 3), "reference MB": most}
            found.append(row(f"batch {batch}: {label}, seconds a query", *seconds, apart) | memory)
    return found


def random_query(size: Size, batch: int) -> EmbeddedQuery:
    """Random embeddings of a text for each query, one empty text for all, images, and masks."""
    generator = torch.Generator().manual_seed(0)
    texts = torch.randn(batch + 1, size.tokens, size.text, generator=generator)
    return EmbeddedQuery(
        texts=((texts, torch.ones(batch + 1, size.tokens, dtype=torch.bool)),),
        text=torch.arange(batch),
        avoid=torch.full((batch,), batch),
        image=torch.randn(batch, size.width, generator=generator),
        mask=torch.rand(batch, SIDE, SIDE, generator=generator) > 0.5,
    )


@torch.no_grad()
def released_way(model: CompoDiff, query: EmbeddedQuery) -> Float[Tensor, "b d"]:
    """`model.sample`, its work ordered as the released code orders it: at each call, every branch of every sample of
    every query is a row of its own, with its own texts, mask and time.
    """
    how = model.sampling
    weights = how.guidance()
    told = repeated(query.conditions(tuple(weights)), how.samples)
    share = query.image.new_tensor(list(weights.values()))[:, None, None]

    def denoise(noisy: Float[Tensor, "b r d"], time: int) -> Float[Tensor, "b r d"]:
        flat = noisy.flatten(0, 1).repeat(len(weights), 1)[:, None]  # (k · b · r, 1, d)
        clean = model.denoiser(flat, torch.full((len(flat),), time), model.denoiser.context(told))
        return (share * clean.view(len(weights), -1, flat.shape[2])).sum(0).view_as(noisy)

    noise = how.noise(query.image[:, None].expand(-1, how.samples, -1))
    return how.sampler(denoise, noise, model.alphas).mean(1)


def repeated(conditions: Conditions, samples: int) -> Conditions:
    """Each row so many times, and each with a copy of its texts."""
    rows = torch.arange(len(conditions.image)).repeat_interleave(samples)
    return Conditions(
        texts=tuple(
            TextTokens(text.tokens[text.row[rows]], text.words[text.row[rows]], torch.arange(len(rows)))
            for text in conditions.texts
        ),
        image=conditions.image[rows],
        present=conditions.present[rows],
        mask=conditions.mask[rows],
    )
