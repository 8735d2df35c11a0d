"""PVLF: learned prompts between the text's and the image's tokens of TransAgg's fusion.

"Prompting Vision-Language Fusion for Zero-Shot Composed Image Retrieval", §3.2.3, eq. 8 to 13. No code is published;
what the paper leaves open is an object here, and the default is TransAgg's.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkit.attention.dropout import Dropout
from cirkit.encoders.prompts import GAUSSIAN, Start
from cirkit.encoders.word_vectors import Tuning, tuned
from cirkit.errors import Problem
from cirkit.models.transagg import Fusion, Separator, TokenEncoder, TransAgg


class Prompts(nn.Module):
    """`length` tokens for each of the first `depth` layers, in place of what the layer before made of its own.

    With `depth` 1 it is PVLF-Shallow (eq. 8 and 9), with a depth of all layers PVLF-Deep (eq. 12). `tuning=frozen`
    leaves them as they start: more positions, but nothing learned in them. Raises Problem where there are fewer layers.
    """

    # the paper says neither how the random start is distributed nor that a prompt drops out; VPT has both
    def __init__(
        self,
        width: int,
        layers: int,
        *,
        length: int,
        depth: int,
        start: Start = GAUSSIAN,
        dropout: float = 0.0,
        tuning: Tuning = tuned,
    ):
        super().__init__()
        if not 1 <= depth <= layers:
            raise Problem(f"Prompts of depth {depth} do not fit {layers} layers. Choose 1 to {layers}.")
        self.length, self.dropout = length, Dropout(dropout)
        self.tokens = nn.Parameter(start(torch.empty(depth, length, width)))
        tuning(self)

    def forward(self, layer: int, tokens: Float[Tensor, "b k d"]) -> Float[Tensor, "b k d"]:
        return self.dropout(self.tokens[layer].expand_as(tokens)) if layer < len(self.tokens) else tokens


class SeparatorThenPrompts(nn.Module):
    """TransAgg's separator beside the prompts; the equations have none."""

    def __init__(
        self, width: int, layers: int, *, length: int, depth: int, prompts: Callable[..., nn.Module] = Prompts
    ):
        super().__init__()
        self.separator = Separator(width, layers)
        self.prompts = prompts(width, layers, length=length, depth=depth)
        self.length = self.separator.length + self.prompts.length

    def forward(self, layer: int, tokens: Float[Tensor, "b k d"]) -> Float[Tensor, "b k d"]:
        return torch.cat([self.separator(layer, tokens[:, :1]), self.prompts(layer, tokens[:, 1:])], dim=1)


def norm_on_residual(tokens: Float[Tensor, "b i d"], norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Eq. 10: norm(x) + f(x)."""
    return tokens, norm(tokens)


def norm_on_both(tokens: Float[Tensor, "b i d"], norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Eq. 11: norm(x) + f(norm(x))."""
    normed = norm(tokens)
    return normed, normed


# paper (eq. 10 and 11), which leaves no path around the norms; by default as TransAgg's layers (pre-norm)
AS_PRINTED = (norm_on_residual, norm_on_both)


def pvlf(
    texts: Sequence[str],
    *,
    clip: Callable[[], TokenEncoder],
    length: int = 25,
    depth: int | None = None,
    layers: int = 2,
    prompts: Callable[..., nn.Module] = Prompts,
    fusion: Callable[..., nn.Module] = Fusion,
    tuning: Tuning = tuned,
) -> TransAgg:
    """TransAgg with `length` prompts in place of its separator, in each layer of its fusion or in the first `depth`.

    The paper's depth J is `layers`: it ablates both at once. `prompts` may be `SeparatorThenPrompts`, or `Prompts` with
    another start; `fusion=partial(Fusion, residual=AS_PRINTED)` reads equations 10 and 11 to the letter. Train it with
    `ranking(focal())` (eq. 14 and 15). Without prompts (`length=0`) it is TransAgg.
    """
    # paper: "global image feature x_N and global text feature t_N" go into the MLP; as in TransAgg, they are those
    # after the fusion there, and those before it in the sum of eq. 13
    deep = layers if depth is None else depth
    between = partial(prompts, length=length, depth=deep) if length else Separator
    return TransAgg(texts, clip=clip, fusion=partial(fusion, layers=layers, between=between), tuning=tuning)
