"""The explorer of prompt length and depth: what was measured at each size, and a training of one to watch.

PVLF Tables 4 and 5. With a trainer behind it, in JupyterLab, it trains a prompt of the chosen size and shows the loss.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import traitlets

from cirkit.errors import Problem
from cirkit.explorers.twin import Explorer

Watch = Callable[[int, int, float], None]  # step, steps, loss
Train = Callable[[int, int, Watch], str]  # length, depth -> what came out, as a sentence
LONGEST, DEEPEST = 64, 4  # that a reader may have trained


class SizeExplorer(Explorer):
    """Cells of a length and a depth, each with the measure's mean and interval and its number of seeds.

    cells: {"length", "depth", "mean", "low", "high", "seeds"}; train: what a reader's button starts, where there is
    something to train from. Raises Problem without a cell, or where two are of one size.
    """

    _esm = Path(__file__).with_name("sizes.js")
    shared = ("cells", "measure", "length", "depth")
    cells = traitlets.List().tag(sync=True)
    measure = traitlets.Unicode().tag(sync=True)
    length = traitlets.Int().tag(sync=True)
    depth = traitlets.Int().tag(sync=True)
    live = traitlets.Bool(False).tag(sync=True)  # not shared: without a kernel nothing is trained

    def __init__(
        self,
        *,
        cells: Sequence[Mapping[str, Any]],
        measure: str,
        length: int,
        depth: int,
        train: Train | None = None,
    ):
        sizes = [(cell["length"], cell["depth"]) for cell in cells]
        if len(set(sizes)) < len(sizes) or (length, depth) not in sizes:
            raise Problem("The explorer needs each size once, and the one shown first among them. Give other cells.")
        self._train = train
        super().__init__(
            cells=[dict(cell) for cell in cells], measure=measure, length=length, depth=depth, live=train is not None
        )
        self.on_msg(self._receive)

    def train(self, length: int, depth: int, watch: Watch) -> str:
        """Train a prompt of a size now; what came out, as a sentence. Raises Problem for a size that cannot be."""
        if self._train is None:
            raise Problem("Nothing can be trained here: the encoder's weights are missing. Run a row of PVLF first.")
        if not (0 <= length <= LONGEST and 1 <= depth <= DEEPEST):
            raise Problem(f"No prompt of {length} in {depth} layers. Choose up to {LONGEST}, in 1 to {DEEPEST} layers.")
        return self._train(length, depth, watch)

    def _receive(self, _: Any, content: Any, buffers: Sequence[Any] = ()) -> None:
        """Answer the module's button; whatever goes wrong becomes a sentence in the widget."""
        asked = content if isinstance(content, dict) else {}
        head = {"id": asked.get("id")}
        size = asked.get("length"), asked.get("depth")

        def watch(step: int, steps: int, loss: float) -> None:
            self.send(head | {"kind": "step", "step": step, "steps": steps, "loss": loss})

        try:
            if any(type(number) is not int for number in size):
                raise Problem("The explorer sent no size. Run its cell again.")
            self.send(head | {"kind": "done", "text": self.train(*size, watch)})
        except Problem as problem:
            self.send(head | {"kind": "problem", "text": str(problem)})
        except Exception as error:
            self.send(head | {"kind": "problem", "text": f"The training failed ({error}). Choose another size."})
            raise

    def fallback(self) -> str:
        """All cells as a table, that of the default view marked."""
        lines = []
        for cell in self.cells:
            mark = "✓ " if (cell["length"], cell["depth"]) == (self.length, self.depth) else ""
            numbers = f"{cell['mean']:.1f} [{cell['low']:.1f}, {cell['high']:.1f}]"
            lines.append(f"<tr><td>{mark}{cell['length']}</td><td>{cell['depth']}</td><td>{numbers}</td></tr>")
        head = f"<tr><th>prompts</th><th>layers</th><th>{html.escape(self.measure)}</th></tr>"
        return f"<table>{head}{''.join(lines)}</table>"
