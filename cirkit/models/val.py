"""VAL: at each of several resolutions the text gates the image's map and rewrites it by self-attention.

Chen, Gong and Bazzani (2020), "Image Search with Text Feedback by Visiolinguistic Attention Learning", §3; a row of
MAAF's Tables 3 and 7.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize, pad, scaled_dot_product_attention

from cirkit.encoders.text import dropout_linear
from cirkit.errors import Problem
from cirkit.query import Query


def masked_max_pool(tokens: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """The largest value of each channel over a text's words."""
    # released code: the padding of a training batch takes part, as zeros; at test there is none
    return tokens.masked_fill(~mask[..., None], torch.finfo(tokens.dtype).min).amax(1)


def plain(channels: int, width: int, side: int) -> nn.Module:
    """A gate is the sigmoid of a convolution."""
    return nn.Conv2d(channels, width, side)


def norm_relu(channels: int, width: int, side: int) -> nn.Module:
    """What the defaults of the released code put around that convolution, so that no gate closes below one half."""
    return nn.Sequential(nn.Conv2d(channels, width, side, bias=False), nn.BatchNorm2d(width), nn.ReLU())


Gate = Callable[[int, int, int], nn.Module]  # channels, width, kernel side -> what the sigmoid sees


class SplitAttention(nn.Module):
    """Self-attention over places; each head reads its own share of the channels with its own bias-free matrices."""

    def __init__(self, width: int, *, heads: int = 2, dropout: float):
        super().__init__()
        if width % heads:
            raise Problem(f"{heads} heads cannot share a width of {width}. Choose heads that divide it.")
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value = (nn.Conv2d(width, width, 1, groups=heads, bias=False) for _ in range(3))
        self.output = nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())

    def _split(self, map: Float[Tensor, "b d h w"]) -> Float[Tensor, "b heads p e"]:
        return map.flatten(2).unflatten(1, (self.heads, -1)).mT

    def forward(self, map: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        query, key, value = (self._split(linear(map)) for linear in (self.query, self.key, self.value))
        rate = self.dropout if self.training else 0.0
        heads = scaled_dot_product_attention(query, key, value, dropout_p=rate)  # (b, heads, p, e)
        return self.output(heads.mT.reshape(map.shape))


class Level(nn.Module):
    """a₀ · channel gate ⊙ place gate ⊙ x + a₁ · self-attention(v), where v joins the map x with the text.

    `side` is that of the level's map: the place gate is a convolution as large as the map, over the mean of v's
    channels. The released code starts a at (1, 0), so that attention joins in only as it learns to.
    """

    def __init__(
        self,
        width: int,
        words: int,
        side: int,
        *,
        gate: Gate,
        balance: tuple[float, float],
        dropout: float,
    ):
        super().__init__()
        self.join = nn.Sequential(nn.Conv2d(width + words, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.channels = gate(width, width, 1)
        self.places = gate(1, 1, side)
        self.attend = SplitAttention(width, dropout=dropout)
        self.balance = nn.Parameter(torch.tensor(balance))
        self.around = ((side - 1) // 2, side // 2) * 2  # keeps the side; an even kernel reaches further right and down

    def forward(self, map: Float[Tensor, "b d h w"], text: Float[Tensor, "b e"]) -> Float[Tensor, "b d h w"]:
        everywhere = text[..., None, None].expand(-1, -1, *map.shape[2:])  # (b, e, h, w)
        joined = self.join(torch.cat([map, everywhere], dim=1))  # (b, d, h, w)
        channels = self.channels(joined.mean((2, 3), keepdim=True)).sigmoid()  # (b, d, 1, 1)
        places = self.places(pad(joined.mean(1, keepdim=True), self.around)).sigmoid()  # (b, 1, h, w)
        return self.balance[0] * channels * places * map + self.balance[1] * self.attend(joined)


class VAL(nn.Module):
    """Visiolinguistic attention at every resolution; two sides are as near as the sum of their distances by level.

    `sides` are those of the image encoder's maps, fine to coarse: (16, 8, 4) for `SmallResNet(levels=3)` on 64 x 64,
    (28, 14, 7) for `ResNet(stages=(2, 3, 4))`. The text is the maximum over its words, then dropout and a linear
    layer. `gate=norm_relu` is the released code. A query without a text is its image's own vectors.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        image: Callable[[], nn.Module],
        text: Callable[[Sequence[str]], nn.Module],
        sides: Sequence[int] = (16, 8, 4),
        gate: Gate = plain,
        balance: tuple[float, float] = (1.0, 0.0),
        dropout: float = 0.1,
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        self.project = dropout_linear(self.text.width, dropout)  # released code: batch norm after it
        self.fusion = nn.ModuleList(
            Level(self.image.width, self.text.width, side, gate=gate, balance=balance, dropout=dropout)
            for side in sides
        )

    def _maps(self, images: UInt8[Tensor, "b 3 h w"]) -> tuple[Tensor, ...]:
        maps = self.image(images)
        if len(maps) != len(self.fusion):
            raise Problem(f"The image encoder gives {len(maps)} maps and VAL has {len(self.fusion)} sides. Give both.")
        return maps

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b l d"]:
        return unit_means(self._maps(images))

    def compose(self, query: Query) -> Float[Tensor, "b l d"]:
        if query.image is None:
            raise Problem("VAL changes an image and this query has none. Give the query an image.")
        maps = self._maps(query.image)
        if query.text is not None:
            text = self.project(masked_max_pool(*self.text(query.text)))
            maps = tuple(level(map, text) for level, map in zip(self.fusion, maps, strict=True))
        return unit_means(maps)

    def by_level(self, composed: Float[Tensor, "q l d"], gallery: Float[Tensor, "n l d"]) -> Float[Tensor, "l q n"]:
        """Minus the squared distance at each level, between -4 and 0: what the released loss sees level by level."""
        return 2 * composed.transpose(0, 1) @ gallery.permute(1, 2, 0) - 2  # of unit vectors: 2 cos - 2

    def score(self, composed: Float[Tensor, "q l d"], gallery: Float[Tensor, "n l d"]) -> Float[Tensor, "q n"]:
        # the sum over levels is one product of the levels side by side
        return 2 * composed.flatten(1) @ gallery.flatten(1).mT - 2 * composed.shape[1]


def unit_means(maps: Sequence[Tensor]) -> Float[Tensor, "b l d"]:
    """Each map's average over its places, as a unit vector."""
    return torch.stack([normalize(map.mean((2, 3)), dim=-1) for map in maps], dim=1)
