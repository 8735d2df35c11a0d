"""Sentences to word tokens by self-attention: word vectors, positions, a transformer.

MAAF §3.2.3 and Table 5, "Transformer": "a transformer with a single encoder block".
"""

from collections.abc import Callable, Sequence
from functools import partial

from jaxtyping import Bool, Float
from torch import Tensor, nn

from cirkit.attention.blocks import Transformer
from cirkit.attention.positions import Sinusoidal
from cirkit.encoders.text import Embed, Vocabulary, learned, plain


class TextTransformer(nn.Module):
    """Sentences to tokens (b, t, width), each aware of the whole sentence, and the mask (b, t) of those that are words.

    One block, as in the paper; one head, a feed-forward of 512 and sinusoidal positions are the released code's, which
    also has another norm (`UnbiasedLayerNorm`). A table of another width than `width` is followed by a linear layer,
    since the blocks keep the width of what they add to.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        width: int = 512,
        blocks: int = 1,
        heads: int = 1,
        hidden: int = 512,
        dropout: float = 0.1,
        embed: Embed = learned,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
        head: Callable[[int], nn.Module] = plain,
    ):
        super().__init__()
        self.width = width
        self.vocabulary = Vocabulary(texts)
        self.embedding = embed(self.vocabulary, width)
        own = self.embedding.embedding_dim
        self.project = nn.Identity() if own == width else nn.Linear(own, width)
        self.transformer = Transformer(
            width,
            blocks=blocks,
            heads=heads,
            hidden=hidden,
            norm=norm,
            positions=partial(Sinusoidal, dropout=dropout),
            dropout=dropout,
        )
        self.head = head(width)

    def forward(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        numbers, mask = self.vocabulary(texts)
        device = self.embedding.weight.device
        numbers, mask = numbers.to(device), mask.to(device)  # (b, t)
        vectors = self.project(self.embedding(numbers))  # (b, t, d)
        return self.head(self.transformer(vectors, mask)), mask
