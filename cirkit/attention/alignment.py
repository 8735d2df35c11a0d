"""Alignment scores s(q, k): how strongly each query token is drawn to each key token.

Masks, heads, norms and pooling belong to the host; a score sees vectors and nothing else.
"""

from jaxtyping import Float
from torch import Tensor


def dot(query: Float[Tensor, "*b i d"], key: Float[Tensor, "*b j d"]) -> Float[Tensor, "*b i j"]:
    """q · k, MAAF's eq. 1 to the letter."""
    return query @ key.mT


def scaled_dot(query: Float[Tensor, "*b i d"], key: Float[Tensor, "*b j d"]) -> Float[Tensor, "*b i j"]:
    """q · k / √d, the Transformer's score: MAAF's Figure 2 and released code."""
    return (query * query.shape[-1] ** -0.5) @ key.mT
