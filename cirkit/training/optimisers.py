"""Optimisers: SGD with momentum, AdamW, and a lower learning rate for parts of a model.

MAAF §2.4. A frozen parameter (`requires_grad` False) has no place in any of them, nor a state.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class sgd:
    """SGD with momentum, one learning rate for all parameters, as the released code does on CSS."""

    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 1e-6

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(_learning(model), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)


@dataclass(frozen=True, kw_only=True)
class adamw:
    """AdamW; weight decay on matrices and kernels alone."""

    lr: float = 1e-3
    weight_decay: float = 1e-2

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        matrices = [p for p in _learning(model) if p.ndim > 1]
        rest = [p for p in _learning(model) if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": self.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.lr, fused=True)  # one pass over each group, on any device


@dataclass(frozen=True, kw_only=True)
class lr_multiplier:
    """An optimiser under which the named parts of the model learn at a fraction of its rate.

    MAAF §2.4: the image encoder, pretrained, at a tenth; Table 5, row with an asterisk: the text encoder too.
    """

    optimiser: Callable[[nn.Module], torch.optim.Optimizer]
    parts: tuple[str, ...]
    factor: float = 0.1

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        optimiser = self.optimiser(model)
        inside = {id(p) for part in self.parts for p in model.get_submodule(part).parameters()}
        before, optimiser.param_groups = optimiser.param_groups, []
        for group in before:
            for slow, factor in ((False, 1.0), (True, self.factor)):
                if mine := [p for p in group["params"] if (id(p) in inside) == slow]:
                    optimiser.add_param_group(group | {"params": mine, "lr": group["lr"] * factor})
        return optimiser


def _learning(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
