"""CLIP4Cir: CLIP tuned under a plain sum of its two vectors, then a Combiner network that learns a better one.

Baldrati et al. (2022), "Conditioned and Composed Image Retrieval Combining and Partially Fine-Tuning CLIP-Based
Features"; the Combiner of CompoDiff's Tables 3, 4, 6 and B.1 to B.4.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.encoders.clip import Clip
from cirkit.encoders.word_vectors import Tuning, frozen
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.models.sum import as_encoded
from cirkit.query import Batch, Query


class ElementWiseSum(nn.Module):
    """Stage one: v + t of CLIP's vectors, each through `addend` first; nothing is learned."""

    def __init__(self, width: int, *, addend: Callable[[Tensor], Tensor] = as_encoded):
        super().__init__()
        self.addend = addend

    def forward(self, image: Float[Tensor, "b d"], text: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return self.addend(image) + self.addend(text)


class Combiner(nn.Module):
    """Stage two: mix(c) + λ(c) · t + (1 − λ(c)) · v, where c joins both vectors after a layer each.

    v and t are CLIP's vectors as they are; λ is one number for each query. The layers' widths are those of the paper
    for `projection` and `hidden` of 4 and 8 times CLIP's width.
    """

    def __init__(self, width: int, *, projection: int = 4, hidden: int = 8, dropout: float = 0.5):
        super().__init__()
        each, inside = projection * width, hidden * width

        def layer(before: int, after: int) -> nn.Module:
            return nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout))

        self.text, self.image = layer(width, each), layer(width, each)
        self.mix = nn.Sequential(layer(2 * each, inside), nn.Linear(inside, width))
        self.balance = nn.Sequential(layer(2 * each, inside), nn.Linear(inside, 1), nn.Sigmoid())

    def forward(self, image: Float[Tensor, "b d"], text: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        joined = torch.cat([self.text(text), self.image(image)], dim=1)  # (b, 2e)
        share = self.balance(joined)  # (b, 1), of the text
        return self.mix(joined) + share * text + (1 - share) * image


def text_tower(clip: nn.Module) -> nn.Module:
    """The text tower learns, the rest stays as it is: stage one of the paper."""
    # released code: both towers by default (`tuning=tuned`), as in the authors' paper of 2023
    learning = _reached_by_text(clip)
    frozen(clip)
    for parameter in learning:
        parameter.requires_grad_(True)
    return clip


def image_tower(clip: nn.Module) -> nn.Module:
    """All but the text tower learns: the third choice of the released code."""
    for parameter in _reached_by_text(clip):
        parameter.requires_grad_(False)
    return clip


def _reached_by_text(clip: nn.Module) -> list[nn.Parameter]:
    """The parameters that the vector of a text depends on, from the graph of its gradient."""
    clip.requires_grad_(True).eval()
    with torch.enable_grad():
        waiting = [clip.text(["a"]).grad_fn]
    met, found = set(waiting), []
    while waiting:
        node = waiting.pop()
        if isinstance(parameter := getattr(node, "variable", None), nn.Parameter):
            found.append(parameter)
        after = {each for each, _ in node.next_functions if each is not None} - met
        met |= after
        waiting.extend(after)
    return found


class CLIP4Cir(nn.Module):
    """100 · cosine of a fusion of the query's two CLIP vectors and the target's vector.

    Stage one: `fusion=ElementWiseSum` with `tuning=text_tower`. Stage two: the `Combiner` over a frozen CLIP, which
    begins from stage one's (`start={"clip": ...}`); from features that are there, train it with the objective
    `ranking_features`. A query of one part alone is that part's vector.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        clip: Callable[[], Clip],
        fusion: Callable[[int], nn.Module] = Combiner,
        tuning: Tuning = frozen,
    ):
        super().__init__()
        self.clip = tuning(clip())
        self.fusion = fusion(self.clip.width)
        self.score = Cosine(10.0).requires_grad_(False)

    def train(self, mode: bool = True) -> "CLIP4Cir":
        """CLIP stays in evaluation mode, whose batch norms do not change (released code)."""
        super().train(mode)
        self.clip.eval()
        return self

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.clip.image(images)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.avoid is not None or query.mask is not None:
            raise Problem("CLIP4Cir knows no negative text and no mask. Leave them out, or use CompoDiff.")
        if query.text is None:
            return self.encode(query.image)
        text = self.clip.text(query.text)
        return text if query.image is None else self.fusion(self.encode(query.image), text)


def triplet_features(clip: Clip, batch: Batch) -> Mapping[str, Float[Tensor, "b d"]]:
    """A CLIP's vectors of a batch of triplets by name, for `CachedFeatures` and the objective `ranking_features`."""
    query = batch.query
    return {"image": clip.image(query.image), "text": clip.text(query.text), "target": clip.image(batch.target)}
