"""`cirkit submit`: rank a test split whose targets a server keeps by a row's weights, and write the server's files.

CIRR (Liu et al., 2021) takes two, over the split and within the sets of six; CIRCO (Baldrati et al., 2023) takes one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from cirkit.benchmarks import circo, cirr
from cirkit.benchmarks.cirr_protocols import SUBSET
from cirkit.benchmarks.submissions import CIRCO, CIRR_RECALL, CIRR_SUBSET, Server, ServerQueries
from cirkit.errors import Problem
from cirkit.evaluators.ranking import device_of, encode, rank, score_rows
from cirkit.examples import at_seed
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.trainings import Trainer
from cirkit.worlds.publish import drawn

QUERIES = 64  # that are composed and scored at a time


@dataclass(frozen=True, kw_only=True)
class File:
    """A server's file: its name after the row's, the queries of a folder, and the rules it obeys."""

    name: str
    queries: Callable[[Path], ServerQueries]
    server: Server


FILES = {  # by the name of the test that a row has of the benchmark, which is the benchmark's own
    "cirr": (
        File(name="cirr-recall", queries=cirr.server_queries, server=CIRR_RECALL),
        File(name="cirr-subset", queries=lambda root: cirr.server_queries(root, SUBSET), server=CIRR_SUBSET),
    ),
    "circo": (File(name="circo", queries=circo.server_queries, server=CIRCO),),
}
READERS = {"cirr": cirr.test, "circo": circo.test}


def submit(experiment: Experiment, benchmark: str, seed: int, out: Path, trainer: Trainer) -> list[Path]:
    """Write the files of a benchmark's server below `out`; a training that has no weights yet is trained first.

    Raises Problem for a benchmark without a server, and for a row that is not tested there or ranks in its own way.
    """
    if benchmark not in FILES:
        raise Problem(f"No server takes files of {benchmark!r}. Use one of {', '.join(FILES)}.")
    folder = _folder(experiment, benchmark, seed)
    model = experiment.tests[benchmark].use(trainer(experiment.training, seed).model).eval()
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for each in FILES[benchmark]:
        queries = each.queries(folder)
        stem = f"{experiment.name.replace('/', '-')}-{experiment.scale}-s{seed}"
        written.append(out / f"{stem}-{each.name}.json")
        each.server.write(written[-1], queries, best(model, queries, each.server.depth))
    return written


def _folder(experiment: Experiment, benchmark: str, seed: int) -> Path:
    """Where the benchmark lies that the row is tested on."""
    test = experiment.tests.get(benchmark)
    data: Any = None if test is None else at_seed(test.data, seed)
    read = data.read if isinstance(data, drawn) else getattr(data, "func", None)
    if read is not READERS[benchmark]:
        raise Problem(f"{experiment.name} reads no files of {benchmark}. Name a row that is tested on it.")
    if test.evaluate is not rank:
        raise Problem(f"{experiment.name} ranks by more than a score of query and image. Name a row that does not.")
    return data.world.folder(data.size) if isinstance(data, drawn) else Path(data.keywords["root"])


@torch.no_grad()
def best(model: nn.Module, queries: ServerQueries, depth: int) -> Int[Tensor, "q k"]:
    """The `depth` best gallery rows of every query, best first."""
    gallery, device, found = encode(model, queries.gallery), device_of(model), []
    for rows in torch.arange(len(queries)).split(QUERIES):
        composed = model.compose(queries.query[rows].to(device))
        scores = score_rows(model, composed, gallery, len(queries.gallery)).cpu()
        found.append(queries.first(scores, depth, start=int(rows[0])))
    return torch.cat(found)
