"""A CLIP with two branches: the standing token's vector, and one pooled from the tokens that attention ranks highest.

ITSELF §3 and Figure 2; RDE (Qin et al., CVPR 2024) §3.2 has the same two, its tokens ranked by the last block.
"""

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize, pad

from cirkit.encoders.block_attention import Attention, Maps, at, attention_of
from cirkit.errors import Problem
from cirkit.models.grab import Grab
from cirkit.models.retention import Retention, count
from cirkit.models.token_rules import Rule

Pair = tuple[Tensor, Tensor]  # whole (b, d) and local (b, e), neither normalised


def padded_length(words: Int[Tensor, " b"], context: int) -> Int[Tensor, " b"]:
    """Every text counts as long as the context but start and end, whatever its own length."""
    return torch.full_like(words, context - 2)


def own_length(words: Int[Tensor, " b"], context: int) -> Int[Tensor, " b"]:
    """A text counts by its own words, so that some of a short one are left out, too."""
    return words


class Branches(nn.Module):
    """Both branches of images and of texts. `rule` ranks image tokens, `text_rule` words, `retention` says how many.

    Scores of a rule are without gradient. Where an image has a fourth channel, that is the mask of `marked_tokens`.
    """

    def __init__(
        self,
        *,
        clip: Callable[[], nn.Module],
        width: int,
        rule: Rule,
        text_rule: Rule,
        retention: Retention,
        length: Callable[[Tensor, int], Tensor] = padded_length,  # paper (eq. 4): N; released code: the padded length
    ):
        super().__init__()
        self.clip = clip()
        self.rule, self.text_rule, self.retention, self.length = rule, text_rule, retention, length
        self.grab_image, self.grab_text = Grab(self.clip.width, out=width), Grab(self.clip.width, out=width)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))  # of training, over interruptions

    def image(self, images: UInt8[Tensor, "b c h w"]) -> Pair:
        """The class token, and the ranked patches pooled."""
        row = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        with self._watched(self.clip.towers.image_blocks, self.rule, row) as maps:
            tokens = self.clip.project(self.clip.image_tokens(images[:, :3]))  # (b, n, d)
        n = tokens.shape[1]
        scores = self.rule(self._attention(self.clip.towers.image_blocks, row, n, maps, self._marks(images)))
        patch = (torch.arange(n, device=row.device) > 0).expand(len(images), n)
        amount = torch.full_like(row, count(n - 1, self.ratio()))
        return tokens[:, 0], self.grab_image(tokens, scores, patch, amount)

    def text(self, texts: Sequence[str]) -> Pair:
        """The end token, and the ranked words pooled. Raises Problem for a text without words."""
        pieces, mask = self.clip.pieces(texts)
        row = self.clip.text_position(mask)
        if int(row.min()) < 2:
            raise Problem(f"{texts[int(row.argmin())]!r} has no words to rank. Leave the caption out, or write one.")
        with self._watched(self.clip.towers.text_blocks, self.text_rule, row) as maps:
            tokens = self.clip.read(pieces)  # (b, t, d)
        t = tokens.shape[1]
        scores = self.text_rule(self._attention(self.clip.towers.text_blocks, row, t, maps, None))
        place = torch.arange(t, device=row.device)
        word = (place > 0) & (place < row[:, None])
        lengths = self.length(row - 1, t)
        amount = torch.tensor([count(each, self.ratio()) for each in lengths.tolist()], device=row.device)
        return at(tokens, row), self.grab_text(tokens, scores, word, amount)

    def pairs(self, images: UInt8[Tensor, "b c h w"], texts: Sequence[str]) -> dict[str, Pair]:
        """Images and texts of a training step by branch; counts the step."""
        self.step += self.training
        return dict(zip(("whole", "local"), zip(self.image(images), self.text(texts), strict=True), strict=True))

    def ratio(self) -> float:
        """The part of the tokens that is selected after the steps trained so far."""
        return self.retention(int(self.step))

    def _watched(self, blocks: nn.ModuleList, rule: Rule, row: Int[Tensor, " b"]) -> AbstractContextManager[Maps]:
        return attention_of(blocks, row, whole=rule.whole(len(blocks)), rows=rule.rows(len(blocks)))

    def _attention(
        self, blocks: nn.ModuleList, row: Int[Tensor, " b"], tokens: int, maps: Maps, marks: Tensor | None
    ) -> Attention:
        whole, rows = maps
        return Attention(
            row=row, depth=len(blocks), tokens=tokens, training=self.training, marks=marks, whole=whole, rows=rows
        )

    def _marks(self, images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b n"] | None:
        """How far the mask covers each patch, the class token not at all."""
        if images.shape[1] == 3:
            return None
        mask = (images[:, 3:] > 0).to(self.grab_image.straight.weight)
        return pad(adaptive_avg_pool2d(mask, self.clip.grid).flatten(1), (1, 0))


class Fused(nn.Module):
    """λ times the cosine of the whole vectors plus 1 - λ times that of the local ones; all come at length one."""

    # paper (eq. 8): λ is not stated; RDE: .5
    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight

    def forward(self, composed: Pair, gallery: Pair) -> Float[Tensor, "q n"]:
        return self.weight * composed[0] @ gallery[0].mT + (1 - self.weight) * composed[1] @ gallery[1].mT


def unit(pair: Pair) -> Pair:
    """Both vectors at length one."""
    return normalize(pair[0], dim=1), normalize(pair[1], dim=1)


@dataclass(frozen=True)
class fusion:
    """A model of two branches whose scores weigh the whole vectors by `weight`: 1 is those alone, 0 the local ones."""

    weight: float

    def __call__(self, model: nn.Module) -> nn.Module:
        """The model under another weight; it shares its parameters with the one given."""
        return _with(model, "score", Fused(self.weight))


@dataclass(frozen=True, kw_only=True)
class token_selection:
    """A model of two branches that ranks and selects its tokens otherwise than it was trained."""

    # released code of ITSELF tests with `single_layer(11)` and `fixed(.4)`, however it was trained
    rule: Rule
    text_rule: Rule
    retention: Retention

    def __call__(self, model: nn.Module) -> nn.Module:
        """The model with another selection; it shares its parameters with the one given."""
        branches = copy.copy(model.branches)
        branches.rule, branches.text_rule, branches.retention = self.rule, self.text_rule, self.retention
        return _with(model, "branches", branches)


def _with(model: nn.Module, part: str, other: nn.Module) -> nn.Module:
    changed = copy.copy(model)
    changed._modules = model._modules | {part: other}
    return changed
