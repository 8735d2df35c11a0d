"""Where prompts attend and what attends to them: attention between the kinds of tokens of a fusion, layer by layer.

PVLF §3.2.3: prompts are to "facilitate a comprehensive interaction"; the paper shows no attention.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cirkit.evaluators.attention_maps import averaged, spread
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.ranking import device_of
from cirkit.models.transagg import TransAgg, tokens
from cirkit.query import Benchmark

KINDS = ("words", "text's own token", "prompts", "class token", "patches")
CHUNK = 32


@dataclass(frozen=True)
class PromptAttention:
    """An exhibit of `queries` queries, evenly spread: attention over what uniform attention would give.

    `between` has for each layer how much a token of one of the `KINDS` (lines) attends to those of another (columns);
    `to_prompts` has for each layer how much every other token attends to each prompt. Padding is left out.
    """

    queries: int = 100
    name: str = "prompts"
    every_seed: bool = True

    def __call__(self, model: TransAgg, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        """Means over heads and queries."""
        rows = torch.tensor(spread(len(benchmark), min(self.queries, len(benchmark))))
        parts = [self._part(model, benchmark, chunk) for chunk in rows.split(CHUNK)]
        shares = torch.tensor([len(chunk) / len(rows) for chunk in rows.split(CHUNK)])
        between, to_prompts = (torch.stack(each) for each in zip(*parts, strict=True))  # (c, layers, ...)
        return {
            "kinds": list(KINDS),
            "between": _rounded(torch.einsum("c,clij->lij", shares, between)),
            "to_prompts": _rounded(torch.einsum("c,clp->lp", shares, to_prompts)),
        }

    @torch.no_grad()
    def _part(self, model: TransAgg, benchmark: Benchmark, rows: Tensor) -> tuple[Tensor, Tensor]:
        read = tokens(model.clip, benchmark.query[rows].to(device_of(model)))
        layers = [averaged(layer).cpu() for layer in model.fusion.attention(**read)]
        maps = torch.stack(layers, dim=1)  # (b, layers, i, i)
        t, p = read["words"].shape[1], model.fusion.between.length
        kinds = members(read["words"].cpu(), read["position"].cpu(), p, read["image"].shape[1])
        others = kinds[:, [0, 1, 3, 4]].any(1)  # (b, i)
        given = torch.einsum("bi,blip->blp", others / others.sum(1, keepdim=True), maps[..., t : t + p])
        length = kinds.any(1).sum(1)  # (b): tokens that are no padding
        return between_kinds(maps, kinds).mean(0), (given * length[:, None, None]).mean(0)


def members(
    words: Bool[Tensor, "b t"], position: Int[Tensor, " b"], prompts: int, image: int
) -> Bool[Tensor, "b kinds i"]:
    """Which tokens of [text | prompts | image] are of each of the `KINDS`; `position` is that of the text's vector."""
    b, t = words.shape
    own = torch.arange(t) == position[:, None]  # (b, t)
    out = torch.zeros(b, len(KINDS), t + prompts + image, dtype=torch.bool)
    out[:, 0, :t], out[:, 1, :t] = words & ~own, own
    out[:, 2, t : t + prompts] = True
    out[:, 3, t + prompts] = True
    out[:, 4, t + prompts + 1 :] = True
    return out


def between_kinds(
    maps: Float[Tensor, "b layers i i"], kinds: Bool[Tensor, "b kinds i"]
) -> Float[Tensor, "b layers kinds kinds"]:
    """The mean weight from the tokens of a kind to one token of another, over that of uniform attention."""
    size = kinds.sum(2).clamp(min=1)  # (b, kinds)
    mean = kinds / size[..., None]  # (b, kinds, i)
    weight = torch.einsum("bki,blij,bmj->blkm", mean, maps, mean)
    return weight * kinds.any(1).sum(1)[:, None, None, None]


def _rounded(values: Tensor) -> Sequence[Any]:
    return (values * 1e4).round().div(1e4).tolist()
