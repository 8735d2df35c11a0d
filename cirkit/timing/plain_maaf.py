"""MAAF once more, operation by operation as the released code computes it: what `cirkit bench maaf` measures against.

MAAF §2 in the arithmetic of yahoo/maaf at 49a0df9, in our own words: a norm with the unbiased deviation, weights
written out and masked with -1e9, channels before places throughout, catalogue pictures masked with ones.
"""

import copy
import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout

from cirkit.encoders.image import ResNet, SmallResNet, linear_norm_relu
from cirkit.encoders.text import words
from cirkit.models.maaf import MAAF

Maps = Callable[[nn.Module], nn.Module]  # an image encoder -> what gives its maps before they are projected


class SmallMaps(nn.Module):
    """The maps of a SmallResNet, with copies of its weights, channels before places."""

    def __init__(self, image: SmallResNet):
        super().__init__()
        self.stem, self.blocks = copy.deepcopy(image.trunk.stem), copy.deepcopy(image.trunk.blocks)
        self.levels = len(image.project)
        self.to(memory_format=torch.contiguous_format)

    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> list[Tensor]:
        map, maps = self.stem(images.float() / 127.5 - 1), []
        for block in self.blocks:
            map = block(map)
            maps.append(map)
        return maps[-self.levels :]


class ResNetMaps(nn.Module):
    """The maps of a ResNet, with copies of its weights, channels before places; pictures come at the size it takes."""

    def __init__(self, image: ResNet):
        super().__init__()
        self.trunk, self.mean, self.deviation = copy.deepcopy(image.trunk), image.mean, image.deviation
        self.to(memory_format=torch.contiguous_format)

    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> list[Tensor]:
        return self.trunk((images.float() / 255 - self.mean) / self.deviation)


class GivenMaps(nn.Module):
    """Random maps that are already there, whatever the pictures show, so that only what follows them is timed."""

    def __init__(self, *, pictures: int, channels: Sequence[int], sides: Sequence[int]):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.maps = [
            torch.rand(pictures, c, side, side, generator=generator) for c, side in zip(channels, sides, strict=True)
        ]

    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> list[Tensor]:
        return [map[: len(images)] for map in self.maps]


class GivenResNet(nn.Module):
    """An image encoder for MAAF that projects given maps; by default those of ResNet50's stages 3 and 4."""

    def __init__(
        self,
        *,
        width: int = 512,
        pictures: int = 32,
        channels: Sequence[int] = (1024, 2048),
        sides: Sequence[int] = (14, 7),
    ):
        super().__init__()
        self.width = width
        self.given = GivenMaps(pictures=pictures, channels=channels, sides=sides)
        self.project = nn.ModuleList(linear_norm_relu(c, width) for c in channels)

    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> tuple[Tensor, ...]:
        return tuple(project(map) for project, map in zip(self.project, self.given(images), strict=True))


def given_maps(image: GivenResNet) -> GivenMaps:
    """The maps of a GivenResNet."""
    return image.given


class PlainNorm(nn.Module):
    """gain · (x - mean) / (std + 1e-6) + bias, the deviation unbiased."""

    def __init__(self, width: int):
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "b i d"]) -> Float[Tensor, "b i d"]:
        mean = x.mean(-1, keepdim=True)
        spread = x.std(-1, keepdim=True)
        return self.gain * (x - mean) / (spread + 1e-6) + self.bias


class PlainAttention(nn.Module):
    """Scores divided by √e, masked with -1e9, softmax, dropout on the weights, heads joined and projected."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Float[Tensor, "b i d"], mask: Int[Tensor, "b i"]) -> Float[Tensor, "b i d"]:
        b, i, d = x.shape
        query, key, value = (
            linear(x).view(b, i, self.heads, d // self.heads).transpose(1, 2)
            for linear in (self.query, self.key, self.value)
        )  # (b, heads, i, e)
        scores = query @ key.transpose(2, 3) / math.sqrt(d // self.heads)  # (b, heads, i, i)
        weights = scores.masked_fill(mask[:, None, None] == 0, -1e9).softmax(-1)
        joined = (dropout(weights, 0.1, self.training) @ value).transpose(1, 2).contiguous().view(b, i, d)
        return self.output(joined)


class PlainBlock(nn.Module):
    """x + drop(attention(norm(x))), then x + drop(feed-forward(norm(x)))."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.attend = PlainAttention(width, heads)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, width)
        )
        self.norm_attend, self.norm_feed_forward = PlainNorm(width), PlainNorm(width)

    def forward(self, x: Float[Tensor, "b i d"], mask: Int[Tensor, "b i"]) -> Float[Tensor, "b i d"]:
        x = x + dropout(self.attend(self.norm_attend(x), mask), 0.1, self.training)
        return x + dropout(self.feed_forward(self.norm_feed_forward(x)), 0.1, self.training)


class PlainFusion(nn.Module):
    """Blocks, and a last norm."""

    def __init__(self, width: int, blocks: int, heads: int, hidden: int):
        super().__init__()
        self.blocks = nn.ModuleList(PlainBlock(width, heads, hidden) for _ in range(blocks))
        self.norm = PlainNorm(width)

    def forward(self, x: Float[Tensor, "b i d"], mask: Int[Tensor, "b i"]) -> Float[Tensor, "b i d"]:
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)


class PlainMAAF(nn.Module):
    """The released arithmetic with the weights of a MAAF that was made of the released parts."""

    def __init__(self, ours: MAAF, maps: Maps):
        super().__init__()
        width = ours.image.width
        block = ours.fusion.blocks[0]
        self.maps = maps(ours.image)
        self.project = copy.deepcopy(ours.image.project).to(memory_format=torch.contiguous_format)
        self.number = ours.text.vocabulary.number
        self.embedding = copy.deepcopy(ours.text.embedding)
        self.lstm = nn.LSTM(width, width)
        self.lstm.load_state_dict(ours.text.lstm.state_dict())
        self.head = copy.deepcopy(ours.text.head)
        self.fusion = PlainFusion(
            width, len(ours.fusion.blocks), block.attend.heads, block.feed_forward[0].out_features
        )
        self.fusion.load_state_dict(ours.fusion.state_dict())
        self.scale = nn.Parameter(ours.score.scale.detach().clone())

    def compose(self, images: UInt8[Tensor, "b 3 h w"], texts: Sequence[str]) -> Float[Tensor, "b d"]:
        """Pictures and sentences through the fusion; the resolutions share one half, the words have the other."""
        image, counts = self._image(images)
        text, text_mask = self._text(texts)
        mask = torch.cat([torch.ones(image.shape[:2], dtype=torch.long), text_mask], 1)
        fused = self.fusion(torch.cat([image, text], 1), mask)
        pooled = self._pool(fused[:, : image.shape[1]], counts)
        said = fused[:, image.shape[1] :].transpose(1, 2).masked_fill(text_mask[:, None] == 0, 0.0)  # (b, d, t)
        return torch.stack([pooled, said.sum(-1) / text_mask.sum(1).float()[:, None]]).mean(0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Catalogue pictures through the same fusion, under a mask of ones."""
        image, counts = self._image(images)
        return self._pool(self.fusion(image, torch.ones(image.shape[:2], dtype=torch.long)), counts)

    def loss(
        self, images: UInt8[Tensor, "b 3 h w"], texts: Sequence[str], targets: UInt8[Tensor, "b 3 h w"]
    ) -> Float[Tensor, ""]:
        """The batch softmax over the products of normalised and scaled vectors."""
        composed, encoded = self._normalised(self.compose(images, texts)), self._normalised(self.encode(targets))
        return cross_entropy(composed @ encoded.T, torch.arange(len(composed)), reduction="none").mean()

    def gallery(self, images: UInt8[Tensor, "n 3 h w"], batch: int = 32) -> Float[Tensor, "n d"]:
        """A catalogue's features, a batch at a time; the graph of each batch is built and dropped, as released."""
        return torch.cat([self.encode(part).detach() for part in images.split(batch)])

    def _normalised(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return self.scale * (x / x.norm(p=2, dim=1, keepdim=True))

    def _pool(self, image: Float[Tensor, "b p d"], counts: list[int]) -> Float[Tensor, "b d"]:
        return torch.stack([part.mean(1) for part in image.split(counts, dim=1)]).mean(0)

    def _image(self, images: UInt8[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b p d"], list[int]]:
        maps = [project(map) for project, map in zip(self.project, self.maps(images), strict=True)]
        rows = [map.view(*map.shape[:2], -1).transpose(1, 2) for map in maps]  # (b, p, d) each
        return torch.cat(rows, dim=1), [each.shape[1] for each in rows]

    def _text(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Int[Tensor, "b t"]]:
        rows = [[self.number.get(word, 0) for word in words(text)] for text in texts]
        longest = max(map(len, rows))
        numbers = torch.zeros(longest, len(rows), dtype=torch.long)
        mask = torch.zeros(len(rows), longest, dtype=torch.long)
        for place, row in enumerate(rows):
            numbers[: len(row), place] = torch.tensor(row)
            mask[place, : len(row)] = 1
        start = torch.zeros(1, len(rows), self.lstm.hidden_size)
        states, _ = self.lstm(self.embedding(numbers), (start, start))  # (t, b, d)
        return self.head(states.transpose(0, 1)), mask
