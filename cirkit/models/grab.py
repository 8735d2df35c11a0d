"""GRAB of ITSELF: the best-ranked tokens, each through an adapter, pooled to one vector by their maximum.

ITSELF §3.1, Algorithm 1; the same arithmetic as the token selection embedding of RDE (Qin et al., CVPR 2024, §3.2).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Grab(nn.Module):
    """FC(x) + MLP(x) of the selected tokens, x of length one, then the maximum over them; one for each modality."""

    # paper: an adapter with a residual; released code: as wide as 4096, so what is added is a projection
    def __init__(self, width: int, *, out: int = 4096):
        super().__init__()
        self.width = out
        self.straight = nn.Linear(width, out)
        self.hidden, self.norm, self.out = (
            nn.Linear(width, out // 2),
            nn.BatchNorm1d(out // 2),
            nn.Linear(out // 2, out),
        )

    def forward(
        self,
        tokens: Float[Tensor, "b n d"],
        scores: Float[Tensor, "b n"],
        allowed: Bool[Tensor, "b n"],
        count: Int[Tensor, " b"],
    ) -> Float[Tensor, "b e"]:
        """The `count` highest-ranked of each item's allowed tokens, or all of them where they are fewer.

        An item without a token is zeros, and tokens that were not selected take no part in the batch normalisation.
        """
        # released code: short texts fill up with padding, which the maximum leaves out and the normalisation counts
        chosen, valid = select(scores, allowed, count)
        own = tokens.gather(1, chosen[..., None].expand(-1, -1, tokens.shape[2]))[valid]  # (m, d)
        own = own / (own.norm(dim=1, keepdim=True) + 1e-8)
        deep = self.out(self.norm(self.hidden(own)).relu())
        each = deep.new_full((*chosen.shape, self.width), -torch.inf)
        each = each.masked_scatter(valid[..., None], deep + self.straight(own))  # (b, k, e)
        return each.amax(1).masked_fill(~valid.any(1)[:, None], 0.0)


def select(
    scores: Float[Tensor, "b n"], allowed: Bool[Tensor, "b n"], count: Int[Tensor, " b"]
) -> tuple[Int[Tensor, "b k"], Bool[Tensor, "b k"]]:
    """The allowed tokens from the highest score on, of equal ones the first; and which of them are selected."""
    most = min(int(count.max()), scores.shape[1])
    order = scores.masked_fill(~allowed, -torch.inf).argsort(dim=1, descending=True, stable=True)[:, :most]
    return order, allowed.gather(1, order) & (torch.arange(most, device=scores.device) < count[:, None])
