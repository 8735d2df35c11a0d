"""PALAVRA: a set of images becomes a pseudo-word by a network over sets, then by steps away from a coarse name.

Cohen et al. (2022), §4, "This is my unicorn, Fluffy"; a row of PVLF's Tables 1 and 2, which take one image as the set
and SEARLE's prompt. Trained by `cirkit.training.set_inversion`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.encoders.clip import Clip
from cirkit.models.base import Cosine
from cirkit.models.searle import PROMPT
from cirkit.models.textual_inversion import Prompts, read, reference
from cirkit.query import Query


class Equivariant(nn.Module):
    """Γ x - Λ mean(x): each element of a set, less what the set has in common (Zaheer et al., 2017)."""

    def __init__(self, width: int, out: int):
        super().__init__()
        self.own, self.common = nn.Linear(width, out), nn.Linear(width, out, bias=False)

    def forward(self, elements: Float[Tensor, "b k d"]) -> Float[Tensor, "b k e"]:
        return self.own(elements) - self.common(elements.mean(1, keepdim=True))


class SetInversion(nn.Module):
    """f_θ: unit vectors of a set of images to the embedding of one word; their order does not matter."""

    def __init__(self, width: int, word_width: int, *, hidden: int, dropout: float):
        super().__init__()
        sizes = (width, hidden, hidden)
        self.each = nn.Sequential(*(part for size in sizes for part in (Equivariant(size, hidden), nn.ELU())))
        self.all = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ELU(), nn.Dropout(dropout), nn.Linear(hidden, word_width)
        )

    def forward(self, elements: Float[Tensor, "b k d"]) -> Float[Tensor, "b 1 c"]:
        return self.all(self.each(elements).mean(1))[:, None]


class Alignment(nn.Module):
    """A: vectors of texts to where CLIP has the vectors of images; a linear map beside the identity."""

    def __init__(self, width: int):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, text: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return text + self.linear(text)


@dataclass(frozen=True, kw_only=True)
class personalise:
    """The second stage: Adam on each word, so that the prompt with it is nearer to its image than to a coarse name.

    The contrastive loss of two pairs, the image with the prompt and the coarse name with itself. Words do not depend on
    the batch that they are found in.
    """

    loss: Callable[[Float[Tensor, "v v"]], Float[Tensor, ""]]  # the paper's is NT-Xent
    # released code: the coarse name is that of the concept's class, where one is known, else `item`
    coarse: str = "item"
    prompt: str = "a photo of {}"
    steps: int = 30
    lr: float = 0.01

    def __call__(
        self, clip: Clip, align: nn.Module, image: Float[Tensor, "b d"], word: Float[Tensor, "b 1 c"]
    ) -> Float[Tensor, "b 1 c"]:
        """Unit vectors of the images and the words to begin with; the words found."""
        word = word.detach().clone().requires_grad_()
        optimiser = torch.optim.Adam([word], lr=self.lr)
        prompts = [self.prompt.format("$")] * len(word)
        with torch.no_grad():
            coarse = normalize(align(normalize(clip.text([self.prompt.format(self.coarse)]), dim=-1)), dim=-1)
        for _ in range(self.steps):
            with torch.enable_grad():
                text = normalize(clip.text_with(prompts, word), dim=-1)
                other = coarse.expand_as(text)
                views = torch.stack([image, other, text, other], dim=1)  # (b, 4, d)
                loss = torch.vmap(self.loss)(views @ views.mT).sum()
            (word.grad,) = torch.autograd.grad(loss, word)
            optimiser.step()
        return word.detach()


class PALAVRA(nn.Module):
    """The retriever: the word of a query's image, found in both stages, in a prompt; f_θ and A learn, CLIP does not."""

    def __init__(
        self,
        texts: Sequence[str],
        *,
        clip: Callable[[], Clip],
        refine: personalise,
        hidden: int = 4096,
        dropout: float = 0.25,
        prompt: Prompts = PROMPT,
    ):
        super().__init__()
        self.clip = clip().requires_grad_(False).eval()
        self.invert = SetInversion(self.clip.width, self.clip.word_width, hidden=hidden, dropout=dropout)
        self.align = Alignment(self.clip.width)
        self.refine, self.prompt = refine, prompt
        self.score = Cosine(10.0).requires_grad_(False)

    def train(self, mode: bool = True) -> "PALAVRA":
        """CLIP stays as in evaluation."""
        super().train(mode)
        self.clip.eval()
        return self

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.clip.image(images)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        image = normalize(self.clip.image(reference(query)), dim=-1)
        word = self.refine(self.clip, self.align, image, self.invert(image[:, None]))
        return read(self.clip, self.prompt, query.text, word)
