"""ITSELF: text-based person retrieval by a CLIP whose own attention picks the tokens that are compared, too.

ITSELF (WACV 2026), §3 and its supplement, §1; the global-only baseline of its Table 3 beside it.
"""

from collections.abc import Callable, Sequence

from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.errors import Problem
from cirkit.models.branches import Branches, Fused, Pair, unit
from cirkit.models.identity_heads import IdentityHeads
from cirkit.models.mars import mars
from cirkit.models.retention import ATS, Retention
from cirkit.models.token_rules import Rule
from cirkit.query import Query

MARS, STEPS = mars(), ATS(t_small=1450)


class ITSELF(nn.Module):
    """Two branches, each trained with heads of its own; scores weigh them by `weight`.

    `width` is that of the local vectors, `identities` the number of people in the training data.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        clip: Callable[[], nn.Module],
        identities: int,
        width: int = 4096,
        rule: Rule = MARS,
        text_rule: Rule = MARS,
        retention: Retention = STEPS,
        weight: float = 0.5,  # paper (eq. 8): not stated; released code: the best of thirteen on the test data
    ):
        super().__init__()
        self.branches = Branches(clip=clip, width=width, rule=rule, text_rule=text_rule, retention=retention)
        widths = {"whole": self.branches.clip.width, "local": width}
        self.heads = nn.ModuleDict({name: IdentityHeads(each, identities) for name, each in widths.items()})
        self.score = Fused(weight)

    def encode(self, images: UInt8[Tensor, "b c h w"]) -> Pair:
        return unit(self.branches.image(images))

    def compose(self, query: Query) -> Pair:
        return unit(self.branches.text(caption(query)))

    def pairs(self, images: UInt8[Tensor, "b c h w"], texts: Sequence[str]) -> dict[str, Pair]:
        """Images and texts of a training step by branch, neither normalised; counts the step."""
        return self.branches.pairs(images, texts)


class GlobalOnly(nn.Module):
    """The class and the end token alone, trained with the same losses: the baseline."""

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], nn.Module], identities: int):
        super().__init__()
        self.clip = clip()
        self.heads = nn.ModuleDict({"whole": IdentityHeads(self.clip.width, identities)})

    def encode(self, images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        return normalize(self.clip.image(images[:, :3]), dim=1)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return normalize(self.clip.text(caption(query)), dim=1)

    def score(self, composed: Float[Tensor, "q d"], gallery: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
        return composed @ gallery.mT

    def pairs(self, images: UInt8[Tensor, "b c h w"], texts: Sequence[str]) -> dict[str, Pair]:
        """Images and texts of a training step, not normalised."""
        return {"whole": (self.clip.image(images[:, :3]), self.clip.text(texts))}


def caption(query: Query) -> Sequence[str]:
    """The captions of queries that are texts alone. Raises Problem for others, and for a caption that is empty."""
    if query.text is None or query.image is not None:
        raise Problem("A person is asked for by a caption alone. Give the query a text and no image.")
    if not all(text.strip() for text in query.text):
        empty = next(row for row, text in enumerate(query.text) if not text.strip())
        raise Problem(f"Caption {empty} of these {len(query.text)} is empty. Leave it out, or write one.")
    return query.text
