"""Bidirectional GRU and LSTM over sentences: on a processor in half of the time that torch takes over packed sentences.

Lee et al. (2018), §3.3, captions of SCAN; Hudson and Manning (2018), questions of MAC: the formulas and the weights of
`nn.GRU` and `nn.LSTM`, for which torch adds up the gradient of the weights step by step where sentences are packed.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def packed_states(
    network: nn.GRU | nn.LSTM, vectors: Float[Tensor, "b t e"], mask: Bool[Tensor, "b t"]
) -> Float[Tensor, "b t s"]:
    """The states at each word, from the left beside from the right, as torch computes them; zeros for padding.

    A sentence's own words come first, one at least. The mask lies on the processor.
    """
    packed = pack_padded_sequence(vectors, mask.sum(1), batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(network(packed)[0], batch_first=True)[0]


def lstm_states(lstm: nn.LSTM, vectors: Float[Tensor, "b t e"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b t s"]:
    """`packed_states` of one layer, each way by torch's fused kernel; what it makes of padding is dropped."""
    if vectors.device.type != "cpu":
        return packed_states(lstm, vectors, mask)
    back = _last_first(mask)[..., None]  # (b, t, 1), its own inverse
    start, learns = vectors.new_zeros(1, len(mask), lstm.hidden_size), torch.is_grad_enabled()
    left, right = (
        torch.lstm(read, (start, start), weights, True, 1, 0.0, learns, False, True)[0]  # (b, t, d)
        for read, weights in (
            (vectors, lstm.all_weights[0]),
            (vectors.gather(1, back.expand_as(vectors)), lstm.all_weights[1]),
        )
    )
    return torch.cat([left, right.gather(1, back.expand_as(right))], dim=2) * mask[..., None]


def gru_states(gru: nn.GRU, vectors: Float[Tensor, "b t e"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b t s"]:
    """`packed_states` of one layer, both ways (w) in one loop over time.

    Rows n are the words of all sentences as torch packs them: a step's together, the longest sentence first.
    """
    if vectors.device.type != "cpu":
        return packed_states(gru, vectors, mask)
    rows, counts = _rows(mask)
    words = vectors.flatten(0, 1).index_select(0, rows.flatten()).unflatten(0, rows.shape)  # (w, n, e)
    weight_ih, weight_hh, bias_ih, bias_hh = map(torch.stack, zip(*gru.all_weights, strict=True))
    inputs = torch.baddbmm(bias_ih[:, None], words, weight_ih.mT)  # (w, n, 3d), of all steps at once
    states = GRURecurrence.apply(inputs, weight_hh, bias_hh, counts)  # (w, n, d)
    places = (2 * rows + torch.arange(2)[:, None]).flatten()  # among (b, t, w)
    padded = states.new_zeros(2 * mask.numel(), states.shape[2]).index_copy(0, places, states.flatten(0, 1))
    return padded.view(*mask.shape, -1)


def _last_first(mask: Bool[Tensor, "b t"]) -> Int[Tensor, "b t"]:
    """The step of each sentence's word to read at each step from its end; padding stays where it is."""
    step = torch.arange(mask.shape[1])
    return torch.where(mask, mask.sum(1, keepdim=True) - 1 - step, step)


def _rows(mask: Bool[Tensor, "b t"]) -> tuple[Int[Tensor, "w n"], Sequence[int]]:
    """Which word among (b, t) each row is, either way, and how many sentences have a word at each step."""
    number = torch.arange(mask.numel()).view(mask.shape)
    left, right = (
        pack_padded_sequence(each, mask.sum(1), batch_first=True, enforce_sorted=False)
        for each in (number, number.gather(1, _last_first(mask)))
    )
    return torch.stack([left.data, right.data]), left.batch_sizes.tolist()


class GRURecurrence(Function):
    """r, z = σ(x + U h + b), n = tanh(x + r · (U h + b)), h' = n + z · (h - n), step by step from zeros.

    The gradient is written out, so that each weight's is one product over all rows and each step's a few operations.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Float[Tensor, "w n g"],  # W x + b of each word
        weight: Float[Tensor, "w g d"],
        bias: Float[Tensor, "w g"],
        counts: Sequence[int],
    ) -> Float[Tensor, "w n d"]:
        width = weight.shape[2]
        gates, states = inputs.new_empty(2, inputs.shape[1], 4 * width), torch.empty_like(inputs[..., :width])
        before, state, across = [], inputs.new_zeros(2, counts[0], width), weight.mT.contiguous()
        parts = (*inputs.split((2 * width, width), 2), *gates.split((2 * width, width, width), 2), states)
        for x, x_n, rz, n, inner_n, own in zip(*(each.split(counts, 1) for each in parts), strict=True):
            before.append(state[:, : own.shape[1]])
            inner = torch.baddbmm(bias[:, None], before[-1], across)  # (w, count, 3d)
            inner_n.copy_(inner[..., 2 * width :])
            r, z = torch.add(x, inner[..., : 2 * width], out=rz).sigmoid_().chunk(2, 2)
            torch.addcmul(x_n, r, inner_n, out=n).tanh_()
            state = torch.lerp(n, before[-1], z, out=own)
        ctx.counts = counts
        ctx.save_for_backward(weight, torch.cat(before, 1), gates)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "w n d"]) -> tuple[Tensor, Tensor, Tensor, None]:
        weight, before, gates = ctx.saved_tensors
        r, z, n, inner = gates.chunk(4, 2)  # (w, n, d)
        by_n = (1 - z) * (1 - n * n)  # what one unit of a state's gradient gives to what is inside the tanh
        slope = torch.stack([by_n * inner * r * (1 - r), (before - n) * z * (1 - z), by_n * r], 2)  # (w, n, 3, d)
        grad, later, onto_inner = grad.clone(), grad[:, :0], torch.empty_like(slope)
        parts = (each.split(ctx.counts, 1) for each in (grad, z, slope, onto_inner))
        for own, keep, factor, onto in reversed(list(zip(*parts, strict=True))):
            own[:, : later.shape[1]] += later  # in `grad`
            torch.mul(own[:, :, None], factor, out=onto)  # (w, count, 3, d)
            later = torch.baddbmm(own * keep, onto.flatten(2), weight)
        onto_inputs = torch.cat([onto_inner[:, :, :2].flatten(2), grad * by_n], 2)
        onto_inner = onto_inner.flatten(2)  # (w, n, 3d)
        return onto_inputs, onto_inner.mT @ before, onto_inner.sum(1), None
