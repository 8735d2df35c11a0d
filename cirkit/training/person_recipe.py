"""ITSELF's optimiser and schedule: Adam with rates by the kind of parameter, cosine decay by epoch after a warm-up.

ITSELF's supplement, §1: Adam, 1e-5, cosine, 60 epochs; the rest is its released code, mostly IRRA's.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class person_adam:
    """Adam with L2 in the gradient; faster for biases, classifiers and GRAB, no decay for biases."""

    # released code: weights in half precision, for which Adam's usual epsilon is zero
    lr: float = 1e-5
    weight_decay: float = 4e-5
    eps: float = 1e-3
    bias: float = 2.0  # times lr
    classifier: float = 5.0  # times lr, with its biases
    grab: float = 1e-3  # itself, with its biases

    def __call__(self, model: nn.Module) -> torch.optim.Optimizer:
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                groups.setdefault(self.rates(name), []).append(parameter)
        each = [{"params": own, "lr": lr, "weight_decay": decay} for (lr, decay), own in groups.items()]
        return torch.optim.Adam(each, lr=self.lr, eps=self.eps)

    def rates(self, name: str) -> tuple[float, float]:
        """Learning rate and weight decay of the parameter of a name."""
        parts = name.split(".")
        bias = "bias" in parts[-1]
        lr = self.lr * (self.bias if bias else 1.0)
        if "heads" in parts and parts[-2] in ("one", "of_pair"):
            lr = self.lr * self.classifier
        if any(part.startswith("grab_") for part in parts):
            lr = self.grab
        return lr, 0.0 if bias else self.weight_decay


@dataclass(frozen=True, kw_only=True)
class cosine_by_epoch:
    """One factor for each of the epochs: from `begin` in a line to 1 over the first `warmup`, then half a cosine."""

    epochs: int = 60
    warmup: int = 5
    begin: float = 0.1

    def __call__(self, done: float) -> float:
        epoch = math.floor(done * self.epochs + 1e-9)
        if epoch < self.warmup:
            return self.begin + (1 - self.begin) * epoch / self.warmup
        return 0.5 * (1 + math.cos(math.pi * (epoch - self.warmup) / (self.epochs - self.warmup)))
