"""Weights and pictures by a written rule, so that golden numbers of the official code need no weights to be stored."""

import torch


def drawn(shape: tuple[int, ...], number: int) -> torch.Tensor:
    """The written rule behind the golden numbers: an integer hash of place and tensor, as fractions of one."""
    prime = 2**31 - 1
    place = torch.arange(int(torch.tensor(shape).prod()))
    mixed = (place * 1103515245 + number * 1234577) % prime
    mixed = (mixed * 48271) % prime
    mixed = ((mixed ^ (mixed >> 15)) * 69621) % prime
    return (mixed.double() / prime).reshape(shape)


def fill(module: torch.nn.Module) -> None:
    """Variances and gains from 0.5 to 1.5, matrices scaled by their fan-in, other vectors from -0.2 to 0.2."""
    entries = [(name, each) for name, each in module.state_dict().items() if each.is_floating_point() and each.ndim]
    for number, (name, each) in enumerate(entries, start=1):
        fraction = drawn(tuple(each.shape), number)
        if each.ndim == 1:
            positive = name.endswith(("running_var", "weight", "gain"))
            each.copy_(0.5 + fraction if positive else 0.4 * fraction - 0.2)
        else:
            each.copy_((2 * fraction - 1) * (3 / (each.numel() / each.shape[0])) ** 0.5)
