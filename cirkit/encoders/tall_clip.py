"""A CLIP for images of any shape: a square one with its positions interpolated to another grid, as of pedestrians.

ITSELF's supplement, §1: ViT-B/16 at 384 by 128 pixels, "the same version used by IRRA" (Jiang and Ye, CVPR 2023).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate

from cirkit.encoders.block_attention import at
from cirkit.encoders.clip import TwoTowers
from cirkit.encoders.open_clip_towers import OpenClipTowers
from cirkit.errors import Problem

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PRIVATE = 0xF0000  # the first character of a plane that no text uses
TABLE = "towers.network.visual.positional_embedding"


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """All of an image at one height and width, then less a mean and over a deviation, OpenAI's unless given."""

    shape: tuple[int, int]
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD

    def __call__(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 y x"]:
        pixels = images.float()
        if pixels.shape[2:] != self.shape:  # antialiased, in whole levels of brightness, as image libraries do it
            pixels = interpolate(pixels, self.shape, mode="bilinear", antialias=True).round().clamp(0, 255)
        return (pixels / 255 - pixels.new_tensor(self.mean).view(3, 1, 1)) / pixels.new_tensor(self.std).view(3, 1, 1)


class TallClip(TwoTowers):
    """`square` with images of `shape` (height, width), cut into the same patches; both sides are whole patches.

    Weights may be those of the square CLIP: its positions are interpolated as they are loaded, and learn from there.
    A text may be spelt in its pieces, without start and end (`spell`).
    """

    def __init__(self, square: TwoTowers, shape: tuple[int, int]):
        if not isinstance(square.towers, OpenClipTowers) or not len(square.towers.image_blocks):
            raise Problem("Positions of this CLIP cannot be interpolated. Use a ViT of open_clip.")
        visual = square.towers.network.visual
        patch = visual.patch_size
        super().__init__(square.towers, square.preprocessing)
        if any(side % cut for side, cut in zip(shape, patch, strict=True)):
            raise Problem(f"{shape[0]} by {shape[1]} pixels are no whole patches of {patch[0]}. Give multiples of it.")
        self.grid = (shape[0] // patch[0], shape[1] // patch[1])
        self.square_state = square.get_extra_state()
        self.preprocessing = Stretch(shape=shape, mean=square.preprocessing.mean, std=square.preprocessing.std)
        visual.positional_embedding = nn.Parameter(
            interpolate_positions(visual.positional_embedding.detach(), self.grid)
        )
        visual.grid_size, visual.image_size = self.grid, tuple(shape)
        if hasattr(square, "stand_in"):
            self.stand_in = square.stand_in
        self.register_load_state_dict_pre_hook(_fit_positions)

    def set_extra_state(self, state: UInt8[Tensor, " n"]) -> None:
        """Takes its own preprocessing and that of the square CLIP. Raises Problem for another."""
        if not torch.equal(state.cpu(), self.square_state):
            super().set_extra_state(state)

    def image(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """The class token, projected, not normalised."""
        return self.project(self.image_tokens(images)[:, 0])

    def image_tokens(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b p e"]:
        """The class token and the patches, row by row, after the last block and norm, unprojected."""
        found = self.towers.network.visual.forward_intermediates(
            self.preprocessing(images),
            1,
            normalize_intermediates=True,
            intermediates_only=True,
            output_fmt="NLC",
            output_extra_tokens=True,
        )
        return torch.cat([found["image_intermediates_prefix"][0], found["image_intermediates"][0]], dim=1)

    def pieces(self, texts: Sequence[str]) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
        """Start, the text's pieces, end and padding, as long as the context; and which of them are not padding."""
        return self._pieces(texts)

    def read(self, pieces: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """Every position of texts that are pieces, through the final norm and projection."""
        return self.towers.read(self.towers.embed(pieces))

    def text(self, texts: Sequence[str]) -> Float[Tensor, "b d"]:
        """Pooled at the end token and projected, not normalised."""
        pieces, mask = self.pieces(texts)
        return at(self.read(pieces), self.text_position(mask))

    def _pieces(self, texts: Sequence[str], taken: int = 0) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
        """As of any CLIP; a text that is spelt in pieces is those pieces."""
        towers, last = self.towers, self.towers.context - 1 - taken
        if last < 2:
            raise Problem(f"{taken} words leave no room for a text among {towers.context}. Give fewer.")
        every = [spelt(text, towers.network.vocab_size) or towers.encode(text) for text in texts]
        rows = [[*[towers.start, *pieces][:last], towers.end] for pieces in every]
        length = torch.tensor([len(row) for row in rows], device=self.device)
        return self._pad(rows, last + 1), torch.arange(last + 1, device=self.device) < length[:, None]


def spell(pieces: Sequence[int]) -> str:
    """Pieces as a text that a `TallClip` reads as they are: a character of Unicode's private plane for each."""
    return "".join(chr(PRIVATE + piece) for piece in pieces)


def spelt(text: str, vocabulary: int) -> list[int]:
    """The pieces of a text that is spelt in them; none of any other text."""
    pieces = [ord(letter) - PRIVATE for letter in text]
    return pieces if all(0 < piece < vocabulary for piece in pieces) else []


def tall_clip(*, clip: Callable[[], TwoTowers], shape: tuple[int, int]) -> TallClip:
    """A ViT of open_clip for images of `shape`. Raises Problem for a ResNet and for sides that no patches fill."""
    return TallClip(clip(), shape)


def interpolate_positions(table: Float[Tensor, "p c"], grid: tuple[int, int]) -> Float[Tensor, "q c"]:
    """The positions of a square grid, class token first, on another: bilinear, as IRRA."""
    side = round((len(table) - 1) ** 0.5)
    square = table[1:].T.unflatten(1, (side, side))[None]  # (1, c, side, side)
    return torch.cat([table[:1], interpolate(square, grid, mode="bilinear")[0].flatten(1).T])


def _fit_positions(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Before loading: a square CLIP's state, known by its preprocessing, has its positions interpolated."""
    origin = state.get(f"{prefix}_extra_state")
    if isinstance(origin, Tensor) and torch.equal(origin.cpu(), module.square_state):
        state[prefix + TABLE] = interpolate_positions(state[prefix + TABLE], module.grid)
