"""The retrieval explorer: choose a question and a model, see the first ten pictures and where the right one is.

The rows that see only the picture or only the sentence always stand beside the composed one: without them nobody can
tell whether a model composed anything.
"""

import base64
import html
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import traitlets
from jaxtyping import UInt8
from torch import Tensor

from cirkit.errors import Problem
from cirkit.experiments import artifacts
from cirkit.experiments.experiment import exhibits_home
from cirkit.explorers.twin import Explorer


@dataclass(frozen=True)
class Nothing:
    """A sentence in place of an explorer."""

    why: str

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.why)}</p>"


class RetrievalExplorer(Explorer):
    """Questions, what models answered, and the pictures they name.

    queries: {"text", "reference", "relevant"} each, pictures by gallery row; models: per name and query {"top",
    "scores", "rank"}; beside: the names of the rows that are always shown; pictures: uint8 (3, h, w), or a data URL.
    """

    _esm = Path(__file__).with_name("retrieval.js")
    shared = ("queries", "models", "beside", "pictures", "query", "model")
    queries = traitlets.List().tag(sync=True)
    models = traitlets.Dict().tag(sync=True)
    beside = traitlets.List().tag(sync=True)
    pictures = traitlets.Dict().tag(sync=True)
    query = traitlets.Int(0).tag(sync=True)
    model = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        *,
        queries: Sequence[Mapping[str, Any]],
        models: Mapping[str, Sequence[Mapping[str, Any]]],
        pictures: Mapping[int, UInt8[Tensor, "3 h w"] | str],
        beside: Sequence[str] = (),
        query: int | None = None,
        model: str | None = None,
    ):
        chosen = [name for name in models if name not in beside]
        if not queries or not chosen:
            raise Problem("The explorer has nothing to show. Give it a query and a model that is not in `beside`.")
        for name, answers in models.items():
            if len(answers) != len(queries):
                raise Problem(f"{name} answers {len(answers)} of {len(queries)} queries. Give one answer per query.")
        named = {row for query in queries for row in (query["reference"], *query["relevant"])} - {None}
        named |= {row for answers in models.values() for answer in answers for row in answer["top"]}
        if missing := sorted(named - set(pictures)):
            raise Problem(f"There is no picture for gallery row {missing[0]}. Give every picture that is named.")
        first = model or chosen[0]
        super().__init__(
            queries=[{key: query[key] for key in ("text", "reference", "relevant")} for query in queries],
            models={
                name: [{key: answer[key] for key in ("top", "scores", "rank")} for answer in answers]
                for name, answers in models.items()
            },
            beside=list(beside),
            pictures={str(row): url if isinstance(url, str) else data_url(url) for row, url in pictures.items()},
            query=telling(models, first, beside) if query is None else query,
            model=first,
        )

    def fallback(self) -> str:
        """The default question as a table: each model's first ten, right answers marked."""
        asked = self.queries[self.query]
        lines = [f"<p>Question: {html.escape(asked['text'] or '')}</p><table>"]
        for name in [self.model, *self.beside]:
            answer = self.models[name][self.query]
            cells = "".join(self._cell(row, row in asked["relevant"]) for row in answer["top"])
            lines.append(f"<tr><th>{html.escape(name)}, rank {answer['rank']:g}</th>{cells}</tr>")
        return "".join([*lines, "</table>"])

    def _cell(self, row: int, right: bool) -> str:
        source = html.escape(self.pictures[str(row)])
        mark = "✓" if right else ""
        return (
            f'<td>{mark}<img width="48" height="48" src="{source}" alt="{"right answer" if right else "picture"}"></td>'
        )


def telling(models: Mapping[str, Sequence[Mapping[str, Any]]], model: str, beside: Sequence[str]) -> int:
    """The query that shows the conclusion: the model's rank against the better of the rows beside it, typical case.

    It is the query whose gap (log rank beside - log rank of the model) is the median one, so no showpiece is picked.
    """
    gaps = []
    for i, answer in enumerate(models[model]):
        others = [models[name][i]["rank"] for name in beside if name in models]
        gaps.append((math.log(min(others)) if others else 0.0) - math.log(answer["rank"]))
    return sorted(range(len(gaps)), key=gaps.__getitem__)[len(gaps) // 2]


def data_url(picture: UInt8[Tensor, "3 h w"]) -> str:
    """The picture as WebP in a data URL; without loss up to 32 pixels, else at quality 85 and at most 96 pixels."""
    from PIL import Image

    image = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())  # (h, w, 3)
    small = max(image.size) <= 32
    image.thumbnail((96, 96))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=small, quality=85, method=6)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def table_explorer(
    paper: str,
    table: str,
    scale: str,
    draw: Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]],
    first: str,
    say: Callable[[str], str] = str,
) -> RetrievalExplorer | Nothing:
    """The rows of a table from their committed exhibits; `draw` gives the pictures of gallery rows, `say` the words.

    `first` is the row shown first where it is there. Rows whose exhibit follows an older declaration are left out;
    without any there is Nothing to explore.
    """
    from cirkit.experiments import registry
    from cirkit.models.baselines import ImageOnly, TextOnly

    models, beside, queries = {}, [], []
    for label, experiment in registry.rows(paper, table, scale).items():
        kept = exhibit(experiment)
        if kept is None or (queries and [q["text"] for q in kept] != [q["text"] for q in queries]):
            continue
        queries = kept
        models[label] = kept
        if getattr(experiment.training.model, "func", None) in (ImageOnly, TextOnly):
            beside.append(label)
    if len(models) == len(beside):
        return Nothing(f"There is nothing to explore yet at scale {scale}: no run has left its top ten.")
    rows = sorted(
        {row for query in queries for row in (query["reference"], *query["relevant"])}
        | {row for answers in models.values() for answer in answers for row in answer["top"]}
    )
    return RetrievalExplorer(
        queries=[{**query, "text": say(query["text"])} for query in queries],
        models=models,
        pictures=dict(zip(rows, draw(rows), strict=True)),
        beside=beside,
        model=first if first in models else None,
    )


def exhibit(experiment: Any) -> list[dict[str, Any]] | None:
    """The kept queries of an experiment, or None where today's declaration has left none."""
    path = exhibits_home() / artifacts.place(experiment.name, experiment.scale, "", experiment.seeds[0])
    content = artifacts.read(path) if path.is_file() else None
    return content["queries"] if content and content["fingerprint"] == experiment.fingerprint else None
