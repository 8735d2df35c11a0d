"""Several processes train one model: features gathered with their gradient, gradients and losses averaged.

`torchrun` starts them (WORLD_SIZE, RANK, LOCAL_RANK). A loss over a batch's score matrix needs the whole batch, so the
parameters' gradients are averaged here; torch's wrapper sees `forward` alone, and our models have three verbs. Batch
normalisation sees a process's share of the batch.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.functional import pad

from cirkit.errors import Problem
from cirkit.models.base import Features


def rank() -> int:
    """The number of this process among those that `torchrun` started, joined or not yet; 0 where there is one."""
    if processes() > 1:
        return dist.get_rank()
    return int(os.environ["RANK"]) if started() > 1 else 0


def started() -> int:
    """How many processes `torchrun` started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def processes() -> int:
    """How many processes have joined to train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


@contextmanager
def joined(device: str) -> Iterator[torch.device]:
    """This process's device, after it has joined those that `torchrun` started with it; they part at the end."""
    cuda = torch.device(device).type == "cuda"
    if cuda and started() > 1:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    begin = started() > 1 and not dist.is_initialized()
    if begin:
        dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield torch.device(device)
    finally:
        if begin:
            dist.destroy_process_group()


def share(rows: Shaped[Tensor, "b ..."]) -> Shaped[Tensor, "c ..."]:
    """This process's part of a batch's rows. Raises Problem where they do not divide among the processes."""
    if len(rows) % processes():
        raise Problem(f"A batch of {len(rows)} does not divide among {processes()} processes; choose another `batch`.")
    return rows.chunk(processes())[rank()]


def gather(features: Features) -> Features:
    """The features of the whole batch, process after process; gradients find their way back to each.

    Tensors that differ in other axes than the first, such as words of shorter texts, are padded with zeros.
    """
    if processes() == 1:
        return features
    return _gather(features) if isinstance(features, Tensor) else tuple(_gather(part) for part in features)


def average(parameters: Iterable[nn.Parameter]) -> None:
    """The mean over the processes of the parameters' gradients, in place.

    Where every process computes the whole batch's loss from gathered features, this is the gradient of one process.
    """
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    if processes() == 1 or not learning:
        return
    used = torch.tensor([parameter.grad is not None for parameter in learning], device=learning[0].device).int()
    dist.all_reduce(used, dist.ReduceOp.MAX)  # an unused parameter stays without a gradient, as in one process
    learning = [parameter for parameter, each in zip(learning, used.tolist(), strict=True) if each]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in learning]
    together = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(together)
    parts = (together / processes()).split([gradient.numel() for gradient in gradients])
    for parameter, part in zip(learning, parts, strict=True):
        parameter.grad = part.view_as(parameter)


def mean(values: Float[Tensor, " l"]) -> Float[Tensor, " l"]:
    """The mean of each value over the processes."""
    if processes() > 1:
        dist.all_reduce(values)
    return values / processes()


def everyone(value: Any) -> list[Any]:
    """What each process holds, in order; of small things."""
    if processes() == 1:
        return [value]
    values = [None] * processes()
    dist.all_gather_object(values, value)
    return values


def first(value: Any) -> Any:
    """What process 0 holds."""
    if processes() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def _gather(part: Shaped[Tensor, "c ..."]) -> Shaped[Tensor, "b ..."]:
    wide = torch.tensor(part.shape, device=part.device)
    dist.all_reduce(wide, dist.ReduceOp.MAX)
    missing = [most - size for size, most in zip(part.shape, wide.tolist(), strict=True)][:0:-1]  # last axis first
    return _Gather.apply(pad(part, [n for amount in missing for n in (0, amount)]) if any(missing) else part)


class _Gather(torch.autograd.Function):
    """All processes' rows; backward sums what every process wants of these."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        parts = [torch.empty_like(part) for _ in range(processes())]
        dist.all_gather(parts, part.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient.chunk(processes())[rank()]
