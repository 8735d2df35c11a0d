"""An explorer of M4C's answers, from the exhibits; with the models behind it where their weights are here.

Cao et al. (2022), Figures 8 to 11.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from cirkit.encoders.text import words
from cirkit.examples import at_seed
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.experiments.trainings import load
from cirkit.explorers.attention import Ask, AttentionExplorer
from cirkit.explorers.retrieval import Nothing, data_url
from cirkit.figures.first_seed import content_of
from cirkit.models.m4c import END
from cirkit.papers.alignment.explorers import EMPTY
from cirkit.papers.alignment.scene_text import TABLE
from cirkit.papers.alignment.scene_text_figures import images_of_world


def m4c_explorer(page: Page) -> AttentionExplorer | Nothing:
    """Questions under every score: what each step of the answer attends to in the question and among OCR words."""
    rows = page.rows(TABLE)
    found = {label: content["questions"] for label, row in rows.items() if (content := content_of(row, "answers"))}
    if not found:
        return Nothing(EMPTY)
    first = next(iter(found.values()))
    longest = max(len(one["steps"]) for kept in found.values() for one in kept)
    steps = [f"word {number + 1}" for number in range(longest)]
    items = [{"text": one["words"], "tokens": steps, "boxes": one["boxes"], "image": one["image"]} for one in first]
    models = {label: [_found(one, longest) for one in kept] for label, kept in found.items()}
    seed = rows[next(iter(found))].seeds[0]

    def draw(numbers: Sequence[int]) -> Mapping[int, str]:
        images = images_of_world(page.scale, seed, list(numbers))
        return {number: data_url(image) for number, image in zip(numbers, images, strict=True)}

    trained = [label for label in found if (rows[label].weights(seed) / "model.safetensors").is_file()]
    behind = {label: functools.partial(_behind, rows[label], longest) for label in trained}
    shown = sorted({one["image"] for one in first})
    return AttentionExplorer(items=items, models=models, images=draw(shown), draw=draw, behind=behind)


def _found(one: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """What one score attends to; steps after the end of an answer repeat the last, so that all have as many."""
    kept = [min(step, len(one["steps"]) - 1) for step in range(longest)]
    weights, marks = ([one[name][step] for step in kept] for name in ("to_read", "to_question"))
    right = "" if "stated" not in one else " (right)" if one["given"] == one["stated"] else f" (right: {one['stated']})"
    return {"weights": weights, "marks": marks, "answer": f"Answer: {one['given']}{right}", "top": []}


def _behind(row: Experiment, longest: int) -> Ask:
    """M4C of the first seed on its test's images, for a reader's own question."""
    seed = row.seeds[0]
    model, held = load(row.weights(seed), row.training), at_seed(row.tests["soft"].data, seed)()

    def ask(text: str, image: int) -> tuple[Sequence[str], Sequence[str], Mapping[str, Any]]:
        images = held.images[torch.tensor([image])]
        found, (read,) = model.attention(images, [text]), model.read(images)
        numbers = found.given[0].tolist()
        count = numbers.index(END) + 1 if END in numbers else len(numbers)
        said = words(text) or [text]
        one = {
            "steps": numbers[:count],
            "to_read": found.words[0, :, : len(read)].tolist(),
            "to_question": found.question[0, :, : len(said)].tolist(),
            "given": model.spoken(numbers, read),
        }
        return said, [f"word {number + 1}" for number in range(longest)], _found(one, longest)

    return ask
