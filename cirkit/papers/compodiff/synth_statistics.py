"""Statistics of synthetic triplets: how many there are, what the filters leave, how long captions and instructions are.

CompoDiff Table 1 and Figures 7 and 8. Lengths are in pieces of CLIP's tokenizer, without those of start and end; of the
benchmarks' own files they are committed as counts, with the files they were counted in.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib import rc_context
from matplotlib.figure import Figure

from cirkit.benchmarks.synth_triplets import Triplet, as_given
from cirkit.compat import ensure_torchvision
from cirkit.declare import fingerprint
from cirkit.experiments import experiment
from cirkit.figures.display import Display
from cirkit.figures.plots import COLOURS, STYLE
from cirkit.figures.reported import lines_of
from cirkit.figures.tables import styled
from cirkit.papers.compodiff.diffusion_settings import TRIPLETS
from cirkit.papers.compodiff.synth_pipelines import pipeline
from cirkit.worlds import circo, cirr, fashioniq, genecis, synth_triplets

LONGEST = 60  # pieces, and above: the last of Figure 8
FILTERS = {  # by the name in a pipeline's counts: what the page calls it
    "pass: image pair": "images alike (0.70)",
    "pass: captions": "image and own caption (0.20, both)",
    "pass: direction": "direction (0.20)",
    "pass: keywords": "image and keyword (0.20, both)",
    "pass: instruction": "target image and instruction (0.20)",
}


@lru_cache(maxsize=1)
def pieces() -> Callable[[str], int]:
    """The number of CLIP's pieces of a text."""
    ensure_torchvision()
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    return lambda text: len(tokenizer.encode(text))


def histogram(texts: Sequence[str]) -> Int[np.ndarray, " n"]:
    """How many texts have 0, 1, ... pieces, up to `LONGEST` and above."""
    count = pieces()
    lengths = Counter(texts)
    found = np.zeros(LONGEST + 1, np.int64)
    for text, times in lengths.items():
        found[min(count(text), LONGEST)] += times
    return found


def at_most(counts: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The percentage of texts that have at most 0, 1, ... pieces."""
    return 100 * counts.cumsum() / counts.sum()


def instructions(scale: str) -> dict[str, list[str]]:
    """The modification texts of synthetic data, by the benchmark whose counterpart they are; nothing is rendered."""
    shelves = [shelf for (_, split), shelf in fashioniq.world(fashioniq.SIZES[scale]).items() if split == "val"]
    return {
        "FashionIQ": [text for shelf in shelves for both in shelf.captions for text in both],
        "CIRR": [str(pair.statement) for pair in cirr.world(cirr.SIZES[scale], "val").pairs],
        "CIRCO": [str(one.statement) for each in circo.world(circo.SIZES[scale])[1].values() for one in each],
        "GeneCIS": [one["condition"] for task in genecis.records(genecis.SIZES[scale]).values() for one in task],
    }


def triplets(scale: str) -> list[Triplet]:
    """The synthetic triplets that CompoDiff's rows learn from, without their images."""
    found = []
    for pair in synth_triplets.world(TRIPLETS[scale]):
        told = synth_triplets.instruction(pair) if pair.keyless else None
        keywords = (None, None) if pair.keyless else (pair.source, pair.target)
        found.append(Triplet("", "", told, *keywords, *map(synth_triplets.caption, pair.frames)))
    return found


def counted() -> dict[str, Int[np.ndarray, " n"]]:
    """The histograms of the benchmarks' own files."""
    path, found = experiment.ROOT / "data" / "reported" / "instruction_lengths.csv", {}
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            counts = found.setdefault(line["benchmark"], np.zeros(LONGEST + 1, np.int64))
            counts[min(int(line["pieces"]), LONGEST)] += int(line["instructions"])
    return found


def numbers(scale: str) -> Display:
    """Table 1: what the paper reports of two sets, and the synthetic data's own numbers."""
    held, lines = triplets(scale), lines_of("synth_triplets", "Table 1")
    keyed = [each for each in held if each.source_keyword is not None]
    terms = {word for each in keyed for word in (each.source_keyword, each.target_keyword)}
    ours = {
        "Unique object terms": len(terms),
        "Triplets with images, by keywords": len(keyed),
        "Triplets with images, by a language model": len(held) - len(keyed),
        "Triplets with images, in all": len(held),
    }
    frame = pd.DataFrame({"number of": list(dict.fromkeys(line["row"] for line in lines))})
    for name in ("IP2P", "SynthTriplets18M"):
        own = {line["row"]: line["as_printed"] for line in lines if line["dataset"] == name}
        frame[f"{name} (reported)"] = frame["number of"].map(own)
    frame["synthetic data"] = [f"{ours[row]:,}" if row in ours else "–" for row in frame["number of"]]
    caption = (
        "Sizes that the paper reports, and those of the synthetic counterpart: its scenes are drawn and not filtered, "
        "and its instructions without keywords follow one pattern where the paper has a language model write them."
    )
    return Display(styled(frame), "Table 1", caption)


def filters(scale: str) -> Display:
    """What each filter of section 4.4 lets pass, from the committed run of the pipeline by keywords."""
    path = experiment.ROOT / "data" / "synthesis" / f"keywords-{scale}.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if content.get("configuration") != fingerprint(pipeline("keywords", scale)):
        words = (
            f"<p>There is no run of today's pipeline: <code>cirkit synth make --root FOLDER --scale {scale}</code>.</p>"
        )
        return Display(words, "Table 1.1", "Not run.")
    counts = content["counts"]
    pairs = counts["image pairs"]
    passed = [(label, counts[name]) for name, label in FILTERS.items()] + [("all of them", counts["kept"])]
    rows = [(label, number, f"{100 * number / pairs:.1f}") for label, number in passed]
    frame = pd.DataFrame(rows, columns=["filter (least cosine)", "image pairs that pass", "of all, %"])
    caption = (
        f"{pairs:,} image pairs painted for {counts['caption triplets']:,} caption triplets (more where the "
        "first does not pass), and how many pass each filter by itself. The route is that of keywords, to which the "
        "instruction's filter does not apply."
    )
    return Display(styled(frame), "Table 1.1", caption)


def caption_lengths(scale: str) -> Display:
    """Figure 7: the share of captions with at most so many pieces."""
    held = triplets(scale)
    counts = histogram([text for each in held for text in (each.reference_caption, each.target_caption)])
    with rc_context(STYLE):
        figure = Figure(figsize=(6, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot(at_most(counts)[:41], color=COLOURS[0])
        axes.set(xlabel="pieces of CLIP's tokenizer, at most", ylabel="captions, %", ylim=(0, 101))
    lines = lines_of("synth_triplets", "Figure 7")
    theirs = "; ".join(f"{line['measure']}: {line['as_printed']}" for line in lines)
    caption = f"{2 * len(held):,} captions of the synthetic data by their length. The paper reports {theirs}."
    alt = "A curve that rises to 100 % as captions may have more pieces."
    return Display(figure, "Figure 7", caption, alt=alt)


def instruction_lengths(scale: str) -> Display:
    """Figure 8: the lengths of instructions, in the benchmarks' own files and in their synthetic counterparts."""
    theirs = counted()
    ours = {name: histogram(texts) for name, texts in instructions(scale).items()}
    ours["SynthTriplets18M"] = histogram([as_given(each, row) for row, each in enumerate(triplets(scale))])
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        panels = figure.subplots(2, 3, sharex=True, sharey=True).flatten()
        for axes, (name, counts) in zip(panels, ours.items(), strict=False):
            axes.plot(at_most(counts)[:41], color=COLOURS[0], label="synthetic data")
            if name in theirs:
                axes.plot(at_most(theirs[name])[:41], color=COLOURS[1], ls="--", label="original files")
            axes.set_title(name, fontsize=9)
        panels[0].legend(fontsize=8, loc="lower right")
        panels[-1].set_visible(False)
        figure.supxlabel("pieces of CLIP's tokenizer, at most", fontsize=9)
        figure.supylabel("instructions, %", fontsize=9)
    caption = (
        "Instructions by their length: of the benchmarks' own files (dashed; "
        f"{_sizes(theirs)}) and of the synthetic data (solid; {_sizes(ours)}). The files of SynthTriplets18M were not "
        "to be had."
    )
    alt = "Five panels with a rising curve for each set of instructions, and a second one for the original files."
    return Display(figure, "Figure 8", caption, alt=alt)


def _sizes(counts: Mapping[str, Int[np.ndarray, " n"]]) -> str:
    return ", ".join(f"{name} {each.sum():,}" for name, each in counts.items())
