"""The selection explorer: which patches of a person are selected as layers, discard ratio and retention change.

ITSELF Figures 5 and 7. Scores of a grid are computed once, and the page selects by them; with a model behind it, in
JupyterLab, it composes any layers at any discard ratio.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import traitlets

from cirkit.errors import Problem
from cirkit.explorers.twin import Explorer

Score = Callable[[int, Sequence[int], float], Sequence[float]]  # item, blocks from 0, discard ratio -> patches' scores
PARTS = ("text", "image", "person", "small", "scores")  # of an item


class SelectionExplorer(Explorer):
    """People with a caption each, and their patches' scores by layers and discard ratio.

    items: {"text", "image", "person", "small", "scores"} each: a data URL, the share of each patch that shows the
    person and small things that the caption names, and scores[layer][discard][patch]; grid: rows and columns of
    patches; behind: gives what composes layers of a reader's own. Raises Problem for parts that do not fit.
    """

    _esm = Path(__file__).with_name("selection.js")
    shared = ("items", "grid", "layers", "discards", "item", "layer", "discard", "retention")
    items = traitlets.List().tag(sync=True)
    grid = traitlets.List().tag(sync=True)
    layers = traitlets.List().tag(sync=True)
    discards = traitlets.List().tag(sync=True)
    item = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    discard = traitlets.Int(0).tag(sync=True)
    retention = traitlets.Float(0.5).tag(sync=True)
    live = traitlets.Bool(False).tag(sync=True)  # not shared: without a kernel nothing is composed anew

    def __init__(
        self,
        *,
        items: Sequence[Mapping[str, Any]],
        grid: Sequence[int],
        layers: Sequence[str],
        discards: Sequence[float],
        layer: int = 0,
        discard: int = 0,
        behind: Callable[[], Score] | None = None,
    ):
        patches = grid[0] * grid[1]
        if not items or not (0 <= layer < len(layers) and 0 <= discard < len(discards)):
            raise Problem("The explorer has nothing to show. Give it people, layers and discard ratios.")
        for each in items:
            lists = [each["person"], each["small"], *(line for lines in each["scores"] for line in lines)]
            whole = len(each["scores"]) == len(layers) and all(len(lines) == len(discards) for lines in each["scores"])
            if not whole or any(len(line) != patches for line in lists):
                raise Problem(f"Scores of {each['text']!r} are not of {patches} patches each. Make the exhibit again.")
        self._behind, self._score = behind, None
        super().__init__(
            items=[{key: each[key] for key in PARTS} for each in items],
            grid=list(grid),
            layers=list(layers),
            discards=list(discards),
            layer=layer,
            discard=discard,
            live=behind is not None,
        )
        self.on_msg(self._receive)

    def answer(self, item: int, blocks: str, discard: float) -> dict[str, Any]:
        """The scores under layers that a reader names, such as "2, 4". Raises Problem for what cannot be composed."""
        if self._behind is None:
            raise Problem("No model stands behind this explorer. Run the row here first, then this cell again.")
        words = blocks.replace(",", " ").split()
        if not words or not all(word.isdecimal() for word in words):
            raise Problem(f"{blocks!r} names no layers. Write their numbers, such as 2, 4.")
        if self._score is None:
            self._score = self._behind()
        scores = self._score(item, [int(word) - 1 for word in words], discard)
        return {"scores": [round(float(each), 4) for each in scores], "note": f"layers {', '.join(words)}"}

    def _receive(self, _: Any, content: Any, buffers: Sequence[Any] = ()) -> None:
        """Answer a message of the module; whatever goes wrong becomes a sentence in the widget."""
        asked = content if isinstance(content, dict) else {}
        item, blocks, discard = (asked.get(key) for key in ("item", "blocks", "discard"))
        head = {"id": asked.get("id")}
        try:
            right = type(item) is int and isinstance(blocks, str) and isinstance(discard, int | float)
            if not right or not 0 <= item < len(self.items):
                raise Problem("The explorer sent no layers. Run its cell again.")
            self.send(head | {"kind": "answer"} | self.answer(item, blocks, float(discard)))
        except Problem as problem:
            self.send(head | {"kind": "problem", "text": str(problem)})
        except Exception as error:
            self.send(head | {"kind": "problem", "text": f"The model failed ({error}). Choose other layers."})
            raise

    def held(self, item: int, layer: int, discard: int, retention: float) -> tuple[float, float]:
        """What the selected patches hold of the named small things, and the share of them that shows no person."""
        each = self.items[item]
        scores = each["scores"][layer][discard]
        first = sorted(range(len(scores)), key=lambda patch: -scores[patch])[
            : max(1, int(retention * len(scores) + 1e-9))
        ]
        whole = sum(each["small"]) or 1.0
        bare = sum(each["person"][patch] == 0 for patch in first)
        return sum(each["small"][patch] for patch in first) / whole, bare / len(first)

    def fallback(self) -> str:
        """The default person as a table: what half of the patches hold under every choice of layers."""
        lines = [f"<p>{html.escape(self.items[self.item]['text'])}</p><table>"]
        lines += ["<tr><th>layers</th><th>small things held, %</th><th>patches without the person, %</th></tr>"]
        for at, name in enumerate(self.layers):
            small, bare = self.held(self.item, at, self.discard, self.retention)
            mark = "✓ " if at == self.layer else ""
            lines.append(
                f"<tr><td>{mark}{html.escape(name)}</td><td>{100 * small:.0f}</td><td>{100 * bare:.0f}</td></tr>"
            )
        return "".join([*lines, "</table>"])
