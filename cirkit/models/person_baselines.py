"""What ITSELF is compared with: RDE, IRRA and TBPS-CLIP, on the same CLIP of tall images.

Qin et al. (CVPR 2024), Jiang and Ye (CVPR 2023), Cao et al. (AAAI 2024); ITSELF's supplement, Figures 1 to 5.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.models.branches import Branches, Fused, Pair, unit
from cirkit.models.dual_encoder import START
from cirkit.models.itself import caption
from cirkit.models.retention import fixed
from cirkit.models.token_rules import single_layer
from cirkit.query import Query

LAST, RATIO = single_layer(11), fixed(0.3)


class RDE(nn.Module):
    """Two branches, tokens ranked by the last block; train it with `alignment_alone`.

    Its division of the training pairs into clean and noisy ones is left out, as in ITSELF: every pair is clean.
    """

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], nn.Module], width: int = 1024, weight: float = 0.5):
        super().__init__()
        self.branches = Branches(clip=clip, width=width, rule=LAST, text_rule=LAST, retention=RATIO)
        self.score = Fused(weight)

    def encode(self, images: UInt8[Tensor, "b c h w"]) -> Pair:
        return unit(self.branches.image(images))

    def compose(self, query: Query) -> Pair:
        return unit(self.branches.text(caption(query)))

    def pairs(self, images: UInt8[Tensor, "b c h w"], texts: Sequence[str]) -> dict[str, Pair]:
        """Images and texts of a training step by branch, neither normalised."""
        return self.branches.pairs(images, texts)


class TBPSCLIP(nn.Module):
    """A CLIP with a learned temperature; train it with `identity_contrast`.

    Its second image view, self-supervision of images and back-translated captions are left out.
    """

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], nn.Module]):
        super().__init__()
        self.clip = clip()
        self.root_scale = nn.Parameter(torch.tensor(START))  # released code: the logarithm of its square, below 100

    @property
    def scale(self) -> Float[Tensor, ""]:
        """The factor between cosines and logits, 100 at most."""
        return self.root_scale.square().clamp(max=100.0)

    def encode(self, images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        return normalize(self.clip.image(images[:, :3]), dim=1)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return normalize(self.clip.text(caption(query)), dim=1)

    def score(self, composed: Float[Tensor, "q d"], gallery: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
        return composed @ gallery.mT

    def pairs(self, images: UInt8[Tensor, "b c h w"], texts: Sequence[str]) -> dict[str, Pair]:
        """Images and texts of a training step, not normalised."""
        return {"whole": (self.clip.image(images[:, :3]), self.clip.text(texts))}


def quick_gelu(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """x σ(1.702 x), CLIP's."""
    return values * (1.702 * values).sigmoid()


class IRRA(nn.Module):
    """A CLIP, a classifier of identities, and a Transformer that reads masked words off the image, for training alone.

    `identities` is the number of people in the training data; `blocks` is the depth of the Transformer.
    """

    def __init__(self, texts: Sequence[str], *, clip: Callable[[], nn.Module], identities: int, blocks: int = 4):
        super().__init__()
        self.clip = clip()
        width, pieces = self.clip.width, self.clip.towers.network.vocab_size
        self.identities, self.one = identities, nn.Linear(width, identities)
        nn.init.normal_(self.one.weight, std=0.001)
        nn.init.zeros_(self.one.bias)
        heads = max(1, width // 64)
        self.norm_text, self.norm_image, self.norm_out = (nn.LayerNorm(width) for _ in range(3))
        self.cross = nn.MultiheadAttention(width, heads, batch_first=True)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout=0.0, activation=quick_gelu, batch_first=True, norm_first=True
            )
            for _ in range(blocks)
        )
        self.dense, self.norm_word, self.word = nn.Linear(width, width), nn.LayerNorm(width), nn.Linear(width, pieces)

    def encode(self, images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        return normalize(self.clip.image(images[:, :3]), dim=1)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return normalize(self.clip.text(caption(query)), dim=1)

    def score(self, composed: Float[Tensor, "q d"], gallery: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
        return composed @ gallery.mT

    def image_tokens(self, images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b n d"]:
        """All tokens in the joint space, the class token first."""
        return self.clip.project(self.clip.image_tokens(images[:, :3]))

    def words(
        self, pieces: Int[Tensor, "b t"], image: Float[Tensor, "b n d"], hidden: Bool[Tensor, "b t"]
    ) -> Float[Tensor, "m v"]:
        """Logits over the vocabulary at the `hidden` places of texts, from the texts and their images' tokens."""
        return self.read(self.clip.read(pieces), image)[hidden]

    def read(self, text: Float[Tensor, "b t d"], image: Float[Tensor, "b n d"]) -> Float[Tensor, "b t v"]:
        """Logits over the vocabulary at every place: words ask the image once, then one another."""
        memory = self.norm_image(image)
        tokens = self.cross(self.norm_text(text), memory, memory, need_weights=False)[0]
        for block in self.blocks:
            tokens = block(tokens)
        return self.word(self.norm_word(quick_gelu(self.dense(self.norm_out(tokens)))))
