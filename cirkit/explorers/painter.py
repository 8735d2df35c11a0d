"""The painter explorer: choose a caption and a score, see the painted image, stage by stage, and what it attends to.

Cao et al. (2022), Figures 16 to 19, show one caption at a time under two scores. With a generator behind it, in
JupyterLab, it paints the reader's own caption.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import traitlets

from cirkit.errors import Problem
from cirkit.explorers.live import LONGEST
from cirkit.explorers.twin import Explorer

Found = Mapping[str, Any]  # images, data URLs of all stages; stages, of each finer one its weights, first and maps
Paint = Callable[[str, int], tuple[Sequence[str], Found, str]]  # a caption and a number of noise -> words, found, note
STAGE = ("weights", "first", "maps")
MOST_NOISE = 999_999


class PainterExplorer(Explorer):
    """Captions, and what models paint of them.

    captions: {"text", "words"} each; models: per name and caption {"images", "stages"}. A stage has the share of
    attention that each word gets (`weights`), the words that places attend to most (`first`), and for these where
    (`maps`, as `artifacts.pack` has them). behind: by name, what gives the function that paints a reader's own caption.
    """

    _esm = Path(__file__).with_name("painter.js")
    shared = ("captions", "models", "caption", "model", "stage", "word")
    captions = traitlets.List().tag(sync=True)
    models = traitlets.Dict().tag(sync=True)
    caption = traitlets.Int(0).tag(sync=True)
    model = traitlets.Unicode().tag(sync=True)
    stage = traitlets.Int(0).tag(sync=True)
    word = traitlets.Int(0).tag(sync=True)
    live = traitlets.List().tag(sync=True)  # not shared: without a kernel nobody paints

    def __init__(
        self,
        *,
        captions: Sequence[Mapping[str, Any]],
        models: Mapping[str, Sequence[Found]],
        model: str | None = None,
        behind: Mapping[str, Callable[[], Paint]] | None = None,
    ):
        if not captions or not models:
            raise Problem("The explorer has nothing to show. Give it a caption and a model.")
        for name, found in models.items():
            if len(found) != len(captions):
                raise Problem(f"{name} paints {len(found)} of {len(captions)} captions. Give one painting per caption.")
            for caption, one in zip(captions, found, strict=True):
                _check(name, caption, one, len(next(iter(models.values()))[0]["stages"]))
        self._behind, self._painters = dict(behind or {}), {}
        first = model or next(iter(models))
        stages = models[first][0]["stages"]
        super().__init__(
            captions=[{key: caption[key] for key in ("text", "words")} for caption in captions],
            models={name: [_plain(one) for one in found] for name, found in models.items()},
            model=first,
            stage=len(stages) - 1,
            word=next(iter(stages[-1]["first"]), 0),
            live=list(self._behind),
        )
        self.on_msg(self._receive)

    def answer(self, model: str, text: str, noise: int) -> dict[str, Any]:
        """What a model paints of a reader's own caption, from noise of a number. Raises Problem for what it cannot."""
        if model not in self._behind:
            raise Problem(f"{model} has left no weights here. Choose one of: {', '.join(self._behind)}.")
        if not text.strip():
            raise Problem("There is no caption. Write what the image should show.")
        if len(text) > LONGEST:
            raise Problem(f"The caption has more than {LONGEST} letters. Write a shorter one.")
        if not 0 <= noise <= MOST_NOISE:
            raise Problem(f"There is no noise {noise}. Give a whole number from 0 to {MOST_NOISE}.")
        if model not in self._painters:
            self._painters[model] = self._behind[model]()
        said, found, note = self._painters[model](text, noise)
        return {"caption": {"text": text, "words": list(said)}, "found": _plain(found), "model": model, "note": note}

    def _receive(self, _: Any, content: Any, buffers: Sequence[Any] = ()) -> None:
        """Answer a message of the module; whatever goes wrong becomes a sentence in the widget."""
        asked = content if isinstance(content, dict) else {}
        model, text, noise = (asked.get(key) for key in ("model", "text", "noise"))
        head = {"id": asked.get("id")}
        try:
            if not (isinstance(model, str) and isinstance(text, str) and type(noise) is int):
                raise Problem("The explorer sent no caption with a whole number of noise. Write both.")
            self.send(head | {"kind": "answer"} | self.answer(model, text, noise))
        except Problem as problem:
            self.send(head | {"kind": "problem", "text": str(problem)})
        except Exception as error:
            self.send(head | {"kind": "problem", "text": f"{model} failed ({error}). Choose another score or caption."})
            raise

    def fallback(self) -> str:
        """The default caption as a table: every model's last image, and the words its places attend to most."""
        caption = self.captions[self.caption]
        lines = [f"<p>{html.escape(caption['text'])}</p><table>"]
        lines += ["<tr><th>score</th><th>image</th><th>most attended words, share of attention in percent</th></tr>"]
        for name, found in self.models.items():
            one = found[self.caption]
            stage, source = one["stages"][-1], html.escape(one["images"][-1])
            said = ", ".join(
                f"{html.escape(caption['words'][word])} {100 * stage['weights'][word]:.0f}" for word in stage["first"]
            )
            image = f'<img width="64" height="64" src="{source}" alt="the painted image">'
            lines.append(f"<tr><th>{html.escape(name)}</th><td>{image}</td><td>{said}</td></tr>")
        return "".join([*lines, "</table>"])


def _check(name: str, caption: Mapping[str, Any], one: Found, stages: int) -> None:
    """Raises Problem where a painting has not this number of finer stages, one at least, or other words' attention."""
    t = len(caption["words"])
    if not 0 < stages == len(one["stages"]) == len(one["images"]) - 1:
        raise Problem(
            f"{name} paints {caption['text']!r} in other stages than the first model. Make the exhibit again."
        )
    for stage in one["stages"]:
        maps = stage["maps"]["shape"][0]
        if len(stage["weights"]) != t or not all(0 <= w < t for w in stage["first"]) or maps != len(stage["first"]):
            raise Problem(f"What {name} attends to in {caption['text']!r} is not of its words. Make the exhibit again.")


def _plain(one: Found) -> dict[str, Any]:
    """A painting's parts that the module reads, and no others."""
    stages = [{key: stage[key] for key in STAGE} for stage in one["stages"]]
    return {"images": list(one["images"]), "stages": stages}
