"""Exact nearest neighbours by inner product, with three interchangeable back ends; the only importer of faiss.

No paper: every table ranks a whole gallery (`cirkit.evaluators.ranking`); this is for searching, where the first k
are enough.
"""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

import torch  # before faiss: on macOS the other order ends in a clash of two OpenMP libraries
from jaxtyping import Float, Int
from torch import Tensor

from cirkit.errors import Problem

GPU_LIMIT = 2048  # the most neighbours one query may ask of faiss on a GPU


@runtime_checkable
class Index(Protocol):
    """Searches the vectors it was built from."""

    def search(self, queries: Float[Tensor, "q d"], k: int) -> tuple[Float[Tensor, "q k"], Int[Tensor, "q k"]]: ...


class TorchIndex:
    """Chunked matrix products; needs nothing but torch, and is enough up to some hundred thousand vectors."""

    def __init__(self, vectors: Float[Tensor, "n d"], chunk: int = 65536):
        self.vectors, self.chunk = _checked(vectors), chunk

    def search(self, queries: Float[Tensor, "q d"], k: int) -> tuple[Float[Tensor, "q k"], Int[Tensor, "q k"]]:
        """The k largest inner products of each query and their rows, best first."""
        queries, k = _asked(queries, k, self.vectors)
        scores = queries.new_empty(len(queries), 0)
        rows = torch.empty(len(queries), 0, dtype=torch.long)
        for start in range(0, len(self.vectors), self.chunk):
            fresh = queries @ self.vectors[start : start + self.chunk].mT  # (q, chunk)
            numbers = torch.arange(start, start + fresh.shape[1]).expand(len(queries), -1)
            scores, rows = _first(torch.cat([scores, fresh], 1), torch.cat([rows, numbers], 1), k)
        return scores, rows  # (q, k)


class FaissIndex:
    """faiss's flat index on the processor."""

    def __init__(self, vectors: Float[Tensor, "n d"]):
        self.vectors = _checked(vectors)
        self.flat = _faiss().IndexFlatIP(vectors.shape[1])
        self.flat.add(self.vectors.numpy())

    def search(self, queries: Float[Tensor, "q d"], k: int) -> tuple[Float[Tensor, "q k"], Int[Tensor, "q k"]]:
        """The k largest inner products of each query and their rows, best first."""
        queries, k = _asked(queries, k, self.vectors)
        n, wanted = len(self.vectors), min(k + 1, len(self.vectors))
        while True:  # faiss keeps any of the scores that tie at the cut: ask on until the cut falls between two scores
            scores, rows = (torch.from_numpy(part) for part in self._ask(queries, wanted))
            if wanted == n or not len(queries) or bool((scores[:, -1] < scores[:, k - 1]).all()):
                return _first(scores, rows, k)  # (q, k)
            wanted = min(2 * wanted, n)

    def _ask(self, queries: Tensor, k: int) -> tuple:
        return self.flat.search(queries.numpy(), k)


class FaissGpuIndex(FaissIndex):
    """faiss's flat index on the first GPU; a query beyond faiss's limit of 2048 goes to the processor."""

    def __init__(self, vectors: Float[Tensor, "n d"]):
        faiss = _faiss()
        if gpus() == 0:  # index_cpu_to_all_gpus would answer with an empty index instead of an error
            raise Problem("faiss sees no GPU here. Use FaissIndex, or install faiss-gpu on a machine with a GPU.")
        super().__init__(vectors)
        self.resources = faiss.StandardGpuResources()
        self.gpu = faiss.index_cpu_to_gpu(self.resources, 0, self.flat)

    def _ask(self, queries: Tensor, k: int) -> tuple:
        return (self.gpu if k <= GPU_LIMIT else self.flat).search(queries.numpy(), k)


def best() -> Callable[[Tensor], Index]:
    """The fastest back end that this installation has."""
    if find_spec("faiss") is None or faiss_problem() is not None:
        return TorchIndex
    return FaissGpuIndex if gpus() > 0 else FaissIndex


def build(vectors: Float[Tensor, "n d"], backend: Callable[[Tensor], Index] | None = None) -> Index:
    """An index over `vectors` (unit vectors make scores cosines); `backend` is one of the classes above."""
    return (backend or best())(vectors)


def gpus() -> int:
    """How many GPUs faiss sees; 0 for faiss-cpu, which cannot be asked."""
    return getattr(_faiss(), "get_num_gpus", lambda: 0)()


def faiss_installations() -> dict[str, str]:
    """The installed distributions that provide `faiss`, with their versions."""
    versions = {}
    for name in ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs", "faiss-gpu-cu12"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def faiss_problem() -> str | None:
    """What is wrong with the faiss installation, as text for `cirkit doctor`; None when nothing is."""
    versions = faiss_installations()
    if len(versions) > 1:
        return (
            f"{' and '.join(versions)} are both installed and overwrite each other's files. "
            f"Run: pip uninstall -y {' '.join(versions)}, then install one of them."
        )
    if find_spec("faiss") is not None and not hasattr(_import(), "IndexFlatIP"):
        return "The faiss package is an empty shell. Run: pip install --force-reinstall faiss-cpu"
    return None


def _import():
    import warnings

    with warnings.catch_warnings():  # SWIG's own deprecation notes on recent Pythons
        warnings.simplefilter("ignore")
        import faiss
    return faiss


def _faiss():
    try:
        faiss = _import()
    except ImportError as error:
        raise Problem("faiss is not installed. Run: pip install 'cirkit[cpu]', or use TorchIndex.") from error
    if not hasattr(faiss, "IndexFlatIP"):
        raise Problem(faiss_problem() or "The faiss package is broken. Run: pip install --force-reinstall faiss-cpu")
    return faiss


def _first(scores: Tensor, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The first k columns by falling score, and by rising row among equal scores."""
    by_row = rows.argsort(dim=1)
    scores, rows = scores.gather(1, by_row), rows.gather(1, by_row)
    order = scores.argsort(dim=1, descending=True, stable=True)[:, :k]
    return scores.gather(1, order), rows.gather(1, order)


def _checked(vectors: Tensor) -> Tensor:
    if vectors.ndim != 2 or not len(vectors):
        raise Problem(f"An index needs a table of vectors, got shape {tuple(vectors.shape)}. Give at least one row.")
    vectors = vectors.detach().to("cpu", torch.float32).contiguous()
    if not torch.isfinite(vectors).all():
        raise Problem("A vector holds a number that is not finite. Encode the images again with a sound model.")
    return vectors


def _asked(queries: Tensor, k: int, vectors: Tensor) -> tuple[Tensor, int]:
    if queries.shape[1] != vectors.shape[1]:
        raise Problem(
            f"The query has {queries.shape[1]} numbers, the index {vectors.shape[1]}. Encode both with one model."
        )
    if k < 1:
        raise Problem(f"Cannot give the first {k} results. Ask for one or more.")
    queries = queries.detach().to("cpu", torch.float32).contiguous()
    if not torch.isfinite(queries).all():  # faiss would answer rows of -1
        raise Problem("The query holds a number that is not finite. Encode it again with a sound model.")
    return queries, min(k, len(vectors))
