"""The retrieval explorer: choose a query and a model, see the first ten gallery images and where the target is.

The rows that see only the image or only the text always stand beside the composed one: without them nobody can tell
whether a model composed anything. With a model behind it, in JupyterLab, it takes the reader's own text and image.
"""

import base64
import functools
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
from cirkit.evaluators.evidence import Ranks
from cirkit.experiments import artifacts
from cirkit.experiments.experiment import Experiment
from cirkit.explorers.live import LONGEST, LiveModel, live_model
from cirkit.explorers.twin import Explorer
from cirkit.models.base import Retriever
from cirkit.query import Benchmark


@dataclass(frozen=True)
class Nothing:
    """A sentence in place of an explorer."""

    why: str

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.why)}</p>"


class RetrievalExplorer(Explorer):
    """Queries, what models ranked first, and the images these name.

    queries: {"text", "reference", "relevant"} each, images by gallery row; models: per name and query {"top", "scores",
    "rank"}; beside: the names of the rows that are always shown; images: uint8 (3, h, w), or a data URL; behind: by
    name, what gives the model that answers a reader's own query, which queries with their row of the benchmark
    ("query") can start from.
    """

    _esm = Path(__file__).with_name("retrieval.js")
    shared = ("queries", "models", "beside", "images", "query", "model")
    queries = traitlets.List().tag(sync=True)
    models = traitlets.Dict().tag(sync=True)
    beside = traitlets.List().tag(sync=True)
    images = traitlets.Dict().tag(sync=True)
    query = traitlets.Int(0).tag(sync=True)
    model = traitlets.Unicode().tag(sync=True)
    live = traitlets.List().tag(sync=True)  # not shared: without a kernel nobody answers

    def __init__(
        self,
        *,
        queries: Sequence[Mapping[str, Any]],
        models: Mapping[str, Sequence[Mapping[str, Any]]],
        images: Mapping[int, UInt8[Tensor, "3 h w"] | str],
        beside: Sequence[str] = (),
        query: int | None = None,
        model: str | None = None,
        behind: Mapping[str, Callable[[], LiveModel]] | None = None,
    ):
        choice = [name for name in models if name not in beside]
        if not queries or not choice:
            raise Problem("The explorer has nothing to show. Give it a query and a model that is not in `beside`.")
        for name, answers in models.items():
            if len(answers) != len(queries):
                raise Problem(f"{name} answers {len(answers)} of {len(queries)} queries. Give one answer per query.")
        rows = {row for query in queries for row in (query["reference"], *query["relevant"])} - {None}
        rows |= {row for answers in models.values() for answer in answers for row in answer["top"]}
        if missing := sorted(rows - set(images)):
            raise Problem(f"There is no image for gallery row {missing[0]}. Give every image that is named.")
        first = model or choice[0]
        self._rows = [query.get("query") for query in queries]
        self._behind = {name: functools.cache(make) for name, make in (behind or {}).items() if name in choice}
        super().__init__(
            queries=[{key: query[key] for key in ("text", "reference", "relevant")} for query in queries],
            models={
                name: [{key: answer[key] for key in ("top", "scores", "rank")} for answer in answers]
                for name, answers in models.items()
            },
            beside=list(beside),
            images={str(row): url if isinstance(url, str) else data_url(url) for row, url in images.items()},
            query=median_query(models, first, beside) if query is None else query,
            model=first,
            live=list(self._behind),
        )
        self.on_msg(self._receive)

    def answer(self, model: str, query: int, text: str, image: bytes | None = None) -> dict[str, Any]:
        """The first ten gallery images for a reader's own modification text, and image where one is given.

        Without an image the reference is that of the query of the given number. Raises Problem for what cannot be
        asked.
        """
        if model not in self._behind:
            raise Problem(f"{model} has left no weights here. Choose one of: {', '.join(self._behind)}.")
        if not text.strip():
            raise Problem("There is no modification text. Write how the target differs from the reference image.")
        if len(text) > LONGEST:
            raise Problem(f"The modification text has more than {LONGEST} letters. Write a shorter one.")
        behind = self._behind[model]()
        reference = behind.reference(self._rows[query]) if image is None else behind.image(image)
        without = self.queries[query]["reference"] if image is None else None
        top, scores = behind.top(reference, text, without)
        unknown = ", ".join(f"“{word}”" for word in behind.unknown(text))
        return {
            "model": model,
            "text": text,
            "note": f"it has never read {unknown}" if unknown else "it has read every word of this text",
            "reference": data_url(reference),
            "top": top,
            "scores": [round(score, 4) for score in scores],
            "images": {str(row): data_url(image) for row, image in zip(top, behind.images(top), strict=True)},
        }

    def _receive(self, _: Any, content: Any, buffers: Sequence[Any] = ()) -> None:
        """Answer a message of the module; whatever goes wrong becomes a sentence in the widget."""
        asked = content if isinstance(content, dict) else {}
        model, query, text = (asked.get(key) for key in ("model", "query", "text"))
        head = {"id": asked.get("id")}
        try:
            if not (isinstance(model, str) and isinstance(text, str) and type(query) is int):
                raise Problem("The explorer sent no query. Run its cell again.")
            if not 0 <= query < len(self.queries):
                raise Problem(f"There is no query {query + 1} of {len(self.queries)}. Run the explorer's cell again.")
            self.send(head | {"kind": "wait", "text": f"{model} is searching; the first time it encodes the gallery …"})
            image = bytes(buffers[0]) if buffers else None
            self.send(head | {"kind": "answer"} | self.answer(model, query, text, image))
        except Problem as problem:
            self.send(head | {"kind": "problem", "text": str(problem)})
        except Exception as error:
            self.send(head | {"kind": "problem", "text": f"{model} failed ({error}). Choose another model or text."})
            raise

    def fallback(self) -> str:
        """The default query as a table: each model's first ten, relevant items marked."""
        query = self.queries[self.query]
        lines = [f"<p>Query: {html.escape(query['text'] or '')}</p><table>"]
        for name in [self.model, *self.beside]:
            answer = self.models[name][self.query]
            cells = "".join(self._cell(row, row in query["relevant"]) for row in answer["top"])
            lines.append(f"<tr><th>{html.escape(name)}, rank {answer['rank']:g}</th>{cells}</tr>")
        return "".join([*lines, "</table>"])

    def _cell(self, row: int, relevant: bool) -> str:
        source = html.escape(self.images[str(row)])
        mark, words = ("✓", "relevant item") if relevant else ("", "gallery image")
        return f'<td>{mark}<img width="48" height="48" src="{source}" alt="{words}"></td>'


def median_query(models: Mapping[str, Sequence[Mapping[str, Any]]], model: str, beside: Sequence[str]) -> int:
    """The query that shows the conclusion: the model's rank against the better of the rows beside it, typical case.

    It is the query whose gap (log rank beside - log rank of the model) is the median one, so no showpiece is picked.
    """
    gaps = []
    for i, answer in enumerate(models[model]):
        others = [models[name][i]["rank"] for name in beside if name in models]
        gaps.append((math.log(min(others)) if others else 0.0) - math.log(answer["rank"]))
    return sorted(range(len(gaps)), key=gaps.__getitem__)[len(gaps) // 2]


def data_url(image: UInt8[Tensor, "3 h w"]) -> str:
    """The image as WebP in a data URL; without loss up to 32 pixels, else at quality 85 and at most 96 pixels."""
    from PIL import Image

    thumbnail = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())  # (h, w, 3)
    small = max(thumbnail.size) <= 32
    thumbnail.thumbnail((96, 96))
    buffer = io.BytesIO()
    thumbnail.save(buffer, "WEBP", lossless=small, quality=85, method=6)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def table_explorer(
    rows: Mapping[str, Experiment],
    draw: Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]],
    first: str,
    say: Callable[[str], str] = str,
) -> RetrievalExplorer | Nothing:
    """The rows of a table by label, from their exhibits; `draw` gives the gallery's images by row, `say` the words.

    `first` is the row shown first where it is there. Rows whose exhibit follows another configuration are left out;
    without any there is Nothing to explore. Rows whose weights are here answer a reader's own query.
    """
    from cirkit.models.baselines import ImageOnly, TextOnly

    models, beside, queries, behind = {}, [], [], {}
    for label, experiment in rows.items():
        kept = exhibit(experiment)
        if kept is None or (queries and [q["text"] for q in kept] != [q["text"] for q in queries]):
            continue
        queries = kept
        models[label] = kept
        if getattr(experiment.training.model, "func", None) in (ImageOnly, TextOnly):
            beside.append(label)
        elif (experiment.weights(experiment.seeds[0]) / "model.safetensors").is_file():
            behind[label] = functools.partial(live_model, experiment)
    if len(models) == len(beside):
        return Nothing("There is nothing to explore yet: no run of these rows has left its first ten.")
    return RetrievalExplorer(
        queries=[{**query, "text": say(query["text"])} for query in queries],
        models=models,
        images=_images(models, draw),
        beside=beside,
        model=first if first in models else None,
        behind=behind,
    )


def model_explorer(
    model: Retriever, benchmark: Benchmark, ranks: Ranks, rows: Sequence[int], name: str = "This model"
) -> RetrievalExplorer:
    """A model at hand on some queries of a benchmark, whose ranks are known; live in JupyterLab."""
    queries = artifacts.TopTen(tuple(rows))(model, benchmark, lambda: ranks)["queries"]
    behind = LiveModel(model, benchmark)
    return RetrievalExplorer(
        queries=queries,
        models={name: queries},
        images=_images({name: queries}, behind.images),
        behind={name: lambda: behind},
    )


def _images(models: Mapping[str, Sequence[Mapping[str, Any]]], draw: Callable[[Sequence[int]], Any]) -> dict[int, Any]:
    """The images that answers name, by gallery row."""
    answers = [answer for answers in models.values() for answer in answers]
    rows = {row for each in answers for row in (each["reference"], *each["relevant"], *each["top"])} - {None}
    return dict(zip(sorted(rows), draw(sorted(rows)), strict=True))


def exhibit(experiment: Experiment) -> list[dict[str, Any]] | None:
    """The top tens that the first seed of an experiment kept, or None where today's configuration has left none."""
    places = (path for path, (_, each) in experiment.keeps(experiment.seeds[0]).items() if not each.name)
    path = next(places, None)
    content = artifacts.read(path) if path is not None and path.is_file() else None
    return content["queries"] if content and content["fingerprint"] == experiment.fingerprint else None
