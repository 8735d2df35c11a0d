"""One-shot rivals of CompoDiff: the vector of the wanted image in one call, without noise, steps or guidance.

Patel et al. (2024), "ECLIPSE": a small network regresses the image's vector, with a contrastive loss and no diffusion.
The same network can learn from CompoDiff's guided samples: a student in one call, which its §5.6 leaves open.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.encoders.clip import Clip
from cirkit.models.base import Cosine
from cirkit.models.compodiff import CompoDiff, EmbeddedQuery, Encoders, TextEncoder, words_alone
from cirkit.models.denoiser import Conditions, Denoiser, DenoiserFactory
from cirkit.models.masking import Erase, mean_colour
from cirkit.query import Query


class Regressor(nn.Module):
    """A denoiser that begins from a learned vector and is called once.

    It reads the text and the negative text side by side, by projections of their own: no guidance tells them apart.
    """

    def __init__(self, width: int, texts: tuple[int, ...], *, denoiser: DenoiserFactory = Denoiser):
        super().__init__()
        self.denoiser = denoiser(width, texts + texts)
        self.start = nn.Parameter(width**-0.5 * torch.randn(width))

    def forward(self, query: EmbeddedQuery) -> Float[Tensor, "b d"]:
        both = query.read_by(query.text) + query.read_by(query.avoid)
        present = torch.ones(len(query.image), dtype=torch.bool, device=query.image.device)
        told = Conditions(texts=both, image=query.image, present=present, mask=query.mask)
        start = self.start.expand(len(query.image), 1, -1)
        return self.denoiser(start, query.text.new_zeros(1), self.denoiser.context(told))[:, 0]


class OneShot(nn.Module):
    """The retriever: queries by a `Regressor`, images by a frozen CLIP; learns by `training.diffusion.projection`."""

    def __init__(
        self,
        texts: Sequence[str],
        *,
        clip: Callable[[], Clip],
        text: tuple[Callable[[], TextEncoder] | None, ...] = (None,),
        padding: Callable[[Tensor], Tensor] = words_alone,
        erase: Erase = mean_colour,
        regressor: Callable[[int, tuple[int, ...]], Regressor] = Regressor,
    ):
        super().__init__()
        self.encoders = Encoders(clip=clip, text=text, padding=padding, erase=erase)
        self.regressor = regressor(self.encoders.width, self.encoders.text_widths)
        self.score = Cosine(10.0).requires_grad_(False)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.encoders.image(images)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return self.regressor(self.encoders.embed(query))


class Student(nn.Module):
    """The retriever: a `Regressor` that imitates a trained CompoDiff and shares its encoders.

    The training's `start` gives the teacher's weights ({"teacher": Weights(of=...)}), its objective is
    `training.diffusion.guided_distillation`. The teacher's `sampling` is what is imitated.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        teacher: Callable[[Sequence[str]], CompoDiff],
        regressor: Callable[[int, tuple[int, ...]], Regressor] = Regressor,
    ):
        super().__init__()
        self.teacher = teacher(texts).requires_grad_(False).eval()
        self.regressor = regressor(self.teacher.encoders.width, self.teacher.encoders.text_widths)
        self.score = Cosine(10.0).requires_grad_(False)

    def train(self, mode: bool = True) -> "Student":
        """The teacher stays as in evaluation."""
        super().train(mode)
        self.teacher.eval()
        return self

    @property
    def encoders(self) -> Encoders:
        """The teacher's."""
        return self.teacher.encoders

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return self.teacher.encode(images)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return self.regressor(self.encoders.embed(query))
