"""Live memory: the most bytes of tensors that a piece of code holds at once, counted after every operator.

Exact, the same on every machine and device; what an operator takes for itself while it runs is not seen.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """Counts inside its block; `most` is in bytes, and tensors from before the block do not count."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self,
        operator: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = operator(*args, **(kwargs or {}))
        given = {storage.cdata for storage in _storages((args, kwargs))}  # views and in-place results have these
        for tensor in _tensors(result):
            storage = StorageWeakRef(tensor.untyped_storage())
            if storage.cdata not in given:
                self._alive[storage.cdata] = storage, tensor.untyped_storage().nbytes()
        self._alive = {key: each for key, each in self._alive.items() if not each[0].expired()}
        self.most = max(self.most, sum(size for _, size in self._alive.values()))
        return result


def megabytes(act: Callable[[], object]) -> float:
    """The most that `act` holds at once, in millions of bytes."""
    with LiveMemory() as memory:
        act()
    return memory.most / 1e6


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _storages(tree: Any) -> list[StorageWeakRef]:
    return [StorageWeakRef(tensor.untyped_storage()) for tensor in _tensors(tree)]
