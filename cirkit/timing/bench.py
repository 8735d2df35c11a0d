"""Benchmarks: our code beside a reference, in one process, medians of several runs; `cirkit bench NAME`.

`ratio` is the reference's time over ours, `difference` the largest difference between their results.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from cirkit.attention.blocks import UnbiasedLayerNorm
from cirkit.encoders.text import LSTM, dropout_linear
from cirkit.errors import Problem, suggestion
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.maaf import MAAF, half_text
from cirkit.query import Batch, Query
from cirkit.timing.plain_maaf import GivenResNet, Maps, PlainMAAF, ResNetMaps, SmallMaps, given_maps
from cirkit.training import objectives
from cirkit.training.optimisers import adamw, sgd


def run(name: str) -> list[dict[str, Any]]:
    """The rows of a benchmark. Raises Problem for an unknown name."""
    if name not in BENCHES:
        advice = suggestion(name, BENCHES) or f"Use one of {', '.join(BENCHES)}."
        raise Problem(f"There is nothing called {name!r} to time. {advice}")
    return BENCHES[name]()


def median(act: Callable[[], object], times: int = 5) -> float:
    """Seconds, the median of several runs after one that warms up."""
    act()
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def in_turns(ours: Callable[[], object], reference: Callable[[], object], times: int) -> tuple[float, float]:
    """The medians of both, run in turns, so that what else the machine does meets both alike."""
    ours(), reference()
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for act, seconds in zip((ours, reference), spent, strict=True):
            started = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - started)
    return statistics.median(spent[0]), statistics.median(spent[1])


def row(name: str, ours: float, reference: float | None, difference: float | None) -> dict[str, Any]:
    """One line of a benchmark; times in seconds."""
    return {
        "name": name,
        "ours": round(ours, 5),
        "reference": None if reference is None else round(reference, 5),
        "ratio": None if reference is None else round(reference / ours, 2),
        "difference": difference,
        "threads": torch.get_num_threads(),
    }


def render() -> list[dict[str, Any]]:
    """Seconds per image of each renderer at its worlds' own size."""
    from cirkit.worlds import birds, street, wardrobe
    from cirkit.worlds import render as shapes

    sizes = {"shapes, 64x64": shapes, "wardrobe, 64x64": wardrobe, "birds, 64x64": birds, "people, 128x48": street}
    return [
        row(f"render {name}, seconds per image", 1 / statistics.median(each.rate() for _ in range(3)), None, None)
        for name, each in sizes.items()
    ]


def train() -> list[dict[str, Any]]:
    """Seconds per training step (32 pairs of 64x64) of the rows of MAAF Table 1."""
    from cirkit.experiments import registry

    texts = ["make middle-left large sphere green"] * 32
    images = torch.randint(0, 255, (32, 3, 64, 64), dtype=torch.uint8)
    batch = Batch(query=Query(image=images, text=texts), target=images.flip(0))
    rows = []
    for name in ("tirg", "maaf_softmax", "maaf_identity"):
        training = registry.experiment(f"maaf/css/{name}", "cpu").training
        model = training.model(texts).train()
        optimiser = training.optimiser(model)

        def step(model=model, training=training, optimiser=optimiser) -> None:
            loss = training.objective(model, batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

        rows.append(row(f"{name}, seconds per step", median(step, times=15), None, None))
    return rows


def evaluate() -> list[dict[str, Any]]:
    """From features to ranks, beside a plain sort and the released evaluations, at the sizes of the originals."""
    from cirkit.timing import evaluate, evaluate_artemis

    return [*evaluate.rows(), evaluate_artemis.row()]


def features() -> list[dict[str, Any]]:
    """Features of photos on disk, beside the bare encoder on decoded ones and beside decoding each batch when due."""
    from cirkit.timing import features

    return features.rows()


SAID = "is solid green and has long sleeves with two small white buttons"  # 12 words


@dataclass(frozen=True, kw_only=True)
class Match:
    """A size at which our MAAF meets the plain one. `model` is made of the released parts, see the errata.

    `maps` gives the reference its picture encoder; with `optimiser` None, training steps are left out.
    """

    name: str
    model: Callable[[Sequence[str]], MAAF]
    maps: Maps
    pixels: int  # 1 where the maps are given
    batch: int = 32
    optimiser: Callable[[torch.nn.Module], torch.optim.Optimizer] | None = None
    times: int = 5


def matches() -> list[Match]:
    """The declared `cpu` row; the paper's fusion, over given maps; the paper's whole model, encoding a gallery."""
    from cirkit.declare import describe, rebuild
    from cirkit.experiments import registry
    from cirkit.experiments.cost import untrained

    small, large = (registry.experiment("maaf/fashioniq/released", scale).training.model for scale in ("cpu", "paper"))
    fusion = partial(
        MAAF, image=GivenResNet, text=partial(LSTM, head=dropout_linear), norm=UnbiasedLayerNorm, pool=half_text
    )
    large = rebuild(untrained(describe(large)))
    return [
        Match(name="48 pixels, width 64", model=small, maps=SmallMaps, pixels=48, optimiser=adamw(), times=25),
        Match(name="245 + 12 tokens, width 512", model=fusion, maps=given_maps, pixels=1, optimiser=sgd(), times=3),
        Match(name="ResNet50, 224 pixels", model=large, maps=ResNetMaps, pixels=224, batch=8),
    ]


def maaf(sizes: Sequence[Match] | None = None) -> list[dict[str, Any]]:
    """Training steps and gallery encoding of MAAF beside the released arithmetic written out, by size.

    Both have the same weights; `difference` is between their outputs in evaluation mode.
    """
    return [found for size in (matches() if sizes is None else sizes) for found in _match(size)]


def _match(size: Match) -> list[dict[str, Any]]:
    from cirkit.evaluators import ranking

    texts = [" ".join(SAID.split()[: 12 - place % 6]) for place in range(size.batch)]
    torch.manual_seed(0)
    ours = size.model(texts).eval()
    plain = PlainMAAF(ours, size.maps).eval()
    images = torch.randint(0, 256, (size.batch, 3, size.pixels, size.pixels), dtype=torch.uint8)
    batch = Batch(query=Query(image=images, text=texts), target=images.flip(0))

    def gallery() -> Tensor:
        return ranking.encode(ours, images)

    def plain_gallery() -> Tensor:
        return plain.gallery(images)

    difference = (gallery() - plain_gallery()).abs().max().item()
    name = f"{size.name}: gallery of {size.batch}, seconds"
    rows = [row(name, *in_turns(gallery, plain_gallery, size.times), difference)]
    if size.optimiser is None:
        return rows
    with torch.no_grad():
        difference = (ours.compose(batch.query) - plain.compose(images, texts)).abs().max().item()
    objective = objectives.ranking(batch_softmax)
    ours_step = _step(ours.train(), size.optimiser, lambda: objective(ours, batch))
    plain_step = _step(plain.train(), size.optimiser, lambda: plain.loss(images, texts, batch.target))
    name = f"{size.name}: step of {size.batch}, seconds"
    return [row(name, *in_turns(ours_step, plain_step, size.times), difference), *rows]


def _step(
    model: torch.nn.Module, optimiser: Callable[[torch.nn.Module], torch.optim.Optimizer], loss: Callable[[], Tensor]
) -> Callable[[], None]:
    made = optimiser(model)

    def step() -> None:
        made.zero_grad(set_to_none=True)
        loss().backward()
        made.step()

    return step


def publish() -> list[dict[str, Any]]:
    """Seconds per picture of publishing every world at `cpu` scale, against the 1/100 s asked of it; minutes in all."""
    import tempfile
    from pathlib import Path

    from cirkit.worlds import catalogue

    rows = []
    for name in catalogue.WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / name
            started = time.perf_counter()
            catalogue.publish(name, root, "cpu")
            spent = time.perf_counter() - started
            pictures = sum(path.suffix in (".png", ".jpg", ".jpeg") for path in root.rglob("*"))
            rows.append(row(f"{name}: {pictures} pictures, seconds per picture", spent / pictures, 1 / 100, None))
            started = time.perf_counter()
            catalogue.publish(name, root, "cpu")
            rows.append(row(f"{name}: a second call, seconds", time.perf_counter() - started, 1.0, None))
    return rows


def scan() -> list[dict[str, Any]]:
    """All similarities of SCAN at a small size, beside a loop over captions and beside the bare matrix products."""
    from cirkit.timing import scan

    return scan.rows()


def scan_full() -> list[dict[str, Any]]:
    """The same for 100 images of 36 regions and 500 captions, 1,024 wide."""
    from cirkit.timing import scan

    return scan.rows(scan.SIZES["full"])


def scan_prefilter() -> list[dict[str, Any]]:
    """A hundred of 5,000 images for each of 5,000 captions, found by pooled vectors, beside the loop over all pairs."""
    from cirkit.timing import scan

    return scan.prefiltered()


def compodiff() -> list[dict[str, Any]]:
    """CompoDiff's sampler beside the released way of computing it, one query and sixteen at once; and a student."""
    from cirkit.timing import compodiff

    return compodiff.rows()


def fusion() -> list[dict[str, Any]]:
    """A step of PVLF from cached tokens beside one through frozen towers, and fused attention, over the world CLIP."""
    from cirkit.timing import fusion

    return fusion.rows()


def fusion_full() -> list[dict[str, Any]]:
    """The same over a CLIP-L/14 with random weights."""
    from cirkit.timing import fusion

    return fusion.rows(fusion.SIZES["paper"])


def itself() -> list[dict[str, Any]]:
    """MARS by rows beside the full product, and both branches of ITSELF in one pass beside two."""
    from cirkit.timing import itself

    return itself.rows()


def itself_full() -> list[dict[str, Any]]:
    """The same, and the evaluation of 19,848 captions against as many images, with its memory."""
    from cirkit.timing import itself

    return itself.rows(itself.SIZES["full"])


def damsm() -> list[dict[str, Any]]:
    """DAMSM's word loss of a batch of 48 at once, beside a loop over captions; with and without gradients."""
    from cirkit.timing import damsm

    return damsm.rows()


def damsm_small() -> list[dict[str, Any]]:
    """The same at the `cpu` scale: 64 sub-regions, 64 wide, in place of 289 and 256."""
    from cirkit.timing import damsm

    return damsm.rows(damsm.SIZES["small"])


BENCHES = {
    "render": render,
    "train": train,
    "evaluate": evaluate,
    "features": features,
    "maaf": maaf,
    "publish": publish,
    "scan": scan,
    "scan-full": scan_full,
    "scan-prefilter": scan_prefilter,
    "compodiff": compodiff,
    "fusion": fusion,
    "fusion-full": fusion_full,
    "itself": itself,
    "itself-full": itself_full,
    "damsm": damsm,
    "damsm-small": damsm_small,
}
