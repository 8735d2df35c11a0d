"""The attention explorer: choose a caption or question and a score, see what each token attends to, and the answer.

Cao et al. (2022), Figures 3 to 7 and 12 to 15, show a few fixed pictures. With a model behind it, in JupyterLab, it
takes the reader's own text about the image that is shown.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import traitlets

from cirkit.errors import Problem
from cirkit.explorers.live import LONGEST
from cirkit.explorers.twin import Explorer

Found = Mapping[str, Any]  # weights (tokens, regions), marks (tokens, words of the text) or None, answer, top
Ask = Callable[[str, int], tuple[Sequence[str], Sequence[str], Found]]  # text, image -> words, tokens, what is found


class AttentionExplorer(Explorer):
    """Texts about images, and what models attend to and answer.

    items: {"text", "tokens", "boxes", "image"} each, `text` its words, boxes in parts of the sides; models: per name
    and item {"weights", "marks", "answer", "top"}; images: data URLs by number; behind: by name, what gives the
    function that answers a reader's own text.
    """

    _esm = Path(__file__).with_name("attention.js")
    shared = ("items", "models", "images", "item", "model", "token")
    items = traitlets.List().tag(sync=True)
    models = traitlets.Dict().tag(sync=True)
    images = traitlets.Dict().tag(sync=True)
    item = traitlets.Int(0).tag(sync=True)
    model = traitlets.Unicode().tag(sync=True)
    token = traitlets.Int(0).tag(sync=True)
    live = traitlets.List().tag(sync=True)  # not shared: without a kernel nobody answers

    def __init__(
        self,
        *,
        items: Sequence[Mapping[str, Any]],
        models: Mapping[str, Sequence[Found]],
        images: Mapping[int, str],
        draw: Callable[[Sequence[int]], Mapping[int, str]],
        model: str | None = None,
        token: int = 0,
        behind: Mapping[str, Callable[[], Ask]] | None = None,
    ):
        if not items or not models:
            raise Problem("The explorer has nothing to show. Give it a text and a model.")
        for name, found in models.items():
            if len(found) != len(items):
                raise Problem(f"{name} answers {len(found)} of {len(items)} texts. Give one answer per text.")
        rows = {item["image"] for item in items}
        rows |= {row for found in models.values() for one in found for row in one["top"]}
        if missing := sorted(rows - set(images)):
            raise Problem(f"There is no image {missing[0]}. Give every image that is named.")
        self._behind, self._draw, self._asked = dict(behind or {}), draw, {}
        super().__init__(
            items=[{key: item[key] for key in ("text", "tokens", "boxes", "image")} for item in items],
            models={name: [dict(one) for one in found] for name, found in models.items()},
            images={str(row): url for row, url in images.items()},
            model=model or next(iter(models)),
            token=token,
            live=list(self._behind),
        )
        self.on_msg(self._receive)

    def answer(self, model: str, item: int, text: str) -> dict[str, Any]:
        """What a reader's own text about the image of an item attends to. Raises Problem for what cannot be asked."""
        if model not in self._behind:
            raise Problem(f"{model} has left no weights here. Choose one of: {', '.join(self._behind)}.")
        if not text.strip():
            raise Problem("There is no text. Write what the image shows.")
        if len(text) > LONGEST:
            raise Problem(f"The text has more than {LONGEST} letters. Write a shorter one.")
        if model not in self._asked:
            self._asked[model] = self._behind[model]()
        shown = self.items[item]
        said, tokens, found = self._asked[model](text, shown["image"])
        rows = [shown["image"], *found["top"]]
        return {
            "item": {"text": list(said), "tokens": list(tokens), "boxes": shown["boxes"], "image": shown["image"]},
            "found": dict(found),
            "images": {str(row): url for row, url in self._draw(rows).items()},
        }

    def _receive(self, _: Any, content: Any, buffers: Sequence[Any] = ()) -> None:
        """Answer a message of the module; whatever goes wrong becomes a sentence in the widget."""
        asked = content if isinstance(content, dict) else {}
        model, item, text = (asked.get(key) for key in ("model", "item", "text"))
        head = {"id": asked.get("id")}
        try:
            if not (isinstance(model, str) and isinstance(text, str) and type(item) is int):
                raise Problem("The explorer sent no text. Run its cell again.")
            if not 0 <= item < len(self.items):
                raise Problem(f"There is no text {item + 1} of {len(self.items)}. Run the explorer's cell again.")
            self.send(head | {"kind": "answer"} | self.answer(model, item, text))
        except Problem as problem:
            self.send(head | {"kind": "problem", "text": str(problem)})
        except Exception as error:
            self.send(head | {"kind": "problem", "text": f"{model} failed ({error}). Choose another score or text."})
            raise

    def fallback(self) -> str:
        """The default text as a table: what its chosen token attends to under every model, and the answers."""
        item = self.items[self.item]
        said, token = html.escape(" ".join(item["text"])), html.escape(item["tokens"][self.token])
        lines = [f"<p>{said}: what “{token}” attends to, region by region, in percent.</p><table>"]
        for name, found in self.models.items():
            one = found[self.item]
            cells = "".join(f"<td>{100 * weight:.0f}</td>" for weight in one["weights"][self.token])
            lines.append(f"<tr><th>{html.escape(name)}: {html.escape(one['answer'])}</th>{cells}</tr>")
        return "".join([*lines, "</table>"])
