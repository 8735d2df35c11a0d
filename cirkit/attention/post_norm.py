"""BERT's block, for which any alignment score can be chosen: attention, then feed-forward, a norm after either.

Devlin et al. (2019); M4C (Hu et al., 2020), §3.2, is four of them, whose score Cao et al. (2022), §4.3.2, exchange.
"""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor, nn

from cirkit.attention.alignment import AlignmentScore
from cirkit.attention.blocks import MultiHeadAttention
from cirkit.attention.dropout import Dropout

EPSILON = 1e-12  # of BERT's norms


class KeysAsRows(nn.Module):
    """s(q, k) transposed, so that row i of a self-attention belongs to the token whose *key* is i."""

    # released code of Cao et al., M4C, rows with *: k_i · (W q_j), which the code that follows takes for what token i
    # attends to; the paper's f(K, Q) does not say whose row it is

    def __init__(self, score: AlignmentScore):
        super().__init__()
        self.score = score

    def forward(self, query: Float[Tensor, "*b i d"], key: Float[Tensor, "*b i d"]) -> Float[Tensor, "*b i i"]:
        return self.score(query, key).mT


def keys_as_rows(dim: int, *, of: Callable[[int], AlignmentScore]) -> KeysAsRows:
    """A score in the layout of the released code: `partial(keys_as_rows, of=score)`."""
    return KeysAsRows(of(dim))


class PostNormBlock(nn.Module):
    """norm(x + attention(x)), then norm(x + feed-forward(x)); heads share the weights of their `alignment`."""

    def __init__(
        self, width: int, *, heads: int, hidden: int, alignment: Callable[[int], nn.Module], dropout: float = 0.1
    ):
        super().__init__()
        self.attend = MultiHeadAttention(width, heads=heads, alignment=alignment(width // heads), dropout=dropout)
        self.feed_forward = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.norm_attend, self.norm_feed_forward = (nn.LayerNorm(width, eps=EPSILON) for _ in range(2))
        self.dropout = Dropout(dropout)

    def attention(
        self, tokens: Float[Tensor, "b i d"], mask: Bool[Tensor, "b i"] | Bool[Tensor, "b i i"] | None = None
    ) -> Float[Tensor, "b heads i i"]:
        """The weights this block uses on these tokens."""
        return self.attend.attention(tokens, tokens, mask)

    def forward(
        self, tokens: Float[Tensor, "b i d"], mask: Bool[Tensor, "b i"] | Bool[Tensor, "b i i"] | None = None
    ) -> Float[Tensor, "b i d"]:
        tokens = self.norm_attend(tokens + self.dropout(self.attend(tokens, tokens, mask)))
        return self.norm_feed_forward(tokens + self.dropout(self.feed_forward(tokens)))


def normal_start(module: nn.Module, std: float = 0.02) -> nn.Module:
    """BERT's start, for all linear layers and tables within a module: weights N(0, std), biases zero."""
    for each in module.modules():
        if isinstance(each, nn.Linear | nn.Embedding):
            nn.init.normal_(each.weight, 0.0, std)
        if isinstance(each, nn.Linear) and each.bias is not None:
            nn.init.zeros_(each.bias)
    return module
