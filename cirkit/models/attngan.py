"""AttnGAN: an image painted coarse to fine, each finer stage with what its places attend to among the caption's words.

Xu et al. (CVPR 2018), "AttnGAN: Fine-Grained Text to Image Generation with Attentional Generative Adversarial
Networks", §3.1; the host of Table 4 and Figures 16 to 19 of Cao et al. (2022), who exchange its alignment score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, glu, pad

from cirkit.attention.alignment import AlignmentScore
from cirkit.attention.blocks import softmax
from cirkit.models.damsm import DAMSM, to_images
from cirkit.models.discriminators import Discriminator

Score = Callable[[int], AlignmentScore]
Allowed = Callable[[Tensor, int], Tensor]  # which words exist (b, t), places i -> words that each place sees (b, _, t)


def own_words(mask: Bool[Tensor, "b t"], places: int) -> Bool[Tensor, "b 1 t"]:
    """Every place of an image sees the words of its own caption: the formula's."""
    return mask[:, None]


def released_rows(mask: Bool[Tensor, "b t"], places: int) -> Bool[Tensor, "b {places} t"]:
    """Released code: place q of image i sees what caption (i · places + q) mod b allows, masks and places out of step.

    Words that a shorter caption lacks are hidden from a longer one's image and padding is seen: what is painted depends
    on the other captions of the batch. Of one caption the two are equal.
    """
    return mask.repeat(places, 1).unflatten(0, (len(mask), places))


def uniform(dim: int) -> AlignmentScore:
    """A score that is zero everywhere: each place takes the mean of the words, a control that no paper has."""
    return AlignmentScore(activation=torch.zeros_like)


class GLU(nn.Module):
    """Half of the channels times the sigmoid of the others."""

    def forward(self, map: Float[Tensor, "b c ..."]) -> Float[Tensor, "b d ..."]:
        return glu(map, dim=1)


class WordAttention(nn.Module):
    """Each place of a map is the query of an attention to the words, projected: keys and values alike (eq. 2)."""

    # paper (caption of Table 4): words are the query; its text and the released code: places, as here

    def __init__(self, width: int, word_width: int, alignment: Score, allowed: Allowed = own_words):
        super().__init__()
        self.project = nn.Linear(word_width, width, bias=False)
        self.alignment, self.allowed = alignment(width), allowed

    def forward(
        self, map: Float[Tensor, "b d h w"], words: Float[Tensor, "b t e"], mask: Bool[Tensor, "b t"]
    ) -> tuple[Float[Tensor, "b d h w"], Float[Tensor, "b t h w"]]:
        """What each place takes from the words, and how much from which."""
        query, key = map.flatten(2).mT, self.project(words)  # (b, i, d), (b, t, d)
        weights = softmax(self.alignment(query, key), self.allowed(mask, query.shape[1]))  # (b, i, t)
        side = map.shape[2:]
        return (weights @ key).mT.unflatten(2, side), weights.mT.unflatten(2, side)


class Conditioning(nn.Module):
    """Conditioning augmentation: mean and log variance of a sentence, and a draw from that normal distribution."""

    def __init__(self, sentence_width: int, width: int):
        super().__init__()
        self.linear = nn.Linear(sentence_width, 4 * width)

    def forward(
        self, sentence: Float[Tensor, "b e"], noise: Float[Tensor, "b c"]
    ) -> tuple[Float[Tensor, "b c"], Float[Tensor, "b c"], Float[Tensor, "b c"]]:
        mean, log_variance = glu(self.linear(sentence), dim=1).chunk(2, 1)
        return mean + (log_variance / 2).exp() * noise, mean, log_variance


class DoubledConvolution(nn.Conv2d):
    """A 3 by 3 convolution of a map at twice the side, each pixel repeated, which is never formed.

    A transposed convolution of the small map gives the same with four products in place of nine.
    """

    def __init__(self, before: int, after: int):
        super().__init__(before, after, 3, 1, 1, bias=False)

    def forward(self, map: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        kernel = self.weight.transpose(0, 1).flip(2, 3)
        kernel = pad(kernel, (1, 0)) + pad(kernel, (0, 1))  # a pixel's two columns, then its two rows
        kernel = pad(kernel, (0, 0, 1, 0)) + pad(kernel, (0, 0, 0, 1))  # (c, d, 4, 4)
        return conv_transpose2d(map, kernel, stride=2, padding=1)


def larger(before: int, after: int) -> nn.Module:
    """Twice the side, each pixel repeated, then a convolution with batch norm and a gate."""
    return nn.Sequential(DoubledConvolution(before, 2 * after), nn.BatchNorm2d(2 * after), GLU())


class FirstStage(nn.Module):
    """The condition and noise to a map of `width` channels and 4 · 2^doublings pixels a side."""

    def __init__(self, noise_width: int, width: int, doublings: int):
        super().__init__()
        self.most = width * 2**doublings
        linear = nn.Linear(noise_width, self.most * 4 * 4 * 2, bias=False)
        self.start = nn.Sequential(linear, nn.BatchNorm1d(self.most * 4 * 4 * 2), GLU())
        channels = [self.most // 2**level for level in range(doublings + 1)]
        self.grow = nn.Sequential(*(larger(*pair) for pair in pairwise(channels)))

    def forward(self, given: Float[Tensor, "b e"]) -> Float[Tensor, "b d s s"]:
        return self.grow(self.start(given).view(-1, self.most, 4, 4))


class Around(nn.Module):
    """Two convolutions with a gate between them, and a way around them; nothing after the sum."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            GLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, map: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        return map + self.body(map)


class NextStage(nn.Module):
    """A map beside what its places attend to among the words, to one of twice the side."""

    def __init__(self, width: int, attend: WordAttention, blocks: int):
        super().__init__()
        self.attend = attend
        self.blocks = nn.Sequential(*(Around(2 * width) for _ in range(blocks)))
        self.grow = larger(2 * width, width)

    def forward(
        self, map: Float[Tensor, "b d h w"], words: Float[Tensor, "b t e"], mask: Bool[Tensor, "b t"]
    ) -> tuple[Float[Tensor, "b d h2 w2"], Float[Tensor, "b t h w"]]:
        context, weights = self.attend(map, words, mask)
        return self.grow(self.blocks(torch.cat([map, context], 1))), weights


@dataclass(frozen=True)
class Painting:
    """What a generator paints: an image per stage with pixels from -1 to 1, and what each later stage attended to.

    `mean` and `log_variance` are those of the condition.
    """

    images: tuple[Float[Tensor, "b 3 _ _"], ...]
    attention: tuple[Float[Tensor, "b t _ _"], ...]
    mean: Float[Tensor, "b c"]
    log_variance: Float[Tensor, "b c"]


class Generator(nn.Module):
    """Words and noise to an image per stage; the first has 4 · 2^doublings pixels a side, each further one twice that.

    `noise` holds z and, in its last `condition` columns, what the condition is drawn with.
    """

    def __init__(
        self,
        *,
        width: int,
        text_width: int,
        alignment: Score,
        allowed: Allowed = own_words,
        stages: int = 3,
        doublings: int = 4,
        blocks: int = 2,
        noise: int = 100,
        condition: int = 100,
    ):
        super().__init__()
        self.noise_width, self.condition = noise + condition, condition
        self.sides = tuple(4 * 2 ** (doublings + stage) for stage in range(stages))
        self.augment = Conditioning(text_width, condition)
        self.first = FirstStage(noise + condition, width, doublings)
        self.further = nn.ModuleList(
            NextStage(width, WordAttention(width, text_width, alignment, allowed), blocks) for _ in range(stages - 1)
        )
        self.colour = nn.ModuleList(nn.Conv2d(width, 3, 3, 1, 1, bias=False) for _ in range(stages))
        self.apply(orthogonal)

    def forward(
        self,
        words: Float[Tensor, "b t e"],
        mask: Bool[Tensor, "b t"],
        sentence: Float[Tensor, "b e"],
        noise: Float[Tensor, "b n"],
    ) -> Painting:
        z, draw = noise.split([self.noise_width - self.condition, self.condition], 1)
        condition, mean, log_variance = self.augment(sentence, draw)
        maps, attention = [self.first(torch.cat([condition, z], 1))], []
        for stage in self.further:
            map, weights = stage(maps[-1], words, mask)
            maps.append(map)
            attention.append(weights)
        images = tuple(colour(map).tanh() for colour, map in zip(self.colour, maps, strict=True))
        return Painting(images, tuple(attention), mean, log_variance)


class AttnGAN(nn.Module):
    """A painter: captions and noise in, images out; with the players of its training, and a DAMSM that does not learn.

    `damsm` begins from a DAMSM's own training and stays in evaluation mode; `discriminator` makes one for each stage.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        damsm: Callable[[Sequence[str]], DAMSM],
        generator: Callable[..., Generator],
        discriminator: Callable[..., Discriminator],
    ):
        super().__init__()
        self.damsm = damsm(texts).requires_grad_(False).eval()
        width = self.damsm.text.width
        self.generator = generator(text_width=width)
        self.discriminators = nn.ModuleList(discriminator(side=side, text_width=width) for side in self.generator.sides)
        self.discriminators.apply(orthogonal)

    def train(self, mode: bool = True) -> "AttnGAN":
        super().train(mode)
        self.damsm.eval()
        return self

    def forward(self, text: Sequence[str], noise: Float[Tensor, "b n"]) -> Painting:
        with torch.no_grad():
            words, mask, sentence = self.damsm.text(text)
        return self.generator(words, mask, sentence, noise)

    @torch.no_grad()
    def paint(self, text: Sequence[str], noise: Float[Tensor, "b n"]) -> UInt8[Tensor, "b 3 h w"]:
        """An image of each caption, the last stage's; `noise` from `draw`."""
        return to_images(self(text, noise).images[-1])

    @torch.no_grad()
    def attention(self, text: Sequence[str], noise: Float[Tensor, "b n"]) -> tuple[Float[Tensor, "b t _ _"], ...]:
        """How much each place of the later stages takes from each word, as in Figures 16 to 19."""
        return self(text, noise).attention

    def draw(self, images: int, generator: torch.Generator | None = None) -> Float[Tensor, "b n"]:
        """Noise for so many images, on the model's device; `generator`, a processor's, makes it the same anywhere."""
        like = self.generator.augment.linear.weight
        return torch.randn(images, self.generator.noise_width, generator=generator).to(like)


def orthogonal(part: nn.Module) -> None:
    """How the released code begins: orthogonal matrices and kernels, no bias, gains about one."""
    if isinstance(part, nn.Conv2d | nn.Linear):
        nn.init.orthogonal_(part.weight)
        if part.bias is not None and isinstance(part, nn.Linear):  # released code: a kernel's bias stays as it was
            nn.init.zeros_(part.bias)
    elif isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(part.weight, 1.0, 0.02)
        nn.init.zeros_(part.bias)
