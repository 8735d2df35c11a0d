"""Attention explorers of SCAN and MAC, from the exhibits; with the models behind them where their weights are here.

Cao et al. (2022), Figures 3 to 7 and 12 to 15.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
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
from cirkit.papers.alignment.alignment_figures import clevr_images, images_of_world
from cirkit.papers.alignment.attention_exhibits import FIVE
from cirkit.papers.alignment.matching import DATASETS
from cirkit.papers.alignment.reasoning import BASELINE, TABLE
from cirkit.query import Query
from cirkit.worlds.scene import SHAPES

Draw = Callable[[Sequence[int]], Mapping[int, str]]
EMPTY = "Nothing to explore yet: no run of these rows has left its exhibits."


def scan_explorer(page: Page, dataset: str) -> AttentionExplorer | Nothing:
    """Captions of one data set under every score and layout: what their words attend to, and the first images."""
    rows = page.rows(DATASETS[dataset].table)
    found = {label: content["captions"] for label, row in rows.items() if (content := content_of(row, "captions"))}
    if not found:
        return Nothing(EMPTY)
    first = next(iter(found.values()))
    items = [{"text": one["words"], "tokens": one["words"], **_where(one)} for one in first]
    models = {
        label: [_scan_answer(one["weights"], one["top"], one["rank"]) for one in kept] for label, kept in found.items()
    }
    shown = {one["image"] for one in first} | {image for kept in found.values() for one in kept for image in one["top"]}
    seed = rows[next(iter(found))].seeds[0]

    def draw(numbers: Sequence[int]) -> Mapping[int, str]:
        images = images_of_world(dataset, page.scale, seed, list(numbers))
        return {number: data_url(image) for number, image in zip(numbers, images, strict=True)}

    nouns = [place for place, word in enumerate(first[0]["words"]) if word in SHAPES]
    behind = {label: functools.partial(_scan_behind, rows[label]) for label in found if _trained(rows[label])}
    return AttentionExplorer(
        items=items, models=models, images=draw(sorted(shown)), draw=draw, token=nouns[0] if nouns else 0, behind=behind
    )


def mac_explorer(page: Page) -> AttentionExplorer | Nothing:
    """Questions under every score: what each step attends to in question and image, and the answer."""
    rows = {label: row for label, row in page.rows(TABLE).items() if not row.name.endswith(BASELINE)}
    found = {label: content["questions"] for label, row in rows.items() if (content := content_of(row, "steps"))}
    if not found:
        return Nothing(EMPTY)
    first = next(iter(found.values()))
    steps = [f"step {number + 1}" for number in range(len(first[0]["to_words"]))]
    items = [{"text": one["words"], "tokens": steps, **_where(one)} for one in first]
    models = {
        label: [_mac_answer(one["to_regions"], one["to_words"], one["given"], one["stated"]) for one in kept]
        for label, kept in found.items()
    }
    seed = rows[next(iter(found))].seeds[0]

    def draw(numbers: Sequence[int]) -> Mapping[int, str]:
        images = clevr_images(page.scale, seed, list(numbers))
        return {number: data_url(image) for number, image in zip(numbers, images, strict=True)}

    behind = {label: functools.partial(_mac_behind, rows[label]) for label in found if _trained(rows[label])}
    shown = sorted({one["image"] for one in first})
    return AttentionExplorer(items=items, models=models, images=draw(shown), draw=draw, behind=behind)


def _where(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"boxes": one["boxes"], "image": one["image"]}


def _scan_answer(weights: Any, top: Sequence[int], rank: float) -> dict[str, Any]:
    answer = f"Its own image is at rank {rank:g}; the first five:"
    return {"weights": weights, "marks": None, "answer": answer, "top": list(top)}


def _mac_answer(weights: Any, marks: Any, given: str, stated: str = "") -> dict[str, Any]:
    right = f" ({'right' if given == stated else f'right: {stated}'})" if stated else ""
    return {"weights": weights, "marks": marks, "answer": f"Answer: {given}{right}", "top": []}


def _trained(row: Experiment) -> bool:
    return (row.weights(row.seeds[0]) / "model.safetensors").is_file()


def _scan_behind(row: Experiment) -> Ask:
    """SCAN of the first seed on its test's gallery, for a reader's own caption."""
    seed = row.seeds[0]
    model, pairs = load(row.weights(seed), row.training), at_seed(row.tests["text_to_image"].data, seed)()
    with torch.no_grad():
        gallery = model.encode(pairs.gallery)

    @torch.no_grad()
    def ask(text: str, image: int) -> tuple[Sequence[str], Sequence[str], Mapping[str, Any]]:
        composed = model.compose(Query(text=[text]))
        own = tuple(part[image : image + 1] for part in gallery)
        weights = model.attention.attention(composed[:2], own[:2])[0, :, 0]
        scores = model.score(composed, gallery)[0]
        rank = 1 + int((scores > scores[image]).sum())
        top = scores.sort(descending=True, stable=True).indices[:FIVE].tolist()
        said, count = words(text) or [text], int(own[1].sum())
        return said, said, _scan_answer(weights[: len(said), :count].tolist(), top, rank)

    return ask


def _mac_behind(row: Experiment) -> Ask:
    """MAC of the first seed on its test's images, for a reader's own question."""
    seed = row.seeds[0]
    model, held = load(row.weights(seed), row.training), at_seed(row.tests["clevr"].data, seed)()

    def ask(text: str, image: int) -> tuple[Sequence[str], Sequence[str], Mapping[str, Any]]:
        regions = held.images[torch.tensor([image])]
        to_words, to_regions = model.attention(regions, [text])
        said, count = words(text) or [text], int(regions.mask.sum())
        marks, weights = to_words[0, :, : len(said)].tolist(), to_regions[0, :, :count].tolist()
        steps = [f"step {number + 1}" for number in range(len(weights))]
        return said, steps, _mac_answer(weights, marks, model.answer(regions, [text])[0])

    return ask
