"""Learned tokens inside the towers of a CLIP: among the words (CoOp), among the patches (VPT), or in both (MaPLe).

PVLF, Figure 2 (a) to (c), beside its own prompts between the two towers (`cirkit.models.pvlf`): Zhou et al. (2022),
Jia et al. (2022), Khattak et al. (2023).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from cirkit.encoders.clip import TwoTowers
from cirkit.errors import Problem

Start = Callable[[Float[Tensor, "j k c"]], Float[Tensor, "j k c"]]  # fills the tokens of each layer
# tokens for each of the first layers of the text tower, of the image tower; None: no layer has any
InTowers = tuple[Float[Tensor, "j k c"] | None, Float[Tensor, "i m e"] | None]


@dataclass(frozen=True)
class normal:
    """Tokens start from a normal distribution around zero (CoOp)."""

    std: float = 0.02

    def __call__(self, tokens: Float[Tensor, "j k c"]) -> Float[Tensor, "j k c"]:
        return tokens.normal_(std=self.std)


@dataclass(frozen=True)
class uniform:
    """Tokens start as VPT's do, uniform within √(6 / (3 · patch² + c)), the range of the first layer of a ViT."""

    patch: int = 16

    def __call__(self, tokens: Float[Tensor, "j k c"]) -> Float[Tensor, "j k c"]:
        bound = (6 / (3 * self.patch**2 + tokens.shape[2])) ** 0.5
        return tokens.uniform_(-bound, bound)


GAUSSIAN, UNIFORM = normal(), uniform()


class TextPrompts(nn.Module):
    """`length` words of one's own before those of every text; CoOp has 16. From the second layer to `depth`, new ones.

    Where a layer has none of its own, it reads what the layer before made of them.
    """

    def __init__(self, clip: TwoTowers, *, length: int, depth: int = 1, start: Start = GAUSSIAN):
        super().__init__()
        self.text = nn.Parameter(start(torch.empty(depth, length, clip.word_width)))

    def forward(self) -> InTowers:
        return self.text, None


class ImagePrompts(nn.Module):
    """`length` tokens of one's own beside an image's patches, new ones in each layer to `depth`.

    VPT-Shallow has depth 1, VPT-Deep that of the tower.
    """

    def __init__(self, clip: TwoTowers, *, length: int, depth: int = 1, start: Start = UNIFORM):
        super().__init__()
        self.image = nn.Parameter(start(torch.empty(depth, length, clip.channels)))

    def forward(self) -> InTowers:
        return None, self.image


class CoupledPrompts(nn.Module):
    """Those among the words, and linear maps of them, one for each layer, among the patches.

    MaPLe has 2 tokens in each of 9 layers.
    """

    # released code: the first layer's words start as those of "a photo of a"
    def __init__(self, clip: TwoTowers, *, length: int = 2, depth: int = 9, start: Start = GAUSSIAN):
        super().__init__()
        self.text = nn.Parameter(start(torch.empty(depth, length, clip.word_width)))
        self.couple = nn.ModuleList(nn.Linear(clip.word_width, clip.channels) for _ in range(depth))

    def forward(self) -> InTowers:
        image = [couple(words) for couple, words in zip(self.couple, self.text, strict=True)]
        return self.text, torch.stack(image)


class PromptedClip(nn.Module):
    """A frozen CLIP with `prompts` in its towers, which learn; one of the three above.

    It reads as a `TwoTowers` does; the tokens of an image are its own, those of a text have the prompts among them.
    A model that takes it leaves its `tuning` to it (`tuned`). Raises Problem where a tower is no Transformer, has fewer
    layers than there are prompts for, or no room for them.
    """

    def __init__(self, *, clip: Callable[[], TwoTowers], prompts: Callable[[TwoTowers], nn.Module]):
        super().__init__()
        self.clip = clip().requires_grad_(False)
        self.prompts = prompts(self.clip)
        self.width, self.channels = self.clip.width, self.clip.channels
        for tokens, blocks in zip(self.prompts(), ("text_blocks", "image_blocks"), strict=True):
            if tokens is not None and len(tokens) > (layers := len(getattr(self.clip.towers, blocks))):
                raise Problem(f"Prompts of depth {len(tokens)} do not fit a tower of {layers} layers. Choose fewer.")

    def image(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Pooled and projected, not normalised."""
        with self._among_patches():
            return self.clip.image(images)

    def image_tokens(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b p e"]:
        """The class token and the patches after the last block and norm, unprojected."""
        with self._among_patches() as k:
            tokens = self.clip.image_tokens(images)
        return tokens[:, : tokens.shape[1] - k]

    def project(self, tokens: Float[Tensor, "*b e"]) -> Float[Tensor, "*b d"]:
        """Image tokens into the joint space."""
        return self.clip.project(tokens)

    def text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]:
        """Pooled and projected, not normalised."""
        states, mask = self.text_tokens(texts)
        return states[torch.arange(len(states)), self.text_position(mask)]

    def text_tokens(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        """Every position, the prompts after the start token, and which are theirs or words."""
        tokens = self.prompts()[0]
        if tokens is None:
            return self.clip.text_tokens(texts)
        then = (slice(1), slice(1 + tokens.shape[1], None))
        with _exchange(self.clip.towers.text_blocks, tokens, first=None, then=then):
            return self.clip.text_tokens(texts, prefix=tokens[0])

    def text_position(self, mask: Bool[Tensor, "b t"]) -> Int[Tensor, " b"]:
        """Which of a text's tokens is its vector."""
        return self.clip.text_position(mask)

    @contextmanager
    def _among_patches(self) -> Iterator[int]:
        """Inside, the image tower has its prompts after the patches; gives how many."""
        tokens = self.prompts()[1]
        if tokens is None:
            yield 0
            return
        k = tokens.shape[1]
        # released code (MaPLe): those of the first layer go through CLIP's norm before it
        first, then = (slice(None), slice(0)), (slice(-k), slice(0))
        with _exchange(self.clip.towers.image_blocks, tokens, first=first, then=then):
            yield k


Around = tuple[slice, slice]  # the tokens that stay before and after


@contextmanager
def _exchange(
    blocks: nn.ModuleList, tokens: Float[Tensor, "j k c"], *, first: Around | None, then: Around
) -> Iterator[None]:
    """Inside, each of the first j blocks reads its tokens between others; `first` None: the first has them already."""

    def hook(own: Float[Tensor, "k c"], around: Around) -> Callable:
        def put(block: nn.Module, given: tuple) -> tuple:
            states, *rest = given
            before, after = (states[:, part] for part in around)
            return torch.cat([before, own.expand(len(states), -1, -1), after], dim=1), *rest

        return put

    wheres = [first, *[then] * (len(tokens) - 1)]
    handles = [
        block.register_forward_pre_hook(hook(own, around))
        for block, own, around in zip(blocks[: len(tokens)], tokens, wheres, strict=True)
        if around is not None
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
