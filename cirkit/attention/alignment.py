"""Alignment scores s(q, k): how strongly each query token is drawn to each key token.

Cao et al. (COLING 2022), §3, eq. 5 to 9. Masks, heads, norms and pooling belong to the host; a score sees vectors and
nothing else.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.errors import Problem, suggestion


def dot(query: Float[Tensor, "*b i d"], key: Float[Tensor, "*b j d"]) -> Float[Tensor, "*b i j"]:
    """q · k, MAAF's eq. 1 to the letter."""
    return query @ key.mT


def scaled_dot(query: Float[Tensor, "*b i d"], key: Float[Tensor, "*b j d"]) -> Float[Tensor, "*b i j"]:
    """q · k / √d, the Transformer's score: MAAF's Figure 2 and released code."""
    return (query * query.shape[-1] ** -0.5) @ key.mT


def relu(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The paper's activation (eq. 9)."""
    return values.relu()


def sigmoid(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Released code of AttnGAN on birds, where the paper says ReLU: scores in (0, 1), so no weight stands out."""
    return values.sigmoid()


def same(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """No activation, and tokens that are not transformed."""
    return values


def unit(tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
    """Tokens of length one, for the cosine; zeros stay zeros."""
    return normalize(tokens, dim=-1)


def shrink(tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
    """Tokens over √d."""
    return tokens * tokens.shape[-1] ** -0.5


Side = Callable[[Tensor], Tensor]  # tokens (*b, d) -> (*b, d)


class AlignmentScore(nn.Module):
    """activation(query(q) · key(k)): every one of the eight, each side through a transformation of its own."""

    def __init__(self, *, query: Side = same, key: Side = same, activation: Side = same):
        super().__init__()
        self.query, self.key, self.activation = query, key, activation

    @property
    def is_dot(self) -> bool:
        """Whether the score is q · k itself, which a host may have at hand."""
        return self.query is self.key is self.activation is same

    def forward(self, query: Float[Tensor, "*b i d"], key: Float[Tensor, "*b j d"]) -> Float[Tensor, "*b i j"]:
        return self.activation(self.query(query) @ self.key(key).mT)

    def products(self, query: Float[Tensor, "... d"], key: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """The products before they are summed, activated one by one: MAC's f, whose sum is learned (eq. 10)."""
        return self.activation(self.query(query) * self.key(key))


SCORES: dict[str, Callable[[int, Side], AlignmentScore]] = {
    "cosine": lambda dim, _: AlignmentScore(query=unit, key=unit),
    "dot": lambda dim, _: AlignmentScore(),
    "scaled dot": lambda dim, _: AlignmentScore(query=shrink),
    # * transforms the query, k · (W q); † the key, q · (W k): one class of functions, W and its transpose
    "general*": lambda dim, _: AlignmentScore(query=nn.Linear(dim, dim, bias=False)),
    "general†": lambda dim, _: AlignmentScore(key=nn.Linear(dim, dim, bias=False)),
    "biased general*": lambda dim, _: AlignmentScore(query=nn.Linear(dim, dim)),
    "biased general†": lambda dim, _: AlignmentScore(key=nn.Linear(dim, dim)),
    "activated general": lambda dim, activation: AlignmentScore(key=nn.Linear(dim, dim), activation=activation),
}


def alignment(dim: int, *, name: str, activation: Side = relu) -> AlignmentScore:
    """The score of a row of the paper's tables, for tokens of width `dim`; `activation` is read by the last alone.

    Learned weights start as torch starts a linear layer. Raises Problem for an unknown name.
    """
    if name not in SCORES:
        raise Problem(f"There is no alignment {name!r}. {suggestion(name, SCORES) or f'Use one of {list(SCORES)}.'}")
    return SCORES[name](dim, activation)


def swapped(dim: int, *, of: Callable[[int], AlignmentScore]) -> AlignmentScore:
    """A score with its sides exchanged, s'(q, k) = s(k, q): general* for general†."""
    score = of(dim)
    return AlignmentScore(query=score.key, key=score.query, activation=score.activation)
