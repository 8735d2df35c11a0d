"""Samplers: which examples make a batch.

MAAF §3.2 (batches of one category); the released TIRG and MAAF pair queries of one reference.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from cirkit.errors import Problem
from cirkit.examples import Examples

Sampler = Callable[[Examples, int, torch.Generator], Iterator[Tensor]]


def shuffled(examples: Examples, batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
    """Batches of row numbers for ever: each pass is a fresh permutation, its incomplete last batch dropped."""
    n = len(examples)
    if n < batch:
        raise Problem(f"{n} training examples cannot fill a batch of {batch}; choose a smaller batch.")
    yield from _passes(torch.arange(n), batch, generator)


@dataclass(frozen=True)
class same_reference_batches:
    """Batches with `per_reference` queries of every reference, so that its other targets are negatives.

    References are sampled without repeats within a batch, in proportion to their queries. A reference with fewer
    queries than `per_reference` gives what it has.
    """

    # released TIRG and MAAF: on CSS two queries in a row share their reference; the papers do not say so
    per_reference: int = 2

    def __call__(self, examples: Examples, batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
        reference = getattr(examples, "reference", None)
        if reference is None:
            raise Problem("These examples do not say which reference each has; sample with `shuffled`.")
        members = _members(reference)
        weight = torch.tensor([float(len(rows)) for rows in members])
        if len(members) * self.per_reference < batch:
            raise Problem(f"{len(members)} references cannot fill a batch of {batch}; choose a smaller batch.")
        while True:
            chosen: list[Tensor] = []
            for owner in torch.multinomial(weight, min(batch, len(members)), generator=generator).tolist():
                rows = members[owner]
                chosen.append(rows[torch.randperm(len(rows), generator=generator)[: self.per_reference]])
                if sum(map(len, chosen)) >= batch:
                    break
            yield torch.cat(chosen)[:batch]


def single_category(examples: Examples, batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
    """Batches from one category each (MAAF §3.2), categories in proportion to their examples.

    Each category is gone through in fresh permutations, its incomplete last batch dropped.
    """
    # released MAAF: the category is sampled again now and then by one of several workers, so its batches are mixed
    group = getattr(examples, "group", None)
    if group is None:
        raise Problem("These examples do not say which category each has; sample with `shuffled`.")
    names = sorted(set(group))
    owners = torch.tensor([names.index(name) for name in group])
    members = _members(owners)
    if min(map(len, members)) < batch:
        raise Problem(f"A category has fewer than {batch} training examples; choose a smaller batch.")
    streams = [_passes(rows, batch, generator) for rows in members]
    weight = torch.tensor([float(len(rows)) for rows in members])
    while True:
        yield next(streams[int(torch.multinomial(weight, 1, generator=generator))])


def _passes(rows: Int[Tensor, " n"], batch: int, generator: torch.Generator) -> Iterator[Int[Tensor, " b"]]:
    while True:
        order = rows[torch.randperm(len(rows), generator=generator)]
        yield from order[: len(rows) - len(rows) % batch].split(batch)


def _members(owners: Int[Tensor, " n"]) -> list[Tensor]:
    order = owners.argsort(stable=True)
    return list(order.split(owners[order].unique_consecutive(return_counts=True)[1].tolist()))
