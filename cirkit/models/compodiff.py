"""CompoDiff: noise becomes the vector of the wanted image, guided by a text, an image, a negative text and a mask.

Gu et al. (2024), "CompoDiff: Versatile Composed Image Retrieval With Latent Diffusion", §3. CLIP is frozen; its vectors
are diffused as they are, neither normalised nor scaled (released code).
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from cirkit.encoders.clip import Clip
from cirkit.models.base import Cosine
from cirkit.models.denoiser import SIDE, Conditions, Denoiser, DenoiserFactory, TextTokens
from cirkit.models.diffusion import DDIM, Noise, Sampler, cosine, released_ddim, row_by_row, same_for_all
from cirkit.models.guidance import BOTH, Branch, Guidance, as_meant, needed
from cirkit.models.masking import Erase, mean_colour, resize
from cirkit.query import Query


@runtime_checkable
class TextEncoder(Protocol):
    """Reads texts beside CLIP's text tower, or in its place: T5, or another CLIP."""

    width: int

    def text_tokens(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]: ...


def words_alone(words: Bool[Tensor, "b t"]) -> Bool[Tensor, "b t"]:
    """What pads a text is not attended to."""
    return words


def padding_too(words: Bool[Tensor, "b t"]) -> Bool[Tensor, "b t"]:
    """Released code: every position is attended to."""
    return torch.ones_like(words)


@dataclass(frozen=True, kw_only=True)
class EmbeddedQuery:
    """A batch of queries in embeddings: distinct texts once, and which of them each query reads and avoids.

    `texts` has, of each text encoder, the tokens and which of them count. Where the queries have no image, `pictured`
    is False and `image` the null, zeros.
    """

    texts: tuple[tuple[Float[Tensor, "u _ _"], Bool[Tensor, "u _"]], ...]
    text: Int[Tensor, " b"]
    avoid: Int[Tensor, " b"]
    image: Float[Tensor, "b d"]
    mask: Bool[Tensor, "b s s"]
    pictured: bool = True

    def read_by(self, row: Int[Tensor, " b"]) -> tuple[TextTokens, ...]:
        """The tokens of each text encoder for rows that read these texts."""
        return tuple(TextTokens(tokens, words, row) for tokens, words in self.texts)

    def conditions(self, branches: Sequence[Branch] = (BOTH,)) -> Conditions:
        """What the denoiser is told, branch after branch."""
        images = {"image": self.image, "null": torch.zeros_like(self.image), "absent": torch.zeros_like(self.image)}
        present = torch.tensor([branch.image != "absent" for branch in branches], device=self.image.device)
        return Conditions(
            texts=self.read_by(torch.cat([getattr(self, branch.text) for branch in branches])),
            image=torch.cat([images[branch.image] for branch in branches]),
            present=present.repeat_interleave(len(self.image)),
            mask=self.mask.repeat(len(branches), 1, 1),
        )


class Encoders(nn.Module):
    """The frozen encoders: images by CLIP, texts by its text tower (where `text` has None) and by others beside it.

    `erase` empties the region to change before the image is encoded; `padding` says which positions of a text count.
    """

    def __init__(
        self,
        *,
        clip: Callable[[], Clip],
        text: tuple[Callable[[], TextEncoder] | None, ...] = (None,),
        padding: Callable[[Tensor], Tensor] = words_alone,
        erase: Erase = mean_colour,
    ):
        super().__init__()
        self.clip = clip()
        self.others = nn.ModuleDict({str(i): each() for i, each in enumerate(text) if each is not None})
        self.order = [None if each is None else str(i) for i, each in enumerate(text)]
        self.padding, self.erase = padding, erase
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Encoders":
        """They stay as in evaluation."""
        return super().train(False)

    @property
    def width(self) -> int:
        """Of the joint space, d."""
        return self.clip.width

    @property
    def text_encoders(self) -> list[TextEncoder]:
        """In the order of `text`."""
        return [self.clip if name is None else self.others[name] for name in self.order]

    @property
    def text_widths(self) -> tuple[int, ...]:
        """Of each text encoder's tokens."""
        return tuple(each.width for each in self.text_encoders)

    def read(self, texts: Sequence[str]) -> tuple[tuple[Float[Tensor, "b _ _"], Bool[Tensor, "b _"]], ...]:
        """Of each text encoder: tokens, and which of them count.

        CLIP's come through its projection; the released code takes them before it.
        """
        found = (each.text_tokens(texts) for each in self.text_encoders)
        return tuple((tokens, self.padding(words)) for tokens, words in found)

    def image(
        self, images: UInt8[Tensor, "b 3 h w"], mask: Bool[Tensor, "b y x"] | None = None
    ) -> Float[Tensor, "b d"]:
        """CLIP's vectors, of the images without their masked regions."""
        return self.clip.image(images if mask is None else self.erase(images, resize(mask, *images.shape[2:])))

    def embed(self, query: Query) -> EmbeddedQuery:
        """A query without a text has the empty one; so has one without a negative text."""
        b = len(query)
        asked, avoided = query.text or [""] * b, query.avoid or [""] * b
        distinct = {text: i for i, text in enumerate(dict.fromkeys([*asked, *avoided]))}
        texts = self.read(list(distinct))
        nothing = texts[0][0].new_zeros
        image = nothing(b, self.width) if query.image is None else self.image(query.image, query.mask)
        mask = nothing(b, SIDE, SIDE).bool() if query.mask is None else resize(query.mask, SIDE, SIDE)
        text, avoid = (torch.tensor([distinct[each] for each in every]).to(image.device) for every in (asked, avoided))
        pictured = query.image is not None
        return EmbeddedQuery(texts=texts, text=text, avoid=avoid, image=image, mask=mask, pictured=pictured)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a query becomes a vector at test time: no choice here needs another training.

    The vector is the mean of `samples`, `mixing` of it replaced by the query image's.
    """

    sampler: Sampler = field(default_factory=DDIM)
    guidance: Guidance = field(default_factory=as_meant)
    samples: int = 1
    noise: Noise = field(default_factory=same_for_all)
    mixing: float = 0.0


# of the released demo; the mean of two samples there, of four where `sample` is called without a number
RELEASED = Sampling(sampler=released_ddim(10), samples=2, noise=row_by_row(), mixing=0.1)


class CompoDiff(nn.Module):
    """The retriever: queries by sampling under guidance, images by CLIP, their cosine.

    Every part of a query may be missing: without an image it is text-to-image search, a negative text takes the place
    of the empty one, a mask marks the region to change.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        clip: Callable[[], Clip],
        text: tuple[Callable[[], TextEncoder] | None, ...] = (None,),
        padding: Callable[[Tensor], Tensor] = words_alone,
        erase: Erase = mean_colour,
        denoiser: DenoiserFactory = Denoiser,
        schedule: Callable[[], tuple[float, ...]] = cosine,
        sampling: Sampling = Sampling(),
    ):
        super().__init__()
        self.encoders = Encoders(clip=clip, text=text, padding=padding, erase=erase)
        self.denoiser = denoiser(self.encoders.width, self.encoders.text_widths)
        self.alphas, self.sampling = schedule(), sampling
        self.score = Cosine(10.0).requires_grad_(False)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.encoders.image(images)

    @torch.no_grad()
    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return self.sample(self.encoders.embed(query))

    @torch.no_grad()
    def sample(self, query: EmbeddedQuery) -> Float[Tensor, "b d"]:
        """Conditions are read once for all calls and samples, the branches of guidance are one batch."""
        how = self.sampling
        weights = needed(how.guidance(), image=query.pictured)
        context = self.denoiser.context(query.conditions(tuple(weights)))
        share = query.image.new_tensor(list(weights.values()))[:, None, None, None]  # (k, 1, 1, 1)

        def denoise(noisy: Float[Tensor, "b r d"], time: int) -> Float[Tensor, "b r d"]:
            when = torch.tensor([time], device=noisy.device)
            clean = self.denoiser(noisy.repeat(len(weights), 1, 1), when, context)  # (k · b, r, d)
            return (share * clean.unflatten(0, (len(weights), -1))).sum(0)

        noise = how.noise(query.image[:, None].expand(-1, how.samples, -1))
        drawn = how.sampler(denoise, noise, self.alphas).mean(1)  # (b, d)
        return (1 - how.mixing) * drawn + how.mixing * query.image if query.pictured else drawn


@dataclass(frozen=True)
class sampled:
    """The same weights under another `Sampling`: what a test's `use` is, for guidance and steps."""

    sampling: Sampling

    def __call__(self, model: CompoDiff) -> CompoDiff:
        other = copy.copy(model)
        other.sampling = self.sampling
        return other
