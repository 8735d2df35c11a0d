"""Live: a trained model behind an explorer, which answers a reader's own modification text and image.

The interface of every retriever: encode the gallery once, compose the query, score one against the other.
"""

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import photos
from cirkit.encoders.text import unknown_words
from cirkit.errors import Problem
from cirkit.evaluators import ranking
from cirkit.examples import at_seed
from cirkit.experiments.experiment import Experiment
from cirkit.models.base import Features, Retriever
from cirkit.query import Benchmark, Query
from cirkit.training.checkpoints import load

LONGEST = 300  # letters of a modification text
LARGEST = 20_000_000  # bytes of an image file


class LiveModel:
    """A retriever and the benchmark whose gallery it searches; the gallery is encoded when it is first needed."""

    def __init__(self, model: Retriever, benchmark: Benchmark):
        self.model = model
        self.benchmark = benchmark

    @functools.cached_property
    def gallery(self) -> Features:
        """Features of every gallery image."""
        return ranking.encode(self.model, self.benchmark.gallery)

    def reference(self, row: int) -> UInt8[Tensor, "3 h w"]:
        """The reference image of a query of the benchmark."""
        return self.benchmark.query.image[torch.tensor([row])][0]

    def images(self, rows: Sequence[int]) -> UInt8[Tensor, "n 3 h w"]:
        """Gallery images by row."""
        return self.benchmark.gallery[torch.tensor(rows)]

    def image(self, content: bytes) -> UInt8[Tensor, "3 h w"]:
        """An image file's content, cut to the size of the gallery's images. Raises Problem where it is no image."""
        if len(content) > LARGEST:
            raise Problem(f"The image has more than {LARGEST // 10**6} MB. Give a smaller copy.")
        size = self.benchmark.gallery[torch.tensor([0])].shape[-1]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "image"
            path.write_bytes(content)
            try:
                return photos.square(path, size)
            except Problem as problem:
                raise Problem(str(problem).replace(str(path), "you gave")) from None

    def unknown(self, text: str) -> list[str]:
        """The words of a text that the model has never read."""
        return unknown_words(self.model, text) if isinstance(self.model, torch.nn.Module) else []

    def top(
        self, image: UInt8[Tensor, "3 h w"], text: str, without: int | None = None, k: int = 10
    ) -> tuple[list[int], list[float]]:
        """The first k gallery rows for a query, and their scores; `without` leaves one row out of the gallery."""
        return self.search(Query(image=image[None], text=[text]), without=without, k=k)

    def search(
        self, query: Query, model: Retriever | None = None, without: int | None = None, k: int = 10
    ) -> tuple[list[int], list[float]]:
        """`top` for a query of any parts; another `model` must encode the gallery as this one does."""
        model = model or self.model
        with torch.no_grad():
            composed = model.compose(query.to(ranking.device_of(self.model)))
            scores = ranking.score_rows(model, composed, self.gallery, len(self.benchmark.gallery))[0]
        if without is not None:
            scores[without] = -torch.inf
        order = scores.sort(descending=True, stable=True)
        k = min(k, len(scores) - (without is not None))
        return order.indices[:k].tolist(), order.values[:k].tolist()


def live_model(experiment: Experiment) -> LiveModel:
    """The model that the first seed of an experiment left, on its first test. Raises Problem where it left none."""
    seed, test = experiment.seeds[0], next(iter(experiment.tests.values()))
    return LiveModel(test.use(load(experiment.weights(seed))), at_seed(test.data, seed)())
