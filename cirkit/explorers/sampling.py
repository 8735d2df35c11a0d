"""The sampling explorer: what CompoDiff ranks first as the weights of guidance, the steps and a condition change.

CompoDiff (Gu et al., 2024), Figures 5 and 11: the same query under other weights, a negative text, a mask. The grid is
computed once; with a model behind it, in JupyterLab, it samples for the reader's own texts and region.
"""

import functools
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import traitlets
from jaxtyping import UInt8
from torch import Tensor

from cirkit.errors import Problem
from cirkit.explorers.grid import Axes, Box, mask_of, median_gap
from cirkit.explorers.live import LONGEST, LiveModel
from cirkit.explorers.retrieval import data_url
from cirkit.explorers.twin import Explorer
from cirkit.models.compodiff import sampled
from cirkit.query import Query

PARTS = ("text", "avoid", "box", "reference", "relevant")  # of a query


class SamplingExplorer(Explorer):
    """A grid of top lists of some queries, and the images that these name.

    queries: {"text", "avoid", "box", "reference", "relevant"} each; top and rank: of each query, by cell in the order
    of `Axes.cells`; images: by gallery row, as for the retrieval explorer; behind: gives the model that answers.
    """

    _esm = Path(__file__).with_name("sampling.js")
    shared = ("queries", "grid", "top", "rank", "images", "query", "cell")
    queries = traitlets.List().tag(sync=True)
    grid = traitlets.Dict().tag(sync=True)
    top = traitlets.List().tag(sync=True)
    rank = traitlets.List().tag(sync=True)
    images = traitlets.Dict().tag(sync=True)
    query = traitlets.Int(0).tag(sync=True)
    cell = traitlets.List().tag(sync=True)
    live = traitlets.Bool(False).tag(sync=True)  # not shared: without a kernel nobody answers

    def __init__(
        self,
        *,
        axes: Axes,
        queries: Sequence[Mapping[str, Any]],
        top: Sequence[Sequence[Sequence[int]]],
        rank: Sequence[Sequence[float]],
        images: Mapping[int, UInt8[Tensor, "3 h w"] | str],
        behind: Callable[[], LiveModel] | None = None,
    ):
        cells = len(axes.cells())
        if not queries or not len(queries) == len(top) == len(rank):
            raise Problem("The explorer has nothing to show. Give it queries, each with its lists and ranks.")
        if any(len(part) != cells for each in (top, rank) for part in each):
            raise Problem(f"A query has not all {cells} cells of the grid. Make its exhibit again.")
        rows = {row for query in queries for row in (query["reference"], *query["relevant"][:2])}
        rows |= {row for lists in top for each in lists for row in each}
        if missing := sorted(rows - set(images)):
            raise Problem(f"There is no image for gallery row {missing[0]}. Give every image that is named.")
        self._axes, self._behind = axes, None if behind is None else functools.cache(behind)
        super().__init__(
            queries=[{key: query[key] for key in PARTS} for query in queries],
            grid={"image": list(axes.image), "text": list(axes.text), "calls": list(axes.calls)},
            top=[[list(each) for each in lists] for lists in top],
            rank=[list(each) for each in rank],
            images={str(row): url if isinstance(url, str) else data_url(url) for row, url in images.items()},
            query=median_gap(axes, rank),
            cell=list(axes.usual(True)),
            live=behind is not None,
        )
        self.on_msg(self._receive)

    def answer(self, query: int, text: str, avoid: str, box: Box | None, cell: Sequence[int]) -> dict[str, Any]:
        """The first gallery images for the reader's own texts and region. Raises Problem for what cannot be asked."""
        if self._behind is None:
            raise Problem("No model stands behind this explorer. Run the row here first, then this cell again.")
        if not text.strip():
            raise Problem("There is no text. Write how the target differs from the reference image.")
        if max(len(text), len(avoid)) > LONGEST:
            raise Problem(f"A text has more than {LONGEST} letters. Write a shorter one.")
        behind, reference = self._behind(), self.queries[query]["reference"]
        image = behind.images([reference])
        mask = None if box is None else mask_of(box, image.shape[-1])[None]
        asked = Query(image=image, text=[text], avoid=[avoid] if avoid.strip() else None, mask=mask)
        model = sampled(self._axes.sampling(cell))(behind.model)
        rows, _ = behind.search(asked, model, without=reference, k=len(self.top[0][0]))
        told = [f"without “{avoid}”"] if avoid.strip() else []
        told += ["inside the marked region"] if box is not None else []
        images = {str(row): data_url(each) for row, each in zip(rows, behind.images(rows), strict=True)}
        return {"note": ", ".join([f"“{text}”", *told]), "top": rows, "images": images}

    def _receive(self, _: Any, content: Any, buffers: Sequence[Any] = ()) -> None:
        """Answer a message of the module; whatever goes wrong becomes a sentence in the widget."""
        asked = content if isinstance(content, dict) else {}
        head = {"id": asked.get("id")}
        try:
            self.send(head | {"kind": "answer"} | self.answer(*self._checked(asked)))
        except Problem as problem:
            self.send(head | {"kind": "problem", "text": str(problem)})
        except Exception as error:
            self.send(head | {"kind": "problem", "text": f"The model failed ({error}). Choose another text."})
            raise

    def _checked(self, asked: Mapping[str, Any]) -> tuple[int, str, str, Box | None, Sequence[int]]:
        """The parts of a message, each of its kind. Raises Problem."""
        query, text, avoid, box, cell = (asked.get(key) for key in ("query", "text", "avoid", "box", "cell"))
        sizes = [len(self._axes.image), len(self._axes.text), len(self._axes.calls), 2]
        right = (
            type(query) is int
            and 0 <= query < len(self.queries)
            and isinstance(text, str)
            and isinstance(avoid, str)
            and isinstance(cell, list)
            and len(cell) == 4
            and all(type(at) is int and 0 <= at < size for at, size in zip(cell, sizes, strict=True))
        )
        if box is not None:
            numbers = isinstance(box, list) and len(box) == 4 and all(isinstance(each, int | float) for each in box)
            right = right and numbers and 0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1
        if not right:
            raise Problem("The explorer sent no query. Run its cell again.")
        return query, text, avoid, None if box is None else tuple(float(each) for each in box), cell

    def fallback(self) -> str:
        """The default query as a table: its first images with the condition told, and without."""
        query = self.queries[self.query]
        condition = "the mask" if query["avoid"] is None else f"the negative text “{query['avoid']}”"
        lines = [f"<p>Query: {html.escape(query['text'])}</p><table>"]
        for told, word in ((True, "with"), (False, "without")):
            at = self._axes.cells().index(self._axes.usual(told))
            cells = "".join(self._cell(row, row in query["relevant"]) for row in self.top[self.query][at])
            rank = self.rank[self.query][at]
            lines.append(f"<tr><th>{word} {html.escape(condition)}, best target at rank {rank:g}</th>{cells}</tr>")
        return "".join([*lines, "</table>"])

    def _cell(self, row: int, relevant: bool) -> str:
        source = html.escape(self.images[str(row)])
        mark, words = ("✓", "target") if relevant else ("", "gallery image")
        return f'<td>{mark}<img width="48" height="48" src="{source}" alt="{words}"></td>'
