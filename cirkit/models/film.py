"""FiLM: the text scales and shifts every channel of the image's map, block after block.

Perez et al. (2018), "FiLM: Visual Reasoning with a General Conditioning Layer", eq. 2; adapted to retrieval by Vo et
al. (2019). A row of MAAF's Tables 1, 7 and S5.
"""

from collections.abc import Callable, Sequence

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cirkit.encoders.image import pooled
from cirkit.encoders.text import last_token_pool
from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.query import Query


class ModulatedBlock(nn.Module):
    """y + relu(scale ⊙ norm(conv3x3(y)) + shift) with y = relu(conv1x1(x)); the norm has no scale of its own.

    The residual block of Perez et al., without the two coordinate maps that they add to its input.
    """

    def __init__(self, width: int):
        super().__init__()
        self.enter = nn.Conv2d(width, width, 1)
        self.convolve = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width, affine=False)

    def forward(
        self, map: Float[Tensor, "b d h w"], scale: Float[Tensor, "b d"], shift: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d h w"]:
        entered = self.enter(map).relu()
        normed = self.norm(self.convolve(entered))
        return entered + (scale[..., None, None] * normed + shift[..., None, None]).relu()


class Modulation(nn.Module):
    """Blocks that one linear layer of the text scales and shifts, then an average over places and a linear layer.

    The text predicts scale - 1, so that scales start near one (as in Perez et al.). They end in a maximum over
    places and a classifier; retrieval pools as its targets do.
    """

    def __init__(self, width: int, words: int, *, blocks: int = 4):
        super().__init__()
        self.blocks = nn.ModuleList(ModulatedBlock(width) for _ in range(blocks))
        self.predict = nn.Linear(words, 2 * blocks * width)
        self.after = nn.Linear(width, width)

    def forward(self, map: Float[Tensor, "b d h w"], text: Float[Tensor, "b e"]) -> Float[Tensor, "b d"]:
        predicted = self.predict(text).unflatten(1, (len(self.blocks), 2, -1))  # (b, blocks, 2, d)
        for block, (change, shift) in zip(self.blocks, predicted.permute(1, 2, 0, 3), strict=True):
            map = block(map, 1 + change, shift)
        return self.after(map.mean((2, 3)))


class FiLM(nn.Module):
    """Modulated blocks on the coarsest map; the text is the state after its last word.

    A query without a text is its image's own vector.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        image: Callable[[], nn.Module],
        text: Callable[[Sequence[str]], nn.Module],
        blocks: int = 4,
    ):
        super().__init__()
        self.image, self.text = image(), text(texts)
        self.fusion = Modulation(self.image.width, self.text.width, blocks=blocks)
        self.score = Cosine(4.0)

    def encode(self, images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        return pooled(self.image(images))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        if query.image is None:
            raise Problem("FiLM modulates an image and this query has none. Give the query an image.")
        maps = self.image(query.image)
        return pooled(maps) if query.text is None else self.fusion(maps[-1], last_token_pool(*self.text(query.text)))
